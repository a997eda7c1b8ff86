"""Signing in at plex.tv: a code is shown, somebody types it there, and the token is kept."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sugartalkd.errors import NoMatch, PlexOffline, SugartalkError, TimedOut
from sugartalkd.plex import credentials
from sugartalkd.plex.account import LINK, PLEX_TV, Account
from sugartalkd.plex.identity import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sugartalkd.command import SecretText
    from sugartalkd.model import Object
    from sugartalkd.plex.account import Pin

POLL: Final = 2.0
"""Seconds between two questions whether the code was typed; plex.tv refuses those who ask faster."""
SLOWEST_POLL: Final = 16.0
TURNS_PER_LINE: Final = 15


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sign-in ended: `ok`, `expired` or `failed`, as the event says it."""

    status: str
    error: str | None = None
    servers: tuple[str, ...] = ()
    """Those that the account may use, by name."""

    def event(self) -> Object:
        content: Object = {"status": self.status}
        if self.error is not None:
            content["error"] = self.error
        if self.status == "ok":
            content["servers"] = list(self.servers)
        return content


class SignIn:
    """One sign-in at a time."""

    def __init__(self, account: Account, folder: Path, poll: float | None = None) -> None:
        self._account = account
        self._folder = folder
        self._poll = POLL if poll is None else poll

    async def begin(self) -> Pin:
        """Get a code. Raises PlexOffline, TimedOut and others."""
        return await asyncio.to_thread(self._account.pin)

    async def finish(self, pin: Pin, waiting: Callable[[], None] = lambda: None) -> Outcome:
        """Wait until the code was typed or is not valid any more, and store the token."""
        try:
            token = await self._token(pin, waiting)
        except SugartalkError as error:
            return Outcome("failed", str(error))
        if token is None:
            return Outcome("expired", f"nobody typed the code at {LINK} in time")
        try:
            await asyncio.to_thread(credentials.store_token, self._folder, token)
        except OSError as error:
            return Outcome("failed", f"the token cannot be stored in {self._folder}: {error.strerror}")
        try:
            servers = await asyncio.to_thread(self._account.servers, token)
        except SugartalkError:
            return Outcome("ok")  # the token is good; what it opens is found out when it is used
        return Outcome("ok", servers=tuple(one.name for one in servers))

    async def _token(self, pin: Pin, waiting: Callable[[], None]) -> SecretText | None:
        pause = self._poll
        while time.time() + pause < pin.expires_at:
            await asyncio.sleep(pause)
            waiting()
            try:
                token = await asyncio.to_thread(self._account.token, pin)
            except NoMatch:
                return None
            except (PlexOffline, TimedOut):  # or asked too often
                pause = min(2 * pause, SLOWEST_POLL)
                continue
            if token is not None:
                return token
        return None


def shown(pin: Pin) -> Object:
    """What the user is told."""
    expires = datetime.fromtimestamp(int(pin.expires_at), UTC)
    return {"code": pin.code, "link": LINK, "expires_at": expires.isoformat().replace("+00:00", "Z")}


async def sign_in(
    folder: Path, say: Callable[[str], None], *, origin: str = PLEX_TV, poll: float | None = None
) -> bool:
    """`sugartalkd login plex`: the whole of it, told line by line; whether there is a token now."""
    work = SignIn(Account(load(folder), origin), folder, poll)
    try:
        pin = await work.begin()
    except SugartalkError as error:
        say(f"plex.tv gave no code to sign in with: {error}")
        return False
    minutes = max(1, round((pin.expires_at - time.time()) / 60))
    say(f"open {LINK} in a browser, sign in to Plex, and type this code:")
    say(f"\n    {pin.code}\n")
    say(f"waiting for it (the code is good for {minutes} min; Ctrl-C gives up) …")
    turns = 0

    def waiting() -> None:
        nonlocal turns
        turns += 1
        if turns % TURNS_PER_LINE == 0:
            say(f"  still waiting, {max(0, round(pin.expires_at - time.time()))} s left …")

    outcome = await work.finish(pin, waiting)
    if outcome.status != "ok":
        say(f"not signed in: {outcome.error}")
        return False
    say(f"signed in; the token is stored in {folder / credentials.TOKEN}, readable by you only")
    if outcome.servers:
        say(f"servers of this account: {', '.join(outcome.servers)}")
        say(f'to use one, write into config.yaml:  plex: {{server: "{outcome.servers[0]}"}}')
    else:
        say("this account sees no server at the moment")
    return True
