"""The page of the checks: what of a photo and of a finished file is measured, against what, and what is not."""

from __future__ import annotations

from scripts.message_docs import table
from services.imaging.pipeline import advice, clothes, pairs, unchecked
from services.imaging.pipeline.checks import RULES, Limits

MEANINGS = {
    "single_face": "the second largest face's area over the largest one's",
    "nobody_else": "the third largest face's area over that of either of the two",
    "side_by_side": "between the two faces, in face widths",
    "eye_distance": "between the eye centres, in the photo's own pixels",
    "head_inside": "part of the head (skull and ears estimated) that lies in the photo",
    "yaw": "head turned",
    "pitch": "head raised or lowered",
    "roll": "head tilted; it is set upright",
    "eyes_open": "the wider eye's lid distance over eyes to chin",
    "mouth_closed": "distance of the inner lips over eyes to chin",
    "sharpness": "variance of the Laplacian in the face at 60 px eye distance, corrected for brightness",
    "brightness": "mean of the face",
    "over_exposure": "part of the face at 247 and more of 255",
    "under_exposure": "part of the face at 25 and less of 255",
    "even_light": "common part of both cheeks' histograms",
    "dynamic_range": "entropy of the face's luminance",
    "natural_colour": "distance of the cheeks' a*, b* from natural skin",
    "in_colour": "mean chroma of the face",
    "glasses_glare": "part of the eyes' zones under reflections",
    "red_eye": "part of the worse pupil that shines red",
    "face_covered": "least distance of the a*, b* around both eyes, or from nose to chin, from the other skin's",
    "matte": "how surely the person was cut out",
    "clothes_contrast": "clothes against the wall in the photo",
    "plain_background": "mean gradient of the wall in the photo",
    "compression": "the file's own JPEG quality; JPEGs only; a spec's `quality_min` counts where it is stricter",
}
RENDERED = (
    ("head_height, head_width, eye_line, top_margin, chin_margin, eye_distance", "ratio, px, mm", "the spec's bands"),
    ("people", "people", "how many the spec wants"),
    ("pose_yaw, pose_pitch, pose_roll", "degrees", "the spec's, where it has any"),
    ("file_kb", "KB", "the spec's window"),
    ("jpeg_quality", "quality", "the spec's `quality_min`"),
    ("background", "colour", "the spec's colours"),
    ("clothes_contrast", "delta_e", f"at least {clothes.CONTRAST_MIN:g}, against the ordered background"),
)


def checks_page(head: str) -> str:
    """``docs/checks.md``, after the line that says it is generated."""
    pair = [("nobody_else", RULES["single_face"]), ("side_by_side", pairs.APART)]
    photo = [
        (
            f"`{name}`",
            MEANINGS[name],
            rule.unit,
            _limits(rule.limits),
            f"`{rule.code}`" if rule.code else "",
            *_advice(name),
        )
        for name, rule in (*RULES.items(), *pair)
    ]
    never = [(f"`{name}`", zh, en) for name, (zh, en) in (unchecked.NEVER | unchecked.SOMETIMES).items()]
    return (
        "\n\n".join(
            (
                "# Checks",
                head.strip(),
                "Every check says what it measured, in which unit, against which threshold, and its verdict; with advice in both\n"
                "languages where it did not pass. `pocketid check` and a photo's `analysis` show them. In a photo of two, each check is\n"
                "of the one who does worse; `nobody_else` and `side_by_side` are for two, `single_face` is for one.",
                "## Of the photo",
                table(
                    ("check", "measured", "unit", "threshold", "refuses with", "advice (zh)", "advice (en)"), photo
                ).strip(),
                "## Of the finished file\n\nIn a render's `compliance`.",
                table(
                    ("check", "unit", "threshold"), [(_ticked(ids), unit, limit) for ids, unit, limit in RENDERED]
                ).strip(),
                "## Not checked\n\nListed as `not_checked` in every analysis; the last ones only where the photo does not tell.",
                table(("what", "zh", "en"), never).strip(),
            )
        )
        + "\n"
    )


def _limits(limits: Limits) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in limits.to_dict().items())


def _advice(name: str) -> tuple[str, str]:
    said = advice.for_check(name)
    return said["zh"], said["en"]


def _ticked(ids: str) -> str:
    return ", ".join(f"`{name}`" for name in ids.split(", "))
