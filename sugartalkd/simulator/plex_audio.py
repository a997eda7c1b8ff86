"""The bytes of simulated audio files: real headers that tell the length, then silence or filling."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING, Final

from sugartalkd.simulator.plex_items import CODECS, MP3_RATE, RATE, file_size, mp3_frames

if TYPE_CHECKING:
    from sugartalkd.simulator.plex_library import SimTrack

TRANSCODED_KBPS: Final = 256

_MP3_BITRATES: Final = {256: 0b1101, 320: 0b1110}
_FILLING: Final = random.Random(5).randbytes(65_521)  # noqa: S311 - only has to look like music
"""A prime number of bytes, so that bytes of a wrong place show."""


def mp3_frame(kbps: int) -> bytes:
    """24 ms of silence: MPEG 1 layer III, 48 kHz, stereo, with nothing in its granules."""
    size = 144 * kbps * 1000 // MP3_RATE
    return bytes((0xFF, 0xFB, _MP3_BITRATES[kbps] << 4 | 0b0100, 0)).ljust(size, b"\0")


class AudioFile:
    """A track's file, made up as it is read; `size` in bytes."""

    def __init__(self, track: SimTrack) -> None:
        self.size = file_size(track)
        self.content_type = CODECS[track.codec].content_type
        self._head = _HEADS[track.codec](track, self.size)
        self._body = {"mp3": mp3_frame(320), "wav": bytes(65_536)}.get(track.codec, _FILLING)

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`, both within the file."""
        head = self._head[start:stop]
        start, stop = max(start - len(self._head), 0), max(stop - len(self._head), 0)
        if stop <= start:
            return head
        period = len(self._body)
        first = start % period
        times = -(-(first + stop - start) // period)
        return head + (self._body * times)[first : first + stop - start]


def transcoded(track: SimTrack, offset: float) -> tuple[bytes, int]:
    """One frame, and how many of it make the track from `offset` seconds on."""
    return mp3_frame(TRANSCODED_KBPS), mp3_frames(max(track.duration_ms - round(offset * 1000), 0))


def _no_head(_track: SimTrack, _size: int) -> bytes:
    return b""


def _wav(_track: SimTrack, size: int) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, RATE, RATE * 4, 4, 16)
    return struct.pack("<4sI4s", b"RIFF", size - 8, b"WAVE") + form + struct.pack("<4sI", b"data", size - 44)


def _flac(track: SimTrack, _size: int) -> bytes:
    samples = RATE * track.duration_ms // 1000
    packed = RATE << 44 | 1 << 41 | 15 << 36 | samples
    info = struct.pack(">HH6xQ16x", 4096, 4096, packed)
    return b"fLaC" + (0x80 << 24 | len(info)).to_bytes(4, "big") + info


def _mp4(track: SimTrack, size: int) -> bytes:
    start = _box(b"ftyp", b"M4A \0\0\0\0M4A mp42isom")
    facts = struct.pack(">IIIII76xI", 0, 0, 0, 1000, track.duration_ms, 2)
    codec = b"alac" if track.codec == "alac" else b"mp4a"
    start += _box(b"moov", _box(b"mvhd", facts) + _box(b"trak", _box(b"stsd", codec)))
    return start + struct.pack(">I4s", size - len(start), b"mdat")


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content


def _ogg(track: SimTrack, _size: int) -> bytes:
    rate = CODECS[track.codec].bitrate * 1000
    facts = struct.pack("<7sIBIiiiBB", b"\1vorbis", 0, 2, RATE, 0, rate, 0, 0xB8, 1)
    return struct.pack("<4sBBqIIIBB", b"OggS", 0, 2, 0, 1, 0, 0, 1, len(facts)) + facts


_HEADS: Final = {"mp3": _no_head, "wav": _wav, "flac": _flac, "aac": _mp4, "alac": _mp4, "ogg": _ogg}
