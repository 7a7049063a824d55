"""Every way into the processing of personal data, and the consent it needs. A way that is not in these tables fails here.

A subject's data key is the lock: who cannot get it cannot process, and auth gives it out for a named purpose only. So it is
enough to know who asks for keys, for what, and which door leads there.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import get_args

import pytest

import services.gateway.routes as gateway_routes
from services.auth.domain.consents import Purpose
from services.imaging.adapters.keys import PROCESSING, READING
from shared.contracts import auth, known_types
from shared.contracts.base import Command
from tests.architecture.sources import Function, Source, sources

PROCESS, READ, PROFILE = Purpose.PROCESS_PHOTO, Purpose.READ_OWN, Purpose.KEEP_PROFILE

# ---- the tables

DOORS: dict[str, set[Purpose]] = {
    "POST /v1/photos": {PROCESS},
    "POST /v1/photos/{photo_id}/renders": {PROCESS, READ},
    "GET /v1/photos": {READ},
    "GET /v1/photos/{photo_id}": {READ},
    "GET /v1/renders/{render_id}": {READ},
    "GET /v1/renders/{render_id}/preview": {READ},
    "GET /v1/renders/{render_id}/file": {READ},
    "GET /v1/me": {READ},
    "PATCH /v1/me": {PROFILE, READ},
    "GET /v1/me/sessions": {READ},
    "GET /v1/me/identities": {READ},
    "POST /v1/me/identities": {PROFILE, READ},
    "GET /v1/me/exports/{export_id}/file": {READ},
    "POST /v1/feedback": {READ},
    "GET /v1/feedback/{ticket}": {READ},
}
"""What each door of the gateway wants a subject's key for, itself or through whom it calls."""

WITHOUT: dict[str, str] = {
    "POST /v1/guests": "the consent itself: refused without the policy's version; what it keeps is a keyed hash",
    "POST /v1/login-attempts": "nobody is known yet",
    "POST /v1/sessions": "the consent itself: refused without the policy's version, before the provider is asked",
    "POST /v1/sessions/refresh": "tokens and hashes",
    "DELETE /v1/sessions/current": "ends something",
    "DELETE /v1/me/sessions": "ends something",
    "DELETE /v1/me/sessions/{session_id}": "ends something",
    "DELETE /v1/me/identities/{provider}": "ends something",
    "DELETE /v1/photos/{photo_id}": "ends something",
    "DELETE /v1/me/stash": "ends everything",
    "DELETE /v1/me": "ends everything",
    "GET /v1/me/consents": "names and versions of documents",
    "POST /v1/me/consents": "the consent itself",
    "POST /v1/me/guardian-requests": "asks for the consent",
    "GET /v1/me/guardian-consents": "who consents for whom, to the two of them",
    "POST /v1/me/guardian-consents": "the consent itself",
    "GET /v1/providers/{provider}/notices": "a provider's handshake",
    "POST /v1/providers/{provider}/notices": "ends something",
    "GET /v1/events": "ids and states",
    "GET /v1/purges/{receipt}": "counts; names nobody",
    "GET /.well-known/purge-certificate-keys.json": "public keys",
    "GET /.well-known/jwks.json": "public keys",
    "GET /v1/specs": "the catalogue",
    "GET /v1/specs/{spec_id}": "the catalogue",
    "GET /v1/policies/{document}": "our own texts",
    "GET /v1/policies/{document}/versions": "our own texts",
    "GET /v1/policies/{document}/versions/{version}": "our own texts",
    "GET /v1/policies/{document}/versions/{version}/changes": "our own texts",
    "GET /v1/purges/{receipt}/certificate": "counts; names nobody",
    "GET /v1/products": "our own prices",
    "GET /v1/orders": "numbers, amounts and states of orders; a contract, which needs no consent (PIPL 13)",
    "POST /v1/orders": "numbers, amounts and states of orders; a contract, which needs no consent (PIPL 13)",
    "GET /v1/orders/{order_id}": "numbers, amounts and states of orders",
    "POST /v1/orders/{order_id}/refund": "numbers, amounts and states of orders",
    "GET /v1/me/entitlements": "how many credits there are",
    "POST /v1/photos/{photo_id}/unlock": "a credit spent; the photo is not touched",
    "POST /v1/payments/alipay/notify": "sealed under a key of its own for payments, which keeps nothing of the buyer",
    "POST /v1/me/exports": "an order to a worker, which wants the key to give people their own data",
    "GET /v1/me/exports": "ids, states, sizes",
    "GET /v1/me/exports/{export_id}": "ids, states, sizes",
    "GET /v1/me/disclosures": "codes from closed lists",
    "GET /v1/capabilities": "what is on offer; nothing of the phone comes in",
    "GET /docs": "the interface's own description",
}
"""Doors behind which no personal data is processed under a key, each with why."""

THROUGH: dict[str, tuple[Purpose, str, str]] = {
    "MakeRender": (PROCESS, "services/imaging/render_cases.py", "_draw"),
    "LinkIdentity": (PROFILE, "services/auth/accounts.py", "link_identity"),
}
"""Calls that process in another service: for what, and the function there that wants the key (or judges the consent)."""

