"""`sugartalkd capture`: which devices are asked, what is shown meanwhile, and the file at the end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from sugartalkd import __version__
from sugartalkd.capture import mask_avr, mask_heos
from sugartalkd.capture.avr import PORT as AVR_PORT
from sugartalkd.capture.avr import AvrCapture
from sugartalkd.capture.heos import HeosCapture
from sugartalkd.capture.pseudonyms import Pseudonyms
from sugartalkd.heos.discovery import search
from sugartalkd.recording import Device, Exchange, Recording, Unasked, dump

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sugartalkd.config import Config

DeviceCapture: TypeAlias = "HeosCapture | AvrCapture"

MOST_SHOWN: Final = 8
"""Questions without an answer that the table names."""
_STOP: Final = (
    "if it takes only one telnet client, the daemon or an app holds its session: "
    "stop sugartalkd for the capture"
)


def hint(share: str | None) -> str:
    """What to do about a receiver whose session is taken; `share` as in the configuration."""
    if share is None:
        return f"{_STOP}, or let it share the session (receivers.<id>.share) and give that address to --avr"
    return f"{_STOP}, or go through its shared session: --avr {share}"


def named(heos: str | None, avr: tuple[str, int | None] | None) -> list[DeviceCapture]:
    """The devices with these addresses."""
    found: list[DeviceCapture] = [] if heos is None else [HeosCapture(heos)]
    if avr is not None:
        found.append(AvrCapture(avr[0], avr[1] or AVR_PORT, hint=hint(None)))
    return found


async def configured(config: Config) -> list[DeviceCapture]:
    """Those of the configuration. Raises OSError without a network to search for `auto`."""
    found: list[DeviceCapture] = []
    if config.heos is not None:
        host = await search() if config.heos.host == "auto" else config.heos.host
        found.append(HeosCapture(host or "auto", missing=host is None))
    found += [
        AvrCapture(receiver.host, receiver.port, hint=hint(receiver.share))
        for receiver in config.receivers.values()
    ]
    return found


def file_name() -> str:
    """Of a capture that begins now."""
    return f"sugartalkd-capture-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"


class Capture:
    """One run; `end` comes after it or after its interruption, and writes what there is."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.finished = False
        self._say = say
        self._began = datetime.now(UTC)
        self._devices: Sequence[DeviceCapture] = ()

    async def run(self, devices: Sequence[DeviceCapture], seconds: float) -> None:
        """Ask one device after the other, and listen to each for so long."""
        self._devices = devices
        for number, device in enumerate(devices, 1):
            self._say(f"{device.name} ({number} of {len(devices)})")
            await device.run(seconds, lambda text: self._say(f"  {text}"))
            if device.ended is not None:
                self._say(f"  {device.ended}")
        self.finished = True

    @property
    def complete(self) -> bool:
        """Whether every device let itself be asked to the end."""
        return self.finished and all(device.ended is None for device in self._devices)

    def end(self, file: Path) -> None:
        """Show what answered, write what there is, masked, and tell what was masked. Raises OSError."""
        for line in _table(self._devices):
            self._say(line)
        if not any(device.answered for device in self._devices):
            self._say("nothing was written: no device has answered anything")
            return
        recording = masked([device.device() for device in self._devices], self._began)
        file.touch(mode=0o600)
        file.write_text(dump(recording), encoding="utf-8")
        masked_kinds = (
            "what was masked in it, and how many of each:" if recording.masked else "nothing is masked."
        )
        self._say(f"{file} is written; {masked_kinds}")
        for kind, count in recording.masked.items():
            self._say(f"  {count:4} {kind}")
        self._say(
            "Look through the file before you share it: what is private in a new way is not known here."
        )


def _table(devices: Sequence[DeviceCapture]) -> list[str]:
    """What answered, and what did not."""
    lines = [f"{'device':32} {'answered':>8} {'refused':>8} {'silent':>8}"]
    for device in devices:
        refused, silent = len(device.refused), len(device.silent)
        lines.append(f"{device.name:32} {device.answered:8} {refused:8} {silent:8}")
        for what, texts in (("refused", device.refused), ("no answer", device.silent)):
            if texts:
                more = f" and {len(texts) - MOST_SHOWN} more" if len(texts) > MOST_SHOWN else ""
                lines.append(f"  {what}: {', '.join(texts[:MOST_SHOWN])}{more}")
        if device.ended is not None:
            lines.append(f"  not complete: {device.ended}")
    return lines


def masked(found: Sequence[Device], began: datetime) -> Recording:
    """The file's content: nothing of `found` that is private is in it."""
    masks = Pseudonyms()
    parts = [_masked_device(device, masks) for device in found]
    counts = dict(sorted((kind, count) for kind, count in masks.counts.items()))
    return Recording(
        date=began.strftime("%Y-%m-%dT%H:%M:%SZ"), tool=__version__, masked=counts, devices=tuple(parts)
    )


def _masked_device(device: Device, masks: Pseudonyms) -> Device:
    if device.kind == "heos":
        sent, heard = mask_heos.mask_command, mask_heos.mask_line
    else:
        sent, heard = _as_it_is, mask_avr.mask_line
    exchanges = [
        Exchange(
            sent=sent(one.sent, masks),
            at_ms=one.at_ms,
            after_ms=one.after_ms,
            received=tuple(heard(line, masks) for line in one.received),
        )
        for one in device.exchanges
    ]
    unasked = [
        Unasked(at_ms=one.at_ms, line=heard(one.line, masks), listening=one.listening)
        for one in device.unasked
    ]
    ended = None if device.ended is None else "it did not answer everything"
    return device.model_copy(
        update={"exchanges": tuple(exchanges), "unasked": tuple(unasked), "ended": ended}
    )


def _as_it_is(line: bytes, _masks: Pseudonyms) -> bytes:
    """Our own questions to a receiver name nothing of the house."""
    return line
