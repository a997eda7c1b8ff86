"""Who this daemon is to Plex: the X-Plex headers that name it, with an identifier that is kept for life."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sugartalkd import __version__, state_file
from sugartalkd.log import get_logger

if TYPE_CHECKING:
    from pathlib import Path

_log = get_logger(__name__)

PRODUCT: Final = "sugartalkd"
FILE: Final = "plex_client"
_KEPT: Final = re.compile(r"[A-Za-z0-9-]{8,64}")


@dataclass(frozen=True, slots=True)
class Identity:
    """Without one of its own, the daemon would be a new device in the user's account at every start."""

    client_id: str
    device_name: str = PRODUCT

    def headers(self) -> dict[str, str]:
        """For every request to a Plex server and to plex.tv; in Latin-1, which is all that headers carry."""
        return {
            "X-Plex-Client-Identifier": self.client_id,
            "X-Plex-Product": PRODUCT,
            "X-Plex-Version": __version__,
            "X-Plex-Device": PRODUCT,
            "X-Plex-Device-Name": latin(self.device_name),
            "X-Plex-Platform": "Linux",
            "X-Plex-Provides": "controller",
        }


def latin(text: str) -> str:
    """A text as an HTTP header can hold it; what it cannot hold becomes `?`."""
    printable = "".join(one if one.isprintable() else " " for one in text)
    return printable.encode("latin-1", "replace").decode("latin-1").strip() or PRODUCT


def load(folder: Path) -> Identity:
    """The identity kept in the state folder, or a new one that is kept from now on."""
    path = folder / FILE
    try:
        kept = path.read_text(errors="replace").strip()
    except OSError:
        kept = ""
    if _KEPT.fullmatch(kept):
        return Identity(kept)
    identity = Identity(str(uuid.uuid4()))
    try:
        state_file.replace(path, identity.client_id + "\n")
    except OSError as error:
        _log.warning(
            "what names this daemon to Plex cannot be kept; it will be a new device at every start",
            file=str(path), error=error.strerror,
        )  # fmt: skip
    return identity
