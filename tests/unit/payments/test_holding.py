"""An order is held after its subject, whoever that is by then; its row is never held for somebody who is waited for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import pytest

from services.payments.domain.orders import Order
from services.payments.holding import TRIES, held_order
from services.payments.ports import PaymentsTransaction
from shared.kernel.errors import SubjectErased, Unavailable
from shared.kernel.ids import new_id
from tests.unit.payments.test_domain import an_order


class ChangingHands:
    """A transaction in which an order has another subject at each look; what was done is written down."""

    def __init__(self, order: Order, subjects: Sequence[UUID | None], fenced: UUID | None = None) -> None:
        self.order_now, self.subjects, self.fenced = order, list(subjects), fenced
        self.done: list[Any] = []

    def order_seen(self, order_id: UUID) -> Order:
        if self.subjects:
            self.order_now = replace(self.order_now, subject_id=self.subjects.pop(0))
        return self.order_now

    def order(self, order_id: UUID) -> Order:
        self.done.append("row")
        return self.order_now

    def hold_subject(self, subject_id: UUID) -> None:
        self.done.append(subject_id)

    def refuse_fenced(self, subject_id: UUID) -> None:
        if subject_id == self.fenced:
            raise SubjectErased("fenced")


def held(tx: ChangingHands) -> Order | None:
    return held_order(tx.order_now.order_id, cast(PaymentsTransaction, tx))


def test_the_row_is_held_when_its_subject_is_and_not_before() -> None:
    """Passed on while its subject was waited for: the heir is held, then the row."""
    guest, heir = new_id(), new_id()
    for subjects, done in (
        ([guest, guest], [guest, "row"]),
        ([guest, heir, heir, heir], [guest, heir, "row"]),
        ([guest, None, None], [guest, "row"]),
        ([None], ["row"]),
    ):
        tx = ChangingHands(an_order(), subjects)
        assert held(tx) is not None
        assert tx.done == done


def test_the_row_of_the_erased_is_not_held() -> None:
    """And one that changes hands all the time is given up, to be tried again."""
    guest = new_id()
    tx = ChangingHands(an_order(), [guest, guest], fenced=guest)
    with pytest.raises(SubjectErased):
        held(tx)
    assert tx.done == [guest]
    restless = ChangingHands(an_order(), [new_id() for _ in range(2 * TRIES)])
    with pytest.raises(Unavailable):
        held(restless)
    assert "row" not in restless.done
