"""What the bridge answers: about itself at once, about HEOS and Plex when these have answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, assert_never

from sugartalkd import log
from sugartalkd.aside import Aside
from sugartalkd.asking import REQUEST_LIMIT, Asking
from sugartalkd.command import (
    BridgeCommand,
    DeskCommand,
    ForgetZone,
    GetArtwork,
    GetConfig,
    HeosBrowse,
    HeosFavorites,
    HeosPlaylists,
    HeosReboot,
    HeosRequest,
    HeosSearch,
    HeosSignIn,
    HeosSignOut,
    HeosSources,
    LibraryTask,
    Ping,
    PlexAddToPlaylist,
    PlexBrowse,
    PlexClientCommand,
    PlexClientPlay,
    PlexClients,
    PlexCreatePlaylist,
    PlexDeletePlaylist,
    PlexItem,
    PlexLogin,
    PlexMaintain,
    PlexPlaylists,
    PlexRate,
    PlexRemoveFromPlaylist,
    PlexRequest,
    PlexSearch,
    PlexSync,
    Restart,
    SetConfig,
    SetLogLevel,
    Wished,
)
from sugartalkd.config import ConfigurationFault, changed, load, masked, save_settings
from sugartalkd.errors import BadPayload, Expired, Internal, UnknownZone, Unsupported
from sugartalkd.topics.item import item_json, page_json
from sugartalkd.zone.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sugartalkd.config import Loaded
    from sugartalkd.model import Artwork, Item, Object, Page, ZoneId
    from sugartalkd.roster import Roster
    from sugartalkd.zone.outcome import Answer

_SLOW: Final = (PlexSync, PlexMaintain)
"""Answered at their end, however late that is (contract 5)."""


class HeosSystem(Protocol):
    """What the desk asks of the HEOS system."""

    async def sources(self) -> Page: ...
    async def browse(self, source: str | None, container: str | None, limit: int, offset: int) -> Page: ...
    async def search(
        self, source: str, query: str, criteria: str | None, limit: int, offset: int
    ) -> Page: ...
    async def favorites(self, limit: int, offset: int) -> Page: ...
    async def playlists(self, limit: int, offset: int) -> Page: ...
    async def sign_in(self, username: str, password: str) -> None: ...
    async def sign_out(self) -> None: ...
    async def reboot(self) -> None: ...


class PlexSystem(Protocol):
    """What the desk asks of the Plex server and its library."""

    async def search(self, wished: Wished, limit: int, offset: int) -> Page: ...
    async def browse(self, media_id: str | None, limit: int, offset: int) -> Page: ...
    async def item(self, media_id: str) -> Object: ...
    async def rate(self, media_id: str, rating: float | None) -> None: ...
    async def playlists(self, limit: int, offset: int) -> Page: ...
    async def create_playlist(self, name: str, items: Sequence[str]) -> Item: ...
    async def add_to_playlist(self, media_id: str, items: Sequence[str]) -> Item: ...
    async def remove_from_playlist(self, media_id: str, items: Sequence[str]) -> Item: ...
    async def delete_playlist(self, media_id: str) -> None: ...
    async def maintain(self, task: LibraryTask) -> None: ...
    async def sync(self) -> Object: ...
    async def clients(self) -> list[Object]: ...
    async def client_play(self, client: str, media_id: str) -> None: ...
    async def client_command(self, client: str, command: str, value: float | None) -> None: ...
    async def login(self) -> Object: ...
    async def artwork(self, artwork_id: str) -> Artwork: ...


class Household(Protocol):
    """What the desk needs of the daemon."""

    @property
    def loaded(self) -> Loaded: ...
    @property
    def roster(self) -> Roster: ...
    @property
    def heos(self) -> HeosSystem | None: ...
    @property
    def plex(self) -> PlexSystem | None: ...
    def apply(self, loaded: Loaded) -> None: ...
    def forget_zone(self, zone: ZoneId) -> bool: ...
    def restart(self) -> None: ...


class Desk:
    """Takes every request to the bridge; `run` ends what still waits for a device when it is cancelled."""

    def __init__(self, household: Household) -> None:
        self._household = household
        self._beside = Aside()
        self._asking_heos = Asking("HEOS system", self._beside)
        self._asking_plex = Asking("Plex server", self._beside)
        self._ended = False

    async def run(self) -> None:
        """Wait for the end, then see to it that every request has its answer."""
        self._ended = False
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._ended = True
            await self._beside.end()

    def submit(self, command: BridgeCommand, answer: Answer) -> None:
        """Carry out a request and answer it. Raises the named refusals of errors.py."""
        if isinstance(command, HeosRequest):
            self._ask_heos(command, answer)
            return
        if isinstance(command, PlexRequest):
            self._ask_plex(command, answer)
            return
        answer(Outcome(self._carry_out(command)))
        if isinstance(command, Restart):
            self._household.restart()

    # -- at once -------------------------------------------------------------------------------------

    def _carry_out(self, command: DeskCommand) -> Object:
        match command:
            case Ping():
                return {"pong": True}
            case SetLogLevel(level):
                log.set_level(level)
                return {"level": level}
            case Restart():
                return self._check_restart()
            case GetConfig():
                return masked(self._household.loaded.config)
            case SetConfig(changes):
                return self._set_config(dict(changes))
            case ForgetZone(zone):
                return self._forget(zone)
            case _:
                assert_never(command)

    def _check_restart(self) -> Object:
        """A daemon that ends over a mistake in its file would be gone for good."""
        loaded = self._household.loaded
        try:
            load(loaded.path, loaded.environ)
        except ConfigurationFault as fault:
            raise BadPayload(f"not restarted, the configuration has faults: {fault}") from fault
        return {}

    def _set_config(self, changes: dict[str, object]) -> Object:
        try:
            loaded = changed(self._household.loaded, changes)
        except ConfigurationFault as fault:
            raise BadPayload(f"nothing was changed: {fault}") from fault
        try:
            save_settings(loaded.state_folder, loaded.settings)
        except OSError as error:
            raise Internal(
                f"settings.yaml cannot be written, so nothing was changed: {error.strerror}"
            ) from error
        self._household.apply(loaded)
        return {"changed": [*sorted(changes)]}

    def _forget(self, zone: ZoneId) -> Object:
        if zone not in {one.id for one in self._household.roster.zones()}:
            raise UnknownZone(f"there is no zone {zone!r}")
        if not self._household.forget_zone(zone):
            raise Unsupported(f"{zone} is in the configuration; take it out there")
        return {"zone": zone}

    # -- when a device has answered --------------------------------------------------------------------

    def _ask_heos(self, command: HeosRequest, answer: Answer) -> None:
        heos = self._household.heos
        self._check_not_ended()
        if heos is None:
            raise Unsupported("no HEOS system is configured; add a heos section to the configuration")
        self._asking_heos.check()
        self._asking_heos.submit(_heos(command, heos), answer, type(command).__name__, REQUEST_LIMIT)

    def _ask_plex(self, command: PlexRequest, answer: Answer) -> None:
        plex = self._household.plex
        self._check_not_ended()
        if plex is None:
            raise Unsupported("no Plex server is configured; add a plex section to the configuration")
        self._asking_plex.check()
        limit = None if isinstance(command, _SLOW) else REQUEST_LIMIT
        self._asking_plex.submit(_plex(command, plex), answer, type(command).__name__, limit)

    def _check_not_ended(self) -> None:
        if self._ended:
            raise Expired("the daemon is ending; nothing new is begun")


async def _heos(command: HeosRequest, heos: HeosSystem) -> Outcome:
    match command:
        case HeosSources():
            return Outcome(page_json(await heos.sources()))
        case HeosBrowse(source, container, limit, offset):
            return Outcome(page_json(await heos.browse(source, container, limit, offset)))
        case HeosSearch(source, query, criteria, limit, offset):
            return Outcome(page_json(await heos.search(source, query, criteria, limit, offset)))
        case HeosFavorites(limit, offset):
            return Outcome(page_json(await heos.favorites(limit, offset)))
        case HeosPlaylists(limit, offset):
            return Outcome(page_json(await heos.playlists(limit, offset)))
        case HeosSignIn(username, password):
            await heos.sign_in(username, password.reveal)
        case HeosSignOut():
            await heos.sign_out()
        case HeosReboot():
            await heos.reboot()
        case _:
            assert_never(command)
    return Outcome()


async def _plex(command: PlexRequest, plex: PlexSystem) -> Outcome:  # noqa: C901, PLR0911, PLR0912  # flat, over a closed union
    match command:
        case PlexSearch(wished, limit, offset):
            return Outcome(page_json(await plex.search(wished, limit, offset)))
        case PlexBrowse(media_id, limit, offset):
            return Outcome(page_json(await plex.browse(media_id, limit, offset)))
        case PlexItem(media_id):
            return Outcome(await plex.item(media_id))
        case PlexRate(media_id, rating):
            await plex.rate(media_id, rating)
        case PlexPlaylists(limit, offset):
            return Outcome(page_json(await plex.playlists(limit, offset)))
        case PlexCreatePlaylist(name, items):
            return Outcome(item_json(await plex.create_playlist(name, items)))
        case PlexAddToPlaylist(media_id, items):
            return Outcome(item_json(await plex.add_to_playlist(media_id, items)))
        case PlexRemoveFromPlaylist(media_id, items):
            return Outcome(item_json(await plex.remove_from_playlist(media_id, items)))
        case PlexDeletePlaylist(media_id):
            await plex.delete_playlist(media_id)
        case PlexMaintain(task):
            await plex.maintain(task)
        case PlexSync():
            return Outcome(await plex.sync())
        case PlexClients():
            return Outcome({"items": [*await plex.clients()]})
        case PlexClientPlay(client, media_id):
            await plex.client_play(client, media_id)
        case PlexClientCommand(client, name, value):
            await plex.client_command(client, name, value)
        case PlexLogin():
            return Outcome(await plex.login())
        case GetArtwork(artwork_id):
            return Outcome(artwork=await plex.artwork(artwork_id))
        case _:
            assert_never(command)
    return Outcome()
