"""Browsing and searching a HEOS system: its sources, their contents, favourites, playlists and inputs."""

from __future__ import annotations

import asyncio
import difflib
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, cast

from pyheos import command as words

from sugartalkd.errors import (
    BadPayload,
    HeosFailed,
    NoMatch,
    OutOfRange,
    TimedOut,
    Unsupported,
)
from sugartalkd.heos import media
from sugartalkd.heos.connection import NOT_SIGNED_IN, READING_LIMIT, Refused
from sugartalkd.heos.lists import Lists, entries_of
from sugartalkd.heos.media import FAVOURITES, INPUTS, LOCAL, PLAYLISTS, SHOWN, Listed, Place
from sugartalkd.heos.translate import text, unescaped, unfit
from sugartalkd.model import Page
from sugartalkd.topics.heos import QUERY_LIMIT
from sugartalkd.topics.listing import LARGEST_PAGE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping, Sequence

    from pyheos import HeosPlayer

    from sugartalkd.heos.connection import CommandConnection
    from sugartalkd.heos.known import Known
    from sugartalkd.model import PlayerKey

T = TypeVar("T")

INPUTS_LIMIT: Final = 4.0
"""Seconds for one device's inputs: some devices never tell them (home-assistant/core issue 23928)."""
ALL_INPUTS_LIMIT: Final = 16.0
"""Seconds after which the devices that were not asked yet are left out."""
KEPT: Final = 600.0
"""Seconds for which names are looked up in what was read before; events end that sooner."""
NEAR: Final = 5
"""Names that an error lists."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,10}")


class System(Protocol):
    """What browsing needs of the system."""

    @property
    def account(self) -> str | None: ...
    async def account_settled(self) -> None:
        """Return once it is known whether somebody is signed in."""
        ...

    def browse_connection(self) -> CommandConnection:
        """Raises HeosOffline."""
        ...

    def key_at(self, pid: int) -> PlayerKey | None: ...
    def present(self, key: PlayerKey) -> tuple[Known, HeosPlayer]:
        """Raises HeosOffline."""
        ...


@dataclass(frozen=True, slots=True)
class Criterion:
    """One way in which a source can be searched."""

    name: str
    scid: int
    cid: str | None
    """What the container id of everything found begins with, if the device says so."""


@dataclass(frozen=True, slots=True)
class _Kept:
    listed: tuple[Listed, ...]
    until: float


class Browser:
    """Reads lists over the connection for reading. Every method ends within 29 s.

    Each raises HeosOffline, HeosFailed, TimedOut or Busy besides what it names.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._lists = Lists(system)
        self._kept: dict[int | None, _Kept] = {}
        """Whole lists by their source; `None` has the sources themselves."""
        self._criteria: dict[int, tuple[Criterion, ...]] = {}
        self._changes = 0
        """What was asked before the last change is not kept."""
        self._unavailable: frozenset[int] = frozenset()
        """Sources that the device itself calls unavailable."""

    def forget(self) -> None:
        """Sources, favourites or the account are others now."""
        self._kept.clear()
        self._criteria.clear()
        self._changes += 1

    # -- lists ---------------------------------------------------------------------------------------

    async def sources(self) -> Page:
        found = await _within("its sources", self._sources(fresh=True))
        return Page(tuple(one.item for one in found), len(found))

    async def browse(self, source: str | int | None, container: str | None, limit: int, offset: int) -> Page:
        """A part of what a source or a container holds; the sources, if neither is given.

        `source` is a number, a name, one of `favorites playlists history inputs local`, or a media_id;
        `container` a media_id, which needs no source, or the device's own cid. Raises BadPayload, NoMatch or
        OutOfRange, too.
        """
        _check(limit, offset)
        return await _within("what there is", self._browse(source, container, limit, offset))

    async def search(
        self, source: str | int, query: str, criteria: str | int | None, limit: int, offset: int
    ) -> Page:
        """What a source finds; `criteria` is one of its own, by name or number, `None` its first.

        Raises BadPayload, NoMatch, OutOfRange or Unsupported, too.
        """
        _check(limit, offset)
        if not 1 <= len(query.strip()) <= QUERY_LIMIT or unfit(query):
            raise BadPayload(f"a search has 1 to {QUERY_LIMIT} printable characters")
        return await _within(
            "what was searched", self._search(source, query.strip(), criteria, limit, offset)
        )

    async def favorites(self, limit: int, offset: int) -> Page:
        """`track_number` is the number in the HEOS app, from 1."""
        return await self.browse(FAVOURITES, None, limit, offset)

    async def playlists(self, limit: int, offset: int) -> Page:
        return await self.browse(PLAYLISTS, None, limit, offset)

    # -- names ---------------------------------------------------------------------------------------

    async def favorite(self, wished: str | int) -> int:
        """The number of a favourite, by its name or as given. Raises NoMatch or OutOfRange."""
        if isinstance(wished, str):
            is_number = _NUMBER.fullmatch(wished) is not None
            work = self._named(FAVOURITES, wished, again=not is_number)
            if (found := await _within("its favourites", work)) is not None:
                return found.item.track_number or 0
            if not is_number:
                raise NoMatch(self._unknown("favourite", wished, FAVOURITES))
        number = int(wished)
        if number < 1:
            raise OutOfRange(f"there is no favourite {number}; they are numbered from 1")
        return number

    async def count_favorites(self) -> int:
        return len(await _within("its favourites", self._all(FAVOURITES, fresh=True)))

    async def playlist(self, name: str) -> media.Media:
        """The HEOS playlist of this name. Raises NoMatch."""
        found = await _within("its playlists", self._named(PLAYLISTS, name))
        if found is None or found.media is None:
            raise NoMatch(self._unknown("playlist", name, PLAYLISTS))
        return found.media

    async def _named(self, sid: int, name: str, *, again: bool = True) -> Listed | None:
        """An entry by name, case ignored; what is not among those kept from before may be new."""
        wished = name.strip().casefold()
        for fresh in (False, True) if again and sid in self._kept else (False,):
            for one in await self._all(sid, fresh=fresh):
                if one.item.title.casefold() == wished:
                    return one
        return None

    def _unknown(self, kind: str, name: str, sid: int) -> str:
        kept = self._kept.get(sid)
        return f"no {kind} is called {name[:SHOWN]!r}; {_near(name, kept.listed if kept else ())}"

    # -- inside --------------------------------------------------------------------------------------

    async def _browse(self, source: str | int | None, container: str | None, limit: int, offset: int) -> Page:
        if container is not None and media.is_media_id(container):
            return await self._page(media.parse(container), limit, offset)
        if source is None:
            if container is not None:
                raise BadPayload("a container that is no media_id needs its source")
            found = await self._sources(fresh=True)
            return _cut(found, limit, offset)
        if container is None and isinstance(source, str) and source.strip().casefold() == "inputs":
            return _cut(await self._all_inputs(), limit, offset)
        origin = await self._source(source)
        if container is None:
            return await self._page(origin, limit, offset)
        if unfit(container) or not container:
            raise BadPayload("a container is named by printable characters")
        place = self._place(origin)
        return await self._page(
            media.Container(place.sid, unescaped(container), playable=False), limit, offset
        )

    async def _page(self, opened: media.Media, limit: int, offset: int) -> Page:
        place = self._place(opened)
        entries, total = await self._entries(place, limit, offset)
        return Page(tuple(one.item for one in entries), total, offset)

    def _place(self, opened: media.Media) -> Place:
        """Where a source's or container's entries are. Raises BadPayload for what has none."""
        match opened:
            case media.Source(sid):
                return Place(sid, device=self._system.key_at(sid))
            case media.InputsOf(player):
                return Place(self._system.present(player)[1].player_id, device=player)
            case media.Container(sid, cid):
                return Place(sid, cid)
            case _:
                raise BadPayload("this media_id can be played, but there is nothing in it to browse")

    async def _entries(self, place: Place, limit: int, offset: int) -> tuple[tuple[Listed, ...], int]:
        await self._check_account(place.sid)
        arguments: dict[str, object] = {words.ATTR_SOURCE_ID: place.sid}
        if place.cid is not None:
            arguments[words.ATTR_CONTAINER_ID] = place.cid
        entries, total = await self._lists.gather(
            words.COMMAND_BROWSE_BROWSE,
            arguments,
            limit,
            offset,
            from_start=place.cid is None and place.sid != FAVOURITES,
            patience=READING_LIMIT if place.device is None else INPUTS_LIMIT,
        )
        numbered = place.sid == FAVOURITES and place.cid is None
        return tuple(
            media.listed(raw, place, self._system.key_at, number if numbered else None)
            for number, raw in enumerate(entries, offset + 1)
        ), total

    # -- the account ---------------------------------------------------------------------------------

    async def _check_account(self, sid: int) -> None:
        """Never ask for what needs an account without one. Raises HeosFailed."""
        if sid not in media.NEED_ACCOUNT and not 0 <= sid < LOCAL:
            return
        self._system.browse_connection()  # offline is another reason
        await self._system.account_settled()
        if self._system.account != "signed_out":
            return
        if sid in media.NEED_ACCOUNT or await self._is_unavailable(sid):
            raise HeosFailed(NOT_SIGNED_IN)

    async def _is_unavailable(self, sid: int) -> bool:
        await self._sources()
        return sid in self._unavailable

    # -- sources -------------------------------------------------------------------------------------

    async def _sources(self, *, fresh: bool = False) -> tuple[Listed, ...]:
        kept = self._kept.get(None)
        if kept is not None and not fresh and time.monotonic() < kept.until:
            return kept.listed
        changes = self._changes
        reply = await self._lists.ask(words.COMMAND_BROWSE_GET_SOURCES, {})
        entries = entries_of(reply)
        found = tuple(media.listed(raw, Place(0), self._system.key_at) for raw in entries)
        self._unavailable = frozenset(
            one.media.sid
            for raw, one in zip(entries, found, strict=True)
            if isinstance(one.media, media.Source)
            and cast("Mapping[str, object]", raw).get(words.ATTR_AVAILABLE) == words.VALUE_FALSE
        )
        self._keep(None, found, changes)
        return found

    def _keep(self, sid: int | None, found: tuple[Listed, ...], changes: int) -> None:
        if changes == self._changes:
            self._kept[sid] = _Kept(found, time.monotonic() + KEPT)

    async def _all(self, sid: int, *, fresh: bool = False) -> tuple[Listed, ...]:
        """Everything in one source, up to 500, as it was read at most 10 min ago."""
        await self._check_account(sid)
        kept = self._kept.get(sid)
        if kept is not None and not fresh and time.monotonic() < kept.until:
            return kept.listed
        changes = self._changes
        found, _ = await self._entries(Place(sid), LARGEST_PAGE, 0)
        self._keep(sid, found, changes)
        return found

    async def _source(self, wished: str | int) -> media.Media:
        """What a source's number, name, word or media_id means. Raises BadPayload or NoMatch."""
        given = str(wished).strip()
        if media.is_media_id(given):
            return media.parse(given)
        if _NUMBER.fullmatch(given):
            key = self._system.key_at(int(given))
            return media.Source(int(given)) if key is None else media.InputsOf(key)
        name = given.casefold()
        if name in media.SOURCE_WORDS:
            return media.Source(media.SOURCE_WORDS[name])
        known: list[Listed] = []
        for read in (self._sources, lambda: self._all(LOCAL), lambda: self._sources(fresh=True)):
            for one in await read():
                if one.item.title.casefold() == name and one.media is not None:
                    return one.media
                known.append(one)
        raise NoMatch(f"no source is called {given[:SHOWN]!r}; {_near(given, known)}")

    async def _all_inputs(self) -> tuple[Listed, ...]:
        """The inputs of every device; one that does not tell them is left out."""
        give_up = time.monotonic() + ALL_INPUTS_LIMIT
        found: list[Listed] = []
        for one in (await self._entries(Place(INPUTS), LARGEST_PAGE, 0))[0]:
            if time.monotonic() > give_up:
                break
            if not isinstance(one.media, media.Source | media.InputsOf):
                continue
            try:
                place = self._place(one.media)
                found += (await self._entries(place, LARGEST_PAGE, 0))[0]
            except (Refused, TimedOut):
                continue
        return tuple(found)

    # -- searching -----------------------------------------------------------------------------------

    async def _search(
        self, source: str | int, query: str, criteria: str | int | None, limit: int, offset: int
    ) -> Page:
        place = self._place(await self._source(source))
        if place.sid in media.NEED_ACCOUNT or place.sid == INPUTS or place.device is not None:
            raise Unsupported("this source cannot be searched; services and local music servers can")
        await self._check_account(place.sid)
        criterion = _choose(await self._read_criteria(place.sid), criteria)
        arguments = {
            words.ATTR_SOURCE_ID: place.sid,
            words.ATTR_SEARCH: query,
            words.ATTR_SEARCH_CRITERIA_ID: criterion.scid,
        }
        entries, total = await self._lists.gather(words.COMMAND_BROWSE_SEARCH, arguments, limit, offset)
        # Tracks that were found are in a container made of the search, where there is one.
        inside = Place(place.sid, None if criterion.cid is None else criterion.cid + query)
        found = (media.listed(raw, inside, self._system.key_at) for raw in entries)
        return Page(tuple(one.item for one in found), total, offset)

    async def _read_criteria(self, sid: int) -> tuple[Criterion, ...]:
        if (kept := self._criteria.get(sid)) is not None:
            return kept
        reply = await self._lists.ask(words.COMMAND_BROWSE_GET_SEARCH_CRITERIA, {words.ATTR_SOURCE_ID: sid})
        entries = entries_of(reply)
        read = (_criterion(cast("Mapping[str, object]", raw)) for raw in entries if isinstance(raw, dict))
        found = tuple(one for one in read if one is not None)
        if found:  # whoever searches may name any number as a source
            self._criteria[sid] = found
        return found


