"""An HTTP server that says as little as it can: no versions, no error pages, nothing of what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from sugartalkd.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = get_logger(__name__)

IDLE: Final = 30.0
"""Seconds for which a client may say nothing, before a request and between two."""
_LINGER: Final = 1.0
"""Seconds for which the body of a request is awaited that is not even read."""
_INTERNAL: Final = 500


class QuietServer(web.Server):
    """What a client leaves is cancelled at once."""

    def __init__(self, answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(
            answer, handler_cancellation=True, access_log=None, keepalive_timeout=IDLE, lingering_time=_LINGER
        )

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = _INTERNAL,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # it repeats what the client sent
    ) -> web.StreamResponse:
        if status >= _INTERNAL:
            _log.error("a request of a player could not be answered", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("it breaks off where it is")
        response = empty(status)
        response.force_close()
        return response


def empty(status: int) -> web.Response:
    """The whole answer, but for what HTTP itself needs."""
    return web.Response(status=status, headers=base_headers())


def base_headers() -> dict[str, str]:
    """Without it aiohttp would tell its own version and Python's."""
    return {"Server": "sugartalkd"}
