"""Whether a photo is worth paying for."""

from __future__ import annotations

from uuid import UUID

from services.gateway.access import Caller
from services.gateway.parts import Parts
from shared.contracts import imaging
from shared.kernel.errors import Conflict

UNUSABLE = frozenset({"rejected", "failed"})


async def refuse_unusable(photo_id: UUID, caller: Caller, parts: Parts) -> None:
    """Nothing is paid for a photo that cannot be used: raises ``conflict``, and ``not_found`` for somebody else's."""
    photo = await parts.asker.ask(imaging.GetPhoto(subject_id=caller.subject_id, photo_id=photo_id))
    if photo.status in UNUSABLE:
        raise Conflict("this photo cannot be used", public_extra={"photo_status": photo.status})
