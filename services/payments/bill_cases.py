"""The daily jobs: Alipay's bill against our books, and the books against themselves. What does not agree calls somebody."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from services.payments.domain import orders as order_rules
from services.payments.domain import reconciliation as rules
from services.payments.domain.bills import BillLine, BrokenBill, parse_bill
from services.payments.domain.ledger import faults_of
from services.payments.domain.reconciliation import Difference, DifferenceKind, DifferenceState
from services.payments.domain.trades import Failure, Unknown
from services.payments.payment_cases import look_at
from services.payments.ports import PaymentsParts, PaymentsTransaction
from shared.contracts import bookkeeping
from shared.kernel import log
from shared.kernel.errors import BadRequest, Unavailable
from shared.telemetry import metrics

logger = log.get_logger("payments")
EMPTY = frozenset({"isp.bill_not_exist", "BILL_NOT_EXIST"})
DAYS_TO_CATCH_UP = 7


def reconcile_day(request: bookkeeping.ReconcileDay, parts: PaymentsParts) -> bookkeeping.Reconciled:
    """Fetch a day's bill and compare it with our books, both ways; again is fine. Raises ``unavailable``."""
    if request.day >= rules.day_of(parts.clock()):
        raise BadRequest("only a day that is over has a bill")
    lines = _bill_of(request.day, parts)
    found = _compare(request.day, lines, parts)
    if not lines and found is None:
        return bookkeeping.Reconciled(
            day=request.day, status="not_ready", payments=0, refunds=0, amount=0, differences=[]
        )
    if found and _heal(found, parts):
        found = _compare(request.day, lines, parts)
    payments = [line for line in lines if not line.is_refund]
    return bookkeeping.Reconciled(
        day=request.day,
        status="compared" if lines else "empty",
        payments=len(payments),
        refunds=len(lines) - len(payments),
        amount=sum(line.amount for line in lines),
        differences=[_shown(difference) for difference in found or []],
    )


def reconcile_yesterday(parts: PaymentsParts) -> None:
    """Every hour: the newest days whose bills should be ready and are not compared yet."""
    newest = rules.day_to_fetch(parts.clock())
    for back in reversed(range(DAYS_TO_CATCH_UP)):
        day = date.fromordinal(newest.toordinal() - back)
        with parts.work.begin() as tx:
            wanted = not tx.is_compared(day)
        if wanted:
            reconcile_day(bookkeeping.ReconcileDay(day=day), parts)


def check_ledger(parts: PaymentsParts) -> list[str]:
    """Every day: what is wrong with the books, in words; each is an error line and a metric."""
    with parts.work.begin() as tx:
        faults = faults_of(tx.balances())
        differences = tx.count_open_differences()
    for fault in faults:
        logger.error("the books are wrong", detail=fault)
    metrics.LEDGER_FAULTS.set(len(faults))
    metrics.DIFFERENCES.set(differences)
    return faults


def _bill_of(day: date, parts: PaymentsParts) -> list[BillLine]:
    archive = parts.alipay.bill(day)
    if isinstance(archive, Failure):
        if archive.sub_code in EMPTY:
            return []
        raise Unavailable(f"no bill: {archive}")
    if isinstance(archive, Unknown):
        raise Unavailable(f"no bill: {archive.reason}")
    try:
        return parse_bill(archive)
    except BrokenBill as error:
        logger.error("broken bill", day=str(day), detail=str(error))
        raise Unavailable("the bill is broken") from error


def _compare(day: date, lines: list[BillLine], parts: PaymentsParts) -> list[Difference] | None:
    """The differences; None when the bill is not there yet: we have movements, and Alipay says that it has no bill."""
    begin, end = rules.bounds_of(day)
    ids = [order_rules.order_of_trade_no(line.out_trade_no) for line in lines if not line.is_refund]
    requests = [line.request_no for line in lines if line.is_refund]
    with parts.work.begin() as tx:
        payments = {m.reference: m for m in tx.payments_between(begin, end, [i for i in ids if i is not None])}
        refunds = {m.reference: m for m in tx.refunds_between(begin, end, requests)}
        found = rules.compared(day, lines, payments, refunds)
        if found and not lines and day >= rules.day_to_fetch(parts.clock()):
            logger.warning("bill not ready", day=str(day))
            return None
        _record(day, found, tx)
        _resolve_elsewhere(day, lines, tx)
        tx.compared(day, parts.clock())
        metrics.DIFFERENCES.set(tx.count_open_differences())
    return found


def _record(day: date, found: list[Difference], tx: PaymentsTransaction) -> None:
    for difference in found:
        if tx.add_difference(difference):
            logger.error("bill and books differ", day=str(day), reason=difference.kind, detail=difference.reference)
    still = {(difference.kind, difference.reference) for difference in found}
    for known in tx.differences(day):
        if known.state is DifferenceState.OPEN and (known.kind, known.reference) not in still:
            tx.resolve_difference(known)


def _resolve_elsewhere(day: date, lines: list[BillLine], tx: PaymentsTransaction) -> None:
    """What was missed in a neighbouring day's bill and stands in this one is explained: it was around midnight."""
    named = {line.request_no if line.is_refund else line.out_trade_no for line in lines}
    missed = (DifferenceKind.PAYMENT_NOT_THEIRS, DifferenceKind.REFUND_NOT_THEIRS)
    for neighbour in (day.toordinal() - 1, day.toordinal() + 1):
        for known in tx.differences(date.fromordinal(neighbour)):
            if known.state is DifferenceState.OPEN and known.kind in missed and known.reference in named:
                tx.resolve_difference(known)


def _heal(found: list[Difference], parts: PaymentsParts) -> bool:
    """A payment that we missed altogether is asked about now, and then served or returned; whether there was one."""
    missed = [d.reference for d in found if d.kind is DifferenceKind.PAYMENT_NOT_OURS]
    ids: list[UUID] = [i for i in map(order_rules.order_of_trade_no, missed) if i is not None]
    asked = False
    for order_id in ids:
        with parts.work.begin() as tx:
            order = tx.order_seen(order_id)
        if order is not None and order.state in order_rules.UNPAID:
            look_at(order, parts)
            asked = True
    return asked


def _shown(difference: Difference) -> bookkeeping.Difference:
    return bookkeeping.Difference(
        kind=difference.kind,
        reference=difference.reference,
        ours=difference.ours,
        theirs=difference.theirs,
        status=difference.state,
    )
