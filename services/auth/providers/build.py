"""Builds the login providers that are on offer from the settings."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import SecretStr

from services.auth.providers.adapter import App
from services.auth.providers.alipay import AlipayKeys, AlipayLogin, AlipayPlace
from services.auth.providers.apple import AppleLogin, AppleTeam
from services.auth.providers.calling import Caller, Patience
from services.auth.providers.huawei import HuaweiLogin, HuaweiPlace
from services.auth.providers.key_texts import ec_private_key, rsa_private_key, rsa_public_key
from services.auth.providers.oidc import OidcLogin, OidcRegistration
from services.auth.providers.port import PLATFORMS, LoginProvider, Platform
from services.auth.providers.qq import QQLogin
from services.auth.providers.wechat import WeChatAddresses, WeChatLogin
from services.auth.providers.wechat_push import PushKeys, parse_aes_key
from services.auth.providers.weibo import WeiboLogin
from shared.kernel.clock import Clock
from shared.kernel.personal import Secret
from shared.kernel.settings import LoginSettings

Builder = Callable[[LoginSettings, Caller, Clock], LoginProvider]
MOBILE: tuple[Platform, ...] = ("android", "ios")


def build_providers(settings: LoginSettings, clock: Clock) -> dict[str, LoginProvider]:
    """Every provider with an app id, by name. Connects to nothing; ends the process with one line for a bad key."""
    patience = Patience(settings.login_connect_seconds, settings.login_read_seconds)
    providers: dict[str, LoginProvider] = {}
    for name, (present, build) in _builders(settings).items():
        if present:
            try:
                providers[name] = build(settings, Caller(name, patience), clock)
            except ValueError as error:
                raise SystemExit(f"refused to start, a key of the login provider {name} is wrong: {error}") from None
    return providers


def _builders(settings: LoginSettings) -> dict[str, tuple[bool, Builder]]:
    return {
        "wechat": (bool(settings.login_wechat_app_id or settings.login_wechat_web_app_id), _wechat),
        "qq": (bool(settings.login_qq_app_id), _qq),
        "alipay": (bool(settings.login_alipay_app_id), _alipay),
        "apple": (bool(settings.login_apple_bundle_id or settings.login_apple_services_id), _apple),
        "weibo": (bool(settings.login_weibo_app_id), _weibo),
        "huawei": (bool(settings.login_huawei_app_id), _huawei),
        settings.login_oidc_name: (bool(settings.login_oidc_client_id), _oidc),
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


def _alipay(settings: LoginSettings, caller: Caller, clock: Clock) -> LoginProvider:
    place = AlipayPlace(
        settings.login_alipay_base_url, settings.login_alipay_authorize_url, settings.login_alipay_pid or ""
    )
    keys = AlipayKeys(
        rsa_private_key(_secret(settings.login_alipay_private_key)),
        rsa_public_key(settings.login_alipay_public_key or ""),
    )
    return AlipayLogin(settings.login_alipay_app_id or "", caller, place, keys, clock)


def _apple(settings: LoginSettings, caller: Caller, clock: Clock) -> LoginProvider:
    apps: dict[Platform, App] = {}
    if settings.login_apple_bundle_id:
        apps["ios"] = _app(settings.login_apple_bundle_id, None)
    if settings.login_apple_services_id:
        apps["web"] = apps["android"] = _app(settings.login_apple_services_id, None)
    team = AppleTeam(
        team_id=settings.login_apple_team_id or "",
        key_id=settings.login_apple_key_id or "",
        key=ec_private_key(_secret(settings.login_apple_private_key)),
        base_url=settings.login_apple_base_url,
        issuer=settings.login_apple_issuer,
    )
    return AppleLogin(apps, caller, team, settings.login_keys_refetch_seconds, clock)


def _weibo(settings: LoginSettings, caller: Caller, clock: Clock) -> LoginProvider:
    app = _app(settings.login_weibo_app_id, settings.login_weibo_app_secret)
    return WeiboLogin(dict.fromkeys(PLATFORMS, app), caller, settings.login_weibo_base_url)


def _huawei(settings: LoginSettings, caller: Caller, clock: Clock) -> LoginProvider:
    app = _app(settings.login_huawei_app_id, settings.login_huawei_app_secret)
    place = HuaweiPlace(settings.login_huawei_base_url, settings.login_huawei_api_url, settings.login_huawei_issuer)
    on = dict.fromkeys(PLATFORMS, app)
    return HuaweiLogin(on, caller, place, settings.login_keys_refetch_seconds, clock)


def _oidc(settings: LoginSettings, caller: Caller, clock: Clock) -> LoginProvider:
    registration = OidcRegistration(
        name=settings.login_oidc_name,
        issuer=settings.login_oidc_issuer or "",
        client_id=settings.login_oidc_client_id or "",
        secret=_secret(settings.login_oidc_client_secret),
        scopes=tuple(settings.login_oidc_scopes.split()),
        algorithm=settings.login_oidc_algorithm,
    )
    return OidcLogin(registration, caller, settings.login_keys_refetch_seconds, clock)


def _app(app_id: str | None, secret: SecretStr | None) -> App:
    return App(app_id or "", _secret(secret))


def _secret(value: SecretStr | None) -> Secret[str]:
    return Secret(value.get_secret_value() if value else "")
