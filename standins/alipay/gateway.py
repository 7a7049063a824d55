"""``gateway.do``: parameters in, one signed answer or a cashier out; between them, the faults."""

from __future__ import annotations

import asyncio
import secrets

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from standins.alipay import pages
from standins.alipay.answers import Signer, node_of, render
from standins.alipay.calls import Call, parameters, read
from standins.alipay.faults import AFTER, BEFORE, FORM, Armed, names
from standins.alipay.methods.paying import cashier_for
from standins.alipay.methods.table import BROWSER, SERVER, WITHOUT_CODE
from standins.alipay.refusals import MESSAGES, Refused, business
from standins.alipay.signing import CODECS
from standins.alipay.world import World

METHODS = {*SERVER, *BROWSER}
_LOST = Refused("20000", "isp.unknow-error", "系统繁忙")


class BadGateway(Exception):
    """Something before the gateway broke."""


class TooLate(Exception):
    """Nobody waits for the answer any more."""


class CutShort(Response):
    """Half of a response, and the connection ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A length that is not kept."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


class Gateway:
    """The one address of the open platform."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def answer(self, request: Request) -> Response:
        """GET or POST. HTTP 200 whatever happens, except for the faults that say otherwise."""
        given: dict[str, str] = {}
        self._world.settle()
        try:
            body = await request.body()
            strict = self._world.faults.take("charset_in_query_only") is not None
            given = parameters(request.scope["query_string"], body, charset_in_query_only=strict)
            tolerance = self._world.timestamp_tolerance_seconds
            call = read(given, self._world.keyring, METHODS, self._world.clock.real(), tolerance)
        except Refused as refused:
            return self._refuse(given, refused)
        try:
            return await (self._browser(call) if call.method in BROWSER else self._server(call))
        except BadGateway:
            return HTMLResponse(pages.BAD_GATEWAY, status_code=502)
        except TooLate:
            return HTMLResponse(pages.TOO_LATE, status_code=504)

    async def _browser(self, call: Call) -> Response:
        try:
            await self._strike(self._take(call, BEFORE))
            cashier = cashier_for(self._world, call)
        except Refused as refused:
            return HTMLResponse(pages.refusal(refused))
        return RedirectResponse(f"/cashier/{cashier.token}", status_code=303)

    async def _server(self, call: Call) -> Response:
        before = self._take(call, BEFORE)
        if before and before.kind.name == "unsigned_error":
            return self._write("error_response", Refused("40002", "isv.invalid-parameter").fields(), call, signed=False)
        node, late = node_of(call.method), None
        try:
            await self._strike(before)
            fields = self._run(call)
            late = self._take(call, AFTER)
            await self._strike(late)
        except Refused as refused:
            node = "error_response" if call.method in WITHOUT_CODE else node
            return self._write(node, refused.fields(), call)
        cut = late is not None and late.kind.name == "cut_short_after_commit"
        return self._write(node, fields, call, cut=cut)

    def _run(self, call: Call) -> dict[str, object]:
        try:
            fields = SERVER[call.method](self._world, call)
        finally:
            self._world.settle()
        return fields if call.method in WITHOUT_CODE else {"code": "10000", "msg": MESSAGES["10000"], **fields}

    def _take(self, call: Call, where: str) -> Armed | None:
        number = str(call.biz.get("out_trade_no", ""))
        return self._world.faults.take(*names(where), method=call.method, out_trade_no=number)

    async def _strike(self, armed: Armed | None) -> None:
        """What a fault does in place of an answer; raises ``Refused``, ``BadGateway``, ``TooLate``."""
        name = armed.kind.name.removesuffix("_after_commit") if armed else ""
        if armed and name == "timeout":
            await asyncio.sleep(armed.number_of("seconds"))
            raise TooLate
        if name == "bad_gateway":
            raise BadGateway
        if name in ("unavailable", "unsigned_error"):
            raise _LOST
        if name == "call_limited":
            raise Refused("40005", "isv.app-call-limited", "应用调用次数超限")
        if name == "system_error":
            raise business("ACQ.SYSTEM_ERROR")
        if armed and name == "refuse":
            raise Refused(armed.text_of("code"), armed.text_of("sub_code"), armed.text_of("sub_msg"))

    def _refuse(self, given: dict[str, str], refused: Refused) -> Response:
        """Signed in the method's own node when app and method are known, otherwise a bare ``error_response``."""
        method, app = given.get("method", ""), self._world.keyring.apps.get(given.get("app_id", ""))
        if method in BROWSER:
            return HTMLResponse(pages.refusal(refused))
        charset = given.get("charset", "").lower()
        call = Call(app, method, given, {}, charset if charset in CODECS else "utf-8") if app else None
        known = call is not None and method in SERVER
        node = node_of(method) if known and method not in WITHOUT_CODE else "error_response"
        return self._write(node, refused.fields(), call, signed=known)

    def _write(
        self, node: str, fields: dict[str, object], call: Call | None, *, signed: bool = True, cut: bool = False
    ) -> Response:
        charset = call.charset if call else "utf-8"
        number = str(call.biz.get("out_trade_no", "")) if call else ""
        forms = self._world.faults.take_all(FORM, call.method if call else "", number)
        if any(armed.kind.name == "gbk" for armed in forms):
            charset = "gbk"
        signer = Signer(*self._world.keyring.signing(call.app), charset) if signed and call else None
        text = render(node, fields, signer, self._world.keyring.forger, forms)
        content = text.encode(CODECS[charset])
        told = {"Content-Type": f"text/html;charset={'utf-8' if charset == 'utf-8' else 'GBK'}"}
        told["trace_id"] = secrets.token_hex(16)
        return CutShort(content, headers=told) if cut else Response(content, headers=told)
