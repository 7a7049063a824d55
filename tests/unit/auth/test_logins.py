"""A proven identity becomes an account's session; the guest ends with it; the same person is the same account."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from services.auth import accounts, use_cases
from services.auth.domain.redirects import Redirects
from services.auth.providers.port import LoginProvider
from services.auth.sealed import identity_bound, label_bound
from shared.contracts import accounts as contract
from shared.contracts import auth
from shared.crypto import unseal
from shared.crypto.signing import public_keys, verify
from shared.kernel.errors import Code, IdempotencyConflict, LoginFailed, SubjectErased
from shared.kernel.ids import new_id
from tests.unit.auth.logins import LoginWorld, code_of
from tests.unit.auth.providers.fake import FakeProvider
from tests.unit.worlds import POLICY, policy


@pytest.fixture
def world() -> LoginWorld:
    return LoginWorld()


def test_the_fake_provider_is_one_that_the_port_describes() -> None:
    """What the tests play with has the shape of the real ones."""
    provider: LoginProvider = FakeProvider()
    assert provider.name == "wechat"


def test_the_first_login_makes_an_account_with_a_key_an_identity_and_its_consent(world: LoginWorld) -> None:
    """One transaction; the token says that it is an account's."""
    signed = world.sign_in("Ada")
    assert (signed.kind, signed.created, signed.purge_id, signed.guest_secret) == ("account", True, None, None)
    claims = verify(signed.access_token, public_keys(world.signer.jwks()), kind="at+jwt", issuer="pocketid")
    assert (claims["sub"], claims["kind"]) == (str(signed.subject_id), "account")
    counts = {name: n for name, n in world.count(signed.subject_id).items() if n}
    assert counts == {"subjects": 1, "sessions": 1, "consents": 1, "identities": 1, "refresh_tokens": 1}
    [line] = world.look(lambda tx: tx.consents(signed.subject_id))
    assert (line.kind, line.document, line.version, line.action) == ("document", "privacy", POLICY, "grant")
    assert world.key(signed.subject_id)


def test_the_next_login_welcomes_the_same_person_back_and_a_neighbour_stays_another(world: LoginWorld) -> None:
    """The same account and key, a new session; no second line about what stands already."""
    first, neighbour = world.sign_in("Ada"), world.sign_in("Bo")
    key = world.key(first.subject_id)
    again = world.sign_in("Ada")
    assert again.subject_id == first.subject_id != neighbour.subject_id
    assert not again.created
    assert again.session_id != first.session_id
    assert world.key(again.subject_id) == key
    assert world.count(first.subject_id)["sessions"] == 2
    assert world.count(first.subject_id)["consents"] == 1
    assert world.count(neighbour.subject_id)["sessions"] == 1


def test_the_same_person_in_another_app_of_the_provider_is_the_same_account(world: LoginWorld) -> None:
    """By the union id, and only within one provider."""
    wechat, apple = world.wechat, world.apple
    first = world.sign_in(handed={"code": wechat.code_for("Ada", union="u1")})
    other_app = world.sign_in(handed={"code": wechat.code_for("Ada", app_id="app-web", union="u1")})
    neighbour = world.sign_in(handed={"code": wechat.code_for("Ada", app_id="app-web", union="u2")})
    elsewhere = world.sign_in(by=apple, handed={"code": apple.code_for("Ada", union="u1")})
    assert other_app.subject_id == first.subject_id
    assert len({first.subject_id, neighbour.subject_id, elsewhere.subject_id}) == 3
    assert world.count(first.subject_id)["identities"] == 1


def test_the_same_id_at_another_provider_or_in_another_app_is_somebody_else(world: LoginWorld) -> None:
    """An id means nothing without who gave it out: compared are provider, app and id together."""
    same_id = FakeProvider("apple", world.wechat.app_id)
    world.providers["apple"] = same_id
    one, two = world.sign_in("Ada"), world.sign_in("Ada", by=same_id)
    three = world.sign_in(handed={"code": world.wechat.code_for("Ada", app_id="another")})
    assert len({one.subject_id, two.subject_id, three.subject_id}) == 3


