"""Devices start, come back, and are replaced."""

from __future__ import annotations

import pytest

from services.auth import use_cases
from services.auth.domain.subjects import SubjectState
from shared.contracts import auth
from shared.crypto import token_hash
from shared.crypto.signing import public_keys, verify
from shared.kernel.errors import Code, IdempotencyConflict, PocketError, SubjectErased
from tests.unit.worlds import DEVICE, OTHER_DEVICE, PERMISSIONS, POLICY, AuthWorld, policy


@pytest.fixture
def world() -> AuthWorld:
    return AuthWorld()


def test_a_new_device_becomes_a_guest_with_a_key_a_session_and_its_consent(world: AuthWorld) -> None:
    """One call, one transaction: all that a guest needs, and the consent it rests on."""
    tokens = world.admit()
    assert tokens.created
    assert tokens.kind == "guest"
    assert world.count(tokens.subject_id) == {
        "subjects": 1, "guests": 1, "sessions": 1, "consents": 2, "idempotency": 0, "refresh_tokens": 1,
        "identities": 0, "guardianships": 0,
    }  # fmt: skip
    consent, device = world.look(lambda tx: tx.consents(tokens.subject_id))
    assert (consent.document, consent.version, consent.action) == ("privacy", POLICY, "grant")
    assert (device.kind, device.document, device.action) == ("permission", "device_id", "grant")
    assert device.version == PERMISSIONS, "as the document of permissions describes it"


def test_the_access_token_names_its_subject_and_session_and_is_verified_by_the_public_key(world: AuthWorld) -> None:
    """Gateways check tokens without a call: the published keys must be enough."""
    tokens = world.admit()
    keys = public_keys(use_cases.token_keys(world.parts).keys)
    claims = verify(tokens.access_token, keys, kind="at+jwt", issuer="pocketid")
    assert claims["sub"] == str(tokens.subject_id)
    assert claims["sid"] == str(tokens.session_id)
    assert claims["exp"] - claims["iat"] == tokens.expires_in == 600


def test_a_device_that_knows_its_secret_resumes_its_guest(world: AuthWorld) -> None:
    """The same subject, a new session, no second secret; the first session stays."""
    first = world.admit()
    again = world.admit(secret_hash=token_hash(first.guest_secret or ""))
    assert again.subject_id == first.subject_id
    assert not again.created
    assert again.guest_secret is None
    assert again.session_id != first.session_id
    assert world.count(first.subject_id)["sessions"] == 2
    assert world.count(first.subject_id)["consents"] == 2


@pytest.mark.parametrize("secret", [None, "wrong"])
def test_a_device_without_its_secret_gets_a_new_guest_and_the_old_stash_is_doomed(
    world: AuthWorld, secret: str | None
) -> None:
    """A stolen device id opens nothing: the old key is gone before the new guest exists, and the purge is announced."""
    old = world.admit()
    neighbour = world.admit(OTHER_DEVICE)
    new = world.admit(secret_hash=token_hash(secret) if secret else None)
    assert new.subject_id != old.subject_id
    assert new.created
    subject = world.look(lambda tx: tx.subject(old.subject_id))
    assert subject.state is SubjectState.ERASING
    assert subject.wrapped_key is None
    assert world.look(lambda tx: tx.is_fenced(old.subject_id))
    assert [m.subject_id for m in world.said(auth.GuestReplaced)] == [old.subject_id]
    assert [m.subject_id for m in world.said(auth.SubjectFenced)] == [old.subject_id]
    assert world.look(lambda tx: tx.guest_of_device(DEVICE)).subject_id == new.subject_id
    assert world.look(lambda tx: tx.subject(neighbour.subject_id)).state is SubjectState.ACTIVE
    assert not world.look(lambda tx: tx.is_fenced(neighbour.subject_id))


def test_the_secret_of_one_device_does_not_open_another(world: AuthWorld) -> None:
    """The secret resumes the guest of its own device only."""
    first, other = world.admit(), world.admit(OTHER_DEVICE)
    crossed = world.admit(OTHER_DEVICE, secret_hash=token_hash(first.guest_secret or ""))
    assert crossed.subject_id not in (first.subject_id, other.subject_id)


