"""What a receiver's own sources play, against the simulated one on a real socket."""

from __future__ import annotations

import asyncio

import pytest

from sugartalkd.denon.screen import playing, tuned
from sugartalkd.model import ReceiverZone, Track
from sugartalkd.simulator.avr import AvrSimulator
from tests.denon.test_receiver import QUICK, running, sent, until

NOW_PLAYING = {0: "Now Playing Media Server", 1: "Café del Mar", 2: "Energy 52", 4: "Ibiza Classics"}


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sugartalkd.denon.polling.SETTINGS_AFTER", 60.0)
    monkeypatch.setattr("sugartalkd.denon.polling.SCREEN_INTERVAL", 0.1)
    monkeypatch.setattr("sugartalkd.denon.polling.TUNER_INTERVAL", 0.1)


def asked(avr: AvrSimulator, *frames: str, since: int = 0) -> int:
    return sum(frame in frames for frame in sent(avr, since))


async def test_the_screen_of_a_network_input_is_a_track() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.state.main.source = "NET"
        async with running(avr.port) as house:
            whole = Track("Café del Mar", "Energy 52", "Ibiza Classics", source="receiver", source_name="NET")
            await until(lambda: house.state().media == whole)
            avr.state.now_playing.title = "Another"
            await until(lambda: (media := house.state().media) is not None and media.title == "Another")
            states = [state.media for state in house.states[ReceiverZone.MAIN] if state.media is not None]
            assert {one.title for one in states} == {"Café del Mar", "Another"}
            avr.state.now_playing.screen = "Media Server"
            await until(lambda: house.state().media is None)


@pytest.mark.parametrize("flags", [0, 1, 0x13, 0x80])
async def test_lines_may_be_cut_inside_a_character(flags: int) -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.state.main.source = "BT"
        avr.state.now_playing.flags = flags
        avr.state.now_playing.title = "é" * 60  # 96 bytes: a flag, 47 whole ones and half of the 48th
        avr.state.now_playing.artist = ""
        async with running(avr.port) as house:
            await until(lambda: house.state().media is not None)
            assert house.state().media == Track(
                "é" * 47, None, "Ibiza Classics", source="receiver", source_name="BT"
            )


async def test_the_screen_is_read_only_while_its_input_is_on() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        await asyncio.sleep(0.3)
        assert asked(avr, "NSE", "TFAN?", "TFANNAME?") == 0
        await avr.select_input("IRADIO")
        await until(lambda: house.state().media is not None)
        await asyncio.sleep(0.3)
        assert 2 <= asked(avr, "NSE") <= 6
        await avr.select_input("CD")
        await until(lambda: house.state().input == "CD")
        assert house.state().media is None
        await asyncio.sleep(0.1)
        began = len(avr.ledger)
        await asyncio.sleep(0.4)
        assert asked(avr, "NSE", since=began) == 0
        await avr.select_input("NET")
        await until(lambda: house.state().media is not None)
        await (await house.main.set_power(False))
        assert house.state().media is None
        await asyncio.sleep(0.1)
        began = len(avr.ledger)
        await asyncio.sleep(0.4)
        assert asked(avr, "NSE", since=began) == 0


async def test_nothing_is_read_while_a_player_tells_better() -> None:
    watched = False

    def watching(zone: ReceiverZone) -> bool:
        return watched and zone is ReceiverZone.MAIN

    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.state.main.source = "NET"
        async with running(avr.port, poll_media=watching) as house:
            await asyncio.sleep(0.4)
            assert asked(avr, "NSE") == 0
            assert house.state().media is None
            watched = True
            await until(lambda: house.state().media is not None)
            watched = False
            await until(lambda: house.state().media is None)


async def test_a_silent_screen_is_nothing() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.state.main.source = "NET"
        async with running(avr.port) as house:
            await until(lambda: house.state().media is not None)
            avr.faults.mute_queries.add("NSE")
            await until(lambda: house.state().media is None)


async def test_the_tuner_tells_its_station() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        await avr.select_input("TUNER")
        await until(lambda: house.state().media is not None)
        assert house.state().media == Track(station="SUGAR FM", source="receiver", source_name="TUNER")
        assert asked(avr, "NSE") == 0
        avr.state.now_playing.station = ""
        avr.state.settings["TFAN"] = "009830"
        await until(lambda: (media := house.state().media) is not None and media.station == "FM 98.3 MHz")
        await avr.select_input("CD")
        await until(lambda: house.state().media is None)


async def test_volume_does_not_wait_for_the_screen() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.state.main.source = "NET"
        async with running(avr.port) as house:
            for level in range(30, 40):
                await (await house.main.set_volume(level))
            assert house.state().volume == 39


@pytest.mark.parametrize(
    ("lines", "track"),
    [
        (
            NOW_PLAYING,
            Track("Café del Mar", "Energy 52", "Ibiza Classics", source="receiver", source_name="NET"),
        ),
        (NOW_PLAYING | {2: "", 4: ""}, Track("Café del Mar", source="receiver", source_name="NET")),
        (NOW_PLAYING | {0: "Favorites"}, None),
        ({0: "Now Playing"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_a_screen_is_a_track_or_nothing(lines: dict[int, str], track: Track | None) -> None:
    assert playing(lines, "NET") == track


@pytest.mark.parametrize(
    ("name", "frequency", "station"),
    [
        ("RADIO 1 ", "008750", "RADIO 1"),
        (None, "008750", "FM 87.5 MHz"),
        (" ", "010800", "FM 108 MHz"),
        (None, "053100", "AM 531 kHz"),
        (None, None, None),
        (None, "OFF", None),
    ],
)
def test_a_station_has_a_name_or_a_frequency(
    name: str | None, frequency: str | None, station: str | None
) -> None:
    track = tuned(name, frequency)
    assert (None if track is None else track.station) == station
