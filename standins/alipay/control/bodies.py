"""What the control interface takes; an unknown field is refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    """Every body."""

    model_config = ConfigDict(extra="forbid")


class Registration(Body):
    """An app's public key, PEM or bare Base64."""

    public_key: str
    mode: Literal["key", "certificate"] = "key"


class Who(Body):
    """A buyer; what is left out is the stand-in's usual one."""

    user_id: str = Field("2088000000000099", pattern=r"^2088\d{12}$")
    open_id: str = "standin-buyer-open-id"
    logon_id: str = "138******99"
    name: str = "*测"


class Act(Body):
    """Which cashier (by its token, or the newest of an order), and what the buyer does there."""

    token: str = ""
    out_trade_no: str = ""
    buyer: Who = Who()
    discount: str = ""
    final: bool = False


class Wallet(Body):
    """An order string as the app got it, what the wallet says at the end, and whether the buyer proceeds and pays."""

    order_string: str
    result_status: Literal["9000", "8000", "4000", "5000", "6001", "6002", "6004"] = "9000"
    proceeds: bool = True
    pays: bool | None = None
    buyer: Who = Who()
    discount: str = ""


class Ahead(Body):
    """By so many seconds, to a moment in Beijing, or to when today's bill can be had."""

    seconds: Annotated[float, Field(ge=0)] = 0
    until: str = ""


class Fault(Body):
    """``times`` null: until cleared."""

    name: str
    times: int | None = 1
    method: str | None = None
    out_trade_no: str | None = None
    arguments: dict[str, bool | int | float | str] = {}


class Release(Body):
    """All held notices, or one."""

    newest_first: bool = False
    id: int | None = None


class Again(Body):
    """A notice sent once more, perhaps with a ``notify_id`` of its own."""

    id: int
    new_notify_id: bool = False


class Forgery(Body):
    """Which kind, for which order; ``fields`` are put in before signing."""

    kind: str
    out_trade_no: str
    url: str = ""
    fields: dict[str, str] = {}


class Settle(Body):
    """A pending refund moves, or fails."""

    out_trade_no: str
    out_request_no: str
    fail: bool = False


class Seller(Body):
    """What the seller has, in yuan."""

    balance: str


class Options(Body):
    """What is left out stays as it is."""

    speed: Annotated[float, Field(gt=0)] | None = None
    timestamp_tolerance_seconds: Annotated[int, Field(ge=0)] | None = None
    refund_pause_seconds: Annotated[float, Field(ge=0)] | None = None
    buyer: Literal["user_id", "open_id"] | None = None


class Login(Body):
    """The wallet's login: a signed auth string or an app and a scope, and who says yes."""

    auth_string: str = ""
    app_id: str = ""
    scope: str = "kuaijie"
    result_status: Literal["9000", "4000", "6001", "6002"] = "9000"
    code_seconds: Annotated[float, Field(gt=0)] = 180
    user_id: str = "2088000000000099"
    open_id: str = "standin-buyer-open-id"
    union_id: str = ""
    profile: dict[str, str] = {}


class Withdrawal(Body):
    """A person cuts the bond in the wallet; the app's gateway address is told."""

    app_id: str
    url: str
    user_id: str = "2088000000000099"
    open_id: str = "standin-buyer-open-id"
    forged: bool = False
