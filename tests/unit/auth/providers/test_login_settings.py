"""Half a registration is refused at start; a provider without one is not on offer."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from services.auth.providers.build import build_providers
from services.auth.providers.port import LoginAttempt
from services.auth.providers.wechat_push import parse_aes_key
from shared.kernel.clock import utc_now
from shared.kernel.login_settings import NEEDS
from shared.kernel.personal import Secret
from shared.kernel.settings import AuthSettings, LoginSettings, load


def test_without_registrations_nothing_is_on_offer() -> None:
    """A guest needs none."""
    assert build_providers(LoginSettings(), utc_now) == {}


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_half_a_registration_is_refused_and_the_line_names_what_is_missing(name: str) -> None:
    """Before the first person tries it."""
    with pytest.raises(ValidationError) as caught:
        LoginSettings(**{name: "x"})  # type: ignore[arg-type]
    assert NEEDS[name][0] in str(caught.value)


def test_a_wrong_combination_ends_the_process_with_a_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a traceback, although no single variable is wrong."""
    monkeypatch.setenv("POCKETID_LOGIN_WEIBO_APP_ID", "1")
    with pytest.raises(SystemExit) as caught:
        load(LoginSettings)
    assert "login_weibo_app_secret" in str(caught.value)


def test_in_production_no_provider_is_called_in_the_clear() -> None:
    """A stand-in is a setting, but not there."""
    with pytest.raises(ValidationError):
        LoginSettings(login_qq_base_url="http://127.0.0.1:8090/qq")
    LoginSettings(profile="local", login_qq_base_url="http://127.0.0.1:8090/qq")


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "http://app.example/back", "myapp:/back", "hms://back", "cn.example.app", "/back"],
)
def test_an_address_that_no_login_may_lead_back_to_is_refused_at_start(address: str) -> None:
    """In the clear, or by a scheme that any app may have; ``https`` and an app's own domain are fine."""
    with pytest.raises(ValidationError):
        LoginSettings(login_redirect_uris=f"https://app.example/back {address}")
    assert LoginSettings(login_redirect_uris="https://app.example/back cn.pocketid.app:/back")


def test_secrets_of_providers_do_not_print() -> None:
    """Nor do they make the process's repr worth stealing."""
    settings = LoginSettings(login_weibo_app_id="1", login_weibo_app_secret="hidden")  # type: ignore[arg-type]
    assert "hidden" not in repr(settings)
    assert issubclass(AuthSettings, LoginSettings)


@pytest.mark.parametrize("broken", ["not base64!", "AAAA"])
def test_a_key_that_is_none_ends_the_process_with_a_clear_line(broken: str) -> None:
    """It names the provider and not the key."""
    keys: dict[str, Any] = {"login_apple_team_id": "T", "login_apple_key_id": "K", "login_apple_private_key": broken}
    with pytest.raises(SystemExit) as caught:
        build_providers(LoginSettings(login_apple_bundle_id="b", **keys), utc_now)
    assert "apple" in str(caught.value)
    assert broken not in str(caught.value)


def test_another_providers_name_is_taken() -> None:
    """Two providers cannot share one."""
    with pytest.raises(ValidationError):
        LoginSettings(login_oidc_name="wechat")


def test_a_push_key_has_forty_three_letters() -> None:
    """32 bytes."""
    assert len(parse_aes_key("A" * 43).reveal()) == 32
    with pytest.raises(ValueError):
        parse_aes_key("A" * 42)


def test_the_real_addresses_are_the_defaults() -> None:
    """Pointing at a stand-in is the exception."""
    settings = LoginSettings(login_weibo_app_id="1", login_weibo_app_secret="s")  # type: ignore[arg-type]
    weibo = build_providers(settings, utc_now)["weibo"]
    url = weibo.start(LoginAttempt("web", "s", Secret("n"), redirect_uri="https://a.example/")).url
    assert url is not None
    assert url.startswith("https://api.weibo.com/oauth2/authorize?")
