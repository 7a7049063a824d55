"""The disclosure ledger: lines that are only ever added, the chain that keeps them, and the closed lists in words.

What stays when a subject is erased is a tally without a person: how often a recipient was told which kinds of things on
which ground, by month (see ADR 0022).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.contracts.disclosure_codes import Ground, Told
from shared.kernel.clock import rfc3339

TALLY_KEPT = timedelta(days=3 * 365 + 1)
"""Records of processing are kept three years (PIPL 56, 网络数据安全管理条例 12)."""
MAX_WHO = 80

GROUNDS: Mapping[Ground, Mapping[str, str]] = {
    "consent": {"zh": "经您事先同意", "en": "with your prior consent"},
    "necessary_service": {
        "zh": "为提供您所要求的产品和服务而必须分享",
        "en": "necessary for the product or service that you asked for",
    },
    "law_or_authority": {
        "zh": "根据法律的有关规定，或者行政、司法机构的要求",
        "en": "required by law, or by an administrative or judicial authority",
    },
    "breach_of_agreement": {
        "zh": "因违反法律、法规或服务协议而需要披露",
        "en": "because of a breach of law or of the service agreement",
    },
    "ip_complaint": {
        "zh": "作为知识产权投诉的相对方，以便双方处理纠纷",
        "en": "as a party to an intellectual property complaint, so that both sides can settle it",
    },
    "transaction_counterpart": {
        "zh": "应交易对方的请求，以便完成交易或解决纠纷",
        "en": "to the other side of a transaction, to complete it or settle a dispute",
    },
    "other_lawful": {"zh": "其他依法或依本政策合理的披露", "en": "other disclosure that the law or the policy allows"},
}
"""Clause 3 of the privacy policy, point by point."""

THINGS: Mapping[Told, Mapping[str, str]] = {
    "order_number": {"zh": "订单号", "en": "order number"},
    "amount": {"zh": "金额", "en": "amount"},
    "product_name": {"zh": "商品名称", "en": "product name"},
    "refund": {"zh": "退款请求号与金额", "en": "refund number and amount"},
    "login_code": {"zh": "一次性登录凭证", "en": "one-time login code"},
    "login_token": {"zh": "登录令牌", "en": "login token"},
    "provider_token": {"zh": "该平台颁发的令牌（用于撤销授权）", "en": "the provider's own token (to withdraw it)"},
    "account_record": {"zh": "账户信息", "en": "account record"},
    "identities": {"zh": "第三方登录信息", "en": "third-party logins"},
    "consents": {"zh": "同意记录", "en": "consent records"},
    "orders": {"zh": "订单信息", "en": "orders"},
    "photos": {"zh": "照片", "en": "photos"},
    "other": {"zh": "其他信息", "en": "other information"},
}

RECIPIENTS: Mapping[str, Mapping[str, str]] = {
    "alipay": {"zh": "支付宝", "en": "Alipay"},
    "wechat": {"zh": "微信", "en": "WeChat"},
    "qq": {"zh": "QQ", "en": "QQ"},
    "apple": {"zh": "Apple", "en": "Apple"},
    "weibo": {"zh": "微博", "en": "Weibo"},
    "huawei": {"zh": "华为", "en": "Huawei"},
    "oidc": {"zh": "OpenID Connect 登录服务", "en": "the OpenID Connect provider"},
}
"""Recipients that the system itself tells; an authority has the name that the operator gave."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One line of a subject's ledger. ``chain`` covers it and every line before it; ``source`` said so."""

    disclosure_id: UUID
    subject_id: UUID
    position: int
    who: str
    what: tuple[Told, ...]
    ground: Ground
    at: datetime
    reference: UUID | None
    source: str
    chain: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """What is kept without a person."""

    month: str
    who: str
    what: tuple[str, ...]
    ground: str


def chained(line: Disclosure, before: str) -> str:
    """The chain value of a line: SHA-256 over the chain before it and the line's content (hex)."""
    reference = str(line.reference) if line.reference else None
    content = [
        str(line.disclosure_id),
        line.who,
        list(line.what),
        line.ground,
        rfc3339(line.at),
        reference,
        line.source,
    ]
    return hashlib.sha256((before + json.dumps(content)).encode()).hexdigest()


def broken_at(ledger: Iterable[Disclosure]) -> int | None:
    """The number of the first line whose chain does not fit, or None when the ledger is whole."""
    before = ""
    for number, line in enumerate(ledger):
        if line.chain != chained(line, before):
            return number
        before = line.chain
    return None


def tally_of(line: Disclosure) -> Tally:
    """What is counted of a line."""
    return Tally(f"{line.at:%Y-%m}", line.who, line.what, line.ground)


def first_month_kept(now: datetime) -> str:
    """The oldest month whose tallies are still kept."""
    return f"{now - TALLY_KEPT:%Y-%m}"
