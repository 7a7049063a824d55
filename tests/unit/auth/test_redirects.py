"""Logins in a browser lead back to where the operators said, and nowhere else: a code sent elsewhere is somebody's account."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.auth.domain.redirects import Redirects
from shared.kernel.errors import BadRequest, LoginFailed
from tests.unit.auth.logins import LoginWorld

BACK = "https://app.example/back"

NEAR = [
    "https://app.example/back/",
    "https://app.example/back?x=1",
    "https://app.example/back#x",
    "https://app.example/Back",
    "https://APP.example/back",
    "https://app.example:443/back",
    "http://app.example/back",
    "https://app.example.evil.example/back",
    "https://app.example@evil.example/back",
    "https://app.example/back/../evil",
    " https://app.example/back",
]


@pytest.fixture
def world() -> LoginWorld:
    world = LoginWorld()
    world.parts = replace(world.parts, redirects=Redirects(frozenset({BACK})))
    return world


def test_a_login_leads_back_to_a_listed_address(world: LoginWorld) -> None:
    """Or to none, for apps that need none."""
    assert world.begin(world.wechat, "web", BACK).state
    assert world.begin(world.wechat).state


@pytest.mark.parametrize("elsewhere", [*NEAR, "http://127.0.0.1/back", "javascript:alert(1)", "https://["])
def test_it_leads_nowhere_else(world: LoginWorld, elsewhere: str) -> None:
    """Not almost there either, neither when it begins nor when it ends; the provider is not asked."""
    with pytest.raises(BadRequest):
        world.begin(world.wechat, "web", elsewhere)
    with pytest.raises((BadRequest, LoginFailed)):
        world.sign_in(handed={"code": world.wechat.code_for("Ada"), "redirect_uri": elsewhere})
    assert not world.wechat.asked
    assert not world.work.state.subjects


def test_an_app_is_led_back_to_by_its_own_scheme_and_a_browser_is_not(world: LoginWorld) -> None:
    """A private-use scheme opens an app: on the web nobody claims it. It is compared to the letter, too."""
    scheme = "cn.pocketid.app:/back"
    world.parts = replace(world.parts, redirects=Redirects(frozenset({scheme})))
    for platform in ("android", "ios"):
        assert world.begin(world.wechat, platform, scheme).state
    for platform, address in (("web", scheme), ("ios", scheme + "/"), ("ios", "cn.pocketid:/back")):
        with pytest.raises(BadRequest) as refused:
            world.begin(world.wechat, platform, address)
        assert refused.value.public_extra == {"errors": [{"field": "redirect_uri", "reason": "not_listed"}]}


@pytest.mark.parametrize("own", ["http://127.0.0.1:5173/back", "http://localhost/", "https://[::1]:8443/x?y=z"])
def test_a_developers_machine_may_be_led_back_to_where_that_is_allowed(own: str) -> None:
    """Locally; in production nobody's own machine is listed."""
    Redirects(loopback=True).check(own)
    with pytest.raises(BadRequest):
        Redirects().check(own)


@pytest.mark.parametrize(
    "other",
    ["http://127.0.0.1.evil.example/", "http://localhost@evil.example/", "ftp://localhost/", "http://user@localhost/"],
)
def test_what_only_looks_like_it_is_refused(other: str) -> None:
    """A host is compared whole."""
    with pytest.raises(BadRequest):
        Redirects(loopback=True).check(other)
