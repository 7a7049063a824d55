"""What a worker's cases need from outside: the pipeline, and the parts that the imaging service needs too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.imaging.ports import ImagingWork, SubjectKeys
from shared.kernel.clock import Clock
from shared.storage import ObjectStore


class Cutout(Protocol):
    """A person cut out of a photo."""

    @property
    def analysis(self) -> dict[str, Any]:
        """What was seen: faces, pose, checks, model (JSON)."""

    def to_bytes(self) -> bytes:
        """The compact container that is stored."""


class Rendered(Protocol):
    """A finished ID photo."""

    @property
    def image(self) -> bytes:
        """The file."""

    @property
    def preview(self) -> bytes:
        """The watermarked preview (JPEG)."""

    @property
    def width(self) -> int:
        """Pixels."""

    @property
    def height(self) -> int:
        """Pixels."""

    @property
    def kb(self) -> float:
        """The file's size."""

    @property
    def media_type(self) -> str:
        """The file's type."""

    @property
    def compliance(self) -> dict[str, Any]:
        """What was measured on the result (JSON)."""


class Studio(Protocol):
    """The pipeline, with its models loaded."""

    def prepare(self, photo_bytes: bytes, *, people: int = 1) -> Any:
        """Decode, find the face (or both of two people), check; raises :class:`PhotoRejected`."""

    def matte(self, prepared: Sequence[Any]) -> Sequence[Cutout]:
        """Cut the persons out, in one inference."""

    def cutout_picture(self, cutout_bytes: bytes) -> bytes:
        """A stored cutout as a picture that anybody can open (PNG, half size), for an export."""

    def order_of(self, order: dict[str, Any]) -> Any:
        """The order, understood; raises a coded error for one that makes no sense."""

    def render(self, cutout_bytes: bytes, order: Any) -> Rendered:
        """A finished ID photo from a stored cutout."""


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """Everything a worker's cases depend on."""

    work: ImagingWork
    store: ObjectStore
    keys: SubjectKeys
    studio: Studio
    clock: Clock
    unlock_policy: str
