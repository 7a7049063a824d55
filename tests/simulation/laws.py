"""The rules, asserted at every commit, every message, every object, every key: what can be seen at a single step.

What only holds once everything has come to rest is in ``quiescence``.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.auth.domain.policies import NOTICE
from services.imaging.domain.photos import PhotoState
from services.payments.domain.ledger import faults_of
from services.retention.domain.purges import IDENTITY, PARTICIPANTS, PurgeState
from shared.contracts import auth, imaging, payments
from shared.contracts.base import Message
from shared.crypto.hashing import tombstone
from shared.crypto.subject_keys import KEY_LIFE_SECONDS
from shared.testing.memory_work import Outgoing
from tests.simulation.broker import content_of
from tests.simulation.constants import MARK, TOMBSTONE_KEY
from tests.simulation.counting import rows_of
from tests.simulation.machine import LawBroken, Task

if TYPE_CHECKING:
    from tests.simulation.world import World

GROWING = {
    "auth": ("subjects", "guests", "sessions", "refresh_tokens", "consents", "identities", "guardianships", "answers"),
    "imaging": ("photos", "renders", "objects", "answers"),
    "payments": ("orders", "grants", "unlocks", "answers"),
    "retention": (),
}
ONCE_A_PHOTO = (imaging.MattePhoto, imaging.PhotoReady, imaging.PhotoRejected)
ONCE_A_MESSAGE = (auth.SubjectFenced, auth.SubjectPurged, imaging.SubjectPurged, payments.SubjectPurged)
PRESENT = frozenset(PhotoState) - {PhotoState.UPLOADING, PhotoState.DELETING}
MARKED = MARK.encode()


class Laws:
    """What has happened, and whether it may."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.subjects: set[UUID] = set()
        self.accounts: set[UUID] = set()
        self.tombstones: dict[UUID, bytes] = {}
        self.fenced: dict[str, dict[UUID, float]] = {name: {} for name in GROWING}
        self.registered: set[str] = set()
        self.committed_ids: set[UUID] = set()
        self.published_ids: set[UUID] = set()
        self.mandatory_ids: set[UUID] = set()
        self.effects: Counter[tuple[str, str]] = Counter()
        self.said: Counter[tuple[type, UUID]] = Counter()
        self.accepted: dict[UUID, imaging.MattePhoto] = {}
        self.excused: set[UUID] = set()
        self.contents: dict[UUID, bytes] = {}
        self.withdrawn: dict[UUID, float] = {}
        self.to_go: dict[UUID, set[UUID]] = {}
        self.written_at: dict[str, int] = {}
        self.ended: set[UUID] = set()
        self.stuck = 0
        self.commits = 0

    def broken(self, law: str, how: str) -> None:
        """Stop here."""
        raise LawBroken(f"law {law}: {how}")

    # ---- 1: nothing personal in the clear

    def see(self, body: bytes, where: str, *, secret: bool = False) -> None:
        """Bytes that cross a queue."""
        if MARKED in body:
            self.broken("1 nothing personal in the clear", where)

    # ---- 4: registered before written

    def written(self, key: str, sealed: bytes) -> None:
        """An object is about to be written."""
        self.see(sealed, "object store")
        if key not in self.registered:
            self.broken("4 registered before written", key.rsplit("/", 1)[1])
        self.written_at[key] = self.world.machine.steps

    # ---- 3: keys, and consents

    def key_given(self, subject_id: UUID, purpose: str, process: str) -> None:
        """A process was given a data key."""
        now = self.world.clock.monotonic()
        fenced_at = self.fenced["auth"].get(subject_id)
        if fenced_at is not None and now - fenced_at > KEY_LIFE_SECONDS:
            self.broken("3 no key past a fence", f"{process} got one {now - fenced_at:.1f} s later")
        if purpose == "read_own":
            return
        stopped = self.withdrawn.get(subject_id)
        if stopped is not None and now - stopped > KEY_LIFE_SECONDS:
            self.broken("consent", f"{process} got a key for {purpose} {now - stopped:.1f} s after consent ended")

    def _note_consent(self, state: Any, subject_id: UUID) -> None:
        covered = covers(state, self.world.policy.documents, subject_id, self.world.clock())
        if covered:
            self.withdrawn.pop(subject_id, None)
        else:
            self.withdrawn.setdefault(subject_id, self.world.clock.monotonic())

    def consents_with_time(self) -> None:
        """Time has passed: a version may have stopped to count."""
        state = self.world.databases["auth"].state
        for subject_id in self.subjects:
            if subject_id in state.subjects:
                self._note_consent(state, subject_id)

    # ---- 2: published if, and only if, committed

    def published(self, service: str, outgoing: Outgoing) -> None:
        """The relay has handed a message to the broker."""
        self.see(outgoing.body, outgoing.routing_key)
        if outgoing.message_id not in self.committed_ids:
            self.broken("2 published iff committed", f"{service} said {outgoing.routing_key} and did not commit")
        self.published_ids.add(outgoing.message_id)

    # ---- every commit

    def committed(self, service: str, before: Any, after: Any, task: Task | None) -> None:
        """A transaction has just been committed."""
        self.commits += 1
        for outgoing in after.outbox[len(before.outbox) :]:
            self.committed_ids.add(outgoing.message_id)
            self.mandatory_ids.add(outgoing.message_id)
            self._said(service, content_of(outgoing.body), task)
        if service == "auth":
            self._auth(before, after)
        elif service == "imaging":
            self._imaging(before, after, task)
        elif service == "payments":
            self._payments(before, after)
        else:
            self._retention(before, after, task)
        if self.fenced[service]:
            self._nothing_grows_behind_a_fence(service, before, after, task)
        if len(after.fences) != len(before.fences):
            self._new_fences(service, before, after)

    def _said(self, service: str, message: Message, task: Task | None) -> None:
        kind = type(message)
        if kind in ONCE_A_PHOTO:
            key = (kind, message.photo_id)  # type: ignore[attr-defined]
            self.said[key] += 1
            if self.said[key] > 1:
                self.broken("2 each effect once", f"{kind.__name__} twice for one photo")
            if isinstance(message, imaging.MattePhoto):
                self.accepted[message.photo_id] = message
        if kind in ONCE_A_MESSAGE and task is not None and task.handling:
            effect = (task.handling, kind.__name__)
            self.effects[effect] += 1
            if self.effects[effect] > 1:
                self.broken("2 each effect once", f"{kind.__name__} twice for one message")
        if kind in (auth.GuestReplaced, auth.GuestSignedIn, auth.GuestExpired, auth.AccountAbandoned):
            self.ended.add(message.subject_id)
        if isinstance(message, auth.ConsentWithdrawn):
            self._withdrawn(message)

    def _withdrawn(self, message: auth.ConsentWithdrawn) -> None:
        if message.subject_kind == "guest":
            self.ended.add(message.subject_id)
            return
        photos = self.world.databases["imaging"].state.photos.values()
        theirs = {photo.photo_id for photo in photos if photo.subject_id == message.subject_id}
        self.to_go.setdefault(message.subject_id, set()).update(theirs)

    def _auth(self, before: Any, after: Any) -> None:
        if len(after.subjects) != len(before.subjects):
            for subject_id in after.subjects.keys() - before.subjects.keys():
                if subject_id in self.fenced["auth"]:
                    self.broken("3 purged stays purged", "a subject is back")
                self.subjects.add(subject_id)
                self.tombstones[subject_id] = tombstone(TOMBSTONE_KEY, subject_id)
                if after.subjects[subject_id].kind == "account":
                    self.accounts.add(subject_id)
        for subject_id, subject in after.subjects.items():
            if before.subjects.get(subject_id) is not subject:
                self._note_consent(after, subject_id)
        if len(after.consents) > len(before.consents):
            for line in after.consents[len(before.consents) :]:
                self._note_consent(after, line.subject_id)

    def _imaging(self, before: Any, after: Any, task: Task | None) -> None:
        self.registered.update(after.objects)
        for photo_id, photo in before.photos.items():
            if photo.state not in PRESENT:
                continue
            now = after.photos.get(photo_id)
            if (now is not None and now.state in PRESENT) or photo.subject_id in self.fenced["imaging"]:
                continue
            if self._may_go(photo_id, photo, task) or tombstone(TOMBSTONE_KEY, photo.subject_id) in after.fences:
                continue
            self.broken("3 neighbours keep what they have", f"a {photo.state} photo went in {task}")

    def _may_go(self, photo_id: UUID, photo: Any, task: Task | None) -> bool:
        """Whether somebody asked for it: its owner, a withdrawn consent, or the rule for old photos."""
        old = self.world.clock() - photo.created_at > timedelta(days=90)
        return photo_id in self.excused or photo.subject_id in self.to_go or old

    def _payments(self, before: Any, after: Any) -> None:
        if after.ledger != before.ledger or after.orders != before.orders or after.refunds != before.refunds:
            faults = faults_of(self.world.databases["payments"].look(lambda tx: tx.balances()))
            if faults:
                self.broken("6 the ledger sums to zero", "; ".join(faults))

    def _retention(self, before: Any, after: Any, task: Task | None) -> None:
        for purge_id, purge in after.purges.items():
            old = before.purges.get(purge_id)
            if old is purge:
                continue
            if purge.state is PurgeState.STUCK and (old is None or old.state is not PurgeState.STUCK):
                self.stuck += 1
            if purge.state is PurgeState.COMPLETED and old is not None and old.state is not PurgeState.COMPLETED:
                self._certified(old.subject_id, task)

    def _certified(self, subject_id: UUID, task: Task | None) -> None:
        asked = set(task.notes.get("asked", ())) if task is not None else set()
        for name in (*PARTICIPANTS, IDENTITY):
            if (name, "count_subject") not in asked:
                self.broken("3 certified only when proven", f"{name} was not asked")
        if ("store", f"{subject_id}/") not in asked:
            self.broken("3 certified only when proven", "the store was not listed")
        for name in (*PARTICIPANTS, IDENTITY):
            left = self.world.databases[name].look(lambda tx: rows_of(tx, subject_id))
            if any(left.values()):
                self.broken("3 certified only when everything is zero", f"{name} holds {left}")

    # ---- 3: fences

    def _new_fences(self, service: str, before: Any, after: Any) -> None:
        now = self.world.clock.monotonic()
        fresh = after.fences.keys() - before.fences.keys()
        for subject_id, hashed in self.tombstones.items():
            if hashed in fresh:
                self.fenced[service].setdefault(subject_id, now)

    def _nothing_grows_behind_a_fence(self, service: str, before: Any, after: Any, task: Task | None) -> None:
        if not any(len(getattr(after, name)) > len(getattr(before, name)) for name in GROWING[service]):
            return
        database = self.world.databases[service]
        now_of = database.look
        for subject_id in self.fenced[service]:
            now = now_of(lambda tx: rows_of(tx, subject_id))  # noqa: B023 - called at once
            if not any(now.values()):
                continue
            was = rows_of(database._kind(before, TOMBSTONE_KEY, database.clock), subject_id)
            grown = {kind: n - was[kind] for kind, n in now.items() if n > was[kind]}
            if grown:
                self.broken("3 nothing is written behind a fence", f"{service}: {grown} in {task}")


def covers(state: Any, documents: list[Any], subject_id: UUID, now: datetime) -> bool:
    """Whether a subject's consents cover processing: written apart from the code that decides it."""
    subject = state.subjects.get(subject_id)
    if subject is None or subject.wrapped_key is None:
        return False
    last: dict[tuple[str, str], Any] = {}
    for line in state.consents:
        if line.subject_id == subject_id:
            last[line.kind, line.document] = line
    agreed = last.get(("document", "privacy"))
    if agreed is None or agreed.action != "grant":
        return False
    every = [*documents, *state.documents.values()]
    published = {d.version: d.published_at for d in every if d.document == "privacy"}
    in_force = max(at for at in published.values() if at + NOTICE <= now)
    if published.get(agreed.version, datetime.min.replace(tzinfo=now.tzinfo)) < in_force:
        return False
    guardian = last.get(("guardian", "guardian"))
    return subject.age_band != "under_14" or (guardian is not None and guardian.action == "grant")