ORDERS: dict[type[Command], tuple[Purpose, str, tuple[str, ...]]] = {
    known_types()["imaging.photo.matte.v1"]: (
        PROCESS,
        "services/imaging/worker_cases.py",
        ("prepare_job", "finish_job"),
    ),  # type: ignore[dict-item]
    known_types()["retention.export.build.v1"]: (
        READ,
        "services/imaging/exporting/builder.py",
        ("_key",),
    ),  # type: ignore[dict-item]
}
"""Orders that come by queue: for what, and which functions there want the key."""

UNWRAPPERS = {
    "services/gateway/keys.py": "asks auth, with a purpose",
    "services/imaging/adapters/keys.py": "asks auth, with the one purpose of workers",
    "services/auth/sealed.py": "auth's own rows: names and tokens of providers, labels",
    "services/auth/profiles.py": "operators wrap keys anew; nothing is read",
    "services/gateway/routes/rights.py": "a ticket's own key, for whoever holds the ticket",
}
"""The only files in which a data key is ever unwrapped."""

OPENERS = {
    "services/gateway/keys.py": "a ticket without a login: its own key, for whoever holds the ticket",
    "services/auth/answers.py": "what somebody who began a login was answered, when the call is repeated with its key",
    "services/auth/rights.py": "one ticket's own key, handed to one command of an operator, and logged; or sealed anew",
    "services/auth/proofs.py": "a login attempt's nonce and verifier",
    "services/auth/profiles.py": "operators seal providers' tokens anew; nothing is read",
    "services/auth/revocations.py": "a provider's token, to withdraw it",
    "services/auth/sealed.py": "what a gateway sealed for auth, for one purpose",
}
"""The only files in which what a master key sealed for a purpose (never a data key) is opened."""

AUTHS_OWN = {
    ("services/auth/accounts.py", "_welcome_back"): "logging in, agreed to in the same transaction",
    ("services/auth/accounts.py", "_link"): "logging in, or linking under keep_profile",
    ("services/auth/accounts.py", "_label"): "logging in, agreed to in the same transaction",
    ("services/auth/fencing.py", "withdraw"): "ends something: the provider's token is put aside to be withdrawn",
    ("services/auth/answers.py", "_key"): "auth's own rows: the answers that idempotency keys get again",
    ("services/auth/rights.py", "hand_over_ticket_key"): "answering what the person asked",
    ("services/auth/notices.py", "_confirmed"): "ends something: asks the provider whether its grant still stands",
}
"""Who in auth opens what auth itself has sealed."""


# ---- the doors


def doors() -> list[tuple[str, str, str]]:
    """Every door (``GET /path``) with its module and function, from the routers themselves."""
    found = []
    for each in pkgutil.iter_modules(gateway_routes.__path__):
        module = importlib.import_module(f"services.gateway.routes.{each.name}")
        for route in module.router.routes:
            found += [(f"{method} {route.path}", module.__name__, route.endpoint.__name__) for method in route.methods]
    return found


def test_every_door_of_the_gateway_is_in_one_of_the_tables() -> None:
    """A new route says for what it wants a key, or why it needs none; a row without a route is taken out."""
    names = [door for door, _, _ in doors()]
    assert len(names) == len(set(names))
    assert set(names) == set(DOORS) | set(WITHOUT)
    assert not set(DOORS) & set(WITHOUT)
    assert all(len(why) > 8 for why in (*WITHOUT.values(), *UNWRAPPERS.values(), *AUTHS_OWN.values()))


def test_the_gateway_has_no_door_that_is_not_a_routers(openapi_paths: set[str]) -> None:
    """What the interface describes is what the routers have."""
    assert openapi_paths <= {door.split(" ", 1)[1] for door, _, _ in doors()}


@pytest.fixture
def openapi_paths() -> set[str]:
    """As generated, and kept fresh by its own test."""
    import json

    from tests.architecture.sources import ROOT

    return set(json.loads((ROOT / "docs/openapi.json").read_text("utf-8"))["paths"])


@pytest.mark.parametrize(
    ("door", "module", "function"), sorted(doors()), ids=lambda value: value if " " in value else ""
)
def test_a_door_wants_keys_for_exactly_what_its_row_says(door: str, module: str, function: str) -> None:
    """Followed from the route through every function of the gateway that it calls, and to the calls it makes."""
    assert reached(module, function) == DOORS.get(door, set())


@cache
def gateway_functions() -> dict[tuple[str, str], Function]:
    return {
        (source.module, function.name): function
        for source in sources("services/gateway")
        for function in source.functions()
    }


SHARED = ("services.gateway.parts", "services.gateway.routes.accounts", "services.gateway.routes.me")


