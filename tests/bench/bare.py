"""The bare program that the daemon is measured against: aiomqtt to a socket and back, and nothing else.

python -m tests.bench.bare BROKER_PORT DEVICE_HOST DEVICE_PORT
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys

import aiomqtt

COMMAND = "bare/mute/set"
STATE = "bare/volume"
PID = b"-2002"


async def main(broker_port: int, host: str, device_port: int) -> None:
    commands, command_writer = await asyncio.open_connection(host, device_port)
    events, event_writer = await asyncio.open_connection(host, device_port)
    event_writer.write(b"heos://system/register_for_change_events?enable=on\r\n")
    nodelay = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    async with aiomqtt.Client(
        "127.0.0.1", broker_port, protocol=aiomqtt.ProtocolVersion.V5, socket_options=nodelay
    ) as client:
        await client.subscribe(COMMAND, qos=1)
        await client.publish("bare/state", "online", qos=1, retain=True)

        async def down() -> None:
            async for message in client.messages:
                state = b"on" if message.payload == b"ON" else b"off"
                command_writer.write(b"heos://player/set_mute?state=" + state + b"&pid=" + PID + b"\r\n")
                await commands.readline()

        async def up() -> None:
            while line := await events.readline():
                if b"player_volume_changed" in line:
                    level = line.split(b"level=")[1].split(b"&")[0]
                    await client.publish(STATE, level, qos=1, retain=True)

        await asyncio.gather(down(), up())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
