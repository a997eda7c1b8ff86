"""Switches that make a simulated HEOS device misbehave the way real ones have been seen to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from sugartalkd.simulator.heos_wire import Refusal

if TYPE_CHECKING:
    from sugartalkd.simulator.heos_wire import Answer, JsonObject, Request


@dataclass(slots=True)
class PlannedFailure:
    """`times` more requests for `pid` (None: for anybody) fail; None times: always."""

    refusal: Refusal
    times: int | None
    pid: int | None


@dataclass(slots=True)
class HeosFaults:
    """All off at first; each may be changed at any moment. Commands are named `player/set_volume`."""

    silent: bool = False
    """Read and never answer or act, with no events; sockets stay open, as after a power cut or a hang."""
    silent_players: set[int] = field(default_factory=set[int])
    """Commands naming one of these are never answered."""
    silent_player_blocks_socket: bool = True
    """Commands after such a one on the same socket wait until its player is no longer silent."""
    close_during_setup: int = 0
    """So many more connections are closed at their first command."""
    delay: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds before a command takes effect and is answered; later ones on the socket wait."""
    late_events: float = 0.0
    """Seconds by which the events that a command causes come after its reply."""
    early_events: bool = False
    """They come before its reply."""
    under_process: set[str] = field(default_factory=set[str])
    """First the "command under process" line, then after `delay` the answer."""
    under_process_never: set[str] = field(default_factory=set[str])
    """The "command under process" line and nothing after it."""
    swallow: set[str] = field(default_factory=set[str])
    """Answered with success, without effect or event."""
    wrong_pid: int | None = None
    """Replies claim to be about this player."""
    fail_without_text: bool = False
    """Failures carry their eid but no text."""
    unknown_play_state: bool = False
    """Replies and events speak of the play state `buffering`, which no edition of the protocol has."""
    empty_qid: bool = False
    """Now playing has `"qid":""`."""
    unknown_media_type: bool = False
    """Browsing finds items of the type `video`, as a DLNA server's folders may hold."""
    odd_groups: bool = False
    """The list of groups begins with one that has no players, and the others have a member nobody knows."""
    missing_texts: bool = False
    """Entries that browsing and searching find have neither `name` nor `image_url`."""
    missing_count: bool = False
    """Lists do not say how many entries there are."""
    wrong_count: int | None = None
    """Lists say that there are so many entries."""
    silent_sources: set[int] = field(default_factory=set[int])
    """Commands naming one of these sources are never answered (home-assistant/core issue 23928)."""
    forgets_account: bool = False
    """A power cut signs the account out (home-assistant/core issue 135076)."""
    reboot_unanswered: bool = False
    """A reboot closes nothing: the device is just gone for a while."""
    failures: dict[str, list[PlannedFailure]] = field(
        default_factory=dict[str, list[PlannedFailure]], repr=False
    )
    """What `fail` has planned."""

    def fail(
        self,
        command: str,
        eid: int,
        times: int | None = 1,
        syserrno: int | None = None,
        *,
        pid: int | None = None,
    ) -> None:
        """The next `times` requests (None: all) fail without effect; with `pid`, only those naming it."""
        planned = PlannedFailure(Refusal(eid, syserrno), times, pid)
        self.failures.setdefault(command, []).append(planned)

    def plans(self, request: Request) -> bool:
        """Whether this request is going to fail."""
        return any(planned.times != 0 for planned in self.failures.get(request.command, []))

    def take_failure(self, request: Request) -> Refusal | None:
        """What this request is to fail with; counts it."""
        for planned in self.failures.get(request.command, []):
            if planned.times == 0 or (planned.pid is not None and planned.pid not in request.named_ids()):
                continue
            if planned.times is not None:
                planned.times -= 1
            return planned.refusal
        return None

    def silences(self, request: Request) -> bool:
        source = request.arguments.get("sid", "")
        return not self.silent_players.isdisjoint(request.named_ids()) or (
            source in {str(sid) for sid in self.silent_sources}
        )

    def distort_message(self, command: str, message: str) -> str:
        """What goes out instead of a reply's or an event's message."""
        if self.wrong_pid is not None and not command.startswith("event/"):
            message = re.sub(r"\bpid=-?[0-9]+", f"pid={self.wrong_pid}", message)
        if self.unknown_play_state and command in {"player/get_play_state", "event/player_state_changed"}:
            message = re.sub(r"\bstate=\w+", "state=buffering", message)
        return message

    def distort_answer(self, command: str, answer: Answer) -> None:
        if self.empty_qid and command == "player/get_now_playing_media" and isinstance(answer.payload, dict):
            answer.payload.update({"qid": ""} if answer.payload else {})
        if self.odd_groups and command == "group/get_groups" and isinstance(answer.payload, list):
            for group in answer.payload:
                cast("list[JsonObject]", group["players"]).append({"name": "?", "pid": 99, "role": "member"})
            answer.payload.insert(0, {"name": "?", "gid": 98})
        if command in {"browse/browse", "browse/search", "player/get_queue"}:
            self._distort_count(answer)
        if self.missing_texts and isinstance(answer.payload, list) and command.startswith("browse/"):
            for item in answer.payload:
                item.pop("name", None)
                item.pop("image_url", None)
        if self.unknown_media_type and command == "browse/browse" and isinstance(answer.payload, list):
            for item in answer.payload:
                if "container" in item:
                    item["type"] = "video"

    def _distort_count(self, answer: Answer) -> None:
        if self.missing_count or self.wrong_count is not None:
            answer.results = [one for one in answer.results if not one.startswith("count=")]
        if self.wrong_count is not None:
            answer.results = [*answer.results, f"count={self.wrong_count}"]
