"""Tasks that run beside whoever starts them, who also ends them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sugartalkd.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Coroutine


_log = get_logger(__name__)

CANCEL_AGAIN: Final = 0.5
"""Seconds."""


class Aside:
    """The tasks of one owner."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def end(self) -> None:
        """Cancel what still runs until it has ended: on Python 3.11 a library can lose a cancellation."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=CANCEL_AGAIN)

    async def wait(self) -> None:
        """Wait for what still runs, without cancelling it."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            _log.error("something that ran beside has failed", task=task.get_name(), exc_info=fault)
