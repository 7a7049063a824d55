"""All services on memory twins, with a builder of exports that calls them as it would over the broker."""

from __future__ import annotations

import io
import json
import zipfile
from base64 import b64decode, b64encode
from typing import Any
from uuid import UUID

from services.auth import rights as auth_rights
from services.auth.domain.identities import Identity
from services.auth.sealed import identity_bound, label_bound, profile_bound
from services.imaging import use_cases as imaging_cases
from services.imaging.exporting.builder import ExportParts, build_export, fail_export
from services.payments import use_cases as payments_cases
from services.retention import exports, feedback
from shared.contracts import bookkeeping, consents, imaging, retention, rights
from shared.contracts import feedback as tickets
from shared.crypto import DataKey, new_data_key, seal, unseal
from shared.kernel.errors import SubjectErased
from shared.kernel.ids import new_id
from shared.storage.port import export_key
from shared.testing.faults import Trouble, watched
from tests.unit.worlds import World

SMALL_PART = 700
"""So that even a small export has many parts, and many steps to die in."""


class CalledServices:
    """Answers calls by the use cases themselves."""

    def __init__(self, world: RightsWorld) -> None:
        self._world = world
        own = world.retention.rights
        self._answers: dict[type, Any] = {
            rights.BeginExport: lambda call: exports.begin_export(call, own),
            rights.RegisterPart: lambda call: exports.register_part(call, own),
            rights.FinishExport: lambda call: exports.finish_export(call, own),
            rights.FailExport: lambda call: exports.fail_export(call, own),
            rights.ExportSubject: lambda call: feedback.export_subject(call, own),
            consents.ExportSubject: lambda call: auth_rights.export_subject(call, world.auth.parts),
            imaging.ExportSubject: lambda call: imaging_cases.export_subject(call, world.imaging.parts),
            bookkeeping.ExportSubject: lambda call: payments_cases.export_subject(call, world.payments.parts),
        }

    def ask(self, call: Any) -> Any:
        self._world.trouble(f"ask.{type(call).__name__}")
        answer = self._answers[type(call)](call)
        self._world.trouble(f"ask.{type(call).__name__} done")
        return answer


class AuthKeys:
    """Keys as auth has them, at this moment."""

    def __init__(self, world: RightsWorld) -> None:
        self._world = world
        self.fences_seen: list[UUID] = []

    def key_of(self, subject_id: UUID) -> DataKey:
        subject = self._world.auth.work.state.subjects.get(subject_id)
        if subject is None or subject.wrapped_key is None:
            raise SubjectErased("no key")
        return self._world.auth.keyring.unwrap(subject.wrapped_key, subject_id)

    def fence(self, subject_id: UUID) -> None:
        self.fences_seen.append(subject_id)


