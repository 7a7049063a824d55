"""The description of the interface is true: what it says is what is answered, and what is answered is in it."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import httpx
import pytest

from shared.kernel.ids import new_id
from tests.unit.gateway.phones import Phone
from tests.unit.gateway.test_uploads import png

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


class Description:
    """The description, and what of it an answer contradicts."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.heard: Counter[tuple[str, str, int]] = Counter()

    def faults(self, answer: httpx.Response) -> list[str]:
        """What an answer has that its call does not say."""
        method, path = answer.request.method.lower(), answer.request.url.path
        found = [one for one in self.document["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), path)]
        found = [one for one in sorted(found, key=lambda one: one.count("{")) if method in self.document["paths"][one]]
        if not found:
            return [f"{method} {path} is not described"]
        told = self.document["paths"][found[0]][method]["responses"].get(str(answer.status_code))
        self.heard[method, found[0], answer.status_code] += 1
        if told is None:
            return [f"{method} {found[0]}: {answer.status_code} is not described: {answer.text[:200]}"]
        kind = answer.headers.get("content-type", "").partition(";")[0] if answer.content else ""
        if kind not in (told.get("content") or {"": {}}):
            return [f"{method} {found[0]} {answer.status_code}: {kind!r} is not described"]
        if not kind.endswith("json"):
            return []
        return self.wrong(answer.json(), told["content"][kind]["schema"], f"{method} {found[0]} {answer.status_code}")

    def wrong(self, value: Any, schema: dict[str, Any], where: str) -> list[str]:
        """Where a value is not as its schema says."""
        if "$ref" in schema:
            return self.wrong(value, self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], where)
        if "anyOf" in schema:
            tried = [self.wrong(value, one, where) for one in schema["anyOf"]]
            return [] if [] in tried else tried[0]
        kind = schema.get("type")
        if kind and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
            return [f"{where}: {value!r} is no {kind}"]
        if value not in schema.get("enum", [value]):
            return [f"{where}: {value!r} is not in the list"]
        if isinstance(value, list):
            return [w for i, one in enumerate(value) for w in self.wrong(one, schema.get("items", {}), f"{where}.{i}")]
        return self._wrong_object(value, schema, where) if isinstance(value, dict) else []

    def _wrong_object(self, value: dict[str, Any], schema: dict[str, Any], where: str) -> list[str]:
        named, others = schema.get("properties", {}), schema.get("additionalProperties", "properties" not in schema)
        faults = [f"{where}: no {name}" for name in schema.get("required", []) if name not in value]
        for name, one in value.items():
            if name in named or isinstance(others, dict):
                faults += self.wrong(one, named.get(name, others), f"{where}.{name}")
            elif not others:
                faults.append(f"{where}: {name} is not described")
        return faults


@pytest.fixture
async def described(phone: Phone) -> Description:
    """Listens to every answer that the phone gets."""
    return Description((await phone.client.get("/openapi.json")).json())


async def _everything_right(phone: Phone) -> list[httpx.Response]:
    """One person's way through the interface."""
    guest, account = await phone.start(), await phone.sign_in("Ada")
    uploaded = await phone.upload(guest)
    photo = f"/v1/photos/{uploaded.json()['photo_id']}"
    phone.hear()
    made = await phone.put(f"{photo}/renders", guest, spec="one-inch")
    render = f"/v1/renders/{made.json()['render_id']}"
    order = {"product": "hd-photo", "channel": "app", "photo_id": uploaded.json()["photo_id"]}
    bought = await phone.put("/v1/orders", guest, **order)
    asked = await phone.call("POST", "/v1/me/exports", guest)
    sent = await phone.put("/v1/feedback", guest, kind="complaint", text="too blue")
    reads = [
        photo, render, f"{render}/preview", f"{render}/file", "/v1/photos", "/v1/orders", f"/v1/orders/{bought.json()['order_id']}",
        "/v1/me", "/v1/me/consents", "/v1/me/guardian-consents", "/v1/me/sessions", "/v1/me/entitlements", "/v1/me/exports",
        f"/v1/me/exports/{asked.json()['export_id']}", f"/v1/me/exports/{asked.json()['export_id']}/file", "/v1/me/disclosures",
        f"/v1/feedback/{sent.json()['ticket']}", "/v1/specs", "/v1/specs/one-inch", "/v1/specs/us-visa", "/v1/products",
        "/v1/policies/privacy", "/v1/policies/privacy/versions", "/v1/capabilities?platform=ios", "/.well-known/jwks.json",
        "/.well-known/purge-certificate-keys.json",
    ]  # fmt: skip
    answers = [uploaded, made, bought, asked, sent]
    answers += [await phone.call("GET", path, guest) for path in reads]
    answers.append(await phone.call("GET", "/v1/me/identities", account))
    answers.append(await phone.call("PATCH", "/v1/me", account, json={"nickname": "Ada"}))
    answers.append(await phone.put("/v1/sessions/refresh", guest, refresh_token=account["refresh_token"]))
    answers.append(await phone.put("/v1/login-attempts", guest, provider="wechat", platform="android"))
    answers.append(await phone.call("DELETE", photo, guest))
    wiped = await phone.call("DELETE", "/v1/me/stash", guest)
    phone.hear()
    receipt = f"/v1/purges/{wiped.json()['receipt']}"
    answers += [wiped, await phone.client.get(receipt), await phone.client.get(f"{receipt}/certificate")]
    answers.append(await phone.client.post("/v1/payments/alipay/notify", data={"sign": "x"}))
    return answers


async def _everything_wrong(phone: Phone, document: dict[str, Any]) -> list[httpx.Response]:
    """Every call without a token, with nothing, with nonsense, on what there is not, and with every service away."""
    tokens, answers = await phone.sign_in(), []
    calls = [(m.upper(), path) for path, methods in document["paths"].items() for m in methods if path != "/v1/events"]
    for method, path in calls:
        address = re.sub(r"\{(photo|order|render|session|export)_id\}", str(new_id()), path)
        address = re.sub(r"\{\w+\}", "nothing", address)
        for who in (None, tokens):
            if (method, path) == ("DELETE", "/v1/me") or path in ("/v1/sessions/current", "/v1/me/sessions"):
                who = None
            answers.append(await phone.call(method, address, who))
            if method in ("POST", "PATCH"):
                bodies = ({}, {"nonsense": [1]}, "x" * 70_000)
                answers += [await phone.call(method, address, who, json=body) for body in bodies]
    answers.append(await phone.upload(tokens, b"GIF89a"))
    answers.append(await phone.upload(tokens, png(filler=3 * 1024 * 1024)))
    answers.append(await phone.call("DELETE", "/v1/me/stash", tokens))
    answers += [await phone.client.post("/v1/guests", json={"device_id": str(new_id())}) for _ in range(2)]
    return answers


async def test_what_is_answered_is_what_is_described(phone: Phone, described: Description) -> None:
    """Status, type and shape, of some dozens of answers that are right and some hundreds that refuse."""
    right = await _everything_right(phone)
    assert [f"{a.request.url.path}: {a.text[:200]}" for a in right if a.status_code >= 400 and not a.request.url.path.endswith("/file")] == []  # fmt: skip
    answers = right + await _everything_wrong(phone, described.document)
    assert sorted({fault for answer in answers for fault in described.faults(answer)}) == []
    statuses = {status for _, _, status in described.heard}
    assert statuses >= {200, 201, 202, 204, 401, 403, 404, 409, 413, 415, 422}
    assert len(described.heard) >= 120


async def test_a_call_takes_a_token_exactly_where_it_is_described_so(phone: Phone, described: Description) -> None:
    """Without one: 401 there, and never elsewhere."""
    for path, methods in described.document["paths"].items():
        for method, operation in methods.items():
            address = re.sub(r"\{\w+\}", str(new_id()), path)
            answer = await phone.client.request(method, address)
            assert (answer.status_code == 401) == (operation["security"] == [{"bearer": []}]), f"{method} {path}"


def test_the_witness_sees_what_is_not_described() -> None:
    """A wrong status, a wrong type, a missing and an unknown member, a wrong value."""
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "integer"}},
        "additionalProperties": False,
    }
    content = {"application/json": {"schema": schema}}
    one = Description({"paths": {"/x": {"get": {"responses": {"200": {"content": content}}}}}, "components": {}})
    request = httpx.Request("GET", "http://h/x")
    for answer, faults in (
        (httpx.Response(200, json={"a": 1}, request=request), 0),
        (httpx.Response(200, json={"a": "1"}, request=request), 1),
        (httpx.Response(200, json={"a": True}, request=request), 1),
        (httpx.Response(200, json={"b": 1}, request=request), 2),
        (httpx.Response(200, text="1", request=request), 1),
        (httpx.Response(404, json={}, request=request), 1),
        (httpx.Response(200, json={"a": 1}, request=httpx.Request("POST", "http://h/x")), 1),
    ):
        assert len(one.faults(answer)) == faults


