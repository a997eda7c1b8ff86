"""What arrives from the broker: refused by name, or handed on, and answered exactly once."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from sugartalkd.command import BridgeCommand, Reread, SendRaw
from sugartalkd.errors import (
    Expired,
    Forbidden,
    Internal,
    OutOfRange,
    RetainedCommand,
    SugartalkError,
    Superseded,
    UnknownZone,
)
from sugartalkd.log import get_logger
from sugartalkd.model import ZoneId
from sugartalkd.mqtt.broker import Outgoing, Received
from sugartalkd.mqtt.router import RequestAddress, ZoneAddress, address, overlapping, usable_response_topic
from sugartalkd.state import now
from sugartalkd.topics import bridge, payload
from sugartalkd.topics.payload import JSON, stamp
from sugartalkd.zone.inbox import START_LIMIT
from sugartalkd.zone.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sugartalkd.model import Artwork, Json, Object
    from sugartalkd.zone.inbox import Inbox
    from sugartalkd.zone.outcome import Answer

_log = get_logger(__name__)

ECHO_WITHIN: Final = 5.0
"""Seconds."""


class Desk(Protocol):
    """Who answers requests to the bridge."""

    def submit(self, command: BridgeCommand, answer: Answer) -> None: ...


class Out(Protocol):
    """Who sends what is not retained, and knows the broker's own copies of our topics."""

    def post(self, message: Outgoing) -> None: ...

    def republish(self, zone: ZoneId, attribute: str | None) -> None: ...

    def found_retained_zones(self, raw: bytes) -> None: ...


@dataclass(slots=True, eq=False)
class _Slip:
    """Who sent one command, and how the reply finds them."""

    message: Received
    where: ZoneAddress | RequestAddress
    response_topic: str | None
    arrived: float
    transaction: Json = None

    @property
    def asked(self) -> bool:
        """Whether a reply is due also on success."""
        return self.message.response_topic is not None or self.transaction is not None or self.where.replies


