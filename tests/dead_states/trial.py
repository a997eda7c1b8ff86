"""A fault that strikes while something goes on in the house, and what has to hold then and afterwards."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sugartalkd.denon import receiver
from sugartalkd.heos import groups, session
from tests.house import KITCHEN, LIVING, Watcher, properties, running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    import pytest

    from sugartalkd.simulator.heos import SimulatedPlayer
    from tests.house import Broker, House, Message

ERROR_CODES: Final = frozenset(
    {
        "bad_payload", "unknown_action", "unknown_zone", "unsupported", "out_of_range", "retained_command",
        "expired", "superseded", "busy", "timeout", "not_confirmed", "heos_error", "heos_offline",
        "receiver_offline", "no_match", "forbidden",
    }
)  # fmt: skip
"""The contract's, without `internal` and those of devices that these houses lack."""
RECOVERY: Final = 30.0
SLACK: Final = 2.0
"""Seconds that a machine which is busy elsewhere may take longer."""
"""Seconds from the end of a fault until all is as if nothing had been."""
SETTLED: Final = 0.2
"""Seconds before the link is back in which a command may still be on its way to the inbox."""
BEFORE: Final = 35
"""Of the slider's hundred values so many come before the fault."""

ZONES: Final = {"kitchen": {"player": "Kitchen"}, "bath": {"player": "Living Room"}}
"""A house of two players, without a receiver."""

_numbers = itertools.count()
"""Answers of all houses of a test go to topics of one broker."""


class Load(Enum):
    """What goes on meanwhile."""

    IDLE = "idle"
    PLAYING = "playing"
    SLIDER = "a slider storm"
    BROWSE = "a browse"


def hasten(patch: pytest.MonkeyPatch) -> None:
    """Watchdogs and time-outs of a fraction, and no session counts as short.

    What is tried is how the parts work together; the numbers decide for how long. test_half_open has the
    real ones.
    """
    patch.setattr(session, "HeosSession", partial(session.HeosSession, heartbeat=0.25, timeout=0.45))
    patch.setattr(receiver, "DenonReceiver", partial(receiver.DenonReceiver, idle=0.8, probe=0.6))
    patch.setattr(session, "RELOADS", (0.4, 1.0))
    patch.setattr(session, "PROBE", 0.6)
    patch.setattr(groups, "PAUSES", (0.4, 1.0))
    patch.setattr("sugartalkd.denon.session.FIRST_ANSWER_LIMIT", 1.0)
    patch.setattr("sugartalkd.retry.STABLE", 0.0)
    patch.setattr("pyheos.connection.DEBOUNCE_DELAY", 0.2)


# -- the two sides of a house --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Side:
    """Which device a trial is about, and how its values are seen."""

    link: str
    zone: str
    offline: str
    """The error code of a command that finds the link away."""
    mark: Callable[[float], str]
    """What a volume looks like on the wire."""
    said: Callable[[House, float], list[tuple[float, list[str]]]]
    """When the device was sent what, since a time."""
    loudest: float
    """A volume that no load asks for."""
    mute_unseen: Callable[[House], str]
    """Press mute at the device without an event; what the topic has to say then."""


def kitchen(house: House) -> SimulatedPlayer:
    """The HEOS player, whatever its pid is now."""
    return next(player for player in house.heos.players.values() if player.name == "Kitchen")


def _heos_said(house: House, since: float) -> list[tuple[float, list[str]]]:
    return [
        (one.at, one.text.partition("?")[2].split("&"))
        for one in house.heos.ledger
        if one.at >= since and one.arguments.get("pid") != str(LIVING)
    ]


def _mute_kitchen(house: House) -> str:
    player = kitchen(house)
    player.mute = not player.mute
    return "ON" if player.mute else "OFF"


def _mute_receiver(house: House) -> str:
    zone = house.avr.state.main
    zone.mute = not zone.mute
    return "ON" if zone.mute else "OFF"


HEOS: Final = Side(
    "heos", "kitchen", "heos_offline", lambda value: f"level={value:g}", _heos_said, 100, _mute_kitchen
)
RECEIVER: Final = Side(
    "receiver/denon",
    "living_room",
    "receiver_offline",
    lambda value: f"MV{int(value):02d}{'' if value == int(value) else '5'}",
    lambda house, since: [(one.at, [one.frame]) for one in house.avr.ledger if one.at >= since],
    80,
    _mute_receiver,
)


# -- what goes on --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """One command that wants its reply."""

    topic: str
    where: str
    mark: str | None
    """What it is on the wire, if nothing else of the trial looks like that there."""


