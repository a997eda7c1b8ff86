"""What our ids of Plex' items mean: `plex:album:123`; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sugartalkd.errors import BadPayload
from sugartalkd.model import MediaKind
from sugartalkd.play_queue.sources import PREFIX

_ID: Final = re.compile(rf"plex:({'|'.join(MediaKind)}):([0-9]{{1,18}})")
_ROOT: Final = re.compile(r"plex:root:([a-z_]+)")


@dataclass(frozen=True, slots=True)
class MediaId:
    """`key` is Plex' ratingKey, which a rescan may change."""

    kind: MediaKind
    key: int

    def __str__(self) -> str:
        return f"{PREFIX}{self.kind.value}:{self.key}"


def parse(media_id: str) -> MediaId:
    """Raises BadPayload."""
    found = _ID.fullmatch(media_id)
    if found is None:
        raise BadPayload(
            f"{media_id[:64]!r} is no item of the Plex library; plex/search and plex/browse tell theirs"
        )
    return MediaId(MediaKind(found[1]), int(found[2]))


def of_kind(media_id: str, kind: MediaKind, what: str) -> int:
    """The key, if it is one of this kind. Raises BadPayload."""
    parsed = parse(media_id)
    if parsed.kind is not kind:
        raise BadPayload(f"{what} takes a {kind.value}, and {media_id} is a {parsed.kind.value}")
    return parsed.key


def root(name: str) -> str:
    return f"{PREFIX}root:{name}"


def root_of(media_id: str) -> str | None:
    """Which root of the library this is, if it is one."""
    found = _ROOT.fullmatch(media_id)
    return None if found is None else found[1]
