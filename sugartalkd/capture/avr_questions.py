"""What a receiver is asked: every question that is known, and nothing that changes it."""

from __future__ import annotations

import re
from typing import Final

from sugartalkd.denon import protocol, settings
from sugartalkd.model import ReceiverZone

POWER: Final = "PW?"
FIRST: Final = (POWER, "ZM?", "Z2?")
"""What may be asked in standby; models that answer more there are not known (denon.md 1.5)."""
STANDBY: Final = "PWSTANDBY"

_MAIN: Final = (protocol.Volume, protocol.Mute, protocol.Source, protocol.SoundMode, protocol.Sleep)
# Of the maker's tables, beside what the daemon itself asks (denon.md 1.6).
_MORE: Final = (
    "SD?", "DC?", "CV?", "PSDIC ?", "PSEFF ?", "PSRSZ ?", "PSDEL ?", "PSFRONT?", "PSSP: ?", "PSLFC ?",
    "PSCNTAMT ?", "PSDSX ?", "PSAUROPR ?", "PSAUROST ?", "PSDIRAC ?", "PSIMAX ?", "PSPHG ?", "PSMDAX ?",
    "PSDACFIL ?", "SPPR ?", "BTTX ?", "ILB ?", "PV?", "PVCN ?", "PVBR ?", "PVST ?", "PVHUE ?", "PVDNR ?",
    "PVENH ?", "VSMONI ?", "VSAUDIO ?", "VSVPM ?", "VSASP ?", "VSSC ?", "VSSCH ?", "TFAN?", "TFANNAME?",
    "TPAN?", "TMAN?", "MNMEN?", "MNZST?", "TR?", "SSINFAISFSV ?", "SSINFAISSIG ?", "SSINFAISFOR ?",
    "SSINFSIGRES ?", "SYSMI ?", "SYSDA ?", "SSSOD ?", "SSHOSALS ?", "NSFRN ?",
)  # fmt: skip
_OTHER_ZONES: Final = (
    "?", "MU?", "SLP?", "STBY?", "QUICK ?", "CV?", "CS?", "HPF?", "HDA?", "PSBAS ?", "PSTRE ?",
)  # fmt: skip
_SCREEN: Final = ("NSE", "NSA")
"""Asked without a question mark."""


def _all() -> tuple[str, ...]:
    known = (protocol.question(kind, zone).text for kind in _MAIN for zone in (ReceiverZone.MAIN,))
    set_up = (text for wire in settings.WIRES for text in settings.questions(wire.name))
    zones = (f"{zone}{rest}" for zone in ("Z2", "Z3") for rest in _OTHER_ZONES)
    every = dict.fromkeys((*FIRST, *known, *set_up, *_MORE, *zones, *_SCREEN))
    if strange := [text for text in every if not is_question(text)]:
        raise ValueError(f"{strange} may change something")
    return tuple(every)


def is_question(text: str) -> bool:
    """Whether a line only asks."""
    return text.endswith("?") or text in _SCREEN


def _code(question: str) -> bytes:
    return re.sub(r"[ :.?]+$", "", question).encode()


def answers(sent: bytes, line: bytes) -> bool:
    """Whether a line may answer this question: no other one has more of its code (`VSSC`, `VSSCH`)."""
    text = line.lstrip(b"\n")
    return next((code for code in _CODES if text.startswith(code)), None) == _code(sent.decode())


def completes(line: bytes) -> bool:
    """Whether a line ends its answer."""
    return line.strip(b"\n") in {b"CVEND", b"Z2CVEND", b"Z3CVEND", b"SSSODEND", b"SSSOD END"} or (
        re.match(rb"\n*NS[EA]8", line) is not None
    )


QUESTIONS: Final = _all()
"""In order, those for standby first."""
_CODES: Final = sorted({_code(text) for text in QUESTIONS}, key=len, reverse=True)
