"""A purge's certificate as a page that a person understands and can print; everything on it is in the signed certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

TEXTS: dict[str, dict[str, str]] = {
    "zh": {
        "title": "删除证明",
        "number": "编号",
        "reason": "原因",
        "requested": "提出时间",
        "key": "密钥销毁时间（从此刻起无法读取）",
        "certified": "证明签发时间",
        "deleted": "删除了什么",
        "where": "在哪里",
        "what": "内容",
        "many": "数量",
        "left": "清点结果：剩余",
        "kept": "依法保留了什么",
        "why": "为什么",
        "until": "到什么时候",
        "providers": "第三方登录的授权",
        "signature": "签名（任何人都可以用公开的公钥验证）",
        "waiting": "删除尚未完成，完成后这里会显示证明。",
    },
    "en": {
        "title": "Certificate of deletion",
        "number": "number",
        "reason": "reason",
        "requested": "asked for",
        "key": "key destroyed (unreadable from then on)",
        "certified": "certified",
        "deleted": "What was deleted",
        "where": "where",
        "what": "what",
        "many": "how many",
        "left": "Counted afterwards: left",
        "kept": "What the law has us keep",
        "why": "why",
        "until": "until",
        "providers": "Grants of third-party logins",
        "signature": "Signature (anybody can verify it with the published key)",
        "waiting": "The deletion is not complete yet; its certificate will be shown here.",
    },
}
REASONS = {
    "stash_wiped": ("您清空了暂存", "you wiped your stash"),
    "account_deleted": ("您注销了账户", "you deleted your account"),
    "signed_in": ("您登录了账户", "you signed in"),
    "guest_replaced": ("同一设备重新开始", "the device started anew"),
    "guest_idle": ("长时间未使用", "not used for a long time"),
    "consent_withdrawn": ("您撤回了同意", "you withdrew your consent"),
    "account_abandoned": ("您在第三方撤回了最后一种登录", "you withdrew your last login at its provider"),
    "operator": ("运营人员执行", "carried out by an operator"),
}
PROVIDER_STATES = {
    "revoked": ("已撤回", "withdrawn"),
    "not_possible": (
        "该平台没有撤回接口，请在其设置中撤回",
        "the provider has no call for it: withdraw it in its settings",
    ),
    "pending": ("正在撤回，最多重试七天", "being withdrawn, tried for seven days at most"),
    "refused": ("该平台拒绝，请在其设置中撤回", "refused by the provider: withdraw it in its settings"),
    "given_up": ("未能撤回，请在其设置中撤回", "could not be withdrawn: do it in its settings"),
}
STYLE = (
    "body{font:16px/1.6 system-ui,'Noto Sans CJK SC',sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#111}"
    "h1{font-size:1.6rem}h2{font-size:1.1rem;margin-top:1.6rem}table{border-collapse:collapse;width:100%}"
    "td,th{border-bottom:1px solid #ccc;padding:.3rem .5rem;text-align:left}code{word-break:break-all;font-size:.75rem}"
)


def certificate_page(certificate: Mapping[str, Any] | None, language: str) -> str:
    """The page; for a purge that is not complete one that says so."""
    words = TEXTS[language]
    body = _body(certificate, language) if certificate else f"<p>{words['waiting']}</p>"
    return (
        f"<!doctype html><html lang={language}><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{words['title']}</title><style>{STYLE}</style><h1>{words['title']}</h1>{body}</html>"
    )


def _body(certificate: Mapping[str, Any], language: str) -> str:
    words, one = TEXTS[language], certificate["payload"]
    statement = one["statement"][language]
    facts = [
        (words["number"], one["purge_id"]),
        (words["reason"], _of(REASONS, one["reason"], language)),
        (words["requested"], one["requested_at"]),
        (words["key"], one["key_destroyed_at"] or "–"),
        (words["certified"], one["certified_at"]),
    ]
    deleted = [(who, kind, str(n)) for who, kinds in one["deleted"].items() for kind, n in kinds.items() if n]
    left = sum(n for kinds in one["left"].values() for n in kinds.values())
    kept = [(entry["what"], entry["why"], entry["until"]) for entry in one["kept"]]
    parts = [
        f"<p>{escape(statement)}</p>",
        _table([], facts),
        f"<h2>{words['deleted']}</h2>" + _table([words["where"], words["what"], words["many"]], deleted),
        f"<p>{words['left']} <b>{left}</b></p>",
        f"<h2>{words['kept']}</h2>" + _table([words["what"], words["why"], words["until"]], kept),
    ]
    if one.get("providers"):
        told = [
            (name, _of(PROVIDER_STATES, state, language))
            for name, states in one["providers"].items()
            for state in states
        ]
        parts.append(f"<h2>{words['providers']}</h2>" + _table([], told))
    return "".join(parts) + f"<h2>{words['signature']}</h2><code>{escape(certificate['jws'])}</code>"


def _of(table: Mapping[str, tuple[str, str]], name: str, language: str) -> str:
    return table.get(name, (name, name))[language == "en"]


def _table(head: Sequence[str], rows: Sequence[tuple[str, ...]]) -> str:
    titles = "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>" if head else ""
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{titles}{lines}</table>"