@dataclass
class Traffic:
    """Sends what belongs to a load, and keeps every command to look for its reply."""

    house: House
    watcher: Watcher
    side: Side
    load: Load
    asked: list[Asked] = field(default_factory=list[Asked])
    slid: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    """When each volume was published, replies wanted or not."""

    def __post_init__(self) -> None:
        self.began = _now()
        self.middle = asyncio.Event()
        """This is the moment for a fault."""
        self._values: Iterator[int] = iter(range(41, 80))

    async def ask(self, topic: str, payload: object = "{}", mark: str | None = None) -> Asked:
        """Send with a Response Topic, and do not wait."""
        number = next(_numbers)
        one = Asked(topic, f"answers/{number}", mark)
        self.asked.append(one)
        content = payload if isinstance(payload, str) else json.dumps(payload)
        await self.watcher.publish(topic, content, properties=properties(ResponseTopic=one.where))
        return one

    async def ask_volume(self, value: float) -> Asked:
        mark = self.side.mark(value)
        self.slid.append((_now(), mark))
        return await self.ask(f"{self.side.zone}/volume/set", f"{value:g}", mark)

    async def prepare(self) -> None:
        """What has to be so before anything is tried."""
        heos = self.house.heos
        if self.load is Load.PLAYING:
            for pid in list(heos.players):
                heos.play_url(pid, f"http://127.0.0.1/{pid}.mp3")
            await self.watcher.wait(f"{self.side.zone}/state", "playing")
        elif self.load is Load.BROWSE:
            heos.faults.delay["browse/browse"] = 0.4

    async def run(self) -> None:
        """Everything that is sent, whatever becomes of the house."""
        match self.load:
            case Load.IDLE:
                self.middle.set()
            case Load.PLAYING:
                for number, verb in enumerate(("pause", "play", "pause", "play", "stop", "play")):
                    await self.ask(f"{self.side.zone}/command", verb)
                    await self.ask_volume(next(self._values))
                    if number == 2:
                        self.middle.set()
                    await asyncio.sleep(0.05)
            case Load.SLIDER:
                await self._slide()
            case Load.BROWSE:
                for source in ("local", "history", "favorites"):
                    await self.ask("bridge/request/heos/browse", {"source": source})
                await self.ask_volume(next(self._values))
                await asyncio.sleep(0.15)
                self.middle.set()
                await self.ask_volume(next(self._values))
                await self.ask("bridge/request/heos/browse", {"source": "local"})

    async def _slide(self) -> None:
        """A hundred values in a second; every seventh wants its reply."""
        for number in range(100):
            value = number / 2 if self.side is RECEIVER else number
            if number % 7 == 0:
                await self.ask_volume(value)
            else:
                self.slid.append((_now(), self.side.mark(value)))
                await self.watcher.publish(f"{self.side.zone}/volume/set", f"{value:g}")
            if number == BEFORE:
                self.middle.set()
            await asyncio.sleep(0.01)

    # -- what came of it -----------------------------------------------------------------------------

    def replies(self, one: Asked) -> list[Message]:
        return [message for message in self.watcher.seen if message.topic == one.where]

    async def answered(self, one: Asked, seconds: float = 8.0) -> Any:
        """The reply to this one."""
        await self.watcher.until(lambda: self.replies(one), seconds)
        return self.replies(one)[0].json

    async def all_answered(self) -> None:
        """Every command has one reply, ok or one of the contract's error codes."""
        for one in self.asked:
            await self.answered(one)
        self.check_replies()

    def check_replies(self) -> None:
        for one in self.asked:
            [reply] = self.replies(one)
            assert reply.json["status"] == "ok" or reply.json["error_code"] in ERROR_CODES, reply.json

    def check_nothing_is_replayed(self, away: tuple[float, float] | None) -> None:
        """Nothing goes out twice or after its reply; nothing from before the link was back, afterwards."""
        said = self.side.said(self.house, self.began)
        for one in self.asked:
            sent = [at for at, words in said if one.mark in words]
            assert len(sent) <= 1 or one.mark is None, f"{one} was sent {len(sent)} times"
            assert one.mark is None or all(at <= self.replies(one)[0].at for at in sent), f"{one}: late"
        if away is None:
            return
        for at, mark in self.slid:
            late = [when for when, words in said if mark in words and when > away[1]]
            assert at > away[1] - SETTLED or not late, f"{mark} of before was sent after the recovery"


def _now() -> float:
    return asyncio.get_running_loop().time()


# -- a fault -------------------------------------------------------------------------------------------

Deed: TypeAlias = "Callable[[House], Awaitable[None]]"
Look: TypeAlias = "Callable[[House, Watcher], Awaitable[None]]"


async def nothing(_house: House) -> None:
    """No fault at all."""


async def events_go_on(house: House, watcher: Watcher) -> None:
    """What happens at the player is seen."""
    house.heos.turn_volume(KITCHEN, 17)
    await watcher.wait("kitchen/volume", "17", 5)


