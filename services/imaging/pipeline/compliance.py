"""What the finished photo measures against its spec: in the spec's own ratios, in pixels and in millimetres."""

from __future__ import annotations

from typing import Any

from services.imaging.pipeline import advice, clothes
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.encode import Encoded
from services.imaging.pipeline.geometry import Placement, place, ratios
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.sheet_order import SheetOrder
from services.imaging.specs.model import ALONG_WIDTH, BANDS, Spec, before_rendering

TOLERANCE = 0.0015
"""Less than a pixel of a 600 px photo."""
ENLARGED = 1.35
"""Enlarging the photo more than this shows."""
SIZE_ROOM = 2.0
"""Crop pixels that a frame may lack before the extension is mentioned."""
SEVERITY = {"pass": 0, "warn": 1, "fail": 2}
NOTICES = {"retouching"}
"""Warnings about what was not done: they leave the verdict as it is."""


def report(cutout: Cutout, order: RenderOrder, placement: Placement, encoded: Encoded) -> dict[str, Any]:
    """The compliance report: a verdict, every check with what was measured, and warnings in both languages."""
    checks = [*_bands(cutout, order.spec, placement), *_people(cutout, order.spec), *_pose(cutout, order.spec)]
    checks += [*_file(order, encoded), _background(order), *_clothes(cutout, order, placement)]
    verdicts = {check["verdict"] for check in checks}
    verdict = "fail" if "fail" in verdicts else "warn" if "warn" in verdicts else "pass"
    warnings = _warnings(cutout, order, placement)
    if verdict == "pass" and any(warning["id"] not in NOTICES for warning in warnings):
        verdict = "warn"
    shown: dict[str, Any] = {"verdict": verdict, "spec": order.spec.id, "checks": checks, "warnings": warnings}
    shown |= {"not_checked": [entry["id"] for entry in cutout.analysis.get("not_checked", [])]}
    if order.sheet is not None:
        shown["sheet"] = order.sheet.to_dict() | {"photos": _on_sheet(cutout, order.sheet)}
    return shown | {"model": cutout.analysis.get("model"), "encoding": _encoding(encoded)}


def _on_sheet(cutout: Cutout, sheet: SheetOrder) -> list[dict[str, Any]]:
    """How many photos of each spec, and whether their heads meet that spec's bands."""
    judged = []
    for entry, spec in zip(sheet.to_dict()["photos"], sheet.specs, strict=True):
        verdicts = {check["verdict"] for check in _bands(cutout, spec, place(cutout.head, spec))}
        verdicts |= {check["verdict"] for check in _people(cutout, spec)}
        judged.append(entry | {"verdict": "fail" if "fail" in verdicts else "warn" if "warn" in verdicts else "pass"})
    return judged


def _bands(cutout: Cutout, spec: Spec, placement: Placement) -> list[dict[str, Any]]:
    """Every band, for two people with the value of the one who is farther off (or larger, where both are fine)."""
    measured = [ratios(head, spec, placement.scale, placement.eye_row) for head in cutout.head.people]
    checks = []
    for name in BANDS:
        band, values = getattr(spec, name), [float(one[name]) for one in measured]
        value = max(values, key=lambda value: (SEVERITY[_fits(name, value, spec)], value))
        verdict = _fits(name, value, spec)
        threshold = band.to_dict() if band is not None else {}
        check = {"id": name, "value": round(value, 4), "unit": "ratio", "threshold": threshold, "verdict": verdict}
        check |= _absolute(name, value, spec)
        if verdict != "pass":
            check["advice"] = advice.for_check("eyes_width" if name == "eye_distance" else name)
        checks.append(check)
    return checks


def _fits(name: str, value: float, spec: Spec) -> str:
    """The verdict on one person's measure against a band of the spec."""
    band = getattr(spec, name)
    if band is None or band.holds(value, TOLERANCE):
        return "pass"
    if name == "top_margin" and spec.wins is not None and value < (band.low or 0):
        return "warn"  # the authority itself lets high hair be cropped, so that the rule that wins is kept
    return "fail"


def _absolute(name: str, value: float, spec: Spec) -> dict[str, Any]:
    """The same value in pixels (beside the band's own pixels) and in millimetres."""
    side = 0 if name in ALONG_WIDTH else 1
    shown: dict[str, Any] = {"px": round(value * spec.px[side], 1)}
    if getattr(spec, name) is not None:
        shown["threshold_px"] = spec.pixels(name)
    if spec.mm is not None:
        shown["mm"] = round(value * spec.mm[side], 2)
    return shown


def _people(cutout: Cutout, spec: Spec) -> list[dict[str, Any]]:
    """A spec that wants two people is not met by one, nor the other way round, whatever else is right."""
    found = len(cutout.faces)
    if spec.people == 1 and (found == 1 or spec.category == "custom"):
        return []
    check = {"id": "people", "value": found, "unit": "people", "threshold": {"min": spec.people, "max": spec.people}}
    if found == spec.people:
        return [check | {"verdict": "pass"}]
    return [check | _advised("fail", "people" if spec.people == 2 else "single_face")]


