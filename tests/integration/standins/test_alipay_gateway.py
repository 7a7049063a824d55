"""The gateway's manners: where parameters may stand, charsets, checks, certificates, starting and not starting."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.testing.eventually import eventually
from tests.conftest import free_port
from tests.integration.standins.conftest import Receiver, answers, start
from tests.integration.standins.merchant import Merchant, genuine, order, pem, signed, take_apart

QUERY = "alipay.trade.query"


@pytest.mark.parametrize("where", ["get", "body", "both"])
def test_parameters_may_stand_in_the_query_or_in_the_body(merchant: Merchant, number: str, where: str) -> None:
    """GET and POST; the signature is over all of them, decoded."""
    asked = signed(merchant.key, merchant.common(QUERY, {"out_trade_no": number, "note": "a+b %20 中 & ="}))
    address = f"{merchant.url}/gateway.do"
    if where == "get":
        answer = take_apart(merchant.browse(asked))
    elif where == "body":
        answer = take_apart(merchant.http.post(address, data=asked))
    else:
        answer = merchant.send(asked)
    assert answer.sub_code == "ACQ.TRADE_NOT_EXIST"
    assert answer.http.headers["content-type"] == "text/html;charset=utf-8"


def test_gbk_is_answered_in_gbk(merchant: Merchant, number: str) -> None:
    """The request is signed and decoded in GBK; so is the answer."""
    answer = merchant.call(QUERY, {"out_trade_no": number, "note": "证件照"}, charset="gbk")
    assert answer.http.headers["content-type"] == "text/html;charset=GBK"
    assert answer.fields["sub_msg"] == "交易不存在"
    assert genuine(merchant.alipay(), answer.raw.encode("gbk"), answer.whole["sign"])


def test_errors_of_a_known_app_and_method_are_signed_in_their_node(merchant: Merchant, number: str) -> None:
    """Others come as a bare ``error_response``."""
    asked = signed(merchant.key, merchant.common(QUERY, {"out_trade_no": number}))
    wrong = merchant.send({**asked, "added": "<x>"})
    assert (wrong.node, wrong.fields["code"]) == ("alipay_trade_query_response", "40002")
    assert wrong.sub_code == "isv.invalid-signature"
    assert "&amp;added=&lt;x&gt;" in wrong.fields["sub_msg"] or "added=&lt;x&gt;&amp;" in wrong.fields["sub_msg"]
    assert genuine(merchant.alipay(), wrong.raw.encode(), wrong.whole["sign"])
    for changed in ({"app_id": "9021000000000009"}, {"method": "alipay.trade.guess"}):
        bare = merchant.send({**asked, **changed})
        assert (bare.node, "sign" in bare.whole) == ("error_response", False)


def test_a_clock_in_utc_is_found_out(merchant: Merchant, number: str) -> None:
    """Timestamps are Beijing time."""
    answer = merchant.call(QUERY, {"out_trade_no": number}, timestamp="2026-01-01 00:00:00")
    assert answer.sub_code == "isv.invalid-timestamp"
    merchant.control("PUT", "options", {"timestamp_tolerance_seconds": 0})
    answer = merchant.call(QUERY, {"out_trade_no": number}, timestamp="2026-01-01 00:00:00")
    assert answer.sub_code == "ACQ.TRADE_NOT_EXIST"


def test_an_app_registers_its_key_and_only_that_key_counts(merchant: Merchant, number: str) -> None:
    """A second registration replaces the first."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    merchant.control("PUT", f"apps/{merchant.app_id}", {"public_key": pem(other.public_key())})
    assert merchant.call(QUERY, {"out_trade_no": number}).sub_code == "isv.invalid-signature"
    bare = "".join(pem(merchant.key.public_key()).splitlines()[1:-1])
    merchant.control("PUT", f"apps/{merchant.app_id}", {"public_key": bare})
    assert merchant.call(QUERY, {"out_trade_no": number}).sub_code == "ACQ.TRADE_NOT_EXIST"
    wrong = merchant.http.put(f"{merchant.url}/_standin/apps/{merchant.app_id}", json={"public_key": "nothing"})
    assert wrong.status_code == 422


def serial(certificate: x509.Certificate) -> str:
    text = certificate.issuer.rfc4514_string() + str(certificate.serial_number)
    return hashlib.md5(text.encode()).hexdigest()


