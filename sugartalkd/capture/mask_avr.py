"""What is private in lines of a receiver, replaced: letters by `x`, one for one, so that lengths stay."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sugartalkd.capture.pseudonyms import blur

if TYPE_CHECKING:
    from sugartalkd.capture.pseudonyms import Pseudonyms

# Codes whose values are the maker's words and numbers. All else is masked: firmware may say anything.
_KEPT: Final = re.compile(
    rb"\n*(?:PW|ZM|Z2|Z3|MV|MU|SI|MS|SV|SD|DC|ECO|DIM|SLP|STBY|PS|CV|PV|VS|TFAN\d|TPAN|TMAN|MN|TR|SYMI|SYDA"
    rb"|SYREMOTE|SYPANEL|OPSTS|OPINF|SSINF|SSSIG|SSSOD|SSLEV|SSALS|SSSPC|SPPR)[A-Z0-9 .:/+\-%?*()]*"
)
_SCREEN: Final = re.compile(rb"(\n*NS[EA])([0-9])([^\0]*)(.*)", re.DOTALL)
_PLAYING: Final = b"Now Playing "
_TIME: Final = re.compile(rb"[\x00-\x1f\x80]?[0-9: %]*")
_TIME_LINE: Final = b"5"
# Of what is in neither list the code itself stays, where it is of a family that is known.
_CODE: Final = re.compile(
    rb"\n*(?:NSFRN ?|NSH[0-9]{2}|TFANNAME|SSFUN[A-Z0-9/]*"
    rb"|(?:AP|BD|BT|DA|HD|IL|NS|OP|SP|SR|SS|SY|UG|VI|XM)[A-Z0-9]{0,6}|[A-Z]{2})"
)


def mask_line(line: bytes, masks: Pseudonyms) -> bytes:
    """A line that the receiver sent, without its CR."""
    if _KEPT.fullmatch(line):
        return line
    if screen := _SCREEN.fullmatch(line):
        return _masked_screen(screen, masks)
    code = _CODE.match(line)
    head = code[0] if code else b""
    return _counted(line, head + blur(line[len(head) :]), "receiver's text", masks)


def _masked_screen(found: re.Match[bytes], masks: Pseudonyms) -> bytes:
    """A line of the now-playing screen: its text, and behind a NUL what is left over from another one."""
    head, number, text, rest = found.groups()
    if text.startswith(_PLAYING):
        shown = _PLAYING + blur(text.removeprefix(_PLAYING))
    elif number == _TIME_LINE and _TIME.fullmatch(text):
        shown = text
    else:
        shown = blur(text)
    masked = head + number + shown + blur(rest)
    return _counted(text, masked, "screen text", masks) if shown != text else masked


def _counted(before: bytes, after: bytes, kind: str, masks: Pseudonyms) -> bytes:
    if before != after:
        masks.seen(kind, before)
    return after