def reached(module: str, name: str, seen: set[tuple[str, str]] | None = None) -> set[Purpose]:
    """The purposes that a function of the gateway reaches."""
    seen = seen if seen is not None else set()
    where = next((m for m in (module, *SHARED) if (m, name) in gateway_functions()), None)
    if where is None or (where, name) in seen:
        return set()
    seen.add((where, name))
    found: set[Purpose] = set()
    for call in calls(gateway_functions()[where, name]):
        called = last_name(call.func)
        if called in ("key_of", "sealed_text"):
            found |= {Purpose(text) for text in literals(call) if text in set(Purpose)}
        if called in THROUGH:
            found.add(THROUGH[called][0])
        found |= reached(where, called, seen)
    return found


# ---- who asks for keys


def test_every_request_for_a_key_names_its_purpose() -> None:
    """In the gateway as a word of the list; the one function that passes it on is given a word by each of its callers."""
    asked = [
        (source.name, function.name, call)
        for source in sources("services/gateway")
        for function in source.functions()
        for call in calls(function)
        if last_name(call.func) in ("key_of", "sealed_text")
    ]
    assert len(asked) >= 6
    for file, function, call in asked:
        named = [text for text in literals(call) if text in set(Purpose)]
        assert len(named) == 1 or function == "sealed_text", f"{file}: {function}"


def test_purposes_are_one_list_in_the_contract_and_in_the_lock() -> None:
    """What can be asked is what is judged; the default, for a caller that says nothing, is the one with most conditions."""
    assert set(get_args(auth.Purpose)) == set(Purpose)
    assert auth.SubjectKey.model_fields["purpose"].default == PROCESS


def test_workers_ask_for_processing_and_only_the_builder_of_exports_for_reading() -> None:
    """Whatever an imaging worker does with a key is processing, but for giving people their own data."""
    assert (PROCESSING, READING) == (PROCESS, READ)
    [source] = sources_named("services/imaging/adapters/keys.py")
    asked = [call for call in calls(source.tree) if last_name(call.func) == "SubjectKey"]
    assert [{k.arg: ast.unparse(k.value) for k in call.keywords} for call in asked] == [
        {"subject_id": "subject_id", "purpose": "self._purpose"}
    ]
    reading = [
        source.name
        for source in sources("services/imaging")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Name) and node.id == "READING" and isinstance(node.ctx, ast.Load)
    ]
    assert reading == ["services/imaging/worker.py"]
    for source in sources("services/imaging"):
        if source.name == "services/imaging/adapters/keys.py":
            continue
        words = {node.value for node in ast.walk(source.tree) if isinstance(node, ast.Constant)}
        assert not words & {READ.value, PROFILE.value}, f"{source.name} names another purpose"


def test_keys_are_asked_of_auth_and_unwrapped_in_the_listed_files_only() -> None:
    """Nobody has a second way to a key."""
    assert _files_calling("unwrap") == set(UNWRAPPERS)
    assert _files_calling("open_for") == set(OPENERS)
    assert _files_calling("SubjectKey") == {"services/gateway/keys.py", "services/imaging/adapters/keys.py"}


def _files_calling(name: str) -> set[str]:
    searched = sources("services", "cli")
    return {source.name for source in searched for call in calls(source.tree) if last_name(call.func) == name}


def test_what_auth_opens_for_itself_is_listed_with_its_reason() -> None:
    """Each function that takes a key without asking for a consent first."""
    found = {
        (source.name, function.name)
        for source in sources("services/auth")
        for function in source.functions()
        for call in calls(function)
        if isinstance(call.func, ast.Name) and call.func.id == "key_of"
    }
    assert found == set(AUTHS_OWN)


@pytest.mark.parametrize("call", sorted(THROUGH))
def test_a_call_that_processes_elsewhere_meets_the_lock_there(call: str) -> None:
    """The worker wants the key; auth judges the consent where the key is its own."""
    purpose, file, name = THROUGH[call]
    assert wants(file, name, purpose)


def test_every_order_that_comes_by_queue_meets_the_lock() -> None:
    """A job that waited while the consent was withdrawn finds no key."""
    commands = {kind for kind in known_types().values() if issubclass(kind, Command)}
    assert commands == set(ORDERS)
    for purpose, file, names in ORDERS.values():
        assert all(wants(file, name, purpose) for name in names)


def wants(file: str, name: str, purpose: Purpose) -> bool:
    """Whether that function asks for the key (a worker) or judges the consent for the purpose (auth)."""
    [source] = sources_named(file)
    [function] = [one for one in source.functions() if one.name == name]
    if file.startswith("services/imaging"):
        asked = {ast.unparse(call.func) for call in calls(function)}
        return asked & {"parts.keys.key_of", "self._parts.keys.key_of"} != set()
    judged = [ast.unparse(call) for call in calls(function) if last_name(call.func) == "require"]
    return any(f"Purpose.{purpose.name}" in text for text in judged)


# ---- reading


def sources_named(name: str) -> list[Source]:
    return [source for source in sources("services") if source.name == name]


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def last_name(called: ast.expr) -> str:
    """``parts.keys.key_of`` is ``key_of``."""
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def literals(call: ast.Call) -> set[str]:
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return {value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)}
