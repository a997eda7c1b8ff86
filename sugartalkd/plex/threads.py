"""Worker threads for what can only wait: each call has its time, and nobody waits for longer."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from sugartalkd.errors import PlexOffline, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable


class Closable(Protocol):
    """What a thread works with."""

    def close(self) -> None: ...


T = TypeVar("T")
Tool = TypeVar("Tool", bound=Closable)

GRACE: Final = 0.5
"""Seconds between the end of a call's own time and when it is given up: it should end by itself."""
_ENDED: Final = "the connection to the Plex server has just ended"


class Threads(Generic[Tool]):
    """A few threads, each with a tool of its own, made when the thread first needs it."""

    def __init__(self, name: str, count: int, make: Callable[[float], Tool]) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=f"plex {name}")
        self._make = make
        self._own = threading.local()
        self._lock = threading.Lock()
        self._idle: list[Tool] = []
        self._closed = False

    async def run(self, what: str, limit: float, work: Callable[[Tool, float], T]) -> T:
        """Do it in one of the threads, within `limit` seconds of which waiting for a thread is part.

        `work` is told the time (of `time.monotonic`) by which it has to end. Raises TimedOut; what has
        not begun by then never does.
        """
        until = time.monotonic() + limit
        loop = asyncio.get_running_loop()
        try:
            future = loop.run_in_executor(self._pool, self._work, work, until)
        except RuntimeError:  # closed
            raise PlexOffline(f"{what}: {_ENDED}") from None
        try:
            async with asyncio.timeout(limit + GRACE):
                return await future
        except TimeoutError:
            raise TimedOut(f"{what}: the Plex server took longer than {limit:g} s") from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise PlexOffline(f"{what}: {_ENDED}") from None  # closed before it had begun

    def close(self) -> None:
        """What runs ends by itself, what waits is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for tool in idle:
            tool.close()

    def _work(self, work: Callable[[Tool, float], T], until: float) -> T:
        tool: Tool | None = getattr(self._own, "tool", None)
        if tool is None:
            tool = self._own.tool = self._make(until)
        else:
            with self._lock:
                if tool in self._idle:
                    self._idle.remove(tool)
        try:
            return work(tool, until)
        finally:
            with self._lock:
                closed = self._closed
                if not closed:
                    self._idle.append(tool)
            if closed:
                tool.close()
