"""Artwork by ids that mean nothing outside: which picture of the Plex server an id stands for; pure."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from sugartalkd.errors import BadPayload

LIMIT: Final = 200
"""Characters of an id."""
_PLAIN: Final = {
    "m": ("/library/metadata/{}/thumb/{}", re.compile(r"/library/metadata/([0-9]+)/thumb/([0-9]+)")),
    "a": ("/library/metadata/{}/art/{}", re.compile(r"/library/metadata/([0-9]+)/art/([0-9]+)")),
    "c": ("/playlists/{}/composite/{}", re.compile(r"/playlists/([0-9]+)/composite/([0-9]+)")),
}
"""The number behind is a time: another picture of the same item has another id."""
_ID: Final = re.compile(r"([mac])([0-9]{1,18})\.([0-9]{1,18})")
_PATH: Final = re.compile(
    r"(?:/[A-Za-z0-9][A-Za-z0-9_-]*)+/(?:thumb|art|poster|banner|composite|squareArt|clearLogo)(?:/[A-Za-z0-9_-]+)?"
    r"|/:/resources/[A-Za-z0-9_-]+\.(?:png|jpg)"
)
"""Pictures only. The server asks itself for what an id names, with all our rights, and some of its
addresses do something when they are asked for: `/library/sections/3/refresh`."""


def artwork_id(path: str | None) -> str | None:
    """The id of a picture, by what Plex calls `thumb` or `composite`; `None` for none, or none of its own."""
    if path is None or not _PATH.fullmatch(path):
        return None
    for letter, (_, pattern) in _PLAIN.items():
        if (found := pattern.fullmatch(path)) is not None and _ID.fullmatch(f"{letter}{found[1]}.{found[2]}"):
            return f"{letter}{found[1]}.{found[2]}"
    packed = base64.urlsafe_b64encode(path.encode()).decode().rstrip("=")
    return f"x{packed}" if len(packed) < LIMIT else None


def artwork_path(artwork_id: str) -> str:
    """Where the server has it. Raises BadPayload for what is no id of ours."""
    if (found := _ID.fullmatch(artwork_id)) is not None:
        return _PLAIN[found[1]][0].format(found[2], found[3])
    if artwork_id.startswith("x") and len(artwork_id) <= LIMIT:
        try:
            raw = artwork_id[1:] + "=" * (-(len(artwork_id) - 1) % 4)
            path = base64.b64decode(raw, altchars=b"-_", validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            path = ""
        if _PATH.fullmatch(path):  # anybody can pack a path
            return path
    raise BadPayload(f"{artwork_id[:64]!r} is no artwork_id; take one from an item or from now_playing")
