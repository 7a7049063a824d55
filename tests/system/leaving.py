"""Somebody who leaves: something of theirs everywhere, what is found of it, and the proof they are given."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from uuid import UUID, uuid4

from services.retention.domain.certificates import CERTIFICATE_KIND
from services.retention.domain.receipts import receipt_of
from shared.contracts.queues import LISTENERS
from shared.crypto.hashing import tombstone
from shared.crypto.signing import public_keys, verify
from shared.kernel.personal import Secret
from shared.testing.eventually import eventually
from tests.portraits import builders
from tests.system import scan
from tests.system.account import Account
from tests.system.belongings import belongings
from tests.system.client import Guest
from tests.system.local import LocalSystem
from tests.system.planting import plant_dead_letters, plant_photos

Findings = set[tuple[str, str]]
"""Which mark was found in which place."""

STANDINS = ("login-standins", "alipay-standin")
"""Their logs are other companies' logs: they know their own numbers."""


@dataclass(frozen=True)
class Leaver:
    """Somebody with something everywhere.

    ``marks`` rest where services put them, and are looked for there: ids, sealed values, hashes, planted bytes. ``words``
    are their own: what they wrote, their device, their pictures. Those rest nowhere in the clear, at any time.
    """

    who: Guest
    photo_id: str
    order_id: str
    render_id: str
    export_id: str
    ticket: str
    file: bytes
    words: Mapping[str, bytes] = field(default_factory=dict)
    marks: Mapping[str, bytes] = field(default_factory=dict)


def furnish(system: LocalSystem, who: Guest, canary: str, planted: int = 1) -> Leaver:
    """Give somebody a photo with a render, an order that is paid and one that is not, an export, a request, consents,
    planted photos of four objects each, and a letter in every dead queue; each call with an ``Idempotency-Key``."""
    photo_id, render_id = photo_with_a_render(who, f"{canary}.jpg")
    standin = system.env["alipay_standin"]
    paid = who.bought(standin, "hd-photo", photo_id)
    who.bought(standin, "pack-ten")
    unpaid = who.order("pack-ten", **_keyed())
    assert unpaid.status_code == 201, unpaid.text
    ticket = _wrote(who, canary)
    export_id = _exported(who)
    file = who.http.get(f"/v1/renders/{render_id}/file").content
    device = {} if isinstance(who, Account) else scan.of_device(who.device_id)
    words = {"words": canary.encode(), **device, **scan.of_file(file, samples=3)}
    marks = {**belongings(system, who.subject_id), "planted": uuid4().hex.encode()}
    plant_photos(system, who.subject_id, planted, content=marks["planted"] * 20)
    plant_dead_letters(system, who.subject_id)
    return Leaver(who, photo_id, paid["order_id"], render_id, export_id, ticket, file, words, marks)


def photo_with_a_render(who: Guest, name: str = "selfie.jpg") -> tuple[str, str]:
    """A photo that is ready, and one render of it; their ids."""
    sent = who.upload(builders.portrait("obama"), name, **_keyed())
    assert sent.status_code == 202, sent.text
    photo_id = str(sent.json()["photo_id"])
    assert who.settled(photo_id)["status"] == "ready"
    render = who.render(photo_id)
    assert render.status_code == 201, render.text
    return photo_id, str(render.json()["render_id"])


def found_of(system: LocalSystem, marks: Mapping[str, Mapping[str, bytes]]) -> dict[str, Findings]:
    """What is found of whom, in one walk over everything that services keep and all logs."""
    findings: dict[str, Findings] = {who: set() for who in marks}
    for place, content in chain(scan.ours(system), _logs(system)):
        for who, named in marks.items():
            findings[who].update((name, place) for name, mark in named.items() if mark in content)
    return findings


def besides(findings: Findings, may_be: Set[tuple[str, str]]) -> Findings:
    """Findings but for those that may be, each given by its column and its table or log."""
    return {(name, place) for name, place in findings if (name.split(" ")[0], place.split(" (")[0]) not in may_be}


