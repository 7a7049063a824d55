"""Ways into somebody else's account, each tried and each refused; the way in that is one's own stays open."""

from __future__ import annotations

import pytest

from services.auth import use_cases
from services.auth.domain.identities import ATTEMPT_LIFE, NONCE_LIFE
from shared.contracts import auth
from shared.crypto import token_hash
from shared.kernel.errors import BadRequest, Code, LoginFailed
from shared.kernel.ids import new_id
from tests.unit.auth.logins import LoginWorld, code_of
from tests.unit.worlds import OTHER_DEVICE


@pytest.fixture
def world() -> LoginWorld:
    return LoginWorld()


# ---- attempts


def test_an_attempt_gives_state_nonce_and_challenge_and_keeps_the_verifier(world: LoginWorld) -> None:
    """What the app never sees, a thief of the app's traffic never sees; what waits in the table is sealed."""
    begun = world.begin(world.wechat)
    attempt = world.wechat.attempts[0]
    assert (begun.state, begun.nonce) == (attempt.state, attempt.nonce.reveal())
    assert begun.code_challenge == attempt.code_challenge
    world.wechat.uses_pkce = False
    assert world.begin(world.wechat).code_challenge is None
    shown = repr(world.work.state)
    assert begun.state not in shown
    assert str(begun.nonce) not in shown
    other = world.begin(world.wechat)
    assert {other.attempt_id, other.state, other.nonce}.isdisjoint({begun.attempt_id, begun.state, begun.nonce})


def test_a_login_finishes_with_its_own_attempt_and_state_and_the_verifier_goes_to_the_provider(
    world: LoginWorld,
) -> None:
    """What the attempt knows wins over what the app says."""
    begun = world.begin(world.wechat, "web", "https://a.example/")
    handed = {
        "code": world.wechat.code_for("Ada", bound=True), "attempt_id": str(begun.attempt_id), "state": begun.state,
        "nonce": "the app's own", "code_verifier": "the app's own", "redirect_uri": "https://evil.example",
    }  # fmt: skip
    assert world.sign_in(handed=handed).created
    [proof] = world.wechat.asked
    assert proof.nonce is not None
    assert proof.nonce.reveal() == begun.nonce
    assert proof.code_verifier is not None
    assert proof.code_verifier.reveal() != "the app's own"
    assert (proof.platform, proof.redirect_uri) == ("web", "https://a.example/")


@pytest.mark.parametrize("name", ["wechat", "apple"])
@pytest.mark.parametrize(
    ("handed", "missing"),
    [({}, ["attempt_id", "state"]), ({"attempt_id": str(new_id())}, ["state"]), ({"state": "s"}, ["attempt_id"])],
)
def test_a_login_in_a_browser_always_brings_its_attempt_whoever_the_provider_is(
    world: LoginWorld, name: str, handed: dict[str, str], missing: list[str]
) -> None:
    """Login CSRF: a code that was slipped in belongs to no attempt of this browser. Nobody is asked, nobody logged in."""
    provider = world.providers[name]
    proof = {"code": provider.code_for("Mallory"), **handed}
    victim = world.sign_in("Ada")
    asked = len(provider.asked)
    back = {**proof, "redirect_uri": "https://a.example/"}
    for refused in (
        lambda: world.sign_in(by=provider, platform="web", handed=proof),
        lambda: world.sign_in(by=provider, platform="android", handed=back),
        lambda: world.link(victim.subject_id, "Mallory", provider, **back),
    ):
        with pytest.raises(BadRequest) as refusal:
            refused()
        errors = [{"field": field, "reason": "missing"} for field in missing]
        assert refusal.value.public_extra == {"errors": errors}
    assert len(provider.asked) == asked
    assert len(world.work.state.subjects) == 1


def test_an_attempt_survives_a_proof_that_was_not_whole(world: LoginWorld) -> None:
    """The provider was never asked: the app may complete it."""
    begun = world.begin(world.wechat)
    bound = {"attempt_id": str(begun.attempt_id), "state": begun.state}
    assert code_of(lambda: world.sign_in(handed=bound)) is Code.BAD_REQUEST
    assert world.sign_in(handed={**bound, "code": world.wechat.code_for("Ada")}).created