def _criterion(raw: Mapping[str, object]) -> Criterion | None:
    scid, cid = media.whole(raw.get(words.ATTR_SEARCH_CRITERIA_ID)), raw.get(words.ATTR_CONTAINER_ID)
    if scid is None:
        return None
    name = text(str(raw.get(words.ATTR_NAME) or "")) or str(scid)
    return Criterion(name, scid, unescaped(cid) if isinstance(cid, str) and cid else None)


def _choose(known: Sequence[Criterion], wished: str | int | None) -> Criterion:
    if not known:
        raise Unsupported("this source cannot be searched")
    if wished is None:
        return known[0]
    name = str(wished).strip().casefold()
    for one in known:
        if name in {one.name.casefold(), str(one.scid)}:
            return one
    names = ", ".join(one.name for one in known)
    raise OutOfRange(f"this source cannot be searched by {str(wished)[:SHOWN]!r}; it can by: {names}")


def _near(name: str, known: Iterable[Listed]) -> str:
    """What could have been meant."""
    titles = {one.item.title.casefold(): one.item.title for one in known}
    wished = name.strip().casefold()
    near = [shown for folded, shown in titles.items() if wished in folded or folded in wished]
    near += [titles[one] for one in difflib.get_close_matches(wished, titles, NEAR, 0.5)]
    if near:
        return "near it: " + ", ".join(list(dict.fromkeys(near))[:NEAR])
    if titles:
        return "there are: " + ", ".join(list(titles.values())[:NEAR]) + (" …" if len(titles) > NEAR else "")
    return "there are none"


def _cut(found: Sequence[Listed], limit: int, offset: int) -> Page:
    return Page(tuple(one.item for one in found[offset : offset + limit]), len(found), offset)


def _check(limit: int, offset: int) -> None:
    if not 1 <= limit <= LARGEST_PAGE:
        raise OutOfRange(f"limit is 1 to {LARGEST_PAGE}")
    if offset < 0:
        raise OutOfRange("offset is 0 or more")


async def _within(what: str, work: Awaitable[T]) -> T:
    """Read for 29 s at most. Raises TimedOut."""
    try:
        async with asyncio.timeout(READING_LIMIT):
            return await work
    except TimeoutError:
        raise TimedOut(f"the HEOS system did not tell {what} within {READING_LIMIT:g} s") from None
