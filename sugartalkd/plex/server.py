"""The Plex server as the rest of the daemon sees it; the only file that knows plexapi. Import it late."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportMissingTypeStubs=false, reportMissingParameterType=false, reportPrivateUsage=false, reportPrivateImportUsage=false

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING, Final, TypeVar
from xml.etree.ElementTree import Element, ParseError

for _name in [name for name in os.environ if name.startswith("PLEXAPI_")]:
    del os.environ[_name]  # it reads addresses, tokens and whether to log them from there, also later
os.environ["PLEXAPI_CONFIG_PATH"] = os.devnull

import plexapi
import plexapi.client
import plexapi.utils
import requests
from plexapi.exceptions import BadRequest, NotFound, Unauthorized
from plexapi.exceptions import Unsupported as PlexUnsupported
from plexapi.playqueue import PlayQueue
from plexapi.server import PlexServer

from sugartalkd.errors import (
    BadPayload,
    NoMatch,
    PlexOffline,
    PlexUnauthorized,
    SugartalkError,
    TimedOut,
    Unsupported,
)
from sugartalkd.log import get_logger
from sugartalkd.model import MediaKind
from sugartalkd.plex import edits, questions
from sugartalkd.plex import entries as raw
from sugartalkd.plex.http import CONTAINER, where
from sugartalkd.plex.session import Session
from sugartalkd.plex.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sugartalkd.command import LibraryTask, SecretText
    from sugartalkd.library import Entry
    from sugartalkd.model import Object
    from sugartalkd.plex.identity import Identity
    from sugartalkd.plex.values import Part, Report

_log = get_logger(__name__)
T = TypeVar("T")

READ_LIMIT: Final = 8.0
"""Seconds for what somebody waits for."""
WRITE_LIMIT: Final = 20.0
MOST_TRACKS: Final = 5000
REPORT_LIMIT: Final = 5.0
_LATER: Final = 500
_BUSY: Final = 429
_STATUS: Final = re.compile(r"\((\d{3})\)")
_CLIENT_COMMANDS: Final = ("play", "pause", "stop", "next", "previous", "seek", "volume")

# -- plexapi as this daemon needs it (plex.md 1.4 to 1.6) ----------------------------------------------

plexapi.CONFIG.data["plexapi"] = {"autoreload": "0"}  # else reading an absent attribute is a request
plexapi.client.BASE_HEADERS = dict(plexapi.BASE_HEADERS)  # commands to players write our token into theirs
plexapi.utils.setDatetimeTimezone("UTC")
logging.getLogger("plexapi").setLevel(logging.ERROR)
logging.getLogger("urllib3").setLevel(logging.ERROR)  # at debug it prints every address with its query


class _Ask:
    """One thread's connection."""

    def __init__(self, address: str, token: SecretText | None, until: float) -> None:
        self.session = Session(until)
        self.address = address
        self.what = ""
        """What it is asked for, for errors."""
        try:
            self.plex = PlexServer(address, None if token is None else token.reveal, self.session, READ_LIMIT)
        except BaseException:
            self.session.close()
            raise

    def close(self) -> None:
        self.session.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Element | None:
        return self._query(path, self.session.get, headers or {}, attempts=2)

    def send(self, method: str, path: str) -> Element | None:
        methods = {"PUT": self.session.put, "POST": self.session.post, "DELETE": self.session.delete}
        return self._query(path, methods[method], {}, attempts=1)

    def _query(
        self, path: str, method: Callable[..., requests.Response], headers: Mapping[str, str], attempts: int
    ) -> Element | None:
        """Only an answer that is cut off or broken is asked for again here; the rest is the session's."""
        try:
            root: Element | None = self.plex.query(path, method=method, headers=dict(headers))
            if root is None or root.tag == CONTAINER:
                return root
            fault: Exception = ParseError("a page for people")
        except Exception as error:  # noqa: BLE001  # whatever plexapi makes of an answer ends here
            fault = error
        if isinstance(fault, ParseError) and attempts > 1:
            return self._query(path, method, headers, attempts - 1)
        raise _translated(self.what, where(self.address), fault)


