"""The consent ledger is the lock of the keys: a chain that shows tampering, and a timeline that no sequence can cheat."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth import ledger, use_cases
from services.auth.domain.consents import (
    NAMES,
    Consent,
    ConsentKind,
    Purpose,
    broken_at,
    chained,
    document_of,
    refusal,
)
from shared.contracts import auth, consents
from shared.kernel.errors import BadRequest, Code, PocketError
from shared.kernel.ids import new_id
from tests.unit.auth.logins import LoginWorld, code_of
from tests.unit.worlds import OTHER_DEVICE, PERMISSIONS, POLICY, policy

START = datetime(2026, 1, 1, tzinfo=UTC)
ADA, BO = UUID(int=1), UUID(int=2)


@pytest.fixture
def world() -> LoginWorld:
    return LoginWorld()


# ---- the chain


def chain(subject_id: UUID, actions: list[tuple[str, str]]) -> list[Consent]:
    """A ledger, chained line by line."""
    lines: list[Consent] = []
    for number, (name, action) in enumerate(actions):
        line = Consent(subject_id, name, str(number), action, START + timedelta(hours=number))
        lines.append(replace(line, chain=chained(line, lines[-1].chain if lines else "")))
    return lines


acts = st.lists(
    st.tuples(st.sampled_from(["privacy", "terms"]), st.sampled_from(["grant", "withdraw"])), min_size=2, max_size=8
)


@given(acts, st.data())
def test_an_altered_dropped_or_swapped_line_shows(actions: list[tuple[str, str]], data: Any) -> None:
    """Whole, a chain fits; touched anywhere, it says where."""
    lines = chain(ADA, actions)
    assert broken_at(lines) is None
    at = data.draw(st.integers(0, len(lines) - 1))
    for field, value in (
        ("version", "forged"), ("document", "sdk-list"), ("kind", "permission"), ("at", START - timedelta(days=1)),
        ("action", "withdraw" if lines[at].action == "grant" else "grant"),
    ):  # fmt: skip
        altered = [*lines[:at], replace(lines[at], **{field: value}), *lines[at + 1 :]]
        assert broken_at(altered) == at, field
    if at < len(lines) - 1:
        assert broken_at(lines[:at] + lines[at + 1 :]) == at, "dropped"
        swapped = [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]
        assert broken_at(swapped) == at, "swapped"


@given(acts)
def test_a_line_whose_chain_was_blanked_shows_and_so_does_the_ledger_of_somebody_else(
    actions: list[tuple[str, str]],
) -> None:
    """Lines without a chain are from before there was one: they can only come first. A chain is one subject's own."""
    lines = chain(ADA, actions)
    for at in range(1, len(lines)):
        blanked = [*lines[:at], replace(lines[at], action="grant", version="forged", chain=""), *lines[at + 1 :]]
        assert broken_at(blanked) == at
    assert broken_at([replace(line, subject_id=BO) for line in lines]) == 0
    old = [replace(line, chain="") for line in lines]
    assert broken_at(old) is None


def test_what_the_use_cases_write_is_whole_and_no_line_is_ever_changed(world: LoginWorld) -> None:
    """Grants and withdrawals by every way there is; earlier lines stay byte for byte."""
    mine = world.sign_in("Ada")
    seen: list[Consent] = []
    for step in (
        lambda: world.record(mine.subject_id, "grant", PERMISSIONS, kind="permission", name="camera"),
        lambda: world.record(mine.subject_id, "withdraw"),
        lambda: world.record(mine.subject_id, "grant"),
        lambda: world.record(mine.subject_id, "grant", kind="purpose", name="partner_sharing"),
        lambda: world.record(mine.subject_id, "withdraw", kind="purpose", name="partner_sharing"),
    ):
        world.clock.forward(0.123456)
        step()
        lines = world.look(lambda tx: tx.consents(mine.subject_id))
        assert lines[: len(seen)] == seen
        assert len(lines) == len(seen) + 1 or not seen
        assert broken_at(lines) is None
        seen = lines
    shown = ledger.consent_ledger(consents.Consents(subject_id=mine.subject_id), world.parts)
    assert [line.chain for line in shown.items] == [line.chain for line in seen]


# ---- recording


