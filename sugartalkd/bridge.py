"""What the bridge answers: about itself at once, about the HEOS system when that has answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, assert_never

from sugartalkd import log
from sugartalkd.aside import Aside
from sugartalkd.command import (
    BridgeCommand,
    DeskCommand,
    ForgetZone,
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
    Ping,
    Restart,
    SetConfig,
    SetLogLevel,
)
from sugartalkd.config import ConfigurationFault, changed, load, masked, save_settings
from sugartalkd.errors import (
    BadPayload,
    Busy,
    Expired,
    Internal,
    SugartalkError,
    TimedOut,
    UnknownZone,
    Unsupported,
)
from sugartalkd.log import get_logger
from sugartalkd.topics.item import page_json
from sugartalkd.zone.outcome import Outcome

if TYPE_CHECKING:
    from sugartalkd.config import Loaded
    from sugartalkd.model import Object, Page, ZoneId
    from sugartalkd.roster import Roster
    from sugartalkd.zone.outcome import Answer

_log = get_logger(__name__)

REQUEST_LIMIT: Final = 30.0
"""Seconds that a request to a device may take (contract 5: browse)."""
WAITING_LIMIT: Final = 16
"""Requests that may wait for devices at once."""


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


class Household(Protocol):
    """What the desk needs of the daemon."""

    @property
    def loaded(self) -> Loaded: ...
    @property
    def roster(self) -> Roster: ...
    @property
    def heos(self) -> HeosSystem | None: ...
    def apply(self, loaded: Loaded) -> None: ...
    def forget_zone(self, zone: ZoneId) -> bool: ...
    def restart(self) -> None: ...


class Desk:
    """Takes every request to the bridge; `run` ends what still waits for a device when it is cancelled."""

    def __init__(self, household: Household) -> None:
        self._household = household
        self._beside = Aside()
        self._waiting = 0
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
        if self._ended:
            raise Expired("the daemon is ending; nothing new is begun")
        if heos is None:
            raise Unsupported("no HEOS system is configured; add a heos section to the configuration")
        if self._waiting >= WAITING_LIMIT:
            raise Busy(f"{WAITING_LIMIT} requests wait for the HEOS system already; send fewer at a time")
        self._waiting += 1
        outcome = Outcome(error=TimedOut("the daemon ended before the HEOS system had answered"))

        async def see_through() -> None:
            nonlocal outcome
            outcome = await _outcome(command, heos)

        def ended(_task: asyncio.Task[None]) -> None:
            self._waiting -= 1
            answer(outcome)

        self._beside.start(see_through(), "heos request").add_done_callback(ended)


async def _outcome(command: HeosRequest, heos: HeosSystem) -> Outcome:
    """Every way in which a request can fail becomes an outcome."""
    try:
        async with asyncio.timeout(REQUEST_LIMIT):
            return Outcome(await _heos(command, heos))
    except SugartalkError as failure:
        return Outcome(error=failure)
    except TimeoutError:
        return Outcome(error=TimedOut(f"the HEOS system did not answer within {REQUEST_LIMIT:g} s"))
    except Exception:  # noqa: BLE001  # the edge: a fault of ours is answered as well
        _log.exception("a request failed inside the daemon", request=type(command).__name__)
        return Outcome(error=Internal("the request failed inside the daemon; its log says where"))


async def _heos(command: HeosRequest, heos: HeosSystem) -> Object:
    match command:
        case HeosSources():
            return page_json(await heos.sources())
        case HeosBrowse(source, container, limit, offset):
            return page_json(await heos.browse(source, container, limit, offset))
        case HeosSearch(source, query, criteria, limit, offset):
            return page_json(await heos.search(source, query, criteria, limit, offset))
        case HeosFavorites(limit, offset):
            return page_json(await heos.favorites(limit, offset))
        case HeosPlaylists(limit, offset):
            return page_json(await heos.playlists(limit, offset))
        case HeosSignIn(username, password):
            await heos.sign_in(username, password.reveal)
        case HeosSignOut():
            await heos.sign_out()
        case HeosReboot():
            await heos.reboot()
        case _:
            assert_never(command)
    return {}
