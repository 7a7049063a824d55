"""Accounts on the real system: logins by every provider, what they have, and that nothing of it is left for any reason."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from shared.testing.eventually import eventually
from tests.portraits import builders
from tests.system import scan
from tests.system.account import FIVE, Account, Person
from tests.system.client import Guest
from tests.system.local import LocalSystem

pytestmark = pytest.mark.integration
PROVIDERS = (*FIVE, "huawei", "oidc")


def nothing_is_left(system: LocalSystem, subject_id: str, canaries: dict[str, bytes]) -> None:
    """No object, no canary anywhere at rest, and no database that names the subject."""
    assert system.keys(f"{subject_id}/") == []
    assert scan.hits(system, canaries) == []
    assert [place for place, content in scan.dumps(system) if subject_id.encode() in content] == []


def furnished(system: LocalSystem, account: Guest) -> dict[str, bytes]:
    """Give it a photo, a render, an order and a file; the canaries of all that."""
    photo_id = account.uploaded(builders.portrait("obama"))
    account.settled(photo_id)
    render = account.render(photo_id).json()
    account.bought(system.env["alipay_standin"], "hd-photo", photo_id)
    file = account.http.get(f"/v1/renders/{render['render_id']}/file")
    assert file.status_code == 200, file.text
    return scan.of_file(builders.portrait("obama")) | scan.of_file(file.content)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_logs_somebody_in_again_and_again(system: LocalSystem, provider: str) -> None:
    """The first login makes the account, the next finds it; another person is another account."""
    person, other = Person(system), Person(system)
    first, again, stranger = (Account(system, who, provider) for who in (person, person, other))
    assert first.subject_id == again.subject_id
    assert stranger.subject_id != first.subject_id
    assert len(first.http.get("/v1/me/sessions").json()["items"]) == 2


def test_an_account_with_everything_is_deleted_and_nothing_of_it_is_left(system: LocalSystem) -> None:
    """Five logins, a nickname, a photo, an order, consents: gone, with what each provider said in the certificate."""
    nickname = f"昵称-{uuid4()}"
    neighbour = Account(system, Person(system))
    neighbours_photo = neighbour.uploaded(builders.portrait("biden"))
    account = Account(system, Person(system, nickname))
    for provider in FIVE[1:]:
        account.link(provider)
    account.http.patch("/v1/me", json={"nickname": nickname + "二"})
    canaries = furnished(system, account) | {"nickname": nickname.encode()}
    assert scan.hits(system, canaries) == [], "personal bytes rest in the clear while the account is in use"
    neighbour.settled(neighbours_photo)

    deleted = account.delete()
    assert deleted.status_code == 202, deleted.text
    assert set(deleted.json()) == {"erasure_id", "receipt", "receipt_url"}
    refused = account.http.get("/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "subject_erased")
    certificate = account.certified(deleted.json()["receipt"])["certificate"]["payload"]
    assert certificate["deleted"]["auth"]["identities"] == 5
    told = certificate["providers"]
    assert {name: list(states) for name, states in told.items()} == {
        **{name: ["not_possible"] for name in ("wechat", "qq")},
        **{name: ["revoked"] for name in ("alipay", "apple", "weibo")},
    }
    assert all(count == 0 for kinds in certificate["left"].values() for count in kinds.values())
    nothing_is_left(system, account.subject_id, canaries)

    assert neighbour.photo(neighbours_photo)["status"] == "ready"
    assert Account(system, account.person).subject_id != account.subject_id, "the same person starts anew"


def test_signing_in_wipes_the_stash_and_what_was_paid_for_becomes_a_credit(system: LocalSystem) -> None:
    """Nothing is merged: the guest's photo is gone, its order is the account's, its unlocked photo is one credit."""
    guest = Guest(system.gateway)
    canaries = furnished(system, guest) | scan.of_device(guest.device_id)
    account = Account(system, Person(system), guest=guest)
    assert account.http.get("/v1/photos").json()["items"] == []
    purge = account.certified(account.started["receipt"])
    assert (purge["reason"], purge["purge_id"]) == ("signed_in", account.started["purge_id"])
    nothing_is_left(system, guest.subject_id, canaries)
    assert [order["status"] for order in account.http.get("/v1/orders").json()["items"]] == ["paid"]
    entitlements = eventually(
        lambda: account.http.get("/v1/me/entitlements").json(), lambda found: found["credits"] == 1, within=10
    )
    assert entitlements["credits"] == 1


def test_a_guest_that_no_longer_agrees_goes_whole(system: LocalSystem) -> None:
    """Withdrawing the privacy policy stops processing at once and purges; the neighbour goes on."""
    guest, neighbour = Guest(system.gateway), Guest(system.gateway)
    canaries = furnished(system, guest)
    version = guest.http.get("/v1/policies/privacy").json()["version"]
    withdrawn = guest.http.post(
        "/v1/me/consents", json={"document": "privacy", "version": version, "action": "withdraw"}
    )
    assert withdrawn.status_code == 201, withdrawn.text
    assert guest.upload(builders.portrait("obama")).status_code in (401, 403)
    eventually(lambda: guest.http.get("/v1/me").status_code, lambda status: status == 401)
    eventually(lambda: system.keys(f"{guest.subject_id}/"), lambda keys: keys == [])
    eventually(
        lambda: [p for p, content in scan.dumps(system) if guest.subject_id.encode() in content],
        lambda places: not places,
    )
    assert scan.hits(system, canaries) == []
    assert neighbour.http.get("/v1/me").status_code == 200


def test_an_account_that_no_longer_agrees_keeps_its_account_and_loses_its_photos(system: LocalSystem) -> None:
    """403 consent_required until it agrees again; what was made before is gone."""
    account = Account(system, Person(system))
    photo_id = account.uploaded(builders.portrait("obama"))
    account.settled(photo_id)
    version = account.http.get("/v1/policies/privacy").json()["version"]
    body = {"document": "privacy", "version": version}
    assert account.http.post("/v1/me/consents", json=body | {"action": "withdraw"}).status_code == 201
    eventually(lambda: system.keys(f"{account.subject_id}/"), lambda keys: keys == [])
    refused = account.upload(builders.portrait("obama"))
    assert (refused.status_code, refused.json()["code"]) == (403, "consent_required")
    assert account.http.post("/v1/me/consents", json=body | {"action": "grant"}).status_code == 201
    assert account.upload(builders.portrait("obama")).status_code == 202


def test_a_child_waits_for_its_guardian(system: LocalSystem) -> None:
    """Nothing is processed before an adult's account consents by the link; a withdrawal stops it again."""
    child = Account(system, Person(system), age_band="under_14")
    guardian = Account(system, Person(system), age_band="adult")
    refused = child.upload(builders.portrait("obama"))
    assert (refused.status_code, refused.json()["code"]) == (403, "guardian_consent_required")
    link = child.http.post("/v1/me/guardian-requests").json()["link_token"]
    granted = guardian.http.post("/v1/me/guardian-consents", json={"action": "grant", "link_token": link})
    assert granted.status_code == 201, granted.text
    eventually(lambda: child.upload(builders.portrait("obama")).status_code, lambda status: status == 202, within=5)
    withdrawn = guardian.http.post(
        "/v1/me/guardian-consents",
        json={"action": "withdraw", "guardianship_id": granted.json()["guardianship_id"]},
    )
    assert withdrawn.status_code == 201, withdrawn.text
    eventually(lambda: child.upload(builders.portrait("obama")).status_code, lambda status: status == 403, within=5)
    eventually(lambda: system.keys(f"{child.subject_id}/"), lambda keys: keys == [])


