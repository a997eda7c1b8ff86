"""Signing in at plex.tv and finding a server by its name, against the simulated plex.tv."""

from __future__ import annotations

import asyncio
import stat
from typing import TYPE_CHECKING

import pytest

from sugartalkd.command import SecretText
from sugartalkd.errors import NoMatch, PlexUnauthorized, SugartalkError
from sugartalkd.plex import account, credentials, login, place
from sugartalkd.plex import link as link_module
from sugartalkd.plex.account import Account
from sugartalkd.plex.identity import load
from sugartalkd.plex.login import SignIn, sign_in
from sugartalkd.simulator.plex import TOKEN, PlexSimulator
from sugartalkd.simulator.plex_tv import ACCOUNT_TOKEN, PlexTvSimulator
from tests.test_plex_link import running, until

if TYPE_CHECKING:
    from pathlib import Path


async def test_signing_in_from_the_command_line(address: str, other_address: str, tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "state"
    async with PlexSimulator(host=address) as plex, PlexTvSimulator([plex], host=other_address) as tv:
        working = asyncio.create_task(
            sign_in(folder, said.append, origin=tv.url, poll=0.05), name="signing in"
        )
        await until(lambda: len(tv.asked) > 3)
        [pin] = tv.pins.values()
        assert any(pin.code in line for line in said)
        assert any("https://plex.tv/link" in line for line in said)
        tv.enter(pin.code)
        assert await working is True
        assert any(plex.name in line for line in said)
        assert pin.client == load(folder).client_id  # the same device at every start
        assert ("GET", "/api/v2/resources") in tv.asked
    token = folder / credentials.TOKEN
    assert token.read_text().strip() == ACCOUNT_TOKEN
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert ACCOUNT_TOKEN not in "".join(said)


async def test_a_code_that_nobody_types_and_a_plex_tv_that_fails(address: str, tmp_path: Path) -> None:
    async with PlexTvSimulator(host=address) as tv:
        work = SignIn(Account(load(tmp_path), tv.url), tmp_path, 0.02)
        pin = await work.begin()
        tv.pins[pin.id].expired = True
        assert (await work.finish(pin)).event()["status"] == "expired"

        pin = await work.begin()
        tv.faults.rate_limited = True  # asked too often: ask less, do not give up
        waiting = asyncio.create_task(work.finish(pin), name="signing in")
        await asyncio.sleep(0.2)
        assert len([one for one in tv.asked if one[1].endswith(str(pin.id))]) < 6
        tv.faults.rate_limited = False
        tv.enter(pin.code)
        outcome = await waiting
        assert outcome.event() == {"status": "ok", "servers": []}

        tv.faults.unavailable = True
        with pytest.raises(SugartalkError, match="503"):
            await work.begin()
        said: list[str] = []
        assert await sign_in(tmp_path, said.append, origin=tv.url) is False
        assert "503" in said[-1]


async def test_signing_in_while_the_daemon_runs(
    address: str, other_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a token the server refuses; once the code is typed, the link is up with the new one."""
    monkeypatch.setattr(login, "POLL", 0.05)
    async with (
        PlexSimulator(host=address) as plex,
        PlexTvSimulator([plex], host=other_address) as tv,
        running(tmp_path, plex_tv=tv.url, url=plex.url) as home,
    ):
        await home.word("unauthorized")
        shown = await home.link.login()
        assert set(shown) == {"code", "link", "expires_at"}
        assert await home.link.login() == shown  # one sign-in at a time
        tv.enter(str(shown["code"]))
        assert await home.event("plex_login") == {"status": "ok", "servers": [plex.name]}
        await home.word("online", 3)
        assert ACCOUNT_TOKEN not in repr(home.events)


async def test_a_server_is_found_by_name_once(
    address: str, other_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """plex.tv is asked once; afterwards not even an outage of it, and a restart, make a difference."""
    monkeypatch.setattr(place, "ASK_AFTER", 0.5)
    credentials.store_token(tmp_path, SecretText(ACCOUNT_TOKEN))
    plex = PlexSimulator(host=address)
    async with plex, PlexTvSimulator([plex], host=other_address) as tv:
        tv.faults.unreachable_first = True
        async with running(tmp_path, plex_tv=tv.url, server="simulated PLEX") as home:
            await home.event("library_synced")
            assert home.link.server.token is not None
            assert home.link.server.token.reveal == TOKEN  # the server's own, not the account's
            assert home.state.host == f"{address}:{plex.port}"
        stored = tmp_path / credentials.PLACE
        assert stat.S_IMODE(stored.stat().st_mode) == 0o600
        tv.asked.clear()
        tv.faults.unavailable = True
        async with running(tmp_path, plex_tv=tv.url, server="simulated PLEX") as home:
            await home.word("online")
            await plex.stop()
            await home.word("offline")
            assert not tv.asked
            # It comes back elsewhere: only after a while plex.tv is asked where.
            tv.faults.unavailable = False
            plex.port = 0
            await plex.start()
            await home.word("online", 15)
            assert home.state.host == f"{address}:{plex.port}"
            assert tv.asked == [("GET", "/api/v2/resources")]


async def test_names_and_tokens_that_lead_nowhere(
    address: str, other_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "UNAUTHORIZED_PAUSE", 0.2)
    async with PlexSimulator(host=address) as plex, PlexTvSimulator([plex], host=other_address) as tv:
        async with running(tmp_path, plex_tv=tv.url, server="Attic") as home:
            await home.word("unauthorized")
            assert "login plex" in str(home.state.last_error)
        credentials.store_token(tmp_path, SecretText(ACCOUNT_TOKEN))
        async with running(tmp_path, plex_tv=tv.url, server="Attic") as home:
            await home.word("offline")
            assert "'Attic'" in str(home.state.last_error)
            assert plex.name in str(home.state.last_error)
        tv.faults.unauthorized = True
        async with running(tmp_path, plex_tv=tv.url, server=plex.name) as home:
            await home.word("unauthorized")
        tv.faults.unauthorized = False

        # The configured token is refused: the one that sign-in stored gets its turn.
        async with running(tmp_path, url=plex.url, token="made-up-token") as home:  # noqa: S106
            await home.word("online")
            assert home.link.server.token == SecretText(ACCOUNT_TOKEN)

        (tmp_path / credentials.TOKEN).chmod(0o644)
        with pytest.raises(PlexUnauthorized, match="can be read by others"):
            credentials.stored_token(tmp_path)
        async with running(tmp_path, url=plex.url) as home:
            await home.word("unauthorized")
            assert "can be read by others" in str(home.state.last_error)


def test_of_several_servers_one_has_to_be_named() -> None:
    def known(name: str, *, owned: bool = True) -> account.Known:
        return account.Known(name, f"id-{name}", SecretText("t"), ("http://127.0.0.1:1",), owned)

    one, two, shared = known("One"), known("Two"), known("Shared", owned=False)
    assert place.choose([one, shared], None) is one
    assert place.choose([one, two], "two") is two
    assert place.choose([one, two], "id-One") is one
    with pytest.raises(NoMatch, match="'One', 'Two'"):
        place.choose([one, two], None)


def test_addresses_of_a_server_are_tried_the_safe_ones_first() -> None:
    resource = {
        "name": "Home", "clientIdentifier": "m", "accessToken": "t", "owned": True, "httpsRequired": False,
        "connections": [
            {"uri": "https://203-0-113-9.hash.plex.direct:32400", "address": "203.0.113.9", "port": 32400,
             "local": False, "relay": False},
            {"uri": "https://10-0-0-9.hash.plex.direct:32400", "address": "10.0.0.9", "port": 32400,
             "local": True, "relay": False},
            {"uri": "https://1-2-3-4.hash.plex.direct:8443", "address": "1.2.3.4", "port": 8443,
             "local": False, "relay": True},
        ],
    }  # fmt: skip
    assert account.known(resource, SecretText("account")).addresses == (
        "https://10-0-0-9.hash.plex.direct:32400",
        "https://203-0-113-9.hash.plex.direct:32400",
        "http://10.0.0.9:32400",
    )
    strict = account.known(resource | {"httpsRequired": True}, SecretText("account"))
    assert all(one.startswith("https://") for one in strict.addresses)