def test_the_wrong_state_is_refused_and_spends_the_attempt(world: LoginWorld) -> None:
    """Login CSRF: a code that an attacker slips in does not carry this attempt's state. Guessing goes once."""
    for wrong in ("guessed", "", None, "\u00e9"):
        begun = world.begin(world.wechat)
        handed = {"code": world.wechat.code_for("Mallory"), "attempt_id": str(begun.attempt_id), "state": wrong}
        assert code_of(lambda handed=handed: world.sign_in(handed=handed)) is Code.LOGIN_CODE_INVALID  # type: ignore[misc]
        right = {**handed, "state": begun.state}
        assert code_of(lambda right=right: world.sign_in(handed=right)) is Code.LOGIN_CODE_INVALID  # type: ignore[misc]
    assert world.wechat.asked == []
    assert not world.work.state.subjects


def test_an_attempt_is_used_once(world: LoginWorld) -> None:
    """A second code does not ride on it."""
    begun = world.begin(world.wechat)
    bound = {"attempt_id": str(begun.attempt_id), "state": begun.state}
    world.sign_in(handed={"code": world.wechat.code_for("Ada"), **bound})
    second = {"code": world.wechat.code_for("Mallory"), **bound}
    assert code_of(lambda: world.sign_in(handed=second)) is Code.LOGIN_CODE_INVALID
    assert len(world.work.state.subjects) == 1


def test_an_attempt_at_one_provider_does_not_finish_a_login_at_another(world: LoginWorld) -> None:
    """Mix-up: its nonce and verifier are that provider's."""
    begun = world.begin(world.wechat)
    handed = {"code": world.apple.code_for("Ada"), "attempt_id": str(begun.attempt_id), "state": begun.state}
    assert code_of(lambda: world.sign_in(by=world.apple, handed=handed)) is Code.LOGIN_CODE_INVALID
    assert world.apple.asked == []


def test_an_attempt_expires_after_ten_minutes(world: LoginWorld) -> None:
    """Not a second earlier, and never later."""
    in_time, too_late = world.begin(world.wechat), world.begin(world.wechat)
    world.clock.forward(ATTEMPT_LIFE.total_seconds())
    handed = {"code": world.wechat.code_for("Ada"), "attempt_id": str(in_time.attempt_id), "state": in_time.state}
    assert world.sign_in(handed=handed).created
    world.clock.forward(1)
    late = {"code": world.wechat.code_for("Ada"), "attempt_id": str(too_late.attempt_id), "state": too_late.state}
    assert code_of(lambda: world.sign_in(handed=late)) is Code.LOGIN_CODE_INVALID


def test_an_attempt_that_nobody_began_is_refused_whatever_it_looks_like(world: LoginWorld) -> None:
    """A made-up id, and what is no id at all."""
    for made_up, expected in ((str(new_id()), Code.LOGIN_CODE_INVALID), ("nonsense", Code.BAD_REQUEST)):
        handed = {"code": world.wechat.code_for("Ada"), "attempt_id": made_up, "state": "s"}
        assert code_of(lambda handed=handed: world.sign_in(handed=handed)) is expected  # type: ignore[misc]


def test_a_login_that_the_provider_never_heard_of_can_be_tried_again_with_the_same_attempt(world: LoginWorld) -> None:
    """The provider was away, nothing was spent there: the call is retryable, so the retry must have a chance."""
    begun = world.begin(world.wechat)
    handed = {"code": world.wechat.code_for("Ada"), "attempt_id": str(begun.attempt_id), "state": begun.state}
    world.wechat.trouble = LoginFailed(Code.PROVIDER_UNAVAILABLE)
    assert code_of(lambda: world.sign_in(handed=handed)) is Code.PROVIDER_UNAVAILABLE
    assert world.sign_in(handed=handed).created
    assert code_of(lambda: world.sign_in(handed=handed)) is Code.LOGIN_CODE_INVALID


def test_an_attempt_whose_exchange_went_wrong_is_spent(world: LoginWorld) -> None:
    """When the code may have been spent, so is everything that belongs to it."""
    begun = world.begin(world.wechat)
    handed = {"code": world.wechat.code_for("Ada"), "attempt_id": str(begun.attempt_id), "state": begun.state}
    world.wechat.trouble = LoginFailed(Code.LOGIN_UNFINISHED)
    assert code_of(lambda: world.sign_in(handed=handed)) is Code.LOGIN_UNFINISHED
    assert code_of(lambda: world.sign_in(handed=handed)) is Code.LOGIN_CODE_INVALID


# ---- replays


def test_a_code_that_was_used_opens_nothing(world: LoginWorld) -> None:
    """Replayed by whoever saw it pass."""
    handed = {"code": world.wechat.code_for("Ada")}
    world.sign_in(handed=handed)
    assert code_of(lambda: world.sign_in(handed=handed)) is Code.LOGIN_CODE_INVALID


