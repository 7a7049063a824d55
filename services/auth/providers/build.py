"""Builds the login providers that are on offer from the settings."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import SecretStr

from services.auth.providers.adapter import App
from services.auth.providers.calling import Caller, Patience
from services.auth.providers.port import LoginProvider, Platform
from services.auth.providers.qq import QQLogin
from services.auth.providers.wechat import WeChatAddresses, WeChatLogin
from services.auth.providers.wechat_push import PushKeys, parse_aes_key
from shared.kernel.clock import Clock
from shared.kernel.personal import Secret
from shared.kernel.settings import LoginSettings

Builder = Callable[[LoginSettings, Caller, Clock], LoginProvider]
MOBILE: tuple[Platform, ...] = ("android", "ios")


def build_providers(settings: LoginSettings, clock: Clock) -> dict[str, LoginProvider]:
    """Every provider with an app id, by name. Connects to nothing."""
    patience = Patience(settings.login_connect_seconds, settings.login_read_seconds)
    return {
        name: build(settings, Caller(name, patience), clock)
        for name, (present, build) in _builders(settings).items()
        if present
    }


def _builders(settings: LoginSettings) -> dict[str, tuple[bool, Builder]]:
    return {
        "wechat": (bool(settings.login_wechat_app_id or settings.login_wechat_web_app_id), _wechat),
        "qq": (bool(settings.login_qq_app_id), _qq),
    }


def _wechat(settings: LoginSettings, caller: Caller, clock: Clock) -> LoginProvider:
    apps: dict[Platform, App] = {}
    if settings.login_wechat_app_id:
        apps |= dict.fromkeys(MOBILE, _app(settings.login_wechat_app_id, settings.login_wechat_app_secret))
    if settings.login_wechat_web_app_id:
        apps["web"] = _app(settings.login_wechat_web_app_id, settings.login_wechat_web_app_secret)
    push_keys = None
    if settings.login_wechat_push_token:
        key = settings.login_wechat_push_key
        aes_key = parse_aes_key(key.get_secret_value()) if key else None
        push_keys = PushKeys(_secret(settings.login_wechat_push_token), aes_key)
    addresses = WeChatAddresses(settings.login_wechat_base_url, settings.login_wechat_authorize_url)
    return WeChatLogin(apps, caller, addresses, push_keys, clock)


def _qq(settings: LoginSettings, caller: Caller, clock: Clock) -> LoginProvider:
    shared_app = _app(settings.login_qq_app_id, settings.login_qq_app_secret)
    apps: dict[Platform, App] = {"android": shared_app, "ios": shared_app, "web": shared_app}
    if settings.login_qq_ios_app_id:
        apps["ios"] = _app(settings.login_qq_ios_app_id, settings.login_qq_ios_app_secret)
    return QQLogin(apps, caller, settings.login_qq_base_url)


def _app(app_id: str | None, secret: SecretStr | None) -> App:
    return App(app_id or "", _secret(secret))


def _secret(value: SecretStr | None) -> Secret[str]:
    return Secret(value.get_secret_value() if value else "")
