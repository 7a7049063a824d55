"""From parameters on the wire to a call that is known to come from the app: every check before any business."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from standins.alipay.certificates import serial_of
from standins.alipay.clock import parse_stamp
from standins.alipay.keyring import App, Keyring
from standins.alipay.refusals import Refused, invalid, missing
from standins.alipay.signing import CODECS, REQUEST, text_to_sign, verify

_NAMES = {"app_id": "app-id", "method": "method", "sign": "signature", "sign_type": "signature-type",
          "timestamp": "timestamp", "version": "version"}  # fmt: skip
_CHARSET = re.compile(rb"(?:^|&)charset=([A-Za-z0-9-]+)")


@dataclass(frozen=True)
class Call:
    """A verified call."""

    app: App
    method: str
    parameters: Mapping[str, str]
    biz: dict[str, object]
    charset: str


def parameters(query: bytes, body: bytes = b"", *, charset_in_query_only: bool = False) -> dict[str, str]:
    """Query and form in one, decoded once in the charset they name; the query wins. Raises ``Refused``.

    ``charset_in_query_only`` looks for the charset in the query alone and takes GBK when it is not there.
    """
    named = _CHARSET.search(query) or (None if charset_in_query_only else _CHARSET.search(body))
    usual = "gbk" if charset_in_query_only else "utf-8"
    codec = CODECS.get(named[1].decode().lower() if named else usual, "utf-8")
    found: dict[str, str] = {}
    for part in (body, query):
        text = part.decode("latin-1")
        try:
            found |= dict(parse_qsl(text, keep_blank_values=True, encoding=codec, errors="strict"))
        except ValueError as error:
            raise invalid("charset") from error
    return found


def read(
    given: Mapping[str, str],
    keyring: Keyring,
    methods: Collection[str],
    now: datetime | None = None,
    tolerance_seconds: int = 0,
) -> Call:
    """Checks the common parameters and the signature; ``now`` is held against the timestamp. Raises ``Refused``."""
    _check_common(given, methods)
    _check_time(given["timestamp"], now, tolerance_seconds)
    app = keyring.apps.get(given["app_id"])
    if not app:
        raise invalid("app-id")
    _check_signature(given, app)
    if app.certificate:
        _check_certificates(given, serial_of(app.certificate), keyring)
    return Call(app, given["method"], given, _biz(given.get("biz_content", "")), given["charset"].lower())


def _check_common(given: Mapping[str, str], methods: Collection[str]) -> None:
    for name, told in _NAMES.items():
        if not given.get(name):
            raise missing(told)
    if given.get("charset", "").lower() not in CODECS:
        raise invalid("charset")
    if given["sign_type"] != "RSA2":
        raise invalid("signature-type")
    if given["method"] not in methods:
        raise invalid("method")
    for name, allowed in (("version", {"1.0"}), ("format", {"json", ""})):
        if given.get(name, "").lower() not in allowed:
            raise invalid("parameter", f"无效的{name}")


def _check_time(text: str, now: datetime | None, tolerance_seconds: int) -> None:
    try:
        sent = parse_stamp(text)
    except ValueError as error:
        raise invalid("timestamp", "时间戳格式应为 yyyy-MM-dd HH:mm:ss") from error
    if now and tolerance_seconds and abs((now - sent).total_seconds()) > tolerance_seconds:
        raise invalid("timestamp", f"时间戳与网关的北京时间相差超过{tolerance_seconds}秒")


def _check_signature(given: Mapping[str, str], app: App) -> None:
    text = text_to_sign(given, REQUEST)
    if not verify(app.public_key, text, given["sign"], given["charset"]):
        shown = html.escape(text, quote=False)
        raise invalid(
            "signature", f"验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配，网关生成的验签字符串为：{shown}"
        )


def _check_certificates(given: Mapping[str, str], app_serial: str, keyring: Keyring) -> None:
    expected = {"app_cert_sn": app_serial, "alipay_root_cert_sn": keyring.root_serial()}
    for name, serial in expected.items():
        if given.get(name) != serial:
            raise invalid("parameter", f"无效的{name}")


def _biz(text: str) -> dict[str, object]:
    if not text:
        return {}
    try:
        found = json.loads(text, parse_float=str, parse_int=str)
    except ValueError as error:
        raise invalid("parameter", "biz_content 不是 JSON") from error
    if not isinstance(found, dict):
        raise Refused("40002", "isv.invalid-parameter", "biz_content 不是 JSON 对象")
    return found
