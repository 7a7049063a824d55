"""Payments' data in PostgreSQL: orders, refunds, entitlements. The books are in :mod:`.postgres_books`."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from services.payments.adapters.postgres_books import PostgresBooks
from services.payments.domain.entitlements import Grant, GrantKind, Unlock
from services.payments.domain.orders import Order, OrderState
from services.payments.domain.products import product_from, row_of
from services.payments.domain.refunds import Refund, RefundState

_TABLES = ("orders", "grants", "unlocks", "lost_photos", "idempotency")
"""What names a subject."""
_ORDER = (
    "order_id, subject_id, product, channel, photo_id, state, created_at, expires_at, next_look_at, looks, looked_at,"
    " trade_no, paid_at, refunded, keep_until, pay, event_id"
)
_REFUND = "refund_id, order_id, amount, cause, state, created_at, next_look_at, out_request_no, attempts, taken, done_at, trouble"
_GRANT = "grant_id, subject_id, order_id, kind, unlocks, total, created_at, used, taken_back, starts_at, ends_at"
_UNLOCK = "unlock_id, subject_id, photo_id, scopes, created_at, order_id, grant_id, ended_at"


class PostgresPayments(PostgresBooks):
    """One transaction on payments' tables."""

    # ---- orders

    def add_order(self, order: Order) -> None:
        """A new order."""
        self._insert("orders", {**_order_row(order), "amount": order.amount})

    def order_seen(self, order_id: UUID) -> Order | None:
        """An order by id, not held: it may change at once."""
        found = self._orders("order_id = %s", order_id)
        return found[0] if found else None

    def order(self, order_id: UUID) -> Order | None:
        """An order by id, held until this transaction ends."""
        found = self._orders("order_id = %s FOR UPDATE", order_id)
        return found[0] if found else None

    def save_order(self, order: Order) -> None:
        """An order's new state and facts."""
        self._update("orders", "order_id", _order_row(order))

    def orders_of(self, subject_id: UUID, limit: int, before: UUID | None) -> list[Order]:
        """The subject's orders, newest first."""
        condition = "subject_id = %s AND (%s::uuid IS NULL OR order_id < %s) ORDER BY order_id DESC LIMIT %s"
        return self._orders(condition, subject_id, before, before, limit)

    def orders_with_news(self, subject_id: UUID, after: UUID) -> list[Order]:
        """The subject's orders whose last event came after ``after``, oldest event first."""
        return self._orders("subject_id = %s AND event_id > %s ORDER BY event_id LIMIT 200", subject_id, after)

    def orders_due(self, now: datetime, limit: int) -> list[Order]:
        """Orders to be looked at, held until this transaction ends; those that others hold are passed over."""
        return self._orders("next_look_at <= %s ORDER BY next_look_at LIMIT %s FOR UPDATE SKIP LOCKED", now, limit)

    def orders_listed(self, state: str | None, limit: int) -> list[Order]:
        """Orders for operators, newest first."""
        return self._orders("%s::text IS NULL OR state = %s ORDER BY order_id DESC LIMIT %s", state, state, limit)

    def all_orders_of(self, subject_id: UUID) -> list[Order]:
        """Every order of the subject, held until this transaction ends."""
        return self._orders("subject_id = %s ORDER BY order_id FOR UPDATE", subject_id)

    def delete_orders_kept_until(self, now: datetime, limit: int) -> int:
        """Delete orders of nobody that need not be kept any longer; how many."""
        return self.connection.execute(
            "DELETE FROM orders WHERE order_id IN (SELECT order_id FROM orders WHERE subject_id IS NULL"
            " AND keep_until < %s AND next_look_at IS NULL LIMIT %s FOR UPDATE SKIP LOCKED)",
            (now, limit),
        ).rowcount

    # ---- refunds

    def add_refund(self, refund: Refund) -> None:
        """A new refund."""
        self._insert("refunds", _row(refund, _REFUND))

    def refund(self, refund_id: UUID) -> Refund | None:
        """A refund by id, held until this transaction ends."""
        found = self._refunds("refund_id = %s FOR UPDATE", refund_id)
        return found[0] if found else None

    def refund_of_request(self, out_request_no: str) -> Refund | None:
        """A refund by its number at Alipay."""
        found = self._refunds("out_request_no = %s", out_request_no)
        return found[0] if found else None

    def refunds_of(self, order_id: UUID) -> list[Refund]:
        """An order's refunds, oldest first."""
        return self._refunds("order_id = %s ORDER BY refund_id", order_id)

    def save_refund(self, refund: Refund) -> None:
        """A refund's new state and facts."""
        self._update("refunds", "refund_id", _row(refund, _REFUND))

    def refunds_due(self, now: datetime, limit: int) -> list[Refund]:
        """Refunds to be asked for, held until this transaction ends; those that others hold are passed over."""
        return self._refunds("next_look_at <= %s ORDER BY next_look_at LIMIT %s FOR UPDATE SKIP LOCKED", now, limit)

    def refund_figures(self, now: datetime) -> tuple[int, float]:
        """How many refunds have trouble, and the age in seconds of the oldest that is not done."""
        row = self.connection.execute(
            "SELECT count(trouble) AS trouble, min(created_at) AS oldest FROM refunds WHERE state = 'requested'"
        ).fetchone()
        if row is None or row["oldest"] is None:
            return 0, 0.0
        return int(row["trouble"]), (now - row["oldest"]).total_seconds()

    # ---- entitlements

    def add_grant(self, grant: Grant) -> None:
        """New credits or a pass."""
        self._insert("grants", _grant_row(grant))

    def save_grant(self, grant: Grant) -> None:
        """How much of it is used or taken back, and whose it is."""
        self._update("grants", "grant_id", _grant_row(grant))

    def grants_of(self, subject_id: UUID) -> list[Grant]:
        """The subject's credits and passes, oldest first."""
        return self._grants("subject_id", subject_id)

    def grants_of_order(self, order_id: UUID) -> list[Grant]:
        """What an order handed over."""
        return self._grants("order_id", order_id)

    def add_unlock(self, unlock: Unlock) -> None:
        """A reason why a photo is unlocked."""
        self._insert("unlocks", {**_row(unlock, _UNLOCK), "scopes": list(unlock.scopes)})

    def end_unlock(self, unlock_id: UUID, now: datetime) -> None:
        """A refund took it back."""
        self.connection.execute("UPDATE unlocks SET ended_at = %s WHERE unlock_id = %s", (now, unlock_id))

    def unlocks_of(self, subject_id: UUID, photo_id: UUID | None = None) -> list[Unlock]:
        """Every reason there is or was, of all the subject's photos or of one, oldest first."""
        return self._unlocks("subject_id = %s AND (%s::uuid IS NULL OR photo_id = %s)", subject_id, photo_id, photo_id)

    def unlocks_of_order(self, order_id: UUID) -> list[Unlock]:
        """The reasons that an order gave."""
        return self._unlocks("order_id = %s", order_id)

    def delete_unlocks(self, subject_id: UUID) -> int:
        """Delete every reason of the subject's; how many."""
        return self.connection.execute("DELETE FROM unlocks WHERE subject_id = %s", (subject_id,)).rowcount

    def delete_grants(self, subject_id: UUID) -> int:
        """Delete the subject's credits and passes; how many."""
        return self.connection.execute("DELETE FROM grants WHERE subject_id = %s", (subject_id,)).rowcount

    # ---- photos that are lost

    def add_lost_photo(self, photo_id: UUID, subject_id: UUID, now: datetime) -> None:
        """A photo that cannot be had any more. Again is fine."""
        self.connection.execute(
            "INSERT INTO lost_photos (photo_id, subject_id, lost_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (photo_id, subject_id, now),
        )

    def is_lost(self, photo_id: UUID) -> bool:
        """Whether it is known to be lost."""
        found = self.connection.execute("SELECT 1 FROM lost_photos WHERE photo_id = %s", (photo_id,))
        return found.fetchone() is not None

    def delete_lost_photos(self, before: datetime, limit: int) -> int:
        """Delete those lost before a moment; how many."""
        return self.connection.execute(
            "DELETE FROM lost_photos WHERE photo_id IN"
            " (SELECT photo_id FROM lost_photos WHERE lost_at < %s ORDER BY lost_at LIMIT %s)",
            (before, limit),
        ).rowcount

    def forget_lost_photos(self, subject_id: UUID) -> int:
        """Delete the subject's; how many."""
        return self.connection.execute("DELETE FROM lost_photos WHERE subject_id = %s", (subject_id,)).rowcount

    # ---- the subject as a whole

    def subjects_held(self, after: UUID | None, limit: int) -> list[UUID]:
        """Subjects that anything here names, in order, after one."""
        return self.subjects_in(_TABLES, after, limit)

    def count_subject(self, subject_id: UUID) -> dict[str, int]:
        """How many rows name the subject, by kind."""
        return self.count_rows(subject_id, _TABLES)

    # ---- rows

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        columns, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
        self.connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({values})", row)  # noqa: S608 - constant names

    def _update(self, table: str, key: str, row: dict[str, Any]) -> None:
        changes = ", ".join(f"{name} = %({name})s" for name in row if name != key)
        self.connection.execute(f"UPDATE {table} SET {changes} WHERE {key} = %({key})s", row)  # noqa: S608

    def _orders(self, condition: str, *values: object) -> list[Order]:
        rows = self.connection.execute(f"SELECT {_ORDER} FROM orders WHERE {condition}", values)  # noqa: S608
        return [
            Order(**{**row, "product": product_from(row["product"]), "state": OrderState(row["state"])}) for row in rows
        ]

    def _refunds(self, condition: str, *values: object) -> list[Refund]:
        rows = self.connection.execute(f"SELECT {_REFUND} FROM refunds WHERE {condition}", values)  # noqa: S608
        return [Refund(**{**row, "state": RefundState(row["state"])}) for row in rows]

    def _grants(self, column: str, value: UUID) -> list[Grant]:
        rows = self.connection.execute(
            f"SELECT {_GRANT} FROM grants WHERE {column} = %s ORDER BY grant_id",  # noqa: S608 - constant names
            (value,),
        )
        return [Grant(**{**row, "kind": GrantKind(row["kind"]), "unlocks": tuple(row["unlocks"])}) for row in rows]

    def _unlocks(self, condition: str, *values: object) -> list[Unlock]:
        rows = self.connection.execute(
            f"SELECT {_UNLOCK} FROM unlocks WHERE {condition} ORDER BY unlock_id",  # noqa: S608 - constant names
            values,
        )
        return [Unlock(**{**row, "scopes": tuple(row["scopes"])}) for row in rows]


def _row(value: object, columns: str) -> dict[str, Any]:
    return {name: getattr(value, name) for name in columns.split(", ")}


def _grant_row(grant: Grant) -> dict[str, Any]:
    return {**_row(grant, _GRANT), "unlocks": list(grant.unlocks)}


def _order_row(order: Order) -> dict[str, Any]:
    pay = Jsonb(dict(order.pay)) if order.pay is not None else None
    return {**_row(order, _ORDER), "product": Jsonb(row_of(order.product)), "pay": pay}