def test_an_identity_token_opens_once_for_its_nonce_is_burned(world: LoginWorld) -> None:
    """Stolen from a log a minute later it is worth nothing, though its signature is good for an hour."""
    handed = {"id_token": world.apple.id_token_for("Ada", "n1"), "nonce": "n1"}
    signed = world.sign_in(by=world.apple, handed=handed)
    assert code_of(lambda: world.sign_in(by=world.apple, handed=handed)) is Code.LOGIN_TOKEN_INVALID
    fresh = {"id_token": world.apple.id_token_for("Ada", "n2"), "nonce": "n2"}
    assert world.sign_in(by=world.apple, handed=fresh).subject_id == signed.subject_id
    assert "n1" not in world.work.state.burned, "kept as a hash"


def test_a_burned_nonce_is_remembered_for_longer_than_a_token_lives(world: LoginWorld) -> None:
    """A day; the same nonce at another provider is another one."""
    handed = {"id_token": world.apple.id_token_for("Ada", "n1"), "nonce": "n1"}
    world.sign_in(by=world.apple, handed=handed)
    world.clock.forward(NONCE_LIFE.total_seconds())
    assert code_of(lambda: world.sign_in(by=world.apple, handed=handed)) is Code.LOGIN_TOKEN_INVALID
    assert world.sign_in(handed={"code": world.wechat.code_for("Bo"), "nonce": "n1"}).created


def test_an_identity_token_with_another_nonce_than_its_own_opens_nothing(world: LoginWorld) -> None:
    """Swapped: somebody else's token in my attempt."""
    begun = world.begin(world.apple)
    stolen = {
        "id_token": world.apple.id_token_for("Ada", "her nonce"),
        "attempt_id": str(begun.attempt_id),
        "state": begun.state,
    }
    assert code_of(lambda: world.sign_in(by=world.apple, handed=stolen)) is Code.LOGIN_TOKEN_INVALID
    assert not world.work.state.subjects


# ---- linking and unlinking


def test_a_second_login_is_linked_and_opens_the_same_account(world: LoginWorld) -> None:
    """Whichever is used; the neighbour's list stays as it was."""
    mine, neighbour = world.sign_in("Ada"), world.sign_in("Bo")
    linked = world.link(mine.subject_id, "Ada's apple", world.apple)
    assert [held.provider for held in linked.items] == ["wechat", "apple"]
    assert world.sign_in("Ada's apple", by=world.apple).subject_id == mine.subject_id
    assert world.count(neighbour.subject_id)["identities"] == 1
    again = world.link(mine.subject_id, "Ada's apple", world.apple)
    assert len(again.items) == 2


def test_somebody_elses_identity_cannot_be_linked(world: LoginWorld) -> None:
    """Neither stolen from its account nor shared with it."""
    mine, neighbour = world.sign_in("Ada"), world.sign_in("Bo's apple", by=world.apple)
    assert code_of(lambda: world.link(mine.subject_id, "Bo's apple", world.apple)) is Code.IDENTITY_TAKEN
    assert world.sign_in("Bo's apple", by=world.apple).subject_id == neighbour.subject_id
    assert world.count(mine.subject_id)["identities"] == 1


def test_an_account_has_one_login_a_provider(world: LoginWorld) -> None:
    """A second person of the same provider is not added to it."""
    mine = world.sign_in("Ada")
    assert code_of(lambda: world.link(mine.subject_id, "Ada's other", world.wechat)) is Code.IDENTITY_EXISTS
    assert world.sign_in("Ada's other").subject_id != mine.subject_id


def test_a_guest_links_nothing_and_its_code_is_not_spent(world: LoginWorld) -> None:
    """A guest has no logins; the person may still log in with that very code."""
    guest = world.admit()
    code = world.wechat.code_for("Ada")
    assert code_of(lambda: world.link(guest.subject_id, "", world.wechat, code=code)) is Code.ACCOUNT_REQUIRED
    assert code_of(lambda: world.unlink(guest.subject_id, world.wechat)) is Code.ACCOUNT_REQUIRED
    assert world.sign_in(handed={"code": code}).created


def test_an_account_that_no_longer_consents_links_nothing(world: LoginWorld) -> None:
    """A provider's names are taken in under the profile's consent, like everything a profile holds."""
    mine = world.sign_in("Ada")
    world.record(mine.subject_id, "withdraw")
    code = world.apple.code_for("Ada's apple")
    assert code_of(lambda: world.link(mine.subject_id, "", world.apple, code=code)) is Code.CONSENT_REQUIRED
    assert world.apple.asked == []


