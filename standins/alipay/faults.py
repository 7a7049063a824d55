"""The registry of named faults: what can go wrong on demand, how often, and for whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count


@dataclass(frozen=True)
class Kind:
    """A fault that can be armed: where it strikes, what it does, which arguments it takes (with their defaults)."""

    name: str
    where: str
    says: str
    arguments: dict[str, object] = field(default_factory=dict)


READ, BEFORE, AFTER, FORM, NOTICE, MONEY, BILL = "read", "before", "after", "form", "notice", "money", "bill"
KINDS = {
    kind.name: kind
    for kind in (
        Kind("charset_in_query_only", READ, "a body whose charset is not named in the query is read as GBK"),
        Kind("timeout", BEFORE, "nothing is done, and nothing comes for `seconds` (then HTTP 504)", {"seconds": 30}),
        Kind("bad_gateway", BEFORE, "nothing is done; HTTP 502 with a page of HTML"),
        Kind("unavailable", BEFORE, "nothing is done; 20000 `isp.unknow-error`"),
        Kind("call_limited", BEFORE, "nothing is done; 40005 `isv.app-call-limited`"),
        Kind("system_error", BEFORE, "nothing is done; 40004 `ACQ.SYSTEM_ERROR`"),
        Kind(
            "refuse",
            BEFORE,
            "nothing is done; the error you name",
            {"code": "40004", "sub_code": "ACQ.SYSTEM_ERROR", "sub_msg": ""},
        ),
        Kind("unsigned_error", BEFORE, "nothing is done; `error_response` 40002 without a signature"),
        Kind("timeout_after_commit", AFTER, "done, but nothing comes for `seconds` (then HTTP 504)", {"seconds": 30}),
        Kind("cut_short_after_commit", AFTER, "done, but the connection breaks in the middle of the answer"),
        Kind("bad_gateway_after_commit", AFTER, "done, but HTTP 502 with a page of HTML"),
        Kind("unavailable_after_commit", AFTER, "done, but 20000 `isp.unknow-error`"),
        Kind("system_error_after_commit", AFTER, "done, but 40004 `ACQ.SYSTEM_ERROR`"),
        Kind("sign_first", FORM, "`sign` comes before the node"),
        Kind("slashes", FORM, "every `/` in the node is written `\\/`"),
        Kind("unknown_fields", FORM, "the node holds fields that no document names"),
        Kind("braces_in_strings", FORM, 'a text in the node holds `}`, `{`, `"` and `\\`'),
        Kind("spaces", FORM, "blanks and line ends around keys, values and the node"),
        Kind("missing_sign", FORM, "the answer has no signature"),
        Kind("wrong_signature", FORM, "signed with a key that is not Alipay's"),
        Kind("altered_answer", FORM, "one field was changed after signing", {"field": "", "value": "changed"}),
        Kind("gbk", FORM, "the answer comes in GBK, whatever was asked for"),
        Kind("notice_duplicate", NOTICE, "`copies` more of the same notice, all at once or one by one",
             {"copies": 1, "at_once": False}),
        Kind("notice_reorder", NOTICE, "waits until a later notice was sent"),
        Kind("notice_delay", NOTICE, "sent `seconds` later (on the stand-in's clock)", {"seconds": 1}),
        Kind("notice_drop", NOTICE, "never sent, not even once"),
        Kind("notice_hold", NOTICE, "kept until `POST /_standin/notices/release`"),
        Kind("notice_forge", NOTICE, "a forged one of `kind` is sent first (`instead`: only that one)",
             {"kind": "other_key", "instead": False}),
        Kind("notice_gbk", NOTICE, "the notice is written and signed in GBK"),
        Kind("refund_pending", MONEY, "accepted with `fund_change` N; moves at `POST /_standin/refunds/settle`"),
        Kind("refund_says_n", MONEY, "the money moves, but the answer says `fund_change` N"),
        Kind("refund_query_lags", MONEY, "`refund_status` is absent from one answer of the refund query"),
        Kind("seller_balance_empty", MONEY, "the refund is refused with `ACQ.SELLER_BALANCE_NOT_ENOUGH`"),
        Kind("bill_empty_file", BILL, "a day without trades has a file without rows, not `isp.bill_not_exist`"),
        Kind("bill_extra_column", BILL, "the bill has a column more than documented, in the middle"),
        Kind("bill_late", BILL, "`isp.bill_not_exist` although the period is over"),
    )
}  # fmt: skip


@dataclass
class Armed:
    """A fault waiting to strike: ``left`` times (``None``: until cleared), for one method or order or for all."""

    number: int
    kind: Kind
    left: int | None
    method: str | None
    out_trade_no: str | None
    arguments: dict[str, object]
    struck: int = 0

    def number_of(self, name: str) -> float:
        """A numeric argument."""
        return float(str(self.arguments[name]))

    def text_of(self, name: str) -> str:
        """A text argument."""
        return str(self.arguments[name])

    def shown(self) -> dict[str, object]:
        """As the control interface lists it."""
        who = {"method": self.method, "out_trade_no": self.out_trade_no}
        return {
            "id": self.number,
            "name": self.kind.name,
            "left": self.left,
            "struck": self.struck,
            **who,
            **self.arguments,
        }


class Faults:
    """What is armed, oldest first."""

    def __init__(self) -> None:
        self._armed: list[Armed] = []
        self._numbers = count(1)

    def arm(
        self,
        name: str,
        times: int | None = 1,
        method: str | None = None,
        out_trade_no: str | None = None,
        arguments: dict[str, object] | None = None,
    ) -> Armed:
        """Raises ``ValueError`` for a name or an argument that is not in ``KINDS``."""
        kind = KINDS.get(name)
        unknown = set(arguments or {}) - set(kind.arguments if kind else {})
        if not kind or unknown or (times is not None and times < 1):
            raise ValueError(f"no such fault: {name} {sorted(unknown)}")
        armed = Armed(next(self._numbers), kind, times, method, out_trade_no, {**kind.arguments, **(arguments or {})})
        self._armed.append(armed)
        return armed

    def clear(self, name: str | None = None) -> int:
        """Disarm all, or all of a name; how many."""
        kept = [armed for armed in self._armed if name and armed.kind.name != name]
        gone, self._armed = len(self._armed) - len(kept), kept
        return gone

    def armed(self) -> list[Armed]:
        """All of them."""
        return list(self._armed)

    def take(self, *names: str, method: str = "", out_trade_no: str = "") -> Armed | None:
        """The oldest armed fault of these names that fits; it has struck once more."""
        for armed in self._armed:
            fits = armed.method in (None, method) and armed.out_trade_no in (None, out_trade_no)
            if armed.kind.name in names and fits:
                self._strike(armed)
                return armed
        return None

    def take_all(self, where: str, method: str = "", out_trade_no: str = "") -> list[Armed]:
        """The oldest armed fault of each name that strikes there."""
        names = [kind.name for kind in KINDS.values() if kind.where == where]
        found = [self.take(name, method=method, out_trade_no=out_trade_no) for name in names]
        return [armed for armed in found if armed]

    def _strike(self, armed: Armed) -> None:
        armed.struck += 1
        if armed.left is not None:
            armed.left -= 1
            if not armed.left:
                self._armed.remove(armed)


def names(where: str) -> tuple[str, ...]:
    """Every fault that strikes there."""
    return tuple(kind.name for kind in KINDS.values() if kind.where == where)
