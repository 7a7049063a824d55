"""What a browser sees: the cashier, the end of it, refusals, and the page where a login is allowed."""

from __future__ import annotations

from html import escape

from standins.alipay.amounts import to_yuan
from standins.alipay.cashiers import Cashier
from standins.alipay.refusals import Refused
from standins.alipay.trades import Status

BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
TOO_LATE = BAD_GATEWAY.replace("502 Bad Gateway", "504 Gateway Time-out")
_FRAME = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 26rem; margin: 2rem auto; padding: 0 1rem; color: #222 }}
.standin {{ background: #fff3cd; padding: .5rem 1rem; border-radius: .3rem; font-size: .85rem }}
.amount {{ font-size: 2.2rem; margin: .5rem 0 }}
form {{ margin: .6rem 0 }}
button {{ width: 100%; padding: .8rem; font-size: 1rem; border: 1px solid #888; border-radius: .4rem; background: #fff }}
button.pay {{ background: #1677ff; border-color: #1677ff; color: #fff }}
</style>
</head>
<body>
<p class="standin">替身收银台：不是支付宝，不收真钱。A stand-in: no real money.</p>
{inside}
</body>
</html>
"""


def cashier(page: Cashier) -> str:
    """The order, and what a buyer can do."""
    order, trade = page.order, page.trade
    known = trade.status if trade else ""
    inside = f'<h1 id="subject">{escape(order.subject)}</h1><p class="amount" id="amount">¥{to_yuan(order.total)}</p>'
    inside += f'<p>商户订单号 <span id="out_trade_no">{escape(order.out_trade_no)}</span></p>'
    inside += f'<p>状态 <span id="trade_status">{known or "NONE"}</span></p>'
    if not trade or trade.status is Status.WAIT:
        inside += _button(page.token, "pay", "确认付款 Pay", "pay")
        inside += "" if trade else _button(page.token, "proceed", "登录，稍后付款 Log in only", "")
        inside += _button(page.token, "abandon", "放弃 Leave", "")
    return _FRAME.format(title="收银台", inside=inside)


def said(title: str, text: str) -> str:
    """One sentence."""
    return _FRAME.format(title=escape(title), inside=f'<h1>{escape(title)}</h1><p id="said">{escape(text)}</p>')


def refusal(refused: Refused) -> str:
    """An error, with its codes where a test can find them."""
    inside = f'<h1>{escape(refused.sub_msg)}</h1><p><span id="code">{escape(refused.code)}</span> '
    return _FRAME.format(title="错误", inside=f'{inside}<span id="sub_code">{escape(refused.sub_code)}</span></p>')


def consent(app_id: str, scope: str, action: str) -> str:
    """May the app know who you are?"""
    inside = f'<h1>登录授权</h1><p>应用 {escape(app_id)} 申请 <span id="scope">{escape(scope)}</span></p>'
    inside += f'<form method="post" action="{escape(action)}"><button class="pay" id="agree">同意 Agree</button></form>'
    return _FRAME.format(title="登录授权", inside=inside)


def _button(token: str, action: str, label: str, style: str) -> str:
    form = f'<form method="post" action="/cashier/{escape(token)}/{action}">'
    return f'{form}<button id="{action}" class="{style}">{escape(label)}</button></form>'
