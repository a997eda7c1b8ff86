"""What a picture really is, read from its own bytes whatever it was called; pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_NO_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers of a JPEG that stand alone."""
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Those that tell its size."""
_SCAN: Final = 0xDA


@dataclass(frozen=True, slots=True)
class Image:
    """Width and height in pixels."""

    content_type: str
    width: int
    height: int


def read(data: bytes) -> Image | None:
    """`None` for what is neither a PNG nor a JPEG, or does not tell its size."""
    try:
        size = _png(data) if data.startswith(_PNG) else _jpeg(data) if data.startswith(_JPEG) else None
    except (struct.error, IndexError):
        return None
    if size is None or 0 in size:
        return None
    return Image("image/png" if data.startswith(_PNG) else "image/jpeg", *size)


def _png(data: bytes) -> tuple[int, int] | None:
    width, height = struct.unpack_from(">II", data, 16)
    return (width, height) if data[12:16] == b"IHDR" else None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    at = 2
    while data[at] == 0xFF:  # noqa: PLR2004  # every marker begins so
        marker = data[at + 1]
        if marker == 0xFF:  # noqa: PLR2004  # padding
            at += 1
        elif marker in _NO_LENGTH:
            at += 2
        elif marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        elif marker == _SCAN:
            return None
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None