def test_the_same_again_adds_nothing_and_says_nothing(world: LoginWorld) -> None:
    """Neither a second grant nor a second withdrawal."""
    mine = world.sign_in("Ada")
    world.record(mine.subject_id, "grant")
    assert len(world.record(mine.subject_id, "withdraw").items) == 2
    assert len(world.record(mine.subject_id, "withdraw").items) == 2
    assert len(world.said(auth.ConsentWithdrawn)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "guardian", "name": "guardian"}, {"kind": "permission", "name": "microphone"}, {"kind": "nothing"},
        {"action": "maybe"}, {"version": "x" * 41}, {"version": "a\x00b"}, {"version": ""}, {"name": "device_id"},
        {"version": "1 2"}, {"version": "1\n"},
    ],
)  # fmt: skip
def test_what_cannot_be_consented_to_is_a_bad_request(world: LoginWorld, wrong: dict[str, str]) -> None:
    """A guardian's consent is not the child's to give; nothing that a database could choke on comes through."""
    mine = world.sign_in("Ada")
    request = {"action": "withdraw", **wrong}
    assert code_of(lambda: world.record(mine.subject_id, request.pop("action"), **request)) is Code.BAD_REQUEST
    assert len(world.look(lambda tx: tx.consents(mine.subject_id))) == 1


BOUND = [
    ("document", "privacy", POLICY),
    ("purpose", "partner_sharing", POLICY),
    ("document", "permissions", PERMISSIONS),
    *(("permission", name, PERMISSIONS) for name in NAMES[ConsentKind.PERMISSION]),
]
"""What is consented to, and the version in force of the document that describes it."""


@pytest.mark.parametrize(("kind", "name", "current"), BOUND)
def test_a_consent_is_to_the_version_in_force_of_the_document_that_describes_it(
    world: LoginWorld, kind: str, name: str, current: str
) -> None:
    """The answer names that version. What was never published, is over, or is another document's is not consented to."""
    for document in ("privacy", "permissions"):
        world.shelf.documents.append(policy("2020-01-01", world.clock, 2000, document=document))
    mine, other = world.sign_in("Ada"), {POLICY, PERMISSIONS} - {current}
    before = world.look(lambda tx: tx.consents(mine.subject_id))
    for version in ("1999-01-01", "x" * 40, "2020-01-01", *other):
        with pytest.raises(PocketError) as refusal:
            world.record(mine.subject_id, "grant", version, kind=kind, name=name)
        assert refusal.value.actual_code is Code.POLICY_OUTDATED
        assert refusal.value.public_extra == {"policy_version": current}
    assert world.look(lambda tx: tx.consents(mine.subject_id)) == before
    assert world.record(mine.subject_id, "grant", current, kind=kind, name=name).items[-1].name == name


@pytest.mark.parametrize(("kind", "name", "current"), BOUND)
def test_a_withdrawal_is_of_a_version_that_exists_however_old(
    world: LoginWorld, kind: str, name: str, current: str
) -> None:
    """One that was never published is named as the mistake; none that was is ever refused."""
    for document in ("privacy", "permissions"):
        world.shelf.documents.append(policy("2020-01-01", world.clock, 2000, document=document))
    mine = world.sign_in("Ada")
    for version in ("1999-01-01", "x" * 40):
        with pytest.raises(BadRequest) as refusal:
            world.record(mine.subject_id, "withdraw", version, kind=kind, name=name)
        assert refusal.value.public_extra == {"errors": [{"field": "version", "reason": "unknown"}]}
    for version in ("2020-01-01", current):
        last = world.record(mine.subject_id, "withdraw", version, kind=kind, name=name).items[-1]
        assert (last.name, last.action, last.version) == (name, "withdraw", version)


def test_what_stands_in_the_ledger_can_be_withdrawn_whatever_document_it_named(world: LoginWorld) -> None:
    """A guest's device id was once recorded with the privacy policy's version."""
    guest = world.admit()
    with world.work.begin() as tx:
        ledger.add_line(guest.subject_id, ConsentKind.PERMISSION, "device_id", POLICY, "grant", world.clock(), tx)
    world.record(guest.subject_id, "withdraw", POLICY, kind="permission", name="device_id")
    assert [m.subject_id for m in world.said(auth.ConsentWithdrawn)] == [guest.subject_id]


def test_a_withdrawn_policy_stops_processing(world: LoginWorld) -> None:
    """At once."""
    mine = world.sign_in("Ada")
    world.record(mine.subject_id, "withdraw")
    assert code_of(lambda: world.key(mine.subject_id)) is Code.CONSENT_REQUIRED


WITHDRAWALS = [(kind, name) for kind, names in NAMES.items() if kind is not ConsentKind.GUARDIAN for name in names]


