"""Runs an order of tracks on one player: starts each, notices its end, and goes on with what follows."""

from __future__ import annotations

import asyncio
import time
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from sugartalkd.errors import HeosOffline, PlexOffline, PlexUnauthorized, SugartalkError
from sugartalkd.log import get_logger
from sugartalkd.model import Transport
from sugartalkd.play_queue import showing
from sugartalkd.play_queue.attempt import ERROR_HOLDS, START_LIMIT, Attempts
from sugartalkd.play_queue.caretaker import Caretaker
from sugartalkd.play_queue.clock import Clock
from sugartalkd.play_queue.order import Order

if TYPE_CHECKING:
    from sugartalkd.model import PlayerKey, PlayerState, Track
    from sugartalkd.play_queue.announce import Announcement
    from sugartalkd.play_queue.attempt import Attempt
    from sugartalkd.play_queue.device import Progress
    from sugartalkd.play_queue.home import Home

_log = get_logger(__name__)

OVERDUE: Final = 3.0
"""Seconds after which a track whose end nobody told is over."""
SETTLED: Final = 10.0
"""Seconds after which a track plays well: what fails then is not the kind of file."""
OFFLINE_PAUSE: Final = 3.0
TROUBLE_PAUSE: Final = 1.0
"""Seconds before a track is tried again whose content did not come."""
FAILURES: Final = 3
"""So many tracks in a row may fail."""
AWAY_LIMIT: Final = 10.0
"""Seconds that the receiver's input may be another one, and the next track starts all the same."""
LOOK: Final = 0.2
LATE: Final = 15.0
"""Seconds: nothing follows a track that ended longer ago than that, while the player was away."""

FOREIGN: Final = "something else was started"

_AWAY = (PlexOffline, PlexUnauthorized, HeosOffline)


class Phase(Enum):
    """What becomes of the present track."""

    STARTING = auto()
    PLAYING = auto()
    PAUSED = auto()
    STOPPED = auto()
    ENDED = auto()
    """The last one has been played."""


