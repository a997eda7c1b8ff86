"""How the receiver's wire writes numbers: half steps of a volume, decibels around 50, fixed digits."""

from __future__ import annotations

import re
from typing import Final

LOUDEST: Final = 196
"""Half steps: 98 on the display, +18 dB."""
NEUTRAL: Final = 100
"""Half steps that stand for 0 dB in levels and tone: `50`."""

_VOLUME: Final = re.compile(r"([0-9]{2})(5?)")


def encode_volume(half_steps: int) -> str:
    """Two digits, and a third one, always 5, for the half: 61 is `305`. Raises ValueError off the scale."""
    if not 0 <= half_steps <= LOUDEST:
        raise ValueError(f"{half_steps} half steps are outside 0 to {LOUDEST}")
    whole, half = divmod(half_steps, 2)
    return f"{whole:02d}{'5' if half else ''}"


def decode_volume(digits: str) -> int | None:
    """Half steps, or `None` for what is no volume: `5`, `503`, `99` (old models' minimum), `985`."""
    found = _VOLUME.fullmatch(digits)
    if found is None:
        return None
    half_steps = 2 * int(found[1]) + (1 if found[2] else 0)
    return half_steps if half_steps <= LOUDEST else None


def encode_level(decibels: float) -> str:
    """Decibels, in steps of 0.5, on the scale on which 0 dB is `50`. Raises ValueError off the scale."""
    return encode_volume(NEUTRAL + round(decibels * 2))


def decode_level(digits: str) -> float | None:
    """Decibels, or `None` for what is no level."""
    half_steps = decode_volume(digits)
    return None if half_steps is None else (half_steps - NEUTRAL) / 2


def decode_fixed(digits: str, width: int) -> int | None:
    """A number of exactly `width` digits, or `None`."""
    return int(digits) if re.fullmatch(f"[0-9]{{{width}}}", digits) else None
