"""Which URL a player plays: all that a HEOS device shows of any is "Url Stream" and a qid."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sugartalkd.heos.translate import URL_STREAM

if TYPE_CHECKING:
    from pyheos import HeosNowPlayingMedia

    from sugartalkd.model import Track

START_LIMIT: Final = 30.0
START_HOLDS: Final = 10.0
"""Seconds in which a device may take a URL, and then those in which it has to show it: the next new
"Url Stream" is taken for it."""


@dataclass(frozen=True, slots=True)
class Started:
    """A URL that was started, and what to show for it."""

    url: str
    track: Track | None
    until: float = 0.0
    """When it is not expected any more."""


class Urls:
    """What was started on one player, as far as it has been seen."""

    def __init__(self) -> None:
        self._starting: list[Started] = []
        """Those that cannot be seen yet, in order."""
        self._before: int | None = None
        """The qid of the "Url Stream" that was there before; each of them is one further."""
        self._cleared = False
        self._shown: Started | None = None
        self._qid: int | None = None
        """Of the one that plays."""
        self.renumbering = False
        """Other items are being taken out of the queue: what plays has another qid soon."""

    @property
    def starting(self) -> bool:
        """Whether one that was started may be seen any moment."""
        self._starting = [one for one in self._starting if time.monotonic() < one.until]
        return bool(self._starting)

    def start(self, url: str, track: Track | None, media: HeosNowPlayingMedia | None) -> None:
        """This one is being started while that media plays."""
        if not self.starting:
            known = media is not None and media.song == URL_STREAM and not self._cleared
            self._before = media.queue_id if media is not None and known else None
        self._starting.append(Started(url, track, time.monotonic() + START_LIMIT))

    def started(self, url: str) -> None:
        """The device has taken it."""
        until = time.monotonic() + START_HOLDS
        self._starting = [replace(one, until=until) if one.url == url else one for one in self._starting]

    def refused(self, url: str) -> None:
        """What plays goes on, and is shown as before."""
        self._starting = [one for one in self._starting if one.url != url]

    def cleared(self) -> None:
        """The queue was emptied: qids begin anew, whatever was read last."""
        self._before, self._cleared = None, True

    def read(self, media: HeosNowPlayingMedia) -> int | None:
        """This media was announced and plays now; the qid it had before if it only got another one."""
        self._cleared = False
        if media.song != URL_STREAM:
            self._shown = None
        elif self.starting and (self._before is None or (media.queue_id or 0) > self._before):
            # URLs are always added at the end, so this is a new one. Quick starts may be announced together.
            further = 1 if self._before is None else (media.queue_id or 0) - self._before
            number = min(further, len(self._starting))
            self._shown, self._qid = self._starting[number - 1], media.queue_id
            self._starting, self._before = self._starting[number:], media.queue_id
        elif media.queue_id != self._qid and self.renumbering:
            before, self._qid = self._qid, media.queue_id
            return before
        elif media.queue_id != self._qid:
            self._shown = None
        return None

    def renumbered(self, before: int | None, after: int | None) -> None:
        """The item with that qid has this one now."""
        if self._qid == before:
            self._qid = after

    def adopt(self, url: str, track: Track, qid: int | None, media: HeosNowPlayingMedia) -> bool:
        """Whether this media may be the URL, started with this qid before we were: from now on it is."""
        if media.song != URL_STREAM or (media.media_id != url and (qid is None or media.queue_id != qid)):
            return False
        self._shown, self._qid = Started(url, track), media.queue_id
        return True

    def of(self, media: HeosNowPlayingMedia) -> Started | None:
        """Which one this media is, if it is any."""
        ours = media.song == URL_STREAM and (self.renumbering or media.queue_id == self._qid)
        return self._shown if ours else None
