"""Answers from the file that `sugartalkd capture` wrote: what a real device said, as late as it did."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sugartalkd.recording import NotARecording, load
from sugartalkd.simulator import heos_wire as wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from sugartalkd.recording import Device, Exchange

__all__ = ["AvrReplay", "HeosReplay", "NotARecording", "TimedLine", "read_device", "say_again"]

REPEAT_AFTER: Final = 1.0
"""Seconds between the last of the unasked lines and the first one again."""
_PAGING: Final = ("range", "refresh", "SEQUENCE")
"""Arguments in which a question may differ from the recorded one."""
_SETTING: Final = frozenset(
    {
        "player/set_play_state", "player/set_volume", "player/volume_up", "player/volume_down",
        "player/set_mute", "player/toggle_mute", "player/set_play_mode", "player/play_queue",
        "player/remove_from_queue", "player/move_queue_item", "player/save_queue", "player/clear_queue",
        "player/play_next", "player/play_previous", "player/set_quickselect", "player/play_quickselect",
        "group/set_group", "group/set_volume", "group/volume_up", "group/volume_down", "group/set_mute",
        "group/toggle_mute", "browse/play_stream", "browse/play_preset", "browse/play_input",
        "browse/add_to_queue", "browse/rename_playlist", "browse/delete_playlist",
        "browse/set_service_option", "system/sign_out",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TimedLine:
    """A line without its end, and the seconds after which it comes."""

    after: float
    line: bytes


def read_device(file: Path, kind: str) -> Device:
    """The recorded device of this kind (`heos` or `avr`). Raises OSError or NotARecording."""
    try:
        return load(file.read_text(encoding="utf-8")).device(kind)
    except UnicodeDecodeError:
        raise NotARecording("it is no text in UTF-8") from None
    except NotARecording as error:
        raise NotARecording(f"{file} cannot be replayed: {error}") from None


async def say_again(
    lines: Sequence[TimedLine],
    send: Callable[[bytes], Awaitable[None]],
    repeats: Callable[[], bool] | None = None,
) -> None:
    """Send each line when it is due; from the start again, a second later, while `repeats` says so."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        for one in lines:
            await asyncio.sleep(max(0.0, began + one.after - loop.time()))
            await send(one.line)
        if repeats is None or not lines or not repeats():
            return
        await asyncio.sleep(REPEAT_AFTER)


def _timed(exchange: Exchange) -> list[TimedLine]:
    pairs = zip(exchange.after_ms, exchange.received, strict=True)
    return [TimedLine(after / 1000, line) for after, line in pairs]


def _unasked(device: Device, *, since_asked: bool) -> list[TimedLine]:
    """All of them, or those that came while nothing was asked any more, counted from there."""
    if not since_asked:
        return [TimedLine(one.at_ms / 1000, one.line) for one in device.unasked if one.listening]
    end = max((one.at_ms + max(one.after_ms, default=0) for one in device.exchanges), default=0)
    return [TimedLine((one.at_ms + (end if one.listening else 0)) / 1000, one.line) for one in device.unasked]


class HeosReplay:
    """A HEOS system out of a recording.

    Commands that set something are answered with success and change nothing; a question that was not
    recorded is refused with eid 2, or with eid 1 if its command never was.
    """

    def __init__(self, device: Device) -> None:
        self.unasked = _unasked(device, since_asked=False)
        """Events, and the seconds after which they come to a socket that has registered."""
        self._exact: dict[tuple[str, frozenset[tuple[str, str]]], Exchange] = {}
        self._alike: dict[tuple[str, frozenset[tuple[str, str]]], Exchange] = {}
        self._commands: set[str] = set()
        for exchange in device.exchanges:
            request = wire.parse_request(exchange.sent.decode(errors="replace"))
            self._commands.add(request.command)
            # Of several the last one that was answered.
            if exchange.received or _key(request) not in self._exact:
                self._exact[_key(request)] = self._alike[_key(request, _PAGING)] = exchange

    def answers(self, request: wire.Request) -> Sequence[TimedLine]:
        """The lines that the device sent, and when."""
        exchange = self._exact.get(_key(request)) or self._alike.get(_key(request, _PAGING))
        if exchange is not None:
            return _timed(exchange)
        return [TimedLine(0.0, self._made_up(request).removesuffix(b"\r\n"))]

    def _made_up(self, request: wire.Request) -> bytes:
        if request.command in _SETTING:
            return wire.success(request.command, request.echo())
        if request.command == "system/register_for_change_events":
            return wire.success(request.command, request.echo())
        if request.command == "system/sign_in":
            return wire.success(
                request.command, f"signed_in&un={wire.escape(request.arguments.get('un', ''))}"
            )
        eid = wire.ID_NOT_VALID if request.command in self._commands else wire.NOT_RECOGNIZED
        refusal = "&".join(filter(None, (wire.Refusal(eid).message(), request.echo())))
        return wire.failure(request.command, refusal)


def _key(request: wire.Request, without: Sequence[str] = ()) -> tuple[str, frozenset[tuple[str, str]]]:
    arguments = ((name, value) for name, value in request.arguments.items() if name not in without)
    return request.command, frozenset(arguments)


class AvrReplay:
    """A receiver out of a recording: what was not asked then stays silent now, commands too."""

    def __init__(self, device: Device) -> None:
        self.unasked = _unasked(device, since_asked=True)
        """Lines, and the seconds after which they come to a client that has connected."""
        self._answers: dict[str, list[TimedLine]] = {}
        for exchange in device.exchanges:
            question = exchange.sent.decode("latin-1")
            if exchange.received or question not in self._answers:
                self._answers[question] = _timed(exchange)

    def answers(self, command: str) -> Sequence[TimedLine]:
        """The lines that the receiver sent, and when."""
        return self._answers.get(command, ())
