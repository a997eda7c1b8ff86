"""The HEOS account that the system is signed in with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from pyheos import CommandFailedError, Credentials, const

from sugartalkd import retry
from sugartalkd.errors import BadPayload, HeosFailed, HeosOffline, SugartalkError, TimedOut
from sugartalkd.heos.connection import Moved, NoReply, Refused, Unreachable
from sugartalkd.heos.events import patiently
from sugartalkd.heos.translate import text, unfit
from sugartalkd.log import get_logger, mask_also

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyheos import Heos

    from sugartalkd.heos.connection import CommandConnection

T = TypeVar("T")

_log = get_logger(__name__)

SIGNED_OUT: Final = "signed_out"
AGAIN: Final = (2.0, 5.0, 10.0, 30.0)
"""Seconds before the next attempt to sign in after one that was not refused; the last one repeats.

After a power cut the device is up before the vendor's cloud can be reached (home-assistant/core issue 50538).
"""
SHORTEST_MASKED: Final = 4
"""Characters: hiding each "a" of every line, because somebody tried that password, would hide too much."""

_WRONG: Final = frozenset({const.ERROR_INVALID_CREDNETIALS, const.ERROR_USER_NOT_FOUND})
_NO_CLOUD: Final = -2001


class Account:
    """Who is signed in, and with what to sign in again.

    `connect` makes a connection for one command that may take long; `changed` is told of each change.
    """

    def __init__(
        self,
        credentials: Credentials | None,
        connect: Callable[[], CommandConnection],
        changed: Callable[[], None],
    ) -> None:
        self._credentials = credentials
        self._connect = connect
        self._changed = changed
        self._settled = asyncio.Event()
        self._turn = asyncio.Lock()
        """One at a time: an old account that is still signing in must not end up as the last one."""
        self.name: str | None = None
        """The account's name, `signed_out`, or `None` while unknown."""

    def heard(self, name: str | None) -> None:
        """The device says who is signed in; nobody if `None`."""
        self._set(text(name) or SIGNED_OUT)

    def lost(self) -> None:
        """The device is away."""
        self._set(None)

    async def settled(self) -> None:
        """Return once it is known whether somebody is signed in."""
        await self._settled.wait()

    async def restore(self) -> None:
        """Sign in again on a new session, until that worked or was refused; or ask who is signed in.

        The account is a courtesy: whatever goes wrong with it, the house goes on.
        """
        tries = 0
        while True:
            async with self._turn:
                if await self._enter_again():
                    return
            await asyncio.sleep(retry.after(tries, AGAIN))
            if self.name not in {None, SIGNED_OUT}:
                return  # somebody signed in meanwhile
            tries += 1

    async def _enter_again(self) -> bool:
        """One attempt; whether there is nothing more to try."""
        credentials = self._credentials
        try:
            self.heard(await self._ask(lambda heos: _enter(heos, credentials), "the account"))
        except SugartalkError as error:
            if self.name is None:  # else an event has told more
                self._set(SIGNED_OUT)
            if credentials is not None:
                _log.warning("the HEOS account is not signed in", error=str(error))
            return isinstance(error, Refused) and error.eid in _WRONG
        return True

    async def sign_in(self, username: str, password: str) -> None:
        """From now on this account is used. Raises BadPayload, HeosFailed, HeosOffline or TimedOut."""
        if not username or not password or unfit(username) or unfit(password):
            raise BadPayload("username and password are needed, without control characters")
        if len(password) >= SHORTEST_MASKED:
            mask_also(password)
        credentials = Credentials(username, password)
        async with self._turn:
            name = await self._ask(lambda heos: _enter(heos, credentials), "signing in")
            self._credentials = credentials
            self.heard(name)

    async def sign_out(self) -> None:
        """From now on no account is used. Raises HeosFailed, HeosOffline or TimedOut."""
        async with self._turn:
            try:
                await self._ask(lambda heos: heos.sign_out(), "signing out")
            except Refused as error:
                if error.eid != const.ERROR_USER_NOT_LOGGED_IN:
                    raise
            self._credentials = None
            self.heard(None)

    def _set(self, name: str | None) -> None:
        if name is None:
            self._settled.clear()
        else:
            self._settled.set()
        if name != self.name:
            self.name = name
            self._changed()

    async def _ask(self, question: Callable[[Heos], Awaitable[T]], what: str) -> T:
        """Over a connection of its own. No error of it holds a password: neither does the device's text."""
        connection = self._connect()
        try:
            return await connection.call(lambda heos: _patient(question, heos))
        except CommandFailedError as error:
            raise Refused(_refusal(what, error), error.error_id) from None
        except NoReply as error:
            raise TimedOut(f"the HEOS system did not answer {what}: {error}") from None
        except (Unreachable, Moved) as error:
            raise HeosOffline(f"the HEOS system cannot be asked about {what}: {error}") from None
        except HeosFailed as error:
            raise HeosFailed(str(error)) from None
        finally:
            connection.close()


def _refusal(what: str, error: CommandFailedError) -> str:
    reason = f"{error.error_text} (eid {error.error_id})"
    if error.error_id in _WRONG:
        return f"{what} was refused: wrong user name or password; {reason}"
    if error.error_id == _NO_CLOUD:
        return f"{what} failed: the device cannot reach the vendor's servers; {reason}"
    return f"{what} was refused: {reason}"


async def _enter(heos: Heos, credentials: Credentials | None) -> str | None:
    if credentials is None:
        return await heos.check_account()
    return await heos.sign_in(credentials.username, credentials.password)


async def _patient(question: Callable[[Heos], Awaitable[T]], heos: Heos) -> T:
    answers: list[T] = []

    async def once() -> None:
        answers.append(await question(heos))

    await patiently(once)
    return answers[-1]
