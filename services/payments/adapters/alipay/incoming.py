"""Reading a notice: decoded once, verified with SHA-256 whatever it claims, and stripped of all that is the buyer's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from services.payments.adapters.alipay.signing import holds, notice_text
from services.payments.domain import money
from services.payments.domain.notices import TRADE_NOTICE, Forged, Notice
from services.payments.domain.reconciliation import BEIJING
from shared.kernel.errors import BadRequest

MAX_FIELDS = 200
_CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "gbk": "gb18030", "gb2312": "gb18030", "gb18030": "gb18030"}


def read_notice(body: bytes, keys: Iterable[RSAPublicKey]) -> Notice:
    """The notice in a form body; raises :class:`Forged` with a reason when it is not Alipay's, and nothing else."""
    fields, charset = _fields(body)
    if fields.get("sign_type", "RSA2") != "RSA2":
        raise Forged("sign_type")
    signature = fields.get("sign", "")
    if not signature:
        raise Forged("unsigned")
    try:
        signed = notice_text(fields).encode(charset)
    except UnicodeEncodeError as error:
        raise Forged("malformed") from error
    if not any(holds(signed, signature, key) for key in keys):
        raise Forged("signature")
    try:
        return _notice(fields)
    except (BadRequest, KeyError, ValueError) as error:
        raise Forged("fields") from error


def moment(text: str) -> datetime | None:
    """A time of Alipay's (Beijing, with or without milliseconds) in UTC; None when there is none."""
    if not text:
        return None
    return datetime.fromisoformat(text.strip()).replace(tzinfo=BEIJING).astimezone(UTC)


def _fields(body: bytes) -> tuple[dict[str, str], str]:
    try:
        raw = body.decode("ascii")
        told = dict(parse_qsl(raw, encoding="latin-1", max_num_fields=MAX_FIELDS)).get("charset", "utf-8")
        charset = _CHARSETS[told.lower()]
        pairs = parse_qsl(raw, keep_blank_values=True, encoding=charset, errors="strict", max_num_fields=MAX_FIELDS)
    except (ValueError, KeyError) as error:
        raise Forged("malformed") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Forged("malformed")
    return fields, charset


def _notice(fields: dict[str, str]) -> Notice:
    if fields["notify_type"] != TRADE_NOTICE:
        return Notice(fields["notify_type"], "", "", "", "", "", 0)
    return Notice(
        notify_type=fields["notify_type"],
        app_id=fields["app_id"],
        seller_id=fields.get("seller_id", ""),
        out_trade_no=fields["out_trade_no"],
        trade_no=fields["trade_no"],
        status=fields["trade_status"],
        total=money.fen(fields["total_amount"]),
        refunded=money.fen(fields.get("refund_fee") or "0"),
        out_biz_no=fields.get("out_biz_no", "")[:64],
        paid_at=moment(fields.get("gmt_payment", "")),
    )
