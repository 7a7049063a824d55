"""What the finished photo measures against its spec: in the spec's own ratios, in pixels and in millimetres."""

from __future__ import annotations

from typing import Any

from services.imaging.pipeline import advice
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.encode import Encoded
from services.imaging.pipeline.geometry import Placement, ratios
from services.imaging.pipeline.order import RenderOrder
from services.imaging.specs.model import BANDS, Spec

TOLERANCE = 0.0015
"""Less than a pixel of a 600 px photo."""
ALONG_WIDTH = {"head_width", "eye_distance"}
ENLARGED = 1.35
"""Enlarging the photo more than this shows."""
SIZE_ROOM = 2.0
"""Crop pixels that a frame may lack before the extension is mentioned."""


def report(cutout: Cutout, order: RenderOrder, placement: Placement, encoded: Encoded) -> dict[str, Any]:
    """The compliance report: a verdict, every check with what was measured, and warnings in both languages."""
    checks = [*_bands(cutout, order.spec, placement), *_file(order, encoded), _background(order)]
    verdicts = {check["verdict"] for check in checks}
    verdict = "fail" if "fail" in verdicts else "warn" if "warn" in verdicts else "pass"
    warnings = _warnings(cutout, order, placement)
    if warnings and verdict == "pass":
        verdict = "warn"
    shown = {"verdict": verdict, "spec": order.spec.id, "checks": checks, "warnings": warnings}
    return shown | {"model": cutout.analysis.get("model"), "encoding": _encoding(encoded)}


def _bands(cutout: Cutout, spec: Spec, placement: Placement) -> list[dict[str, Any]]:
    measured = ratios(cutout.head, spec, placement.scale, placement.eye_row)
    checks = []
    for name in BANDS:
        band, value = getattr(spec, name), float(measured[name])
        verdict = "pass" if band is None or band.holds(value, TOLERANCE) else "fail"
        threshold = band.to_dict() if band is not None else {}
        check = {"id": name, "value": round(value, 4), "unit": "ratio", "threshold": threshold, "verdict": verdict}
        check |= _absolute(name, value, spec)
        if verdict != "pass":
            check["advice"] = advice.for_check("eyes_width" if name == "eye_distance" else name)
        checks.append(check)
    return checks


def _absolute(name: str, value: float, spec: Spec) -> dict[str, float]:
    side = 0 if name in ALONG_WIDTH else 1
    shown = {"px": round(value * spec.px[side], 1)}
    if spec.mm is not None:
        shown["mm"] = round(value * spec.mm[side], 2)
    return shown


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


def _warnings(cutout: Cutout, order: RenderOrder, placement: Placement) -> list[dict[str, str]]:
    names = []
    if cutout.hair_cut:
        names.append("hair_inside")
    if _extended(cutout, order.spec, placement):
        names.append("shoulders_inside")
    if placement.scale > ENLARGED:
        names.append("resolution")
    if order.spec.background_edit != "allowed" and order.background.kind != "original":
        names.append("background_edit")
    names += [check["id"] for check in cutout.analysis.get("checks", []) if check["verdict"] != "pass"]
    return [{"id": name, **advice.for_check(name)} for name in names]


def _extended(cutout: Cutout, spec: Spec, placement: Placement) -> bool:
    """True when the frame goes on below the crop: what stands there was continued from its last row."""
    below = (spec.px[1] - placement.eye_row) / placement.scale
    return below > cutout.head.room[3] + SIZE_ROOM


def _encoding(encoded: Encoded) -> dict[str, Any]:
    shown = {"kb": encoded.kb, "quality": encoded.quality, "subsampling": encoded.subsampling}
    return {name: value for name, value in shown.items() if value is not None}
