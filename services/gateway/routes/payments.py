"""Buying: products, orders, refunds, unlocking photos, and the door for Alipay's notices."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, model_serializer
from starlette.requests import ClientDisconnect

from services.gateway.lists import PageOf
from services.gateway.parts import CurrentCaller, GatewayParts, IdempotencyKey, Repeat, fingerprint
from services.gateway.problems import language_of
from services.gateway.usable import refuse_unusable
from shared.contracts import payments
from shared.crypto import seal
from shared.kernel import log
from shared.kernel.errors import PocketError
from shared.kernel.settings import one_key

router = APIRouter(prefix="/v1", tags=["payments"])
logger = log.get_logger("payments")
REFUND_SECONDS = 30


class ProductAnswer(BaseModel):
    """Something that can be bought."""

    product: str = Field(examples=["hd-photo"])
    version: int
    name: str = Field(examples=["高清证件照（一张照片）"])
    price: int = Field(description="fen", examples=[690])
    currency: str = "CNY"
    for_photo: bool = Field(description="an order of it names a photo")
    unlocks: list[str] = Field(description="`photo`: single ID photos; `sheet`: print sheets")
    credits: int = Field(description="photos that a pack can unlock")
    days: int = Field(description="how long a pass lasts")


class ProductList(BaseModel):
    """All that is on offer."""

    items: list[ProductAnswer]
    next_cursor: str | None = None


class OrderRequest(BaseModel):
    """What is bought, and how it will be paid."""

    model_config = ConfigDict(extra="forbid")

    product: str = Field(max_length=80, examples=["hd-photo"])
    photo_id: UUID | None = Field(None, description="for products that are for one photo")
    channel: payments.Channel = Field(
        description="`app`: Alipay's SDK; `wap`: mobile browser; `page`: desktop browser; `qr`: a code to scan"
    )


class Pay(BaseModel):
    """What to pay by: hand `order_string` to Alipay's SDK unchanged, open `url`, or show `qr` as a code."""

    order_string: str | None = None
    url: str | None = None
    qr: str | None = None

    @model_serializer
    def _just_one(self) -> dict[str, str]:
        """Only what there is."""
        ways = {"order_string": self.order_string, "url": self.url, "qr": self.qr}
        return {way: value for way, value in ways.items() if value is not None}


class RefundAnswer(BaseModel):
    """One refund."""

    refund_id: UUID
    amount: int = Field(description="fen")
    status: str = Field(examples=["succeeded"], description="requested, succeeded or failed")
    created_at: datetime


class OrderAnswer(BaseModel):
    """An order; `pay` while it can be paid."""

    order_id: UUID
    product: str
    product_version: int
    name: str
    amount: int = Field(description="fen", examples=[690])
    currency: str = "CNY"
    refunded: int = Field(description="fen that went back so far")
    status: str = Field(
        examples=["open"],
        description="open, closing, closed, paid, returning (paid too late: the money goes back) or refunded",
    )
    channel: str
    photo_id: UUID | None = None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None = None
    pay: Pay | None = None
    refunds: list[RefundAnswer] = []


class OrderList(BaseModel):
    """Orders, newest first."""

    items: list[OrderAnswer]
    next_cursor: UUID | None = None


class RefundRequest(BaseModel):
    """Nothing to say: all that is left goes back."""

    model_config = ConfigDict(extra="forbid")


class UnlockRequest(BaseModel):
    """What of the photo is wanted."""

    model_config = ConfigDict(extra="forbid")

    scope: str = Field("photo", examples=["photo"], description="`photo` or `sheet`")


class UnlockAnswer(BaseModel):
    """What of the photo may be downloaded now."""

    photo_id: UUID
    unlocked: list[str]


class EntitlementAnswer(BaseModel):
    """Credits (`left` of `total`), or a pass."""

    kind: str = Field(examples=["credits"])
    unlocks: list[str]
    total: int
    left: int
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class EntitlementsAnswer(BaseModel):
    """What the subject may still unlock."""

    credits: int
    pass_until: datetime | None = None
    items: list[EntitlementAnswer]


@router.get("/products")
async def products(request: Request, parts: GatewayParts, page: PageOf) -> ProductList:
    """What can be bought, at which price."""
    offered = await parts.asker.ask(payments.ListProducts())
    language = language_of(request)
    items, next_cursor = page.cut(offered.items, lambda one: one.product)
    return ProductList(
        items=[ProductAnswer(**{**one.model_dump(), "name": one.name[language]}) for one in items],
        next_cursor=next_cursor,
    )


