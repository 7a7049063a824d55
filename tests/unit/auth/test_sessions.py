"""Refresh tokens rotate, a thief is noticed, sessions end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.auth import fencing, use_cases
from services.auth.domain.sessions import Refresh, RefreshToken, Session, judge_refresh
from shared.contracts import auth
from shared.crypto import token_hash
from shared.kernel.errors import Code, NotFound, SubjectErased, Unauthenticated
from shared.kernel.ids import new_id
from tests.unit.auth.logins import code_of
from tests.unit.worlds import OTHER_DEVICE, AuthWorld


@pytest.fixture
def world() -> AuthWorld:
    return AuthWorld()


def refresh(world: AuthWorld, token: str) -> auth.Tokens:
    return use_cases.refresh_session(auth.RefreshSession(refresh_hash=token_hash(token)), world.parts)


def test_a_refresh_token_is_exchanged_for_a_new_one_in_the_same_session(world: AuthWorld) -> None:
    """Rotation: one exchange each, the session lives on."""
    first = world.admit()
    second = refresh(world, first.refresh_token)
    third = refresh(world, second.refresh_token)
    assert {first.session_id} == {second.session_id, third.session_id}
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3


def test_a_refresh_token_used_twice_ends_its_whole_family_and_no_other(world: AuthWorld) -> None:
    """Thief or victim, one of the two is the other one: both are out, at once and everywhere."""
    first = world.admit()
    other_session = world.admit(secret_hash=token_hash(first.guest_secret or ""))
    neighbour = world.admit(OTHER_DEVICE)
    second = refresh(world, first.refresh_token)
    for token in (first.refresh_token, second.refresh_token, first.refresh_token):
        assert code_of(lambda t=token: refresh(world, t)) is Code.SESSION_REVOKED  # type: ignore[misc]
    assert [m.session_id for m in world.said(auth.SessionRevoked)] == [first.session_id]  # type: ignore[attr-defined]
    assert use_cases.denials(world.parts).hashes == [token_hash(str(first.session_id))]
    assert refresh(world, other_session.refresh_token).session_id == other_session.session_id
    assert refresh(world, neighbour.refresh_token).subject_id == neighbour.subject_id


def test_an_unknown_or_expired_refresh_token_is_refused_and_ends_nothing(world: AuthWorld) -> None:
    """Only a token that was truly ours and truly used betrays a thief."""
    tokens = world.admit()
    with pytest.raises(Unauthenticated):
        refresh(world, "never issued")
    world.clock.forward(61 * 86400)
    with pytest.raises(Unauthenticated):
        refresh(world, tokens.refresh_token)
    assert not world.said(auth.SessionRevoked)


def test_a_fenced_subject_gets_no_new_tokens(world: AuthWorld) -> None:
    """A fence ends every way in."""
    tokens, neighbour = world.admit(), world.admit(OTHER_DEVICE)
    use_cases.fence_subject(tokens.subject_id, new_id(), world.parts)
    with pytest.raises(SubjectErased):
        refresh(world, tokens.refresh_token)
    assert refresh(world, neighbour.refresh_token)


def test_logging_out_ends_the_session_once_and_says_so_once(world: AuthWorld) -> None:
    """Again is fine, and silent."""
    tokens = world.admit()
    request = auth.EndSession(subject_id=tokens.subject_id, session_id=tokens.session_id)
    use_cases.end_session(request, world.parts)
    use_cases.end_session(request, world.parts)
    assert len(world.said(auth.SessionRevoked)) == 1
    assert code_of(lambda: refresh(world, tokens.refresh_token)) is Code.SESSION_REVOKED
    assert code_of(lambda: refresh(world, tokens.refresh_token + "x")) is Code.UNAUTHENTICATED, "nothing for strangers"


def test_somebody_elses_session_is_not_found_and_lives_on(world: AuthWorld) -> None:
    """The answer is the same as for one that never was."""
    tokens, neighbour = world.admit(), world.admit(OTHER_DEVICE)
    for session_id in (neighbour.session_id, new_id()):
        with pytest.raises(NotFound):
            use_cases.end_session(auth.EndSession(subject_id=tokens.subject_id, session_id=session_id), world.parts)
    assert refresh(world, neighbour.refresh_token)
    assert not world.said(auth.SessionRevoked)


def test_a_denial_lasts_until_the_last_access_token_has_expired_and_no_longer(world: AuthWorld) -> None:
    """Gateways that missed the event learn it; the list does not grow for ever."""
    tokens = world.admit()
    use_cases.end_session(auth.EndSession(subject_id=tokens.subject_id, session_id=tokens.session_id), world.parts)
    world.clock.forward(601)
    assert use_cases.denials(world.parts).hashes
    assert fencing.forget_denials(world.parts) == 0
    world.clock.forward(600)
    assert not use_cases.denials(world.parts).hashes
    assert fencing.forget_denials(world.parts) == 1


NOW = AuthWorld().clock()
LIVE = Session(new_id(), new_id(), NOW, NOW)
ENDED = Session(LIVE.session_id, LIVE.subject_id, NOW, NOW, ended_at=NOW)
LATER, EARLIER = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("token", "session", "verdict"),
    [
        (RefreshToken("h", LIVE.session_id, LATER), LIVE, Refresh.ROTATE),
        (RefreshToken("h", LIVE.session_id, NOW), LIVE, Refresh.REFUSE),
        (RefreshToken("h", LIVE.session_id, EARLIER), LIVE, Refresh.REFUSE),
        (RefreshToken("h", LIVE.session_id, LATER, rotated_at=EARLIER), LIVE, Refresh.END_FAMILY),
        (RefreshToken("h", LIVE.session_id, EARLIER, rotated_at=EARLIER), LIVE, Refresh.END_FAMILY),
        (RefreshToken("h", LIVE.session_id, LATER, rotated_at=EARLIER), ENDED, Refresh.ENDED),
        (RefreshToken("h", LIVE.session_id, LATER), ENDED, Refresh.ENDED),
        (RefreshToken("h", LIVE.session_id, LATER), None, Refresh.REFUSE),
        (None, LIVE, Refresh.REFUSE),
        (None, None, Refresh.REFUSE),
    ],
)
def test_what_a_refresh_token_deserves(token: RefreshToken | None, session: Session | None, verdict: Refresh) -> None:
    """Expiry is exclusive; used before outweighs expired; an ended session answers nothing more."""
    assert judge_refresh(token, session, NOW) is verdict
