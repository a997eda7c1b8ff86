"""Small changes of the Plex library, read and written into the live index; blocking, for a worker thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from sugartalkd.library import Changes
from sugartalkd.model import MediaKind
from sugartalkd.plex import pages
from sugartalkd.plex.entries import LEAN, objects
from sugartalkd.plex.http import content

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from sugartalkd.library import Entry
    from sugartalkd.plex.http import Http

PAGE: Final = 200
"""Items at once: parsing more in a thread holds up the event loop for longer than 8 ms."""
PATIENCE: Final = 20.0
LIMIT: Final = 20.0
MANY: Final = 5_000
"""So many changes at once are cheaper to read anew as a whole, in a process of their own."""
FAMILIES: Final = 20
"""Up to so many changed artists and albums, everything that names them is read again too."""


@dataclass(frozen=True, slots=True)
class Source:
    """The section of the server that is read."""

    origin: str
    headers: Mapping[str, str]
    """With the token."""
    section: str
    section_uuid: str
    machine_id: str

    def __repr__(self) -> str:
        return f"Source({self.origin!r}, section {self.section!r})"


def joined(keys: Iterable[int]) -> str:
    """Keys as the index keeps them."""
    return " ".join(map(str, sorted(keys)))


class TooMany(Exception):
    """The whole list is to be read anew."""


class Deltas:
    """Raises, beside TooMany, what http.py and pages.py raise."""

    def __init__(self, source: Source, http: Http, file: Path) -> None:
        self._source = source
        self._http = http
        self._changes = Changes(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._changes.close()

    def apply(self, changed: Collection[int], gone: Collection[int]) -> None:
        """Read these items anew, and drop the others."""
        if len(changed) > MANY:
            raise TooMany
        keys = sorted(changed)
        for start in range(0, len(keys), PAGE):
            batch = keys[start : start + PAGE]
            found = pages.by_keys(self._http, batch)
            self._changes.put(found)
            self._changes.remove(set(batch) - {one.key for one in found})
            families = [one for one in found if one.kind is not MediaKind.TRACK]
            if len(families) <= FAMILIES:
                self._put_families(families)
        if gone:
            self._changes.remove(set(gone))

    def sweep(self, cursor: int) -> int:
        """Read everything that was changed since `cursor`; the result is where the next sweep begins."""
        clock: int | None = None
        for kind in pages.LISTS:
            path = pages.section_list(self._source.section, kind, f"updatedAt%3E%3E={cursor}")
            for page in self._pages(path):
                if (page.total or 0) > MANY:
                    raise TooMany
                clock = clock or page.clock
                self._changes.put(page.entries)
        after = cursor if clock is None else max(cursor, clock - pages.SAFETY)
        self._changes.meta("cursor", str(after))
        return after

    def playlists(self, known: Iterable[int]) -> None:
        """Read all playlists; those of `known` that are not there any more are dropped."""
        found: list[Entry] = []
        for page in pages.playlists(self._http, PAGE, patience=PATIENCE):
            found += page.entries
        self._changes.put(found)
        keys = {one.key for one in found}
        if gone := set(known) - keys:
            self._changes.remove(gone)
        self._changes.meta("playlists", joined(keys))

    def clock(self) -> str:
        """What changes when the content of the section does."""
        container = content(self._http.get("/library/sections"))
        if isinstance(container, dict):
            sections: list[Mapping[str, object]] = [*objects(container.get("Directory"))]
        else:
            sections = [one.attrib for one in container]
        for one in sections:
            if str(one.get("key")) == self._source.section:
                return str(one.get("contentChangedAt", ""))
        return ""

    def totals(self) -> dict[MediaKind, int]:
        """How many there are of each kind, where the server says it."""
        found = {
            kind: pages.total(self._http, pages.section_list(self._source.section, kind))
            for kind in pages.LISTS
        }
        return {kind: count for kind, count in found.items() if count is not None}

    def _put_families(self, families: Iterable[Entry]) -> None:
        """Albums and tracks carry the names of what they belong to, and are not said to have changed."""
        for one in families:
            if one.kind is MediaKind.ARTIST:
                self._put_all(f"/library/metadata/{one.key}/children?{LEAN}")
            self._put_all(f"/library/metadata/{one.key}/allLeaves?{LEAN}")

    def _put_all(self, path: str) -> None:
        for page in self._pages(path):
            self._changes.put(page.entries)

    def _pages(self, path: str) -> Iterator[pages.Page]:
        return pages.listing(self._http, path, PAGE, patience=PATIENCE)