class Runner:
    """The order of one player's queue, and how it is played. Nothing here waits for people's commands."""

    def __init__(self, key: PlayerKey, home: Home) -> None:
        self.key = key
        self.home = home
        self.order = Order()
        self.phase = Phase.STOPPED
        self.visible = False
        """Whether people see this queue, and not the player's own."""
        self.turn = 0
        """Counts what was wanted of the player: what began for an earlier wish gives way."""
        self.attempts = Attempts(key, home)
        self.caretaker = Caretaker(key, home, self.attempts.lock)
        self.returned = False
        """It was kept from an earlier run, and the player has not been heard since."""
        self.announcement: Announcement | None = None
        self.shown: Track | None = None
        """What people see playing."""
        self._heard: PlayerState | None = None
        """What the player said last while it played that."""
        self.clock = Clock(self._told)
        self.by_hand = False
        """The player was told to stop."""
        self._retried, self._failures = False, 0
        self._stopped_at = float("-inf")
        """When it stopped, and nobody knows why."""

    # -- what the player says ------------------------------------------------------------------------

    def heard(self, state: PlayerState | None) -> None:
        """What the player itself says now."""
        if self.announcement is not None:
            self.announcement.heard(state)
        elif self.order and state is not None and state.transport is not None:
            if state.group is not None and state.group.leader != self.key:
                self.drop("the player follows another one now")
            elif self.returned:
                self._meet(state, state.transport)
            else:
                self._follow(state, state.transport)
        self.show()

    def _follow(self, state: PlayerState, transport: Transport) -> None:
        attempt = self.attempt
        ours = attempt is not None and state.url == attempt.stream.url
        foreign = transport is Transport.PLAYING and not ours and showing.is_foreign(state.track)
        foreign = foreign and not self.attempts.explains(state.track)
        if attempt is not None and ours:
            self._note(state, attempt)
        if self.phase is Phase.STARTING:
            self._await_start(transport, ours=ours, foreign=foreign)
        elif foreign:
            if self.phase in {Phase.PLAYING, Phase.PAUSED} and self.clock.near_end:
                self._advance()  # the player has gone on by itself
            else:
                self.drop(FOREIGN)
        elif self.phase in {Phase.STOPPED, Phase.ENDED}:
            if ours and transport is Transport.PLAYING:
                self._has_begun_after_all()
        elif transport is Transport.IDLE:
            self._has_stopped()
        elif ours:
            self.clock.run(running=transport is Transport.PLAYING)
            self.phase = Phase.PLAYING if transport is Transport.PLAYING else Phase.PAUSED

    def _note(self, state: PlayerState, attempt: Attempt) -> None:
        if state.transport is not Transport.IDLE:
            self._heard, attempt.shown = state, True
        place = self.home.device(self.key).place
        if place is not None and attempt.place != place:
            attempt.place = place
            self.home.changed()

    def _await_start(self, transport: Transport, *, ours: bool, foreign: bool) -> None:
        attempt = self.attempt
        if attempt is None or attempt.turn != self.turn:
            return  # it has not been told yet
        if ours and transport is not Transport.IDLE:
            self._seen(transport)
        elif foreign:
            self.drop(FOREIGN)

    def _has_begun_after_all(self) -> None:
        """Somebody has started it again, or the player took our stop for what was before."""
        attempt = self.attempt
        if attempt is not None and not attempt.seen and attempt.turn != self.turn:
            attempt.seen = True
            self.home.beside.start(self.caretaker.silence(), f"queue of {self.key}")
        else:
            self._seen(Transport.PLAYING)

    def _meet(self, state: PlayerState, transport: Transport) -> None:
        """The player is heard for the first time since we are here: does it still play what we started?"""
        attempt, streams = self.attempt, self.home.streams
        self.returned, self.visible = False, True
        if transport is Transport.IDLE:
            return
        if attempt is not None and streams is not None and state.track is not None:
            streams.adopt(attempt.stream)
            # If it does, this calls `heard`.
            if self.home.device(self.key).adopt(attempt.stream.url, attempt.track, attempt.place):
                if self.phase is Phase.STOPPED:
                    self._seen(transport)
                return
        self.drop(FOREIGN)

    def _seen(self, transport: Transport) -> None:
        """The present track plays."""
        attempt = self.attempt
        if attempt is None:
            return
        self.shown = attempt.track
        self.phase = Phase.PLAYING if transport is Transport.PLAYING else Phase.PAUSED
        self.clock.start(attempt.track.duration, running=transport is Transport.PLAYING)
        self.by_hand, self.visible = False, True
        self.attempts.seen()
        self.home.changed()
        self.home.beside.start(self._settle_in(self.turn), f"queue of {self.key}")

    def _has_stopped(self) -> None:
        """It played and does not any more: at the end, by somebody's hand, or for a fault."""
        attempt = self.attempt
        if self.by_hand or attempt is None:
            self.rest()
        elif self.clock.near_end:
            self.rest() if self.clock.overdue(LATE) else self._advance()
        elif self.caretaker.may_have_taken(attempt.taken_at or 0.0):
            self._begin(self.order.index or 0)  # it took our track out as well
        elif (reason := self.attempts.trouble) is not None:
            self._failed(reason)
        else:
            self.rest()
            self._stopped_at = time.monotonic()

    def reported(self, error: str) -> None:
        """The player complains of what it was given."""
        attempt = self.attempt
        if self.announcement is not None:
            self.announcement.failed(error)
        elif attempt is None or not self.order:
            return
        elif self.phase is Phase.STARTING:
            if attempt.turn == self.turn:
                self._failed(error)
        elif time.monotonic() - self._stopped_at < ERROR_HOLDS:
            self._failed(error)  # so nobody's hand had stopped it
        else:
            self.attempts.complained(error)
        self.show()

    def tick(self) -> None:
        """Notice what no event tells."""
        attempt, present = self.attempt, time.monotonic()
        if attempt is None or self.announcement is not None or self.home.store.player(self.key) is None:
            return
        if self.phase is Phase.STARTING and attempt.turn == self.turn:
            if attempt.taken_at is not None and present - attempt.taken_at > START_LIMIT:
                self._failed(self.attempts.trouble or f"the player did not start it within {START_LIMIT:g} s")
        elif self.phase is Phase.PLAYING:
            if self.clock.position > SETTLED:
                self._failures = 0
            if (complaint := self.attempts.overdue_complaint) is not None:
                self._failed(complaint)
            elif self.clock.overdue(OVERDUE):
                _log.info("nobody told the end of a track; going on", player=self.key)
                self._advance()
        self.show()

    # -- going on ------------------------------------------------------------------------------------

    def _advance(self) -> None:
        self._failures = 0
        self._go_to(self.order.following)

    def _go_to(self, index: int | None) -> None:
        """The present track is done with; `None`: it was the last one."""
        self._retried = False
        if index is not None:
            self._begin(index)
            return
        self.rest()
        self.phase = Phase.ENDED
        self.home.report(self.key, "queue_ended", {})

    def _failed(self, reason: str, *, away: bool = False) -> None:
        """Try it once more, then go on with the next; where that can only fail as well, stop."""
        attempt = self.attempt
        if not self._retried:
            self._retried = True
            begun = self.phase is not Phase.STARTING and self.clock.position > SETTLED
            refused = not self.attempts.cut_off and not away and not begun
            again = refused and attempt is not None and not attempt.stream.transcoded
            pause = OFFLINE_PAUSE if away else 0.0 if refused else TROUBLE_PAUSE
            self._begin(self.order.index or 0, transcode=again, pause=pause)
            return
        self._failures += 1
        track = self.order.current
        text = f"{'a track' if track is None else track.title!r} could not be played: {reason}"
        over = away or self._failures >= FAILURES
        if over:
            text += "; nothing more is started" if away else f"; {FAILURES} in a row failed, the queue stops"
        self.home.report(self.key, "playback_error", {"error": text})
        if over:
            self.rest()
            self._failures, self._retried = 0, False
        else:
            self._go_to(self.order.neighbour(1))

    def _begin(self, index: int, *, transcode: bool = False, pause: float = 0.0) -> None:
        """Start a track without anybody's command."""
        self.aim(index)
        work = self._begin_beside(self.turn, transcode=transcode, pause=pause)
        self.home.beside.start(work, f"queue of {self.key}")

    async def _begin_beside(self, turn: int, *, transcode: bool, pause: float) -> None:
        try:
            await asyncio.sleep(pause)
            if not await self._can_be_heard(turn):
                if turn == self.turn:
                    self.rest()
                    self.show()
                return
            await self.start(turn, transcode=transcode)
        except SugartalkError as error:
            if turn == self.turn:
                self._failed(str(error), away=isinstance(error, _AWAY))
                self.show()
        except Exception:  # noqa: BLE001  # the edge of a task: the queue must not wait for it for ever
            _log.exception("a track could not be started", player=self.key)
            if turn == self.turn:
                self._failed("the daemon failed on it; its log says where")
                self.show()

    async def _can_be_heard(self, turn: int) -> bool:
        """Whether anything should start; a receiver whose input was just left gets its time."""
        while turn == self.turn and (since := self.home.unheard_since(self.key)) is not None:
            if time.monotonic() - since > AWAY_LIMIT:
                return False
            await asyncio.sleep(LOOK)
        return turn == self.turn

    def aim(self, index: int) -> int:
        """This is to be the present track, and nothing else that was about to start. The new turn."""
        self.order.go_to(index)
        self.returned = False
        self.phase, self._stopped_at = Phase.STARTING, float("-inf")
        self.turn += 1
        self.show()
        return self.turn

    async def start(self, turn: int, *, transcode: bool = False) -> None:
        """Give the present track to the player. Raises Superseded, and what library and player raise."""
        track = self.order.current
        if track is not None:
            await self.attempts.begin(track, turn, transcode=transcode, wanted=lambda: turn == self.turn)

    def begin_anew(self) -> None:
        """Somebody wishes it: what failed before does not count."""
        self._failures, self._retried = 0, False

    def go_back(self, shown: Track | None) -> None:
        """What was wished could not be started: what was `shown` until then goes on, if it does."""
        raw, place = self.home.store.player(self.key), self.order.place_of(shown)
        if raw is None or place is None or raw.transport in {None, Transport.IDLE}:
            self.rest()
        else:
            self.order.go_to(place)
            self.phase = Phase.PLAYING if raw.transport is Transport.PLAYING else Phase.PAUSED
        self.show()

    # -- beside --------------------------------------------------------------------------------------

    async def _settle_in(self, turn: int) -> None:
        """A track has begun: get the next one ready, and keep the player from playing what is old."""
        await self._prepare()
        await self.caretaker.calm()
        await self.caretaker.tidy(lambda: turn == self.turn)

    async def _prepare(self) -> None:
        index = self.order.following
        await self.attempts.supply.prepare(None if index is None else self.order.track(index))

    def changed(self) -> None:
        """The order is another one: something else may follow now."""
        self.show()
        self.home.changed()
        if self.phase is Phase.PLAYING:
            self.home.beside.start(self._prepare(), f"queue of {self.key}")

    # -- ending --------------------------------------------------------------------------------------

    def rest(self) -> None:
        """Nothing plays; the queue is kept."""
        self.phase = Phase.STOPPED
        self.shown, self.by_hand, self._stopped_at = None, False, float("-inf")
        self.clock.run(running=False)
        self.home.changed()

    def drop(self, reason: str | None) -> None:
        """The queue is no more; people are told why, unless they know."""
        if not self.order:
            return
        self.rest()
        self.turn += 1
        self.order = Order()
        self.returned = self.visible = False
        started = self.attempt is not None
        self.attempts.forget()
        if reason is not None:
            self.home.report(self.key, "queue_lost", {"reason": reason})
        if started:
            self.tidy()
        self.show()

    def tidy(self) -> None:
        """Take what is left of earlier playing out of the player's own queue, soon."""
        turn = self.turn
        self.caretaker.tidy_soon(lambda: turn == self.turn)

    # -- what is known -------------------------------------------------------------------------------

    @property
    def attempt(self) -> Attempt | None:
        """The last start."""
        return self.attempts.latest

    def _told(self) -> Progress | None:
        try:
            return self.home.device(self.key).progress
        except HeosOffline:
            return None

    def show(self) -> None:
        """Show what there is, and keep showing what played while the next one starts."""
        own, present = None, self.home.store.player(self.key)
        if self.order and self.visible:
            if self.announcement is not None:
                own = showing.announcing(self.order, present)
            elif self.phase is Phase.STARTING:
                own = showing.starting(self.order, self.shown, self._heard)
            else:
                own = showing.playing(self.order, self.shown)
        self.home.store.put_own(self.key, own)