def test_who_somebody_is_rests_sealed_and_as_a_keyed_hash(world: LoginWorld) -> None:
    """Neither id, name, label nor the provider's token stands anywhere in the clear."""
    code = world.wechat.code_for("Ada", union="union-of-ada")
    signed = world.sign_in(handed={"code": code, "device_label": "Ada's phone"})
    shown = repr(world.work.state) + repr(world.work.messages())
    for secret in ("Ada", "union-of-ada", "token of", code, signed.refresh_token, signed.access_token):
        assert secret not in shown
    [held] = world.look(lambda tx: tx.identities(signed.subject_id))
    key = world.data_key(signed.subject_id)
    names = json.loads(unseal(key, held.sealed, identity_bound(signed.subject_id, "wechat", "names")))
    assert (names["nickname"], names["union_id"]) == ("nick of Ada", "union-of-ada")
    token = json.loads(unseal(key, held.revocable, identity_bound(signed.subject_id, "wechat", "token")))
    assert token["token"].startswith("token of Ada")


def test_a_device_label_is_sealed_with_its_session_and_cut_to_size(world: LoginWorld) -> None:
    """100 characters; without one there is none."""
    labelled = world.sign_in(handed={"code": world.wechat.code_for("Ada"), "device_label": "P" * 300})
    session = world.look(lambda tx: tx.session(labelled.session_id))
    opened = unseal(world.data_key(labelled.subject_id), session.label, label_bound(labelled.subject_id))
    assert opened == b"P" * 100
    plain = world.sign_in("Bo")
    assert world.look(lambda tx: tx.session(plain.session_id)).label is None


def test_a_later_login_renews_the_names_and_the_token_and_keeps_the_token_when_none_comes(world: LoginWorld) -> None:
    """What withdraws the grant is the newest one."""
    first = world.sign_in("Ada")
    [before] = world.look(lambda tx: tx.identities(first.subject_id))
    world.sign_in("Ada")
    [renewed] = world.look(lambda tx: tx.identities(first.subject_id))
    assert renewed.revocable != before.revocable
    assert renewed.sealed != before.sealed
    world.sign_in(handed={"code": world.wechat.code_for("Ada", token=False)})
    [kept] = world.look(lambda tx: tx.identities(first.subject_id))
    assert kept.revocable == renewed.revocable


# ---- repeating, refusing


def test_a_repeated_call_gets_the_very_same_answer_and_spends_the_proof_once(world: LoginWorld) -> None:
    """The answer that was lost on the way, purge included; what is kept of it is sealed."""
    guest = world.admit()
    handed = {"code": world.wechat.code_for("Ada")}
    asked = {"handed": handed, "guest_id": guest.subject_id, "idempotency_key": "k", "fingerprint": "f"}
    first, again = world.sign_in(**asked), world.sign_in(**asked)
    assert first == again
    assert len(world.wechat.asked) == 1
    assert len(world.said(auth.GuestSignedIn)) == 1
    [kept] = world.work.state.answers.values()
    assert first.refresh_token not in kept.answer
    with pytest.raises(IdempotencyConflict):
        world.sign_in(**{**asked, "fingerprint": "g"})
    assert code_of(lambda: world.sign_in(handed=handed)) is Code.LOGIN_CODE_INVALID


def test_a_repeated_call_gets_nothing_once_its_account_is_erased(world: LoginWorld) -> None:
    """The kept answer is sealed under a key that is gone."""
    asked = {"handed": {"code": world.wechat.code_for("Ada")}, "idempotency_key": "k", "fingerprint": "f"}
    signed = world.sign_in(**asked)
    use_cases.fence_subject(signed.subject_id, new_id(), world.parts)
    with pytest.raises(SubjectErased):
        world.sign_in(**asked)


@pytest.mark.parametrize(
    ("version", "expected"),
    [(None, Code.CONSENT_REQUIRED), ("", Code.CONSENT_REQUIRED), ("1999", Code.POLICY_OUTDATED)],
)
def test_without_consent_to_the_policy_in_force_the_provider_is_not_even_asked(
    world: LoginWorld, version: str | None, expected: Code
) -> None:
    """Consent comes first, and the code is still good when it has been given."""
    handed = {"code": world.wechat.code_for("Ada")}
    assert code_of(lambda: world.sign_in(handed=handed, policy_version=version)) is expected
    assert world.wechat.asked == []
    assert not world.work.state.subjects
    assert world.sign_in(handed=handed).created