def test_a_login_withdrawn_at_its_provider_ends_the_account_that_had_no_other(system: LocalSystem) -> None:
    """WeChat says so, signed and encrypted as the real one does: nobody could ever log in again."""
    account = Account(system, Person(system))
    standin = system.env["login_standins"]
    pushed = httpx.post(
        f"{standin}/_standin/notices",
        json={
            "provider": "wechat",
            "kind": "revoked",
            "person_id": account.person.ids["wechat"],
            "url": f"{system.gateway}/v1/providers/wechat/notices",
        },
        timeout=30,
    )
    assert pushed.status_code == 200, pushed.text
    eventually(lambda: account.http.get("/v1/me").status_code, lambda status: status == 401)
    eventually(
        lambda: [p for p, content in scan.dumps(system) if account.subject_id.encode() in content],
        lambda places: not places,
    )


def test_an_operator_purges_somebody_who_asked_by_letter(system: LocalSystem) -> None:
    """`pocketid purge request`, and `pocketid purge verify` on the certificate, without any service."""
    guest = Guest(system.gateway)
    canaries = furnished(system, guest)
    said = system.pocketid("purge", "request", guest.subject_id, "--yes")
    receipt = said.strip().rsplit(" ", 1)[1]
    other = Guest(system.gateway)
    purge = other.certified(receipt)
    assert purge["reason"] == "operator"
    nothing_is_left(system, guest.subject_id, canaries)
    page = other.http.get(f"/v1/purges/{receipt}/certificate", headers={"Accept-Language": "zh"})
    assert page.status_code == 200
    assert "删除证明" in page.text
    certificate, keys = system.run_dir / "certificate.jws", system.run_dir / "keys.json"
    certificate.write_text(purge["certificate"]["jws"])
    keys.write_text(other.http.get("/.well-known/purge-certificate-keys.json").text)
    assert '"reason": "operator"' in system.pocketid("purge", "verify", str(certificate), "--keys", str(keys))
    certificate.write_text(purge["certificate"]["jws"][:-8] + "AAAAAAAA")
    system.pocketid("purge", "verify", str(certificate), "--keys", str(keys), expect=1)


def test_a_session_that_was_ended_is_refused_everywhere_at_once(system: LocalSystem) -> None:
    """One device logs the other out; its tokens are refused within a second."""
    person = Person(system)
    here, there = Account(system, person), Account(system, person)
    sessions = here.http.get("/v1/me/sessions").json()["items"]
    [other] = [s["session_id"] for s in sessions if not s["current"]]
    assert here.http.delete(f"/v1/me/sessions/{other}").status_code == 204
    refused = there.http.get("/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "session_revoked")
    assert here.http.get("/v1/me").status_code == 200
