"""How a command ended, and whom to tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from sugartalkd.errors import SugartalkError
    from sugartalkd.model import Artwork, Json, Object


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reply will say: its `data` or a picture, and the failure if there was one."""

    data: Object = field(default_factory=dict[str, "Json"])
    error: SugartalkError | None = None
    artwork: Artwork | None = None


Answer: TypeAlias = Callable[[Outcome], None]
