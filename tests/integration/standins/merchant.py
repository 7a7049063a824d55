"""A merchant for the tests: signs and verifies by hand, with ``cryptography`` alone, from the protocol's facts."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

APP, SELLER = "9021000000000001", "2088000000000001"


def beijing() -> str:
    return (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")


def pem(key: rsa.RSAPublicKey) -> str:
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(*form).decode()


def signed(key: rsa.RSAPrivateKey, parameters: dict[str, str], charset: str = "utf-8") -> dict[str, str]:
    text = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters) if parameters[name] and name != "sign")
    signature = key.sign(text.encode(charset), padding.PKCS1v15(), hashes.SHA256())
    return {**parameters, "sign": base64.b64encode(signature).decode()}


def genuine(key: rsa.RSAPublicKey, text: bytes, signature: str) -> bool:
    try:
        key.verify(base64.b64decode(signature), text, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error):
        return False
    return True


def notice_is_genuine(key: rsa.RSAPublicKey, form: dict[str, str]) -> bool:
    left = sorted(name for name in form if name not in ("sign", "sign_type"))
    text = "&".join(f"{name}={form[name]}" for name in left)
    return "sign" in form and genuine(key, text.encode(form["charset"]), form["sign"])


@dataclass
class Answered:
    """An answer, taken apart the careful way."""

    http: httpx.Response
    text: str
    whole: dict[str, Any]
    node: str
    fields: dict[str, Any]
    raw: str

    @property
    def sub_code(self) -> str:
        return str(self.fields.get("sub_code", ""))


@dataclass
class Merchant:
    """One app of one seller."""

    url: str
    key: rsa.RSAPrivateKey
    http: httpx.Client
    app_id: str = APP
    extra: dict[str, str] = field(default_factory=dict)

    def common(self, method: str, biz: dict[str, Any] | None = None, **more: str) -> dict[str, str]:
        fixed = {"app_id": self.app_id, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2", "version": "1.0"}
        told = {**fixed, "method": method, "timestamp": beijing(), **self.extra, **more}
        if biz is not None:
            told["biz_content"] = json.dumps(biz, ensure_ascii=False)
        return told

    def call(self, method: str, biz: dict[str, Any] | None = None, **more: str) -> Answered:
        return self.send(signed(self.key, self.common(method, biz, **more), more.get("charset", "utf-8")))

    def send(self, parameters: dict[str, str], timeout: float = 5.0) -> Answered:
        charset = parameters.get("charset", "utf-8")
        body = {name: value for name, value in parameters.items() if name == "biz_content"}
        query = {name: value for name, value in parameters.items() if name not in body}
        address = f"{self.url}/gateway.do?{urlencode(query, encoding=charset)}"
        form = {"Content-Type": f"application/x-www-form-urlencoded;charset={charset}"}
        content = urlencode(body, encoding=charset).encode()
        return take_apart(self.http.post(address, content=content, headers=form, timeout=timeout))

    def browse(self, parameters: dict[str, str]) -> httpx.Response:
        return self.http.get(f"{self.url}/gateway.do?{urlencode(parameters)}")

    def order_string(self, biz: dict[str, Any], **more: str) -> str:
        whole = {"product_code": "QUICK_MSECURITY_PAY", **biz}
        return urlencode(signed(self.key, self.common("alipay.trade.app.pay", whole, **more)))

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self.http.request(method, f"{self.url}/_standin/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def alipay(self) -> rsa.RSAPublicKey:
        key = serialization.load_pem_public_key(self.control("GET", "keys")["alipay_public_key"].encode())
        assert isinstance(key, rsa.RSAPublicKey)
        return key


def take_apart(http: httpx.Response) -> Answered:
    kind = http.headers["content-type"].replace(" ", "").lower()
    text = http.content.decode("gbk" if kind.endswith("charset=gbk") else "utf-8")
    whole = json.loads(text)
    [node] = [name for name in whole if name.endswith("_response")]
    start = text.index("{", text.index(f'"{node}"'))
    _, end = json.JSONDecoder().raw_decode(text, start)
    return Answered(http, text, whole, node, whole[node], text[start:end])


def order(number: str, total: str = "9.90", **more: Any) -> dict[str, Any]:
    return {"out_trade_no": number, "total_amount": total, "subject": "证件照 1寸", **more}
