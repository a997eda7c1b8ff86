"""The parts of the running daemon: tasks by name, each started again when a fault of ours ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from sugartalkd.log import get_logger

if TYPE_CHECKING:
    from types import TracebackType

_log = get_logger(__name__)

RESTART_PAUSE: Final = 5.0
"""Seconds before a part that failed by a fault of ours is started again."""

Job: TypeAlias = Callable[[], Coroutine[None, None, None]]


class Parts:
    """As a context it waits for all of them; `end` has to be called before it is left."""

    def __init__(self, failed: Callable[[str], None]) -> None:
        self._failed = failed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        """Cancelled tasks whose successor waits for them: a receiver has one telnet session."""
        self._group = asyncio.TaskGroup()
        self._ended = False

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._group.__aexit__(kind, error, trace)

    def start(self, name: str, job: Job) -> None:
        if self._ended:
            return  # a player that is found while everything stops must not start anything
        before = self._ending.pop(name, None)
        self._tasks[name] = self._group.create_task(self._after(before, name, job), name=name)

    def cancel(self, name: str) -> None:
        if (task := self._tasks.pop(name, None)) is not None:
            task.cancel()
            self._ending[name] = task

    async def end(self, limit: float, of: Callable[[str], bool] = lambda _name: True) -> None:
        """Stop these parts, within so many seconds if they can be; nothing starts any more."""
        self._ended = True
        tasks = [task for name, task in self._tasks.items() if of(name)]
        await _cancelled(tasks, limit)
        self._tasks = {name: task for name, task in self._tasks.items() if not task.done()}

    async def _after(self, before: asyncio.Task[None] | None, name: str, job: Job) -> None:
        if before is not None:
            try:
                await asyncio.wait([before])
            except asyncio.CancelledError:
                await asyncio.wait([before])  # whoever comes after us waits for it through us
                raise
        await kept(name, job, self._failed)


async def kept(name: str, job: Job, failed: Callable[[str], None] = lambda _name: None) -> None:
    """Run a part; a fault of ours in it is logged and must not end it for good, nor take others along."""
    while True:
        try:
            await job()
        except Exception:  # noqa: BLE001  # the edge of a task
            _log.exception("a part failed and is started again", part=name, pause=RESTART_PAUSE)
            failed(name)
            await asyncio.sleep(RESTART_PAUSE)
        else:
            return


async def _cancelled(tasks: list[asyncio.Task[None]], limit: float) -> None:
    """Cancel, and see to it that it happens: on Python 3.11 a library can lose the first cancel."""
    for task in tasks:
        task.cancel()
    late = (await asyncio.wait(tasks, timeout=limit))[1] if tasks else set[asyncio.Task[None]]()
    for task in late:
        _log.warning("a task does not stop; cancelling it again", task=task.get_name())
        task.cancel()
