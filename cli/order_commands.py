"""``pocketid orders list|show|refund|reconcile``: money, for operators. Whose an order is, they are not told."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, TypeVar
from uuid import UUID

import typer
from pydantic import BaseModel

from cli.connection import amqp_url
from cli.listing import entry, moment, print_entries
from shared.contracts import Call, bookkeeping
from shared.contracts.payments import OrderState
from shared.kernel.errors import PocketError
from shared.rpc.asking_plain import PlainAsker

orders = typer.Typer(help="Orders: list them, show one, pay one back, compare a day's bill.", no_args_is_help=True)

A = TypeVar("A", bound=BaseModel)
ALIPAY_SECONDS = 60
OrderId = Annotated[UUID, typer.Argument(help="An order id.")]
OrderStatus = Literal["open", "closing", "closed", "paid", "returning", "refunded"]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@orders.command("list")
def list_orders(
    status: Annotated[OrderStatus | None, typer.Option("--status", help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    as_json: JsonOption = False,
) -> None:
    """Shows orders, newest first."""
    found = _ask(bookkeeping.OrdersForOperators(status=status, limit=limit))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    print_entries([_entry(one) for one in found.items], otherwise="no orders")


@orders.command()
def show(order_id: OrderId) -> None:
    """Shows one order with its refunds."""
    typer.echo(_ask(bookkeeping.OrderForOperators(order_id=order_id)).model_dump_json(indent=2))


@orders.command()
def refund(
    order_id: OrderId,
    amount: Annotated[int | None, typer.Option("--amount", min=1, help="Fen; all that is left when left out.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="The same key again is the same refund (a ticket).")] = None,
) -> None:
    """Pays an order back, in whole or in part; what it bought is taken back."""
    state = _ask(bookkeeping.RefundForOperators(order_id=order_id, amount=amount, key=key))
    last = state.refunds[-1]
    typer.echo(f"{order_id}: {state.status}, {_yuan(last.amount)} yuan {last.status}, {_yuan(state.refunded)} in all")


@orders.command()
def reconcile(
    day: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="A day that is over (Beijing time).")],
    as_json: JsonOption = False,
) -> None:
    """Compares a day's bill with our books, both ways; exit 1 when they differ."""
    told = _ask(bookkeeping.ReconcileDay(day=date(day.year, day.month, day.day)))
    if as_json:
        typer.echo(told.model_dump_json(indent=2))
    else:
        typer.echo(f"{told.day}: {told.payments} payments, {told.refunds} refunds, {_yuan(told.amount)} yuan in all")
        for one in told.differences:
            ours, theirs = (_yuan(fen) if fen is not None else "nothing" for fen in (one.ours, one.theirs))
            typer.echo(f"  {one.kind}: {one.reference}: ours {ours}, theirs {theirs}")
        typer.echo("no difference" if not told.differences else f"{len(told.differences)} differences")
    if told.differences:
        raise typer.Exit(1)


def _entry(one: OrderState) -> str:
    refunded = f"{_yuan(one.refunded)} refunded" if one.refunded else ""
    paid = f"paid {moment(one.paid_at)}" if one.paid_at else ""
    return entry(one.order_id, one.status, one.created_at, [one.product, f"{_yuan(one.amount)} yuan", refunded, one.channel, paid])  # fmt: skip


def _yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def _ask(call: Call[A]) -> A:
    try:
        return PlainAsker(amqp_url(), timeout_seconds=ALIPAY_SECONDS, connections=1).ask(call)
    except PocketError as error:
        typer.echo(f"pocketid: {error.public('en')} ({error.actual_code})", err=True)
        raise typer.Exit(1) from error
