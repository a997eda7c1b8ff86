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
    "m": ("/library/metadata/{}/thumb/{}", re.compile(r"/library/metadata/(\d+)/thumb/(\d+)")),
    "a": ("/library/metadata/{}/art/{}", re.compile(r"/library/metadata/(\d+)/art/(\d+)")),
    "c": ("/playlists/{}/composite/{}", re.compile(r"/playlists/(\d+)/composite/(\d+)")),
}
"""The number behind is a time: another picture of the same item has another id."""
_ID: Final = re.compile(r"([mac])(\d{1,18})\.(\d{1,18})")
_PATH: Final = re.compile(r"/[A-Za-z0-9][!-~]*")
"""A path on the server itself; two slashes would be another server."""


def artwork_id(path: str | None) -> str | None:
    """The id of a picture, by what Plex calls `thumb` or `composite`; `None` for none, or none of its own."""
    if path is None or not _PATH.fullmatch(path) or "?" in path or "#" in path:
        return None
    for letter, (_, pattern) in _PLAIN.items():
        if (found := pattern.fullmatch(path)) is not None:
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
        # Only what becomes an id is taken back: nobody may ask our token to fetch anything else.
        if _PATH.fullmatch(path) and ".." not in path and "?" not in path and "#" not in path:
            return path
    raise BadPayload(f"{artwork_id[:64]!r} is no artwork_id; take one from an item or from now_playing")
