"""Signing in ends the guest: its stash goes, nothing is merged, and it is all one transaction."""

from __future__ import annotations

import pytest

from services.auth.domain.subjects import SubjectState
from shared.contracts import auth
from shared.crypto import token_hash
from shared.kernel.errors import Code
from shared.kernel.ids import new_id
from shared.testing.faults import Killed
from tests.unit.auth.logins import LoginWorld, code_of
from tests.unit.worlds import DEVICE, OTHER_DEVICE


@pytest.fixture
def world() -> LoginWorld:
    return LoginWorld()


def test_a_guest_that_signs_in_is_fenced_in_the_same_transaction_and_the_event_names_purge_and_account(
    world: LoginWorld,
) -> None:
    """Nothing is merged: the old key is gone before the account's first token is out. The neighbour notices nothing."""
    guest, neighbour = world.admit(), world.admit(OTHER_DEVICE)
    signed = world.sign_in("Ada", guest_id=guest.subject_id)
    held = world.subject(guest.subject_id)
    assert (held.state, held.wrapped_key) == (SubjectState.ERASING, None)
    assert world.is_fenced(guest.subject_id)
    [event] = world.said(auth.GuestSignedIn)
    assert isinstance(event, auth.GuestSignedIn)
    assert (event.subject_id, event.account_id, event.purge_id) == (
        guest.subject_id,
        signed.subject_id,
        signed.purge_id,
    )
    assert signed.purge_id is not None
    assert [m.subject_id for m in world.said(auth.SubjectFenced)] == [guest.subject_id]
    assert world.look(lambda tx: tx.guest_of_device(DEVICE)) is None, "the device is untied at once"
    assert not world.is_fenced(neighbour.subject_id)
    assert world.key(neighbour.subject_id)


@pytest.mark.parametrize("step", ["tx.fence", "tx.mark_erasing", "tx.publish", "work.commit"])
def test_a_sign_in_that_dies_leaves_the_guest_as_it_was_and_makes_no_account(world: LoginWorld, step: str) -> None:
    """All or nothing: no account beside a living stash, no dead stash without an account."""
    guest = world.admit()
    fences_before = world.work.state.fences
    world.work.take_outbox()
    world.trouble.kill(step, skip=1 if step == "work.commit" else 0)
    with pytest.raises(Killed):
        world.sign_in("Ada", guest_id=guest.subject_id)
    assert world.trouble.all_happened
    assert list(world.work.state.subjects) == [guest.subject_id]
    assert world.work.state.fences == fences_before
    assert not world.work.messages()
    assert world.key(guest.subject_id)
    assert world.sign_in("Ada", guest_id=guest.subject_id).purge_id


def test_the_device_of_a_guest_that_signed_in_starts_anew_with_another_guest(world: LoginWorld) -> None:
    """Even with the old secret: what is wiped cannot be resumed."""
    guest = world.admit()
    world.sign_in("Ada", guest_id=guest.subject_id)
    fresh = world.admit(secret_hash=token_hash(guest.guest_secret or ""))
    assert fresh.subject_id != guest.subject_id
    assert not world.said(auth.GuestReplaced), "it was wiped already"


def test_a_guest_that_has_ended_already_is_ended_only_once(world: LoginWorld) -> None:
    """No second purge, and the login works all the same."""
    guest = world.admit()
    world.sign_in("Ada", guest_id=guest.subject_id)
    again = world.sign_in("Ada", guest_id=guest.subject_id)
    assert again.purge_id is None
    assert len(world.said(auth.GuestSignedIn)) == 1
    assert world.sign_in("Bo", guest_id=new_id()).purge_id is None


def test_an_account_given_as_the_guest_is_left_alone(world: LoginWorld) -> None:
    """Whatever the caller claims: only guests have a stash that logging in wipes."""
    neighbour = world.sign_in("Bo")
    signed = world.sign_in("Ada", guest_id=neighbour.subject_id)
    assert signed.purge_id is None
    assert world.key(neighbour.subject_id)


def test_an_account_made_from_a_childs_guest_is_a_childs_unless_somebody_declares_otherwise(world: LoginWorld) -> None:
    """A declared age is not lost by logging in: without it, nobody would ask for the guardian any more."""
    child = world.admit(age_band="under_14")
    made = world.sign_in("Ada", guest_id=child.subject_id)
    assert code_of(lambda: world.key(made.subject_id)) is Code.GUARDIAN_CONSENT_REQUIRED
    shared_phone = world.admit(age_band="under_14")
    parent = world.sign_in("Bo", guest_id=shared_phone.subject_id, age_band="adult")
    assert world.subject(parent.subject_id).age_band == "adult"
    grown = world.sign_in("Cy", age_band="adult")
    third = world.admit(age_band="under_14")
    assert world.sign_in("Cy", guest_id=third.subject_id).subject_id == grown.subject_id
    assert world.subject(grown.subject_id).age_band == "adult"
