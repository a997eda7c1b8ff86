"""The table against the contract's own text: what the contract says, the daemon has, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final, get_args

import pytest

from sugartalkd.command import BridgeCommand, Setting, ZoneCommand
from sugartalkd.merge import ZoneState
from sugartalkd.model import (
    Capability,
    LinkWord,
    Owner,
    PlayerState,
    Position,
    Queue,
    QueueItem,
    ReceiverId,
    ReceiverState,
    Repeat,
    Track,
    Transport,
    Zone,
    ZoneId,
)
from sugartalkd.mqtt import reference
from sugartalkd.mqtt.router import address
from sugartalkd.state import now
from sugartalkd.topics import (
    ABSENT,
    BRIDGE,
    COMMANDS,
    EVENTS,
    REQUESTS,
    STATES,
    SUBSCRIPTIONS,
    payload,
    setting,
)
from sugartalkd.topics.zone_command import SETTINGS

ROOT: Final = Path(__file__).parent.parent
CONTRACT: Final = ROOT / "tests/data/contract.md"
SHARED: Final = ROOT.parent / "shared/CONTRACT.md"

# Rows of the contract that later versions bring. A row that is neither here nor in the table is a fault,
# and so is one that is in both.
LATER: Final = {
    # renderers and discovery
    "<zone>/position/set", "bridge/connection/renderer/<zone>", "bridge/request/discover",
}  # fmt: skip


# Rows of ours beside the contract's: what the daemon keeps for a zone by itself.
ADDED: Final = {
    "<zone>/max_volume", "<zone>/max_volume_until", "<zone>/max_volume/set", "<zone>/snapshots",
    "<zone>/snapshot/save", "<zone>/snapshot/restore", "<zone>/snapshot/delete",
}  # fmt: skip


def _rows(section: str) -> list[list[str]]:
    """The cells of the tables of one section of the contract."""
    text = CONTRACT.read_text()
    body = re.split(r"^## ", text, flags=re.MULTILINE)[int(section)]
    lines = [line for line in body.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [
        row for row in rows if set("".join(row)) - set("-: ") and not row[0].startswith(("topic", "action"))
    ]


def _names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _contract_topics() -> set[str]:
    found: set[str] = set()
    for row in _rows("2"):
        for name in _names(row[0]):
            if not name.startswith(("request", "response")):
                found.add(f"bridge/{name.replace('<receiver id>', '<link>')}")
    found = {one.replace("bridge/connection/receiver/<link>", "bridge/connection/<link>") for one in found}
    # The table's <link> stands for these and every receiver.
    found -= {"bridge/connection/heos", "bridge/connection/plex"}
    for row in _rows("3"):
        for name in _names(row[0]):
            found.add("<zone>" if name == "<base>/<zone>" else f"<zone>/{name}")
    for row in _rows("5"):
        found |= _commands_of(row[0], row[1])
    for row in _rows("7"):
        told_beside = [name for name in _names(row[1]) if name.startswith("plex/")]
        found |= {f"bridge/request/{action}" for action in _actions_of(row[0]) + told_beside}
    return found | {"<zone>/event", "<zone>/result"}  # told in prose below the table


def _commands_of(topic: str, text: str) -> set[str]:
    if "<attribute>/set" in topic:
        listed = text if "for volume" in text else topic
        plain = listed.split(" for ")[1].split(", and")[0]
        attributes = [one.strip() for one in plain.split(",")]
        return {f"<zone>/{one}/set" for one in attributes} | {"<zone>/setting/<name>/set"}
    names = _names(topic)
    first = names[0]
    parent = first.rsplit("/", 1)[0]
    if first.endswith("<verb>"):
        verbs = re.findall(r"(?:^|· )`([a-z]+)`", text)
        return {f"{parent}/{verb}" for verb in verbs}
    return {name if name.startswith("<zone>") else f"{parent}{name}" for name in names}


def _actions_of(cell: str) -> list[str]:
    actions: list[str] = []
    for name in _names(cell):
        if name.startswith("{"):
            continue  # a payload
        actions.append(f"{actions[-1].rsplit('/', 1)[0]}{name}" if name.startswith("/") else name)
    return actions


def test_the_contract_and_the_table_have_the_same_topics() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "sugartalkd", "topics", "--format", "json"],
        capture_output=True, check=True, cwd=ROOT,
    )  # fmt: skip
    ours = {row["topic"].removeprefix("<base>/") for row in json.loads(printed.stdout)["topics"]}
    assert ours >= ADDED
    ours -= ADDED
    theirs = _contract_topics()
    assert ours & LATER == set()
    assert theirs - ours - LATER == set(), "the contract has them, the table does not"
    assert ours - theirs == set(), "the table has them, the contract does not"
    assert LATER - theirs == set(), "the contract never had them"


def test_the_contract_here_is_the_one_that_binds() -> None:
    if SHARED.exists():
        assert CONTRACT.read_text() == SHARED.read_text()


def test_words_of_links_are_the_contracts() -> None:
    section = next(row[1] for row in _rows("2") if "connection/heos" in row[0])
    assert {word.value for word in LinkWord} == set(_names(section))


def test_the_subscriptions_are_the_contracts_list() -> None:
    text = re.split(r"^## ", CONTRACT.read_text(), flags=re.MULTILINE)[8]
    sentence = re.search(r"Subscriptions, all under.*?Never", text, re.DOTALL)
    assert sentence is not None
    listed: list[str] = []
    for one in re.findall(r"`([+\w/#]+)`", sentence[0]):
        listed.append(f"{listed[-1].rpartition('/')[0]}{one}" if one.startswith("/") else one)
    added = {one.replace("<zone>", "+") for one in ADDED if "/snapshot/" in one}
    assert set(SUBSCRIPTIONS) == set(listed) | added


def test_commands_of_later_versions_are_refused_by_name() -> None:
    later = {one.removeprefix("<zone>/") for one in LATER if one.endswith(("/set", "/save", "/announce"))}
    assert set(ABSENT) == later
    for path, refusal in ABSENT.items():
        with pytest.raises(refusal):
            address(f"zone/{path.replace('+', 'bass')}").parse("x")


def test_admin_requests_are_the_daggers() -> None:
    daggers: set[str] = set()
    for row in _rows("7"):
        for name in re.findall(r"`([^`{]+)`(?: `\{[^`]*`)?†", row[0]):
            daggers.add(next(one for one in _actions_of(row[0]) if one.endswith(name)))
    assert {row.action for row in REQUESTS if row.admin} <= daggers
    assert not {row.action for row in REQUESTS if not row.admin} & daggers


def test_events_are_the_contracts() -> None:
    text = re.split(r"^## ", CONTRACT.read_text(), flags=re.MULTILINE)[3]
    assert all(row.event_type in text for row in EVENTS)


def test_every_command_class_is_built_by_some_row() -> None:
    samples: dict[str, object] = {
        "set": {"mute": "ON"}, "play": {"url": "http://127.0.0.1/a.mp3"}, "repeat/set": "all",
        "sleep/set": "10", "volume/set": "10", "volume_db/set": "-10", "input/set": "CD",
        "sound_mode/set": "STEREO", "get": "", "command": "play", "receiver/raw": "PWON",
        "bridge/request/zone/forget": "kitchen", "bridge/request/log_level": "info",
        "bridge/request/config/set": {"heos.host": "auto"}, "queue/jump": "1", "queue/remove": "1",
        "queue/move": {"from": 1, "to": 2}, "group_volume/set": "10", "group/set": "kitchen",
        "group/add": "kitchen", "group/remove": "kitchen", "max_volume/set": "auto",
        "bridge/request/heos/browse": "local",
        "bridge/request/heos/search": {"source": "local", "query": "x"},
        "bridge/request/heos/sign_in": {"username": "a", "password": "b"},
        "announce": "http://127.0.0.1/a.mp3", "bridge/request/plex/rate": {"media_id": "x", "rating": 5},
        "bridge/request/plex/playlist/create": {"name": "x", "items": ["y"]},
        "bridge/request/plex/playlist/add": {"media_id": "x", "items": "y"},
        "bridge/request/plex/playlist/remove": {"media_id": "x", "items": "y"},
        "bridge/request/plex/client/play": {"client": "x", "media_id": "y"},
        "bridge/request/plex/client/command": {"client": "x", "command": "play"},
        **{f"bridge/request/{one}": "x" for one in
           ("plex/search", "plex/item", "plex/playlist/delete", "artwork")},
    }  # fmt: skip
    samples |= {f"{spec.path}/set": _sample(spec.kind) for spec in setting.SPECS}
    built: set[type] = set()
    for row in COMMANDS:
        sample = samples.get(row.path, "ON")
        raw = sample if isinstance(sample, str) else json.dumps(sample)
        built.add(type(address(f"zone/{row.path}").parse(payload.read(raw.encode()))))
    others = (
        ("play", {"media_id": "heos:x"}), ("play", {"favorite": 1}), ("play", {"playlist": "x"}),
        ("play", {"query": "x"}),
        ("volume/set", {"value": 1, "seconds": 5}), ("max_volume/set", {"value": 1, "minutes": 5}),
    )  # fmt: skip
    for path, sample in others:
        built.add(type(address(f"zone/{path}").parse(payload.read(json.dumps(sample).encode()))))
    for request in REQUESTS:
        sample = samples.get(f"bridge/request/{request.action}", "{}")
        raw = sample if isinstance(sample, str) else json.dumps(sample)
        built.add(type(address(f"bridge/request/{request.action}").parse(payload.read(raw.encode()))))
    every = {*get_args(ZoneCommand), *get_args(BridgeCommand)}
    assert built == every
    samples |= {"power/set": "ON", "mute/set": "ON", "shuffle/set": "ON"}
    assert {type(row.parse_value(str(samples[row.path]))) for row in SETTINGS} == {*get_args(Setting)}


def _sample(kind: setting.Kind) -> str:
    match kind:
        case setting.Switch() | setting.Picture():
            return "ON"
        case setting.Words(words):
            return words[0]
        case setting.Range() | setting.Steps():
            return "0"
        case setting.Recall():
            return "1"


def test_every_state_field_changes_some_row() -> None:
    zone = Zone(
        ZoneId("z"), "Z", receiver=ReceiverId("r"), player=None, owner=Owner.RECEIVER, settings=("bass",),
        capabilities=frozenset(Capability),
    )  # fmt: skip
    receiver = ReceiverState(True, 30.0, False, "TUNER", "STEREO", 0)
    player = PlayerState(
        Transport.PLAYING, 20, False, Repeat.OFF, False, Track("a"), Position(1, now()), progress=1
    )
    from dataclasses import fields, replace  # noqa: PLC0415

    def rendered(owner: Owner, receiver: ReceiverState, player: PlayerState) -> list[bytes | None]:
        one = replace(zone, owner=owner, player="p", player_input="NET")  # type: ignore[arg-type]
        state = ZoneState(
            one,
            receiver,
            player,
            LinkWord.ONLINE,
            LinkWord.ONLINE,
            receiver_settled=True,
            player_settled=True,
        )
        return [row.render(state) for row in STATES]

    others: dict[str, object] = {
        "power": False, "volume": 31.0, "mute": True, "input": "CD", "sound_mode": "X", "sleep": 5,
        "transport": Transport.PAUSED, "repeat": Repeat.ALL, "shuffle": True, "track": Track("b"),
        "anchor": Position(9, now()), "progress": 9, "settings": {"bass": 1.0}, "media": Track("c"),
        "queue": Queue(1), "queue_index": 3, "group_volume": 7.0, "next": QueueItem("plex:track:2", "d"),
    }  # fmt: skip
    for part, owner in ((receiver, Owner.RECEIVER), (player, Owner.PLAYER)):
        for one in fields(part):
            if one.name in {"group", "url"}:
                continue  # zone ids are made of the one (ZoneState.group), the other is secret
            changed = replace(part, **{one.name: others[one.name]})  # type: ignore[arg-type]
            heard = replace(receiver, input="NET") if part is player else receiver
            before = rendered(owner, heard, player)
            after = (
                rendered(owner, changed, player)
                if isinstance(changed, ReceiverState)
                else rendered(owner, heard, changed)
            )
            assert before != after, f"nobody publishes {one.name}"


def test_the_committed_reference_is_the_generated_one() -> None:
    committed = ROOT / "docs/topics.md"
    assert committed.read_text() == reference.markdown(), (
        "regenerate it: sugartalkd topics --format md > docs/topics.md"
    )


def test_the_bridge_rows_are_all_published_or_described() -> None:
    assert len({row.path for row in BRIDGE}) == len(BRIDGE)
