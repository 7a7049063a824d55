"""``python -m tests.contract.write_golden``: write down a newly published message or call. Never touches an old one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from shared.contracts import (
    Message,
    accounts,
    auth,
    bookkeeping,
    consents,
    feedback,
    imaging,
    known_types,
    payments,
    retention,
    rights,
)
from shared.contracts.base import Call, encode

GOLDEN = Path(__file__).parent / "golden"
CALLS = GOLDEN / "calls.json"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
EXAMPLES: dict[str, Any] = {
    "was_ready": True,
    "message_id": "01980000-0000-7000-8000-000000000001",
    "at": "2026-11-24T08:00:00.123Z",
    "subject_id": "01980000-0000-7000-8000-0000000000aa",
    "purge_id": "01980000-0000-7000-8000-0000000000bb",
    "photo_id": "01980000-0000-7000-8000-0000000000cc",
    "session_id": "01980000-0000-7000-8000-0000000000dd",
    "account_id": "01980000-0000-7000-8000-0000000000ee",
    "kind": "document",
    "name": "privacy",
    "subject_kind": "account",
    "reason": "stash_wiped",
    "reasons": ["no_face"],
    "counts": {"photos": 2, "objects": 5},
    "order_id": "01980000-0000-7000-8000-0000000000ee",
    "product": "hd-photo",
    "refunded": 690,
    "revision": 3,
    "scopes": ["photo"],
    "kept": {"orders": 1},
    "heir_id": "01980000-0000-7000-8000-0000000000ee",
    "export_id": "01980000-0000-7000-8000-0000000000ff",
    "recipient": "alipay",
    "what": ["order_number", "amount"],
    "ground": "necessary_service",
}
"""One fixed value a field; a new field of a new message needs one here."""


def example_of(kind: type[Message], *, bare: bool) -> Message:
    """The message with every field filled, or with its optional fields left out."""
    left_out = {name for name, field in kind.model_fields.items() if bare and type(None) in get_args(field.annotation)}
    return kind.model_validate({name: EXAMPLES[name] for name in kind.model_fields if name not in left_out})


def calls() -> dict[str, type[Call[Any]]]:
    """Every declared call, by ``service.method``."""
    declared = [
        kind
        for module in (auth, accounts, bookkeeping, consents, imaging, payments, retention, rights, feedback)
        for kind in vars(module).values()
        if _is_call(kind)
    ]
    return {f"{kind.service}.{kind.method}": kind for kind in declared}


def shape_of(kind: type[BaseModel]) -> dict[str, Any]:
    """A model's fields: their JSON schema, and whether they must be given."""
    schema = kind.model_json_schema(mode="serialization")
    validation = kind.model_json_schema(mode="validation")
    return {
        "fields": {name: _plain(field) for name, field in schema.get("properties", {}).items()},
        "required": sorted(validation.get("required", [])),
        "parts": {name: _plain(part.get("properties", {})) for name, part in schema.get("$defs", {}).items()},
    }


def _plain(value: Any) -> Any:
    """A schema without what only people read."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if k not in ("title", "description", "default")}
    return [_plain(v) for v in value] if isinstance(value, list) else value


def _is_call(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Call) and "method" in kind.__dict__


def main() -> None:
    """Write what is missing."""
    GOLDEN.mkdir(exist_ok=True)
    for name, kind in known_types().items():
        has_optional = any(type(None) in get_args(field.annotation) for field in kind.model_fields.values())
        for bare in (False, True) if has_optional else (False,):
            file = GOLDEN / f"{name}{'.bare' if bare else ''}.json"
            if not file.exists():
                body = json.loads(encode(example_of(kind, bare=bare), traceparent=None if bare else PARENT))
                file.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n")
    known = json.loads(CALLS.read_text()) if CALLS.exists() else {}
    for name, call in calls().items():
        known.setdefault(name, {"request": shape_of(call), "answer": shape_of(call.answer)})
    CALLS.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()
