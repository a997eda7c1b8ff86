"""The web side of a simulated receiver: who it is, what its inputs are called, and faults to switch on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

DEVICE: Final = "/goform/Deviceinfo.xml"
COMMANDS: Final = "/goform/AppCommand.xml"
_HEAD_LIMIT: Final = 16_384


@dataclass(slots=True)
class AvrHttp:
    """Serves two documents on a TCP port; `port` 0 takes a free one. Everything may be changed at will."""

    host: str = "127.0.0.1"
    port: int = 0
    model: str = "*AVR-X2300W"
    mac: str = "0005CD000001"
    zones: int = 2
    renamed: dict[str, str] = field(default_factory=lambda: {"CBL/SAT": "Set-top", "Blu-ray": "Blu-ray"})
    """What people call the inputs, by their name on the web side."""
    deleted: set[str] = field(default_factory=lambda: {"DVD"})
    hang: bool = False
    """Connections are taken and nothing is answered."""
    status: int = 200
    """403 and 404 are what real ones say."""
    document: bytes | None = None
    """Sent instead of every document."""
    requests: list[str] = field(default_factory=list[str])
    """Method and path of each request, as it came."""
    open: int = 0
    """Connections at present."""
    most_open: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set["asyncio.Task[None]"])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._talk(reader, writer), name="avr-http-client")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, path, *_ = head[:_HEAD_LIMIT].decode("latin-1").split()
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                ),
                0,
            )
            asked = await reader.readexactly(length)
            self.requests.append(f"{method} {path}")
            if self.hang:
                await asyncio.Event().wait()
            body = self._body(path, asked.decode("latin-1"))
            status = self.status if body is not None else 404
            writer.write(
                f"HTTP/1.0 {status} Status\r\nContent-Type: text/xml\r\n\r\n".encode() + (body or b"")
            )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has had enough
        finally:
            self.open -= 1
            writer.close()

    def _body(self, path: str, asked: str) -> bytes | None:
        if self.document is not None:
            return self.document
        if path == DEVICE:
            return (
                '<?xml version="1.0" encoding="utf-8"?><Device_Info><DeviceInfoVers>0001</DeviceInfoVers>'
                f"<ModelName>{escape(self.model)} </ModelName><MacAddress>{self.mac}</MacAddress>"
                f"<DeviceZones>{self.zones}</DeviceZones></Device_Info>"
            ).encode()
        if path == COMMANDS:
            parts = ""
            if "GetRenameSource" in asked:
                lists = self._lists("name", "rename", self.renamed)
                parts += f"<cmd><functionrename>{lists}</functionrename></cmd>"
            if "GetDeletedSource" in asked:
                used = {name: "0" if name in self.deleted else "1" for name in (*self.renamed, *self.deleted)}
                lists = self._lists("FuncName", "use", used)
                parts += f"<cmd><functiondelete>{lists}</functiondelete></cmd>"
            return f'<?xml version="1.0" encoding="utf-8" ?><rx>{parts}</rx>'.encode()
        return None

    @staticmethod
    def _lists(name_tag: str, tag: str, values: dict[str, str]) -> str:
        """Values carry trailing blanks, as real ones do."""
        return "".join(
            f"<list><{name_tag}>{escape(name)}</{name_tag}><{tag}>{escape(value)}  </{tag}></list>"
            for name, value in values.items()
        )
