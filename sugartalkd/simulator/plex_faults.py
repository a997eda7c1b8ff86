"""Switches that make a simulated Plex server misbehave."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class PlexFaults:
    """All off at first; each may be changed at any moment."""

    unauthorized: bool = False
    """Every token is refused, as after somebody signed all devices out."""
    unavailable: bool = False
    """503 to everything, as while starting or migrating."""
    slow: float = 0.0
    """Seconds before every answer."""
    cut_pages: bool = False
    """Library answers end in the middle, with the connection closed."""
    malformed: bool = False
    """Library answers are not well formed."""
    html: bool = False
    """Library answers are HTML pages with status 200."""
    no_total: bool = False
    """Pages do not say how many items there are in all."""
    other_machine: bool = False
    """Another server has taken the address."""
    cut_audio_after: int | None = None
    """Bytes of audio after which the connection breaks."""
    audio_503: bool = False
    """Parts are refused with 503, as without a playback decision."""
    part_404: bool = False
    """Parts are gone; the transcoder still works."""
    no_websocket: bool = False
    """404 to the notifications' address."""
    no_stations: bool = False
    """No stations and no sonic analysis, as without a Plex Pass."""