def test_a_provider_that_is_not_on_offer_is_unknown(world: LoginWorld) -> None:
    """A code, not a failure of ours."""
    assert code_of(lambda: world.sign_in(by=FakeProvider("nobody"))) is Code.PROVIDER_UNKNOWN
    assert code_of(lambda: world.sign_in(platform="toaster")) is Code.BAD_REQUEST
    assert code_of(lambda: world.sign_in(age_band="ageless")) is Code.BAD_REQUEST
    assert not world.work.state.subjects


def test_a_proof_that_the_gateway_did_not_seal_is_refused(world: LoginWorld) -> None:
    """Nothing in the clear, nothing of another purpose, nothing altered."""
    sealed = world.proof(code="c")
    other_purpose = world.keyring.seal_for("other", b"{}").hex()
    for wrong in ("{}", "", "!", sealed[:-8] + "AAAAAAA=", other_purpose):
        assert code_of(lambda wrong=wrong: world.sign_in(sealed_proof=wrong)) is Code.BAD_REQUEST  # type: ignore[misc]


def test_what_a_provider_says_no_to_is_told_by_its_code_and_leaves_nothing(world: LoginWorld) -> None:
    """No account, no ended guest, for a login that failed."""
    guest = world.admit()
    world.wechat.trouble = LoginFailed(Code.PROVIDER_UNAVAILABLE)
    assert code_of(lambda: world.sign_in("Ada", guest_id=guest.subject_id)) is Code.PROVIDER_UNAVAILABLE
    assert list(world.work.state.subjects) == [guest.subject_id]
    assert world.key(guest.subject_id)


def test_signing_in_agrees_to_the_newer_version_with_one_more_line(world: LoginWorld) -> None:
    """The ledger grows; what stood before is not rewritten."""
    first = world.sign_in("Ada")
    world.shelf.documents.append(policy("2026-09-09", world.clock, 0))
    world.sign_in("Ada", policy_version="2026-09-09")
    lines = world.look(lambda tx: tx.consents(first.subject_id))
    assert [line.version for line in lines] == [POLICY, "2026-09-09"]


def test_somebody_whose_account_is_being_erased_can_start_anew_at_once(world: LoginWorld) -> None:
    """The old account is not found any more, and its purge takes nothing of the new one."""
    old = world.sign_in("Ada")
    use_cases.fence_subject(old.subject_id, new_id(), world.parts)
    new = world.sign_in("Ada")
    assert new.created
    assert new.subject_id != old.subject_id
    world.erase(old.subject_id)
    assert not any(world.count(old.subject_id).values())
    assert world.key(new.subject_id)
    assert world.count(new.subject_id)["identities"] == 1


def test_the_logins_on_offer_are_those_of_the_platform(world: LoginWorld) -> None:
    """An unknown platform is a bad request."""
    world.providers["apple"] = FakeProvider("apple", platforms=frozenset({"ios"}))
    ask = contract.ListLoginMethods
    assert accounts.list_login_methods(ask(platform="ios"), world.parts).providers == ["wechat", "apple"]
    assert accounts.list_login_methods(ask(platform="android"), world.parts).providers == ["wechat"]
    assert code_of(lambda: accounts.list_login_methods(ask(platform="tv"), world.parts)) is Code.BAD_REQUEST


@pytest.mark.parametrize(
    ("listed", "on"),
    [
        ((), {"android": ["wechat"], "ios": ["wechat", "apple"], "web": []}),
        (("cn.example.app:/back",), {"android": ["wechat", "apple", "oidc"], "ios": ["wechat", "apple", "oidc"], "web": []}),
        (("https://a.example/",), {p: ["wechat", "apple", "oidc"] for p in ("android", "ios", "web")}),
    ],
)  # fmt: skip
def test_a_login_in_a_browser_is_on_offer_only_where_an_address_leads_back(
    world: LoginWorld, listed: tuple[str, ...], on: dict[str, list[str]]
) -> None:
    """Apple on Android and OpenID Connect everywhere are pages in a browser; a native SDK needs no address."""
    world.apple.in_browser = frozenset({"android", "web"})
    world.providers["oidc"] = FakeProvider("oidc", in_browser=frozenset({"android", "ios", "web"}))
    world.parts = replace(world.parts, redirects=Redirects(frozenset(listed)))
    ask = contract.ListLoginMethods
    assert {p: accounts.list_login_methods(ask(platform=p), world.parts).providers for p in on} == on
