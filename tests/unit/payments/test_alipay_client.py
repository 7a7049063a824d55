"""Our client against openssl and hand-made answers: what is signed, what is believed, and what stays unknown."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509.oid import NameOID

from services.payments.adapters.alipay.account import account_from
from services.payments.adapters.alipay.certificates import certificates_from, serial_of
from services.payments.adapters.alipay.client import Account, AlipayClient
from services.payments.adapters.alipay.signing import WrongKey, private_key, public_key
from services.payments.adapters.catalogue import products
from services.payments.adapters.memory_alipay import key_number, signed_form
from services.payments.domain.notices import Forged
from services.payments.domain.orders import Order, new_order
from services.payments.domain.trades import Closed, Failure, RefundAnswer, Trade, Unknown
from shared.kernel.ids import new_id
from shared.kernel.settings import AlipaySettings
from shared.testing.held_clock import HeldClock

NOW = datetime(2026, 11, 24, 2, 3, 4, tzinfo=UTC)
APP, ALIPAY = key_number(10), key_number(0)
Answerer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answerer | None = None, **changes: Any) -> AlipayClient:
    account = Account(
        gateway="http://alipay.test/gateway.do",
        app_id="2021000000000001",
        key=APP,
        alipay_key=ALIPAY.public_key(),
        notify_url="https://pocketid.example/v1/payments/alipay/notify",
        return_url="https://pocketid.example/",
    )
    transport = httpx.MockTransport(answer or (lambda _: httpx.Response(500)))
    made = Account(**{**account.__dict__, **changes})
    return AlipayClient(made, HeldClock(NOW), httpx.Client(transport=transport))


def order(channel: str, product: str = "hd-photo") -> Order:
    return new_order(new_id(), new_id(), products()[product], channel, new_id(), NOW, timedelta(minutes=15))


def signature_of(text: str, key: Any = ALIPAY) -> str:
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def answered(
    node: str, content: str, *, key: Any = ALIPAY, shape: str = '{{"{node}":{content},"sign":"{sign}"}}'
) -> Answerer:
    sign = signature_of(content, key)
    return lambda _: httpx.Response(200, text=shape.format(node=node, content=content, sign=sign))


PAID = '{"code":"10000","msg":"Success","out_trade_no":"P1","trade_no":"20261","trade_status":"TRADE_SUCCESS","total_amount":"6.90","send_pay_date":"2026-11-24 10:00:00"}'
QUERY = "alipay_trade_query_response"


# ---- what we sign


def verified_by_openssl(parameters: dict[str, str], folder: Path) -> bool:
    """Independent of our code and of its library: the string built by the book, checked by the openssl command."""
    text = "&".join(f"{k}={v}" for k, v in sorted(parameters.items()) if k != "sign" and v)
    (folder / "text").write_bytes(text.encode())
    (folder / "sign").write_bytes(base64.b64decode(parameters["sign"]))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "key").write_bytes(APP.public_key().public_bytes(serialization.Encoding.PEM, form))
    command = ["openssl", "dgst", "-sha256", "-verify", "key", "-signature", "sign", "text"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("channel", "method", "product_code"),
    [
        ("app", "alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
        ("wap", "alipay.trade.wap.pay", "QUICK_WAP_WAY"),
        ("page", "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    ],
)
def test_what_a_buyer_pays_with_is_signed_so_that_openssl_agrees(
    channel: str, method: str, product_code: str, tmp_path: Path
) -> None:
    """Beijing time, an absolute expiry, amounts with two decimals, and no call of ours."""
    opened = order(channel)
    paid_with = client().pay(opened)
    assert isinstance(paid_with, dict)
    [(kind, text)] = paid_with.items()
    assert kind == ("order_string" if channel == "app" else "url")
    query = text if channel == "app" else urlsplit(text).query
    parameters = dict(parse_qsl(query, strict_parsing=True))
    assert verified_by_openssl(parameters, tmp_path)
    assert not verified_by_openssl({**parameters, "app_id": "2"}, tmp_path)
    assert (parameters["method"], parameters["sign_type"], parameters["charset"]) == (method, "RSA2", "utf-8")
    assert parameters["timestamp"] == "2026-11-24 10:03:04"
    business = json.loads(parameters["biz_content"])
    assert business["product_code"] == product_code
    assert (business["total_amount"], business["time_expire"]) == ("6.90", "2026-11-24 10:18:04")
    assert business["out_trade_no"] == opened.out_trade_no
    assert str(opened.subject_id) not in unquote_plus(text)


def test_a_call_has_its_common_parameters_in_the_url_and_its_content_in_the_body(tmp_path: Path) -> None:
    """Else Alipay may read the body as GBK; both together are what is signed."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answered("alipay_trade_precreate_response", '{"code":"10000","qr_code":"https://qr.alipay.com/x"}')(
            request
        )

    assert client(answer).pay(order("qr")) == {"qr": "https://qr.alipay.com/x"}
    [request] = seen
    in_url = {k: v[0] for k, v in parse_qs(request.url.query.decode()).items()}
    in_body = dict(parse_qsl(request.content.decode()))
    assert list(in_body) == ["biz_content"]
    assert in_url["charset"] == "utf-8"
    assert verified_by_openssl(in_url | in_body, tmp_path)
    assert json.loads(in_body["biz_content"])["subject"] == "高清证件照（一张照片）"


