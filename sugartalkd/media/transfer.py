"""One player's request for a track: passed on whole, even where its origin stumbles."""

from __future__ import annotations

import asyncio
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from aiohttp import ClientError, ClientResponse, StreamReader, web

from sugartalkd.errors import PlexOffline, SugartalkError
from sugartalkd.log import get_logger
from sugartalkd.media.connection import base_headers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from sugartalkd.media.source import Origin, Source

_log = get_logger(__name__)

PATIENCE: Final = 20.0
"""Seconds a broken transfer is tried again for; players have buffered about as much."""
PAUSES: Final = (0.1, 0.5, 1.0, 2.0)
STALL: Final = 3600.0
"""Seconds for which a player may stop reading: paused ones do. It can ask for the rest later."""
_WHOLE, _PART, _MOVED, _UNSATISFIABLE = 200, 206, 404, 416
_RANGE: Final = re.compile(r"bytes=(?:[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})")
"""One range; who asks for several gets everything, as HTTP allows."""
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]+)-[0-9]+/([0-9]+|\*)")


class Refused(Exception):
    """The origin does not give it, and asking again would not help."""


class _Broken(Exception):
    """The origin stopped in the middle; the text names how."""


class _Moved(_Broken):
    """The origin has it somewhere else now, or no more."""


class _Left(Exception):
    """The player has gone."""


class _Patience:
    """How often, and how long, an origin is asked again that broke off."""

    def __init__(self) -> None:
        self._give_up = asyncio.get_running_loop().time() + PATIENCE
        self._pauses = iter(PAUSES)

    @property
    def is_over(self) -> bool:
        return asyncio.get_running_loop().time() > self._give_up

    async def pause(self, fault: Exception) -> None:
        if (seconds := next(self._pauses, None)) == PAUSES[0]:
            _log.info("the rest of a track is asked for again", reason=told(fault))
        await asyncio.sleep(PAUSES[-1] if seconds is None else seconds)


