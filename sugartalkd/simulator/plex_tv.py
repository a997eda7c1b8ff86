"""A simulated plex.tv: signing in by PIN or password, the account, and where its servers are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

from aiohttp import web

from sugartalkd.simulator.plex_wire import Element, answer, failure, header, wants_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from aiohttp.typedefs import Handler

    from sugartalkd.simulator.plex import PlexSimulator

ACCOUNT_TOKEN: Final = "sim-account-token"  # noqa: S105 - the simulator's own
PIN_SECONDS: Final = 900

_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(slots=True)
class Pin:
    """`token` is there once somebody entered the code; `client` is who asked for it."""

    id: int
    code: str
    client: str
    token: str | None = None
    expired: bool = False


@dataclass(slots=True)
class PlexTvFaults:
    """All off at first."""

    unavailable: bool = False
    """503 to everything."""
    rate_limited: bool = False
    """429 to everything."""
    unauthorized: bool = False
    """The account's token is refused."""
    unreachable_first: bool = False
    """The servers' first address leads nowhere."""


class PlexTvSimulator:
    """Plain HTTP; `servers` are those of the account, which take its token too."""

    def __init__(
        self,
        servers: Sequence[PlexSimulator] = (),
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str = ACCOUNT_TOKEN,
    ) -> None:
        """Nothing is opened yet."""
        self.servers = list(servers)
        self.host = host
        self.port = port
        self.token = token
        self.password = "sim-password"  # noqa: S105 - the simulator's own
        self.faults = PlexTvFaults()
        self.pins: dict[int, Pin] = {}
        self.asked: list[tuple[str, str]] = []
        """Method and path of every request."""
        self._ids = count(4711)
        self._runner: web.AppRunner | None = None
        for server in self.servers:
            server.other_tokens.add(token)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._gate])
        app.add_routes(
            [
                web.post("/api/v2/pins", self._new_pin),
                web.get(r"/api/v2/pins/{id:\d+}", self._pin),
                web.get("/api/v2/user", self._user),
                web.post("/api/v2/users/signin", self._sign_in),
                web.get("/api/v2/resources", self._resources),
                web.get("/api/v2/ping", self._ping),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self.port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def enter(self, code: str) -> None:
        """Somebody types the code into plex.tv/link.

        Raises:
            LookupError: no PIN has that code.
        """
        pin = next((pin for pin in self.pins.values() if pin.code == code and not pin.expired), None)
        if pin is None:
            raise LookupError(f"no PIN has the code {code}")
        pin.token = self.token

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.asked.append((request.method, request.path))
        if self.faults.unavailable:
            return failure(503, "Service Unavailable")
        if self.faults.rate_limited:
            return self._refused(request, 429, 1003, "API rate limit exceeded")
        try:
            return await handler(request)
        except web.HTTPException as error:
            return self._refused(request, error.status, 1001, error.reason)

    @staticmethod
    def _refused(request: web.Request, status: int, code: int, message: str) -> web.Response:
        error: Element = {"code": code, "message": message, "status": status}
        if wants_json(request):
            return web.json_response({"errors": [error]}, status=status)
        return answer(request, {"error": [error]}, tag="errors", status=status)

    def _check_token(self, request: web.Request) -> None:
        given = header(request, "X-Plex-Token") or request.query.get("X-Plex-Token")
        known = {self.token, *(server.token for server in self.servers)}
        if self.faults.unauthorized or given not in known:
            raise web.HTTPUnauthorized

    def _answer(self, request: web.Request, element: Element, tag: str, status: int = 200) -> web.Response:
        """plex.tv's JSON has no name around the object."""
        if wants_json(request):
            return web.json_response(element, status=status)
        return answer(
            request,
            {key: value for key, value in element.items() if value is not None},
            tag=tag,
            status=status,
        )

    # PINs.

    async def _new_pin(self, request: web.Request) -> web.Response:
        client = header(request, "X-Plex-Client-Identifier")
        if not client:
            return self._refused(request, 400, 1000, "X-Plex-Client-Identifier is missing")
        number = next(self._ids)
        strong = request.query.get("strong", "").lower() == "true"
        length = 24 if strong else 4
        code = "".join(_LETTERS[number * (place + 3) ** 3 % len(_LETTERS)] for place in range(length))
        pin = self.pins[number] = Pin(number, code, client)
        return self._answer(request, self._shown(pin), "pin", 201)

    async def _pin(self, request: web.Request) -> web.Response:
        pin = self.pins.get(int(request.match_info["id"]))
        if pin is None or pin.expired or pin.client != header(request, "X-Plex-Client-Identifier"):
            return self._refused(request, 404, 1020, "Code not found or expired")
        return self._answer(request, self._shown(pin), "pin")

    @staticmethod
    def _shown(pin: Pin) -> Element:
        return {
            "id": pin.id,
            "code": pin.code,
            "product": "sugartalkd",
            "trusted": False,
            "clientIdentifier": pin.client,
            "expiresIn": PIN_SECONDS,
            "createdAt": "2026-01-01T00:00:00Z",
            "expiresAt": "2026-01-01T00:15:00Z",
            "authToken": pin.token,
        }

    # The account.

    async def _user(self, request: web.Request) -> web.Response:
        self._check_token(request)
        return self._account(request)

    def _account(self, request: web.Request, status: int = 200) -> web.Response:
        user: Element = {
            "id": 1,
            "uuid": "51a0f0c0de51a0f0",
            "username": "sim",
            "title": "sim",
            "friendlyName": "Sim",
            "email": "sim@example.org",
            "authToken": self.token,
            "scrobbleTypes": "",
            "confirmed": True,
            "home": False,
            "subscription": [{"active": True, "status": "Active", "plan": "lifetime"}],
            "profile": [{"autoSelectAudio": True, "defaultAudioLanguage": "en"}],
        }
        if wants_json(request):
            user |= {name: user[name][0] for name in ("subscription", "profile")}
            user |= {"entitlements": [], "roles": []}
        else:
            user |= {name: [{}] for name in ("entitlements", "roles")}
        return self._answer(request, user, "user", status)

    async def _sign_in(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("password") != self.password:
            return self._refused(request, 401, 1001, "User could not be authenticated")
        return self._account(request, 201)

    async def _ping(self, _request: web.Request) -> web.Response:
        self._check_token(_request)
        return web.Response(text='<?xml version="1.0"?><pong message="pong"/>', content_type="text/xml")

    async def _resources(self, request: web.Request) -> web.Response:
        self._check_token(request)
        listed = [self._resource(request, server) for server in self.servers]
        listed.append(self._client(request))
        if wants_json(request):
            return web.json_response(listed)
        return answer(request, {"resource": listed}, tag="resources")

    def _resource(self, request: web.Request, server: PlexSimulator) -> Element:
        def connection(address: str, port: int, *, local: bool, relay: bool = False) -> Element:
            return {
                "protocol": "http",
                "address": address,
                "port": port,
                "uri": f"http://{address}:{port}",
                "local": local,
                "relay": relay,
                "IPv6": False,
            }

        # Nobody is at the reserved port 1 of the loopback network.
        connections = [
            connection(server.host, server.port, local=True),
            connection("127.99.99.99", 1, local=False, relay=True),
        ]
        if self.faults.unreachable_first:
            connections.insert(0, connection("127.99.99.98", 1, local=True))
        return {
            "name": server.name,
            "product": "Plex Media Server",
            "productVersion": server.version,
            "platform": "Linux",
            "device": "PC",
            "clientIdentifier": server.machine_id,
            "createdAt": "2024-01-01T00:00:00Z",
            "lastSeenAt": "2026-01-01T00:00:00Z",
            "provides": "server",
            "owned": True,
            "home": False,
            "publicAddress": "127.0.0.1",
            "accessToken": server.token,
            "httpsRequired": False,
            "synced": False,
            "relay": True,
            "dnsRebindingProtection": False,
            "natLoopbackSupported": False,
            "publicAddressMatches": True,
            "presence": True,
            "connections": _inside(request, connections),
        }

    @staticmethod
    def _client(request: web.Request) -> Element:
        """The account has players too."""
        return {
            "name": "Phone",
            "product": "Plexamp",
            "productVersion": "4.10",
            "platform": "Android",
            "clientIdentifier": "sim-phone",
            "provides": "client,player,pubsub-player",
            "owned": True,
            "presence": False,
            "publicAddressMatches": True,
            "connections": _inside(request, []),
        }


def _inside(request: web.Request, connections: list[Element]) -> list[Element]:
    """XML has an element around them."""
    return connections if wants_json(request) else [{"connection": connections}]
