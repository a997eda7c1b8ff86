"""Files of the state folder: replaced whole, for their owner only, set aside when they cannot be read."""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import TYPE_CHECKING, cast

from sugartalkd.log import get_logger

if TYPE_CHECKING:
    from pathlib import Path

    from sugartalkd.model import Json, Object

_log = get_logger(__name__)


def replace(path: Path, content: str) -> None:
    """Written beside and renamed into place: a power cut leaves the old or the new one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f"{path.name}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def save(path: Path, content: object, failure: str) -> None:
    """Replace it by this as JSON. If it cannot be written, the log says so: `failure` is what that means."""
    try:
        replace(path, json.dumps(content, indent=1, default=datetime.isoformat))
    except OSError as error:
        _log.error(failure, file=str(path), error=str(error))


def load(path: Path) -> Object:
    """The JSON object of a file; nothing without a file, or of one that can only be set aside."""
    try:
        found = cast("Json", json.loads(path.read_text()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        _set_aside(path, str(error))
        return {}
    if not isinstance(found, dict):
        _set_aside(path, "it is not a JSON object")
        return {}
    return found


def _set_aside(path: Path, error: str) -> None:
    """Move a file away that cannot be read: never a reason not to start."""
    broken = path.with_name(f"{path.name}.broken")
    _log.warning(
        "a file of the state folder cannot be read; starting a new one",
        file=str(path),
        error=error,
        set_aside=str(broken),
    )
    try:
        path.replace(broken)
    except OSError as fault:
        _log.error("the file cannot be set aside", file=str(path), error=str(fault))
