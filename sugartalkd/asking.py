"""Requests that a system of devices or a server answers: so many at once, and each has its outcome."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sugartalkd.errors import Busy, Expired, Internal, SugartalkError, TimedOut
from sugartalkd.log import get_logger
from sugartalkd.zone.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sugartalkd.aside import Aside
    from sugartalkd.zone.outcome import Answer

_log = get_logger(__name__)

REQUEST_LIMIT: Final = 30.0
"""Seconds that a request may take (contract 5: browse)."""
WAITING_LIMIT: Final = 16
"""Requests that may wait for one system at once."""


class Asking:
    """What waits for one system, beside everything else."""

    def __init__(self, system: str, beside: Aside) -> None:
        self._system = system
        self._beside = beside
        self._waiting = 0

    def check(self) -> None:
        """Raises Busy."""
        if self._waiting >= WAITING_LIMIT:
            raise Busy(f"{WAITING_LIMIT} requests wait for the {self._system} already; send fewer at a time")

    def submit(
        self, work: Coroutine[None, None, Outcome], answer: Answer, name: str, limit: float | None
    ) -> None:
        """See the work to its outcome, within so many seconds; `answer` is called exactly once."""
        self._waiting += 1
        outcome = Outcome(error=Expired(f"the daemon ended before the {self._system} had answered"))

        async def see_through() -> None:
            nonlocal outcome
            outcome = await self._outcome(work, name, limit)

        def ended(_task: asyncio.Task[None]) -> None:
            work.close()  # a task may be cancelled before its first step
            self._waiting -= 1
            answer(outcome)

        self._beside.start(see_through(), f"{self._system} request").add_done_callback(ended)

    async def _outcome(self, work: Coroutine[None, None, Outcome], name: str, limit: float | None) -> Outcome:
        """Every way in which a request can fail becomes an outcome."""
        try:
            async with asyncio.timeout(limit):
                return await work
        except SugartalkError as failure:
            return Outcome(error=failure)
        except TimeoutError:
            return Outcome(error=TimedOut(f"the {self._system} did not answer within {limit:g} s"))
        except Exception:  # noqa: BLE001  # the edge: a fault of ours is answered as well
            _log.exception("a request failed inside the daemon", request=name)
            return Outcome(error=Internal("the request failed inside the daemon; its log says where"))