class Server:
    """One Plex server while the link is up; every method may raise what `_translated` makes of a failure."""

    def __init__(
        self,
        address: str,
        token: SecretText | None,
        identity: Identity,
        on_trouble: Callable[[SugartalkError], None] = lambda _error: None,
    ) -> None:
        """`address` is scheme, host and port; `on_trouble` hears of failures that concern the whole link."""
        self.address = address
        self.token = token
        self.headers = identity.headers()
        if token is not None:
            self.headers["X-Plex-Token"] = token.reveal
        self.machine_id = self.name = self.version = ""
        self.section_key = self.section_uuid = self.section_title = ""
        self._on_trouble = on_trouble
        plexapi.BASE_HEADERS.update(identity.headers())
        plexapi.client.BASE_HEADERS.update(identity.headers())
        self._readers = Threads("reader", 3, self._make)
        self._writer = Threads("writer", 1, self._make)  # one: changes come one after the other
        self._reporter = Threads("reporter", 1, self._make)

    def _make(self, until: float) -> _Ask:
        return _Ask(self.address, self.token, until)

    async def connect(self, library: str | None) -> None:
        """Learn who it is, and find the music library of this name; `None` takes what there is."""

        def work(ask: _Ask) -> None:
            plex = ask.plex
            self.machine_id = str(plex.machineIdentifier or "")
            self.name = str(plex.friendlyName or "")
            self.version = str(plex.version or "")
            section = questions.choose(questions.music_sections(ask), library)
            self.section_key, self.section_uuid = section.key, section.uuid
            self.section_title = section.title

        await self._call(self._readers, "connecting to the Plex server", work, READ_LIMIT)
        if not self.machine_id:
            raise PlexOffline(f"{where(self.address)} answers, but not as a Plex server does")

    def close(self) -> None:
        for threads in (self._readers, self._writer, self._reporter):
            threads.close()

    # -- reading -------------------------------------------------------------------------------------

    async def entries(self, keys: Sequence[int]) -> tuple[Entry, ...]:
        """In this order; those that Plex does not have any more are left out."""
        return await self._read("reading items", lambda ask: questions.entries(ask, keys))

    async def item(self, kind: MediaKind, key: int) -> tuple[Entry, Object]:
        """It, and all that Plex knows of it, without paths, addresses and files. Raises NoMatch."""
        return await self._read("reading an item", lambda ask: questions.describe(ask, kind, key))

    async def listed(self, path: str, limit: int, offset: int) -> tuple[tuple[Entry, ...], int]:
        """A part of a list whose path `questions` has, and how long the list is."""
        return await self._read("reading a list", lambda ask: questions.stretch(ask, path, limit, offset))

    async def part(self, key: int) -> Part:
        """Raises NoMatch."""
        return await self._read("looking for a track's file", lambda ask: questions.part(ask, key))

    async def hub_search(self, phrase: str, limit: int = 20) -> tuple[Entry, ...]:
        """The server's own search: at most so many of each kind."""
        return await self._read(
            "searching", lambda ask: questions.hub_search(ask, phrase, limit, self.section_key)
        )

    async def by_guid(self, guid: str) -> tuple[Entry, ...]:
        """The tracks that are this recording, whatever a rescan has made of their keys."""
        return await self._read(
            "looking for a recording", lambda ask: questions.by_guid(ask, guid, self.section_key)
        )

    async def playlists(self) -> tuple[Entry, ...]:
        return await self._read("reading the playlists", questions.playlists)

    async def playlist_items(self, key: int) -> tuple[Entry, ...]:
        """Its tracks as they are now: smart playlists change without notice."""
        return await self._read("reading a playlist", lambda ask: questions.playlist_items(ask, key))

    async def tracks_below(self, key: int) -> tuple[Entry, ...]:
        """The tracks of an album or an artist, disc by disc."""
        found = await self._read("reading tracks", lambda ask: questions.tracks_below(ask, key, MOST_TRACKS))
        return tuple(sorted(found, key=lambda one: (one.album_key or 0, one.disc or 1, one.index or 0)))

    async def radio(self, kind: MediaKind, key: int, limit: int = 100) -> tuple[Entry, ...]:
        """Tracks like it: its station's, else those that sound like it. Raises Unsupported."""

        def work(ask: _Ask) -> tuple[Entry, ...]:
            seeds: tuple[Entry, ...]
            if kind is MediaKind.PLAYLIST:
                seeds = questions.playlist_items(ask, key)[:1]
            else:
                if (path := questions.station(ask, key)) is not None:
                    queue = PlayQueue.fromStationKey(ask.plex, path)
                    if tracks := raw.all_from_xml(queue._data)[:limit]:  # noqa: SLF001  # its items are partial
                        return tracks
                if kind is MediaKind.TRACK:
                    seeds = questions.entries(ask, (key,))
                else:
                    seeds = questions.tracks_below(ask, key, 1)
            near = tuple(
                one
                for seed in seeds
                for one in questions.nearest(ask, seed.key, limit)
                if one.kind is MediaKind.TRACK and one.key != seed.key
            )
            if not near:
                raise Unsupported(
                    "this Plex server offers no radio for it: that needs a Plex Pass, and sonic analysis of "
                    "the library"
                )
            return (*seeds, *near)[:limit]

        return await self._read("asking for a radio", work)

    # -- changing ------------------------------------------------------------------------------------

    async def create_playlist(self, name: str, keys: Sequence[int]) -> Entry:
        if not keys:
            raise BadPayload("Plex makes no empty playlist: name at least one item")
        return await self._write(
            "making a playlist", lambda ask: edits.create_playlist(ask, self.machine_id, name, keys)
        )

    async def add_to_playlist(self, key: int, keys: Sequence[int]) -> Entry:
        return await self._write(
            "adding to a playlist", lambda ask: edits.add_to_playlist(ask, self.machine_id, key, keys)
        )

    async def remove_from_playlist(self, key: int, keys: Sequence[int]) -> Entry:
        return await self._write(
            "taking from a playlist", lambda ask: edits.remove_from_playlist(ask, key, keys)
        )

    async def delete_playlist(self, key: int) -> None:
        await self._write("deleting a playlist", lambda ask: edits.delete_playlist(ask, key))

    async def rate(self, key: int, rating: float | None) -> None:
        """0…10; `None` takes the rating away."""
        await self._write("rating", lambda ask: edits.rate(ask, key, rating))

    async def maintain(self, task: LibraryTask) -> None:
        """Returns once the server has begun."""
        await self._write(f"library {task.value}", lambda ask: edits.maintain(ask, self.section_key, task))

    async def scanning(self) -> bool:
        """Whether a scan of the library goes on."""
        return await self._read("looking at a scan", lambda ask: questions.scanning(ask, self.section_key))

    async def timeline(self, report: Report) -> str | None:
        """Tell Plex what a zone does; the answer is why it should stop, where it should."""
        return await self._call(
            self._reporter, "reporting playback", lambda ask: edits.timeline(ask, report), REPORT_LIMIT
        )

    # -- Plex' own players ---------------------------------------------------------------------------

    async def clients(self) -> list[Object]:
        """Those that the server itself sees in the house."""
        return await self._read("reading the Plex players", questions.clients)

    async def client_play(self, client: str, kind: MediaKind, key: int) -> None:
        """`client` is its name or identifier. Raises NoMatch."""

        def work(ask: _Ask) -> None:
            player = _client(ask, client)
            path = f"/playlists/{key}" if kind is MediaKind.PLAYLIST else f"/library/metadata/{key}"
            player.playMedia(ask.plex.fetchItem(path))

        await self._write(f"playing on the Plex player '{client}'", work)

    async def client_command(self, client: str, command: str, value: float | None = None) -> None:
        """play, pause, stop, next, previous, seek (s), volume (0…100). Raises BadPayload and NoMatch."""
        if command not in _CLIENT_COMMANDS:
            raise BadPayload(f"a Plex player takes {', '.join(_CLIENT_COMMANDS)}, not '{command}'")
        if command in {"seek", "volume"} and value is None:
            raise BadPayload(f"'{command}' needs a value")

        def work(ask: _Ask) -> None:
            player = _client(ask, client)
            match command, value:
                case "seek", float() | int():
                    player.seekTo(round(value * 1000), "music")
                case "volume", float() | int():
                    player.setVolume(round(value), "music")
                case "next", _:
                    player.skipNext("music")
                case "previous", _:
                    player.skipPrevious("music")
                case _:
                    getattr(player, command)("music")

        await self._write(f"'{command}' for the Plex player '{client}'", work)

    # -- calls ---------------------------------------------------------------------------------------

    async def _read(self, what: str, work: Callable[[_Ask], T]) -> T:
        return await self._call(self._readers, what, work, READ_LIMIT)

    async def _write(self, what: str, work: Callable[[_Ask], T]) -> T:
        return await self._call(self._writer, what, work, WRITE_LIMIT)

    async def _call(self, threads: Threads[_Ask], what: str, work: Callable[[_Ask], T], limit: float) -> T:
        def guarded(ask: _Ask, until: float) -> T:
            ask.session.until, ask.what = until, f"{what} failed"
            return work(ask)

        try:
            return await threads.run(what, limit, guarded)
        except Exception as error:  # noqa: BLE001  # as above, where plexapi does more than ask
            fault = _translated(f"{what} failed", where(self.address), error)
        if isinstance(fault, PlexOffline | PlexUnauthorized | TimedOut):
            self._on_trouble(fault)
        raise fault


