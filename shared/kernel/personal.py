"""Values that never print: what belongs to a person, and what opens a door."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Personal(Generic[T]):
    """Holds a person's value; prints, logs and formats as ``***``. ``reveal()`` is the only way in."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value itself, at the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._value == other._value

    def __hash__(self) -> int:
        return hash((type(self), self._value))

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError(f"{type(self).__name__} values are not pickled")


class Secret(Personal[T]):
    """A key, token or password: the same, under the name of what it is."""
