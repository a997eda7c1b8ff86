"""What the simulated HEOS system has to browse, asked in raw lines."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any, Final

import pytest

from sugartalkd.simulator.heos import HeosSimulator, SimulatedPlayer
from sugartalkd.simulator.heos_library import DLNA_SERVER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOUNGE: Final = 1001
ATTIC: Final = -7
SERVER: Final = f"sid={DLNA_SERVER}"

_DICE: Final = random.SystemRandom()


@pytest.fixture
async def simulator() -> AsyncIterator[HeosSimulator]:
    players = [SimulatedPlayer("Lounge", LOUNGE), SimulatedPlayer("Attic", ATTIC)]
    async with HeosSimulator(players, host=f"127.78.{_DICE.randint(0, 255)}.{_DICE.randint(1, 254)}") as one:
        yield one


async def ask(simulator: HeosSimulator, *commands: str) -> list[dict[str, Any]]:
    """One reply for each line, over one socket."""
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    try:
        replies: list[dict[str, Any]] = []
        for command in commands:
            writer.write(f"heos://{command}\r\n".encode())
            async with asyncio.timeout(1):
                replies.append(json.loads(await reader.readline()))
        return replies
    finally:
        writer.close()


async def message(simulator: HeosSimulator, command: str) -> str:
    return (await ask(simulator, command))[0]["heos"]["message"]


async def test_sources_say_whether_they_are_available(simulator: HeosSimulator) -> None:
    async def available() -> list[int]:
        (reply,) = await ask(simulator, "browse/get_music_sources")
        return [one["sid"] for one in reply["payload"] if one["available"] == "true"]

    assert await available() == [3, 1024, 1027]
    simulator.sign_in("someone")
    assert await available() == [3, 10, 1024, 1025, 1026, 1027, 1028]


@pytest.mark.parametrize(
    "command",
    [
        "browse/browse?sid=1025",
        "browse/browse?sid=1026",
        "browse/browse?sid=10",
        "browse/get_search_criteria?sid=10",
        "browse/search?sid=10&search=x&scid=1",
        f"browse/add_to_queue?pid={LOUNGE}&sid=1025&cid=901&aid=1",
    ],
)
async def test_what_needs_an_account(simulator: HeosSimulator, command: str) -> None:
    assert (await message(simulator, command)).startswith("eid=8&text=User not logged in.")
    simulator.sign_in("someone")
    assert not (await message(simulator, command)).startswith("eid=8&")


async def test_a_folder_of_a_thousand_comes_in_pages(simulator: HeosSimulator) -> None:
    (reply,) = await ask(simulator, f"browse/browse?{SERVER}&cid=all&range=950,1200")
    assert reply["heos"]["message"] == f"{SERVER}&cid=all&range=950,1200&returned=50&count=1000"
    assert reply["payload"][0]["name"] == "Track 0951"
    (reply,) = await ask(simulator, f"browse/browse?{SERVER}&cid=all&range=0,499")
    assert len(reply["payload"]) == 100
    (reply,) = await ask(simulator, f"browse/browse?{SERVER}&cid=all&range=1000,1049")
    assert reply["payload"] == []


async def test_only_favourites_have_a_range_at_their_root(simulator: HeosSimulator) -> None:
    simulator.sign_in("someone")
    for source, expected in ((SERVER, 5), ("sid=1025", 2), ("sid=1028", 1)):
        (reply,) = await ask(simulator, f"browse/browse?{source}&range=0,0")
        assert len(reply["payload"]) == expected
    simulator.library.range_on_roots = True
    (reply,) = await ask(simulator, f"browse/browse?{SERVER}&range=0,0")
    assert len(reply["payload"]) == 1


async def test_search(simulator: HeosSimulator) -> None:
    criteria, found, none = await ask(
        simulator,
        f"browse/get_search_criteria?{SERVER}",
        f"browse/search?{SERVER}&search=TRAIN&scid=2",
        f"browse/search?{SERVER}&search=TRAIN&scid=9",
    )
    assert criteria["payload"][2] == {
        "name": "Track", "scid": 3, "wildcard": "no", "cid": "SEARCHED_TRACKS-", "playable": "yes",
    }  # fmt: skip
    assert [(one["name"], one["cid"]) for one in found["payload"]] == [("Blue Train", "c7")]
    assert none["heos"]["message"].startswith("eid=2&")
    await ask(simulator, f"browse/add_to_queue?pid={LOUNGE}&{SERVER}&cid=SEARCHED_TRACKS-train&aid=4")
    assert [one.song for one in simulator.players[LOUNGE].queue] == ["Blue Train"]


async def test_what_is_not_playable(simulator: HeosSimulator) -> None:
    add = f"browse/add_to_queue?pid={LOUNGE}&{SERVER}&aid=4"
    assert (await message(simulator, f"{add}&cid=all")).startswith("eid=14&text=cannot play")
    assert (await message(simulator, f"{add}&cid=all&mid=nothing")).startswith("eid=2&")
    await ask(simulator, f"{add}&cid=all&mid=all$7")
    assert [one.song for one in simulator.players[LOUNGE].queue] == ["Track 0007"]
    await ask(simulator, f"browse/play_stream?pid={LOUNGE}&sid=3&mid=s3&name=Radio Three")
    assert simulator.players[LOUNGE].now_playing == simulator.library.station("s3")


async def test_faults_of_lists(simulator: HeosSimulator) -> None:
    browse = f"browse/browse?{SERVER}&cid=c7"
    simulator.faults.wrong_count = 77
    assert (await message(simulator, browse)).endswith("&returned=3&count=77")
    simulator.faults.wrong_count, simulator.faults.missing_count = None, True
    assert (await message(simulator, browse)).endswith("&returned=3")
    simulator.faults.missing_texts = True
    (reply,) = await ask(simulator, browse)
    assert not {"name", "image_url"} & reply["payload"][0].keys()


async def test_a_source_that_never_answers(simulator: HeosSimulator) -> None:
    simulator.faults.silent_sources = {ATTIC}
    with pytest.raises(TimeoutError):
        await ask(simulator, f"browse/browse?sid={ATTIC}")
    await ask(simulator, f"browse/browse?sid={LOUNGE}", "browse/browse?sid=1027")


async def test_power_cuts_may_sign_out(simulator: HeosSimulator) -> None:
    simulator.sign_in("someone")
    for forgets, user in ((False, "someone"), (True, None)):
        simulator.faults.forgets_account = forgets
        await simulator.power_off()
        await simulator.power_on()
        assert simulator.user == user


async def test_reboots(simulator: HeosSimulator) -> None:
    simulator.faults.reboot_unanswered = True
    with pytest.raises(TimeoutError):
        await ask(simulator, "system/reboot")
    simulator.faults.fail("system/reboot", 1)
    assert await message(simulator, "system/reboot") == "eid=1&text=Command not recognized."
    with pytest.raises(TimeoutError):
        await ask(simulator, "system/reboot")
