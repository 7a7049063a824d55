"""``/docs``: the interface as a page to read, made from its own description. No script, nothing from anywhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter()

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
STYLE = (
    "body{font:16px/1.5 system-ui,'Noto Sans CJK SC',sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111}"
    "code,pre{font:.85rem/1.4 ui-monospace,monospace}pre{background:#f5f5f5;padding:.6rem;overflow:auto}"
    "summary{cursor:pointer;padding:.2rem 0}summary b{display:inline-block;min-width:4.5rem}"
    "details{border-bottom:1px solid #ddd;padding:.2rem 0}table{border-collapse:collapse;width:100%}"
    "td{border-bottom:1px solid #eee;padding:.2rem .5rem;vertical-align:top}"
)


@router.get("/docs", include_in_schema=False)
async def reference(request: Request) -> HTMLResponse:
    """Every call, and every schema that it names."""
    return HTMLResponse(page(request.app.openapi()), headers={"Content-Security-Policy": POLICY})


def page(document: dict[str, Any]) -> str:
    """The description as HTML."""
    about = document["info"]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(about['title'])}</title><style>{STYLE}</style><h1>{escape(about['title'])}</h1>"
        f"<p>{escape(about['description'])}</p><p><a href='openapi.json'>openapi.json</a></p>"
        f"{''.join(_calls(document))}<h2>schemas</h2>{''.join(_schemas(document))}</html>"
    )


def _calls(document: dict[str, Any]) -> Iterator[str]:
    calls = [(m, path, one) for path, methods in document["paths"].items() for m, one in methods.items()]
    for tag in dict.fromkeys(one["tags"][0] for _, _, one in calls):
        yield f"<h2>{escape(tag)}</h2>"
        for method, path, one in calls:
            if one["tags"][0] == tag:
                yield _call(method, path, one)


def _call(method: str, path: str, one: dict[str, Any]) -> str:
    lock = " · token" if one["security"] else ""
    takes = [(name, _kind(body["schema"])) for name, body in one.get("requestBody", {}).get("content", {}).items()]
    answers = [(status, _answer(answer)) for status, answer in one["responses"].items()]
    given = [(f"{p['name']} ({p['in']})", f"{_kind(p['schema'])} {escape(p.get('description', ''))}") for p in one.get("parameters", [])]  # fmt: skip
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code>{lock}</summary>"
        f"<p>{escape(one['description'])}</p>{_table(given)}{_table(takes)}{_table(answers)}</details>"
    )


def _answer(answer: dict[str, Any]) -> str:
    kinds = [f"{name} {_kind(body.get('schema', {}))}" for name, body in answer.get("content", {}).items()]
    return "<br>".join([escape(answer["description"]), *kinds])


def _schemas(document: dict[str, Any]) -> Iterator[str]:
    for name, schema in document["components"]["schemas"].items():
        text = escape(json.dumps(schema, ensure_ascii=False, indent=2))
        yield f"<details id='{escape(name)}'><summary><code>{escape(name)}</code></summary><pre>{text}</pre></details>"


def _kind(schema: dict[str, Any]) -> str:
    """The name of a schema, as a link to it where it has one."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    if "anyOf" in schema:
        return " | ".join(_kind(one) for one in schema["anyOf"])
    return f"<code>{escape(str(schema.get('format') or schema.get('type', '')))}</code>"


def _table(rows: list[tuple[str, str]]) -> str:
    lines = "".join(f"<tr><td><code>{escape(name)}</code></td><td>{told}</td></tr>" for name, told in rows)
    return f"<table>{lines}</table>" if rows else ""
