"""What the stand-in signs and checks, against signatures made by hand."""

from __future__ import annotations

import base64
import html
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from standins.alipay.answers import Signer, render
from standins.alipay.calls import parameters, read
from standins.alipay.certificates import Authority, root_serial_of, serial_of
from standins.alipay.clock import parse_stamp
from standins.alipay.faults import FORM, Faults, names
from standins.alipay.keyring import Keyring
from standins.alipay.refusals import Refused
from standins.alipay.signing import NOTICE, REQUEST, public_pem, read_public_key, sign, text_to_sign, verify

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = KEY.public_key()
TEXTS = st.text(st.characters(codec="gb18030", exclude_categories=["Cs"]), max_size=40)
COMMON = {
    "app_id": "9021000000000001",
    "method": "alipay.trade.query",
    "charset": "utf-8",
    "sign_type": "RSA2",
    "timestamp": "2026-11-24 12:00:00",
    "version": "1.0",
    "biz_content": '{"out_trade_no":"T1"}',
}


def ring(*, certified: bool = False) -> Keyring:
    keyring = Keyring(OTHER, Authority(datetime(2026, 11, 24, tzinfo=UTC)))
    keyring.register(COMMON["app_id"], PUBLIC, certified=certified)
    return keyring


def signed(given: dict[str, str]) -> dict[str, str]:
    text = "&".join(f"{name}={given[name]}" for name in sorted(given) if given[name])
    signature = KEY.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return {**given, "sign": base64.b64encode(signature).decode()}


def refused(given: dict[str, str], keyring: Keyring | None = None, **more: object) -> Refused:
    with pytest.raises(Refused) as caught:
        read(given, keyring or ring(), {"alipay.trade.query"}, **more)  # type: ignore[arg-type]
    return caught.value


def test_the_string_of_a_request_keeps_its_sign_type_and_that_of_a_notice_does_not() -> None:
    """Sorted by key, raw values, nothing empty, never the signature."""
    given = {"b": "2", "a": "1&=", "sign": "x", "sign_type": "RSA2", "empty": "", "A": "中"}
    assert text_to_sign(given, REQUEST) == "A=中&a=1&=&b=2&sign_type=RSA2"
    assert text_to_sign(given, NOTICE) == "A=中&a=1&=&b=2"


@given(text=TEXTS, charset=st.sampled_from(["utf-8", "UTF-8", "gbk", "GB2312"]))
@settings(max_examples=30, deadline=None)
def test_what_is_signed_can_be_verified_in_the_same_charset_only_by_the_same_key(text: str, charset: str) -> None:
    """Another text, another key, SHA-1 and broken Base64 are refused without an exception."""
    signature = sign(KEY, text, charset)
    assert verify(PUBLIC, text, signature, charset)
    assert not verify(PUBLIC, text + "x", signature, charset)
    assert not verify(OTHER.public_key(), text, signature, charset)
    assert not verify(PUBLIC, text, sign(KEY, text, charset, legacy=True), charset)
    assert not verify(PUBLIC, text, signature[:-3] + "%%%", charset)
    assert not verify(PUBLIC, text, "", charset)
    assert not verify(PUBLIC, text, f"{signature[:9]}*{signature[9:]}", charset)


@given(given=st.dictionaries(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1), TEXTS, max_size=6))
@settings(max_examples=50, deadline=None)
@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
def test_parameters_are_decoded_once_from_query_and_body(charset: str, given: dict[str, str]) -> None:
    """Signs of percent, plus, ampersand and Chinese survive in both charsets, wherever they come from."""
    given = {f"x{name}": value for name, value in given.items()}
    codec = {"utf-8": "utf-8", "gbk": "gb18030"}[charset]
    encoded = urlencode(given, encoding=codec).encode()
    named = f"charset={charset}".encode()
    assert parameters(named, encoded) == {**given, "charset": charset}
    assert parameters(b"", named + b"&" + encoded) == {**given, "charset": charset}
    assert parameters(named + b"&" + encoded) == {**given, "charset": charset}


def test_a_body_without_a_charset_in_the_query_can_be_read_as_gbk() -> None:
    """What the real gateway may do: the text is another one then, and the signature does not fit."""
    body = urlencode({"subject": "证件照", "charset": "utf-8"}).encode()
    try:
        read_as = parameters(b"a=1", body, charset_in_query_only=True)["subject"]
    except Refused:
        read_as = ""
    assert read_as != "证件照"
    assert parameters(b"charset=utf-8", body, charset_in_query_only=True)["subject"] == "证件照"


def test_a_call_that_is_signed_by_the_app_is_read() -> None:
    """Numbers in the business parameters stay as they were written."""
    call = read(signed({**COMMON, "biz_content": '{"total_amount":9.90}'}), ring(), {"alipay.trade.query"})
    assert call.biz == {"total_amount": "9.90"}
    assert call.charset == "utf-8"


