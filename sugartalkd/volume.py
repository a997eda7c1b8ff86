"""A wished change of volume to the one number that may be sent: half up, on the scale, below the limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from sugartalkd.command import Absolute, Decibels, Percent, Steps, VolumeChange
from sugartalkd.errors import OutOfRange
from sugartalkd.model import REFERENCE_DB

if TYPE_CHECKING:
    from sugartalkd.model import VolumeScale


@dataclass(frozen=True, slots=True)
class Resolved:
    """A volume to send, and whether the zone's limit lowered it."""

    value: float
    clamped: bool = False


def round_half_up(value: float, step: float) -> float:
    """The nearest multiple of `step`, halves upwards: 35.25 is 35.5 where the step is 0.5."""
    return float(math.floor(value / step + 0.5) * step)


def resolve(
    change: VolumeChange, scale: VolumeScale, limit: float | None, current: float | None
) -> Resolved | None:
    """The number that `change` means, or `None` if it is relative and the present volume is unknown.

    Absolute numbers outside the scale raise OutOfRange. Relative steps stop at the ends of the scale and
    at the limit.
    """
    match change:
        case Absolute(value):
            wished = _on_scale(value, scale, f"{value:g}")
        case Percent(value):
            wished = _on_scale(value * scale.maximum / 100, scale, f"{value:g}%")
        case Decibels(value):
            wished = _on_scale(value + REFERENCE_DB, scale, f"{value:g} dB")
        case Steps(value):
            if current is None:
                return None
            wished = min(max(current + value, scale.minimum), scale.maximum)
        case _:
            assert_never(change)
    wished = round_half_up(wished, scale.step)
    if limit is not None and wished > limit:
        return Resolved(math.floor(limit / scale.step) * scale.step, clamped=True)
    return Resolved(wished)


def _on_scale(value: float, scale: VolumeScale, as_given: str) -> float:
    if not scale.minimum <= value <= scale.maximum:
        raise OutOfRange(
            f"volume {as_given} is outside this zone's scale, {scale.minimum:g} to {scale.maximum:g} "
            f"in steps of {scale.step:g}"
        )
    return value