def _client(ask: _Ask, wished: str) -> plexapi.client.PlexClient:
    """Spoken to through the server: it keeps our token to itself. Raises NoMatch."""
    root = ask.get("/clients")
    for one in () if root is None else root:
        if wished in {one.get("machineIdentifier"), one.get("name")}:
            player = plexapi.client.PlexClient(server=ask.plex, data=one, initpath="/clients", connect=False)
            player.proxyThroughServer()
            return player
    raise NoMatch(f"the Plex server sees no player '{wished}' at the moment")


def _translated(what: str, address: str, error: Exception) -> SugartalkError:
    """An error that may be shown: without addresses' queries, tokens, or what the server wrote."""
    if isinstance(error, SugartalkError):
        return error
    if type(error) is BadRequest and (status := _STATUS.match(str(error))):
        return _refused(what, address, int(status[1]))
    for kinds, fault, text in _FAULTS:
        if isinstance(error, kinds):
            return fault(f"{what}: {text.format(address)}")
    _log.warning("an answer of the Plex server is not understood", what=what, kind=type(error).__name__)
    return PlexOffline(f"{what}: {address} answers in a way that is not understood")


def _refused(what: str, address: str, status: int) -> SugartalkError:
    if status == requests.codes.forbidden:
        return PlexUnauthorized(
            f"{what}: the Plex server allows that to its owner only, which the token's account is not"
        )
    if status >= _LATER or status == _BUSY:
        return PlexOffline(f"{what}: {address} answers {status}: it starts, is busy, or cannot do it now")
    return BadPayload(f"{what}: {address} answers {status}")


_FAULTS: Final = (
    (
        Unauthorized,
        PlexUnauthorized,
        "{} does not accept the token; sign in again with 'sugartalkd login plex', or correct plex.token",
    ),
    (NotFound, NoMatch, "the Plex server does not have it (any more)"),
    (PlexUnsupported, Unsupported, "Plex does not offer that"),
    (BadRequest, BadPayload, "Plex does not take that"),
    (
        requests.exceptions.SSLError,
        PlexOffline,
        "no secure connection to {}: its certificate is for another name, or it speaks http only",
    ),
    (requests.ConnectTimeout, PlexOffline, "{} does not answer a connection attempt"),
    (requests.Timeout, TimedOut, "the Plex server at {} did not answer in time"),
    (
        (requests.RequestException, OSError),
        PlexOffline,
        "{} refuses or drops the connection; is the server running?",
    ),
    (ParseError, PlexOffline, "what {} answers is cut off, or is no XML"),
)
"""The first that fits (plex.md 1.7)."""
