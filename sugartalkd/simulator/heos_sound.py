"""What a simulated player learns from the first bytes of a stream: its format, its rate, how long it is."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

HEAD_SIZE: Final = 4096
"""So many bytes are enough to tell."""

_MP3_KBPS: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_ID3_HEADER: Final = 10


@dataclass(frozen=True, slots=True)
class Sound:
    """`duration_ms` 0 is not known yet; `rate` in bytes per millisecond, 0 unknown."""

    format: str
    duration_ms: int = 0
    rate: float = 0.0


def recognised(head: bytes, length: int | None) -> Sound:
    """From a stream's first `HEAD_SIZE` bytes and the length that its server promised."""
    try:
        sound = _recognised(head, length)
    except (struct.error, ValueError, IndexError):
        return Sound("unknown")
    if sound.duration_ms and not sound.rate and length:
        return Sound(sound.format, sound.duration_ms, length / sound.duration_ms)
    return sound


def _recognised(head: bytes, length: int | None) -> Sound:
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        (rate,) = struct.unpack_from("<I", head, 28)
        at = head.index(b"data")
        (size,) = struct.unpack_from("<I", head, at + 4)
        return Sound("wav", size * 1000 // rate, rate / 1000)
    if head.startswith(b"fLaC"):
        (packed,) = struct.unpack_from(">Q", head, 18)
        return Sound("flac", (packed & (1 << 36) - 1) * 1000 // (packed >> 44))
    if head[4:8] == b"ftyp":
        kind = "alac" if b"alac" in head else "aac"
        at = head.index(b"mvhd")
        scale, duration = struct.unpack_from(">II", head, at + 16)
        return Sound(kind, duration * 1000 // scale)
    if head.startswith(b"OggS"):
        at = head.index(b"\1vorbis")
        (bits,) = struct.unpack_from("<i", head, at + 20)
        return _constant("ogg", bits / 8000, length)
    if head.startswith(b"ID3"):
        size = 0
        for one in head[6:_ID3_HEADER]:
            size = size << 7 | one
        head = head[_ID3_HEADER + size :]
    if head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # noqa: PLR2004 - an MPEG frame's sync word
        return _constant("mp3", _MP3_KBPS[head[2] >> 4] / 8, length)
    return Sound("unknown")


def _constant(kind: str, rate: float, length: int | None) -> Sound:
    return Sound(kind, round(length / rate) if length and rate else 0, rate)
