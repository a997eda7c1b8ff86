"""Names for what may be fetched: nobody can guess them, and they are forgotten when nobody uses them."""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")

_BYTES: Final = 9
"""12 characters; 2^72 names are too many to try."""
PATTERN: Final = r"[A-Za-z0-9_-]{12}"


@dataclass(slots=True)
class _Named(Generic[T]):
    thing: T
    lifetime: float
    expires: float
    users: int = 0


class Names(Generic[T]):
    """Things by their names, each for its lifetime (seconds) after its last use."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._named: dict[str, _Named[T]] = {}

    def give(self, thing: T, lifetime: float) -> str:
        """A new name for it."""
        name = secrets.token_urlsafe(_BYTES)
        self.put(name, thing, lifetime)
        return name

    def put(self, name: str, thing: T, lifetime: float) -> None:
        """Its name is this one already."""
        self._drop_expired()
        self._named[name] = _Named(thing, lifetime, self._clock() + lifetime)

    def get(self, name: str) -> T | None:
        """What has this name, which is no use of it."""
        self._drop_expired()
        named = self._named.get(name)
        return None if named is None else named.thing

    @contextmanager
    def use(self, name: str) -> Generator[T | None]:
        """Meanwhile it is not forgotten, and its lifetime begins anew."""
        self._drop_expired()
        named = self._named.get(name)
        if named is None:
            yield None
            return
        named.users += 1
        try:
            yield named.thing
        finally:
            named.users -= 1
            named.expires = self._clock() + named.lifetime

    def drop(self, name: str) -> None:
        self._named.pop(name, None)

    def _drop_expired(self) -> None:
        present = self._clock()
        for name in [name for name, one in self._named.items() if one.expires <= present and not one.users]:
            del self._named[name]