def _pose(cutout: Cutout, spec: Spec) -> list[dict[str, Any]]:
    """The head's angles where a spec limits them. Roll was taken out; turning and nodding cannot be."""
    pose = cutout.analysis.get("pose", {}) | {"roll": 0.0}
    checks = []
    for name, limit in spec.pose:
        if name in pose:
            verdict = "pass" if abs(pose[name]) <= limit else "warn"
            check = {"id": f"pose_{name}", "value": pose[name], "unit": "degrees", "threshold": {"max": limit}}
            checks.append(check | ({"verdict": "pass"} if verdict == "pass" else _advised(verdict, name)))
    return checks


def _file(order: RenderOrder, encoded: Encoded) -> list[dict[str, Any]]:
    if order.kb is None or order.sheet is not None:
        return []
    inside = order.kb.holds(encoded.kb, 0.01)
    check = {"id": "file_kb", "value": encoded.kb, "unit": "KB", "threshold": order.kb.to_dict()}
    checks = [check | {"verdict": "pass" if inside else "fail"}]
    least = order.spec.quality_min
    if least is not None and encoded.quality is not None:
        check = {"id": "jpeg_quality", "value": encoded.quality, "unit": "quality", "threshold": {"min": least}}
        fine = encoded.quality >= least
        checks.append(check | ({"verdict": "pass"} if fine else _advised("warn", "jpeg_quality")))
    return checks


def _advised(verdict: str, name: str) -> dict[str, Any]:
    return {"verdict": verdict, "advice": advice.for_check(name)}


def _background(order: RenderOrder) -> dict[str, Any]:
    background, allowed = order.background, order.spec.backgrounds
    fits = background.kind == "colour" and background.colours[0] in allowed
    free = order.spec.category in ("general", "custom")
    verdict = "pass" if fits or free else "warn"
    shown = background.colours[0] if background.kind == "colour" else background.kind
    check: dict[str, Any] = {
        "id": "background",
        "value": shown,
        "unit": "colour",
        "threshold": {"allowed": list(allowed)},
    }
    check["verdict"] = verdict
    if verdict != "pass":
        check["advice"] = advice.for_check("background")
    return check


def _clothes(cutout: Cutout, order: RenderOrder, placement: Placement) -> list[dict[str, Any]]:
    """Clothes against the ordered background; nothing where that cannot be said."""
    value = clothes.contrast(cutout, order, placement)
    if value is None:
        return []
    check = {"id": "clothes_contrast", "value": round(value, 1), "unit": "delta_e"}
    check |= {"threshold": {"min": clothes.CONTRAST_MIN}}
    fine = value >= clothes.CONTRAST_MIN
    return [check | ({"verdict": "pass"} if fine else _advised("warn", "clothes_on_background"))]


def _warnings(cutout: Cutout, order: RenderOrder, placement: Placement) -> list[dict[str, str]]:
    names = []
    if cutout.hair_cut:
        names.append("hair_inside")
    if _extended(cutout, order.spec, placement):
        names.append("shoulders_inside")
    if placement.scale > ENLARGED:
        names.append("resolution")
    if placement.scale > 1 and order.spec.upscaling == "forbidden":
        names.append("upscaling")
    objected = [check["id"] for check in cutout.analysis.get("checks", []) if _objected(check, order.spec)]
    # A wall that is no longer in the picture: the clothes were judged against what is there now.
    names += [name for name in objected if name != "clothes_contrast" or order.background.kind == "original"]
    kept = {"background_edit", "background_edit_forbidden"} if order.background.kind == "original" else set()
    kept |= {"people"} if len(cutout.faces) == order.spec.people else set()
    before = [warning for warning in before_rendering(order.spec) if warning["id"] not in kept]
    return [*before, *({"id": name, **advice.for_check(name)} for name in names)]


def _objected(check: dict[str, Any], spec: Spec) -> bool:
    """True for a check of the photo that did not pass, or that this spec holds to a stricter limit of its own."""
    least = spec.quality_min if check["id"] == "compression" else None
    return check["verdict"] != "pass" or (least is not None and check["value"] < least)


def _extended(cutout: Cutout, spec: Spec, placement: Placement) -> bool:
    """True when the frame goes on below the crop: what stands there was continued from its last row."""
    below = (spec.px[1] - placement.eye_row) / placement.scale
    return any(below - head.drop > head.room[3] + SIZE_ROOM for head in cutout.head.people)


def _encoding(encoded: Encoded) -> dict[str, Any]:
    shown = {"kb": encoded.kb, "quality": encoded.quality, "subsampling": encoded.subsampling}
    return {name: value for name, value in shown.items() if value is not None}
