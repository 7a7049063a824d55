"""Our Alipay client against the stand-in: two programs that were written apart meet on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from services.payments.adapters.alipay.certificates import certificates_from
from services.payments.adapters.alipay.client import Account, AlipayClient
from services.payments.adapters.alipay.signing import public_key
from services.payments.adapters.catalogue import products
from services.payments.domain.bills import parse_bill
from services.payments.domain.notices import Forged
from services.payments.domain.orders import Order, new_order
from services.payments.domain.reconciliation import BEIJING
from services.payments.domain.trades import Closed, Failure, RefundAnswer, Trade, Unknown
from shared.kernel.clock import utc_now
from shared.kernel.ids import new_id
from tests.integration.standins.conftest import Arm, Receiver
from tests.integration.standins.merchant import APP, Merchant, pem

pytestmark = pytest.mark.integration
READABLE = ["sign_first", "slashes", "unknown_fields", "braces_in_strings", "spaces"]
UNKNOWABLE = [
    "bad_gateway", "unavailable", "system_error", "unsigned_error", "cut_short_after_commit", "missing_sign",
    "bad_gateway_after_commit", "unavailable_after_commit", "system_error_after_commit", "wrong_signature",
    "altered_answer",
]  # fmt: skip


def client_of(
    merchant: Merchant, notify_url: str = "http://127.0.0.1:9/notify", http: httpx.Client | None = None
) -> AlipayClient:
    told = merchant.control("GET", "keys")
    account = Account(
        gateway=f"{merchant.url}/gateway.do", app_id=APP, key=merchant.key,
        alipay_key=public_key(told["alipay_public_key"]), notify_url=notify_url,
    )  # fmt: skip
    return AlipayClient(account, utc_now, http or merchant.http)


def now_at(merchant: Merchant) -> datetime:
    """The stand-in's clock, which other tests have put forward."""
    shown = str(merchant.control("GET", "clock")["now"])
    return datetime.fromisoformat(shown).replace(tzinfo=BEIJING).astimezone(UTC)


def an_order(merchant: Merchant, channel: str = "qr") -> Order:
    life = timedelta(minutes=15)
    return new_order(new_id(), new_id(), products()["hd-photo"], channel, new_id(), now_at(merchant), life)


def paid(merchant: Merchant, client: AlipayClient) -> Order:
    order = an_order(merchant)
    assert isinstance(client.pay(order), dict)
    merchant.control("POST", "buyer/open", {"out_trade_no": order.out_trade_no})
    merchant.control("POST", "buyer/pay", {"out_trade_no": order.out_trade_no})
    return order


def test_a_trade_from_its_code_to_its_refund_and_its_bill(merchant: Merchant, receiver: Receiver) -> None:
    """Every method of ours, and a notice that verifies."""
    client = client_of(merchant, receiver.url)
    order = an_order(merchant)
    number = order.out_trade_no
    missing = client.query(number)
    assert isinstance(missing, Failure)
    assert missing.no_trade
    code = client.pay(order)
    assert isinstance(code, dict)
    assert code["qr"].startswith("http")
    merchant.control("POST", "buyer/open", {"out_trade_no": number})
    waiting = client.query(number)
    assert isinstance(waiting, Trade)
    assert (waiting.status, waiting.total, waiting.paid_at) == ("WAIT_BUYER_PAY", 690, None)
    merchant.control("POST", "buyer/pay", {"out_trade_no": number})
    receiver.wait(number)
    notice = client.read_notice(receiver.bodies[-1])
    trade = client.query(number)
    assert isinstance(trade, Trade)
    assert (notice.trade_no, notice.total, notice.status) == (trade.trade_no, 690, "TRADE_SUCCESS")
    assert notice.paid_at == trade.paid_at
    with pytest.raises(Forged):
        client.read_notice(receiver.bodies[-1].replace(b"6.90", b"9.90"))
    assert client.refund(number, 90, "R1") == RefundAnswer(True)
    assert client.refund(number, 90, "R1") == RefundAnswer(False)
    assert client.refund_query(number, "R1") == RefundAnswer(True)
    assert client.refund_query(number, "R2") == RefundAnswer(False)
    closing = client.close(number)
    assert isinstance(closing, Failure)

    day = now_at(merchant).astimezone(BEIJING).date()
    merchant.control("POST", "clock", {"until": "bill"})
    archive = client.bill(day)
    assert isinstance(archive, bytes)
    lines = [line for line in parse_bill(archive) if line.out_trade_no == number]
    assert [(line.amount, line.request_no) for line in lines] == [(690, ""), (-90, "R1")]


