"""Every unsafe route of the gateway takes an ``Idempotency-Key``, and says so in its interface."""

from __future__ import annotations

import importlib
import json
import pkgutil
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

import services.gateway.routes as gateway_routes
from tests.architecture.sources import ROOT
from tests.unit.gateway.trials import TRIALS

HEADER = "Idempotency-Key"
SAFE = {"GET", "HEAD", "OPTIONS"}
WITHOUT = {
    "POST /v1/providers/{provider}/notices": "a provider's push, in the provider's own form: told apart by its id",
    "POST /v1/payments/alipay/notify": "Alipay's notice, in Alipay's own form: applied once by its trade's state",
}
"""Unsafe routes that no client of ours calls, each with what keeps their effect to one."""


def unsafe_routes() -> dict[str, APIRoute]:
    """Every unsafe route, by ``METHOD /path``."""
    modules = [
        importlib.import_module(f"services.gateway.routes.{m.name}")
        for m in pkgutil.iter_modules(gateway_routes.__path__)
    ]
    routes = [route for module in modules for route in module.router.routes if isinstance(route, APIRoute)]
    return {f"{method} {route.path}": route for route in routes for method in route.methods - SAFE}


def takes_the_header(dependant: Dependant) -> bool:
    own = {field.alias for field in dependant.header_params}
    return HEADER in own or any(takes_the_header(one) for one in dependant.dependencies)


@pytest.fixture(scope="module")
def interface() -> dict[str, Any]:
    paths: dict[str, Any] = json.loads((ROOT / "docs/openapi.json").read_text("utf-8"))["paths"]
    return paths


def test_every_unsafe_route_takes_the_header_or_is_listed_with_its_reason() -> None:
    """A new route that forgets it fails here; a row without a route is taken out."""
    without = {door for door, route in unsafe_routes().items() if not takes_the_header(route.dependant)}
    assert without == set(WITHOUT)


@pytest.mark.parametrize("door", sorted(set(unsafe_routes()) - set(WITHOUT)))
def test_the_interface_says_that_it_takes_the_header(door: str, interface: dict[str, Any]) -> None:
    """What a client is generated from."""
    method, path = door.split(" ", 1)
    parameters = interface[path][method.lower()]["parameters"]
    assert [one["in"] for one in parameters if one["name"] == HEADER] == ["header"]


def test_every_route_that_takes_it_is_tried_twice() -> None:
    """Taking a header is not yet heeding it: ``tests/unit/gateway/test_repeated_calls.py`` makes each of these calls again."""
    assert set(TRIALS) == set(unsafe_routes()) - set(WITHOUT)