def test_certificate_mode_from_the_issue_to_a_change_of_alipays_key(
    merchant: Merchant, receiver: Receiver, number: str
) -> None:
    """Serial numbers in requests and answers, a new certificate fetched by its number, and its chain to the root."""
    told = merchant.control(
        "PUT", f"apps/{merchant.app_id}", {"public_key": pem(merchant.key.public_key()), "mode": "certificate"}
    )
    roots = x509.load_pem_x509_certificates(told["alipay_root_certificate"].encode())
    known = [root for root in roots if root.signature_algorithm_oid.dotted_string.startswith("1.2.840.113549.1.1")]
    own = x509.load_pem_x509_certificate(told["app_certificate"].encode())
    assert (len(roots), len(known)) == (3, 2)
    missing = merchant.call(QUERY, {"out_trade_no": number})
    assert missing.sub_code == "isv.invalid-parameter"
    merchant.extra = {"app_cert_sn": serial(own), "alipay_root_cert_sn": "_".join(serial(root) for root in known)}
    answer = merchant.call(QUERY, {"out_trade_no": number})
    first = x509.load_pem_x509_certificate(told["alipay_certificate"].encode())
    assert answer.sub_code == "ACQ.TRADE_NOT_EXIST"
    assert answer.whole["alipay_cert_sn"] == serial(first) == told["alipay_cert_sn"]
    fresh = merchant.control("POST", "certificates/rotate")["alipay_cert_sn"]
    answer = merchant.call(QUERY, {"out_trade_no": number})
    assert answer.whole["alipay_cert_sn"] == fresh != serial(first)
    fetched = merchant.call("alipay.open.app.alipaycert.download", {"alipay_cert_sn": fresh}).fields
    second = x509.load_pem_x509_certificate(base64.b64decode(fetched["alipay_cert_content"]))
    second.verify_directly_issued_by(next(root for root in roots if root.subject == second.issuer))
    key = second.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert genuine(key, answer.raw.encode(), answer.whole["sign"])
    assert merchant.call("alipay.open.app.alipaycert.download", {"alipay_cert_sn": "0" * 32}).fields["code"] == "40002"


def test_a_body_whose_charset_is_hidden_may_be_read_as_gbk(merchant: Merchant, number: str) -> None:
    """Which is why the charset belongs into the query."""
    asked = signed(merchant.key, merchant.common("alipay.trade.precreate", order(number)))
    merchant.control("POST", "faults", {"name": "charset_in_query_only", "times": 2})
    hidden = take_apart(merchant.http.post(f"{merchant.url}/gateway.do", data=asked))
    assert hidden.sub_code in ("isv.invalid-signature", "isv.invalid-charset")
    query = urlencode({"charset": "utf-8"})
    told = {name: value for name, value in asked.items() if name != "charset"}
    assert take_apart(merchant.http.post(f"{merchant.url}/gateway.do?{query}", data=told)).fields["code"] == "10000"


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"POCKETID_PROFILE": "production"}, "POCKETID_PROFILE"),
        ({"POCKETID_PROFILE": ""}, "POCKETID_PROFILE"),
        ({"POCKETID_STANDIN_ALIPAY_APP_ID": "7"}, "POCKETID_STANDIN_ALIPAY_APP_ID"),
        ({"POCKETID_STANDIN_ALIPAY_SPEED": "0"}, "POCKETID_STANDIN_ALIPAY_SPEED"),
        ({"POCKETID_STANDIN_ALIPAY_KEY": "nowhere.pem"}, "key"),
    ],
)
def test_it_does_not_start_in_production_nor_with_wrong_settings(environment: dict[str, str], line: str) -> None:
    """Exit code 2, one line that names the setting, nothing listening."""
    port = free_port()
    running = start(port, **environment)
    try:
        _, said = running.communicate(timeout=20)
    finally:
        running.kill()
    assert running.returncode == 2
    assert said.count(b"\n") == 1
    assert line.encode() in said
    assert not answers(f"http://127.0.0.1:{port}")


def test_it_starts_with_keys_from_files_and_ends_on_request(
    tmp_path: Path, key: rsa.RSAPrivateKey, http: httpx.Client
) -> None:
    """The app is registered at once, in certificate mode when asked; SIGTERM ends it soon."""
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "own").write_bytes(key.private_bytes(*form))
    (tmp_path / "app").write_text(pem(key.public_key()))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    names = {"KEY": str(tmp_path / "own"), "APP_PUBLIC_KEY": str(tmp_path / "app"), "MODE": "certificate"}
    running = start(port, **{f"POCKETID_STANDIN_ALIPAY_{name}": value for name, value in names.items()})
    try:
        eventually(lambda: answers(url), within=20)
        told = Merchant(url, key, http).control("GET", "keys")
        assert told["alipay_public_key"] == pem(key.public_key())
        assert told["apps"]["9021000000000001"]["mode"] == "certificate"
    finally:
        running.terminate()
        _finish(running)


def _finish(running: subprocess.Popen[bytes]) -> None:
    _, said = running.communicate(timeout=10)
    assert running.returncode in (0, -15), said
