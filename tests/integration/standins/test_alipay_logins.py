"""Logging in with Alipay: the wallet, the browser, tokens, profiles, and the end of the bond."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.integration.standins.conftest import Receiver
from tests.integration.standins.merchant import Answered, Merchant, genuine, notice_is_genuine, pem

TOKEN, SHARE = "alipay.system.oauth.token", "alipay.user.info.share"


def auth_string(merchant: Merchant, **changed: str) -> str:
    told = {
        "apiname": "com.alipay.account.auth",
        "app_id": merchant.app_id,
        "app_name": "mc",
        "auth_type": "AUTHACCOUNT",
        "biz_type": "openservice",
        "method": "alipay.open.auth.sdk.code.get",
        "pid": "2088000000000001",
        "product_id": "APP_FAST_LOGIN",
        "scope": "kuaijie",
        "sign_type": "RSA2",
        "target_id": "attempt1",
        **changed,
    }
    text = "&".join(f"{name}={told[name]}" for name in sorted(told))
    signature = merchant.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}&sign={quote(base64.b64encode(signature).decode(), safe='')}"


def login(merchant: Merchant, **body: Any) -> dict[str, Any]:
    return dict(merchant.control("POST", "logins", {"auth_string": auth_string(merchant), **body}))


def exchange(merchant: Merchant, code: str) -> Answered:
    return merchant.call(TOKEN, grant_type="authorization_code", code=code)


def test_a_login_from_the_auth_string_to_the_profile(merchant: Merchant) -> None:
    """Tokens without ``code`` and ``msg``; the profile by ``auth_token``."""
    told = login(merchant, profile={"nick_name": "小明", "gender": "M", "cert_no": "not shared"})
    result = dict(parse_qsl(told["result"]))
    assert (result["result_code"], result["target_id"], result["auth_code"]) == ("200", "attempt1", told["auth_code"])
    tokens = exchange(merchant, told["auth_code"])
    assert tokens.node == "alipay_system_oauth_token_response"
    assert genuine(merchant.alipay(), tokens.raw.encode(), tokens.whole["sign"])
    assert "code" not in tokens.fields
    assert (tokens.fields["user_id"], tokens.fields["expires_in"]) == ("2088000000000099", "1296000")
    shared = merchant.call(SHARE, auth_token=tokens.fields["access_token"])
    assert (shared.fields["code"], shared.fields["nick_name"], "cert_no" in shared.fields) == ("10000", "小明", False)


def test_a_code_works_once(merchant: Merchant) -> None:
    """Used, wrong, expired and another app's codes are ``isv.code-invalid`` in an ``error_response``."""
    code = login(merchant)["auth_code"]
    other = Merchant(merchant.url, merchant.key, merchant.http, app_id="9021000000000002")
    other.control("PUT", f"apps/{other.app_id}", {"public_key": pem(merchant.key.public_key())})
    assert exchange(other, code).sub_code == "isv.code-invalid"
    assert "access_token" in exchange(merchant, code).fields
    again = exchange(merchant, code)
    assert (again.node, again.fields["code"], again.sub_code) == ("error_response", "40002", "isv.code-invalid")
    late = login(merchant)["auth_code"]
    merchant.control("POST", "clock", {"seconds": 180})
    assert exchange(merchant, late).sub_code == "isv.code-invalid"
    assert merchant.call(TOKEN, grant_type="guess").sub_code == "isv.grant-type-invalid"
    assert merchant.call(TOKEN, grant_type="authorization_code").fields["code"] == "40001"


