"""Pages of the lists that are short enough to be asked for whole: ``?limit=&cursor=``, cut here, the same for all."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request

from shared.kernel.errors import BadRequest

MOST = 1000
"""The most items of a page, and as many as come when nobody says how many: clients that know no pages miss nothing."""

T = TypeVar("T")


class Page:
    """What of a list is wanted. A cursor names the last item told, and its place should it be gone by then."""

    def __init__(
        self,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=MOST, description="how many items at most")] = MOST,
        cursor: Annotated[
            str | None, Query(max_length=400, description="go on after a page: its `next_cursor`")
        ] = None,
    ) -> None:
        self._path = request.url.path
        self._limit = limit
        self._place: int = 0
        self._last: str | None = None
        if cursor is not None:
            self._place, self._last = self._read(cursor)

    def cut(self, items: Sequence[T], id_of: Callable[[T], object]) -> tuple[list[T], str | None]:
        """The items of this page, and the cursor of the next one if there is one."""
        ids = [str(id_of(item)) for item in items]
        start = ids.index(self._last) + 1 if self._last in ids else min(self._place, len(ids))
        end = start + self._limit
        return list(items[start:end]), self._write(end, ids[end - 1]) if end < len(ids) else None

    def _write(self, place: int, last: str) -> str:
        return urlsafe_b64encode(f"{self._path}\n{place}\n{last}".encode()).decode().rstrip("=")

    def _read(self, cursor: str) -> tuple[int, str]:
        try:
            path, place, last = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("\n")
            if path != self._path or not 0 < int(place) < 10**9:
                raise ValueError("another list's")
            return int(place), last
        except ValueError as error:
            raise BadRequest("cursor", public_extra={"field": "cursor", "kind": "bad_cursor"}) from error


PageOf = Annotated[Page, Depends(Page)]
"""The page that a route is asked for."""
