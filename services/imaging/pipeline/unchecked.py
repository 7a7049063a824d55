"""What an office may object to and nobody here has looked at: said in every report, so that a pass is not taken for more."""

from __future__ import annotations

from collections.abc import Iterable

NEVER: dict[str, tuple[str, str]] = {
    "expression": (
        "只检查嘴是否张开；微笑、皱眉、挑眉无法可靠判断，请自行确认表情自然",
        "Only an open mouth is looked for: a smile with closed lips, a frown or raised brows cannot be told reliably",
    ),
    "gaze": (
        "无法可靠判断视线方向，请自行确认双眼直视镜头",
        "Where the eyes look cannot be told reliably: see for yourself that they look into the camera",
    ),
    "head_covering": (
        "无法区分帽子与头发，请自行确认没有戴帽子、头巾",
        "A hat cannot be told from hair: see for yourself that nothing covers the head",
    ),
    "glasses": (
        "只检查镜片反光；是否戴眼镜、镜框是否遮住眼睛请自行确认",
        "Only reflections are looked for: see for yourself whether glasses are allowed and clear of the eyes",
    ),
    "skin_before_face": (
        "无法区分手与脸部皮肤、肤色口罩与皮肤，请自行确认没有遮挡",
        "A hand, or a mask of the skin's own colour, cannot be told from skin: see for yourself that nothing is in front",
    ),
    "ears_and_brows": (
        "无法判断耳朵和眉毛是否露出，请自行确认",
        "Whether ears and brows are uncovered cannot be told: see for yourself",
    ),
    "uniform": (
        "无法识别制服，请自行确认着装符合要求",
        "A uniform is not recognised: see for yourself that the clothes are allowed",
    ),
    "distortion": (
        "无法判断镜头是否太近造成变形，请在一米以外拍摄",
        "Distortion by a camera held too close cannot be told: take the photo from more than a metre away",
    ),
    "recency_and_editing": (
        "无法判断拍摄时间、是否本人、照片是否修饰过",
        "When the photo was taken, of whom, and whether it was edited before cannot be told",
    ),
}
"""Id to what to say, in Chinese and English. Two that were tried, on 16 faces of 13 people:

``expression``: how far the mouth's corners lie above its middle, in the head's own frame, over the eye distance. Seven
neutral faces gave -0.02 to 0.02, two smiles with teeth 0.08 and 0.11 (``mouth_closed`` warns of those), three other smiles
-0.01 to 0.02; a closed mouth whose corners were pulled up until anybody saw the smile gave 0.03.

``gaze``: where between the eye's corners the darkest quarter of its opening lies. Seven faces that look into the camera gave
-0.08 to 0.03 of the eye's width (ten degrees to the side are about 0.07); of five that look elsewhere, three lay near them."""

SOMETIMES: dict[str, tuple[str, str]] = {
    "compression": (
        "此文件格式不含压缩质量信息",
        "A file of this format does not say how strongly it was compressed",
    ),
}
"""Checks that not every photo allows."""


def beside(measured: Iterable[str]) -> list[dict[str, str]]:
    """What was not checked of a photo of which these checks were ``measured``: ``id``, ``zh``, ``en``."""
    done = set(measured)
    missing = NEVER | {name: why for name, why in SOMETIMES.items() if name not in done}
    return [{"id": name, "zh": zh, "en": en} for name, (zh, en) in missing.items()]
