"""Which address of this machine a player reaches."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

_SOMEWHERE: Final = "192.0.2.1"
"""Reserved for documentation: the way there is the default one, and nothing is ever sent."""
_ANY_PORT: Final = 9


def towards(player: str | None) -> str:
    """The address that packets to this player leave from; loopback where there is no way at all.

    Connecting a UDP socket asks the kernel for the way and sends nothing.
    """
    host = player if player is not None and _is_address(player) else _SOMEWHERE  # a name would be looked up
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, _ANY_PORT))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0]).partition("%")[0]


def in_url(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
