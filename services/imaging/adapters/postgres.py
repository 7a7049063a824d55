"""Imaging's data in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.imaging.domain.photos import VISIBLE, Photo, PhotoState, Render
from shared.db import Transaction

_TABLES = ("photos", "objects", "renders", "idempotency")
"""What names a subject."""
_PHOTO = (
    "photo_id, subject_id, state, created_at, reasons, analysis, event_id,"
    " unlock_revision, unlocked_scopes, unlocked_at, people"
)
_RENDER = "render_id, photo_id, subject_id, ready, created_at, facts, sheet"


class PostgresImaging(Transaction):
    """One transaction on imaging's tables."""

    def add_photo(self, photo: Photo) -> None:
        """A new photo."""
        self.connection.execute(
            "INSERT INTO photos (photo_id, subject_id, state, created_at, people) VALUES (%s, %s, %s, %s, %s)",
            (photo.photo_id, photo.subject_id, photo.state, photo.created_at, photo.people),
        )

    def photo(self, photo_id: UUID) -> Photo | None:
        """A photo by id, held until this transaction ends."""
        row = self.connection.execute(
            f"SELECT {_PHOTO} FROM photos WHERE photo_id = %s FOR UPDATE",  # noqa: S608 - constant names
            (photo_id,),
        ).fetchone()
        return _photo(row) if row else None

    def photo_seen(self, photo_id: UUID) -> Photo | None:
        """A photo by id, not held: a worker's change of it need not be waited for."""
        row = self.connection.execute(
            f"SELECT {_PHOTO} FROM photos WHERE photo_id = %s",  # noqa: S608 - constant names
            (photo_id,),
        ).fetchone()
        return _photo(row) if row else None

    def save_photo(self, photo: Photo) -> None:
        """A photo's new state, reasons, analysis and event."""
        self.connection.execute(
            "UPDATE photos SET state = %s, reasons = %s, analysis = %s, event_id = %s, changed_at = now()"
            " WHERE photo_id = %s",
            (photo.state, list(photo.reasons), photo.analysis, photo.event_id, photo.photo_id),
        )

    def save_unlock(self, photo: Photo) -> None:
        """What of a photo may be downloaded, by its own revision."""
        self.connection.execute(
            "UPDATE photos SET unlock_revision = %s, unlocked_scopes = %s, unlocked_at = %s WHERE photo_id = %s",
            (photo.unlock_revision, list(photo.unlocked_scopes), photo.unlocked_at, photo.photo_id),
        )

    def delete_photo(self, photo_id: UUID) -> None:
        """Delete the rows of a photo, its renders and objects."""
        self.connection.execute("DELETE FROM photos WHERE photo_id = %s", (photo_id,))

    def photos_of(self, subject_id: UUID, limit: int, before: UUID | None) -> list[Photo]:
        """The subject's visible photos, newest first."""
        rows = self.connection.execute(
            f"SELECT {_PHOTO} FROM photos WHERE subject_id = %s AND state = ANY(%s)"  # noqa: S608 - constant columns
            " AND (%s::uuid IS NULL OR photo_id < %s) ORDER BY photo_id DESC LIMIT %s",
            (subject_id, [str(state) for state in VISIBLE], before, before, limit),
        )
        return [_photo(row) for row in rows]

    def photos_with_news(self, subject_id: UUID, after: UUID) -> list[Photo]:
        """The subject's visible photos whose last event came after ``after``, oldest event first."""
        rows = self.connection.execute(
            f"SELECT {_PHOTO} FROM photos WHERE subject_id = %s AND state = ANY(%s) AND event_id > %s"  # noqa: S608
            " ORDER BY event_id LIMIT 200",
            (subject_id, [str(state) for state in VISIBLE], after),
        )
        return [_photo(row) for row in rows]

    def photos_waiting(self, state: str, before: datetime, limit: int) -> list[Photo]:
        """Photos that have been in ``state`` since before a moment."""
        rows = self.connection.execute(
            f"SELECT {_PHOTO} FROM photos WHERE state = %s AND changed_at < %s"  # noqa: S608 - constant columns
            " ORDER BY changed_at LIMIT %s FOR UPDATE SKIP LOCKED",
            (state, before, limit),
        )
        return [_photo(row) for row in rows]

    def register_object(self, key: str, photo: Photo) -> None:
        """Commit an object's key before its first byte is written. Again is fine."""
        self.connection.execute(
            "INSERT INTO objects (key, subject_id, photo_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (key, photo.subject_id, photo.photo_id),
        )

    def forget_object(self, key: str) -> None:
        """The object is deleted."""
        self.connection.execute("DELETE FROM objects WHERE key = %s", (key,))

    def unregistered(self, keys: Sequence[str]) -> list[str]:
        """Those of ``keys`` that no row knows."""
        rows = self.connection.execute("SELECT key FROM objects WHERE key = ANY(%s)", (list(keys),))
        known = {row["key"] for row in rows}
        return [key for key in keys if key not in known]

    def add_render(self, render: Render) -> None:
        """A new render."""
        self.connection.execute(
            f"INSERT INTO renders ({_RENDER}) VALUES (%s, %s, %s, %s, %s, %s, %s)",  # noqa: S608 - constant columns
            (
                render.render_id,
                render.photo_id,
                render.subject_id,
                render.ready,
                render.created_at,
                render.facts,
                render.sheet,
            ),
        )

    def render(self, render_id: UUID) -> Render | None:
        """A render by id."""
        row = self.connection.execute(
            f"SELECT {_RENDER} FROM renders WHERE render_id = %s",  # noqa: S608 - constant names
            (render_id,),
        ).fetchone()
        return Render(**row) if row else None

    def renders_of(self, photo_id: UUID) -> list[Render]:
        """A photo's finished renders, oldest first."""
        rows = self.connection.execute(
            f"SELECT {_RENDER} FROM renders WHERE photo_id = %s AND ready ORDER BY render_id",  # noqa: S608
            (photo_id,),
        )
        return [Render(**row) for row in rows]

    def save_render(self, render: Render) -> None:
        """A render's new state and facts."""
        self.connection.execute(
            "UPDATE renders SET ready = %s, facts = %s WHERE render_id = %s",
            (render.ready, render.facts, render.render_id),
        )

    def renders_unfinished(self, before: datetime, limit: int) -> list[Render]:
        """Renders that were begun before a moment and never became ready."""
        rows = self.connection.execute(
            f"SELECT {_RENDER} FROM renders WHERE NOT ready AND created_at < %s"  # noqa: S608 - constant columns
            " ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED",
            (before, limit),
        )
        return [Render(**row) for row in rows]

    def delete_render(self, render_id: UUID) -> None:
        """Delete the row of a render."""
        self.connection.execute("DELETE FROM renders WHERE render_id = %s", (render_id,))

    def delete_subject(self, subject_id: UUID) -> dict[str, int]:
        """Delete every row of the subject; how many, by kind."""
        counts = self.count_subject(subject_id)
        self.forget_answers(subject_id)
        self.connection.execute("DELETE FROM photos WHERE subject_id = %s", (subject_id,))
        return counts

    def photos_before(self, before: datetime, limit: int) -> list[Photo]:
        """Visible photos uploaded before a moment, oldest first, held until this transaction ends."""
        rows = self.connection.execute(
            f"SELECT {_PHOTO} FROM photos WHERE state = ANY(%s) AND created_at < %s"  # noqa: S608 - constant columns
            " ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED",
            ([str(state) for state in VISIBLE], before, limit),
        )
        return [_photo(row) for row in rows]

    def originals_before(self, before: datetime, limit: int) -> list[Photo]:
        """Ready photos uploaded before a moment whose original is still registered."""
        rows = self.connection.execute(
            f"SELECT {_PHOTO} FROM photos p WHERE state = 'ready' AND created_at < %s AND EXISTS"  # noqa: S608
            " (SELECT FROM objects o WHERE o.photo_id = p.photo_id AND o.key LIKE '%%/original')"
            " ORDER BY created_at LIMIT %s",
            (before, limit),
        )
        return [_photo(row) for row in rows]

    def registered_keys(self, after: str, before: datetime, limit: int) -> list[str]:
        """Objects' keys in byte order after one, of those registered before a moment."""
        rows = self.connection.execute(
            'SELECT key FROM objects WHERE key COLLATE "C" > %s AND registered_at < %s ORDER BY key COLLATE "C" LIMIT %s',
            (after, before, limit),
        )
        return [row["key"] for row in rows]

    def subjects_held(self, after: UUID | None, limit: int) -> list[UUID]:
        """Subjects that anything here names, in order, after one."""
        return self.subjects_in(_TABLES, after, limit)

    def count_subject(self, subject_id: UUID) -> dict[str, int]:
        """How many rows of the subject there are, by kind."""
        return self.count_rows(subject_id, _TABLES)


def _photo(row: dict[str, Any]) -> Photo:
    changes = {name: tuple(row[name]) for name in ("reasons", "unlocked_scopes")}
    return Photo(**{**row, "state": PhotoState(row["state"]), **changes})
