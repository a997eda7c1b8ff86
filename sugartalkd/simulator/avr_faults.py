"""The ways in which a test can make the simulated receiver misbehave."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sugartalkd.simulator.avr_connection import Connection

_GARBAGE: Final = b"".join(
    (
        b"\xff\xfb\x01\xff\xfd\x03",  # telnet negotiation: IAC WILL ECHO, IAC DO SUPPRESS-GO-AHEAD
        b"\r\r\r",  # empty frames
        b"\x00\x00\x00\r",
        b"\xc3\x28\r",  # no UTF-8
        b"MV\rMV9x\rMV-1\rMV999\rPW\rMUMAYBE\r",  # known codes without a value that means anything
        b"?\r@#$%\rNSE\r",
    )
)
_CUT: Final = (
    b"NSE1\x01Caf\xc3\r"  # the maker cuts texts at 96 bytes, inside a character if it falls there
    b"NSE2\x01\xe2\x82\r"
    b"SI\xc3\rMSST\xc3\r"  # nor does it help where a name is expected
)
_MEGABYTE: Final = 1 << 20


@dataclass(slots=True)
class AvrFaults:
    """Faults that last are fields, all off at first; faults of a moment are methods."""

    swallow: set[str] = field(default_factory=set[str])
    """Commands that begin with one of these are lost."""
    silent: bool = False
    """Half-open: the socket stays, nothing is acted on, nothing is sent."""
    mute_queries: set[str] = field(default_factory=set[str])
    """Questions, written in full (`MV?`, `PSDYNEQ ?`), that are not answered."""
    late: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds by which the answers to commands with this prefix come later; others overtake them."""
    late_events: float = 0.0
    """Seconds by which all but answers to questions come later; those have the new value at once."""
    frame_gap: float = 0.0
    """Seconds between the frames of one answer, as between the two `MS` after a sound mode was set."""
    split_frames: bool = False
    """Every byte comes in its own segment."""
    crlf: bool = False
    """Frames end with CR LF."""
    banner: str | None = None
    """A line sent to each new client."""
    chatter: bool = False
    """`OPSTS…` and `SSINFAISFSV 48K` every `chatter_gap` seconds."""
    chatter_gap: float = 5.0
    deaf_over_limit: float = 0.0
    """Seconds of deafness after a volume above the limit."""
    mvmax_drifts: bool = False
    """MVMAX follows the volume instead of telling the limit."""
    no_mvmax: bool = False
    """A model that never sends MVMAX."""
    silent_boot: bool = False
    """Volume, input and sound mode do not follow unasked after power-on; who wants them must ask."""
    unmute_on_volume: bool = False
    """A change of volume ends the mute."""
    duplicate_events: bool = False
    """Every frame is sent twice."""
    drop_fast_commands: bool = False
    """Commands less than 50 ms after the one before are lost, and counted in `dropped`."""
    dropped: int = field(default=0, repr=False)
    close_on_connect: bool = False
    """Clients are accepted and closed at once."""
    close_after: int | None = None
    """A connection is closed once so many frames have been sent on it."""
    connections: list[Connection] = field(default_factory=list["Connection"], repr=False)
    """The connections the methods act on; the simulator puts its own here."""

    async def send_raw(self, data: bytes) -> None:
        """Send bytes to every client, as they are."""
        for connection in list(self.connections):
            await connection.send_raw(data)

    async def send_garbage(self) -> None:
        """Send what no client understands: telnet negotiation, NULs, broken UTF-8, frames without a value."""
        await self.send_raw(_GARBAGE)

    async def send_cut_texts(self) -> None:
        """Send lines that end inside a UTF-8 sequence."""
        await self.send_raw(_CUT)

    async def send_megabytes(self, count: int) -> None:
        """Send `count` MiB without a single CR."""
        for _ in range(count):
            await self.send_raw(b"A" * _MEGABYTE)

    def close_all(self) -> None:
        """Close every connection with a FIN."""
        for connection in list(self.connections):
            connection.close()

    def reset_all(self) -> None:
        """End every connection with a RST."""
        for connection in list(self.connections):
            connection.reset()
