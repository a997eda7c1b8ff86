"""The file that `sugartalkd capture` writes and simulators replay: what a device said to which question."""

from __future__ import annotations

import json
import re
from typing import Annotated, Final, Literal, Self, TypeAlias, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic import model_validator as _model_validator

FORMAT: Final = "sugartalkd capture"
VERSION: Final = 1

_WIDEST: Final = 100
"""Characters of a list or an object that stands in one line of the file."""
_EXCHANGE_DEPTH: Final = 4
_BYTE: Final = re.compile(r"\\x([0-9a-fA-F]{2})|\\\\")
Written: TypeAlias = "str | dict[str, str]"


class NotARecording(Exception):
    """The file is none that this version of `sugartalkd capture` writes."""


def write_line(data: bytes) -> Written:
    r"""A line as the file has it: text, or if it is not UTF-8, with a mark: `{"bytes": "Caf\\xc3"}`."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        shown = (
            "\\\\" if byte == ord("\\") else chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"  # noqa: PLR2004  # printable ASCII
            for byte in data
        )
        return {"bytes": "".join(shown)}


def read_line(written: object) -> bytes:
    """The opposite. Raises ValueError."""
    if isinstance(written, bytes):
        return written
    if isinstance(written, str):
        return written.encode()
    if isinstance(written, dict) and isinstance(
        marked := cast("dict[str, object]", written).get("bytes"), str
    ):
        whole = _BYTE.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\\", marked)
        return whole.encode("latin-1")
    raise ValueError('a line is a text, or {"bytes": "…"} with \\xNN for what is not ASCII')


LineOfWire: TypeAlias = Annotated[bytes, BeforeValidator(read_line), PlainSerializer(write_line)]
"""One line without its end, byte by byte."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Exchange(_Part):
    """A question and its answer; `at_ms` counts from the first one, each of `after_ms` from this one."""

    sent: LineOfWire
    at_ms: Annotated[int, Field(ge=0)] = 0
    after_ms: tuple[Annotated[int, Field(ge=0)], ...] = ()
    received: tuple[LineOfWire, ...] = ()

    @_model_validator(mode="after")
    def _each_has_its_time(self) -> Self:
        if len(self.after_ms) != len(self.received):
            raise ValueError("after_ms has one number for each line of received")
        return self


class Unasked(_Part):
    """A line that answers no question; `at_ms` counts from the first question, or where listening began."""

    at_ms: Annotated[int, Field(ge=0)]
    line: LineOfWire
    listening: bool = False
    """Whether it came while nothing was asked any more; `at_ms` then counts from there."""


class Device(_Part):
    """Everything that one device said."""

    kind: Literal["heos", "avr"]
    model: str | None = None
    firmware: str | None = None
    ended: str | None = None
    """Why it is not complete."""
    exchanges: tuple[Exchange, ...] = ()
    unasked: tuple[Unasked, ...] = ()


class Recording(_Part):
    """The file; `masked` tells how many different values of each kind were replaced."""

    format: Literal["sugartalkd capture"] = FORMAT
    version: Literal[1] = VERSION
    date: str
    tool: str
    masked: dict[str, int] = Field(default_factory=dict[str, int])
    devices: tuple[Device, ...] = ()

    def device(self, kind: str) -> Device:
        """The first of its kind. Raises NotARecording."""
        for one in self.devices:
            if one.kind == kind:
                return one
        raise NotARecording(f"it holds no {kind} device")


def dump(recording: Recording) -> str:
    """The file's text: an exchange a line, so that people can look through it."""
    return _written(recording.model_dump(mode="json"), 0) + "\n"


def load(text: str) -> Recording:
    """Raises NotARecording, with the first thing that is wrong."""
    try:
        return Recording.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise NotARecording(f"{where}: {first['msg']}" if where else first["msg"]) from None


def _written(value: object, depth: int) -> str:
    plain = json.dumps(value, ensure_ascii=False)
    if depth >= _EXCHANGE_DEPTH or len(plain) <= _WIDEST or not isinstance(value, dict | list):
        return plain
    pad = "  " * (depth + 1)
    if isinstance(value, dict):
        named = cast("dict[str, object]", value)
        parts = [f"{json.dumps(key)}: {_written(one, depth + 1)}" for key, one in named.items()]
        return "{\n" + ",\n".join(pad + part for part in parts) + "\n" + "  " * depth + "}"
    parts = [_written(one, depth + 1) for one in cast("list[object]", value)]
    return "[\n" + ",\n".join(pad + part for part in parts) + "\n" + "  " * depth + "]"
