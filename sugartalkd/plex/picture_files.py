"""Pictures kept on disk: as many as there is room for, those that were not looked at for longest go first."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

ROOM: Final = 50_000_000
"""Bytes of all together."""


class PictureFiles:
    """To be used by worker threads; both methods raise OSError."""

    def __init__(self, folder: Path, room: int = ROOM) -> None:
        self._folder = folder
        self._room = room
        self._writing = threading.Lock()

    def read(self, path: str) -> bytes:
        file = self._file(path)
        data = file.read_bytes()
        os.utime(file)
        return data

    def keep(self, path: str, data: bytes) -> None:
        """Whole or not at all, and older ones out if there is no room."""
        with self._writing:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = self._file(path)
            new = file.with_suffix(".new")
            new.write_bytes(data)
            new.replace(file)
            self._make_room()

    def _make_room(self) -> None:
        with os.scandir(self._folder) as found:
            files = sorted(
                (one.stat().st_mtime, one.stat().st_size, one.path) for one in found if one.is_file()
            )
        excess = sum(size for _, size, _ in files) - self._room
        for _, size, path in files:
            if excess <= 0:
                break
            os.unlink(path)  # noqa: PTH108  # scandir gives names
            excess -= size

    def _file(self, path: str) -> Path:
        return self._folder / hashlib.sha256(path.encode()).hexdigest()[:32]
