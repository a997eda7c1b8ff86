"""What `bridge/health` and `bridge/info` say of the daemon."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sugartalkd import __version__
from sugartalkd.config import masked
from sugartalkd.state import now
from sugartalkd.topics.payload import stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from sugartalkd.config import Config
    from sugartalkd.model import LinkState, Object
    from sugartalkd.mqtt.broker import Counters
    from sugartalkd.state import StateStore


class Health:
    """Measures when it is asked; nothing runs in between."""

    def __init__(self, store: StateStore, counters: Counters, account: Callable[[], str | None]) -> None:
        self._store = store
        self._counters = counters
        self._account = account
        self._started = time.monotonic()
        self.started_at = now()

    def report(self) -> Object:
        links: Object = {link: _link(state) for link, state in self._store.links.items()}
        counters = self._counters
        return {
            "uptime": round(time.monotonic() - self._started),
            "memory": resident(),
            "mqtt": {
                "received": counters.received,
                "published": counters.published,
                "dropped": counters.dropped,
                "connects": counters.connects,
            },
            "links": links,
            "heos": {"account": self._account()},
        }

    def info(self, config: Config, protocol: str) -> Object:
        return {
            "version": __version__,
            "started_at": stamp(self.started_at),
            "mqtt_protocol": protocol,
            "base_topic": config.mqtt.base_topic,
            "features": [
                *(["heos"] if config.heos is not None else []),
                *(["receivers"] if config.receivers else []),
                *(["plex"] if config.plex is not None else []),
                *(["admin"] if config.allow_admin else []),
            ],
            "config": masked(config),
        }


def _link(state: LinkState) -> Object:
    return {
        "state": state.word.value,
        "since": stamp(state.since),
        "host": state.host,
        "latency_ms": state.latency_ms,
        "reconnects": state.reconnects,
        "next_attempt_at": None if state.next_attempt_at is None else stamp(state.next_attempt_at),
        "last_error": state.last_error,
    }


def resident() -> int:
    """Memory that the process occupies now, in bytes (its peak where the system tells nothing better)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * resource.getpagesize()
