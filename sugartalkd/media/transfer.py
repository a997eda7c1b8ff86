"""One player's request for a track: passed on whole, even where its origin stumbles."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from aiohttp import ClientError, ClientResponse, web

from sugartalkd.errors import PlexOffline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sugartalkd.media.source import Origin, Source

PATIENCE: Final = 20.0
"""Seconds a broken transfer is tried again for; players have buffered about as much."""
PAUSES: Final = (0.1, 0.5, 1.0, 2.0)
CHUNK: Final = 262_144
_WHOLE, _PART, _MOVED, _UNSATISFIABLE = 200, 206, 404, 416
_PASSED_ON: Final = ("Content-Length", "Content-Range")
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


class Broken(Exception):
    """The origin does not give it; `moved` when it is somewhere else now."""

    def __init__(self, text: str, *, moved: bool = False) -> None:
        super().__init__(text)
        self.moved = moved


class Transfer:
    """Carries one request out; `trouble` says afterwards why the player did not get everything."""

    def __init__(self, request: web.BaseRequest, origin: Origin, source: Source) -> None:
        self._request = request
        self._origin = origin
        self._source = source
        self._response: web.StreamResponse | None = None
        self._first = 0
        """The first byte that was asked for."""
        self._left: int | None = None
        """Bytes that have still to come, where that is known."""
        self.sent = 0
        self.trouble: str | None = None

    async def carry_out(self) -> web.StreamResponse:
        """Raises Broken or what the origin raises while nothing has been sent yet."""
        wanted = self._request.headers.get("Range")
        wanted = None if self._source.transcoded or not _RANGE.fullmatch(wanted or "") else wanted
        if self._request.method == "HEAD" and (self._source.transcoded or self._source.size is not None):
            return self._describe()
        loop = asyncio.get_running_loop()
        give_up, tries = loop.time() + PATIENCE, 0
        while True:
            before = self.sent
            try:
                if await self._attempt(wanted):
                    return self._response or self._describe()
                fault = "the origin ended it too early"
            except (ClientError, TimeoutError, PlexOffline) as error:
                fault = f"the origin broke it off ({type(error).__name__})"
                if self._response is None and loop.time() > give_up:
                    raise
            if self.sent > before:
                give_up, tries = loop.time() + PATIENCE, 0
            if loop.time() > give_up or (self._response is not None and self._left is None):
                self._cut(fault)
                return self._response or self._describe()
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1

    def _describe(self) -> web.StreamResponse:
        """What a HEAD is told: nothing has to be fetched for that."""
        headers = self._headers()
        if self._source.size is not None and not self._source.transcoded:
            headers["Content-Length"] = str(self._source.size)
        return web.Response(headers=headers)

    def _headers(self) -> dict[str, str]:
        return {
            "Content-Type": self._source.content_type,
            "Accept-Ranges": "none" if self._source.transcoded else "bytes",
            "Server": "sugartalkd",
        }

    async def _attempt(self, wanted: str | None) -> bool:
        """Fetch what is still missing; whether the player has everything now."""
        asked = wanted
        if self._response is not None:
            last = "" if self._left is None else str(self._first + self.sent + self._left - 1)
            asked = f"bytes={self._first + self.sent}-{last}"
        headers = {} if asked is None else {"Range": asked}
        async with self._origin.fetch(self._source, headers) as upstream:
            if self._response is None:
                self._response = await self._begin(upstream)
            elif upstream.status != _PART:
                raise ClientError(f"status {upstream.status}")
            if self._request.method == "HEAD" or upstream.status == _UNSATISFIABLE:
                return True
            async for chunk in _chunks(upstream):
                try:
                    await self._response.write(chunk)
                except (ConnectionError, RuntimeError):
                    return True  # the player has left
                self.sent += len(chunk)
                if self._left is not None:
                    self._left -= len(chunk)
        return not self._left

    async def _begin(self, upstream: ClientResponse) -> web.StreamResponse:
        if upstream.status == _MOVED:
            raise Broken("the server does not have this file any more", moved=True)
        if upstream.status not in {_WHOLE, _PART, _UNSATISFIABLE}:
            raise Broken(f"the server answers {upstream.status}")
        response = web.StreamResponse(status=upstream.status, headers=self._headers())
        for name in _PASSED_ON:
            if name in upstream.headers and not self._source.transcoded:
                response.headers[name] = upstream.headers[name]
        if (length := upstream.content_length) is not None and not self._source.transcoded:
            self._left = length
        if (found := re.match(r"bytes (\d+)-", upstream.headers.get("Content-Range", ""))) is not None:
            self._first = int(found[1])
        await response.prepare(self._request)
        return response

    def _cut(self, fault: str) -> None:
        """The player must see that something is missing, and not take it for the end."""
        self.trouble = fault
        if self._request.transport is not None:
            self._request.transport.abort()


async def _chunks(upstream: ClientResponse) -> AsyncIterator[bytes]:
    while chunk := await upstream.content.readany():
        yield chunk
