"""The command line: run, demo, check, topics, simulate, version."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sugartalkd import __version__

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from sugartalkd.config import Loaded
    from sugartalkd.daemon import Daemon, End

EXIT_OK: Final = 0
EXIT_USAGE: Final = 2
EXIT_UNAVAILABLE: Final = 69
EXIT_CONFIG: Final = 78
EXIT_FORCED: Final = 130
LAST_PORT: Final = 65_535
STOP_WITHIN: Final = 4.8
"""Seconds after which a stop is the end, whatever still runs; all that others should know was said before."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; the result is the exit code (0, 1, 2 usage, 69 unavailable, 78 configuration)."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.command(arguments))
    except BrokenPipeError:  # `sugartalkd topics | head`
        sys.stderr.close()
        return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sugartalkd", description="Denon/Marantz receivers and HEOS players on MQTT."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the daemon")
    _config_option(run)
    run.set_defaults(command=_run)

    demo = commands.add_parser("demo", help="broker, simulated devices and daemon on loopback, to play with")
    demo.add_argument("--port", type=_port, help="the broker's port (default: 1883, or a free one)")
    demo.set_defaults(command=_demo)

    check = commands.add_parser("check", help="check the configuration; every fault with its path and line")
    _config_option(check)
    check.set_defaults(command=_check)

    topics = commands.add_parser("topics", help="print the topic reference")
    topics.add_argument("--format", choices=("md", "json"), default="md")
    topics.set_defaults(command=_topics)

    simulate = commands.add_parser("simulate", help="run one simulated device until Ctrl-C")
    simulate.add_argument("device", choices=("heos", "avr"))
    simulate.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    simulate.add_argument("--port", type=_port, help="default: 1255 for heos, 23 for avr")
    simulate.add_argument("--player", action="append", metavar="NAME", help="heos: a player; may be repeated")
    simulate.add_argument("--zones", type=int, choices=(1, 2, 3), default=2, help="avr: number of zones")
    simulate.set_defaults(command=_simulate)

    version = commands.add_parser("version", help="print the version")
    version.set_defaults(command=_version)
    return parser


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= LAST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to {LAST_PORT})")


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="default: $SUGARTALK_CONFIG, ~/.config/sugartalkd/config.yaml, /etc/sugartalkd/config.yaml, "
        "./config.yaml",
    )


def _version(_arguments: argparse.Namespace) -> int:
    _print(f"sugartalkd {__version__}")
    return EXIT_OK


def _topics(arguments: argparse.Namespace) -> int:
    from sugartalkd.mqtt import reference  # noqa: PLC0415  # only what a subcommand needs is imported

    if arguments.format == "json":
        _print(json.dumps(reference.contract(), indent=2, ensure_ascii=False))
    else:
        _print(reference.markdown().rstrip())
    return EXIT_OK


def _load(path: Path | None) -> Loaded | None:
    """The configuration, or `None` after its faults have been printed."""
    from sugartalkd.config import ConfigurationFault, load  # noqa: PLC0415

    try:
        return load(path, os.environ)
    except ConfigurationFault as fault:
        _complain(str(fault))
        return None


def _check(arguments: argparse.Namespace) -> int:
    loaded = _load(arguments.config)
    if loaded is None:
        return EXIT_CONFIG
    for warning in loaded.warnings:
        _complain(f"warning: {warning}")
    _print(f"{loaded.path or 'no file, defaults and environment'}: valid")
    config = loaded.config
    _print(f"  broker     {config.mqtt.host}:{config.mqtt.port}, topics under {config.mqtt.base_topic}/")
    _print(f"  heos       {'not configured' if config.heos is None else config.heos.host}")
    for name, receiver in config.receivers.items():
        _print(f"  receiver   {name} at {receiver.host}:{receiver.port}")
    _print(f"  zones      {', '.join(config.zones) or 'automatic'}")
    if config.plex is not None:
        _print("  plex       checked, but this version does not use it yet")
    return EXIT_OK


def _run(arguments: argparse.Namespace) -> int:
    from sugartalkd import log  # noqa: PLC0415
    from sugartalkd.daemon import Daemon, End  # noqa: PLC0415

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it means something: by default it kills
    while True:
        loaded = _load(arguments.config)
        if loaded is None:
            return EXIT_CONFIG
        log.configure(loaded.config.log.level, loaded.config.log.format)
        for warning in loaded.warnings:
            log.get_logger(__name__).warning(warning)
        if asyncio.run(_supervised(Daemon(loaded))) is not End.RESTART:
            return EXIT_OK


async def _supervised(daemon: Daemon) -> End:
    """Run with the signals of a Unix daemon: TERM and INT stop, a second one at once, HUP reloads."""
    loop = asyncio.get_running_loop()
    asked = False

    def stop() -> None:
        nonlocal asked
        if asked:
            os._exit(EXIT_FORCED)
        asked = True
        daemon.stop()
        # A name server that keeps silent holds a thread as long as it likes, and threads cannot be ended.
        last = threading.Timer(STOP_WITHIN, os._exit, (EXIT_OK,))
        last.daemon = True
        last.start()

    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop)
    loop.add_signal_handler(signal.SIGHUP, daemon.reload)
    return await daemon.run()


def _demo(arguments: argparse.Namespace) -> int:
    from sugartalkd.demo import demo  # noqa: PLC0415
    from sugartalkd.simulator.local_broker import NoBroker  # noqa: PLC0415

    try:
        return _until_interrupted(demo(arguments.port))
    except NoBroker as error:
        why = str(error)
    except OSError as error:
        why = error.strerror or str(error)
    _complain(f"the demo cannot start: {why}")
    return EXIT_UNAVAILABLE


def _simulate(arguments: argparse.Namespace) -> int:
    names: list[str] = arguments.player or ["Living Room", "Kitchen"]
    if len(set(names)) < len(names):
        _complain("--player: players are told apart by their names, so each needs its own")
        return EXIT_USAGE
    port = arguments.port or (1255 if arguments.device == "heos" else 23)
    try:
        if arguments.device == "heos":
            from sugartalkd.simulator import heos  # noqa: PLC0415

            return _until_interrupted(heos.serve(arguments.host, port, names))
        from sugartalkd.simulator import avr  # noqa: PLC0415

        return _until_interrupted(avr.serve(arguments.host, port, arguments.zones))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error  # asyncio's own text repeats the address
        hint = "; ports below 1024 may be root's alone: choose another with --port"
        hint = hint if isinstance(error, PermissionError) else ""
        _complain(f"cannot listen on {arguments.host}:{port}: {why}{hint}")
        return EXIT_UNAVAILABLE


def _until_interrupted(work: Coroutine[None, None, None]) -> int:
    """Run until SIGINT, SIGTERM or SIGHUP (its terminal was closed); all are a normal end."""

    async def owned() -> None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        asked = False

        def stop() -> None:
            # Once: a closed terminal hangs up twice, shell and kernel, and cleaning up must not be cut short.
            nonlocal asked
            if not asked:
                asked = True
                task.cancel()

        for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if one is not signal.SIGHUP or signal.getsignal(one) is not signal.SIG_IGN:  # nohup's wish
                loop.add_signal_handler(one, stop)
        await asyncio.wait([task])
        if not task.cancelled():
            await task

    asyncio.run(owned())
    return EXIT_OK


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")
