"""Watches a session with the Plex server: whether it answers, is the same, and still takes the token."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import aiohttp

from sugartalkd.errors import PlexOffline, PlexUnauthorized, TimedOut
from sugartalkd.plex.http import where
from sugartalkd.plex.notifications import Notifications

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sugartalkd.errors import SugartalkError
    from sugartalkd.plex.notifications import Heard

PROBE: Final = 8.0
"""Seconds between two probes."""
PROBE_LIMIT: Final = 4.5
SPACING: Final = 1.0
"""Seconds between two probes that failed calls ask for."""
SILENT_TURNS: Final = 2
"""So many probes in a row without an answer end the session: one packet may get lost."""
_OK, _UNAUTHORIZED = 200, 401


class Watch:
    """One session. What concerns it and was noticed by others comes in by `trouble`."""

    def __init__(
        self,
        address: str,
        headers: Mapping[str, str],
        machine_id: str,
        section: str,
        *,
        on_heard: Callable[[Heard], None],
        on_latency: Callable[[float], None],
    ) -> None:
        self._address = address
        self._headers = dict(headers)
        self._machine_id = machine_id
        self._section = section
        self._on_heard = on_heard
        self._on_latency = on_latency
        self._look = asyncio.Event()
        self._doubt_token = False
        self._ended: SugartalkError | None = None

    def trouble(self, error: SugartalkError) -> None:
        """A call failed: look at once whether that concerns everything."""
        self._doubt_token = self._doubt_token or isinstance(error, PlexUnauthorized)
        self._look.set()

    def end(self, why: SugartalkError) -> None:
        """The session has to be made anew."""
        self._ended = why
        self._look.set()

    async def run(self) -> None:
        """Until the session is over. Raises PlexOffline, PlexUnauthorized or TimedOut, which say why."""
        limits = aiohttp.ClientTimeout(total=PROBE_LIMIT)
        async with (
            aiohttp.ClientSession(timeout=limits, trust_env=False) as http,
            asyncio.TaskGroup() as group,
        ):
            notifications = Notifications(
                http, self._address, self._headers, self._section,
                on_heard=self._on_heard, on_trouble=self.trouble,
            )  # fmt: skip
            group.create_task(notifications.run(), name="plex notifications")
            group.create_task(self._keep_probing(http), name="plex probe")

    async def _keep_probing(self, http: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        silent = 0
        while True:
            self._look.clear()
            if self._ended is not None:
                raise self._ended
            began = loop.time()
            try:
                await self._probe(http)
            except TimedOut:
                silent += 1
                if silent >= SILENT_TURNS:
                    raise
                continue
            silent = 0
            self._on_latency((loop.time() - began) * 1000)
            if self._doubt_token:
                self._doubt_token = False
                await self._check_token(http)
            await asyncio.sleep(SPACING)
            with suppress(TimeoutError):
                async with asyncio.timeout(PROBE - SPACING):
                    await self._look.wait()

    async def _probe(self, http: aiohttp.ClientSession) -> None:
        status, found = await self._ask(http, "/identity", {"Accept": "application/json"})
        if status == _UNAUTHORIZED:
            raise PlexUnauthorized(f"{where(self._address)} does not let this daemon in any more")
        if status != _OK:
            raise PlexOffline(
                f"{where(self._address)} answers {status}: it starts or stops, or is none of Plex"
            )
        if self._machine_id not in found:
            raise PlexOffline(f"another server than before answers at {where(self._address)}")

    async def _check_token(self, http: aiohttp.ClientSession) -> None:
        status, _ = await self._ask(http, "/", self._headers)
        if status == _UNAUTHORIZED:
            raise PlexUnauthorized(f"{where(self._address)} does not accept the token any more")

    async def _ask(
        self, http: aiohttp.ClientSession, path: str, headers: Mapping[str, str]
    ) -> tuple[int, str]:
        try:
            async with http.get(self._address + path, headers=headers, allow_redirects=False) as answer:
                return answer.status, await answer.text(errors="replace")
        except TimeoutError:
            raise TimedOut(f"{where(self._address)} accepts no request within {PROBE_LIMIT:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            why = type(error).__name__
            raise PlexOffline(f"{where(self._address)} refuses or drops the connection ({why})") from None
