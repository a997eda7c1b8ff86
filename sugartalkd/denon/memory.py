"""What was learned of receivers, kept in a file: what they can do is known before they answer again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sugartalkd import state_file
from sugartalkd.denon import settings
from sugartalkd.log import get_logger
from sugartalkd.model import ReceiverFacts, ReceiverId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sugartalkd.denon.identity import Identity

_log = get_logger(__name__)

FILE: Final = "receivers.json"


class ReceiverMemory:
    """Facts by receiver, with the address they were learned at: another one may be another receiver."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._learned = _load(path)

    def facts(self, receiver: ReceiverId, host: str) -> ReceiverFacts:
        """What is known of the receiver at this address; nothing if it had another one."""
        where, facts = self._learned.get(receiver, ("", ReceiverFacts()))
        return facts if where == host else ReceiverFacts()

    def learn_settings(self, receiver: ReceiverId, host: str, names: tuple[str, ...]) -> None:
        """It answers for these settings."""
        self._learn(receiver, host, replace(self.facts(receiver, host), settings=names))

    def learn_identity(self, receiver: ReceiverId, host: str, identity: Identity) -> None:
        """What its web side said."""
        facts = replace(
            self.facts(receiver, host),
            model=identity.model,
            mac=identity.mac,
            labels=dict(identity.labels),
            hidden=identity.hidden,
        )
        self._learn(receiver, host, facts)

    def _learn(self, receiver: ReceiverId, host: str, facts: ReceiverFacts) -> None:
        if self._learned.get(receiver) != (host, facts):
            self._learned[receiver] = host, facts
            _save(self._path, self._learned)


def _load(path: Path) -> dict[ReceiverId, tuple[str, ReceiverFacts]]:
    """What was written down; whatever of it cannot be read is learned anew."""
    learned: dict[ReceiverId, tuple[str, ReceiverFacts]] = {}
    for receiver, one in state_file.load(path).items():
        match one:
            case {"host": str(host), "settings": list(names), "labels": dict(labels), "hidden": list(hidden)}:
                model, mac = one.get("model"), one.get("mac")
                learned[ReceiverId(receiver)] = (
                    host,
                    ReceiverFacts(
                        settings=tuple(name for name in settings.NAMES if name in names),
                        model=model if isinstance(model, str) else None,
                        mac=mac if isinstance(mac, str) else None,
                        labels={own: label for own, label in labels.items() if isinstance(label, str)},
                        hidden=frozenset(name for name in hidden if isinstance(name, str)),
                    ),
                )
            case _:
                _log.warning("what was learned of a receiver is not valid", file=str(path), receiver=receiver)
    return learned


def _save(path: Path, learned: Mapping[ReceiverId, tuple[str, ReceiverFacts]]) -> None:
    content = {
        receiver: {
            "host": host,
            "settings": list(facts.settings),
            "model": facts.model,
            "mac": facts.mac,
            "labels": dict(facts.labels),
            "hidden": sorted(facts.hidden),
        }
        for receiver, (host, facts) in learned.items()
    }
    state_file.save(
        path,
        content,
        "what was learned of receivers cannot be written; it will be asked again after a restart",
    )
