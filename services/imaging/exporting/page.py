"""The readable half of an export: one page that needs no network and no script, Chinese first, then English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from html import escape
from typing import Any

from services.imaging.exporting.words import CODES, STYLE, WORDS

CHINA = timezone(timedelta(hours=8))
Rows = Iterable[tuple[str, Any]]
Content = Mapping[str, Any]


def index_page(content: Content) -> str:
    """The page of an export's content (as ``data.json`` has it); every value is escaped."""
    halves = "".join(f'<section lang="{language}">{_half(content, language)}</section>' for language in ("zh", "en"))
    return (
        '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src 'self' file:; "
        "style-src 'unsafe-inline'\">"
        f"<title>{WORDS['zh']['title']} · {WORDS['en']['title']}</title><style>{STYLE}</style></head>"
        f"<body>{halves}</body></html>\n"
    )


def _half(content: Content, language: str) -> str:
    words = WORDS[language]
    account, money = content["account"], content["payments"]
    photos = "".join(_photo(photo, words, language) for photo in content["photos"])
    parts = [
        f"<h1>{words['title']}</h1><p class=lead>{words['lead']}</p>",
        _facts([(words["exported_at"], _time(content["exported_at"])), *_who(account, words, language)]),
        _listed(
            "logins", words, ("provider", "linked_at", "name"), (_login(one, language) for one in account["logins"])
        ),
        f"<h2>{words['photos']}</h2>" + (photos or _none(words)),
        _listed(
            "orders",
            words,
            ("product", "amount", "refunded", "status", "created_at"),
            (_order(order, language) for order in money["orders"]),
        ),
        _entitlements(money["entitlements"], words),
        *_ledgers(content, language),
        _listed(
            "sessions",
            words,
            ("device", "created_at", "last_used_at"),
            ([s["device"], _time(s["created_at"]), _time(s["last_used_at"])] for s in account["sessions"]),
        ),
        f"<p class=note>{words['note']}</p>",
    ]
    return "\n".join(parts)


def _ledgers(content: Content, language: str) -> list[str]:
    """What was consented to, who was told what, what was asked of us."""
    words = WORDS[language]
    lines = (_line(line, language) for line in content["disclosures"])
    consents = (_consent(line, language) for line in content["account"]["consents"])
    tickets = (_ticket(ticket, language) for ticket in content["feedback"])
    return [
        _listed("consents", words, ("name", "version", "action", "at"), consents),
        _listed("disclosures", words, ("who", "what", "why", "at"), lines),
        _listed("feedback", words, ("kind", "text", "answer", "deadline"), tickets),
    ]


def _consent(line: Content, language: str) -> list[Any]:
    action = WORDS[language].get(line["action"], line["action"])
    return [_code(line["name"], language), line["version"], action, _time(line["at"])]


def _ticket(ticket: Content, language: str) -> list[Any]:
    return [_code(ticket["kind"], language), ticket["text"], ticket["answer"], _time(ticket["deadline"])]


def _who(account: Content, words: Mapping[str, str], language: str) -> list[tuple[str, Any]]:
    me, profile = account["record"], account["profile"] or {}
    kind = words.get(me["kind"], me["kind"])
    rows = [
        (words["subject_id"], me["subject_id"]),
        (words["kind"], kind),
        (words["created_at"], _time(me["created_at"])),
    ]
    for name, value in (("nickname", profile.get("nickname")), ("age_band", _code(me["age_band"], language))):
        rows += [(words[name], value)] if value else []
    return rows


def _login(login: Content, language: str) -> list[Any]:
    given = login["given_by_provider"] or {}
    named = [given.get(name) for name in ("nickname", "email", "external_id")]
    return [
        _code(login["provider"], language),
        _time(login["linked_at"]),
        " · ".join(str(name) for name in named if name),
    ]


def _photo(photo: Content, words: Mapping[str, str], language: str) -> str:
    pictures = [(words["original"], photo.get("original")), (words["cutout"], photo.get("cutout"))]
    for render in photo["renders"]:
        spec = render["facts"].get("spec") or ""
        label = words["render"] if "file" in render else words["preview"]
        pictures.append((f"{label} {spec}", render.get("file") or render.get("preview")))
    figures = "".join(_figure(label, path) for label, path in pictures if path)
    facts = _facts([(words["photo_id"], photo["photo_id"]), (words["created_at"], _time(photo["created_at"]))])
    state = _facts([(words["status"], _code(photo["status"], language)), *_reasons(photo, words)])
    return f"<article>{facts}{state}<div class=pictures>{figures}</div></article>"


def _reasons(photo: Content, words: Mapping[str, str]) -> list[tuple[str, Any]]:
    return [(words["reasons"], ", ".join(photo["reasons"]))] if photo["reasons"] else []


def _figure(label: str, path: str) -> str:
    link, name = escape(path, quote=True), escape(label.strip())
    shown = f'<img src="{link}" alt="{name}" loading="lazy">' if path.endswith((".jpg", ".png", ".webp")) else "⬇"
    return f'<figure><a href="{link}">{shown}</a><figcaption>{name}</figcaption></figure>'


def _order(order: Content, language: str) -> list[Any]:
    money = [f"¥{order[name] / 100:.2f}" for name in ("amount", "refunded")]
    return [order["name"][language], *money, _code(order["status"], language), _time(order["created_at"])]


def _entitlements(left: Content, words: Mapping[str, str]) -> str:
    rows = [(words["credits"], left["credits"])]
    return _facts([*rows, (words["pass_until"], _time(left["pass_until"]))] if left["pass_until"] else rows)


def _line(line: Content, language: str) -> list[Any]:
    return [line["names"][language], ", ".join(line["told"][language]), line["why"][language], _time(line["at"])]


def _facts(rows: Rows) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in rows) + "</dl>"


def _listed(title: str, words: Mapping[str, str], columns: tuple[str, ...], rows: Iterable[list[Any]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    head = "".join(f"<th>{words[column]}</th>" for column in columns)
    inside = f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    return f"<h2>{words[title]}</h2>" + (inside if body else _none(words))


def _cell(value: Any) -> str:
    return escape("" if value is None else str(value))


def _none(words: Mapping[str, str]) -> str:
    return f"<p class=none>{words['none']}</p>"


def _code(code: str | None, language: str) -> str | None:
    return CODES[language].get(code, code) if code is not None else None


def _time(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(CHINA):%Y-%m-%d %H:%M}"
