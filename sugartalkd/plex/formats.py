"""Which audio files players take as they are, and what else Plex has to make of the others; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sugartalkd.plex.values import Part

MOST_CHANNELS: Final = 2
MOST_BITS: Final = 24
MOST_SAMPLES: Final = 192_000
"""Hz; what HEOS devices are driven with elsewhere (plex.md 5.1)."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is called towards a player."""

    extension: str
    content_type: str


MP3: Final = Format("mp3", "audio/mpeg")
"""What Plex makes of everything else."""
_DIRECT: Final = {
    ("mp3", "mp3"): MP3,
    ("flac", "flac"): Format("flac", "audio/flac"),
    ("aac", "aac"): Format("aac", "audio/aac"),
    ("mp4", "aac"): Format("m4a", "audio/mp4"),
    ("asf", "wma"): Format("wma", "audio/x-ms-wma"),
    ("asf", "wmav2"): Format("wma", "audio/x-ms-wma"),
}
"""By container and codec. Not here: wav is static noise on one reported device, alac is refused."""
_CONTAINERS: Final = {"m4a": "mp4", "mov": "mp4", "mpeg": "mp3"}


def direct(part: Part) -> Format | None:
    """How the file is given to a player as it is; `None` if Plex has to make something else of it."""
    container = (part.container or "").casefold()
    codec = (part.codec or "").casefold() or container
    found = _DIRECT.get((_CONTAINERS.get(container, container), codec))
    if found is None or (codec == "aac" and container != "aac" and not part.optimized):
        return None  # its index may be at the end of the file, where a player does not look first
    fits = (
        (part.channels or MOST_CHANNELS) <= MOST_CHANNELS
        and (part.bit_depth or MOST_BITS) <= MOST_BITS
        and (part.sampling_rate or MOST_SAMPLES) <= MOST_SAMPLES
    )
    return found if fits else None
