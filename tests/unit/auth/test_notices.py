"""What a provider pushes: acted on once and only when it is genuine, and answered with the very bytes it waits for."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any
from uuid import UUID

import pytest

from services.auth import notices
from services.auth.providers.port import Granted
from shared.contracts import accounts as contract
from shared.contracts import auth
from shared.kernel.errors import Code, LoginFailed
from tests.unit.auth.logins import LoginWorld, code_of
from tests.unit.auth.providers.fake import HINT, SIGNATURE


@pytest.fixture
def world() -> LoginWorld:
    return LoginWorld()


def push(
    world: LoginWorld,
    kind: str = "authorization_revoked",
    *,
    signature: str = SIGNATURE,
    to: str = "wechat",
    **told: Any,
) -> contract.NoticeTaken:
    """What arrives at the gateway, sealed on its way."""
    pushed = {
        "headers": {"x-signature": signature},
        "query": {},
        "body": b64encode(json.dumps({"kind": kind, **told}).encode()).decode(),
    }
    sealed = b64encode(world.keyring.seal_for(contract.NOTICE, json.dumps(pushed).encode())).decode()
    return notices.take_notice(contract.TakeNotice(provider=to, sealed_notice=sealed), world.parts)


def two_logins(world: LoginWorld, who: str = "Ada") -> UUID:
    mine = world.sign_in(who).subject_id
    world.link(mine, f"{who}'s apple", world.apple)
    return mine


ADA = {"external_id": "Ada@app-one"}


@pytest.mark.parametrize("kind", ["authorization_revoked", "account_closed"])
def test_a_login_that_ended_at_its_provider_is_unlinked_here(world: LoginWorld, kind: str) -> None:
    """The account stays with its other login; the neighbour keeps both."""
    mine, neighbour = two_logins(world), two_logins(world, "Bo")
    taken = push(world, kind, **ADA)
    assert (taken.status, taken.content_type, b64decode(taken.body)) == (200, "application/xml", b"<xml>\x00ok</xml>")
    assert [held.provider for held in world.look(lambda tx: tx.identities(mine))] == ["apple"]
    assert world.count(neighbour)["identities"] == 2
    assert world.key(mine)
    assert world.said(auth.AccountAbandoned) == []


def test_an_account_that_loses_its_last_login_goes(world: LoginWorld) -> None:
    """Nobody could ever log in again: fenced in the same transaction, and retention hears why."""
    mine, neighbour = world.sign_in("Ada").subject_id, world.sign_in("Bo").subject_id
    push(world, **ADA)
    assert world.is_fenced(mine)
    assert world.subject(mine).wrapped_key is None
    assert [m.subject_id for m in world.said(auth.AccountAbandoned)] == [mine]
    assert world.key(neighbour)
    assert world.sign_in("Ada").subject_id != mine, "the person may start anew"


def test_a_notice_that_comes_again_acts_once_even_when_the_person_has_come_back(world: LoginWorld) -> None:
    """Providers repeat themselves; the second one is about a login that is over."""
    mine = world.sign_in("Ada").subject_id
    push(world, dedup_id="n1", **ADA)
    back = world.sign_in("Ada").subject_id
    assert push(world, dedup_id="n1", **ADA).status == 200
    assert world.key(back)
    push(world, dedup_id="n2", **ADA)
    assert {m.subject_id for m in world.said(auth.AccountAbandoned)} == {mine, back}


def test_a_forged_notice_is_answered_403_and_changes_nothing(world: LoginWorld) -> None:
    """Whoever knows an openid cannot log its person out."""
    mine = world.sign_in("Ada").subject_id
    before = world.work.state
    taken = push(world, signature="made up", **ADA)
    assert (taken.status, taken.body) == (403, "")
    assert world.work.state == before
    assert world.key(mine)


@pytest.mark.parametrize(("still", "ended"), [(Granted.NO, True), (Granted.YES, False), (Granted.UNKNOWN, False)])
def test_a_hint_is_believed_only_when_the_provider_says_so_when_asked(
    world: LoginWorld, still: Granted, ended: bool
) -> None:
    """Anybody could have sent it."""
    mine = two_logins(world)
    world.wechat.granted = still
    assert push(world, signature=HINT, **ADA).status == 200
    assert (world.count(mine)["identities"] == 1) == ended


def test_a_hint_about_a_login_without_a_token_is_not_believed(world: LoginWorld) -> None:
    """Nothing to ask with."""
    mine = world.sign_in(handed={"code": world.wechat.code_for("Ada", token=False)}).subject_id
    world.wechat.granted = Granted.NO
    push(world, signature=HINT, **ADA)
    assert world.key(mine)


def test_a_hint_that_cannot_be_checked_just_now_is_an_error_so_that_it_comes_again(world: LoginWorld) -> None:
    """A code that becomes 503; nothing is lost and nothing done."""
    mine = two_logins(world)
    world.wechat.granted = LoginFailed(Code.PROVIDER_UNAVAILABLE)
    assert code_of(lambda: push(world, signature=HINT, dedup_id="n1", **ADA)) is Code.PROVIDER_UNAVAILABLE
    assert world.count(mine)["identities"] == 2
    world.wechat.granted = Granted.NO
    push(world, signature=HINT, dedup_id="n1", **ADA)
    assert world.count(mine)["identities"] == 1


def test_a_notice_by_union_id_finds_the_person_of_all_our_apps(world: LoginWorld) -> None:
    """Where the openid is another app's."""
    mine = world.sign_in(handed={"code": world.wechat.code_for("Ada", union="u1")}).subject_id
    neighbour = world.sign_in(handed={"code": world.wechat.code_for("Bo", union="u2")}).subject_id
    push(world, external_id="Ada@unknown-app", union_id="u1")
    assert world.is_fenced(mine)
    assert not world.is_fenced(neighbour)


@pytest.mark.parametrize("told", [{"kind": "profile_changed", **ADA}, {"kind": "nothing"}, {"kind": "account_closed"}])
def test_what_ends_nothing_or_nobody_is_answered_and_no_more(world: LoginWorld, told: dict[str, str]) -> None:
    """Handshakes, changed avatars, a notice that names nobody."""
    mine = world.sign_in("Ada").subject_id
    before = world.work.state
    assert push(world, told.pop("kind"), **told).status == 200
    assert world.work.state == before
    assert world.key(mine)


def test_a_notice_about_somebody_we_do_not_know_is_answered_like_any_other(world: LoginWorld) -> None:
    """Whether a person has an account here is nobody's business; the same id at another provider is not meant."""
    mine = world.sign_in("Ada").subject_id
    assert push(world, external_id="Nobody@app-one") == push(world, external_id="Ada@app-two")
    assert push(world, to="apple", **ADA, app_id="app-one").status == 200
    assert world.key(mine)


def test_a_notice_about_an_account_that_is_being_erased_does_nothing_more(world: LoginWorld) -> None:
    """It is going already."""
    mine = world.sign_in("Ada").subject_id
    world.erase(mine)
    assert push(world, **ADA).status == 200
    assert world.said(auth.AccountAbandoned) == []


def test_a_notice_to_a_provider_we_do_not_have_and_one_sealed_by_nobody_are_refused(world: LoginWorld) -> None:
    """With a code."""
    assert code_of(lambda: push(world, to="nobody", **ADA)) is Code.PROVIDER_UNKNOWN
    forged = contract.TakeNotice(provider="wechat", sealed_notice=b64encode(b"{}").decode())
    assert code_of(lambda: notices.take_notice(forged, world.parts)) is Code.BAD_REQUEST
