"""Our registrations at login providers. A provider without an app id is not on offer."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from shared.kernel.base_settings import Settings

NEEDS: dict[str, tuple[str, ...]] = {
    "login_wechat_app_id": ("login_wechat_app_secret",),
    "login_wechat_web_app_id": ("login_wechat_web_app_secret",),
    "login_wechat_push_key": ("login_wechat_push_token",),
    "login_qq_app_id": ("login_qq_app_secret",),
    "login_qq_ios_app_id": ("login_qq_ios_app_secret",),
    "login_alipay_app_id": ("login_alipay_pid", "login_alipay_private_key", "login_alipay_public_key"),
    "login_apple_bundle_id": ("login_apple_team_id", "login_apple_key_id", "login_apple_private_key"),
    "login_apple_services_id": ("login_apple_team_id", "login_apple_key_id", "login_apple_private_key"),
    "login_weibo_app_id": ("login_weibo_app_secret",),
    "login_huawei_app_id": ("login_huawei_app_secret",),
    "login_oidc_client_id": ("login_oidc_issuer",),
}
"""What a setting makes necessary: half a registration is refused at start."""

TAKEN_NAMES = {"wechat", "qq", "alipay", "apple", "weibo", "huawei"}
WEB = ("https://",)
PRIVATE_USE = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:/")
"""A scheme of an app's own, reverse domain (RFC 8252, section 7.1): no other app has it by accident."""
OptionalSecret = SecretStr | None