def test_tokens_are_refreshed_and_expire(merchant: Merchant) -> None:
    """15 days; a refresh token is used up."""
    merchant.control("PUT", "options", {"buyer": "open_id"})
    first = exchange(merchant, login(merchant, open_id="o-1", union_id="u-1")["auth_code"]).fields
    assert (first["open_id"], first["union_id"], "user_id" in first) == ("o-1", "u-1", False)
    second = merchant.call(TOKEN, grant_type="refresh_token", refresh_token=first["refresh_token"]).fields
    assert second["open_id"] == "o-1"
    again = merchant.call(TOKEN, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again.sub_code == "isv.refresh-token-invalid"
    merchant.control("POST", "clock", {"seconds": 1_296_000})
    assert merchant.call(SHARE, auth_token=second["access_token"]).sub_code == "aop.auth-token-time-out"
    assert merchant.call(SHARE, auth_token="x").sub_code == "aop.invalid-auth-token"


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"pid": "2088000000000002"}, 409), ({"target_id": ""}, 409), ({"app_id": "9021000000000009"}, 409), ({}, 200)],
)
def test_the_wallet_checks_the_auth_string(merchant: Merchant, changed: dict[str, str], status: int) -> None:
    """Fixed parameters, the seller, the app, and its signature."""
    text = auth_string(merchant, **changed)
    address = f"{merchant.url}/_standin/logins"
    assert merchant.http.post(address, json={"auth_string": text}).status_code == status
    spoilt = text.replace("attempt1", "attempt2")
    assert merchant.http.post(address, json={"auth_string": spoilt}).status_code == 409


def test_a_person_may_say_no(merchant: Merchant) -> None:
    """6001, and no code."""
    told = login(merchant, result_status="6001")
    assert (told["resultStatus"], told["auth_code"]) == ("6001", "")


def test_a_browser_logs_in_on_the_consent_page(merchant: Merchant) -> None:
    """Back with the code and the state."""
    query = urlencode(
        {"app_id": merchant.app_id, "scope": "auth_user", "redirect_uri": "http://app.example/cb", "state": "s"}
    )
    address = f"{merchant.url}/oauth2/publicAppAuthorize.htm?{query}"
    assert 'id="agree"' in merchant.http.get(address).text
    back = merchant.http.post(address).headers["location"]
    told = dict(parse_qsl(urlsplit(back).query))
    assert (back.startswith("http://app.example/cb?"), told["state"]) == (True, "s")
    assert "access_token" in exchange(merchant, told["auth_code"]).fields
    assert "isv.invalid-app-id" in merchant.http.get(address.replace(merchant.app_id, "9")).text
    assert "isv.invalid-parameter" in merchant.http.get(address.replace("auth_user", "all")).text


@pytest.mark.parametrize("how", ["relation", "token"])
def test_an_app_cuts_the_bond_and_a_neighbour_stays(merchant: Merchant, how: str) -> None:
    """Tokens die at once."""
    mine = exchange(merchant, login(merchant, user_id="2088000000000011", open_id="me")["auth_code"]).fields
    theirs = exchange(merchant, login(merchant, user_id="2088000000000012", open_id="them")["auth_code"]).fields
    if how == "relation":
        cut = merchant.call("alipay.open.auth.userauth.relation.cancel", {"user_id": "2088000000000011"})
    else:
        cut = merchant.call("alipay.open.oauth.token.revoke", {"access_token": mine["access_token"]})
    assert cut.fields["result"] == "success"
    assert merchant.call(SHARE, auth_token=mine["access_token"]).sub_code == "aop.invalid-auth-token"
    assert merchant.call(SHARE, auth_token=theirs["access_token"]).fields["code"] == "10000"
    nobody = merchant.call("alipay.open.auth.userauth.relation.cancel", {"open_id": "nobody"})
    assert nobody.fields["result"] == "failure"
    assert merchant.call("alipay.open.auth.userauth.relation.cancel", {}).sub_code == "isv.invalid-parameter"


@pytest.mark.parametrize("forged", [False, True])
def test_a_person_cuts_the_bond_in_the_wallet_and_the_app_is_told(
    merchant: Merchant, receiver: Receiver, *, forged: bool
) -> None:
    """``alipay.open.auth.userauth.cancelled``, signed like a notice."""
    token = exchange(merchant, login(merchant)["auth_code"]).fields["access_token"]
    body = {"app_id": merchant.app_id, "url": receiver.url, "forged": forged}
    assert merchant.control("POST", "logins/withdraw", body)["success"] is True
    [form] = receiver.forms
    assert form["msg_method"] == "alipay.open.auth.userauth.cancelled"
    assert json.loads(form["biz_content"])["user_id"] == "2088000000000099"
    assert notice_is_genuine(merchant.alipay(), form) != forged
    assert merchant.call(SHARE, auth_token=token).sub_code == "aop.invalid-auth-token"