class Reception:
    """Takes every message of the broker, in order, without ever waiting."""

    def __init__(
        self,
        base: str,
        discovery_prefix: str,
        inboxes: Mapping[ZoneId, Inbox],
        desk: Desk,
        out: Out,
        *,
        allow_admin: Callable[[], bool] = lambda: False,
        allow_raw: Callable[[], bool] = lambda: False,
    ) -> None:
        self._base = base
        self._prefix = discovery_prefix
        self._inboxes = inboxes
        self._desk = desk
        self._out = out
        self._allow_admin = allow_admin
        self._allow_raw = allow_raw
        self._previous: Received | None = None
        self._cleared: dict[str, float] = {}
        """Retained commands that we cleared, until when our own empty message may come back."""

    def deliver(self, message: Received) -> None:
        """Take one message. Nothing that a payload holds may raise out of here."""
        below = message.topic[len(self._base) + 1 :]
        if below == bridge.ZONES.path:
            if message.retained and message.payload:
                self._out.found_retained_zones(message.payload)
            return
        if message == self._previous and overlapping(below):
            self._previous = None  # the copy that another subscription of ours brought
            return
        self._previous = message
        where = address(below)
        if not message.payload and (message.retained or not where.takes_empty):
            return  # somebody clears a retained message; an empty payload is no command
        if not message.payload and time.monotonic() < self._cleared.pop(message.topic, 0.0):
            return  # we did; MQTT 3.1.1 has no flag to tell, and no no-local to keep it from us
        slip = _Slip(message, where, self._response_topic(message), time.monotonic())
        try:
            self._take(slip)
        except SugartalkError as refusal:
            if slip.transaction is None:
                slip.transaction = payload.salvaged_transaction(message.payload)
            self._answer(slip, Outcome(error=refusal))
        except Exception:  # noqa: BLE001  # the edge: one message must not end the connection
            _log.exception("a message broke the reception", topic=message.topic)
            self._answer(
                slip, Outcome(error=Internal("the daemon failed on this message; its log says where"))
            )

    def _take(self, slip: _Slip) -> None:
        message, where = slip.message, slip.where
        if message.retained:
            self._out.post(Outgoing(message.topic, b"", retain=True))
            if slip.where.takes_empty:
                self._cleared[message.topic] = time.monotonic() + ECHO_WITHIN
            raise RetainedCommand(
                f"{message.topic} was published with the retain flag and has been cleared; "
                "send commands without it"
            )
        given = payload.read(message.payload)
        slip.transaction = payload.transaction(given)
        if isinstance(where, RequestAddress):
            if where.row is not None and where.row.admin and not self._allow_admin():
                raise Forbidden(f"{where.action} needs allow_admin: true in the configuration")
            self._desk.submit(where.parse(given), lambda outcome: self._answer(slip, outcome))
            return
        inbox = self._inboxes.get(ZoneId(where.zone))
        if inbox is None:
            known = ", ".join(sorted(self._inboxes)) or "none yet"
            raise UnknownZone(f"there is no zone {where.zone[:64]!r}; there is {known}")
        command = where.parse(given)
        if isinstance(command, SendRaw) and not self._allow_raw():
            raise Forbidden(f"{where.action} needs allow_raw: true in the configuration")
        if message.expires_in == 0:
            raise Expired("the message had expired when it arrived")

        def answer(outcome: Outcome) -> None:
            if isinstance(command, Reread) and outcome.error is None:
                self._out.republish(inbox.zone.id, command.attribute)
            self._answer(slip, outcome)

        inbox.submit(
            command,
            answer,
            asked=slip.asked,
            expires_in=START_LIMIT if message.expires_in is None else message.expires_in,
        )

    def _response_topic(self, message: Received) -> str | None:
        topic = message.response_topic
        if topic is None:
            return None
        if usable_response_topic(topic, self._base, self._prefix):
            return topic
        _log.warning("a Response Topic was not used", topic=topic[:128])
        return None

    def _answer(self, slip: _Slip, outcome: Outcome) -> None:
        error = outcome.error
        if error is None and not slip.asked and isinstance(slip.where, ZoneAddress):
            return  # nobody asked, and the state topics show it
        if isinstance(error, Superseded) and not slip.asked:
            return
        if error is not None:
            _log.info("refused or failed", topic=slip.message.topic, code=error.code, error=str(error))
        content, content_type = payload.encode(self._reply(slip, outcome)), JSON
        if (picture := outcome.artwork) is not None and slip.response_topic is not None:
            content, content_type = picture.data, picture.content_type

        def less(room: int) -> Outgoing:
            why = OutOfRange(f"the answer has {len(content)} bytes, the broker takes {room}; ask for less")
            return self._message(slip, payload.encode(self._reply(slip, Outcome(error=why))), JSON, ok=False)

        self._out.post(replace(self._message(slip, content, content_type, ok=error is None), less=less))

    def _message(self, slip: _Slip, content: bytes, content_type: str, *, ok: bool) -> Outgoing:
        return Outgoing(
            slip.response_topic or f"{self._base}/{slip.where.reply_topic}",
            content,
            content_type=content_type,
            correlation=slip.message.correlation if slip.response_topic is not None else None,
            status="ok" if ok else "error",
        )

    def _reply(self, slip: _Slip, outcome: Outcome) -> Object:
        error = outcome.error
        return {
            "status": "ok" if error is None else "error",
            "action": slip.where.action,
            "zone": slip.where.zone if isinstance(slip.where, ZoneAddress) else None,
            "data": outcome.data if outcome.artwork is None else _picture_json(outcome.artwork),
            "error": None if error is None else str(error),
            "error_code": None if error is None else error.code,
            "retryable": error is not None and error.retryable,
            "transaction": slip.transaction,
            "duration_ms": round((time.monotonic() - slip.arrived) * 1000),
            "ts": stamp(now()),
        }


def _picture_json(picture: Artwork) -> Object:
    """For who cannot be sent bytes."""
    return {"content_type": picture.content_type, "data": base64.b64encode(picture.data).decode()}
