"""What has to be asked of a receiver because it does not tell: settings, quick select, timers, its screen."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from sugartalkd.denon import settings
from sugartalkd.denon.protocol import (
    MAIN,
    Frequency,
    Question,
    Sleep,
    StationName,
    question,
    screen_questions,
    setting_questions,
)
from sugartalkd.denon.screen import NETWORK_INPUTS, SCREEN_LINES, TUNER

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from sugartalkd.denon.known import Known
    from sugartalkd.denon.session import Session
    from sugartalkd.model import ReceiverZone

SETTINGS_AFTER: Final = 3.0
"""Seconds after a session began or the main zone came on until its settings are asked for: a burst of
questions while it starts up is suspected to have cost sound (home-assistant/core#94837)."""
SETTINGS_GAP: Final = 0.1
"""Seconds between a setting's answer and the next question: whoever uses the receiver comes first."""
SLEEP_INTERVAL: Final = 60.0
"""Seconds between questions for a running sleep timer and for the quick select: they are not pushed."""
RECALL_TAKES: Final = 1.0
"""Seconds after a change of input or quick select until it is asked which one is in force."""
SCREEN_INTERVAL: Final = 5.0
TUNER_INTERVAL: Final = 30.0
"""Seconds between readings of what a network source, and of what the tuner plays."""


class Polling:
    """Asks one receiver while a session lasts. Users' commands always go before its questions."""

    def __init__(
        self,
        known: Known,
        zones: Sequence[ReceiverZone],
        poll_media: Callable[[ReceiverZone], bool],
        *,
        publish: Callable[[], None],
        surveyed: Callable[[], None],
    ) -> None:
        self._known = known
        self._zones = zones
        self._poll_media = poll_media
        self._publish = publish
        self._surveyed = surveyed
        """Called when all settings have been asked for."""
        self.surveying = False
        self._silencers = 0
        self._calm = asyncio.Event()
        self._calm.set()
        self._settings_due = asyncio.Event()
        self._recalled = asyncio.Event()
        self._source_changed = asyncio.Event()

    def start(self, session: Session) -> None:
        """Begin with all of it; the session ends it."""
        session.start(self._follow_sleep(session), "sleep timer")
        if MAIN in self._zones:
            self._settings_due.set()
            self._source_changed.set()
            session.start(self._read_settings(session), "settings")
            session.start(self._follow_quick_select(session), "quick select")
            session.start(self._follow_media(session), "now playing")

    def woken(self) -> None:
        """The main zone came on: what it was set to may have changed meanwhile."""
        self._settings_due.set()
        self._source_changed.set()

    def source_changed(self) -> None:
        """The main zone has another input."""
        self._recalled.set()
        self._source_changed.set()

    def recalled(self) -> None:
        """A quick select is said to be in force that was not before."""
        self._recalled.set()

    def retuned(self) -> None:
        """The tuner went to another station."""
        self._source_changed.set()

    @contextmanager
    def silenced(self) -> Generator[None]:
        """Ask nothing of this while somebody listens to the answer of another command."""
        self._silencers += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._silencers -= 1
            if not self._silencers:
                self._calm.set()

    # -- settings --------------------------------------------------------------------------------------

    async def ask(self, session: Session, name: str) -> None:
        """Ask for one setting, with its parts, in every form that the receiver may speak."""
        forms = self._known.forms
        names = [one for one in settings.BY_NAME if settings.whole_of(one) == name]
        first: list[Question] = []
        others: list[Question] = []
        for one in names:
            asked = setting_questions(one, forms.get(one))
            first.append(asked[0])
            others += asked[1:]
        answers = await session.ask(*first)
        if others and not any(answers):
            await session.ask(*others)

    async def _read_settings(self, session: Session) -> None:
        while True:
            await self._settings_due.wait()
            self._settings_due.clear()
            await asyncio.sleep(SETTINGS_AFTER)
            if not self._known.power(MAIN) or self._settings_due.is_set():
                continue
            self.surveying = True
            try:
                asked: set[str] = set()
                for name in settings.NAMES:
                    texts = settings.questions(name)
                    if texts[0] in asked:
                        continue  # one `CV?` is answered for every channel
                    asked.add(texts[0])
                    if self._settings_due.is_set() or not self._known.power(MAIN):
                        break
                    await self._calm.wait()
                    await self.ask(session, name)
                    await asyncio.sleep(SETTINGS_GAP)
            finally:
                self.surveying = False
            self._surveyed()

    async def _follow_quick_select(self, session: Session) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(SLEEP_INTERVAL):
                    await self._recalled.wait()
            if self._recalled.is_set():
                await asyncio.sleep(RECALL_TAKES)
                self._recalled.clear()
            if settings.QUICK_SELECT in self._known.settings and self._known.power(MAIN):
                await self.ask(session, settings.QUICK_SELECT)

    async def _follow_sleep(self, session: Session) -> None:
        while True:
            await asyncio.sleep(SLEEP_INTERVAL)
            running = [
                zone
                for zone in self._zones
                if self._known.power(zone)
                and (sleep := self._known.last(Sleep, zone)) is not None
                and sleep.minutes
            ]
            await session.ask(*(question(Sleep, zone) for zone in running))

    # -- what it plays by itself -----------------------------------------------------------------------

    async def _follow_media(self, session: Session) -> None:
        """Read the screen or the tuner, only while the main zone listens to it and nobody tells better."""
        interval: float | None = None
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self._source_changed.wait()
            self._source_changed.clear()
            source = self._known.source
            if source not in {*NETWORK_INPUTS, TUNER} or not self._poll_media(MAIN):
                interval = SCREEN_INTERVAL if source in NETWORK_INPUTS else None
                self._known.forget_media()
                self._publish()
                continue
            await self._calm.wait()
            self._known.forget_lines()
            if source == TUNER:
                interval = TUNER_INTERVAL
                await session.ask(question(Frequency), question(StationName))
            else:
                interval = SCREEN_INTERVAL
                await session.ask(*screen_questions(SCREEN_LINES))
            self._known.read_media()
            self._publish()