def test_a_fenced_guest_cannot_be_resumed_even_with_its_secret(world: AuthWorld) -> None:
    """Purged stays purged: the device starts anew."""
    old = world.admit()
    use_cases.fence_subject(old.subject_id, old.session_id, world.parts)
    new = world.admit(secret_hash=token_hash(old.guest_secret or ""))
    assert new.subject_id != old.subject_id
    assert not world.said(auth.GuestReplaced), "its purge is under way already"


def test_without_consent_nobody_is_admitted_and_nothing_is_kept(world: AuthWorld) -> None:
    """Consent comes first (PIPL 13): a refusal leaves no row."""
    with pytest.raises(PocketError) as refusal:
        world.admit(policy_version=None)
    assert refusal.value.actual_code is Code.CONSENT_REQUIRED
    assert not world.work.state.subjects
    assert not world.work.state.outbox


def test_consent_to_another_version_is_refused_and_the_answer_names_the_one_in_force(world: AuthWorld) -> None:
    """Consent is bound to the version in force."""
    with pytest.raises(PocketError) as refusal:
        world.admit(policy_version="1999-01-01")
    assert refusal.value.actual_code is Code.POLICY_OUTDATED
    assert refusal.value.public_extra == {"policy_version": POLICY}
    assert not world.work.state.subjects


def test_a_guest_that_comes_back_under_a_new_policy_consents_to_it_too(world: AuthWorld) -> None:
    """The ledger grows; the old consent is not rewritten."""
    first = world.admit()
    world.shelf.documents.append(policy("2026-02-02", world.clock, 0))
    world.clock.forward(8 * 86400)
    world.admit(policy_version="2026-02-02", secret_hash=token_hash(first.guest_secret or ""))
    consents = world.look(lambda tx: tx.consents(first.subject_id))
    assert [c.version for c in consents if c.document == "privacy"] == [POLICY, "2026-02-02"]


def test_a_repeated_call_gets_the_very_same_tokens(world: AuthWorld) -> None:
    """The answer that was lost on the way is given again, not a second guest."""
    first = world.admit(idempotency_key="k1", fingerprint="f")
    again = world.admit(idempotency_key="k1", fingerprint="f")
    assert again == first
    assert len(world.work.state.subjects) == 1


def test_the_kept_answer_is_sealed(world: AuthWorld) -> None:
    """What an idempotency key remembers holds no token in the clear."""
    tokens = world.admit(idempotency_key="k1", fingerprint="f")
    [kept] = world.work.state.answers.values()
    for secret in (tokens.access_token, tokens.refresh_token, tokens.guest_secret or ""):
        assert secret not in kept.answer


def test_the_same_key_for_another_body_conflicts(world: AuthWorld) -> None:
    """An idempotency key stands for one request."""
    world.admit(idempotency_key="k1", fingerprint="f")
    with pytest.raises(IdempotencyConflict):
        world.admit(idempotency_key="k1", fingerprint="g")
    assert len(world.work.state.subjects) == 1


def test_the_same_key_from_another_device_is_another_call(world: AuthWorld) -> None:
    """Keys are scoped to the device: nobody can fetch another's tokens by guessing its key."""
    first = world.admit(idempotency_key="k1", fingerprint="f")
    other = world.admit(OTHER_DEVICE, idempotency_key="k1", fingerprint="f")
    assert other.subject_id != first.subject_id


def test_a_repeated_call_behind_a_fence_gets_nothing(world: AuthWorld) -> None:
    """The kept answer is sealed under a key that is gone."""
    tokens = world.admit(idempotency_key="k1", fingerprint="f")
    use_cases.fence_subject(tokens.subject_id, tokens.session_id, world.parts)
    with pytest.raises(SubjectErased):
        world.admit(idempotency_key="k1", fingerprint="f")


def test_an_admission_that_dies_before_its_commit_leaves_nothing(world: AuthWorld) -> None:
    """All or nothing: no guest without a session, no event without its state."""
    old = world.admit()
    before = world.work.state
    world.trouble.fail("work.commit", RuntimeError("no"))
    with pytest.raises(RuntimeError):
        world.admit()
    assert world.work.state is before
    assert not world.look(lambda tx: tx.is_fenced(old.subject_id))
