"""What may be ordered: everything else is refused before a pixel is touched."""

from __future__ import annotations

from typing import Any

import pytest

from services.imaging.pipeline.order import Background, RenderOrder, parse_background
from shared.kernel.errors import Code, PocketError


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, Code.BAD_REQUEST),
        ({"spec": "no-such-spec"}, Code.UNKNOWN_SPEC),
        ({"spec": 7}, Code.BAD_REQUEST),
        ({"spec": "one-inch", "width_mm": 25, "height_mm": 35}, Code.BAD_REQUEST),
        ({"width_mm": 25}, Code.BAD_REQUEST),
        ({"width_mm": 25, "height_px": 400}, Code.BAD_REQUEST),
        ({"width_px": 20, "height_px": 20}, Code.BAD_REQUEST),
        ({"width_px": 100, "height_px": 3000}, Code.BAD_REQUEST),
        ({"width_px": float("nan"), "height_px": 300}, Code.BAD_REQUEST),
        ({"spec": "one-inch", "background": "mauve-ish"}, Code.BAD_REQUEST),
        (
            {"spec": "one-inch", "background": {"gradient": "spiral", "from": "#000000", "to": "#FFFFFF"}},
            Code.BAD_REQUEST,
        ),
        ({"spec": "one-inch", "background": 5}, Code.BAD_REQUEST),
        ({"spec": "one-inch", "format": "gif"}, Code.BAD_REQUEST),
        ({"spec": "one-inch", "max_kb": 1}, Code.BAD_REQUEST),
        ({"spec": "one-inch", "max_kb": True}, Code.BAD_REQUEST),
        ({"spec": "one-inch", "dpi": 10}, Code.BAD_REQUEST),
        ({"spec": "one-inch", "sheet": "napkin"}, Code.BAD_REQUEST),
        ({"width_mm": 160, "height_mm": 200, "sheet": "six-inch"}, Code.BAD_REQUEST),
        ({"spec": "one-inch", "sheet": "a4", "background": "transparent"}, Code.BAD_REQUEST),
        ({"spec": "one-inch", "beautify": {"smoothing": 140}}, Code.BAD_REQUEST),
        ({"spec": "one-inch", "beautify": {"bigger_eyes": 20}}, Code.BAD_REQUEST),
        ({"spec": "us-visa", "beautify": {"smoothing": 20}}, Code.RETOUCH_FORBIDDEN),
        ({"spec": "one-inch", "colour": "blue"}, Code.BAD_REQUEST),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(body: dict[str, Any], code: Code) -> None:
    """Every wrong field is refused with its code before anything is drawn."""
    with pytest.raises(PocketError) as refused:
        RenderOrder.parse(body)
    assert refused.value.actual_code is code


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("blue", Background("colour", ("#438EDB",))),
        ("红", Background("colour", ("#FF0000",))),
        ("#a1b2c3", Background("colour", ("#A1B2C3",))),
        ("a1b2c3", Background("colour", ("#A1B2C3",))),
        ("vertical:blue:white", Background("vertical", ("#438EDB", "#FFFFFF"))),
        ({"gradient": "radial", "from": "white", "to": "#438edb"}, Background("radial", ("#FFFFFF", "#438EDB"))),
        ("original", Background("original")),
        ("transparent", Background("transparent")),
    ],
)
def test_a_background_may_be_said_in_many_ways(wanted: object, meant: Background) -> None:
    """Names in both languages, hexes in any case, gradients as text or as an object."""
    assert parse_background(wanted) == meant


def test_a_spec_brings_its_own_defaults() -> None:
    """Without wishes, the authority's first background, format, resolution and window of kilobytes hold."""
    order = RenderOrder.parse({"spec": "cn-id-card"})
    assert order.background == Background("colour", ("#FFFFFF",))
    assert (order.format, order.dpi) == ("jpeg", 350)
    assert order.kb is not None
    assert (order.kb.low, order.kb.high) == (14, 20)
    assert not order.beautify.wanted


def test_a_limit_below_the_specs_window_replaces_it() -> None:
    """A portal that wants 10 KB gets 10 KB; the spec's lower side, now impossible, is dropped."""
    order = RenderOrder.parse({"spec": "cn-id-card", "max_kb": 10})
    assert order.kb is not None
    assert (order.kb.low, order.kb.high) == (None, 10)


_DEEP: Any = []
for _ in range(900):
    _DEEP = [_DEEP]
ENDLESS = 10**400


@pytest.mark.parametrize(
    "value", [ENDLESS, -ENDLESS, 1e308, float("inf"), float("nan"), "\ud800", _DEEP, {"\ud800": 1}]
)
@pytest.mark.parametrize("name", ["dpi", "max_kb", "sheet", "beautify", "background", "spec", "format", "width_px"])
def test_a_value_that_no_computer_counts_with_is_refused_by_its_code(name: str, value: Any) -> None:
    """A worker trusts no door: in every field, and in every number of a sheet or of a retouching."""
    orders: list[dict[str, Any]] = [{"spec": "one-inch", name: value}]
    if name == "sheet":
        orders += [{"spec": "one-inch", "sheet": {"paper": "a4", part: value}} for part in ("dpi", "gap_mm", "count")]
        orders.append({"spec": "one-inch", "sheet": {"paper": "a4", "also": [{"spec": "two-inch", "count": value}]}})
        orders.append({"spec": "one-inch", "sheet": {"width_mm": value, "height_mm": 100}})
    if name == "beautify":
        orders.append({"spec": "one-inch", "beautify": {"smoothing": value}})
    if name == "width_px":
        orders.append({"width_px": value, "height_px": 400})
        orders.append({"width_mm": value, "height_mm": 40})
    for order in orders:
        with pytest.raises(PocketError) as refused:
            RenderOrder.parse(order)
        assert refused.value.http_status == 422