class LoginSettings(Settings):
    """Logins by third parties. The addresses are the real providers'; pointing them at a stand-in is all that it takes."""

    login_connect_seconds: Annotated[float, Field(gt=0, le=60)] = Field(3.0, description="longest wait for a provider's connection")  # fmt: skip
    login_read_seconds: Annotated[float, Field(gt=0, le=60)] = Field(8.0, description="longest wait for a provider's answer")  # fmt: skip
    login_keys_refetch_seconds: Annotated[float, Field(ge=0)] = Field(300.0, description="shortest pause between two looks for an unknown signing key")  # fmt: skip

    login_redirect_uris: str = Field("", description="where logins in a browser may lead back to, exactly, with blanks between: `https` addresses, and for apps private-use schemes (`cn.pocketid.app:/back`); in `local` also this machine's own addresses")  # fmt: skip

    login_wechat_app_id: str | None = Field(None, description="WeChat: the mobile app's AppID")
    login_wechat_app_secret: OptionalSecret = Field(None, description="WeChat: its AppSecret")
    login_wechat_web_app_id: str | None = Field(None, description="WeChat: the website app's AppID")
    login_wechat_web_app_secret: OptionalSecret = Field(None, description="WeChat: its AppSecret")
    login_wechat_push_token: OptionalSecret = Field(None, description="WeChat: the token of the message push")
    login_wechat_push_key: OptionalSecret = Field(None, description="WeChat: the push's EncodingAESKey; with it, pushes in the clear are refused")  # fmt: skip
    login_wechat_base_url: str = Field("https://api.weixin.qq.com", description="WeChat's API")
    login_wechat_authorize_url: str = Field("https://open.weixin.qq.com/connect/qrconnect", description="WeChat's login page")  # fmt: skip

    login_qq_app_id: str | None = Field(None, description="QQ: the APP ID (Android and web)")
    login_qq_app_secret: OptionalSecret = Field(None, description="QQ: its APP Key")
    login_qq_ios_app_id: str | None = Field(None, description="QQ: the APP ID on iOS, where it has one of its own")
    login_qq_ios_app_secret: OptionalSecret = Field(None, description="QQ: its APP Key")
    login_qq_base_url: str = Field("https://graph.qq.com", description="QQ's API and login page")

    login_alipay_app_id: str | None = Field(None, description="Alipay: the app's id")
    login_alipay_pid: str | None = Field(None, description="Alipay: the merchant's PID, 2088...")
    login_alipay_private_key: OptionalSecret = Field(None, description="Alipay: our RSA key, base64 DER or PEM")
    login_alipay_public_key: str | None = Field(None, description="Alipay: *Alipay's* public key, base64 DER or PEM")
    login_alipay_base_url: str = Field("https://openapi.alipay.com/gateway.do", description="Alipay's gateway")
    login_alipay_authorize_url: str = Field("https://openauth.alipay.com/oauth2/publicAppAuthorize.htm", description="Alipay's login page")  # fmt: skip

    login_apple_bundle_id: str | None = Field(None, description="Apple: the app's bundle id (iOS)")
    login_apple_services_id: str | None = Field(None, description="Apple: the Services ID (web and Android)")
    login_apple_team_id: str | None = Field(None, description="Apple: the Team ID")
    login_apple_key_id: str | None = Field(None, description="Apple: the key's id")
    login_apple_private_key: OptionalSecret = Field(None, description="Apple: the .p8 key, PEM or base64 DER")
    login_apple_base_url: str = Field("https://appleid.apple.com", description="Apple's API and login page")
    login_apple_issuer: str = Field("https://appleid.apple.com", description="Apple's name in its tokens")

    login_weibo_app_id: str | None = Field(None, description="Weibo: the App Key")
    login_weibo_app_secret: OptionalSecret = Field(None, description="Weibo: the App Secret")
    login_weibo_base_url: str = Field("https://api.weibo.com", description="Weibo's API and login page")

    login_huawei_app_id: str | None = Field(None, description="Huawei: the app's client id")
    login_huawei_app_secret: OptionalSecret = Field(None, description="Huawei: its secret")
    login_huawei_base_url: str = Field("https://oauth-login.cloud.huawei.com", description="Huawei's OAuth server")
    login_huawei_api_url: str = Field("https://oauth-api.cloud.huawei.com", description="Huawei's token information")
    login_huawei_issuer: str = Field("https://accounts.huawei.com", description="Huawei's name in its tokens")

    login_oidc_name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{1,31}$")] = Field("oidc", description="OpenID Connect: the provider's name in our API")  # fmt: skip
    login_oidc_client_id: str | None = Field(None, description="OpenID Connect: our client id")
    login_oidc_client_secret: OptionalSecret = Field(None, description="OpenID Connect: its secret; none for a public client")  # fmt: skip
    login_oidc_issuer: str | None = Field(None, description="OpenID Connect: the issuer; its discovery document tells the rest")  # fmt: skip
    login_oidc_scopes: str = Field("openid", description="OpenID Connect: scopes, with blanks between")
    login_oidc_algorithm: Literal["RS256", "PS256", "ES256", "EdDSA"] = Field("RS256", description="OpenID Connect: the one algorithm of id_tokens")  # fmt: skip

    @model_validator(mode="after")
    def _registrations_are_whole(self) -> LoginSettings:
        for name, others in NEEDS.items():
            missing = [other for other in others if not getattr(self, other)]
            if getattr(self, name) and missing:
                raise ValueError(f"{name} needs {', '.join(missing)} as well")
        return self

    @field_validator("login_oidc_name")
    @classmethod
    def _name_is_free(cls, value: str) -> str:
        if value in TAKEN_NAMES:
            raise ValueError("is another provider's name")
        return value

    @model_validator(mode="after")
    def _redirects_are_safe(self) -> LoginSettings:
        allowed = WEB if self.profile == "production" else (*WEB, "http://")
        for address in self.login_redirect_uris.split():
            if not address.startswith(allowed) and not PRIVATE_USE.match(address):
                raise ValueError(f"login_redirect_uris: {' or '.join(allowed)}, or a scheme like cn.example.app:/")
        return self

    @model_validator(mode="after")
    def _addresses_are_safe(self) -> LoginSettings:
        allowed = WEB if self.profile == "production" else (*WEB, "http://")
        for name in LoginSettings.model_fields:
            address = getattr(self, name) if name.endswith(("_url", "_issuer")) else None
            if address is not None and not address.startswith(allowed):
                raise ValueError(f"{name} must start with {' or '.join(allowed)}")
        return self
