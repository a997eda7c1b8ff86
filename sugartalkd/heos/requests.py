"""What the bridge may ask of a HEOS system: its lists, its account, a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pyheos import CommandFailedError

from sugartalkd.errors import HeosFailed, HeosOffline
from sugartalkd.heos.connection import Moved, NoReply, Unreachable

if TYPE_CHECKING:
    from sugartalkd.heos.account import Account
    from sugartalkd.heos.browse import Browser
    from sugartalkd.heos.connection import CommandConnection
    from sugartalkd.model import Page


class System(Protocol):
    """What is needed of the system."""

    @property
    def browser(self) -> Browser: ...
    def check_online(self) -> None: ...
    def own_connection(self, timeout: float | None = None) -> CommandConnection: ...


class Requests:
    """Each ends when the device has answered; Browser and Account tell what is raised."""

    def __init__(self, system: System, account: Account) -> None:
        self._system = system
        self._account = account

    async def sources(self) -> Page:
        return await self._system.browser.sources()

    async def browse(self, source: str | int | None, container: str | None, limit: int, offset: int) -> Page:
        return await self._system.browser.browse(source, container, limit, offset)

    async def search(
        self, source: str | int, query: str, criteria: str | int | None, limit: int, offset: int
    ) -> Page:
        return await self._system.browser.search(source, query, criteria, limit, offset)

    async def favorites(self, limit: int, offset: int) -> Page:
        return await self._system.browser.favorites(limit, offset)

    async def playlists(self, limit: int, offset: int) -> Page:
        return await self._system.browser.playlists(limit, offset)

    async def sign_in(self, username: str, password: str) -> None:
        """Instead of the configured account, for as long as the daemon runs."""
        self._system.check_online()
        await self._account.sign_in(username, password)

    async def sign_out(self) -> None:
        """Also forget with what to sign in again."""
        self._system.check_online()
        await self._account.sign_out()

    async def reboot(self) -> None:
        """Restart the device that the session is with. Raises HeosFailed or HeosOffline."""
        self._system.check_online()
        connection = self._system.own_connection()
        try:
            await connection.call(lambda heos: heos.reboot())
        except CommandFailedError as error:
            raise HeosFailed(f"the HEOS device refused to restart: {error}") from None
        except (NoReply, Unreachable, Moved) as error:
            raise HeosOffline(f"the HEOS device could not be told to restart: {error}") from None
        finally:
            connection.close()
