"""Small pictures of one colour, as JPEG or PNG, for covers that are nobody's."""

from __future__ import annotations

import struct
import zlib
from typing import Final

_DC: Final = bytes((0, 2, *[0] * 14, 0, 6))
"""Differences of 0 (code 00) and of 6 bits (code 01)."""

_AC: Final = bytes((1, *[0] * 15, 0))
"""Nothing follows in this block (code 0)."""


def jpeg(width: int, height: int, number: int) -> bytes:
    """A baseline JPEG; `number` chooses the colour."""
    quantisation = _segment(0xDB, b"\0" + bytes([8]) * 64)
    parts = b"".join(bytes((one, 0x11, 0)) for one in (1, 2, 3))
    frame = _segment(0xC0, struct.pack(">BHHB", 8, height, width, 3) + parts)
    codes = _segment(0xC4, b"\x00" + _DC) + _segment(0xC4, b"\x10" + _AC)
    scan = _segment(0xDA, b"\3" + b"".join(bytes((one, 0)) for one in (1, 2, 3)) + b"\0\x3f\0")
    # Brightness and both colours once, in the first block; all others are as the one before.
    first = "".join(f"01{number >> shift & 0x3F:06b}0" for shift in (0, 6, 12))
    blocks = -(-width // 8) * -(-height // 8)
    bits = first + "000" * 3 * (blocks - 1)
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    app = _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    return b"\xff\xd8" + app + quantisation + frame + codes + scan + data + b"\xff\xd9"


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def png(width: int, height: int, number: int) -> bytes:
    """The same as PNG."""
    colour = bytes(number >> shift & 0xFF for shift in (0, 8, 16))
    rows = (b"\0" + colour * width) * height
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", zlib.crc32(name + content))