# ---- what we believe


@pytest.mark.parametrize(
    "shape",
    [
        '{{"{node}":{content},"sign":"{sign}"}}',
        '{{"sign":"{sign}","{node}":{content}}}',
        '{{"{node}": \r\n {content} ,"extra":{{"a":1}},"sign":"{sign}"}}',
        '{{"{node}":{content},"alipay_cert_sn":"x","sign":"{sign}"}}',
    ],
)
@pytest.mark.parametrize("extra", ["", ',"subject":"a}b{\\"c\\\\","url":"https:\\/\\/x","new":[1,{"y":"}"}]'])
def test_an_answer_is_believed_when_the_raw_text_of_its_node_is_signed(shape: str, extra: str) -> None:
    """Sign first or last, escaped slashes, braces in strings, fields nobody knows."""
    content = PAID[:-1] + extra + "}"
    trade = client(answered(QUERY, content, shape=shape)).query("P1")
    assert trade == Trade("20261", "TRADE_SUCCESS", 690, datetime(2026, 11, 24, 2, 0, tzinfo=UTC))


UNSIGNED = '{"error_response":{"code":"40002","sub_code":"isv.invalid-signature"}}'


def raises(error: Exception) -> Answerer:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        raises(httpx.ConnectTimeout("x")),
        raises(httpx.ReadTimeout("x")),
        raises(httpx.RemoteProtocolError("x")),
        lambda _: httpx.Response(502, text="<html>"),
        lambda _: httpx.Response(200, text="<html>"),
        lambda _: httpx.Response(200, text=""),
        lambda _: httpx.Response(200, text="[1]"),
        lambda _: httpx.Response(200, text=UNSIGNED),
        lambda _: httpx.Response(200, text=f'{{"{QUERY}":{PAID}}}'),
        lambda _: httpx.Response(200, content=f'{{"{QUERY}":{PAID},"sign":"x"}}'.encode("utf-16")),
        answered(QUERY, PAID, key=key_number(1)),
        answered(QUERY, PAID, shape='{{"{node}":{content},"sign":"!!"}}'),
        answered(QUERY, PAID, shape='{{"x":{{"{node}":{content}}},"{node}":{{"code":"10000"}},"sign":"{sign}"}}'),
        answered(QUERY, '{"code":"20000","sub_code":"isp.unknow-error"}'),
        answered(QUERY, '{"code":"40004","sub_code":"ACQ.SYSTEM_ERROR"}'),
        answered(QUERY, '{"code":"40004","sub_code":"AQC.SYSTEM_ERROR"}'),
        answered(QUERY, '{"code":"10000"}'),
        answered("error_response", PAID),
    ],
)
def test_what_is_no_answer_to_be_trusted_is_unknown(answer: Answerer) -> None:
    """Neither success nor failure: it is asked again."""
    assert isinstance(client(answer).query("P1"), Unknown)


def test_a_signed_refusal_is_a_definite_failure_with_its_code() -> None:
    """And one that is passing says so."""
    gone = client(answered(QUERY, '{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}')).query("P1")
    assert gone == Failure("40004", "ACQ.TRADE_NOT_EXIST")
    assert gone.no_trade
    assert not gone.passing
    limited = client(answered(QUERY, '{"code":"40005","sub_code":"isv.app-call-limited"}')).query("P1")
    assert isinstance(limited, Failure)
    assert limited.passing


