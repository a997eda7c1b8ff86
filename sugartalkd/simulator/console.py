"""Fault switches by hand: lines from a terminal such as `silent on` or `delay player/set_volume 1.5`."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import MISSING, fields
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import DataclassInstance

Value: TypeAlias = "bool | int | float | str"

_WORDS: Final = {"on": True, "off": False}
_CHUNK: Final = 4096


class Console:
    """Turns lines into changes of a simulator's faults (a dataclass), and into calls of its actions."""

    def __init__(self, faults: DataclassInstance, actions: Mapping[str, Callable[..., object]]) -> None:
        self._faults = faults
        self._actions = actions
        # A field without repr counts or keeps; it is no switch.
        self._switches = {one.name: one for one in fields(faults) if one.repr}

    async def run(self, say: Callable[[str], None]) -> None:
        """Obey standard input for as long as it lasts; where it is no terminal or pipe, do nothing."""
        loop = asyncio.get_running_loop()
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        rest = b""

        def readable() -> None:
            nonlocal rest
            data = os.read(0, _CHUNK)
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                lines.put_nowait(line.decode(errors="replace"))
            if not data:
                lines.put_nowait(None)
                loop.remove_reader(0)

        try:
            # Not a pipe transport: that would make the whole terminal non-blocking, output included.
            loop.add_reader(0, readable)
        except OSError:
            return  # a file or /dev/null
        if sys.stdin.isatty():
            say("Type `help` for the fault switches.")
        try:
            while (line := await lines.get()) is not None:
                if line.strip():
                    say(await self.obey(line))
        finally:
            with suppress(OSError):
                loop.remove_reader(0)

    async def obey(self, line: str) -> str:
        """Carry out one line; the result tells what became of it."""
        name, *words = line.split()
        try:
            if name in self._actions:
                done = self._actions[name](*(_value(word) for word in words))
                if isawaitable(done):
                    await done
                return "done"
            if name in self._switches:
                self._switch(name, words)
                return f"{name} = {getattr(self._faults, name)!r}"
        except (TypeError, ValueError, LookupError) as error:
            return f"{name}: {error}"
        return self._help()

    def _switch(self, name: str, words: list[str]) -> None:
        values = [_value(word) for word in words] or [True]
        current = getattr(self._faults, name)
        match current:
            case bool():
                setattr(self._faults, name, bool(values[0]))
            case set():
                chosen = cast("set[Value]", current)
                if values == [False]:
                    chosen.clear()
                else:
                    chosen.update(values)
            case dict():
                by_name = cast("dict[str, float]", current)
                if values == [False]:
                    by_name.clear()
                else:
                    what, seconds = words
                    by_name[what] = float(seconds)
            case _:
                default: Any = self._switches[name].default
                off = None if default is MISSING else default
                setattr(self._faults, name, off if values == [False] else values[0])

    def _help(self) -> str:
        switches = (f"  {name} = {getattr(self._faults, name)!r}" for name in self._switches)
        return "\n".join(
            (
                "Switches (`NAME on`, `NAME off`, `NAME VALUE`; delay and late: `NAME COMMAND SECONDS`):",
                *switches,
                "What happens once (`NAME VALUE …`):",
                *(f"  {name}" for name in self._actions),
            )
        )


def _value(word: str) -> Value:
    if word in _WORDS:
        return _WORDS[word]
    for kind in (int, float):
        with suppress(ValueError):
            return kind(word)
    return word