def test_an_unpaid_trade_is_closed(merchant: Merchant) -> None:
    """And is then no more to be paid."""
    client, order = client_of(merchant), an_order(merchant)
    client.pay(order)
    merchant.control("POST", "buyer/open", {"out_trade_no": order.out_trade_no})
    assert client.close(order.out_trade_no) == Closed()
    trade = client.query(order.out_trade_no)
    assert isinstance(trade, Trade)
    assert trade.status == "TRADE_CLOSED"


@pytest.mark.parametrize("fault", READABLE)
def test_an_answer_in_an_odd_shape_is_read_all_the_same(merchant: Merchant, arm: Arm, fault: str) -> None:
    """The raw substring is what is signed."""
    client = client_of(merchant)
    order = paid(merchant, client)
    arm(fault, method="alipay.trade.query")
    trade = client.query(order.out_trade_no)
    assert isinstance(trade, Trade)
    assert trade.total == 690


@pytest.mark.parametrize("fault", UNKNOWABLE)
def test_an_answer_that_is_none_is_unknown_and_the_same_request_again_pays_once(
    merchant: Merchant, arm: Arm, fault: str
) -> None:
    """Done or not done: nobody knows until it is asked."""
    client = client_of(merchant)
    order = paid(merchant, client)
    arm(fault, method="alipay.trade.refund")
    assert isinstance(client.refund(order.out_trade_no, 90, "R1"), Unknown)
    assert isinstance(client.refund(order.out_trade_no, 90, "R1"), RefundAnswer)
    assert client.refund_query(order.out_trade_no, "R1") == RefundAnswer(True)
    assert merchant.control("GET", f"trades/{order.out_trade_no}")["refunded"] == "0.90"


def test_a_timeout_is_unknown(merchant: Merchant, arm: Arm) -> None:
    """Before it was done, and after."""
    with httpx.Client(timeout=0.3, trust_env=False) as impatient:
        client = client_of(merchant, http=impatient)
        order = paid(merchant, client)
        for fault in ("timeout", "timeout_after_commit"):
            arm(fault, method="alipay.trade.refund", seconds=1)
            assert isinstance(client.refund(order.out_trade_no, 90, "R1"), Unknown)


def test_certificate_mode_and_a_change_of_alipays_certificate(merchant: Merchant, key: rsa.RSAPrivateKey) -> None:
    """Serial numbers that the other side reckons alike; the new certificate is asked for by itself."""
    told = merchant.control("PUT", f"apps/{APP}", {"public_key": pem(key.public_key()), "mode": "certificate"})
    files = certificates_from(told["app_certificate"], told["alipay_certificate"], told["alipay_root_certificate"])
    assert (files.app_sn, files.root_sn) == (told["app_cert_sn"], told["alipay_root_cert_sn"])
    account = Account(
        gateway=f"{merchant.url}/gateway.do",
        app_id=APP,
        key=key,
        alipay_key=None,
        notify_url="http://x",
        certificates=files,
    )
    client = AlipayClient(account, utc_now, merchant.http)
    for _ in range(2):
        missing = client.query("P1")
        assert isinstance(missing, Failure)
        assert missing.no_trade
        merchant.control("POST", "certificates/rotate")