def words_found(system: LocalSystem, leavers: Mapping[str, Leaver]) -> list[str]:
    """Where anybody's own words rest in the clear: anywhere at all, the servers' own files among it."""
    words = {f"{who}: {name}": word for who, leaver in leavers.items() for name, word in leaver.words.items()}
    return scan.hits(system, words)


def places_of(findings: Findings) -> set[str]:
    """In which kinds of place: a service's database, objects, a queue, logs."""
    return {_kind_of(place) for _, place in findings}


def everywhere() -> set[str]:
    """The kinds of place in which somebody with a little of everything is found."""
    databases = {f"database {name}" for name in ("auth", "imaging", "payments", "retention")}
    return databases | {"object"} | {f"queue {listener.dead_queue}" for listener in LISTENERS}


def certificate_for(
    system: LocalSystem, leaver: Leaver, reason: str, reader: Guest, within: float = 60
) -> dict[str, Any]:
    """The content of the certificate of somebody's purge: verified by nothing but the published keys; for this reason,
    all counts zero, without the id. Also where nobody holds the receipt, because an event began the purge."""
    subject_id = leaver.who.subject_id
    purge = reader.certified(_receipt(system, UUID(subject_id), within), within)
    published = reader.http.get("/.well-known/purge-certificate-keys.json").json()["keys"]
    content = verify(purge["certificate"]["jws"], public_keys(published), kind=CERTIFICATE_KIND)
    assert (purge["reason"], content["reason"]) == (reason, reason)
    assert purge["timeline"][-1]["status"] == "completed"
    assert all(count == 0 for counts in content["left"].values() for count in counts.values())
    assert content["left"].keys() == {"auth", "imaging", "payments", "retention", "store"}
    assert subject_id not in str(purge)
    return content


def is_untouched(leaver: Leaver) -> None:
    """All they have is still there, and still opens."""
    http = leaver.who.http
    assert leaver.who.photo(leaver.photo_id)["status"] == "ready"
    assert http.get(f"/v1/renders/{leaver.render_id}/file").content == leaver.file
    assert http.get(f"/v1/orders/{leaver.order_id}").json()["status"] == "paid"
    assert http.get(f"/v1/me/exports/{leaver.export_id}/file").content.startswith(b"PK")
    assert http.get(f"/v1/feedback/{leaver.ticket}").json()["status"] == "open"
    assert http.get("/v1/me/entitlements").json()["credits"] == 10


def _wrote(who: Guest, canary: str) -> str:
    told = who.http.post("/v1/feedback", json={"kind": "other", "text": canary, "contact": f"{canary}@example.org"})
    assert told.status_code == 201, told.text
    if isinstance(who, Account):
        named = who.http.patch("/v1/me", json={"nickname": canary})
        assert named.status_code == 200, named.text
    return str(told.json()["ticket"])


def _keyed() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


def _exported(who: Guest) -> str:
    asked = who.http.post("/v1/me/exports", headers=_keyed())
    assert asked.status_code == 202, asked.text
    path = f"/v1/me/exports/{asked.json()['export_id']}"
    built = eventually(lambda: who.http.get(path).json(), lambda one: one["status"] == "ready", within=60)
    return str(built["export_id"])


def _kind_of(place: str) -> str:
    kind, name = place.split(" ", 2)[:2]
    return f"database {name.split('.')[0]}" if kind == "database" else place if kind == "queue" else kind


def _logs(system: LocalSystem) -> Iterator[tuple[str, bytes]]:
    for place, content in scan.files(system.run_dir / "logs"):
        if not any(name in place for name in STANDINS):
            yield place, content


def _receipt(system: LocalSystem, subject_id: UUID, within: float) -> str:
    settings = system.environment_of("retention")
    graves, receipts = (Secret(b64decode(settings[f"POCKETID_{name}_KEY"])) for name in ("TOMBSTONE", "RECEIPT"))
    look = "SELECT purge_id FROM purges WHERE tombstone = %s"
    [(purge_id,)] = eventually(
        lambda: system.sql("retention", look, tombstone(graves, subject_id)), lambda rows: len(rows) == 1, within=within
    )
    return receipt_of(purge_id, receipts)
