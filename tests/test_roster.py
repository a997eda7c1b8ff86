"""The roster: which zones there are and what they are called, whatever is found in whatever order."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from sugartalkd.config import Config
from sugartalkd.model import ZONE_ID, Capability, FoundPlayer, PlayerKey, ReceiverId, ZoneId
from sugartalkd.roster import Roster

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DENON: Final = ReceiverId("denon")
DENON_ZONE: Final = ZoneId(DENON)
AT: Final = {DENON: {"10.0.0.9"}}
HOUSE: Final[dict[str, Any]] = {"heos": {}, "receivers": {"denon": {"host": "10.0.0.9"}}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state/zones.json"


def player(name: str, serial: str | None = None, address: str | None = None, pid: int = 1) -> FoundPlayer:
    return FoundPlayer(PlayerKey(serial or f"name:{name}"), name, pid, serial, "HEOS 1", "3.34", address)


def roster(file: Path, content: Mapping[str, Any] | None = None) -> Roster:
    return Roster(Config.model_validate(content if content is not None else {"heos": {}}), file)


def receivers(*names: str) -> dict[str, Any]:
    return {"heos": {}, "receivers": {name: {"host": f"{name}.local"} for name in names}}


def players_of(one: Roster) -> dict[str, str | None]:
    """Which player each zone has; two zones of one id fail here."""
    zones = one.zones()
    assert len({zone.id for zone in zones}) == len(zones)
    return {zone.id: zone.player for zone in zones}


def written(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text())


def warnings(logs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [one for one in logs if one["log_level"] == "warning"]


# -- ids -------------------------------------------------------------------------------------------------


def test_a_name_becomes_an_id(file: Path) -> None:
    one = roster(file)
    names = ["Küche", "kuche", "Bridge", "客厅", "a" * 80, "a" * 70, "__Bad - 1. OG__"]
    one.found([player(name, f"S{number}") for number, name in enumerate(names)], {})
    assert list(players_of(one)) == [
        "kuche", "kuche_2", "bridge_2", "zone", "a" * 64, "a" * 62 + "_2", "bad_-_1_og",
    ]  # fmt: skip


def test_an_id_never_grows_too_long(file: Path) -> None:
    one = roster(file)
    one.found([player("a" * 64, f"S{number:04}") for number in range(1002)], {})
    assert all(ZONE_ID.fullmatch(zone.id) for zone in one.zones())
    assert len(players_of(one)) == 1002


def test_duplicates_are_numbered_in_the_order_of_serials(file: Path) -> None:
    one = roster(file)
    one.found([player("Kitchen", "S3"), player("Kitchen", "S1"), player("Kitchen", "S2")], {})
    assert players_of(one) == {"kitchen": "S1", "kitchen_2": "S2", "kitchen_3": "S3"}


def test_an_id_outlives_renaming_absence_and_the_daemon(file: Path) -> None:
    one = roster(file)
    one.found([player("Kitchen", "S1")], {})
    one.found([player("Attic", "S1")], {})
    one.found([], {})
    assert [(zone.id, zone.name) for zone in one.zones()] == [("kitchen", "Attic")]
    assert players_of(roster(file)) == {"kitchen": "S1"}


PLAYERS: Final = st.lists(
    st.builds(
        player,
        st.sampled_from(["Kitchen", "kitchen", "Kitchen 2", "Küche", "Bridge", "Denon", "", "a" * 70])
        | st.text(max_size=80),
        st.none() | st.from_regex(r"[A-Z0-9]{1,3}", fullmatch=True),
        st.sampled_from([None, "10.0.0.9", "10.0.0.8", "::ffff:10.0.0.9"]),
    ),
    unique_by=lambda one: one.key,
    max_size=8,
)


@settings(deadline=None)
@given(PLAYERS, st.data())
def test_ids_hold_whatever_is_found_in_whatever_order(there: list[FoundPlayer], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one = roster(Path(folder) / "zones.json", HOUSE)
        one.found(there, AT)
        zones = players_of(one)
        assert all(ZONE_ID.fullmatch(zone) and zone != "bridge" for zone in zones)
        assert {key for key in zones.values() if key is not None} == {each.key for each in there}
        other = roster(Path(folder) / "other.json", HOUSE)
        other.found(data.draw(st.permutations(there)), AT)
        assert players_of(other) == zones, "the order in which HEOS lists players means nothing"
        for _ in range(3):
            some = data.draw(st.lists(st.sampled_from(there), unique=True)) if there else []
            one.found(some, AT)
            assert players_of(one) == zones, "absence ends no zone"
        assert players_of(roster(Path(folder) / "zones.json", HOUSE)) == zones
        without = players_of(roster(Path(folder) / "zones.json"))
        assert set(without.values()) == {each.key for each in there}


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["denon", "kitchen", "living_room"]), unique=True),
            st.lists(
                st.builds(
                    player,
                    st.sampled_from(["Kitchen", "Living Room", "Denon", "Bridge"]),
                    st.sampled_from(["S1", "S2", "S3", "S4", None]),
                    st.sampled_from([None, "10.0.0.1", "10.0.0.2", "10.0.0.3"]),
                ),
                max_size=5,
            ),
            st.lists(
                st.sets(st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3"]), max_size=2),
                min_size=3,
                max_size=3,
            ),
        ),
        max_size=6,
    )
)
def test_no_id_is_there_twice_whatever_is_configured(
    story: list[tuple[list[str], list[FoundPlayer], list[set[str]]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "zones.json"
        for names, there, addresses in story:
            one = roster(file, receivers(*names))
            players_of(one)
            at = dict(zip(map(ReceiverId, ["denon", "kitchen", "living_room"]), addresses, strict=True))
            one.found(there, at)
            zones = players_of(one)
            assert set(names) <= zones.keys(), "a receiver has its zone, always"
            assert all(ZONE_ID.fullmatch(zone) and zone != "bridge" for zone in zones)
            held = [key for key in zones.values() if key is not None]
            assert len(set(held)) == len(held), "a player is in one zone only"
            assert {each.key for each in there} <= set(held)
            assert players_of(roster(file, receivers(*names))) == zones


# -- receivers and the players inside them ---------------------------------------------------------------


def test_a_receivers_key_wins_over_a_players_id(file: Path) -> None:
    there = [player("Living Room", "S1", "10.0.0.5")]
    roster(file).found(there, {})
    with capture_logs() as logs:
        one = roster(file, receivers("living_room"))
    assert players_of(one) == {"living_room": None, "living_room_2": "S1"}
    assert [(log["old"], log["new"]) for log in warnings(logs)] == [("living_room", "living_room_2")]
    one.found(there, {ReceiverId("living_room"): {"10.0.0.6"}})
    assert players_of(one) == {"living_room": None, "living_room_2": "S1"}
    with capture_logs() as logs:
        again = roster(file, receivers("living_room"))
    assert not logs, "it is written down"
    assert players_of(again) == players_of(one)


def test_the_new_id_is_not_another_players(file: Path) -> None:
    roster(file).found([player("Den", "S1"), player("Den", "S2")], {})
    assert players_of(roster(file, receivers("den"))) == {"den": None, "den_3": "S1", "den_2": "S2"}


def test_a_player_at_a_receivers_address_joins_its_zone(file: Path) -> None:
    one = roster(file, HOUSE)
    one.found([player("Living Room", "S1", "10.0.0.9"), player("Kitchen", "S2", "10.0.0.8")], AT)
    assert players_of(one) == {"denon": "S1", "kitchen": "S2"}
    denon = one.zones()[0]
    assert (denon.name, denon.player_name, denon.receiver) == ("Living Room", "Living Room", DENON)
    assert Capability.TRANSPORT in denon.capabilities


@pytest.mark.parametrize(
    ("address", "of_receiver", "joins"),
    [
        ("10.0.0.9", {"fe80::1", "10.0.0.9"}, True),
        ("10.0.0.9", {"::ffff:10.0.0.9"}, True),
        ("::ffff:a00:9", {"10.0.0.9"}, True),
        ("2001:DB8:0::1", {"10.0.0.9", "2001:db8::1"}, True),
        ("fe80::1", {"fe80::1%eth0"}, True),
        ("avr", {"avr"}, True),
        ("10.0.0.9", {"10.0.0.90"}, False),
        ("10.0.0.9", set[str](), False),
        ("", {""}, False),
        (None, {"10.0.0.9"}, False),
    ],
)
def test_any_address_of_a_receiver_counts(
    file: Path, address: str | None, of_receiver: set[str], joins: bool
) -> None:
    one = roster(file, HOUSE)
    one.found([player("Living Room", "S1", address)], {DENON: of_receiver})
    assert players_of(one) == ({"denon": "S1"} if joins else {"denon": None, "living_room": "S1"})


def test_only_one_of_two_players_at_an_address_joins(file: Path) -> None:
    there = [player("B", "S2", "10.0.0.9"), player("A", "S1", "10.0.0.9")]
    one = roster(file, HOUSE)
    with capture_logs() as logs:
        one.found(there, AT)
        one.found(there, AT)
    assert players_of(one) == {"denon": "S1", "b": "S2"}
    assert [log["player"] for log in warnings(logs)] == ["B"]


def test_who_was_joined_before_stays(file: Path) -> None:
    one = roster(file, HOUSE)
    one.found([player("B", "S2", "10.0.0.9")], AT)
    one.found([player("A", "S1", "10.0.0.9"), player("B", "S2", "10.0.0.9")], AT)
    assert players_of(one) == {"denon": "S2", "a": "S1"}
    one.found([player("A", "S1", "10.0.0.9")], AT)
    assert players_of(one) == {"denon": "S2", "a": "S1"}, "absence ends no zone"


def test_the_place_is_free_once_the_joined_player_is_seen_elsewhere(file: Path) -> None:
    one = roster(file, HOUSE)
    one.found([player("B", "S2", "10.0.0.9")], AT)
    one.found([player("A", "S1", "10.0.0.9"), player("B", "S2", "10.0.0.8")], AT)
    assert players_of(one) == {"denon": "S1", "b": "S2"}


def test_two_joins_written_down_by_an_older_release_are_mended(file: Path) -> None:
    file.parent.mkdir()
    joined = {"zone": "denon", "receiver": "denon"}
    content = {"S2": {**joined, "name": "Attic"}, "S1": {**joined, "name": "Den"}}
    own = {"S3": {"zone": "attic", "name": "Attic", "receiver": None}}
    file.write_text(json.dumps(content | own))
    with capture_logs() as logs:
        one = roster(file, HOUSE)
    assert players_of(one) == {"denon": "S1", "attic_2": "S2", "attic": "S3"}
    assert [log["new"] for log in warnings(logs)] == ["attic_2"]
    file.write_text(json.dumps(content))
    assert players_of(roster(file)) == {"denon": "S1", "attic": "S2"}, "without the receiver as well"


@pytest.mark.parametrize(
    ("address", "addresses", "stays"),
    [
        (None, AT, True),
        ("10.0.0.8", {}, True),
        ("10.0.0.8", {DENON: set[str]()}, True),
        ("10.0.0.8", {DENON: {"fe80::1"}}, True),
        ("10.0.0.8", {DENON: {"10.0.0.8", "fe80::1"}}, True),
        ("10.0.0.8", {DENON: {"10.0.0.9", "fe80::1"}}, False),
    ],
)
def test_a_join_lasts_until_the_player_is_seen_elsewhere(
    file: Path, address: str | None, addresses: Mapping[ReceiverId, set[str]], stays: bool
) -> None:
    one = roster(file, HOUSE)
    one.found([player("Living Room", "S1", "10.0.0.9")], AT)
    one.found([player("Lounge", "S1", address)], addresses)
    assert players_of(one) == ({"denon": "S1"} if stays else {"denon": None, "lounge": "S1"})
    assert players_of(roster(file, HOUSE)) == players_of(one)


def test_a_player_gets_its_own_id_back_when_it_leaves_a_receiver(file: Path) -> None:
    one = roster(file, HOUSE)
    one.found([player("Living Room", "S1")], AT)
    assert players_of(one) == {"denon": None, "living_room": "S1"}
    one.found([player("Lounge", "S1", "10.0.0.9"), player("Living Room", "S2")], AT)
    assert players_of(one) == {"denon": "S1", "living_room_2": "S2"}
    one.found([player("Lounge", "S1", "10.0.0.8"), player("Living Room", "S2")], AT)
    assert players_of(one) == {"denon": None, "living_room": "S1", "living_room_2": "S2"}


def test_a_player_moves_from_one_receiver_to_another(file: Path) -> None:
    avr = ReceiverId("avr")
    one = roster(file, receivers("denon", "avr"))
    one.found([player("A", "S1", "10.0.0.9")], AT)
    one.found([player("A", "S1", "10.0.0.8")], {**AT, avr: {"10.0.0.8"}})
    assert players_of(one) == {"denon": None, "avr": "S1"}
    assert players_of(roster(file, receivers("denon"))) == {"denon": None, "avr": "S1"}


def test_a_receiver_leaves_the_configuration_and_comes_back(file: Path) -> None:
    there = [player("A", "S1", "10.0.0.9"), player("Denon", "S2", "10.0.0.8")]
    roster(file, HOUSE).found(there, AT)
    one = roster(file)
    one.found(there, {})
    assert players_of(one) == {"denon": "S1", "denon_2": "S2"}
    assert one.zones()[0].receiver is None
    assert players_of(roster(file, HOUSE)) == {"denon": "S1", "denon_2": "S2"}
    renamed = roster(file, receivers("avr"))
    renamed.found(there, {ReceiverId("avr"): {"10.0.0.9"}})
    assert players_of(renamed) == {"avr": "S1", "denon_2": "S2"}


def test_without_heos_a_receivers_zone_has_no_player(file: Path) -> None:
    roster(file, HOUSE).found([player("A", "S1", "10.0.0.9"), player("B", "S2")], AT)
    one = roster(file, {"receivers": HOUSE["receivers"]})
    assert players_of(one) == {"denon": None}
    assert Capability.TRANSPORT not in one.zones()[0].capabilities


# -- forgetting ------------------------------------------------------------------------------------------


def test_a_players_own_zone_is_forgotten(file: Path) -> None:
    one = roster(file)
    one.found([player("Kitchen", "S1"), player("Attic", "S2")], {})
    assert one.forget(ZoneId("kitchen")) == ["S1"]
    assert one.forget(ZoneId("kitchen")) == []
    assert players_of(one) == {"attic": "S2"}
    assert written(file).keys() == {"S2"}


def test_a_receivers_zone_forgets_its_player_only_when_that_is_gone(file: Path) -> None:
    one = roster(file, HOUSE)
    others = [player("B", "S2", "10.0.0.9")]
    one.found([player("A", "S1", "10.0.0.9"), *others], AT)
    assert one.forget(DENON_ZONE) == []
    assert players_of(one) == {"denon": "S1", "b": "S2"}
    one.found(others, AT)
    assert one.forget(DENON_ZONE) == ["S1"]
    assert players_of(one) == {"denon": None, "b": "S2"}
    one.found(others, AT)
    assert players_of(one) == {"denon": "S2"}, "the place is free"
    assert one.forget(ZoneId("b")) == [], "no zone has this id now"


def test_the_zone_of_a_receiver_that_left_the_configuration_can_be_forgotten(file: Path) -> None:
    roster(file, HOUSE).found([player("A", "S1", "10.0.0.9")], AT)
    assert roster(file).forget(DENON_ZONE) == ["S1"]
    assert written(file) == {}


def test_configured_zones_are_not_forgotten(file: Path) -> None:
    one = roster(file, wishes(kitchen="Kitchen"))
    one.found([player("Kitchen", "S1")], {})
    assert one.forget(ZoneId("kitchen")) == []
    assert not file.exists()


# -- configured zones ------------------------------------------------------------------------------------


def wishes(**players: str) -> dict[str, Any]:
    return {"heos": {}, "zones": {zone: {"player": wished} for zone, wished in players.items()}}


def test_a_configured_zone_waits_for_its_player(file: Path) -> None:
    one = roster(file, wishes(den="Den", attic="-7", bath="S3"))
    with capture_logs() as logs:
        one.found([], {})
    assert players_of(one) == {"den": "wished:Den", "attic": "wished:-7", "bath": "wished:S3"}
    assert not logs, "nothing has been heard yet"
    one.found([player("Den", "S1"), player("X", "S2", pid=-7), player("Y", "S3")], {})
    assert players_of(one) == {"den": "S1", "attic": "S2", "bath": "S3"}
    assert [zone.player_name for zone in one.zones()] == ["Den", "X", "Y"]


def test_a_player_wished_twice_is_in_the_first_zone(file: Path) -> None:
    one = roster(file, wishes(kitchen="Kitchen", den="S1"))
    with capture_logs() as logs:
        for _ in range(3):
            one.found([player("Kitchen", "S1"), player("Attic", "S2")], {})
            assert players_of(one) == {"kitchen": "S1", "den": "wished:S1"}
    assert [(log["zone"], log["first"]) for log in logs] == [("den", "kitchen")]
    one.found([player("Cook", "S1")], {})
    assert players_of(one) == {"kitchen": "wished:Kitchen", "den": "S1"}


def test_two_players_of_one_name_are_for_two_zones(file: Path) -> None:
    one = roster(file, wishes(left="S1", right="Kitchen"))
    there = [player("Kitchen", "S2"), player("Kitchen", "S1")]
    one.found(there, {})
    assert players_of(one) == {"left": "S1", "right": "S2"}
    one.found(there[::-1], {})
    assert players_of(one) == {"left": "S1", "right": "S2"}


def test_a_wish_that_nobody_answers_is_told_once_per_set_of_players(file: Path) -> None:
    one = roster(file, wishes(kitchen="Kitchn"))
    first, second = player("Kitchen", "S1"), player("Attic", "S2")
    with capture_logs() as logs:
        for there in ([first], [first], [second, first], [first, second], [first], []):
            one.found(there, {})
    assert [(log["log_level"], log["player"], log["players"]) for log in logs] == [
        ("warning", "Kitchn", "Kitchen"),
        ("warning", "Kitchn", "Attic, Kitchen"),
    ]


# -- what is written down --------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]", b"[" * 100_000, b""])
def test_a_corrupt_list_is_set_aside(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    broken = file.with_name("zones.json.broken")
    broken.write_text("an older one")
    with capture_logs() as logs:
        one = roster(file)
    assert [log["set_aside"] for log in warnings(logs)] == [str(broken)]
    assert broken.read_bytes() == content
    assert not file.exists()
    one.found([player("Kitchen", "S1")], {})
    assert players_of(roster(file)) == {"kitchen": "S1"}


def test_a_list_that_cannot_even_be_set_aside_is_no_reason_not_to_start(file: Path) -> None:
    file.mkdir(parents=True)
    in_the_way = file.with_name("zones.json.broken") / "x"
    in_the_way.mkdir(parents=True)
    with capture_logs() as logs:
        one = roster(file)
        one.found([player("Kitchen", "S1")], {})
    assert players_of(one) == {"kitchen": "S1"}
    assert [log["log_level"] for log in logs] == ["warning", "error", "error"]


def test_entries_that_are_not_valid_are_left_out(file: Path) -> None:
    file.parent.mkdir()
    entries: dict[str, Any] = {
        "S1": {"zone": "Not An Id", "name": "A"},
        "S2": {"zone": "b"},
        "S3": [],
        "S4": {"zone": "bridge", "name": "D"},
        "S5": {"zone": "e", "name": "E", "receiver": 5},
    }
    file.write_text(json.dumps(entries))
    with capture_logs() as logs:
        one = roster(file)
    assert players_of(one) == {"bridge_2": "S4", "e": "S5"}
    assert [log["player"] for log in warnings(logs)] == ["S1", "S2", "S3", "D"]


def test_a_player_that_gains_a_serial_number_keeps_its_id(file: Path) -> None:
    one = roster(file, HOUSE)
    one.found([player("Kitchen"), player("Den", address="10.0.0.9")], AT)
    assert players_of(one) == {"denon": "name:Den", "kitchen": "name:Kitchen"}
    one.found([player("Den", "S2", "10.0.0.9"), player("Kitchen", "S1")], AT)
    assert players_of(one) == {"denon": "S2", "kitchen": "S1"}
    assert written(file).keys() == {"S1", "S2"}


def test_a_name_that_is_still_there_is_not_taken_over(file: Path) -> None:
    one = roster(file)
    one.found([player("Kitchen")], {})
    one.found([player("Kitchen", "S1"), player("Kitchen")], {})
    assert players_of(one) == {"kitchen": "name:Kitchen", "kitchen_2": "S1"}
    one.found([player("Kitchen", "S1")], {})
    assert players_of(one) == {"kitchen": "name:Kitchen", "kitchen_2": "S1"}, "S1 has an id already"


def test_one_name_is_taken_over_by_one_player(file: Path) -> None:
    one = roster(file)
    one.found([player("Kitchen")], {})
    one.found([player("Kitchen", "S2"), player("Kitchen", "S1")], {})
    assert players_of(one) == {"kitchen": "S1", "kitchen_2": "S2"}


def test_nothing_is_written_when_nothing_changed(file: Path) -> None:
    one = roster(file)
    one.found([player("Kitchen", "S1")], {})
    file.unlink()
    one.found([player("Kitchen", "S1", "10.0.0.4")], {})
    assert not file.exists()