def test_refunds_and_closing_are_read_by_the_fields_that_count() -> None:
    """fund_change Y is money; refund_status REFUND_SUCCESS is a refund; their absence is neither."""
    node = "alipay_trade_refund_response"
    for content, moved in (('{"code":"10000","fund_change":"Y"}', True), ('{"code":"10000","fund_change":"N"}', False)):
        assert client(answered(node, content)).refund("P1", 690, "R1") == RefundAnswer(moved)
    node = "alipay_trade_fastpay_refund_query_response"
    for content, done in (('{"code":"10000","refund_status":"REFUND_SUCCESS"}', True), ('{"code":"10000"}', False)):
        assert client(answered(node, content)).refund_query("P1", "R1") == RefundAnswer(done)
    assert client(answered("alipay_trade_close_response", '{"code":"10000"}')).close("P1") == Closed()


def test_a_bill_is_fetched_from_the_address_that_alipay_gives() -> None:
    """At once: it is good for half a minute. What does not come is unknown."""

    def leading_to(host: str) -> Answerer:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.method == "GET":
                return httpx.Response(200 if request.url.host == "good.test" else 403, content=b"PK")
            node = "alipay_data_dataservice_bill_downloadurl_query_response"
            return answered(node, f'{{"code":"10000","bill_download_url":"http://{host}/x"}}')(request)

        return answer

    day = date(2026, 11, 23)
    assert client(leading_to("good.test")).bill(day) == b"PK"
    assert client(leading_to("stale.test")).bill(day) == Unknown("bill: status 403, 2 bytes")


# ---- notices


def fields(**changes: str) -> dict[str, str]:
    made = {
        "notify_type": "trade_status_sync", "app_id": "a", "seller_id": "s", "out_trade_no": "P1", "trade_no": "t",
        "trade_status": "TRADE_SUCCESS", "total_amount": "6.90", "gmt_payment": "2026-11-24 10:00:00.123",
        "charset": "utf-8", "sign_type": "RSA2", "buyer_logon_id": "dai***@x.cn", "passback_params": "a%2Bb+c%3D",
    }  # fmt: skip
    return made | changes


def test_a_notice_is_decoded_once_and_keeps_nothing_of_the_buyer() -> None:
    """Percent signs and pluses in a field survive; milliseconds are read."""
    notice = client().read_notice(signed_form(fields()))
    assert notice.paid_at == datetime(2026, 11, 24, 2, 0, 0, 123000, tzinfo=UTC)
    assert "dai" not in repr(notice)


def test_a_notice_signed_with_sha1_is_refused_whatever_it_says() -> None:
    """SHA-256 is forced: sign_type is a claim."""
    for sign_type in ("RSA", "RSA2"):
        made = fields(sign_type=sign_type)
        text = "&".join(f"{k}={made[k]}" for k in sorted(made) if k != "sign_type")
        weak = base64.b64encode(ALIPAY.sign(text.encode(), padding.PKCS1v15(), hashes.SHA1())).decode()
        body = httpx.QueryParams({**made, "sign": weak})
        with pytest.raises(Forged):
            client().read_notice(str(body).encode())


@pytest.mark.parametrize(
    "body", [b"", b"a", b"sign=x", b"charset=utf-16&sign=x", b"sign=x&sign=y", b"%ff=%ff&sign=x", b"a&" * 300]
)
def test_garbage_at_the_notice_door_is_forged_and_never_another_error(body: bytes) -> None:
    """It is open to the world."""
    with pytest.raises(Forged):
        client().read_notice(body)


# ---- keys and certificates


def test_keys_are_taken_in_every_form_they_come_in_and_others_are_refused() -> None:
    """PKCS#1, PKCS#8, bare Base64; no short ones, no other kind."""
    plain = serialization.NoEncryption()
    for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
        pem = APP.private_bytes(serialization.Encoding.PEM, form, plain).decode()
        bare = "".join(pem.splitlines()[1:-1])
        assert private_key(pem).private_numbers() == private_key(bare).private_numbers() == APP.private_numbers()
    pem = (
        ALIPAY.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    assert public_key(pem) == public_key("".join(pem.splitlines()[1:-1])) == ALIPAY.public_key()
    for wrong in ("", "x", pem):
        with pytest.raises(WrongKey):
            private_key(wrong)
    with pytest.raises(WrongKey):
        public_key("x")


def certificate(subject: str, key: Any, issuer: str, issuer_key: Any, number: int) -> str:
    def name(common: str) -> x509.Name:
        parts = ((NameOID.COUNTRY_NAME, "CN"), (NameOID.ORGANIZATION_NAME, "Test"), (NameOID.COMMON_NAME, common))
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])

    made = (
        x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key())
        .serial_number(number).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=9))
        .sign(issuer_key, hashes.SHA256())
    )  # fmt: skip
    return made.public_bytes(serialization.Encoding.PEM).decode()


