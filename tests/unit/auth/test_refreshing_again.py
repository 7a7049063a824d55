"""A refresh whose answer was lost is made again with its key; a thief of the old token gains nothing by that."""

from __future__ import annotations

import pytest

from services.auth import use_cases
from shared.contracts import auth
from shared.crypto import token_hash
from shared.kernel.errors import IdempotencyConflict, PocketError, SubjectErased, Unauthenticated
from shared.kernel.ids import new_id
from tests.unit.worlds import OTHER_DEVICE, AuthWorld


@pytest.fixture
def world() -> AuthWorld:
    return AuthWorld()


def refresh(world: AuthWorld, token: str, key: str | None = None, fingerprint: str = "f") -> auth.Tokens:
    call = auth.RefreshSession(refresh_hash=token_hash(token), idempotency_key=key, fingerprint=fingerprint)
    return use_cases.refresh_session(call, world.parts)


def test_the_same_refresh_with_its_key_gives_the_very_same_tokens(world: AuthWorld) -> None:
    """One rotation, however often it is asked for; the tokens that it gave are good."""
    first = world.admit()
    answers = [refresh(world, first.refresh_token, "k") for _ in range(3)]
    assert answers == [answers[0]] * 3
    assert world.count(first.subject_id)["refresh_tokens"] == 2
    assert not world.said(auth.SessionRevoked)
    assert refresh(world, answers[0].refresh_token, "next").session_id == first.session_id


def test_it_is_no_reuse_even_when_the_new_token_was_used_meanwhile(world: AuthWorld) -> None:
    """A request that wandered in the network for long does not log anybody out."""
    first = world.admit()
    second = refresh(world, first.refresh_token, "k")
    third = refresh(world, second.refresh_token, "k2")
    assert refresh(world, first.refresh_token, "k") == second
    assert not world.said(auth.SessionRevoked)
    assert refresh(world, third.refresh_token)


@pytest.mark.parametrize("key", [None, "guessed", "known"])
def test_a_used_token_without_its_own_key_ends_the_family_as_ever(world: AuthWorld, key: str | None) -> None:
    """A thief has one guess, and it logs him out too; a key of another call of the victim's is as bad as none."""
    first, neighbour = world.admit(), world.admit(OTHER_DEVICE)
    second = refresh(world, first.refresh_token, "k")
    third = refresh(world, second.refresh_token, "known", "another body")
    with pytest.raises(PocketError, match="session_revoked"):
        refresh(world, first.refresh_token, key)
    assert [m.session_id for m in world.said(auth.SessionRevoked)] == [first.session_id]  # type: ignore[attr-defined]
    for token, own in ((first, "k"), (second, "known"), (third, "new")):
        with pytest.raises(PocketError, match="session_revoked"):
            refresh(world, token.refresh_token, own)
    assert refresh(world, neighbour.refresh_token)


def test_a_key_of_another_refresh_conflicts_and_spends_nothing(world: AuthWorld) -> None:
    """A phone that takes a key twice is told so; its token is as good as before, and nobody is logged out."""
    first = world.admit()
    second = refresh(world, first.refresh_token, "k")
    with pytest.raises(IdempotencyConflict):
        refresh(world, second.refresh_token, "k", "another body")
    assert not world.said(auth.SessionRevoked)
    assert refresh(world, second.refresh_token, "k2")


def test_the_key_of_another_subject_is_another_key(world: AuthWorld) -> None:
    """Nobody gets anybody's tokens by knowing or guessing a key."""
    first, neighbour = world.admit(), world.admit(OTHER_DEVICE)
    mine, theirs = (refresh(world, one.refresh_token, "k") for one in (first, neighbour))
    assert (mine.subject_id, theirs.subject_id) == (first.subject_id, neighbour.subject_id)


def test_a_session_that_has_ended_gives_its_tokens_to_nobody(world: AuthWorld) -> None:
    """Logged out is logged out, key or not."""
    first = world.admit()
    refresh(world, first.refresh_token, "k")
    use_cases.end_session(auth.EndSession(subject_id=first.subject_id, session_id=first.session_id), world.parts)
    with pytest.raises(PocketError, match="session_revoked"):
        refresh(world, first.refresh_token, "k")


def test_the_remembered_tokens_are_sealed_and_go_with_their_subject(world: AuthWorld) -> None:
    """No token in the clear; unreadable behind the fence, deleted with the rest, the neighbour's kept."""
    first, neighbour = world.admit(), world.admit(OTHER_DEVICE)
    tokens = refresh(world, first.refresh_token, "k")
    refresh(world, neighbour.refresh_token, "k")
    kept = [one.answer for one in world.work.state.answers.values()]
    assert not [text for text in kept if tokens.access_token in text or tokens.refresh_token in text]
    use_cases.fence_subject(first.subject_id, new_id(), world.parts)
    with pytest.raises((SubjectErased, Unauthenticated)):
        refresh(world, first.refresh_token, "k")
    world.look(lambda tx: tx.delete_subject(first.subject_id))
    assert [one.subject_id for one in world.work.state.answers.values()] == [neighbour.subject_id]
