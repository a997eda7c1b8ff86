"""The topic reference, generated from the contract table: for people, and for programs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sugartalkd.errors import SugartalkError
from sugartalkd.topics import BRIDGE, COMMANDS, EVENTS, REQUESTS, STATES, SUBSCRIPTIONS, ZONE_OTHER, setting
from sugartalkd.topics.row import BridgeRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sugartalkd.model import Json, Object
    from sugartalkd.topics.row import AnyStateRow, RequestRow

_ERRORS: Final = sorted(SugartalkError.__subclasses__(), key=lambda error: error.code)
_INTRO: Final = """\
# Topics of sugartalkd

Generated from the table that the daemon itself runs on: `sugartalkd topics --format md`.
`<base>` is `sugartalk` unless `mqtt.base_topic` says otherwise, `<zone>` is an id from `<base>/bridge/zones`.

Plain topics carry text: `ON`/`OFF`, numbers without units, the word `None` for "no value". Object topics
carry JSON. Everything marked retained is there the moment you subscribe. Commands are taken as bare text or
as JSON `{"value": …, "transaction": …}`, never with the retain flag.
"""

_REPLIES: Final = """
## Replies

On `<base>/<zone>/result`, `<base>/bridge/response/<action>`, or the MQTT 5 Response Topic of the command:

```json
{"status": "error", "action": "volume/set", "zone": "kitchen", "data": {}, "error": "volume 120 is outside …",
 "error_code": "out_of_range", "retryable": false, "transaction": "t1", "duration_ms": 3,
 "ts": "2026-01-31T20:15:00.123Z"}
```

`status` is `ok` when the device confirmed it. `data` holds what the command brings: `"clamped": true` for a
volume that a limit lowered, the outcome of each attribute for `<zone>/set`, `restored` and `failed` for a
snapshot, `lines` for a raw command. `retryable` tells that the same command may succeed later. An empty
message is never a command (MQTT clears retained messages with it), except for `get`; send `{}` where nothing
has to be said.
"""


def topics() -> list[Object]:
    """Every row: `topic`, `direction` seen from the daemon, `retained`, `qos`, `payload`, `summary`.

    All receiver settings are one row, `setting/<name>`.
    """
    of_zones = [replace(row, path=row.path.replace("{zone}", "<zone>")) for row in ZONE_OTHER]
    return [
        *(_published(row.path.replace("{link}", "<link>"), row) for row in BRIDGE),
        *(_published(row.path, row) for row in of_zones),
        *(_published(f"<zone>/{row.path}", row) for row in STATES if not _is_setting(row.path)),
        {
            "topic": f"<base>/<zone>/{setting.PREFIX}<name>",
            "direction": "published",
            "retained": True,
            "qos": 1,
            "payload": "as the setting",
            "summary": "A receiver setting, below",
        },
        *(
            _taken(f"<zone>/{row.path}", row.payload, row.summary)
            for row in COMMANDS
            if not _is_setting(row.path)
        ),
        _taken(f"<zone>/{setting.PREFIX}<name>/set", "as the setting", "Change a receiver setting, below"),
        *(_request(row) for row in REQUESTS),
    ]


def contract() -> Object:
    """What `topics --format json` prints."""
    content: list[Json] = list(topics())
    events: list[Json] = [{"event_type": row.event_type, "summary": row.summary} for row in EVENTS]
    subscriptions: list[Json] = [f"<base>/{one}" for one in SUBSCRIPTIONS]
    settings: list[Json] = [
        {
            "name": spec.name,
            "payload": spec.tells.replace("\\|", "|"),
            "takes": spec.takes.replace("\\|", "|"),
            "summary": spec.summary,
        }
        for spec in setting.SPECS
    ]
    return {"topics": content, "settings": settings, "zone_events": events, "subscriptions": subscriptions}


def markdown() -> str:
    """What `topics --format md` prints, and what docs/topics.md holds."""
    rows = topics()
    published = [row for row in rows if row["direction"] == "published"]
    commands = [row for row in rows if row["direction"] == "taken" and "answer" not in row]
    requests = [row for row in rows if "answer" in row]
    return "\n".join(
        [
            _INTRO,
            "## What the bridge publishes\n",
            *_table(row for row in published if "<zone>" not in str(row["topic"])),
            "\n## What a zone publishes\n",
            *_table(row for row in published if "<zone>" in str(row["topic"])),
            "\nA zone has only the topics of what it can do (`capabilities` in `bridge/zones`).\n",
            "Words of `event_type` on `<zone>/event`:\n",
            *(f"- `{row.event_type}`: {row.summary}" for row in EVENTS),
            "\n## What a zone takes\n",
            *_table(commands),
            "\n## Receiver settings\n",
            "`<zone>/setting/<name>` and `<zone>/setting/<name>/set`. A zone has those that its receiver",
            "answers for (`settings` in `bridge/zones`).\n",
            "| name | published | taken | |",
            "| --- | --- | --- | --- |",
            *(f"| `{spec.name}` | {spec.tells} | {spec.takes} | {spec.summary} |" for spec in setting.SPECS),
            "\n## What the bridge takes\n",
            "Each is answered on `<base>/bridge/response/<action>`, or on its MQTT 5 Response Topic.",
            "† needs `allow_admin: true`.\n",
            "| request | payload | `data` of the answer | |",
            "| --- | --- | --- | --- |",
            *(
                f"| `{row['topic']}`{' †' if row['admin'] else ''} | {row['payload']} | {row['data']} "
                f"| {row['summary']} |"
                for row in requests
            ),
            _REPLIES,
            "| `error_code` | | again? |",
            "| --- | --- | --- |",
            *(f"| `{one.code}` | {_first_line(one)} | {'yes' if one.retryable else ''} |" for one in _ERRORS),
            "\n## What the daemon subscribes to\n",
            *(f"- `<base>/{one}`" for one in SUBSCRIPTIONS),
            "- `<base>/bridge/zones`, to find what an earlier run left behind\n",
        ]
    )


def _first_line(error: type[SugartalkError]) -> str:
    return (error.__doc__ or "").partition("\n")[0]


def _is_setting(path: str) -> bool:
    return path.startswith(setting.PREFIX)


def _published(path: str, row: BridgeRow | AnyStateRow) -> Object:
    return {
        "topic": f"<base>/{path}",
        "direction": "published",
        "retained": row.retained if isinstance(row, BridgeRow) else True,
        "qos": row.qos,
        "payload": row.payload.replace("\\|", "|"),
        "summary": row.summary,
    }


def _taken(path: str, payload: str, summary: str) -> Object:
    return {
        "topic": f"<base>/{path}",
        "direction": "taken",
        "retained": False,
        "qos": 1,
        "payload": payload.replace("\\|", "|"),
        "summary": summary,
    }


def _request(row: RequestRow) -> Object:
    return {
        **_taken(f"bridge/request/{row.action}", row.payload, row.summary),
        "answer": f"<base>/bridge/response/{row.action}",
        "data": row.data,
        "admin": row.admin,
    }


def _table(rows: Iterable[Object]) -> Iterable[str]:
    yield "| topic | payload | retained | |"
    yield "| --- | --- | --- | --- |"
    for row in rows:
        payload = str(row["payload"]).replace("|", "\\|")
        yield f"| `{row['topic']}` | {payload} | {'yes' if row['retained'] else 'no'} | {row['summary']} |"
