"""Calls made again with their key, on both adapters, one after the other and at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from services.auth import guardians, profiles, proofs, use_cases
from shared.contracts import accounts, auth, consents
from shared.contracts.base import RepeatableCall
from shared.crypto import token_hash
from shared.kernel.errors import Code
from tests.contract.test_account_stories import Stage, both_at_once, real_stage, stage
from tests.unit.auth.logins import code_of

__all__ = ["real_stage", "stage"]
KEY = "0f8fad5b-d9cb-469f-a165-70867728950e"
UseCase = Callable[[Any, Any], Any]


def calls(stage: Stage) -> list[tuple[UseCase, RepeatableCall[Any]]]:
    """One call of each kind of answer: tokens, a record, a link, nothing at all, and somebody who is nobody yet."""
    mine, child = stage.sign_in("Ada"), stage.admit(age_band="under_14")
    elsewhere = stage.sign_in("Ada")
    again: dict[str, Any] = {"idempotency_key": KEY, "fingerprint": "f"}
    return [
        (use_cases.refresh_session, auth.RefreshSession(refresh_hash=token_hash(mine.refresh_token), **again)),
        (proofs.begin_login, accounts.BeginLogin(provider="wechat", platform="ios", **again)),
        (guardians.ask_guardian, consents.AskGuardian(subject_id=child.subject_id, **again)),
        (
            profiles.change_profile,
            accounts.ChangeProfile(
                subject_id=elsewhere.subject_id, **again | {"idempotency_key": "2"}, age_band="adult"
            ),
        ),
        (
            use_cases.end_session,
            auth.EndSession(
                subject_id=mine.subject_id, session_id=elsewhere.session_id, **again | {"idempotency_key": "3"}
            ),
        ),
    ]


def test_a_call_made_again_gets_its_answer_on_either_adapter(stage: Stage) -> None:
    """Tokens, times and nulls come back as they were; said once; another call with the key conflicts, and does nothing."""
    for use_case, call in calls(stage):
        first = use_case(call, stage.parts)
        said = len(stage.outbox())
        assert use_case(call, stage.parts) == first
        assert len(stage.outbox()) == said
    mine = stage.sign_in("Ada")
    other = accounts.EndSessions(subject_id=mine.subject_id, idempotency_key="3", fingerprint="f")
    assert code_of(lambda: profiles.end_sessions(other, stage.parts)) is Code.IDEMPOTENCY_CONFLICT
    assert stage.look(lambda tx: len(tx.live_sessions(mine.subject_id))) == 2


@pytest.mark.integration
@pytest.mark.parametrize("which", range(5))
def test_the_same_call_made_twice_at_once_has_one_effect_and_one_answer(real_stage: Stage, which: int) -> None:
    """The second waits for the first, and is no thief."""
    use_case, call = calls(real_stage)[which]
    found = both_at_once(real_stage, *[lambda: use_case(call, real_stage.parts)] * 2)
    assert type(found[0]) is call.answer
    assert found[0] == found[1]
    assert len(real_stage.said(auth.SessionRevoked)) == int(use_case is use_cases.end_session)