class Transfer:
    """Carries one request out; `trouble` says afterwards why the player did not get everything."""

    def __init__(
        self, request: web.BaseRequest, origin: Origin, source: Source, renew: Callable[[], Awaitable[Source]]
    ) -> None:
        """`renew` describes the track anew, once, if the origin does not have it where it was."""
        self._request = request
        self._origin = origin
        self._source = source
        self._renew = renew
        self._response: web.StreamResponse | None = None
        self._first = 0
        """The first byte that was asked for."""
        self._left: int | None = None
        """Bytes that have still to come, where that is known."""
        self._total = "*"
        """Bytes of the whole file: another file under the same name is not what the player began with."""
        self._sent = 0
        self._renewed = False
        self.trouble: str | None = None

    async def carry_out(self) -> web.StreamResponse:
        """Raises Refused, or what the origin raises, while nothing has been sent yet."""
        if self._request.method == "HEAD" and (self._source.transcoded or self._source.size is not None):
            return self._described()
        patience = _Patience()
        while True:
            before = self._sent
            try:
                return await self._attempt()
            except _Left:
                return self._response or web.Response()
            except (ClientError, TimeoutError, _Broken, PlexOffline) as error:
                fault = error
            except (Refused, SugartalkError) as error:
                return self._over(error)
            if self._sent > before:
                patience = _Patience()
            if patience.is_over or (self._response is not None and self._left is None):
                return self._over(fault)
            await patience.pause(fault)

    async def _attempt(self) -> web.StreamResponse:
        try:
            return await self._fetch()
        except _Moved:
            if self._renewed:
                raise Refused("the music server does not have the file any more") from None
            self._source = await self._renew()
            self._renewed = True
            return await self._fetch()

    async def _fetch(self) -> web.StreamResponse:
        """Ask for what is still missing, and pass it on to the last byte."""
        async with self._origin.fetch(self._source, self._asked()) as upstream:
            if self._response is None:
                self._response = response = await self._begin(upstream)
            else:
                response = self._response
                self._check_rest(upstream)
            if self._request.method == "HEAD" or response.status == _UNSATISFIABLE:
                return response
            with self._watching():
                await self._pass_on(response, upstream.content)
        if self._left is not None and self._left > 0:
            raise _Broken("ended too early")
        return response

    def _asked(self) -> dict[str, str]:
        if self._response is not None:
            start = self._first + self._sent
            return {"Range": f"bytes={start}-{start + (self._left or 0) - 1}"}
        wanted = self._request.headers.get("Range", "")
        # Nothing of ours has a validator, so a condition on one never holds.
        conditional = "If-Range" in self._request.headers
        if self._source.transcoded or conditional or not _RANGE.fullmatch(wanted):
            return {}
        return {"Range": wanted}

    async def _begin(self, upstream: ClientResponse) -> web.StreamResponse:
        _check_status(upstream, {_WHOLE, _PART, _UNSATISFIABLE})
        headers, passed = self._headers(), upstream.headers
        if (extent := passed.get("Content-Range")) is not None and upstream.status != _WHOLE:
            headers["Content-Range"] = extent
        if upstream.status == _UNSATISFIABLE:
            return web.Response(status=_UNSATISFIABLE, headers=headers)
        response = web.StreamResponse(status=upstream.status, headers=headers)
        if not self._source.transcoded and (length := upstream.content_length) is not None:
            response.content_length = self._left = length
            self._total = str(length)
        if (found := _CONTENT_RANGE.fullmatch(extent or "")) is not None:
            self._first, self._total = int(found[1]), found[2]
        try:
            await response.prepare(self._request)
        except ConnectionError:
            raise _Left from None
        return response

    def _check_rest(self, upstream: ClientResponse) -> None:
        """Whether what comes now is the rest of what has been sent."""
        _check_status(upstream, {_WHOLE, _PART, _UNSATISFIABLE})
        found = _CONTENT_RANGE.fullmatch(upstream.headers.get("Content-Range", ""))
        if upstream.status != _PART or found is None:
            raise _Broken(f"answered {upstream.status} when asked for the rest")
        if int(found[1]) != self._first + self._sent or found[2] != self._total:
            raise Refused("the file has changed while it was played")

    async def _pass_on(self, response: web.StreamResponse, content: StreamReader) -> None:
        """No more than fits into buffers is read before the player has taken it."""
        async for chunk in content.iter_any():
            try:
                await response.write(chunk if self._left is None else chunk[: self._left])
            except ConnectionError:
                raise _Left from None
            self._sent += len(chunk)
            if self._left is not None:
                self._left -= len(chunk)
                if self._left <= 0:
                    return

    @contextmanager
    def _watching(self) -> Generator[None]:
        """Lets go of a player that has taken nothing for too long; a timer per chunk would cost a tenth."""
        loop = asyncio.get_running_loop()

        def look(before: int) -> None:
            nonlocal timer
            if self._sent == before:
                self._abort()
            else:
                timer = loop.call_later(STALL, look, self._sent)

        timer = loop.call_later(STALL, look, self._sent)
        try:
            yield
        finally:
            timer.cancel()

    def _described(self) -> web.StreamResponse:
        """What a HEAD is told: nothing has to be fetched for that."""
        response = web.Response(headers=self._headers())
        if self._source.size is not None and not self._source.transcoded:
            response.headers["Content-Length"] = str(self._source.size)
        return response

    def _headers(self) -> dict[str, str]:
        ranges = "none" if self._source.transcoded else "bytes"
        return base_headers() | {"Content-Type": self._source.content_type, "Accept-Ranges": ranges}

    def _over(self, error: Exception) -> web.StreamResponse:
        """The player must see that something is missing, and not take it for the end."""
        if self._response is None:
            raise error
        self.trouble = f"{told(error)}, after {self._first + self._sent} bytes"
        self._abort()
        return self._response

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


def _check_status(upstream: ClientResponse, good: set[int]) -> None:
    if upstream.status == _MOVED:
        raise _Moved("does not have the file any more")
    if upstream.status not in good:
        raise Refused(f"the music server answers {upstream.status} instead of the file")


def told(error: Exception) -> str:
    """For people; what aiohttp says may have addresses in it."""
    if isinstance(error, SugartalkError | Refused):
        return str(error)
    how = str(error) if isinstance(error, _Broken) else f"broke off ({type(error).__name__})"
    return f"the music server {how}"
