"""What sign-in leaves in the state folder: the token, and where the server was found. For its owner only."""

from __future__ import annotations

import stat
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from sugartalkd import state_file
from sugartalkd.errors import PlexUnauthorized
from sugartalkd.plex.account import secret

if TYPE_CHECKING:
    from pathlib import Path

    from sugartalkd.command import SecretText

TOKEN: Final = "plex_token"  # noqa: S105  # a file's name
PLACE: Final = "plex_server.json"
LONGEST: Final = 4096
_TEXTS: Final = ("wished", "address", "machine_id", "section_uuid", "section_wished")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server was last reached, and what its index is called by."""

    wished: str
    """What the configuration said then: another wish makes all this void."""
    address: str
    machine_id: str
    section_uuid: str
    section_wished: str
    token: str | None = None
    """The server's own, where plex.tv gave one."""

    def __repr__(self) -> str:
        return f"Place({self.wished!r}, {self.address!r}, {self.machine_id!r})"


def stored_token(folder: Path) -> SecretText | None:
    """The token that `login` stored. Raises PlexUnauthorized if others could have read it."""
    path = folder / TOKEN
    try:
        with path.open() as file:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                raise PlexUnauthorized(
                    f"{path} can be read by others (mode {mode:o}), so its token is not used: "
                    f"chmod 600 it, or better sign in again with 'sugartalkd login plex'"
                )
            text = file.read(LONGEST).strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise PlexUnauthorized(f"{path} cannot be read, so there is no token") from None
    return secret(text) if text else None


def store_token(folder: Path, token: SecretText) -> None:
    """Raises OSError."""
    state_file.replace(folder / TOKEN, token.reveal + "\n")
    folder.chmod(stat.S_IMODE(folder.stat().st_mode) & ~0o077)


def load_place(folder: Path) -> Place | None:
    found = state_file.load(folder / PLACE)
    texts = [found.get(name) for name in _TEXTS]
    token = found.get("token")
    if not all(isinstance(one, str) for one in texts):
        return None
    return Place(*map(str, texts), token=secret(token).reveal if isinstance(token, str) else None)


def store_place(folder: Path, place: Place) -> None:
    state_file.save(folder / PLACE, asdict(place), "where the Plex server was found cannot be kept")