async def test_problems_forms_and_streams_have_their_own_types(described: Description) -> None:
    """Nothing is left of the framework's guesses."""
    document = described.document
    assert "HTTPValidationError" not in str(document)
    assert list(document["paths"]["/v1/events"]["get"]["responses"]["200"]["content"]) == ["text/event-stream"]
    notice = document["paths"]["/v1/payments/alipay/notify"]["post"]["requestBody"]["content"]
    assert list(notice) == ["application/x-www-form-urlencoded"]
    spec = document["paths"]["/v1/specs/{spec_id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert {"id", "width_px", "height_px", "backgrounds"} <= set(document["components"]["schemas"][spec["$ref"].rpartition("/")[2]]["properties"])  # fmt: skip
    used = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert used <= set(document["components"]["schemas"])


async def test_the_page_of_the_interface_asks_nobody_else_for_anything(phone: Phone, described: Description) -> None:
    """Every call and schema is on it; no script, no address, and a policy that would forbid both."""
    answer = await phone.client.get("/docs")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(
        r"<script|<link|<img|<iframe|@import|url\(|(?:src|href)=['\"]?(?:https?:)?//", answer.text, re.IGNORECASE
    )
    for path in described.document["paths"]:
        assert f"<code>{path}</code>" in answer.text
    for name in described.document["components"]["schemas"]:
        assert f"id='{name}'" in answer.text
    links = set(re.findall(r"href='#(\w+)'", answer.text))
    assert links <= set(described.document["components"]["schemas"])
    assert (await phone.client.get("/redoc")).status_code == 404
