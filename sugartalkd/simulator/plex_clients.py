"""One of Plex's own players, in the same network as the simulated server and at its address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from sugartalkd.simulator.plex_wire import answer, header

if TYPE_CHECKING:
    from sugartalkd.simulator.plex_state import PlexState
    from sugartalkd.simulator.plex_wire import Element

_STATES: Final = {"play": "playing", "pause": "paused", "stop": "stopped", "playMedia": "playing"}


class Clients:
    """`present` says whether the server knows of the player."""

    def __init__(self, state: PlexState, host: str) -> None:
        self._state = state
        self._host = host
        self.port = 0
        self.present = True
        self.name = "Kitchen Tablet"
        self.identifier = "sim-plex-client-1"
        self.state = "stopped"
        self.volume = 50
        self.time_ms = 0
        self.playing: dict[str, str] = {}
        """The query of the last `playMedia`."""
        self.commands: list[tuple[str, dict[str, str]]] = []
        """What it was told: playback/pause and so on, with the query."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/clients", self._clients),
            web.get("/resources", self._resources),
            web.get("/player/timeline/poll", self._poll),
            web.get(r"/player/{controller}/{command}", self._command),
        ]

    async def _clients(self, request: web.Request) -> web.Response:
        client: Element = {
            "name": self.name,
            "host": self._host,
            "address": self._host,
            "port": self.port,
            "machineIdentifier": self.identifier,
            "version": "4.10.1",
            "protocol": "plex",
            "product": "Plexamp",
            "deviceClass": "tablet",
            "protocolVersion": "1",
            "protocolCapabilities": "timeline,playback,navigation,mirror,playqueues",
        }
        listed = [client] if self.present else []
        return answer(request, {"size": len(listed)} | ({"Server": listed} if listed else {}))

    async def _resources(self, request: web.Request) -> web.Response:
        player: Element = {
            "title": self.name,
            "machineIdentifier": self.identifier,
            "product": "Plexamp",
            "platform": "Android",
            "platformVersion": "14",
            "protocol": "plex",
            "protocolVersion": "1",
            "protocolCapabilities": "timeline,playback,navigation,mirror,playqueues",
            "deviceClass": "tablet",
        }
        return answer(request, {"size": 1, "Player": [player]})

    async def _poll(self, request: web.Request) -> web.Response:
        timeline: Element = {
            "type": "music",
            "state": self.state,
            "time": self.time_ms,
            "duration": 0,
            "volume": self.volume,
            "shuffle": False,
            "repeat": "0",
        }
        if key := self.playing.get("key"):
            timeline |= {"key": key, "ratingKey": key.rpartition("/")[2]}
        idle: list[Element] = [{"type": kind, "state": "stopped"} for kind in ("video", "photo")]
        return answer(
            request,
            {
                "size": 3,
                "commandID": request.query.get("commandID", "0"),
                "location": "fullScreenMusic",
                "machineIdentifier": self.identifier,
                "Timeline": [timeline, *idle],
            },
        )

    async def _command(self, request: web.Request) -> web.Response:
        target = header(request, "X-Plex-Target-Client-Identifier")
        if not self.present or target not in {"", self.identifier}:
            raise web.HTTPNotFound
        command, query = request.match_info["command"], dict(request.query)
        self.commands.append((f"{request.match_info['controller']}/{command}", query))
        self.state = _STATES.get(command, self.state)
        if command == "playMedia":
            self.playing = query
        if command == "setParameters" and "volume" in query:
            self.volume = int(query["volume"])
        if command == "seekTo":
            self.time_ms = int(query.get("offset", "0"))
        return web.Response(text="OK")