def test_the_last_login_is_never_unlinked(world: LoginWorld) -> None:
    """Nobody could ever log in again."""
    mine = world.sign_in("Ada")
    assert code_of(lambda: world.unlink(mine.subject_id, world.wechat)) is Code.LAST_IDENTITY
    assert code_of(lambda: world.unlink(mine.subject_id, world.apple)) is Code.NOT_FOUND
    assert world.sign_in("Ada").subject_id == mine.subject_id


def test_an_unlinked_login_is_withdrawn_at_its_provider_and_opens_the_account_no_more(world: LoginWorld) -> None:
    """It opens a new one, as anybody's does."""
    mine = world.sign_in("Ada")
    world.link(mine.subject_id, "Ada's apple", world.apple)
    world.unlink(mine.subject_id, world.wechat)
    [job] = world.jobs()
    assert (job.provider, job.status) == ("wechat", "pending")
    assert world.sign_in("Ada").subject_id != mine.subject_id
    assert world.sign_in("Ada's apple", by=world.apple).subject_id == mine.subject_id


# ---- stolen devices and tokens


def test_a_stolen_device_id_opens_nothing_but_the_way_out(world: LoginWorld) -> None:
    """The thief gets an empty guest, and the stash that was there is gone. The neighbour keeps its own."""
    victim, neighbour = world.admit(), world.admit(OTHER_DEVICE)
    thief = world.admit(secret_hash=token_hash("guessed"))
    assert thief.subject_id != victim.subject_id
    assert world.is_fenced(victim.subject_id)
    assert world.key(neighbour.subject_id)


def test_the_guest_token_of_another_device_gives_an_account_nothing_of_its_stash(world: LoginWorld) -> None:
    """A thief who logs in with it destroys what is there, and inherits no key, no session, no consent."""
    victim, neighbour = world.admit(age_band="adult"), world.admit(OTHER_DEVICE)
    victims_key = world.data_key(victim.subject_id).reveal()
    thief = world.sign_in("Mallory", guest_id=victim.subject_id)
    assert world.data_key(thief.subject_id).reveal() != victims_key
    assert code_of(lambda: world.key(victim.subject_id, "read_own")) is Code.SUBJECT_ERASED
    assert world.look(lambda tx: tx.live_sessions(victim.subject_id)) == []
    assert world.key(neighbour.subject_id)


def test_a_refresh_token_used_twice_ends_an_accounts_session_whoever_used_it_first(world: LoginWorld) -> None:
    """Thief or victim, both are out; the account's other session and the neighbour's stay."""
    mine, elsewhere, neighbour = world.sign_in("Ada"), world.sign_in("Ada"), world.sign_in("Bo")
    stolen = auth.RefreshSession(refresh_hash=token_hash(mine.refresh_token))
    thief = use_cases.refresh_session(stolen, world.parts)
    assert code_of(lambda: use_cases.refresh_session(stolen, world.parts)) is Code.SESSION_REVOKED
    assert [m.session_id for m in world.said(auth.SessionRevoked)] == [mine.session_id]  # type: ignore[attr-defined]
    for refresh in (thief.refresh_token, mine.refresh_token):
        ended = auth.RefreshSession(refresh_hash=token_hash(refresh))
        assert code_of(lambda r=ended: use_cases.refresh_session(r, world.parts)) is Code.SESSION_REVOKED  # type: ignore[misc]
    for tokens in (elsewhere, neighbour):
        alive = auth.RefreshSession(refresh_hash=token_hash(tokens.refresh_token))
        assert use_cases.refresh_session(alive, world.parts)


def test_the_tokens_of_an_erased_account_open_nothing_and_are_told_why(world: LoginWorld) -> None:
    """Refresh token, key, record, logins: all say that the subject is erased."""
    mine, neighbour = world.sign_in("Ada"), world.sign_in("Bo")
    use_cases.fence_subject(mine.subject_id, new_id(), world.parts)
    refresh = auth.RefreshSession(refresh_hash=token_hash(mine.refresh_token))
    for action in (
        lambda: use_cases.refresh_session(refresh, world.parts),
        lambda: world.key(mine.subject_id, "read_own"),
        lambda: use_cases.who_am_i(auth.WhoAmI(subject_id=mine.subject_id), world.parts),
        lambda: world.link(mine.subject_id, "Ada's apple", world.apple),
        lambda: world.record(mine.subject_id, "grant"),
        lambda: world.change(mine.subject_id, age_band="adult"),
    ):
        assert code_of(action) is Code.SUBJECT_ERASED
    assert token_hash(str(mine.subject_id)) in use_cases.denials(world.parts).hashes
    alive = auth.RefreshSession(refresh_hash=token_hash(neighbour.refresh_token))
    assert use_cases.refresh_session(alive, world.parts)
