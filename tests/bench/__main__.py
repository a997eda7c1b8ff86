"""Measures the daemon, latencies as ratios to a bare program in the same run; prints a table, and JSON.

python -m tests.bench [--messages 10000] [--runs 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiomqtt
import yaml

from sugartalkd.simulator.avr import AvrSimulator
from sugartalkd.simulator.heos import HeosSimulator
from sugartalkd.simulator.heos_system import SimulatedItem, SimulatedPlayer
from sugartalkd.simulator.local_broker import LocalBroker
from tests.bench import bare

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from sugartalkd.simulator import heos_wire

HOST: Final = "127.99.0.1"
PID: Final = -2002
GAP: Final = 20.0
"""Seconds without an answer after which a run is given up."""


class Device(HeosSimulator):
    """The simulated HEOS system, noting when a mute command has arrived."""

    arrived: asyncio.Event
    at: float = 0.0

    def _receive(self, connection: Any, line: str) -> None:
        if "set_mute" in line:
            self.at = time.perf_counter()
            self.arrived.set()
        super()._receive(connection, line)


@dataclass
class Bench:
    """What every measurement needs: broker, device, and a client that sends and sees."""

    broker: LocalBroker
    device: Device
    client: aiomqtt.Client
    newest: dict[str, bytes] = field(default_factory=dict[str, bytes])
    seen_at: dict[str, float] = field(default_factory=dict[str, float])
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        async for message in self.client.messages:
            self.seen_at[message.topic.value] = time.perf_counter()
            self.newest[message.topic.value] = bytes(message.payload)
            self.changed.set()

    async def until(self, condition: Callable[[], bool], seconds: float = GAP) -> float:
        """When the condition began to hold."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.changed.clear()
                await self.changed.wait()
        return time.perf_counter()

    def send(self, topic: str, payload: str) -> None:
        # aiomqtt's own publish waits for the acknowledgement, which would be measured too.
        self.client._client.publish(topic, payload, qos=1)  # pyright: ignore[reportPrivateUsage]


async def command_to_device(bench: Bench, topic: str, messages: int) -> list[float]:
    """Seconds from publishing a mute command to its line reaching the device, one after the other."""
    latencies: list[float] = []
    for number in range(messages):
        bench.device.arrived = asyncio.Event()
        started = time.perf_counter()
        bench.send(topic, "ON" if number % 2 else "OFF")
        async with asyncio.timeout(GAP):
            await bench.device.arrived.wait()
        latencies.append(bench.device.at - started)
    return latencies


async def event_to_topic(bench: Bench, topic: str, messages: int) -> list[float]:
    """Seconds from a device's volume event to its topic reaching a subscriber, one after the other."""
    latencies: list[float] = []
    for number in range(messages):
        level = 10 + number % 80
        started = time.perf_counter()
        bench.device.turn_volume(PID, level)
        wanted = str(level).encode()
        await bench.until(lambda wanted=wanted: bench.newest.get(topic) == wanted)
        latencies.append(bench.seen_at[topic] - started)
    return latencies


# -- the two programs --------------------------------------------------------------------------------


