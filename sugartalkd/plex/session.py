"""HTTP to a Plex server in the house, for threads: it ends in time, and the token goes nowhere else."""

# pyright: reportUnknownMemberType=false, reportPrivateUsage=false

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import requests
import urllib3
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_LIMIT: Final = 3.0
AGAIN_AFTER: Final = 0.3
"""Seconds before what only reads is tried a second time."""
LARGEST: Final = 32 * 1024 * 1024
"""Bytes of one answer; no page of ours comes near."""
PASSING: Final = frozenset({502, 503, 504})
"""A server that starts, or a proxy before one that does not run."""


class Session(requests.Session):
    """Ends in time whatever the server does, tries again what only reads, and goes nowhere else."""

    def __init__(self, until: float) -> None:
        super().__init__()
        self.until = until
        self.trust_env = False  # proxies and .netrc are not for a server in the house
        self.headers["Accept-Encoding"] = "identity"
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0))

    def send(self, request: requests.PreparedRequest, **options: object) -> requests.Response:
        # A redirect would take the token along to wherever it leads.
        options |= {"stream": True, "allow_redirects": False}
        try:
            response = self._once(request, options)
        except (requests.exceptions.SSLError, requests.Timeout):
            raise
        except requests.ConnectionError:
            if not self._may_repeat(request):
                raise
            response = self._once(request, options)
        else:
            if response.status_code in PASSING and self._may_repeat(request):
                response = self._once(request, options)
        return response

    def _may_repeat(self, request: requests.PreparedRequest) -> bool:
        if request.method != "GET" or time.monotonic() + 2 * AGAIN_AFTER > self.until:
            return False
        time.sleep(AGAIN_AFTER)
        return True

    def _once(self, request: requests.PreparedRequest, options: Mapping[str, object]) -> requests.Response:
        left = max(self.until - time.monotonic(), 0.01)
        response = super().send(request, **{**options, "timeout": (min(CONNECT_LIMIT, left), left)})
        body = bytearray()
        with response:
            try:
                while data := response.raw.read1(65_536, decode_content=True):
                    body += data
                    if time.monotonic() > self.until:
                        raise requests.ReadTimeout
                    if len(body) > LARGEST:
                        raise requests.exceptions.ContentDecodingError
            except urllib3.exceptions.TimeoutError:
                raise requests.ReadTimeout from None
            except urllib3.exceptions.HTTPError:
                raise requests.ConnectionError from None
        response.encoding = "utf-8"  # else it is guessed, which takes long
        response._content = bytes(body)  # noqa: SLF001  # what reading it whole would have set
        response._content_consumed = True  # noqa: SLF001
        return response