@router.post("/orders", status_code=201)
async def open_order(
    body: OrderRequest, request: Request, caller: CurrentCaller, parts: GatewayParts, key: IdempotencyKey
) -> OrderAnswer:
    """Open an order. Guests may buy. 409 `already_unlocked` when there is nothing left to buy."""
    if body.photo_id is not None:
        await refuse_unusable(body.photo_id, caller, parts)
    order = await parts.asker.ask(
        payments.OpenOrder(
            subject_id=caller.subject_id,
            product=body.product,
            channel=body.channel,
            photo_id=body.photo_id,
            idempotency_key=key,
            fingerprint=fingerprint(body.model_dump(mode="json")),
        ),
        timeout=REFUND_SECONDS,
    )
    return _shown(order, request)


@router.get("/orders")
async def list_orders(
    request: Request,
    caller: CurrentCaller,
    parts: GatewayParts,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: UUID | None = None,
) -> OrderList:
    """The subject's orders, newest first."""
    page = await parts.asker.ask(payments.ListOrders(subject_id=caller.subject_id, limit=limit, cursor=cursor))
    return OrderList(items=[_shown(order, request) for order in page.items], next_cursor=page.next_cursor)


@router.get("/orders/{order_id}")
async def get_order(order_id: UUID, request: Request, caller: CurrentCaller, parts: GatewayParts) -> OrderAnswer:
    """One order; somebody else's is not found. Ask after paying: Alipay is then asked, too, should its notice be late."""
    return _shown(await parts.asker.ask(payments.GetOrder(subject_id=caller.subject_id, order_id=order_id)), request)


@router.post("/orders/{order_id}/refund")
async def refund(
    order_id: UUID,
    request: Request,
    caller: CurrentCaller,
    parts: GatewayParts,
    key: IdempotencyKey,
    body: RefundRequest | None = None,
) -> OrderAnswer:
    """All that is left of the money goes back, and what was bought is locked again. 409 `credit_used` when it was used."""
    order = await parts.asker.ask(
        payments.RefundOrder(
            subject_id=caller.subject_id,
            order_id=order_id,
            idempotency_key=key,
            fingerprint=fingerprint([str(order_id)]),
        ),
        timeout=REFUND_SECONDS,
    )
    return _shown(order, request)


@router.post("/photos/{photo_id}/unlock")
async def unlock(
    photo_id: UUID, caller: CurrentCaller, parts: GatewayParts, repeat: Repeat, body: UnlockRequest | None = None
) -> UnlockAnswer:
    """Unlock a photo by a pass or a credit; again is fine, nothing is spent twice. 402 `no_credit` when there is none."""
    await refuse_unusable(photo_id, caller, parts)
    scope = (body or UnlockRequest(scope="photo")).scope
    wanted = payments.UnlockPhoto(subject_id=caller.subject_id, photo_id=photo_id, scope=scope, **repeat)
    answer = await parts.asker.ask(wanted)
    return UnlockAnswer(photo_id=photo_id, unlocked=answer.scopes)


@router.get("/me/entitlements")
async def entitlements(caller: CurrentCaller, parts: GatewayParts) -> EntitlementsAnswer:
    """The subject's credits and pass."""
    answer = await parts.asker.ask(payments.Entitlements(subject_id=caller.subject_id))
    return EntitlementsAnswer.model_validate(answer.model_dump())


_NOTICE_FIELDS = (
    "notify_id", "notify_type", "notify_time", "app_id", "out_trade_no", "trade_no", "trade_status", "total_amount",
    "seller_id", "sign_type", "sign",
)  # fmt: skip
_NOTICE = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "description": "signed by Alipay; it sends more fields than these",
                    "required": ["sign"],
                    "properties": {name: {"type": "string"} for name in _NOTICE_FIELDS},
                    "additionalProperties": {"type": "string"},
                }
            }
        },
    }
}


@router.post("/payments/alipay/notify", response_class=PlainTextResponse, openapi_extra=_NOTICE)
async def alipay_notice(request: Request, parts: GatewayParts) -> Response:
    """For Alipay alone. The body is sealed as it came (it names the buyer) and judged by payments.

    Answers exactly `success` once what it tells is committed, else `failure`.
    """
    try:
        sealed = seal(one_key(parts.settings.notice_key), await request.body(), payments.NOTICE_IDENTITY)
        heard = await parts.asker.ask(payments.HearNotice(sealed=b64encode(sealed).decode()))
        accepted = heard.accepted
    except PocketError as error:
        logger.warning("notice not taken", code=error.actual_code, detail=error.detail)
        accepted = False
    except ClientDisconnect:
        # Gone, or more than any notice is: the limit on bodies answers.
        accepted = False
    return PlainTextResponse("success" if accepted else "failure")


def _shown(order: payments.OrderState, request: Request) -> OrderAnswer:
    return OrderAnswer.model_validate(
        {**order.model_dump(exclude={"event_id"}), "name": order.name[language_of(request)]}
    )
