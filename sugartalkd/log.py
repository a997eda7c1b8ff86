"""structlog set up once: console on a terminal, JSON lines elsewhere, secrets masked everywhere."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeAlias, cast

import structlog
from pydantic import SecretStr

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger, Processor

MASK: Final = "********"
BURST: Final = 20
"""Records that the tap passes at once."""
PER_SECOND: Final = 5.0
"""Records per second that it passes after that."""

_SECRET_KEYS: Final = re.compile(r"passw|token|secret|credential|^pw$", re.IGNORECASE)
_SECRET_TEXTS: Final = (
    (re.compile(r"(X-Plex-Token=)[^&\s\"']+"), rf"\1{MASK}"),
    (re.compile(r"([?&]pw=)[^&\s\"']+"), rf"\1{MASK}"),
    (re.compile(r"(://)[^/@\s\"']+@"), rf"\1{MASK}@"),
    (re.compile(r"(/a/)[A-Za-z0-9_-]{12}(\.)"), rf"\1{MASK}\2"),  # who knows it may fetch the audio
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_known_secrets: set[str] = set()


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record as the tap gets it, masked."""

    level: str
    message: str
    logger: str
    ts: datetime


Tap: TypeAlias = Callable[[LogRecord], None]
Event: TypeAlias = MutableMapping[str, Any]


class LogTap:
    """Hands records of info and above to one callback, not more than somebody can read."""

    def __init__(self) -> None:
        self.callback: Tap | None = None
        self._tokens = float(BURST)
        self._at = time.monotonic()
        self._suppressed = 0
        self._last = ("", "")
        self._busy = False

    def offer(self, record: LogRecord) -> None:
        """Pass a record on, or count it as suppressed; a callback that logs is not called again for it."""
        if self.callback is None or self._busy:
            return
        same = (record.logger, record.message)
        if same == self._last or not self._take():
            self._suppressed += 1
            return
        self._last = same
        self._busy = True
        try:
            if self._suppressed:
                text = f"{self._suppressed} records suppressed"
                self._suppressed = 0
                self.callback(LogRecord("warning", text, __name__, record.ts))
            self.callback(record)
        finally:
            self._busy = False

    def _take(self) -> bool:
        present = time.monotonic()
        self._tokens = min(BURST, self._tokens + (present - self._at) * PER_SECOND)
        self._at = present
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


_tap = LogTap()


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger named after its module."""
    return cast("FilteringBoundLogger", structlog.stdlib.get_logger(name))


def tap(callback: Tap | None) -> None:
    """Also hand every record of info and above, masked and rate limited, to one callback."""
    _tap.callback = callback


def mask_also(text: str) -> None:
    """Never let this text out again, wherever it turns up."""
    if text:
        _known_secrets.add(text)


def set_level(level: str) -> None:
    """`debug`, `info`, `warning` or `error`."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger().setLevel(number)
    # pyheos says everything twice at debug and prints whole URLs; only who asks for debug gets it.
    for name in ("pyheos", "asyncio"):
        logging.getLogger(name).setLevel(number if level == "debug" else max(number, logging.INFO))


def current_level() -> str:
    return logging.getLevelName(logging.getLogger().level).lower()


def configure(level: str, format: str = "auto", stream: TextIO | None = None) -> None:  # noqa: A002
    """Set logging up, or again; `format` is `auto`, `console` or `json`, everything goes to `stream`."""
    target = logging.StreamHandler(sys.stderr if stream is None else stream)
    on_terminal = target.stream.isatty()
    console = format == "console" or (format == "auto" and on_terminal)
    before: list[Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask,
        _to_tap,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if console:
        last += [_escape, structlog.dev.ConsoleRenderer(colors=on_terminal, exception_formatter=_plain)]
        if "JOURNAL_STREAM" in os.environ:
            last.insert(1, _without_timestamp)
    else:
        last.append(structlog.processors.JSONRenderer(ensure_ascii=False))
    target.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [target]
    set_level(level)


def _plain(stream: TextIO, exception: object) -> None:
    structlog.dev.plain_traceback(stream, exception)  # type: ignore[arg-type]


def _without_timestamp(_logger: object, _name: str, event: Event) -> Event:
    event.pop("timestamp", None)
    return event


def _mask(_logger: object, _name: str, event: Event) -> Event:
    for key, value in event.items():
        if isinstance(value, SecretStr) or (value is not None and _SECRET_KEYS.search(key)):
            event[key] = MASK
        elif isinstance(value, str):
            event[key] = _masked(value)
    return event


def _masked(text: str) -> str:
    for secret in _known_secrets:
        if secret in text:
            text = text.replace(secret, MASK)
    for pattern, instead in _SECRET_TEXTS:
        text = pattern.sub(instead, text)
    return text


def _escape(_logger: object, _name: str, event: Event) -> Event:
    """What a device or a payload says must not be able to write log lines of its own."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception" and _CONTROL.search(value):
            event[key] = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", value)
    return event


def _to_tap(_logger: object, name: str, event: Event) -> Event:
    level = str(event.get("level", name))
    if _tap.callback is not None and logging.getLevelNamesMapping().get(level.upper(), 0) >= logging.INFO:
        extra = " ".join(
            f"{key}={value}"
            for key, value in event.items()
            if not key.startswith("_") and key not in {"event", "level", "logger", "timestamp", "exception"}
        )
        message = f"{event.get('event', '')} {extra}".strip()
        _tap.offer(LogRecord(level, message, str(event.get("logger", "")), datetime.now(UTC)))
    return event
