"""The books and the comparison with bills, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from services.payments.domain.ledger import Balances, Entry
from services.payments.domain.reconciliation import Difference, DifferenceKind, DifferenceState, Movement
from shared.db import Transaction

_DIFFERENCE = "kind, reference, day, ours, theirs, state"


class PostgresBooks(Transaction):
    """The part of a transaction that books and compares."""

    def add_entry(self, entry: Entry) -> bool:
        """Book a fact; False when it is booked already."""
        row = self.connection.execute(
            "INSERT INTO ledger_entries (fact, order_id, at) VALUES (%s, %s, %s)"
            " ON CONFLICT (fact) DO NOTHING RETURNING entry_id",
            (entry.fact, entry.order_id, entry.at),
        ).fetchone()
        if row is None:
            return False
        for account, fen in entry.lines:
            self.connection.execute(
                "INSERT INTO ledger_lines (entry_id, account, fen) VALUES (%s, %s, %s)", (row["entry_id"], account, fen)
            )
        return True

    def balances(self) -> Balances:
        """The books' sums, and what orders and refunds say."""
        rows = self.connection.execute("SELECT account, sum(fen)::bigint AS fen FROM ledger_lines GROUP BY account")
        return Balances(
            accounts={row["account"]: row["fen"] for row in rows},
            unbalanced=self._number(
                "SELECT count(*) FROM (SELECT 1 FROM ledger_lines GROUP BY entry_id HAVING sum(fen) <> 0) AS wrong"
            ),
            held=self._number(
                "SELECT coalesce(sum(fen), 0) FROM ledger_lines JOIN ledger_entries USING (entry_id)"
                " JOIN orders USING (order_id) WHERE account = 'alipay'"
            ),
            received=self._number("SELECT coalesce(sum(amount), 0) FROM orders WHERE paid_at IS NOT NULL"),
            returned=self._number("SELECT coalesce(sum(amount), 0) FROM refunds WHERE state = 'succeeded'"),
        )

    def payments_between(self, begin: datetime, end: datetime, references: Iterable[UUID]) -> list[Movement]:
        """Payments of a span of time, and those of the named orders whenever they were."""
        rows = self.connection.execute(
            "SELECT order_id, amount, paid_at >= %(begin)s AND paid_at < %(end)s AS on_the_day FROM orders"
            " WHERE (paid_at >= %(begin)s AND paid_at < %(end)s) OR (paid_at IS NOT NULL AND order_id = ANY(%(named)s))",
            {"begin": begin, "end": end, "named": list(references)},
        )
        return [Movement(f"P{row['order_id'].hex}", row["amount"], row["on_the_day"]) for row in rows]

    def refunds_between(self, begin: datetime, end: datetime, references: Iterable[str]) -> list[Movement]:
        """Refunds done in a span of time, and those of the named requests whenever they were."""
        rows = self.connection.execute(
            "SELECT out_request_no, amount, done_at >= %(begin)s AND done_at < %(end)s AS on_the_day FROM refunds"
            " WHERE state = 'succeeded'"
            " AND ((done_at >= %(begin)s AND done_at < %(end)s) OR out_request_no = ANY(%(named)s))",
            {"begin": begin, "end": end, "named": list(references)},
        )
        return [Movement(row["out_request_no"], row["amount"], row["on_the_day"]) for row in rows]

    def is_compared(self, day: date) -> bool:
        """Whether a day's bill was compared."""
        return self._number("SELECT count(*) FROM compared_days WHERE day = %s", day) > 0

    def compared(self, day: date, now: datetime) -> None:
        """A day's bill is compared."""
        self.connection.execute(
            "INSERT INTO compared_days (day, compared_at) VALUES (%s, %s)"
            " ON CONFLICT (day) DO UPDATE SET compared_at = excluded.compared_at",
            (day, now),
        )

    def add_difference(self, difference: Difference) -> bool:
        """A difference that was found; False when it is known already."""
        return (
            self.connection.execute(
                f"INSERT INTO differences ({_DIFFERENCE}) VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",  # noqa: S608
                (
                    difference.kind,
                    difference.reference,
                    difference.day,
                    difference.ours,
                    difference.theirs,
                    difference.state,
                ),
            ).rowcount
            == 1
        )

    def differences(self, day: date) -> list[Difference]:
        """Every difference of a day, open or resolved."""
        rows = self.connection.execute(
            f"SELECT {_DIFFERENCE} FROM differences WHERE day = %s ORDER BY kind, reference",  # noqa: S608
            (day,),
        )
        return [
            Difference(**{**row, "kind": DifferenceKind(row["kind"]), "state": DifferenceState(row["state"])})
            for row in rows
        ]

    def resolve_difference(self, difference: Difference) -> None:
        """Both sides agree by now."""
        self.connection.execute(
            "UPDATE differences SET state = %s WHERE day = %s AND kind = %s AND reference = %s",
            (DifferenceState.RESOLVED, difference.day, difference.kind, difference.reference),
        )

    def count_open_differences(self) -> int:
        """How many wait for somebody to explain them."""
        return self._number("SELECT count(*) FROM differences WHERE state = 'open'")

    def _number(self, query: str, *values: object) -> int:
        row = self.connection.execute(query, values or None).fetchone()
        return int(next(iter(row.values()))) if row else 0
