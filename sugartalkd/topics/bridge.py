"""What the bridge tells and what it can be asked: one row per topic and request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd.command import ForgetZone, GetConfig, Ping, Restart, SetConfig, SetLogLevel
from sugartalkd.errors import BadPayload
from sugartalkd.model import ZONE_ID, ZoneId
from sugartalkd.topics import heos, payload, plex
from sugartalkd.topics.row import BridgeRow, RequestRow

if TYPE_CHECKING:
    from sugartalkd.model import Object

LOG_LEVELS: Final = ("debug", "info", "warning", "error")

STATE: Final = BridgeRow(
    "bridge/state", "Whether the daemon is there; the will says `offline`", "`online` \\| `offline`",
    is_json=False,
)  # fmt: skip
INFO: Final = BridgeRow(
    "bridge/info", "The daemon itself",
    "JSON: `version`, `started_at`, `mqtt_protocol`, `base_topic`, `features`, `config` (secrets masked)",
)  # fmt: skip
ZONES: Final = BridgeRow(
    "bridge/zones", "Every zone and what it can do",
    "JSON array: `id`, `name`, `receiver`, `receiver_zone`, `player`, `capabilities`, "
    "`volume` `{min,max,step,max_volume}`, `inputs`, `sound_modes`, `settings`",
)  # fmt: skip
HEALTH: Final = BridgeRow(
    "bridge/health", "How the daemon and its links are; every 60 s and on link changes",
    "JSON: `uptime`, `memory`, `mqtt` counters, per link `state`, `since`, `host`, `latency_ms`, "
    "`reconnects`, `next_attempt_at`, `last_error`; `heos.account`",
)  # fmt: skip
EVENT: Final = BridgeRow(
    "bridge/event", "What happened to the bridge",
    'JSON: `{"event_type": link_up \\| link_down \\| library_progress \\| library_synced \\| plex_login \\| '
    'error, "ts", …}`', retained=False,
)  # fmt: skip
LOGGING: Final = BridgeRow(
    "bridge/logging", "The log, info and above, rate limited, secrets masked",
    'JSON: `{"level","message","logger","ts"}`', retained=False, qos=0,
)  # fmt: skip
LINK: Final = BridgeRow(
    "bridge/connection/{link}", "One link: `heos`, `plex`, `receiver/<receiver id>`",
    "`online` \\| `connecting` \\| `offline` \\| `busy` (receiver) \\| `unauthorized` (Plex) \\| `disabled`",
    is_json=False,
)  # fmt: skip
BRIDGE: Final = (STATE, INFO, ZONES, LINK, HEALTH, EVENT, LOGGING)

ZONE_SNAPSHOT: Final = BridgeRow(
    "{zone}", "The zone's scalars and `now_playing` in one object; at most every 100 ms", "JSON"
)
ZONE_EVENT: Final = BridgeRow(
    "{zone}/event", "What happened in the zone", 'JSON: `{"event_type", "ts", …}`', retained=False
)
ZONE_RESULT: Final = BridgeRow(
    "{zone}/result", "Outcomes of commands: every failure, and every reply that was asked for",
    "JSON: see Replies", retained=False,
)  # fmt: skip
ZONE_OTHER: Final = (ZONE_SNAPSHOT, ZONE_EVENT, ZONE_RESULT)


def _log_level(given: str | Object) -> SetLogLevel:
    level = payload.as_text(payload.value(given, "level" if _has(given, "level") else "value"), "log_level")
    if level.casefold() not in LOG_LEVELS:
        raise BadPayload(f"log_level takes {', '.join(LOG_LEVELS)}, not {level[:64]!r}")
    return SetLogLevel(level.casefold())


def _set_config(given: str | Object) -> SetConfig:
    if isinstance(given, str):
        raise BadPayload('config/set takes an object of dotted keys, such as {"heos.host": "192.168.1.20"}')
    changes = tuple((key, change) for key, change in given.items() if key != "transaction")
    if not changes:
        raise BadPayload("config/set needs at least one key")
    return SetConfig(changes)


def _forget(given: str | Object) -> ForgetZone:
    zone = payload.as_text(payload.value(given, "zone" if _has(given, "zone") else "value"), "zone/forget")
    if not ZONE_ID.fullmatch(zone):
        raise BadPayload(f"{zone[:64]!r} is not a zone id")
    return ForgetZone(ZoneId(zone))


def _has(given: str | Object, key: str) -> bool:
    return not isinstance(given, str) and key in given


REQUESTS: Final = (
    RequestRow("ping", "Whether the daemon answers", "`{}`", '`{"pong": true}`', lambda _given: Ping()),
    RequestRow("log_level", "Change the log level until the next start", 'a level, or `{"level"}`',
               '`{"level"}`', _log_level),
    RequestRow("restart", "Stop and start the daemon again in the same process", "`{}`", "`{}`",
               lambda _given: Restart(), admin=True),
    RequestRow("config/get", "The effective configuration, secrets masked", "`{}`", "the configuration",
               lambda _given: GetConfig()),
    RequestRow("config/set", "Change the configuration, kept in `state_dir` and applied live",
               "JSON of dotted keys under heos receivers plex media zones log; `null` removes one",
               '`{"changed": [keys]}`', _set_config, admin=True),
    RequestRow("zone/forget", "Forget an automatic zone and clear its topics", 'zone id, or `{"zone"}`',
               '`{"zone"}`', _forget, admin=True),
    *heos.REQUESTS,
    *plex.REQUESTS,
)  # fmt: skip
