"""What to tell a person about a check that did not pass, in Chinese and English, so that they can act on it."""

from __future__ import annotations

Texts = tuple[str, str]

ADVICE: dict[str, Texts] = {
    "single_face": ("请单独拍摄，画面里不要有其他人", "Be alone in the picture"),
    "nobody_else": ("画面里只能有两个人，请不要让别人入镜", "Only the two of you may be in the picture"),
    "side_by_side": (
        "两人离得太远，请肩并肩站近一些",
        "You stand too far apart: come closer, shoulder to shoulder",
    ),
    "eye_distance": ("请靠近一些，让脸占画面更大的部分", "Move closer, so that your face fills more of the picture"),
    "head_inside": (
        "请离远一些，把整个头和头发都拍进画面",
        "Move back, so that your whole head and hair are in the picture",
    ),
    "yaw": ("请正对镜头，不要侧脸", "Face the camera straight on, do not turn your head"),
    "pitch": ("请把镜头放在与眼睛同高处，不要抬头或低头", "Hold the camera at eye level; do not look up or down"),
    "roll": ("请把头摆正，双眼保持水平", "Hold your head upright, eyes level"),
    "eyes_open": ("请自然睁开双眼", "Keep both eyes open"),
    "mouth_closed": ("请自然闭上嘴，不要露齿笑", "Close your mouth; no smile that shows teeth"),
    "sharpness": ("请拿稳手机，擦净镜头，对焦在脸上", "Hold still, wipe the lens and focus on the face"),
    "brightness": ("请调整光线，让脸部亮度适中", "Change the light so that your face is neither dark nor glaring"),
    "over_exposure": ("请避开直射的强光", "Avoid strong direct light"),
    "under_exposure": ("请到明亮处，面向光源", "Find a brighter place and face the light"),
    "even_light": ("请面向光源，让左右脸亮度一致", "Face the light, so that both cheeks are equally bright"),
    "dynamic_range": ("请在光线充足处重拍，不要使用滤镜", "Retake in good light, without a filter"),
    "natural_colour": ("请在自然光下拍摄，避免彩色灯光", "Use natural light, no coloured lamps"),
    "matte": ("请换一个与衣服、头发颜色不同的背景重拍", "Retake in front of a background unlike your hair and clothes"),
    "in_colour": ("请上传彩色照片，不要用黑白照片或滤镜", "Use a colour photo, without a black-and-white filter"),
    "glasses_glare": (
        "请摘下眼镜，或稍微转动避开反光",
        "Take your glasses off, or tilt them until the reflection is gone",
    ),
    "red_eye": ("请关闭闪光灯重拍，避免红眼", "Turn the flash off, so that your eyes are not red"),
    "face_covered": (
        "请露出整张脸，摘下口罩、墨镜，拨开遮挡物",
        "Show your whole face: no mask, no dark glasses, nothing in front of it",
    ),
    "clothes_contrast": (
        "衣服与背景颜色太接近，请换件颜色不同的衣服",
        "Your clothes look like the wall behind you; wear another colour",
    ),
    "clothes_on_background": (
        "衣服与所选的背景颜色太接近，请换件颜色不同的衣服，或选择规格允许的其他背景色",
        "Your clothes look like the background you chose; wear another colour or choose another background",
    ),
    "plain_background": ("背景杂乱，请站在纯色墙面前重拍", "The background is busy; stand in front of a plain wall"),
    "compression": (
        "照片被压缩得太厉害，请用手机相机的原图，发送时勾选“原图”，不要用截图",
        "The photo was compressed too strongly: use the camera's own file, sent as the original, not a screenshot",
    ),
    "hair_inside": (
        "头顶头发超出画面，请离远一些重拍",
        "Your hair leaves the picture at the top; move back and retake",
    ),
    "shoulders_inside": (
        "肩膀超出画面，已自动延伸；离远一些效果更好",
        "Your shoulders leave the picture; they were extended",
    ),
    "resolution": (
        "原图偏小，成片会略模糊；请靠近一些重拍",
        "The photo is small for this size; move closer and retake",
    ),
    "head_height": ("头部大小无法符合规格，请离远一些并把肩膀拍进画面", "The head cannot be made to fit; move back"),
    "head_width": ("脸宽不在规格范围内", "The face's width is outside the spec's range"),
    "eye_line": ("眼睛高度不在规格范围内", "The eyes' height is outside the spec's range"),
    "top_margin": ("头顶留白不在规格范围内", "The space above the head is outside the spec's range"),
    "chin_margin": ("下巴以下留白不在规格范围内", "The space below the chin is outside the spec's range"),
    "eyes_width": ("双眼间距不在规格范围内", "The distance between the eyes is outside the spec's range"),
    "jpeg_quality": (
        "照片细节较多，为满足文件大小，压缩质量低于规格建议；换件素色衣服更好",
        "The photo has much detail: to meet the file size, JPEG quality went below the spec's; plain clothes help",
    ),
    "file_kb": ("文件大小不在规格范围内", "The file's size is outside the spec's range"),
    "background": ("此规格要求其他背景颜色", "This spec asks for another background"),
    "people": ("此规格是双人合影，成片只有一人", "This spec is a photo of two people; only one was placed"),
    "upscaling": (
        "原图偏小，而报名系统不接受放大的照片；请靠近一些重拍",
        "The photo is smaller than the spec, whose authority refuses enlarged photos; move closer and retake",
    ),
}


def for_check(check: str, value: float | None = None) -> dict[str, str]:
    """The advice for a check, ``zh`` and ``en``; a brightness below the middle asks for light, above it for less."""
    if check == "brightness" and value is not None:
        check = "under_exposure" if value < 0.5 else "over_exposure"
    zh, en = ADVICE.get(check, ("请按提示重拍", "Please retake the photo"))
    return {"zh": zh, "en": en}
