"""The connection to the Plex server: made, watched, and made again; what else needs Plex asks here."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Final

from sugartalkd.aside import Aside
from sugartalkd.errors import NoMatch, PlexOffline, PlexUnauthorized, SugartalkError
from sugartalkd.log import get_logger
from sugartalkd.model import PLEX_LINK, LinkWord
from sugartalkd.plex.account import PLEX_TV, Account
from sugartalkd.plex.changes import Source
from sugartalkd.plex.http import where
from sugartalkd.plex.keeper import Keeper
from sugartalkd.plex.login import SignIn, shown
from sugartalkd.plex.place import Finder
from sugartalkd.retry import Pause, Retry
from sugartalkd.state import LinkBook, now

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sugartalkd.config import PlexConfig
    from sugartalkd.library import Library
    from sugartalkd.model import Object
    from sugartalkd.plex.account import Pin
    from sugartalkd.plex.identity import Identity
    from sugartalkd.plex.server import Server
    from sugartalkd.plex.watch import Watch
    from sugartalkd.state import StateStore

_log = get_logger(__name__)

SHORTEST_PAUSE: Final = 0.5
UNAUTHORIZED_PAUSE: Final = 60.0
UNKNOWN_PAUSE: Final = 30.0
"""Seconds before a library or server that does not exist is looked for again."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    error: SugartalkError
    online_for: float | None = None
    """Seconds; `None` if it never was."""


def load_libraries() -> None:
    """Import plexapi and aiohttp: 30 MB and half a second, which only Plex needs.

    Done before an event loop runs it stalls none; in a thread beside one it does, by 50 ms.
    """
    import_module("sugartalkd.plex.server")
    import_module("sugartalkd.plex.watch")