def test_in_certificate_mode_serial_numbers_are_signed_and_new_certificates_are_asked_for(tmp_path: Path) -> None:
    """Alipay changes its certificate: the new one is taken when our root vouches for it, and only then."""
    root_key, next_key, stranger = key_number(2), key_number(3), key_number(1)
    root = certificate("root", root_key, "root", root_key, 1)
    app = certificate("app", APP, "root", root_key, 2)
    files = certificates_from(app, certificate("alipay", ALIPAY, "root", root_key, 3), root.replace("\n", "\r\n"))
    parts = "CN=root,O=Test,C=CN2"
    digest = subprocess.run(["openssl", "md5", "-r"], input=parts.encode(), capture_output=True, check=True).stdout
    assert files.app_sn == digest.split()[0].decode()

    def serve(newer: str, key: Any) -> Answerer:
        serial = serial_of(x509.load_pem_x509_certificate(newer.encode()))

        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.params["method"] == "alipay.open.app.alipaycert.download":
                content = base64.b64encode(newer.encode()).decode()
                node = "alipay_open_app_alipaycert_download_response"
                return httpx.Response(200, json={node: {"code": "10000", "alipay_cert_content": content}})
            assert request.url.params["app_cert_sn"] == files.app_sn
            assert request.url.params["alipay_root_cert_sn"] == files.root_sn
            shape = '{{"{node}":{content},"alipay_cert_sn":"' + serial + '","sign":"{sign}"}}'
            return answered(QUERY, PAID, key=key, shape=shape)(request)

        return answer

    true = serve(certificate("alipay", next_key, "root", root_key, 4), next_key)
    assert isinstance(client(true, certificates=files, alipay_key=None).query("P1"), Trade)
    forged = serve(certificate("alipay", stranger, "root", stranger, 5), stranger)
    assert isinstance(client(forged, certificates=files, alipay_key=None).query("P1"), Unknown)


# ---- settings


def settings(tmp_path: Path, **changes: Any) -> AlipaySettings:
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    (tmp_path / "app").write_bytes(APP.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    for name, key in (("alipay", ALIPAY), ("own", APP)):
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        (tmp_path / name).write_bytes(key.public_key().public_bytes(pem, form))
    made = {
        "alipay_app_id": "1", "alipay_seller_id": "2", "alipay_notify_url": "https://x",
        "alipay_private_key_file": tmp_path / "app", "alipay_public_key_file": tmp_path / "alipay",
    }  # fmt: skip
    return AlipaySettings(**(made | changes))


def test_our_own_public_key_is_not_taken_for_alipays(tmp_path: Path) -> None:
    """The most reported mistake there is."""
    assert account_from(settings(tmp_path)).alipay_key == ALIPAY.public_key()
    with pytest.raises(SystemExit, match="our own key"):
        account_from(settings(tmp_path, alipay_public_key_file=tmp_path / "own"))
    with pytest.raises(SystemExit, match="PRIVATE_KEY_FILE"):
        account_from(settings(tmp_path, alipay_private_key_file=tmp_path / "none"))


@pytest.mark.parametrize(
    ("gateway", "fine"),
    [
        ("https://openapi.alipay.com/gateway.do", True),
        ("https://openapi-sandbox.dl.alipaydev.com/gateway.do", True),
        ("http://openapi.alipay.com/gateway.do", False),
        ("http://127.0.0.1:8790/gateway.do", False),
        ("https://alipay.com.example/gateway.do", False),
    ],
)
def test_nothing_stands_in_for_alipay_in_production(tmp_path: Path, gateway: str, fine: bool) -> None:
    """Only Alipay's own hosts, by TLS; locally anything goes."""
    assert settings(tmp_path, profile="local", alipay_gateway=gateway)
    if fine:
        assert settings(tmp_path, profile="production", alipay_gateway=gateway)
    else:
        with pytest.raises(ValueError, match="stands in"):
            settings(tmp_path, profile="production", alipay_gateway=gateway)


@pytest.mark.parametrize("name", ["alipay_notify_url", "alipay_return_url"])
def test_in_production_we_are_reached_by_tls(tmp_path: Path, name: str) -> None:
    """Locally anything goes; no return address is fine."""
    plain: dict[str, Any] = {name: "http://pocketid.example/notify"}
    assert settings(tmp_path, profile="local", **plain)
    with pytest.raises(ValueError, match="https"):
        settings(tmp_path, profile="production", **plain)
    assert settings(tmp_path, profile="production", alipay_return_url="")
