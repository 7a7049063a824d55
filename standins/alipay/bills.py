"""Bills: which file a request may have, how long its address lives, and the addresses given out."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from standins.alipay.archives import gbk_zip
from standins.alipay.bill_files import Frame, balance_files, trade_files
from standins.alipay.clock import BEIJING
from standins.alipay.refusals import business
from standins.alipay.trades import Money, Refund, Trade

ADDRESS_LIFE = timedelta(seconds=30)
READY_HOUR, READY_MONTH_DAY = 10, 4
_DAY, _MONTH = re.compile(r"\d{4}-\d{2}-\d{2}"), re.compile(r"\d{4}-\d{2}")
BIZ_TYPES = {"trade": "trade", "signcustomer": "fnd"}


@dataclass(frozen=True)
class Address:
    """One download address."""

    name: str
    content: bytes
    dies: datetime


class Bills:
    """Addresses by token."""

    def __init__(self, seller_id: str) -> None:
        self.account = f"{seller_id}0156"
        self._addresses: dict[str, Address] = {}

    def offer(
        self,
        trades: Iterable[Trade],
        kind: str,
        period: str,
        now: datetime,
        *,
        empty: bool = False,
        extra: bool = False,
    ) -> tuple[str, str]:
        """The token and the file name of the bill of a finished period. Raises ``Refused``."""
        start, end, ready = _period(period)
        if end > now:
            raise business("isv.invalid_arguments")
        frame = Frame(self.account, start, end, now, extra)
        moves = sorted(_moves(trades, start, end), key=lambda move: move[1].at if move[1] else move[0].paid or start)
        if ready > now or not (moves or empty):
            raise business("isp.bill_not_exist")
        files = trade_files(frame, moves) if kind == "trade" else balance_files(frame, moves)
        token, name = secrets.token_hex(16), f"{self.account}_{period.replace('-', '')}.csv.zip"
        self._addresses[token] = Address(name, gbk_zip(files, now), now + ADDRESS_LIFE)
        return token, name

    def fetch(self, token: str, now: datetime) -> Address | None:
        """The file behind an address that is still alive."""
        found = self._addresses.get(token)
        return found if found and now < found.dies else None


def ready_at(day: datetime) -> datetime:
    """When the bill of this day can be had."""
    midnight = day.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1, hours=READY_HOUR)


def _period(text: str) -> tuple[datetime, datetime, datetime]:
    try:
        if _DAY.fullmatch(text):
            start = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=BEIJING)
            return start, start + timedelta(days=1), ready_at(start)
        if _MONTH.fullmatch(text):
            start = datetime.strptime(text, "%Y-%m").replace(tzinfo=BEIJING)
            end = (start + timedelta(days=32)).replace(day=1)
            return start, end, end + timedelta(days=READY_MONTH_DAY - 1, hours=READY_HOUR)
    except ValueError as error:
        raise business("isv.invalid_arguments") from error
    raise business("isv.invalid_arguments")


def _moves(trades: Iterable[Trade], start: datetime, end: datetime) -> Iterable[tuple[Trade, Refund | None]]:
    for trade in trades:
        if trade.paid and start <= trade.paid < end:
            yield trade, None
        for refund in trade.refunds.values():
            if refund.money is Money.MOVED and start <= refund.at < end:
                yield trade, refund