class RightsWorld(World):
    """A world in which people ask for what is theirs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.trouble = Trouble()
        self.tokens: dict[UUID, str] = {}
        self.keys = AuthKeys(self)
        store = watched(self.imaging.store, "store", self.trouble)
        self.builder = ExportParts(
            CalledServices(self),
            store,
            watched(self.keys, "keys", self.trouble),
            self.imaging.studio,
            self.clock,
            part_bytes=SMALL_PART,
        )

    def person(self, device: str, name: str = "Ada") -> UUID:
        """Somebody with a photo, a render, an order, a profile, a login and a session label."""
        tokens = self.auth.admit(device)
        subject_id = tokens.subject_id
        self.tokens[subject_id] = tokens.access_token
        key = self.keys.key_of(subject_id)
        self.imaging.keys._keys[subject_id] = key
        owned = self.imaging.upload(subject_id, f"photo of {name}".encode())
        self.imaging.matte(self.imaging.job(owned))
        self.imaging.render(owned)
        self.payments.bought(subject_id, photo_id=owned.photo_id)
        with self.auth.work.begin() as tx:
            profile = seal(key, json.dumps({"nickname": f"{name} the profile"}).encode(), profile_bound(subject_id))
            tx.change_subject(subject_id, age_band=None, profile=profile)
            [session] = tx.sessions(subject_id)
            names = json.dumps({"nickname": f"{name} at wechat", "external_id": "o-1"}).encode()
            sealed = seal(key, names, identity_bound(subject_id, "wechat", "names"))
            identity = Identity(new_id(), subject_id, "wechat", f"hash of {name}", None, sealed, None, self.clock())
            tx.add_identity(identity)
        self.auth.work.state.sessions[session.session_id] = _labelled(session, key, name)
        return subject_id

    def send(self, subject_id: UUID | None, text: str, kind: Any = "complaint", **more: Any) -> tickets.FeedbackSent:
        """Feedback, sealed as the gateway does."""
        ticket_id, own = new_id(), new_data_key()
        if subject_id is None:
            sealed_key = self.auth.keyring.seal_for(tickets.master_bound(ticket_id), own.reveal())
        else:
            sealed_key = seal(self.keys.key_of(subject_id), own.reveal(), tickets.key_bound(subject_id, ticket_id))
        request = tickets.SendFeedback(
            ticket_id=ticket_id,
            subject_id=subject_id,
            kind=kind,
            sealed_key=b64encode(sealed_key).decode(),
            sealed_text=b64encode(seal(own, text.encode(), tickets.ticket_bound(ticket_id, "text"))).decode(),
            **more,
        )
        return feedback.send_feedback(request, self.retention.rights)

    def ask_export(self, subject_id: UUID, **more: Any) -> rights.ExportState:
        return exports.request_export(rights.RequestExport(subject_id=subject_id, **more), self.retention.rights)

    def job(self, export: rights.ExportState) -> retention.BuildExport:
        """The newest order to build it."""
        return [j for j in self.retention.said(retention.BuildExport) if j.export_id == export.export_id][-1]

    def build(self, export: rights.ExportState) -> None:
        build_export(self.job(export), self.builder)

    def fail(self, export: rights.ExportState) -> None:
        fail_export(self.job(export), self.builder)

    def state(self, subject_id: UUID, export: rights.ExportState) -> rights.ExportState:
        call = rights.GetExport(subject_id=subject_id, export_id=export.export_id)
        return exports.get_export(call, self.retention.rights)

    def download(self, subject_id: UUID, export: rights.ExportState) -> bytes:
        """As the gateway streams it out."""
        now = self.state(subject_id, export)
        keys = [export_key(subject_id, now.export_id, now.attempt, n) for n in range(1, now.parts + 1)]
        key = self.keys.key_of(subject_id)
        return b"".join(unseal(key, self.imaging.store.get(name), name) for name in keys)

    def opened(self, subject_id: UUID, export: rights.ExportState) -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(self.download(subject_id, export))) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}

    def export_objects(self, subject_id: UUID) -> list[str]:
        return [key for key in self.imaging.store.keys(f"{subject_id}/") if "/export-" in key]

    def erase(self, subject_id: UUID) -> dict[str, Any]:
        """Purge the subject, whole; its certificate."""
        purge_id = self.retention.open(subject_id).purge_id
        self.deliver_all()
        shown = self.retention.show(purge_id)
        assert shown.status == "completed", shown
        assert shown.certificate is not None
        payload: dict[str, Any] = shown.certificate["payload"]
        return payload

    def purge_event(self, subject_id: UUID) -> retention.PurgeRequested:
        return retention.PurgeRequested(subject_id=subject_id, purge_id=new_id(), reason="stash_wiped")


def _labelled(session: Any, key: DataKey, name: str) -> Any:
    from dataclasses import replace

    return replace(session, label=seal(key, f"{name}'s phone".encode(), label_bound(session.subject_id)))


def text_of(ticket: tickets.TicketState, own: DataKey, part: str) -> str:
    sealed = getattr(ticket, f"sealed_{part}")
    return unseal(own, b64decode(sealed), tickets.ticket_bound(ticket.ticket_id, part)).decode()