@pytest.mark.parametrize(("kind", "name"), WITHDRAWALS)
def test_only_what_processing_rests_on_stops_it_when_it_is_withdrawn(
    world: LoginWorld, kind: ConsentKind, name: str
) -> None:
    """The privacy policy for everybody, the device's id for a guest; all else is the person's to give and take."""
    world.shelf.documents += [policy("1", world.clock, 30, document=name) for name in ("terms", "sdk-list")]
    account, guest, neighbour = world.sign_in("Ada"), world.admit(), world.admit(OTHER_DEVICE)
    for subject in (account, guest):
        version = {"privacy": POLICY, "permissions": PERMISSIONS}.get(document_of(kind, name), "1")
        world.record(subject.subject_id, "grant", version, kind=kind, name=name)
        world.record(subject.subject_id, "withdraw", version, kind=kind, name=name)
    stopped = {m.subject_id: m for m in world.said(auth.ConsentWithdrawn)}
    expected = {"privacy": {account.subject_id, guest.subject_id}, "device_id": {guest.subject_id}}.get(name, set())
    assert set(stopped) == expected
    for message in stopped.values():
        assert isinstance(message, auth.ConsentWithdrawn)
        assert (message.kind, message.name) == (kind, name)
        assert message.subject_kind == ("guest" if message.subject_id == guest.subject_id else "account")
    assert world.key(neighbour.subject_id)
    if name == "privacy":
        assert code_of(lambda: world.key(account.subject_id)) is Code.CONSENT_REQUIRED
        assert code_of(lambda: world.key(account.subject_id, "keep_profile")) is Code.CONSENT_REQUIRED
    else:
        assert world.key(account.subject_id)
    assert world.key(account.subject_id, "read_own")


def test_a_withdrawal_of_what_was_never_granted_is_written_and_stops_nothing(world: LoginWorld) -> None:
    """Nothing rested on it."""
    mine = world.sign_in("Ada")
    world.shelf.documents += [policy("1", world.clock, 30, document="terms")]
    for old in ("1999-01-01", "1998-01-01"):
        world.shelf.documents.append(policy(old, world.clock, 9000))
    world.record(mine.subject_id, "withdraw", "1", kind="document", name="terms")
    assert world.said(auth.ConsentWithdrawn) == []
    assert world.key(mine.subject_id)
    for version in (POLICY, "1999-01-01", "1998-01-01"):
        world.record(mine.subject_id, "withdraw", version)
    assert len(world.said(auth.ConsentWithdrawn)) == 1, "it stops once"


def test_behind_a_fence_nothing_is_recorded_or_shown(world: LoginWorld) -> None:
    """Purged stays purged; the neighbour's ledger is open."""
    mine, neighbour = world.sign_in("Ada"), world.sign_in("Bo")
    world.erase(mine.subject_id)
    assert code_of(lambda: world.record(mine.subject_id, "grant")) is Code.SUBJECT_ERASED
    ask = consents.Consents
    assert code_of(lambda: ledger.consent_ledger(ask(subject_id=mine.subject_id), world.parts)) is Code.SUBJECT_ERASED
    assert code_of(lambda: world.record(new_id(), "grant")) is Code.SUBJECT_ERASED
    assert ledger.consent_ledger(ask(subject_id=neighbour.subject_id), world.parts).items


# ---- purposes


@given(st.sampled_from(list(Purpose)), acts)
def test_reading_ones_own_needs_no_consent_and_everything_else_needs_one(
    purpose: Purpose, actions: list[tuple[str, str]]
) -> None:
    """Whatever the ledger holds."""
    lines = chain(ADA, actions)
    code = refusal(purpose, lines, [line.version for line in lines], None)
    privacy = [line for line in lines if line.document == "privacy"]
    granted = bool(privacy) and privacy[-1].action == "grant"
    assert (code is None) == (purpose is Purpose.READ_OWN or granted)
    assert refusal(purpose, [], ["1"], None) is (None if purpose is Purpose.READ_OWN else Code.CONSENT_REQUIRED)


def test_a_purpose_that_nobody_knows_gets_no_key(world: LoginWorld) -> None:
    """The list is closed."""
    mine = world.sign_in("Ada").subject_id
    asked = auth.SubjectKey.model_construct(subject_id=mine, purpose="curiosity")
    assert code_of(lambda: use_cases.subject_key(asked, world.parts)) is Code.BAD_REQUEST