@pytest.mark.parametrize(
    ("changed", "code", "sub_code"),
    [
        ({"app_id": ""}, "40001", "isv.missing-app-id"),
        ({"method": ""}, "40001", "isv.missing-method"),
        ({"sign": ""}, "40001", "isv.missing-signature"),
        ({"sign_type": ""}, "40001", "isv.missing-signature-type"),
        ({"timestamp": ""}, "40001", "isv.missing-timestamp"),
        ({"version": ""}, "40001", "isv.missing-version"),
        ({"charset": "latin-1"}, "40002", "isv.invalid-charset"),
        ({"charset": ""}, "40002", "isv.invalid-charset"),
        ({"sign_type": "RSA"}, "40002", "isv.invalid-signature-type"),
        ({"method": "alipay.trade.guess"}, "40002", "isv.invalid-method"),
        ({"version": "2.0"}, "40002", "isv.invalid-parameter"),
        ({"format": "xml"}, "40002", "isv.invalid-parameter"),
        ({"timestamp": "2026-11-24T12:00:00Z"}, "40002", "isv.invalid-timestamp"),
        ({"timestamp": "2026-13-24 12:00:00"}, "40002", "isv.invalid-timestamp"),
        ({"app_id": "9021000000000002"}, "40002", "isv.invalid-app-id"),
        ({"biz_content": '{"out_trade_no":"T2"}'}, "40002", "isv.invalid-signature"),
        ({"added": "later"}, "40002", "isv.invalid-signature"),
        ({"sign": "not base64"}, "40002", "isv.invalid-signature"),
    ],
)
def test_every_common_parameter_is_checked_before_any_business(
    changed: dict[str, str], code: str, sub_code: str
) -> None:
    """What is missing is 40001, what is wrong 40002."""
    error = refused({**signed(COMMON), **changed})
    assert (error.code, error.sub_code) == (code, sub_code)


def test_a_wrong_signature_is_answered_with_the_string_that_was_built() -> None:
    """HTML-escaped, without the signature."""
    error = refused({**signed(COMMON), "added": "<later>"})
    assert error.sub_msg.endswith(html.escape(text_to_sign({**COMMON, "added": "<later>"}, REQUEST), quote=False))
    assert "&amp;" in error.sub_msg


@pytest.mark.parametrize("content", ["[]", "7", "{", '"x"'])
def test_business_parameters_are_a_json_object_or_refused(content: str) -> None:
    """Anything else is an invalid parameter, signed or not."""
    assert refused(signed({**COMMON, "biz_content": content})).sub_code == "isv.invalid-parameter"


def test_a_timestamp_in_another_time_zone_is_refused() -> None:
    """UTC in place of Beijing time is eight hours off; without a tolerance nobody looks."""
    now = parse_stamp("2026-11-24 20:00:00")
    assert refused(signed(COMMON), now=now, tolerance_seconds=900).sub_code == "isv.invalid-timestamp"
    assert read(signed(COMMON), ring(), {"alipay.trade.query"}, now=now, tolerance_seconds=0)
    near = now - timedelta(hours=7, minutes=50)
    assert read(signed(COMMON), ring(), {"alipay.trade.query"}, now=near, tolerance_seconds=900)


def test_in_certificate_mode_both_serial_numbers_must_be_there_and_right() -> None:
    """And they are part of what is signed."""
    keyring = ring(certified=True)
    files = keyring.files(keyring.apps[COMMON["app_id"]])
    right = {**COMMON, **{name: files[name] for name in ("app_cert_sn", "alipay_root_cert_sn")}}
    assert read(signed(right), keyring, {"alipay.trade.query"}).app.certificate
    assert refused(signed(COMMON), keyring).sub_code == "isv.invalid-parameter"
    assert refused(signed({**right, "app_cert_sn": "0" * 32}), keyring).sub_code == "isv.invalid-parameter"
    assert refused({**signed(COMMON), **right}, keyring).sub_code == "isv.invalid-signature"


def test_serial_numbers_are_made_of_the_issuer_and_the_decimal_number() -> None:
    """The issuer is written from its common name outwards; roots that are not RSA are skipped."""
    authority = Authority(datetime(2026, 11, 24, tzinfo=UTC))
    certificate = authority.issue("app", PUBLIC)
    assert certificate.issuer.rfc4514_string().startswith("CN=")
    assert len(serial_of(certificate)) == 32
    roots = authority.roots
    assert len(roots) == 3
    assert root_serial_of(roots).count("_") == 1
    certificate.verify_directly_issued_by(next(root for root in roots if root.subject == certificate.issuer))
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_public_key_is_read_with_and_without_its_frame() -> None:
    """The console shows bare Base64."""
    framed = public_pem(PUBLIC)
    bare = "".join(framed.splitlines()[1:-1])
    assert read_public_key(framed).public_numbers() == read_public_key(bare).public_numbers() == PUBLIC.public_numbers()
    with pytest.raises(ValueError, match=r"(?i)key|pem|data"):
        read_public_key("nothing")


@pytest.mark.parametrize("certificate", ["", "0123456789abcdef0123456789abcdef"])
@pytest.mark.parametrize("form", [None, *names(FORM)])
def test_an_answer_is_json_and_its_signature_fits_the_raw_node_unless_asked_otherwise(
    form: str | None, certificate: str
) -> None:
    """Every form that is legal keeps the signature right; the three that are not do not."""
    faults = Faults()
    forms = [faults.arm(form)] if form else []
    fields: dict[str, object] = {"code": "10000", "total_amount": "9.90", "subject": "1寸/2寸"}
    text = render("a_response", fields, Signer(KEY, certificate), OTHER, forms)
    whole = json.loads(text)
    start = text.index("{", text.index('"a_response"'))
    _, end = json.JSONDecoder().raw_decode(text, start)
    good = verify(PUBLIC, text[start:end], whole.get("sign", ""))
    assert good == (form not in ("missing_sign", "wrong_signature", "altered_answer"))
    assert whole.get("alipay_cert_sn", "") == certificate
    assert (next(iter(whole)) == "sign") == (form == "sign_first")


def test_a_form_is_parsed_back_to_what_was_signed() -> None:
    """The encoding on the wire keeps every character of an order string."""
    given = {"subject": "a b+c%&=/中"}
    assert dict(parse_qsl(urlencode(given))) == parameters(urlencode(given).encode()) == given
