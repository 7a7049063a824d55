"""Somebody who leaves: marks on everything they have, what can be found of those, and the proof they are given."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any
from uuid import UUID

from services.retention.domain.certificates import CERTIFICATE_KIND
from services.retention.domain.receipts import receipt_of
from shared.crypto.hashing import tombstone
from shared.crypto.signing import public_keys, verify
from shared.kernel.personal import Secret
from shared.testing.eventually import eventually
from tests.portraits import builders
from tests.system import scan
from tests.system.account import Account
from tests.system.client import Guest
from tests.system.local import LocalSystem
from tests.system.planting import plant_dead_letter, plant_photos

EVERYWHERE = {"database auth", "database imaging", "database payments", "database retention", "object", "queue"}
"""The kinds of place that name a person who has a little of everything."""

JOURNALS = ("postgres/data/", "rabbitmq/mnesia/", "store/objects/")
"""Files in which database, broker and store keep their own records. What was deleted lingers there until it is written
over: random ids and sealed bytes, never a person's own words (docs/architecture.md)."""


@dataclass(frozen=True)
class Leaver:
    """Somebody with something everywhere. ``canary`` rests sealed wherever a service put it, and in the clear in the
    objects that the test planted itself."""

    who: Guest
    photo_id: str
    canary: bytes

    @property
    def ids(self) -> dict[str, bytes]:
        """The subject's id and its photo's, in every spelling."""
        return scan.of_id("subject", self.who.subject_id) | scan.of_id("photo", self.photo_id)

    @property
    def words(self) -> dict[str, bytes]:
        """What is theirs and no id: what they wrote, what their device is called."""
        device = {} if isinstance(self.who, Account) else scan.of_device(self.who.device_id)
        return {"words": self.canary, **device}


def furnish(system: LocalSystem, who: Guest, canary: str, planted: int = 1) -> Leaver:
    """Give somebody a photo (on its way), more photos with planted objects, an order, a request, and a dead letter."""
    photo_id = who.uploaded(builders.portrait("obama"), f"{canary}.jpg")
    plant_photos(system, who.subject_id, planted, content=canary.encode() * 20)
    plant_dead_letter(system, who.subject_id)
    ordered = who.order("pack-ten")
    assert ordered.status_code == 201, ordered.text
    told = who.http.post("/v1/feedback", json={"kind": "other", "text": canary, "contact": f"{canary}@example.org"})
    assert told.status_code == 201, told.text
    if isinstance(who, Account):
        named = who.http.patch("/v1/me", json={"nickname": canary[-40:]})
        assert named.status_code == 200, named.text
    return Leaver(who, photo_id, canary.encode())


def kinds_of(findings: list[tuple[str, str]]) -> set[str]:
    """In which kinds of place: a service's database, objects, queues, files."""
    return {" ".join(place.split(" ")[:2]).split(".")[0] if "database" in place else place.split(" ")[0] for _, place in findings}


def left_of(system: LocalSystem, leaver: Leaver) -> list[tuple[str, str]]:
    """What is found of somebody in what the services keep and in every log. Logs may name a photo, nobody's else."""
    findings = scan.found(chain(scan.ours(system), _logs(system)), leaver.ids | leaver.words)
    return [(name, place) for name, place in findings if not (name == "photo" and place.startswith("file "))]


def certificate_for(system: LocalSystem, subject_id: str, reason: str, within: float = 60) -> dict[str, Any]:
    """The content of the certificate of somebody's purge, proven: signed by the published key, all counts zero, for this
    reason, without the id. Also when nobody holds its receipt, because an event began it."""
    reader = Guest.nobody(system.gateway)
    purge = reader.certified(_receipt(system, UUID(subject_id), within), within)
    published = reader.http.get("/.well-known/purge-certificate-keys.json").json()["keys"]
    content = verify(purge["certificate"]["jws"], public_keys(published), kind=CERTIFICATE_KIND)
    assert (purge["reason"], content["reason"]) == (reason, reason)
    assert [step["status"] for step in purge["timeline"]][-1] == "completed"
    assert all(count == 0 for counts in content["left"].values() for count in counts.values())
    assert subject_id not in str(purge)
    return content


def _receipt(system: LocalSystem, subject_id: UUID, within: float) -> str:
    settings = system.environment_of("retention")
    of_graves, of_receipts = (Secret(b64decode(settings[f"POCKETID_{name}_KEY"])) for name in ("TOMBSTONE", "RECEIPT"))
    look = "SELECT purge_id FROM purges WHERE tombstone = %s"
    [(purge_id,)] = eventually(
        lambda: system.sql("retention", look, tombstone(of_graves, subject_id)), lambda rows: len(rows) == 1, within=within
    )
    return receipt_of(purge_id, of_receipts)


def _logs(system: LocalSystem) -> Iterator[tuple[str, bytes]]:
    return scan.files(system.run_dir / "logs")
