"""`sugartalkd simulate plex`: the server by itself, with fault switches typed at it."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING

from sugartalkd.simulator.console import Console
from sugartalkd.simulator.plex import TOKEN, PlexSimulator
from sugartalkd.simulator.plex_library import SimTrack

if TYPE_CHECKING:
    from sugartalkd.simulator.console import Value


class Actions:
    """What may happen once, in words that a terminal's line can hold."""

    def __init__(self, simulator: PlexSimulator) -> None:
        self._simulator = simulator

    async def add(self, *words: Value) -> None:
        """A new track with this title."""
        await self._simulator.changes.add_tracks("The Newcomers", "Arrivals", [" ".join(map(str, words))])

    async def remove(self, key: int) -> None:
        """The track with this rating key goes."""
        track = self._simulator.library.items[key]
        if not isinstance(track, SimTrack):
            raise TypeError("that is no track")
        await self._simulator.changes.remove_tracks([track])

    async def retitle(self, key: int, *words: Value) -> None:
        await self._simulator.changes.retitle(self._simulator.library.items[key], " ".join(map(str, words)))

    async def new_keys(self) -> None:
        """Every track gets another rating key, as after a re-scan of everything."""
        await self._simulator.changes.rescan_new_keys(list(self._simulator.library.tracks), quietly=True)

    async def refuse(self) -> None:
        """Stop listening, as while the server is off."""
        await self._simulator.stop()

    async def accept(self) -> None:
        """Listen again."""
        await self._simulator.start()

    async def drop_websockets(self) -> None:
        await self._simulator.notifications.drop()

    def end_sessions(self) -> None:
        """The owner ends everything that plays."""
        self._simulator.terminated.update(self._simulator.sessions)


async def serve(host: str, port: int, tracks: int, track_seconds: float | None) -> None:
    """Simulate a Plex server until cancelled, printing a line per request.

    Raises:
        OSError: the address is taken or not ours.
    """
    simulator = PlexSimulator(
        tracks, host=host, port=port, track_seconds=track_seconds, trace=lambda text: _print(_masked(text))
    )
    async with simulator:
        library = simulator.library
        _print(
            f"Plex simulator on {simulator.url} with the token {TOKEN}: {len(library.artists)} artists, "
            f"{len(library.albums)} albums, {len(library.tracks)} tracks"
        )
        actions = Actions(simulator)
        once = (
            actions.add, actions.remove, actions.retitle, actions.new_keys, actions.refuse, actions.accept,
            actions.drop_websockets, actions.end_sessions,
        )  # fmt: skip
        await Console(simulator.faults, {one.__name__: one for one in once}).run(_print)
        await asyncio.get_running_loop().create_future()


def _masked(text: str) -> str:
    return re.sub(r"(?<=X-Plex-Token=)[^&\s]*", "***", text)


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
