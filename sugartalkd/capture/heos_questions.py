"""What a HEOS system is asked: nothing that changes it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

REGISTER: Final = "system/register_for_change_events"
"""Concerns our socket alone."""
PLAYER: Final = (
    "player/get_player_info", "player/get_play_state", "player/get_now_playing_media", "player/get_volume",
    "player/get_mute", "player/get_play_mode", "player/get_queue", "player/get_quickselects",
    "player/check_update",
)  # fmt: skip
GROUP: Final = ("group/get_group_info", "group/get_volume", "group/get_mute")
ALLOWED: Final = frozenset(
    {
        *PLAYER,
        *GROUP,
        REGISTER,
        "system/heart_beat",
        "system/check_account",
        "player/get_players",
        "group/get_groups",
        "browse/get_music_sources",
        "browse/get_source_info",
        "browse/get_search_criteria",
        "browse/browse",
    }
)
"""Every command that may be sent."""

LOCAL_MUSIC: Final = 1024
AUX_INPUTS: Final = 1027
ROOTS: Final = {LOCAL_MUSIC: False, 1025: True, 1026: True, AUX_INPUTS: False, 1028: True}
"""The device's own sources, and whether they belong to the account."""
MOST: Final = 32
"""Players, groups or sources that are asked about."""
MOST_SERVERS: Final = 5
QUEUE_RANGE: Final = "0,19"
BROWSE_RANGE: Final = "0,9"
UNDER_PROCESS: Final = "command under process"

LIMIT: Final = 5.0
"""Seconds for an answer."""
BROWSE_LIMIT: Final = 20.0


@dataclass(frozen=True, slots=True)
class Question:
    """A command; raises ValueError for one that is not allowed."""

    command: str
    query: str = ""

    def __post_init__(self) -> None:
        if self.command not in ALLOWED:
            raise ValueError(f"{self.command} may change something")

    @property
    def line(self) -> bytes:
        return f"heos://{self.command}{'?' if self.query else ''}{self.query}".encode()

    @property
    def limit(self) -> float:
        """Seconds that an answer may take."""
        return BROWSE_LIMIT if self.command.startswith("browse/") else LIMIT


@dataclass(frozen=True, slots=True)
class Reply:
    """What can be read of an answer; empty where nothing can."""

    ok: bool = False
    message: str = ""
    entries: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def integers(self, key: str) -> Iterator[int]:
        """Each once, and not more than anybody has."""
        found = (entry.get(key) for entry in self.entries)
        yield from list(dict.fromkeys(one for one in found if type(one) is int))[:MOST]


def command_of(line: bytes) -> str | None:
    """The command that a line of the device is about."""
    heos = _parsed(line).get("heos")
    command = cast("dict[str, object]", heos).get("command") if isinstance(heos, dict) else None
    return command if isinstance(command, str) else None


def read(lines: list[bytes]) -> Reply | None:
    """The answer among lines; `None` if the device only says that it is busy with it, or nothing."""
    for line in reversed(lines):
        body = _parsed(line)
        heos = body.get("heos")
        if not isinstance(heos, dict):
            continue
        head = cast("dict[str, object]", heos)
        message = str(head.get("message") or "")
        if message.startswith(UNDER_PROCESS):
            continue
        payload = body.get("payload")
        entries = cast("list[object]", payload if isinstance(payload, list) else [payload])
        found = [cast("dict[str, Any]", entry) for entry in entries if isinstance(entry, dict)]
        return Reply(head.get("result") == "success", message, found)
    return None


def _parsed(line: bytes) -> dict[str, object]:
    try:
        body = json.loads(line.decode(errors="replace"), strict=False)
    except ValueError:
        return {}
    return cast("dict[str, object]", body) if isinstance(body, dict) else {}


def questions() -> Generator[Question, Reply, None]:
    """One after the other; each is told the answer to the one before, an empty one if there was none."""
    yield Question("system/heart_beat")
    account = yield Question("system/check_account")
    players = yield Question("player/get_players")
    for pid in players.integers("pid"):
        for command in PLAYER:
            pages = command == "player/get_queue"
            yield Question(command, f"pid={pid}&range={QUEUE_RANGE}" if pages else f"pid={pid}")
    groups = yield Question("group/get_groups")
    for gid in groups.integers("gid"):
        for command in GROUP:
            yield Question(command, f"gid={gid}")
    yield from _browsing(signed_in=account.message.startswith("signed_in"))
    yield Question(REGISTER, "enable=on")


def _browsing(*, signed_in: bool) -> Generator[Question, Reply, None]:
    sources = yield Question("browse/get_music_sources")
    for sid in sources.integers("sid"):
        yield Question("browse/get_source_info", f"sid={sid}")
    searched = [sid for sid in sources.integers("sid") if sid not in ROOTS]
    for root, needs_account in ROOTS.items():
        if signed_in or not needs_account:
            page = yield Question("browse/browse", f"sid={root}&range={BROWSE_RANGE}")
            found = list(page.integers("sid"))[:MOST_SERVERS]
            if root == LOCAL_MUSIC:
                searched += found
            elif root == AUX_INPUTS:
                for sid in found:
                    yield Question("browse/browse", f"sid={sid}&range={BROWSE_RANGE}")
    for sid in searched:
        yield Question("browse/get_search_criteria", f"sid={sid}")
