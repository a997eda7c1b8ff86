"""Groups of HEOS players: who plays with whom, what members mirror, and where commands for them go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sugartalkd.errors import HeosFailed, HeosOffline, NotConfirmed, Unsupported
from sugartalkd.heos import translate
from sugartalkd.model import HEOS_LINK, LinkWord, Playback, Repeat, Transport, Zone, ZoneGroup, ZoneId
from tests.heos_home import ALONE, BATH, KITCHEN, LIVING, heos_home, key, songs, together, until

if TYPE_CHECKING:
    from sugartalkd.simulator.heos import HeosSimulator


async def test_groups_are_known_from_the_start_and_followed(address: str) -> None:
    async with heos_home(address, lambda heos: heos.set_group([KITCHEN, BATH])) as one:
        await until(lambda: one.groups() == [ALONE, together(KITCHEN, BATH), together(KITCHEN, BATH)])
        one.heos.set_group([LIVING, BATH, KITCHEN])
        everybody = together(LIVING, BATH, KITCHEN)
        await until(lambda: one.groups() == [everybody, everybody, everybody])
        one.heos.set_group([BATH])
        await until(lambda: one.groups() == [together(LIVING, KITCHEN), together(LIVING, KITCHEN), ALONE])
        one.heos.set_group([LIVING])
        await until(lambda: one.groups() == [ALONE, ALONE, ALONE])


async def test_a_member_is_never_shown_without_what_it_mirrors(address: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.answer_delay = 0.02
        heos.play_item(BATH, *songs("First"))
        heos.members_lag = True
        heos.set_group([BATH, LIVING])

    async with heos_home(address, prepare) as one:
        await until(lambda: one.zone(KITCHEN).group == ALONE)
        for _ in range(2):
            assert one.seen.of(LIVING, lambda zone: zone.playback) == [Playback.PLAYING]
            assert one.seen.of(LIVING, lambda zone: zone.group) == [together(BATH, LIVING)]
            one.seen.states.clear()
            one.heos.close_all()
            await until(lambda: one.zone(LIVING).player_up is None)
            await until(lambda: one.zone(LIVING).player_up)


async def test_a_burst_of_events_costs_one_reading_or_two(address: str) -> None:
    async with heos_home(address) as one:
        await until(lambda: one.groups() == [ALONE, ALONE, ALONE])
        before = len(one.heos.received("group/get_groups"))
        one.heos.burst = 20
        one.heos.set_group([LIVING, BATH])
        await asyncio.sleep(0.1)
        one.heos.set_group([LIVING, KITCHEN, BATH])
        await until(lambda: one.zone(BATH).group == together(LIVING, KITCHEN, BATH))
        await asyncio.sleep(0.5)
        assert len(one.heos.received("group/get_groups")) - before <= 2


async def test_members_mirror_their_leader_but_for_the_volume(address: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.players[BATH].level = 44
        heos.play_item(LIVING, *songs("First", "Second"))
        heos.set_play_mode(LIVING, "on_all", shuffle=True)
        heos.members_lag = True
        heos.set_group([LIVING, BATH])

    async with heos_home(address, prepare) as one:
        await until(lambda: one.transport(BATH) is Transport.PLAYING)
        bath, living = one.zone(BATH).player_up, one.zone(LIVING).player_up
        assert bath is not None
        assert living is not None
        assert bath.track == living.track
        assert bath.track is not None
        assert bath.track.title == "First"
        assert (bath.repeat, bath.shuffle, bath.volume) == (Repeat.ALL, True, 44)
        one.heos.skip(LIVING, 1)
        await until(lambda: one.zone(BATH).now_playing.track.title == "Second")
        one.heos.seek(LIVING, 100)
        await until(lambda: (anchor := one.zone(BATH).now_playing.anchor) and anchor.seconds == 100)
        one.heos.set_state(LIVING, "pause")
        await until(lambda: one.transport(BATH) is Transport.PAUSED)
        one.heos.press_mute(BATH)
        await until(lambda: one.zone(BATH).mute)
        assert one.zone(LIVING).mute is False
        one.heos.set_group([BATH])
        await until(lambda: one.transport(BATH) is Transport.IDLE)
        assert one.zone(BATH).group == ALONE


async def test_commands_go_to_the_leader_and_volume_stays_ones_own(address: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.play_item(LIVING, *songs("First", "Second"))
        heos.set_group([LIVING, BATH])

    async with heos_home(address, prepare) as one:
        await until(lambda: one.zone(BATH).group == together(LIVING, BATH))
        bath = one.control(BATH)
        await bath.pause()
        await bath.play()
        await bath.stop()
        await bath.next()
        await bath.previous()
        await bath.set_repeat(Repeat.ALL)
        await bath.set_shuffle(on=True)
        await bath.play_url("http://127.0.0.1/a.mp3", None)
        await bath.set_volume(31)
        await bath.set_mute(on=True)
        for command in ("set_play_state", "play_next", "play_previous", "set_play_mode"):
            assert set(one.told(f"player/{command}")) == {str(LIVING)}, command
        assert one.told("browse/play_stream") == [str(LIVING)]
        assert one.told("player/set_volume") == one.told("player/set_mute") == [str(BATH)]
        living = one.heos.players[LIVING]
        assert (living.repeat, living.shuffle, living.level) == ("on_all", True, 20)


async def test_set_group_makes_joins_changes_and_ends(address: str) -> None:
    async with heos_home(address) as one:
        await one.control(KITCHEN).set_group([key(BATH)])
        assert one.zone(BATH).group == together(KITCHEN, BATH), "confirmed means seen"
        await one.control(KITCHEN).set_group([key(BATH), key(LIVING)])
        assert one.zone(LIVING).group == together(KITCHEN, BATH, LIVING)
        await one.control(LIVING).set_group([key(BATH)])
        assert one.groups() == [together(LIVING, BATH), ALONE, together(LIVING, BATH)]
        await one.control(LIVING).set_group([])
        assert one.groups() == [ALONE, ALONE, ALONE]
        await one.control(LIVING).set_group([])
        assert one.told("group/set_group")[-1] == str(LIVING)


async def test_a_member_leaves_alone(address: str) -> None:
    async with heos_home(address, lambda heos: heos.set_group([KITCHEN, BATH, LIVING])) as one:
        await until(lambda: one.zone(BATH).group == together(KITCHEN, BATH, LIVING))
        await one.control(BATH).set_group([])
        assert one.groups() == [together(KITCHEN, LIVING), together(KITCHEN, LIVING), ALONE]


async def test_a_busy_system_is_asked_again(address: str) -> None:
    async with heos_home(address) as one:
        one.heos.faults.fail("group/set_group", 13, 2)
        one.heos.faults.fail("group/set_group", 16, 1)
        await one.control(LIVING).set_group([key(BATH)])
        assert one.zone(BATH).group == together(LIVING, BATH)
        assert len(one.told("group/set_group")) == 4


async def test_what_is_swallowed_is_not_confirmed(address: str) -> None:
    async with heos_home(address) as one:
        one.heos.faults.swallow.add("group/set_group")
        began = asyncio.get_running_loop().time()
        with pytest.raises(NotConfirmed):
            await one.control(LIVING).set_group([key(BATH)])
        assert asyncio.get_running_loop().time() - began < 4
        assert one.groups() == [ALONE, ALONE, ALONE]


async def test_a_grouping_without_its_event_is_seen(address: str) -> None:
    async with heos_home(address) as one:
        one.heos.faults.late_events = 60
        await one.control(LIVING).set_group([key(BATH)])
        assert one.zone(BATH).group == together(LIVING, BATH)


async def test_a_refused_grouping_says_so(address: str) -> None:
    async with heos_home(address) as one:
        one.heos.faults.fail("group/set_group", 5, None)
        with pytest.raises(HeosFailed):
            await one.control(LIVING).set_group([key(BATH)])
        await one.control(LIVING).set_group([])  # it plays alone already


async def test_an_absent_player_changes_nothing(address: str) -> None:
    async with heos_home(address) as one:
        one.heos.remove_player(BATH)
        await until(lambda: one.zone(BATH).player_up is None)
        with pytest.raises(HeosOffline):
            await one.control(LIVING).set_group([key(KITCHEN), key(BATH)])
        assert one.told("group/set_group") == []


async def test_group_volume_is_the_leaders(address: str) -> None:
    async with heos_home(address, lambda heos: heos.set_group([KITCHEN, BATH])) as one:
        await until(lambda: one.group_volume(KITCHEN) == 20)
        assert one.group_volume(BATH) is None
        one.heos.set_group_level(one.heos.groups[KITCHEN], 40)
        await until(lambda: one.group_volume(KITCHEN) == 40)
        await until(lambda: one.zone(BATH).volume == 40)
        await one.control(KITCHEN).set_group_volume(10)
        await until(lambda: one.group_volume(KITCHEN) == 10)
        one.heos.turn_volume(BATH, 30)
        await until(lambda: one.group_volume(KITCHEN) == 20)
        for pid in (BATH, LIVING):
            with pytest.raises(Unsupported):
                await one.control(pid).set_group_volume(10)
        one.heos.set_group([KITCHEN])
        await until(lambda: one.group_volume(KITCHEN) is None)


async def test_a_leader_that_is_away_is_named_in_the_refusal(address: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.play_item(LIVING, *songs("First"))
        heos.set_group([LIVING, BATH])

    async with heos_home(address, prepare) as one:
        await until(lambda: one.transport(BATH) is Transport.PLAYING)
        one.heos.faults.fail("group/get_groups", 13, None)  # the group is not heard to have ended
        one.heos.remove_player(LIVING)
        await until(lambda: one.zone(LIVING).player_up is None)
        assert one.transport(BATH) is None
        assert one.zone(BATH).volume == 20
        for refused in (one.control(BATH).pause(), one.control(BATH).jump_in_queue(0)):
            with pytest.raises(HeosOffline, match="leads its group"):
                await refused
        await one.control(BATH).set_volume(21)


async def test_a_vanished_leader_leaves_nothing_to_show(address: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.play_item(LIVING, *songs("First"))
        heos.set_group([LIVING, BATH, KITCHEN])

    async with heos_home(address, prepare) as one:
        await until(lambda: one.transport(BATH) is Transport.PLAYING)
        one.heos.remove_player(LIVING)
        await until(lambda: one.groups() == [None, ALONE, ALONE])
        await until(lambda: one.transport(BATH) is Transport.IDLE)
        assert one.zone(BATH).now_playing.track.title is None


async def test_a_vanished_member_leaves_the_others(address: str) -> None:
    async with heos_home(address, lambda heos: heos.set_group([LIVING, BATH, KITCHEN])) as one:
        await until(lambda: one.zone(BATH).group == together(LIVING, BATH, KITCHEN))
        one.heos.remove_player(BATH)
        await until(lambda: one.groups() == [together(LIVING, KITCHEN), together(LIVING, KITCHEN), None])


async def test_a_group_outlives_its_leaders_pid(address: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.play_item(LIVING, *songs("First"))
        heos.set_group([LIVING, BATH])

    async with heos_home(address, prepare) as one:
        await until(lambda: one.transport(BATH) is Transport.PLAYING)
        one.seen.states.clear()
        one.heos.change_pid(LIVING, 77)
        await until(lambda: one.heos.received("group/get_volume")[-1].arguments["gid"] == "77")
        await asyncio.sleep(0.2)
        assert one.seen.of(BATH, lambda zone: zone.group) in ([], [together(LIVING, BATH)])
        assert one.seen.of(BATH, lambda zone: zone.playback) in ([], [Playback.PLAYING])
        await one.control(BATH).pause()
        assert one.told("player/set_play_state") == ["77"]
        one.heos.set_group_level(one.heos.groups[77], 33)
        await until(lambda: one.group_volume(LIVING) == 33)


@pytest.mark.parametrize("fault", ["refused", "silent"])
async def test_groups_that_are_not_told_are_not_made_up(address: str, fault: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.set_group([LIVING, BATH])
        if fault == "refused":
            heos.faults.fail("group/get_groups", 13, None)
        else:
            heos.faults.under_process_never.add("group/get_groups")

    async with heos_home(address, prepare) as one:
        assert one.store.links[HEOS_LINK].word is LinkWord.ONLINE
        await asyncio.sleep(0.3)
        assert one.groups() == [None, None, None]
        await one.control(BATH).set_volume(30)
        one.heos.faults.failures.clear()
        one.heos.faults.under_process_never.clear()
        await until(lambda: one.groups() == [together(LIVING, BATH), ALONE, together(LIVING, BATH)], 6)


async def test_an_odd_group_costs_nobody_else_his(address: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.set_group([LIVING, BATH])
        heos.faults.odd_groups = True

    async with heos_home(address, prepare) as one:
        await until(lambda: one.groups() == [together(LIVING, BATH), ALONE, together(LIVING, BATH)])


def test_what_is_no_list_of_groups_is_no_answer() -> None:
    with pytest.raises(TypeError):
        translate.listed_groups({"groups": []})
    assert translate.listed_groups(None) == ()
    led_by_gid = {"gid": "5", "players": [{"pid": 6}, {"pid": "5"}]}
    assert translate.listed_groups([led_by_gid]) == (translate.ListedGroup(5, 5, (5, 6)),)


async def test_a_group_volume_that_is_refused_is_asked_again(address: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.set_group([LIVING, BATH])
        heos.faults.fail("group/get_volume", 13, 1)

    async with heos_home(address, prepare) as one:
        await until(lambda: one.zone(BATH).group == together(LIVING, BATH))
        assert one.group_volume(LIVING) is None
        await until(lambda: one.group_volume(LIVING) == 20, 5)


async def test_zones_that_come_and_go_change_the_group(address: str) -> None:
    async with heos_home(address, lambda heos: heos.set_group([LIVING, BATH, KITCHEN])) as one:
        await until(lambda: one.zone(BATH).group == together(LIVING, BATH, KITCHEN))
        one.store.remove_zone(ZoneId("kitchen"))
        assert one.zone(BATH).group == together(LIVING, BATH)
        one.store.remove_zone(ZoneId("living"))
        assert one.zone(BATH).group == ZoneGroup(None, (ZoneId("bath"),))
        one.store.put_zone(Zone(ZoneId("hall"), "Hall", player=key(LIVING)))
        assert one.zone(BATH).group == ZoneGroup(ZoneId("hall"), (ZoneId("hall"), ZoneId("bath")))


async def test_an_outage_forgets_groups_and_finds_them_again(address: str) -> None:
    async with heos_home(address, lambda heos: heos.set_group([LIVING, BATH])) as one:
        await until(lambda: one.zone(BATH).group == together(LIVING, BATH))
        await one.heos.power_off()
        await until(lambda: one.groups() == [None, None, None])
        await one.heos.power_on()
        await until(lambda: one.zone(BATH).group == together(LIVING, BATH), 5)
