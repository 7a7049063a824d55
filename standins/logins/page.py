"""The page on which a person "logs in" at a provider: one button for each made-up person."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from standins.logins.answering import Call
from standins.logins.apps import App
from standins.logins.world import World

SAMPLES = ("小明", "小红")
NAMES = {
    "wechat": "微信",
    "qq": "QQ",
    "alipay": "支付宝",
    "apple": "Apple",
    "weibo": "微博",
    "huawei": "华为账号",
    "oidc": "OpenID Connect",
}
STYLE = (
    "body{font:18px system-ui;max-width:26rem;margin:3rem auto;padding:0 1rem}"
    "a{display:block;margin:.8rem 0;padding:.9rem;border:1px solid #888;border-radius:.5rem;text-decoration:none;color:inherit}"
    "small{color:#555}"
)


def authorize(
    world: World, call: Call, provider: str, app_id: str, *, denial: Mapping[str, str], code_name: str = "code"
) -> Response:
    """The page; with ``as`` (a person, or ``nobody``) in the query, where that choice leads.

    ``denial`` is what comes back when the person says no; empty means that nothing comes back at all.
    """
    app, redirect_uri = world.app(provider, app_id), call.part("redirect_uri")
    if app is None or not redirect_uri or not app.takes_redirect(redirect_uri):
        return PlainTextResponse("this app, or this redirect_uri, is not registered", 400)
    chosen = call.query.get("as")
    if chosen is None:
        return HTMLResponse(_page(world, call, provider))
    state = {"state": call.part("state")} if call.part("state") else {}
    if chosen == "nobody":
        return _back(redirect_uri, {**denial, **state}) if denial else HTMLResponse("<p>已取消</p>")
    person = world.people.get(chosen)
    if person is None:
        return PlainTextResponse("nobody of that name", 404)
    code = world.new_code(app, person, _tied(call, redirect_uri))
    return _back(redirect_uri, {code_name: code, **_echo(provider, app), **state})


def _tied(call: Call, redirect_uri: str) -> dict[str, str | None]:
    return {
        "redirect_uri": redirect_uri,
        "nonce": call.query.get("nonce"),
        "challenge": call.query.get("code_challenge"),
    }


def _echo(provider: str, app: App) -> dict[str, str]:
    """What Alipay repeats beside the code."""
    return {"app_id": app.app_id, "scope": "auth_user"} if provider == "alipay" else {}


def _back(redirect_uri: str, parameters: Mapping[str, str]) -> Response:
    parts = urlsplit(redirect_uri)
    query = urlencode([*parse_qsl(parts.query), *parameters.items()])
    return RedirectResponse(urlunsplit(parts._replace(query=query)), 302)


def _page(world: World, call: Call, provider: str) -> str:
    for nickname in SAMPLES if not world.people else ():
        world.add_person(nickname, f"{nickname}@example.com")
    buttons = [
        f'<a href="{escape(_with(call.url, person_id))}">以 {escape(person.nickname)} 登录</a>'
        for person_id, person in world.people.items()
    ]
    return (
        f'<!doctype html><html lang="zh"><meta charset="utf-8"><title>{NAMES[provider]} 登录（模拟）</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f"<h1>{NAMES[provider]} 登录</h1><p><small>模拟服务，仅用于开发。A stand-in, for development only.</small></p>"
        f'{"".join(buttons)}<a href="{escape(_with(call.url, "nobody"))}">拒绝</a></html>'
    )


def _with(url: str, person: str) -> str:
    parts = urlsplit(url)
    return "?" + urlencode([*parse_qsl(parts.query, keep_blank_values=True), ("as", person)])
