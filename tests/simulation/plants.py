"""Bugs to be found: each is planted into the code as it runs, and taken out again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch
from uuid import UUID

from services.auth import use_cases as auth_cases
from services.imaging import use_cases as imaging_cases
from services.imaging import worker_cases
from services.payments.adapters.memory import MemoryPayments
from services.payments.domain.ledger import Entry
from services.retention import use_cases as retention_cases
from shared.contracts import imaging
from shared.crypto import seal
from shared.crypto.subject_keys import KeyCache
from shared.kernel.ids import new_id
from shared.storage import object_key
from shared.testing.memory_work import MemoryTransaction
from tests.simulation import database
from tests.simulation.gateway import Gateway

Plant = Callable[[], AbstractContextManager[Any]]


def _no_fence_check() -> AbstractContextManager[Any]:
    """Nobody looks for the fence before it writes."""
    return patch.object(MemoryTransaction, "is_fenced", lambda self, subject_id: False)


def _no_inbox() -> AbstractContextManager[Any]:
    """A message that comes again is handled again."""
    return patch.object(MemoryTransaction, "first_time", lambda self, consumer, message_id: True)


def _answers_forgotten() -> AbstractContextManager[Any]:
    """A call that comes again with its key is a new call."""
    return patch.object(MemoryTransaction, "remember", lambda *_: None)


def _written_before_registered() -> AbstractContextManager[Any]:
    """The gateway stores the bytes, then has them registered."""

    def upload(self: Gateway, subject_id: UUID, content: bytes, key: str | None) -> UUID:
        photo_id = new_id()
        name = object_key(subject_id, photo_id, "original")
        self.store.put(name, seal(self.key_of(subject_id, "process_photo"), content, name))
        self.line.ask(imaging.RegisterPhoto(subject_id=subject_id, photo_id=photo_id))
        self.line.ask(imaging.PhotoStored(subject_id=subject_id, photo_id=photo_id))
        return photo_id

    return patch.object(Gateway, "upload", upload)


def _cutout_never_registered() -> AbstractContextManager[Any]:
    """A worker writes a cutout that no row tells of."""

    def claim(job: imaging.MattePhoto, parts: Any) -> Any:
        with parts.work.begin() as tx:
            photo = tx.photo(job.photo_id)
            if photo is None or tx.is_fenced(job.subject_id) or photo.state in (*worker_cases.SETTLED, "deleting"):
                raise worker_cases.Void("done")
            photo = replace(photo, state=worker_cases.move(photo.state, worker_cases.PhotoState.PROCESSING))
            tx.save_photo(photo)
            return photo

    return patch.object(worker_cases, "_claim", claim)


@contextmanager
def _key_kept_past_a_fence() -> Iterator[None]:
    """A process keeps its keys for a minute, whatever it hears."""
    with ExitStack() as stack:
        stack.enter_context(patch("shared.crypto.subject_keys.KEY_LIFE_SECONDS", 60.0))
        stack.enter_context(patch.object(KeyCache, "fence", lambda self, subject_id: None))
        yield


def _certified_unseen() -> AbstractContextManager[Any]:
    """A purge is certified because everybody has reported: nobody looks."""
    return patch.object(retention_cases, "absence_of", lambda subject_id, parts: {})


def _no_consent_needed() -> AbstractContextManager[Any]:
    """Auth hands out keys whatever was consented to."""
    return patch.object(auth_cases, "require", lambda *args: None)


def _photos_outlive_consent() -> AbstractContextManager[Any]:
    """Nothing goes when an account withdraws its consent."""
    return patch.object(imaging_cases, "stop_processing", lambda event, parts: None)


def _said_before_commit() -> AbstractContextManager[Any]:
    """A message goes to the broker at once, whether or not its transaction commits."""

    def enter(self: Any) -> Any:
        seen = before(self)
        tx, world = self.tx, self.database.on_commit.__self__.world
        enqueue = tx._enqueue

        def at_once(*args: Any) -> None:
            enqueue(*args)
            outgoing = tx.state.outbox.pop()
            world.laws.published(self.database.name, outgoing)
            world.broker.publish(outgoing)

        tx._enqueue = at_once
        return seen

    before = database._Open.__enter__
    return patch.object(database._Open, "__enter__", enter)


def _booked_twice() -> AbstractContextManager[Any]:
    """The books take a fact as often as it comes, and it comes twice."""
    once = MemoryPayments.add_entry

    def twice(self: MemoryPayments, entry: Entry) -> bool:
        return once(self, entry) and once(self, replace(entry, fact=f"again:{entry.fact}"))

    return patch.object(MemoryPayments, "add_entry", twice)


def _purge_forgets_objects() -> AbstractContextManager[Any]:
    """Imaging reports rows as deleted, and leaves the objects where they are."""

    def purge(event: Any, parts: Any) -> None:
        with parts.work.begin() as tx:
            tx.fence(event.subject_id)
            if tx.first_time(imaging_cases.IMAGING_PURGES.queue, event.message_id):
                counts = tx.delete_subject(event.subject_id)
                tx.publish(imaging.SubjectPurged(subject_id=event.subject_id, purge_id=event.purge_id, counts=counts))

    return patch.object(imaging_cases, "purge_subject", purge)


def _deletes_a_neighbour() -> AbstractContextManager[Any]:
    """A purge deletes one photo too many."""
    purge = imaging_cases.purge_subject

    def greedy(event: Any, parts: Any) -> None:
        purge(event, parts)
        with parts.work.begin() as tx:
            for photo_id in list(tx.state.photos)[:1]:
                tx.delete_photo(photo_id)

    return patch.object(imaging_cases, "purge_subject", greedy)


def _forgotten_listener() -> AbstractContextManager[Any]:
    """Payments is not told of purges."""
    from tests.simulation.broker import BY_KEY

    key = "retention.purge.requested.v1"
    return patch.dict(BY_KEY, {key: [queue for queue in BY_KEY[key] if queue != "payments.purges"]})


def _names_in_messages() -> AbstractContextManager[Any]:
    """A reason that quotes the person."""
    rejected = imaging.PhotoRejected

    def loud(**fields: Any) -> Any:
        from tests.simulation.constants import MARK

        return rejected(**{**fields, "reasons": [f"no face in the photo of {MARK}"]})

    loud.__name__ = "PhotoRejected"
    return patch.object(worker_cases.contract, "PhotoRejected", loud)


PLANTS: dict[str, Plant] = {
    "fence check removed": _no_fence_check,
    "inbox removed": _no_inbox,
    "answers forgotten": _answers_forgotten,
    "written before registered": _written_before_registered,
    "cutout never registered": _cutout_never_registered,
    "key kept past a fence": _key_kept_past_a_fence,
    "certified without looking": _certified_unseen,
    "consent not checked": _no_consent_needed,
    "photos outlive consent": _photos_outlive_consent,
    "said before commit": _said_before_commit,
    "booked twice": _booked_twice,
    "purge forgets objects": _purge_forgets_objects,
    "purge takes a neighbour's photo": _deletes_a_neighbour,
    "listener forgotten": _forgotten_listener,
    "names in messages": _names_in_messages,
}
