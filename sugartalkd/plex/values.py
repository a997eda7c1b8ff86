"""What passes between the Plex server and the rest of the daemon, beside entries of the library."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """The file behind a track."""

    path: str
    """Below the server's address; it changes with the file, so it is asked for when it is needed."""
    container: str | None = None
    codec: str | None = None
    channels: int | None = None
    bit_depth: int | None = None
    sampling_rate: int | None = None
    size: int | None = None
    duration_ms: int | None = None
    optimized: bool = False
    """An MP4 whose index stands at its beginning."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a zone does with a track, for Plex' dashboard and its play counts."""

    client_id: str
    """The zone's own, for life."""
    device_name: str
    session_id: str
    """Kept as well: without one nothing is shown, with a new one at every start there are ghosts."""
    key: int
    state: str
    """`playing`, `paused`, `buffering`, `stopped`."""
    time_ms: int
    duration_ms: int
    continuing: bool = False
    """Another track follows this one, which has stopped."""


@dataclass(frozen=True, slots=True)
class Section:
    """A music library of the server."""

    key: str
    uuid: str
    title: str
