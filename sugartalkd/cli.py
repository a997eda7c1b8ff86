"""The command line: run, demo, check, topics, capture, login, simulate, version."""

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
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNAVAILABLE: Final = 69
EXIT_CONFIG: Final = 78
EXIT_FORCED: Final = 130
LAST_PORT: Final = 65_535
LONGEST_LISTENING: Final = 3600
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

    capture = commands.add_parser(
        "capture", help="ask the devices all that is harmless and write it, masked, to one file"
    )
    _config_option(capture)
    capture.add_argument("--heos", metavar="HOST", help="a HEOS device, instead of the configured devices")
    capture.add_argument(
        "--avr",
        type=_host_and_port,
        metavar="HOST[:PORT]",
        help="a receiver, instead of the configured devices",
    )
    capture.add_argument("--output", type=Path, metavar="FILE", help="default: sugartalkd-capture-DATE.json")
    capture.add_argument(
        "--seconds", type=_seconds, default=20.0, help="how long to listen to each device (default: 20)"
    )
    capture.set_defaults(command=_capture)

    simulate = commands.add_parser("simulate", help="run one simulated device until Ctrl-C")
    simulate.add_argument("device", choices=("heos", "avr", "plex"))
    simulate.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    simulate.add_argument("--port", type=_port, help="default: 1255 for heos, 23 for avr, 32400 for plex")
    simulate.add_argument("--player", action="append", metavar="NAME", help="heos: a player; may be repeated")
    simulate.add_argument("--zones", type=int, choices=(1, 2, 3), default=2, help="avr: number of zones")
    simulate.add_argument("--tracks", type=int, default=200, help="plex: size of the library (default: 200)")
    simulate.add_argument(
        "--track-seconds", type=_seconds, help="plex: length of every track (default: as songs are)"
    )
    simulate.add_argument(
        "--replay",
        type=Path,
        metavar="FILE",
        help="answer as the device did that `capture` wrote to this file",
    )
    simulate.set_defaults(command=_simulate)

    login = commands.add_parser(
        "login", help="sign in to Plex: a code to type at plex.tv, then the token is kept"
    )
    login.add_argument("service", choices=("plex",))
    _config_option(login)
    login.set_defaults(command=_login)

    version = commands.add_parser("version", help="print the version")
    version.set_defaults(command=_version)
    return parser


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= LAST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to {LAST_PORT})")


def _host_and_port(text: str) -> tuple[str, int | None]:
    """An address, with a port or without one; an IPv6 address stands in brackets if a port follows."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = text.partition(":") if text.count(":") == 1 else (text, "", "")
    if not host:
        raise argparse.ArgumentTypeError(f"{text!r} is no address")
    return host, _port(port) if port else None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_LISTENING:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds (0 to {LONGEST_LISTENING})")
    return seconds


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
    if config.plex is not None:
        _print(f"  plex       {config.plex.url or config.plex.server}, library {config.plex.library}")
    _print(f"  zones      {', '.join(config.zones) or 'automatic'}")
    if config.heos is None and not config.receivers:
        _complain("warning: no device is configured: add a heos section, or receivers")
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


def _capture(arguments: argparse.Namespace) -> int:
    from sugartalkd import log  # noqa: PLC0415
    from sugartalkd.capture import command  # noqa: PLC0415

    log.configure("warning", "auto")
    file: Path = arguments.output or Path(command.file_name())
    if not file.parent.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        _complain(f"{file} cannot be written: choose another place with --output")
        return EXIT_FAILED
    heos: str | None = arguments.heos
    avr: tuple[str, int | None] | None = arguments.avr
    loaded = None
    if heos is None and avr is None:
        loaded = _load(arguments.config)
        if loaded is None:
            return EXIT_CONFIG
        if loaded.config.heos is None and not loaded.config.receivers:
            _complain("the configuration names no device: add one, or use --heos HOST or --avr HOST")
            return EXIT_CONFIG
    capture = command.Capture(_print)

    async def work() -> None:
        devices = command.named(heos, avr) if loaded is None else await command.configured(loaded.config)
        await capture.run(devices, arguments.seconds)

    try:
        _until_interrupted(work())
        capture.end(file)
    except OSError as error:
        _complain(f"the capture failed: {error.strerror or error}")
        return EXIT_FAILED
    if not capture.finished:
        return EXIT_FAILED
    return EXIT_OK if capture.complete else EXIT_UNAVAILABLE


def _simulate(arguments: argparse.Namespace) -> int:
    from sugartalkd.simulator import replay  # noqa: PLC0415

    names: list[str] = arguments.player or ["Living Room", "Kitchen"]
    if len(set(names)) < len(names):
        _complain("--player: players are told apart by their names, so each needs its own")
        return EXIT_USAGE
    port = arguments.port or {"heos": 1255, "avr": 23, "plex": 32400}[arguments.device]
    try:
        recorded = (
            None if arguments.replay is None else replay.read_device(arguments.replay, arguments.device)
        )
    except (replay.NotARecording, OSError) as error:
        _complain(f"--replay: {error}")
        return EXIT_FAILED
    try:
        if arguments.device == "heos":
            from sugartalkd.simulator import heos  # noqa: PLC0415

            system = None if recorded is None else replay.HeosReplay(recorded)
            return _until_interrupted(heos.serve(arguments.host, port, names, system))
        if arguments.device == "plex":
            from sugartalkd.simulator import plex_serve  # noqa: PLC0415

            tracks, seconds = arguments.tracks, arguments.track_seconds
            return _until_interrupted(plex_serve.serve(arguments.host, port, tracks, seconds))
        from sugartalkd.simulator import avr  # noqa: PLC0415

        receiver = None if recorded is None else replay.AvrReplay(recorded)
        return _until_interrupted(avr.serve(arguments.host, port, arguments.zones, receiver))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error  # asyncio's own text repeats the address
        hint = "; ports below 1024 may be root's alone: choose another with --port"
        hint = hint if isinstance(error, PermissionError) else ""
        _complain(f"cannot listen on {arguments.host}:{port}: {why}{hint}")
        return EXIT_UNAVAILABLE


def _login(arguments: argparse.Namespace) -> int:
    from sugartalkd.plex.login import sign_in  # noqa: PLC0415

    loaded = _load(arguments.config)
    if loaded is None:
        return EXIT_CONFIG
    done = False

    def say(text: str) -> None:
        _print(text)
        sys.stdout.flush()  # somebody waits for the code, whatever stands between

    async def work() -> None:
        nonlocal done
        done = await sign_in(loaded.state_folder, say)

    _until_interrupted(work())
    return EXIT_OK if done else EXIT_FAILED


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
