"""What providers tell us unasked, signed (or not) as the real ones do it; built here, sent by the control interface."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from standins.logins import alipay, apple, wechat, weibo
from standins.logins.apps import App
from standins.logins.people import Person
from standins.logins.world import World

WECHAT_EVENTS = {
    "revoked": "user_authorization_revoke",
    "closed": "user_authorization_cancellation",
    "changed": "user_info_modified",
}
APPLE_EVENTS = {
    "revoked": "consent-revoked",
    "closed": "account-delete",
    "deleted": "account-deleted",
    "changed": "email-disabled",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One request to our callback."""

    method: str = "POST"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to tell: ``kind`` is ``revoked``, ``closed``, ``deleted``, ``changed`` or ``handshake``."""

    kind: str
    app: App
    person: Person
    how: Mapping[str, Any]
    """``format`` (``xml``, ``json``), ``plain``, ``blanks``, ``no_openid``, ``forged``, ``twist``, ``stale_seconds``, ``with_sign_type``."""


def build(world: World, wish: Wish) -> Notice:
    """The notice as its provider sends it; raises ``LookupError`` for a provider that sends none."""
    makers: dict[str, Callable[[World, Wish], Notice]] = {
        "wechat": _wechat,
        "apple": _apple,
        "alipay": _alipay,
        "weibo": _weibo,
    }
    return makers[wish.app.provider](world, wish)


def _wechat(world: World, wish: Wish) -> Notice:
    stamp, nonce = str(int(world.now() - float(wish.how.get("stale_seconds", 0)))), secrets.token_hex(5)
    token = "forged" if wish.how.get("forged") else wish.app.more["push_token"]
    query = {"timestamp": stamp, "nonce": nonce, "signature": _sha1(token, stamp, nonce)}
    if wish.kind == "handshake":
        return Notice("GET", {**query, "echostr": secrets.token_hex(8)})
    message = _written(_wechat_fields(wish, stamp), wish)
    if not wish.how.get("plain"):
        sealed = _sealed(wish.app.more["push_key"], message, str(wish.how.get("for_app", wish.app.app_id)))
        query |= {"encrypt_type": "aes", "msg_signature": _sha1(token, stamp, nonce, sealed)}
        message = _written({"ToUserName": "gh_000000000000", "Encrypt": sealed}, wish)
    return Notice("POST", query, {"content-type": "text/xml"}, message)


def _wechat_fields(wish: Wish, stamp: str) -> dict[str, str]:
    fields = {
        "ToUserName": "gh_000000000000",
        "FromUserName": "o" + "0" * 27,
        "CreateTime": stamp,
        "MsgType": "event",
        "Event": WECHAT_EVENTS.get(wish.kind, wish.kind),
        "OpenID": wechat.openid(wish.app, wish.person),
        "UnionID": wechat.unionid(wish.person),
        "AppID": wish.app.app_id,
        "RevokeInfo": "301",
    }
    if wish.how.get("no_openid"):
        del fields["OpenID"]
    return fields


def _written(fields: Mapping[str, str], wish: Wish) -> str:
    if wish.how.get("format") == "json":
        blank = " " if wish.how.get("blanks") else ""
        return json.dumps({f"{blank}{name}": value for name, value in fields.items()})
    return "<xml>" + "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items()) + "</xml>"


def _sealed(push_key: str, message: str, app_id: str) -> str:
    key, text = base64.b64decode(push_key + "="), message.encode()
    plain = secrets.token_bytes(16) + len(text).to_bytes(4, "big") + text + app_id.encode()
    padding = 32 - len(plain) % 32
    cipher = Cipher(AES(key), CBC(key[:16])).encryptor()
    return base64.b64encode(cipher.update(plain + bytes([padding]) * padding) + cipher.finalize()).decode()


def _sha1(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - WeChat's choice


def _apple(world: World, wish: Wish) -> Notice:
    now = int(world.now())
    event = {
        "type": APPLE_EVENTS.get(wish.kind, wish.kind),
        "sub": apple.sub(wish.app, wish.person),
        "event_time": now * 1000,
    }
    claims = {
        "iss": apple.ISSUER,
        "aud": wish.app.app_id,
        "iat": now,
        "jti": str(wish.how.get("jti", secrets.token_hex(12))),
        "events": json.dumps(event),
    }
    payload = world.keys["apple"].sign(claims, twist=str(wish.how.get("twist", "")))
    return Notice("POST", headers={"content-type": "application/json"}, body=json.dumps({"payload": payload}))


def _alipay(world: World, wish: Wish) -> Notice:
    who = {"open_id": alipay.open_id(wish.app, wish.person)}
    if not wish.how.get("open_id_only"):
        who["user_id"] = alipay.user_id(wish.person)
    content = {"cancel_time": int(world.now() * 1000), "app_id": str(wish.how.get("for_app", wish.app.app_id)), **who}
    form = {
        "version": "1.1",
        "msg_method": "alipay.open.auth.userauth.cancelled" if wish.kind == "revoked" else wish.kind,
        "utc_timestamp": str(int(world.now() * 1000)),
        "notify_id": secrets.token_hex(16),
        "charset": "UTF-8",
        "biz_content": json.dumps(content),
    }
    signed = {**form, "sign_type": "RSA2"} if wish.how.get("with_sign_type") else form
    signature = alipay.sign(wish.app, alipay.joined(signed), forged=bool(wish.how.get("forged")))
    body = urlencode({**form, "sign_type": "RSA2", "sign": signature})
    return Notice("POST", headers={"content-type": "application/x-www-form-urlencoded"}, body=body)


def _weibo(world: World, wish: Wish) -> Notice:
    query = {"source": wish.app.app_id, "uid": weibo.uid(wish.person), "auth_end": str(int(world.now()))}
    return Notice("GET", query)
