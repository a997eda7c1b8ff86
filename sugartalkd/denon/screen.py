"""What the receiver's own network and tuner sources say of themselves, as a track; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sugartalkd.model import Track

if TYPE_CHECKING:
    from collections.abc import Mapping

NETWORK_INPUTS: Final = frozenset(
    (
        "NET", "BT", "USB/IPOD", "USB", "IPOD", "NET/USB", "IRADIO", "SERVER", "FAVORITES", "PANDORA",
        "SIRIUSXM", "SPOTIFY", "LASTFM", "FLICKR", "DOCK",
    )
)  # fmt: skip
"""Inputs whose screen has text lines."""
TUNER: Final = "TUNER"
SCREEN_LINES: Final = range(9)

_TITLE, _ARTIST, _ALBUM = 1, 2, 4
_FREQUENCY: Final = re.compile(r"[0-9]{6}")
_AM_FROM: Final = 50_000
"""Frequencies above are AM in kHz, those below FM in MHz, both with two decimals."""


def playing(lines: Mapping[int, str], source: str | None) -> Track | None:
    """The track on the screen, or `None` while it shows a menu, or nothing."""
    if not lines.get(0, "").casefold().startswith("now playing"):
        return None
    title, artist, album = (lines.get(line) or None for line in (_TITLE, _ARTIST, _ALBUM))
    if title is None and artist is None and album is None:
        return None
    return Track(title, artist, album, source="receiver", source_name=source)


def tuned(name: str | None, frequency: str | None) -> Track | None:
    """The station that the tuner hears: its RDS name, else its frequency."""
    station = (name or "").strip() or _spoken(frequency or "")
    return None if not station else Track(station=station, source="receiver", source_name=TUNER)


def _spoken(frequency: str) -> str | None:
    """`008750` is FM 87.5 MHz, `053100` AM 531 kHz."""
    if not _FREQUENCY.fullmatch(frequency):
        return None
    value = int(frequency)
    return f"AM {value / 100:g} kHz" if value > _AM_FROM else f"FM {value / 100:g} MHz"