class PlexLink:
    """Keeps one Plex server connected, and its library's index true, for as long as `run` runs."""

    def __init__(
        self,
        config: PlexConfig,
        store: StateStore,
        folder: Path,
        *,
        identity: Identity,
        on_event: Callable[[str, Object], None],
        plex_tv: str = PLEX_TV,
    ) -> None:
        self._store = store
        self._identity = identity
        self._on_event = on_event
        account = Account(identity, plex_tv)
        self._finder = Finder(config, folder, account)
        self._sign_in = SignIn(account, folder)
        self._pin: Pin | None = None
        self._signing_in = asyncio.Lock()
        self._wished = config.library if "library" in config.model_fields_set else None
        self._keeper = Keeper(folder, on_event, self.trouble)
        self._aside = Aside()
        self._server: Server | None = None
        self._why: SugartalkError = PlexOffline("the Plex server has not answered yet")
        self._retry_now = asyncio.Event()
        self._watch: Watch | None = None
        self._online_at: float | None = None
        if (
            (known := self._finder.place()) is not None
            and known.section_uuid
            and known.section_wished == config.library
        ):
            self._keeper.open(known.machine_id, known.section_uuid)

    @property
    def server(self) -> Server:
        """Raises PlexOffline or PlexUnauthorized while there is none."""
        if self._server is None:
            raise _unavailable(self._why)
        return self._server

    @property
    def library(self) -> Library:
        """The index, whether or not the server answers."""
        return self._keeper.library

    async def key_of(self, guid: str) -> int | None:
        """The key that a recording has now; the server is asked, the index may not have heard of it yet."""
        found = await self.server.by_guid(guid)
        return found[0].key if found else None

    async def sync(self) -> Object:
        """Read the whole library anew; ends when that is done. Raises as `server` does."""
        _ = self.server
        return await self._keeper.read_through()

    async def login(self) -> Object:
        """Begin to sign in at plex.tv; the outcome comes as the event `plex_login`."""
        async with self._signing_in:
            if self._pin is None:
                self._pin = await self._sign_in.begin()
                self._aside.start(self._finish_login(self._pin), "signing in to Plex")
            return shown(self._pin)

    async def run(self) -> None:
        """Connect, watch, and connect again, until cancelled."""
        loop = asyncio.get_running_loop()
        known = await asyncio.to_thread(self._finder.place)
        book = LinkBook(self._store, PLEX_LINK, None if known is None else where(known.address))
        retry = Retry(SHORTEST_PAUSE, loop.time())
        try:
            while True:
                self._retry_now.clear()
                book.connecting()
                outcome = await self._attempt(book)
                self._why = outcome.error
                if outcome.online_for is not None:
                    retry.lost(loop.time(), outcome.online_for)
                again = await asyncio.to_thread(self._finder.failed, outcome.error)
                pause = retry.pause(loop.time())
                if isinstance(outcome.error, PlexUnauthorized):
                    pause = Pause(SHORTEST_PAUSE if again else UNAUTHORIZED_PAUSE, at_once=again)
                elif isinstance(outcome.error, NoMatch):
                    pause = Pause(UNKNOWN_PAUSE, at_once=False)
                await self._rest(book, outcome, pause)
        finally:
            self._server, self._why = None, PlexOffline("the daemon lets go of the Plex server")
            book.close()
            await self._aside.end()
            await self._keeper.end()

    # -- one attempt ---------------------------------------------------------------------------------

    async def _attempt(self, book: LinkBook) -> _Outcome:
        server: Server | None = None
        error: SugartalkError = PlexOffline("the session has ended")
        try:
            server = await self._connect(book)
            self._online_at = asyncio.get_running_loop().time()
            await self._live(server, book)
        except* SugartalkError as group:
            error = _first(group)
        finally:
            self._server = self._watch = None
            if server is not None:
                server.close()
        if self._online_at is None:
            return _Outcome(error)
        online_for = asyncio.get_running_loop().time() - self._online_at
        self._online_at = None
        _log.warning("the Plex server is lost", reason=str(error))
        return _Outcome(error, online_for)

    async def _connect(self, book: LinkBook) -> Server:
        await asyncio.to_thread(load_libraries)
        from sugartalkd.plex.server import Server  # noqa: PLC0415  # as above

        way = await asyncio.to_thread(self._finder.way)
        book.connecting(where(way.address))
        server = Server(way.address, way.token, self._identity, self.trouble)
        try:
            await server.connect(self._wished)
            await asyncio.to_thread(self._finder.accept, way, server.machine_id, server.section_uuid)
        except BaseException as error:
            server.close()
            if isinstance(error, PlexUnauthorized) and way.token is None:
                raise PlexUnauthorized(
                    f"{where(way.address)} wants a token and there is none: sign in with "
                    "'sugartalkd login plex', "
                    "or set plex.token"
                ) from None
            raise
        return server

    async def _live(self, server: Server, book: LinkBook) -> None:
        """Until the session is over, which is told by an error."""
        from sugartalkd.plex.watch import Watch  # noqa: PLC0415  # loaded by now

        source = Source(
            server.address, server.headers, server.section_key, server.section_uuid, server.machine_id
        )
        self._watch = Watch(
            server.address, server.headers, server.machine_id, server.section_key,
            on_heard=self._keeper.hear, on_latency=book.latency,
        )  # fmt: skip
        self._server = server
        book.online()
        _log.info("Plex server", name=server.name, version=server.version, library=server.section_title)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch.run(), name="plex watch")
            group.create_task(self._keeper.serve(source), name="plex library")

    def trouble(self, error: SugartalkError) -> None:
        """Something asked the server and failed: whether that concerns the whole link is looked at."""
        if self._watch is not None:
            self._watch.trouble(error)

    # -- between attempts ----------------------------------------------------------------------------

    async def _rest(self, book: LinkBook, outcome: _Outcome, pause: Pause) -> None:
        """Say why there is no session, and wait."""
        error = outcome.error
        if pause.at_once:
            if outcome.online_for is not None:
                book.lost(str(error))
        else:
            word = LinkWord.UNAUTHORIZED if isinstance(error, PlexUnauthorized) else LinkWord.OFFLINE
            if book.word is not word:
                _log.warning("no session with the Plex server", reason=str(error))
            book.down(word, str(error), now() + timedelta(seconds=pause.seconds))
        with suppress(TimeoutError):
            async with asyncio.timeout(pause.seconds):
                await self._retry_now.wait()

    async def _finish_login(self, pin: Pin) -> None:
        try:
            outcome = await self._sign_in.finish(pin)
        finally:
            self._pin = None
        self._on_event("plex_login", outcome.event())
        if outcome.status != "ok":
            return
        self._retry_now.set()
        if self._watch is not None:
            self._watch.end(PlexOffline("there is a new token"))


def _unavailable(error: SugartalkError) -> SugartalkError:
    """What those hear who need the server while there is none."""
    if isinstance(error, PlexUnauthorized):
        return PlexUnauthorized(str(error))
    return PlexOffline(str(error))


def _first(group: BaseExceptionGroup[SugartalkError]) -> SugartalkError:
    for one in group.exceptions:
        return _first(one) if isinstance(one, BaseExceptionGroup) else one
    raise group
