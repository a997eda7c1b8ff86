"""A HEOS system outlives the device that it is reached through: another one of it takes over."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from sugartalkd.heos.hosts import Hosts
from sugartalkd.model import HEOS_LINK, FoundPlayer, LinkWord, PlayerKey
from sugartalkd.simulator.heos import HeosSimulator, SimulatedPlayer
from tests.heos_home import BATH, KITCHEN, HeosHome, heos_home, key, until

if TYPE_CHECKING:
    from collections.abc import Callable


def at(number: int, address: str | None) -> FoundPlayer:
    return FoundPlayer(PlayerKey(str(number)), str(number), number, None, "", None, address)


def test_every_other_device_has_its_turn() -> None:
    hosts = Hosts()
    assert hosts.next_besides("192.168.1.2") is None
    hosts.learn([at(1, "192.168.1.2"), at(2, "192.168.1.3"), at(3, "192.168.1.4")], "192.168.1.2")
    assert [hosts.next_besides("192.168.1.2") for _ in range(3)] == [
        "192.168.1.3", "192.168.1.4", "192.168.1.3",
    ]  # fmt: skip
    hosts.learn([at(3, "192.168.1.9"), at(2, None)], "192.168.1.2")
    assert {hosts.next_besides("192.168.1.2") for _ in range(4)} == {"192.168.1.3", "192.168.1.9"}


@pytest.mark.parametrize(
    ("address", "through", "believed"),
    [
        ("127.0.0.1", "192.168.1.2", False), ("127.0.0.1", "127.0.0.5", True),
        ("127.0.0.1", "localhost", True), ("127.0.0.1", "heos.example", False),
        ("0.0.0.0", "127.0.0.5", False), ("", "192.168.1.2", False), ("8.8.8.8", "192.168.1.2", False),
        ("224.0.0.1", "192.168.1.2", False), ("attic", "192.168.1.2", False),
        ("10.0.0.7", "heos.example", True), ("::1", "192.168.1.2", False),
    ],
)  # fmt: skip
def test_only_devices_in_the_house_are_asked(address: str, through: str, *, believed: bool) -> None:
    hosts = Hosts()
    hosts.learn([at(1, address)], through)
    assert hosts.next_besides(through) == (address if believed else None)


def spread(other: str) -> Callable[[HeosSimulator], None]:
    def prepare(heos: HeosSimulator) -> None:
        heos.players[KITCHEN].ip = other

    return prepare


def host(one: HeosHome) -> str | None:
    state = one.store.links[HEOS_LINK]
    return state.host if state.word is LinkWord.ONLINE else None


async def test_another_device_takes_over_and_the_first_one_is_tried_first(
    address: str, other_address: str
) -> None:
    twins = [SimulatedPlayer("Kitchen", KITCHEN, serial=key(KITCHEN), ip=other_address),
             SimulatedPlayer("Bath", BATH, serial=key(BATH), ip=address)]  # fmt: skip
    async with (
        heos_home(address, spread(other_address)) as one,
        HeosSimulator(twins, host=other_address) as other,
    ):
        await until(lambda: host(one) == address)
        assert other.connections_total == 0
        await one.heos.power_off()
        await until(lambda: host(one) == other_address)
        await until(lambda: one.zone(KITCHEN).player_up)
        await one.control(KITCHEN).set_volume(35)
        assert twins[0].level == 35
        await one.heos.power_on()
        other.close_all()
        await until(lambda: host(one) == address)
        await one.control(KITCHEN).set_volume(36)
        assert (one.heos.players[KITCHEN].level, twins[0].level) == (36, 35)


async def test_a_player_that_is_silent_does_not_change_the_device(address: str, other_address: str) -> None:
    twins = [SimulatedPlayer(name, pid, serial=key(pid), ip=other_address)
             for name, pid in (("Kitchen", KITCHEN), ("Bath", BATH))]  # fmt: skip
    async with (
        heos_home(address, spread(other_address)) as one,
        HeosSimulator(twins, host=other_address) as other,
    ):
        await one.heos.power_off()
        await until(lambda: host(one) == other_address)
        await until(lambda: one.zone(BATH).player_up)
        await one.heos.power_on()
        before = one.heos.connections_total
        other.faults.silent_players.add(BATH)
        other.send_event("player_now_playing_changed", f"pid={BATH}")
        await asyncio.sleep(2)
        await one.control(KITCHEN).set_volume(35)
        assert (twins[0].level, host(one), one.heos.connections_total) == (35, other_address, before)


async def test_a_short_outage_stays_short_when_nobody_else_answers(address: str, other_address: str) -> None:
    async with heos_home(address, spread(other_address)) as one:
        await one.heos.power_off()
        await asyncio.sleep(1.5)
        state = one.store.links[HEOS_LINK]
        assert state.host == address
        assert state.last_error is not None
        assert state.last_error.startswith(address)
        await one.heos.power_on()
        began = time.monotonic()
        await until(lambda: host(one) == address)
        assert time.monotonic() - began < 2
