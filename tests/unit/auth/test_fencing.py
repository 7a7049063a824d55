"""A fence makes data unreadable at once; forgetting takes one subject and no other."""

from __future__ import annotations

from uuid import UUID

import pytest

from services.auth import use_cases
from services.auth.domain.subjects import MOVES, SubjectState, move
from shared.contracts import auth, retention
from shared.crypto import token_hash
from shared.kernel.errors import Conflict, SubjectErased
from shared.kernel.ids import new_id
from shared.testing.faults import Killed
from tests.unit.worlds import OTHER_DEVICE, AuthWorld

GONE = dict.fromkeys(
    ("subjects", "guests", "sessions", "consents", "identities", "idempotency", "refresh_tokens", "guardianships"), 0
)


@pytest.fixture
def world() -> AuthWorld:
    return AuthWorld()


def key(world: AuthWorld, subject_id: UUID) -> str:
    return use_cases.subject_key(auth.SubjectKey(subject_id=subject_id), world.parts).wrapped


def requested(subject_id: UUID, purge_id: UUID | None = None) -> retention.PurgeRequested:
    return retention.PurgeRequested(subject_id=subject_id, purge_id=purge_id or new_id(), reason="stash_wiped")


def test_a_fence_deletes_the_key_ends_the_sessions_and_denies_the_tokens(world: AuthWorld) -> None:
    """Unreadable from this commit on; the neighbour notices nothing."""
    tokens, neighbour = world.admit(), world.admit(OTHER_DEVICE)
    assert key(world, tokens.subject_id)
    use_cases.fence_subject(tokens.subject_id, new_id(), world.parts)
    with pytest.raises(SubjectErased):
        key(world, tokens.subject_id)
    assert world.look(lambda tx: tx.subject(tokens.subject_id)).wrapped_key is None
    assert world.look(lambda tx: tx.live_sessions(tokens.subject_id)) == []
    assert use_cases.denials(world.parts).hashes == [token_hash(str(tokens.subject_id))]
    with pytest.raises(SubjectErased):
        use_cases.who_am_i(auth.WhoAmI(subject_id=tokens.subject_id), world.parts)
    assert key(world, neighbour.subject_id)
    assert world.look(lambda tx: tx.live_sessions(neighbour.subject_id)) == [neighbour.session_id]


def test_behind_a_fence_no_key_is_handed_out_whatever_the_row_still_holds(world: AuthWorld) -> None:
    """The fence alone is enough; the neighbour's key is handed out."""
    tokens, neighbour = world.admit(), world.admit(OTHER_DEVICE)
    with world.work.begin() as tx:
        tx.fence(tokens.subject_id)
    with pytest.raises(SubjectErased):
        key(world, tokens.subject_id)
    assert key(world, neighbour.subject_id)


def test_a_purge_request_fences_once_however_often_it_comes(world: AuthWorld) -> None:
    """The inbox knows the message; the saga hears of the fence with the purge's id."""
    tokens = world.admit()
    event = requested(tokens.subject_id)
    for _ in range(3):
        use_cases.fence_for_purge(event, world.parts)
    assert [m.purge_id for m in world.said(auth.SubjectFenced)] == [event.purge_id]  # type: ignore[attr-defined]


def test_a_subject_nobody_knows_is_fenced_all_the_same(world: AuthWorld) -> None:
    """A purge must end for a subject that was forgotten before: its fence is said."""
    stranger = new_id()
    use_cases.fence_for_purge(requested(stranger), world.parts)
    assert world.said(auth.SubjectFenced)
    assert world.look(lambda tx: tx.is_fenced(stranger))


def test_forgetting_deletes_one_subject_whole_and_leaves_its_neighbour_whole(world: AuthWorld) -> None:
    """Every row of the one, no row of the other; the counts say what was there."""
    doomed = world.admit(idempotency_key="k", fingerprint="f")
    neighbour = world.admit(OTHER_DEVICE, idempotency_key="k", fingerprint="f")
    world.admit(secret_hash=token_hash(doomed.guest_secret or ""))
    before, neighbour_before = world.count(doomed.subject_id), world.count(neighbour.subject_id)
    event = retention.DataRemoved(subject_id=doomed.subject_id, purge_id=new_id())
    for _ in range(2):
        use_cases.forget_subject(event, world.parts)
    assert world.count(doomed.subject_id) == GONE
    assert world.count(neighbour.subject_id) == neighbour_before
    [report] = world.said(auth.SubjectPurged)
    assert report.counts == before  # type: ignore[attr-defined]
    full = {"subjects": 1, "guests": 1, "sessions": 2, "consents": 2, "idempotency": 1, "refresh_tokens": 2}
    assert before == {**GONE, **full}
    assert world.look(lambda tx: tx.is_fenced(doomed.subject_id)), "the tombstone stays"


def test_after_forgetting_the_id_itself_is_nowhere(world: AuthWorld) -> None:
    """What stays is a keyed hash: the state holds the subject's id in no form that reads."""
    doomed = world.admit(idempotency_key="k", fingerprint="f")
    use_cases.fence_subject(doomed.subject_id, new_id(), world.parts)
    use_cases.forget_subject(retention.DataRemoved(subject_id=doomed.subject_id, purge_id=new_id()), world.parts)
    world.work.take_outbox()
    assert str(doomed.subject_id) not in repr(world.work.state)
    assert doomed.subject_id.bytes not in b"".join(world.work.state.fences)


@pytest.mark.parametrize("step", ["tx.delete_subject", "tx.publish", "work.commit"])
def test_a_handler_that_dies_leaves_no_inbox_row_so_that_its_message_works_the_next_time(
    world: AuthWorld, step: str
) -> None:
    """Remembered if and only if done: the mistake of the models."""
    doomed = world.admit()
    event = retention.DataRemoved(subject_id=doomed.subject_id, purge_id=new_id())
    world.trouble.kill(step)
    with pytest.raises(Killed):
        use_cases.forget_subject(event, world.parts)
    assert world.trouble.all_happened
    assert not world.work.state.inbox
    assert world.count(doomed.subject_id)["subjects"] == 1
    use_cases.forget_subject(event, world.parts)
    assert world.count(doomed.subject_id) == GONE
    assert len(world.said(auth.SubjectPurged)) == 1


def test_subject_states_move_by_the_table_and_by_nothing_else() -> None:
    """Every pair: the same again is a no-op, what the table allows goes, the rest is a conflict."""
    for now in SubjectState:
        for to in SubjectState:
            if to is now or to in MOVES[now]:
                assert move(now, to) is to
            else:
                with pytest.raises(Conflict):
                    move(now, to)
    assert set(MOVES) == set(SubjectState)