@asynccontextmanager
async def process(*command: str) -> AsyncGenerator[int]:
    child = subprocess.Popen(  # noqa: ASYNC220  # returns at once
        command, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    try:
        yield child.pid
    finally:
        child.terminate()
        await asyncio.to_thread(child.wait)


@asynccontextmanager
async def daemon(
    bench: Bench, heos: str = HOST, receivers: dict[str, Any] | None = None
) -> AsyncGenerator[int]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        content = {
            "mqtt": {"host": "127.0.0.1", "port": bench.broker.port5},
            "heos": {"host": heos},
            "receivers": receivers or {},
            "state_dir": folder,
            "log": {"level": "warning"},
        }
        file.write_text(yaml.safe_dump(content))
        bench.newest.clear()
        async with process(sys.executable, "-m", "sugartalkd", "run", "--config", str(file)) as pid:
            yield pid


async def latency(bench: Bench, messages: int, runs: int) -> dict[str, Any]:
    """Both hops through both programs in turn; the median run of each is what counts."""
    measured: dict[str, dict[str, list[list[float]]]] = {
        hop: {"daemon": [], "bare": []} for hop in ("command to device", "event to topic")
    }
    for run in range(runs):
        for program in ("daemon", "bare"):
            say(f"run {run + 1} of {runs}: {program} …")
            async with AsyncExitStack() as stack:
                if program == "daemon":
                    await stack.enter_async_context(daemon(bench))
                    await bench.until(lambda: bench.newest.get("sugartalk/kitchen/availability") == b"online")
                    topics = ("sugartalk/kitchen/mute/set", "sugartalk/kitchen/volume")
                else:
                    bench.newest.clear()
                    arguments = (str(bench.broker.port5), HOST, "1255")
                    await stack.enter_async_context(
                        process(sys.executable, "-m", "tests.bench.bare", *arguments)
                    )
                    await bench.until(lambda: bench.newest.get("bare/state") == b"online")
                    topics = (bare.COMMAND, bare.STATE)
                await asyncio.sleep(0.5)
                for hop, measure, topic in (
                    ("command to device", command_to_device, topics[0]),
                    ("event to topic", event_to_topic, topics[1]),
                ):
                    await measure(bench, topic, messages // 20)  # warm up
                    bench.device.ledger.clear()
                    measured[hop][program].append(await measure(bench, topic, messages))
            await bench.client.publish("bare/state", b"", retain=True)
    return {hop: summary(programs) for hop, programs in measured.items()}


def summary(programs: dict[str, list[list[float]]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, runs in programs.items():
        result[name] = {
            "p50_ms": round(statistics.median(percentile(run, 50) for run in runs) * 1000, 3),
            "p99_ms": round(statistics.median(percentile(run, 99) for run in runs) * 1000, 3),
        }
    pairs = zip(programs["daemon"], programs["bare"], strict=True)
    result["ratio_p50"] = round(
        statistics.median(percentile(ours, 50) / percentile(theirs, 50) for ours, theirs in pairs), 2
    )
    return result


def percentile(values: list[float], rank: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * rank // 100)]


# -- single figures ----------------------------------------------------------------------------------


async def slider(bench: Bench) -> dict[str, Any]:
    """200 volumes within a second: how many the device gets, and when the last one is right."""
    async with daemon(bench):
        await bench.until(lambda: bench.newest.get("sugartalk/kitchen/availability") == b"online")
        await asyncio.sleep(0.5)
        bench.device.ledger.clear()
        started = time.perf_counter()
        for number in range(200):
            bench.send("sugartalk/kitchen/volume/set", str(10 + number % 50))
            await asyncio.sleep(max(0.0, started + (number + 1) / 200 - time.perf_counter()))
        ended = time.monotonic()
        await asyncio.sleep(0.5)
        sent = [one for one in bench.device.ledger if one.command == "player/set_volume"]
        last = sent[-1]
        return {
            "commands": len(sent),
            "last": int(last.arguments["level"]),
            "last_right_after_ms": round((arrival(last) - ended) * 1000, 1),
        }


def arrival(one: heos_wire.Received) -> float:
    return one.at


async def start(bench: Bench) -> dict[str, Any]:
    """From starting the process to `online`, with a device there."""
    times: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        async with daemon(bench):
            online = await bench.until(lambda: bench.newest.get("sugartalk/bridge/state") == b"online")
            times.append(online - began)
        await bench.until(lambda: bench.newest.get("sugartalk/bridge/state") == b"offline")
    return {"online_after_s": round(statistics.median(times), 2), "slowest_s": round(max(times), 2)}


async def recovery(bench: Bench) -> dict[str, Any]:
    """A HEOS system away for 1, 2 and 3 s: from its port answering to every topic right again."""
    times: list[float] = []
    async with daemon(bench):
        await bench.until(lambda: bench.newest.get("sugartalk/kitchen/availability") == b"online")
        await asyncio.sleep(11)  # a session counts as stable after 10 s
        for seconds in (1, 2, 3):
            await bench.device.power_off()
            await asyncio.sleep(seconds)
            bench.device.players[PID].level = 20 + seconds
            await bench.device.power_on()
            began = time.perf_counter()
            wanted = str(20 + seconds).encode()
            await bench.until(lambda wanted=wanted: bench.newest.get("sugartalk/kitchen/volume") == wanted)
            online = await bench.until(
                lambda: bench.newest.get("sugartalk/kitchen/availability") == b"online"
            )
            times.append(online - began)
            await asyncio.sleep(11)
    return {"whole_after_s": [round(one, 2) for one in times]}


async def full_house(bench: Bench, players: int, receivers: int, seconds: float = 30) -> dict[str, Any]:
    """Players sending progress every second, queues of 200, receivers: memory and processor time."""
    many = [
        SimulatedPlayer(f"Room {number}", 100 + number, serial=f"S{number}", ip=f"127.0.1.{number}")
        for number in range(players)
    ]
    for player in many:
        player.queue = [
            SimulatedItem(f"Title {number}", "Album", "Artist", mid=f"{player.pid}.{number}")
            for number in range(200)
        ]
    async with AsyncExitStack() as stack:
        device = await stack.enter_async_context(
            HeosSimulator(many, host="127.99.0.2", progress_interval=1.0)
        )
        config: dict[str, Any] = {}
        for number in range(receivers):
            host = f"127.99.1.{number + 1}"
            avr = await stack.enter_async_context(AvrSimulator(host=host, port=0))
            avr.faults.chatter = True
            config[f"avr{number}"] = {"host": host, "port": avr.port}
        pid = await stack.enter_async_context(daemon(bench, "127.99.0.2", receivers=config))
        last = f"sugartalk/room_{players - 1}"
        await bench.until(lambda: bench.newest.get(f"{last}/availability") == b"online")
        for player in many:
            device.set_state(player.pid, "play")
        await asyncio.sleep(15)  # the receivers' settings and the queues are read
        before = cpu_seconds(pid)
        await asyncio.sleep(seconds)
        used = cpu_seconds(pid) - before
        return {"resident_mb": round(resident_mb(pid), 1), "cpu_percent": round(used / seconds * 100, 2)}


async def beside_a_browse(bench: Bench, messages: int = 300, seconds: float = 20) -> dict[str, Any]:
    """Volume commands to the device, without and while a browse takes 20 s; medians of alternating runs."""
    topic, ratios = "sugartalk/kitchen/mute/set", list[float]()
    quiet, busy = list[float](), list[float]()
    async with daemon(bench):
        await bench.until(lambda: bench.newest.get("sugartalk/kitchen/availability") == b"online")
        await asyncio.sleep(0.5)
        await command_to_device(bench, topic, messages)  # warm up
        for _ in range(3):
            without = await command_to_device(bench, topic, messages)
            bench.device.faults.delay["browse/browse"] = seconds
            began = len(bench.device.received("browse/browse"))
            bench.send("sugartalk/bridge/request/heos/browse", "local")
            async with asyncio.timeout(GAP):
                while len(bench.device.received("browse/browse")) == began:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            during = await command_to_device(bench, topic, messages)
            bench.newest.pop("sugartalk/bridge/response/heos/browse", None)
            await bench.until(lambda: "sugartalk/bridge/response/heos/browse" in bench.newest, seconds + 5)
            del bench.device.faults.delay["browse/browse"]
            quiet.append(percentile(without, 50))
            busy.append(percentile(during, 50))
            ratios.append(busy[-1] / quiet[-1])
    return {
        "without_ms": round(statistics.median(quiet) * 1000, 3),
        "during_ms": round(statistics.median(busy) * 1000, 3),
        "ratio": round(statistics.median(ratios), 2),
    }


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


# -- all of it ---------------------------------------------------------------------------------------


async def main(messages: int, runs: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(LocalBroker())
        kitchen = SimulatedPlayer("Kitchen", PID, serial="S1", ip="127.0.0.9")
        device = Device([kitchen], host=HOST)
        device.arrived = asyncio.Event()
        await stack.enter_async_context(device)
        client = await stack.enter_async_context(
            aiomqtt.Client("127.0.0.1", broker.port5, protocol=aiomqtt.ProtocolVersion.V5)
        )
        await client.subscribe("sugartalk/#", qos=1)
        await client.subscribe("bare/#", qos=1)
        bench = Bench(broker, device, client)
        listening = asyncio.create_task(bench.listen())
        try:
            say("start …")
            report: dict[str, Any] = {
                "python": sys.version.split()[0],
                "broker": broker.name,
                "messages": messages,
                "runs": runs,
                "start": await start(bench),
            }
            say("slider …")
            report["slider"] = await slider(bench)
            say("ten players …")
            report["ten players"] = await full_house(bench, 10, 0)
            say("twenty players, three receivers …")
            report["20 players, 3 avr"] = await full_house(bench, 20, 3)
            say("beside a browse …")
            report["beside a browse"] = await beside_a_browse(bench)
            say("recovery …")
            report["recovery"] = await recovery(bench)
            report["latency"] = await latency(bench, messages, runs)
            return report
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(report: dict[str, Any]) -> str:
    lines = [
        f"Python {report['python']}, {report['broker']}, {report['runs']} runs of {report['messages']}",
        "",
    ]
    lines.append(
        f"{'':20} {'daemon p50':>11} {'bare p50':>10} {'ratio':>6} {'daemon p99':>11} {'bare p99':>10}"
    )
    for hop, figures in report["latency"].items():
        ours, theirs = figures["daemon"], figures["bare"]
        lines.append(
            f"{hop:20} {ours['p50_ms']:>8} ms {theirs['p50_ms']:>7} ms {figures['ratio_p50']:>6} "
            f"{ours['p99_ms']:>8} ms {theirs['p99_ms']:>7} ms"
        )
    lines.append("")
    for name in ("start", "slider", "ten players", "20 players, 3 avr", "beside a browse", "recovery"):
        figures = ", ".join(f"{key} {value}" for key, value in report[name].items())
        lines.append(f"{name:20} {figures}")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    result = asyncio.run(main(chosen.messages, chosen.runs))
    print(table(result))
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n")
