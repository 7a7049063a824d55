"""The apps that are registered at the providers, and a fresh set of them with the settings that match."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from standins.logins.keys import new_rsa_key


@dataclass(frozen=True, slots=True)
class App:
    """One registration. ``more`` holds what only some providers have: keys, push tokens, an issuer."""

    provider: str
    app_id: str
    secret: str = ""
    redirect_uris: tuple[str, ...] = ()
    """The registered ones; when empty, any."""
    more: Mapping[str, str] = field(default_factory=dict)

    def takes_redirect(self, uri: str) -> bool:
        """Whether a login may end there."""
        return not self.redirect_uris or uri in self.redirect_uris


def parse_apps(listed: list[dict[str, Any]]) -> list[App]:
    """Apps as the control interface and the file of apps have them."""
    return [
        App(
            provider=one["provider"],
            app_id=one["app_id"],
            secret=one.get("secret", ""),
            redirect_uris=tuple(one.get("redirect_uris", ())),
            more=one.get("more", {}),
        )
        for one in listed
    ]


def fresh(base_url: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """New registrations at every provider, and the ``POCKETID_LOGIN_*`` settings for a stand-in at ``base_url``."""
    alipay_ours, alipay_theirs, apple = new_rsa_key(), new_rsa_key(), new_ec_key(SECP256R1())
    secret = {name: secrets.token_hex(16) for name in ("wechat", "wechat_web", "qq", "weibo", "huawei", "oidc")}
    push = {"push_token": secrets.token_hex(8), "push_key": base64.b64encode(secrets.token_bytes(32)).decode()[:43]}
    team = {"team_id": "TEAM123456", "key_id": "KEY1234567", "public_key": _public(apple.public_key())}
    alipay = {
        "pid": "2088000000000001",
        "public_key": _public(alipay_ours.public_key()),
        "private_key": _private(alipay_theirs),
    }
    apps: list[dict[str, Any]] = [
        {"provider": "wechat", "app_id": "wx1111111111111111", "secret": secret["wechat"], "more": push},
        {"provider": "wechat", "app_id": "wx2222222222222222", "secret": secret["wechat_web"], "more": push},
        {"provider": "qq", "app_id": "101000001", "secret": secret["qq"]},
        {"provider": "alipay", "app_id": "2021000000000001", "more": alipay},
        {"provider": "apple", "app_id": "com.example.pocketid", "more": team},
        {"provider": "apple", "app_id": "com.example.pocketid.web", "more": team},
        {"provider": "weibo", "app_id": "3000000001", "secret": secret["weibo"]},
        {"provider": "huawei", "app_id": "104000001", "secret": secret["huawei"]},
        {"provider": "oidc", "app_id": "pocketid", "secret": secret["oidc"], "more": {"issuer": f"{base_url}/oidc"}},
    ]
    settings = _plain_settings(base_url, secret, push) | {
        "ALIPAY_APP_ID": "2021000000000001",
        "ALIPAY_PID": alipay["pid"],
        "ALIPAY_PRIVATE_KEY": _private(alipay_ours),
        "ALIPAY_PUBLIC_KEY": _public(alipay_theirs.public_key()),
        "ALIPAY_BASE_URL": f"{base_url}/alipay/gateway.do",
        "ALIPAY_AUTHORIZE_URL": f"{base_url}/alipay/oauth2/publicAppAuthorize.htm",
        "APPLE_BUNDLE_ID": "com.example.pocketid",
        "APPLE_SERVICES_ID": "com.example.pocketid.web",
        "APPLE_TEAM_ID": team["team_id"],
        "APPLE_KEY_ID": team["key_id"],
        "APPLE_PRIVATE_KEY": _private(apple),
        "APPLE_BASE_URL": f"{base_url}/apple",
    }
    return apps, {f"POCKETID_LOGIN_{name}": value for name, value in settings.items()}


def _plain_settings(base_url: str, secret: Mapping[str, str], push: Mapping[str, str]) -> dict[str, str]:
    return {
        "WECHAT_APP_ID": "wx1111111111111111",
        "WECHAT_APP_SECRET": secret["wechat"],
        "WECHAT_WEB_APP_ID": "wx2222222222222222",
        "WECHAT_WEB_APP_SECRET": secret["wechat_web"],
        "WECHAT_PUSH_TOKEN": push["push_token"],
        "WECHAT_PUSH_KEY": push["push_key"],
        "WECHAT_BASE_URL": f"{base_url}/wechat",
        "WECHAT_AUTHORIZE_URL": f"{base_url}/wechat/connect/qrconnect",
        "QQ_APP_ID": "101000001",
        "QQ_APP_SECRET": secret["qq"],
        "QQ_BASE_URL": f"{base_url}/qq",
        "WEIBO_APP_ID": "3000000001",
        "WEIBO_APP_SECRET": secret["weibo"],
        "WEIBO_BASE_URL": f"{base_url}/weibo",
        "HUAWEI_APP_ID": "104000001",
        "HUAWEI_APP_SECRET": secret["huawei"],
        "HUAWEI_BASE_URL": f"{base_url}/huawei",
        "HUAWEI_API_URL": f"{base_url}/huawei",
        "OIDC_CLIENT_ID": "pocketid",
        "OIDC_CLIENT_SECRET": secret["oidc"],
        "OIDC_ISSUER": f"{base_url}/oidc",
    }


def _public(key: Any) -> str:
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def _private(key: PrivateKeyTypes | RSAPrivateKey) -> str:
    return base64.b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()