async def no_more(_house: House, _watcher: Watcher) -> None:
    """Nothing else to look at."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a device; `noticed` is the seconds until the link has to say so.

    `None`: it does not break the link, which has to stay online. `lasting`: until `heal` is called. `look`
    looks further: at once where the link stays, when all is well again where it broke.
    """

    name: str
    strike: Deed
    heal: Deed = nothing
    noticed: float | None = 1.0
    lasting: bool = False
    words: frozenset[str] = frozenset({"connecting", "offline", "busy", "online"})
    """What a link that breaks may say."""
    last_word: str | None = None
    """What a lasting fault has to come to, besides not being online."""
    look: Look = no_more

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds until a fault was noticed, and from its end until all was well."""

    noticed: float | None
    recovered: float


async def endure(house: House, watcher: Watcher, side: Side, fault: Fault, load: Load) -> Times:
    """Let a fault strike while a load goes on; raises AssertionError where a promise is broken."""
    try:
        return await _endure(house, watcher, side, fault, load)
    except AssertionError as error:
        error.add_note(f"{fault} during {load.value}")
        raise


async def _endure(house: House, watcher: Watcher, side: Side, fault: Fault, load: Load) -> Times:
    link, zone = f"bridge/connection/{side.link}", side.zone
    traffic = Traffic(house, watcher, side, load)
    await traffic.prepare()
    going_on = asyncio.create_task(traffic.run(), name="Task-traffic")
    await traffic.middle.wait()
    struck = _now()

    def since(topic: str) -> list[str]:
        return [message.text for message in watcher.all(topic) if message.at > struck]

    await fault.strike(house)
    expected = side.mute_unseen(house)
    await traffic.ask_volume(side.loudest)
    noticed: float | None = None
    if fault.noticed is not None:
        await watcher.until(lambda: {*since(link)} - {"online"}, fault.noticed + SLACK)
        noticed = _now() - struck
    if fault.lasting:
        # Where the link is back in a moment, the newest value is all that has to be told.
        away = f"{'den' if side is RECEIVER else zone}/availability"
        await watcher.until(lambda: "offline" in since(away), 3)
        await watcher.until(lambda: "None" in since(f"{zone}/volume"), 3)
        if fault.last_word is not None:
            await watcher.wait(link, fault.last_word, 10)
        refused = await traffic.answered(await traffic.ask(f"{zone}/mute/set", "ON"), 2)
        assert refused["error_code"] == side.offline, refused
    await fault.heal(house)
    healed = _now()
    if fault.noticed is None:
        # Nobody can see what was done behind its back, so somebody does something.
        await fault.look(house, watcher)
        back = None
    else:
        await watcher.until(lambda: since(link)[-1:] == ["online"], RECOVERY)
        back = (struck, watcher.newest[f"{watcher.base}/{link}"].at)
        await watcher.wait(f"{zone}/availability", "online", RECOVERY)
        await watcher.wait(f"{zone}/mute", expected, RECOVERY)
    recovered = _now() - healed
    assert recovered < RECOVERY
    assert {*since(link)} <= (fault.words if fault.noticed is not None else {"online"}), since(link)
    await going_on
    await traffic.all_answered()
    traffic.check_nothing_is_replayed(back)
    house.heos.faults.delay.clear()
    last = await watcher.ask(f"{zone}/volume/set", "33")
    assert last["status"] == "ok", last
    await watcher.wait(f"{zone}/volume", "33", 10)
    if fault.noticed is not None:
        await fault.look(house, watcher)
    traffic.check_replies()
    return Times(noticed, recovered)


async def endure_all(
    broker: Broker, folder: Path, address: str, side: Side, fault: Fault, **settings: Any
) -> None:
    """The same fault during each load, in a house for each at the same time; prints what was measured."""
    async with asyncio.TaskGroup() as group:
        for number, load in enumerate(Load):
            own = _neighbour(address, number)
            work = _endure_in_a_house(broker, folder / load.name, own, side, fault, load, settings)
            group.create_task(work, name=f"Task-{load.name}")


async def _endure_in_a_house(
    broker: Broker, folder: Path, address: str, side: Side, fault: Fault, load: Load, settings: dict[str, Any]
) -> None:
    folder.mkdir()  # noqa: ASYNC240  # a moment in a test
    name = load.name.lower()
    base = f"sugartalk/{name}"
    mqtt = {"host": broker.host, "port": broker.port5, "base_topic": base, "bridge_id": name}
    if "heos" in settings:
        settings = settings | {"heos": {"host": address, **settings["heos"]}}
    async with (
        Watcher(broker, base=base) as watcher,
        running(broker, folder, address, mqtt=mqtt, **settings) as house,
    ):
        for zone in house.config["zones"]:
            await watcher.wait(f"{zone}/availability", "online", 15)
        await watcher.wait(f"bridge/connection/{side.link}", "online", 15)
        times = await endure(house, watcher, side, fault, load)
        seen = "-" if times.noticed is None else f"{times.noticed:.2f} s"
        print(f"MEASURED {fault} | {load.value} | {seen} | {times.recovered:.2f} s")
        assert not house.heos.received("system/sign_out"), "nobody asked for that (heos.md 3.2 number 9)"
        assert house.avr.connections_total < 15
        assert house.heos.connections_total < 40


def _neighbour(address: str, number: int) -> str:
    """Another address, which no other test has."""
    first, second, rest = address.split(".", 2)
    return f"{first}.{int(second) + 30 * number}.{rest}"
