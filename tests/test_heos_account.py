"""The HEOS account, given at run time and given back after outages; and restarting a device."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from sugartalkd.errors import BadPayload, HeosFailed, HeosOffline
from sugartalkd.heos import account
from tests.heos_home import HeosHome, heos_home, until

if TYPE_CHECKING:
    from sugartalkd.simulator.heos import HeosSimulator

CONFIGURED = ("someone@example.org", "configured")
OTHER = ("other@example.org", "pa&ss=wo%rd")


def entered(home: HeosHome) -> list[str]:
    """Who was signed in, in order."""
    return [one.arguments["un"] for one in home.heos.received("system/sign_in")]


async def power_cut(home: HeosHome) -> None:
    await home.heos.power_off()
    await until(lambda: not home.online())
    await home.heos.power_on()


def forgets(heos: HeosSimulator) -> None:
    heos.faults.forgets_account = True


async def test_signed_in_again_after_a_power_cut(address: str) -> None:
    async with heos_home(address, account=CONFIGURED, prepare=forgets) as home:
        assert home.session.account == CONFIGURED[0]
        await power_cut(home)
        await until(lambda: home.heos.user == CONFIGURED[0], 30)
        await home.session.requests.sign_in(*OTHER)
        assert (home.heos.user, home.session.account) == (OTHER[0], OTHER[0])
        await power_cut(home)
        await until(lambda: home.heos.user == OTHER[0] and home.session.account == OTHER[0], 30)
        assert entered(home) == [CONFIGURED[0], CONFIGURED[0], OTHER[0], OTHER[0]]
        assert home.heos.received("system/sign_in")[-1].arguments["pw"] == OTHER[1]
        assert home.accounts[:3] == [CONFIGURED[0], None, CONFIGURED[0]]
        assert home.accounts[-3:] == [OTHER[0], None, OTHER[0]]


async def test_signing_out_forgets_the_account(address: str) -> None:
    async with heos_home(address, account=CONFIGURED, prepare=forgets) as home:
        await home.session.requests.sign_out()
        assert (home.heos.user, home.session.account) == (None, "signed_out")
        await power_cut(home)
        await until(lambda: home.session.account == "signed_out", 10)
        assert entered(home) == [CONFIGURED[0]]
        home.heos.faults.fail("system/sign_out", 8)
        await home.session.requests.sign_out()  # nobody is signed in: what was wanted


async def test_wrong_credentials_change_nothing(address: str) -> None:
    async with heos_home(address, account=CONFIGURED, prepare=forgets) as home:
        home.heos.password = CONFIGURED[1]
        with pytest.raises(HeosFailed, match="wrong user name or password") as refused:
            await home.session.requests.sign_in(*OTHER)
        assert OTHER[1] not in repr(refused.value)
        assert (home.heos.user, home.session.account) == (CONFIGURED[0], CONFIGURED[0])
        await power_cut(home)
        await until(lambda: home.heos.user == CONFIGURED[0], 30)
        with pytest.raises(BadPayload):
            await home.session.requests.sign_in("a", "b\r\nheos://system/reboot")
        assert not home.heos.received("system/reboot")


async def test_an_account_refused_at_the_start_is_not_tried_for_ever(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "AGAIN", (0.05,))

    def prepare(heos: HeosSimulator) -> None:
        heos.password = "another"  # noqa: S105  # the simulator's

    async with heos_home(address, account=CONFIGURED, prepare=prepare) as home:
        assert home.session.account == "signed_out"
        await asyncio.sleep(0.3)
        assert len(entered(home)) == 1


async def test_the_vendors_cloud_may_come_back_later(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "AGAIN", (0.05,))

    def prepare(heos: HeosSimulator) -> None:
        heos.faults.fail("system/sign_in", -2001, times=3)

    async with heos_home(address, account=CONFIGURED, prepare=prepare) as home:
        await until(lambda: home.session.account == CONFIGURED[0])
        assert len(entered(home)) == 4
        assert home.accounts == ["signed_out", CONFIGURED[0]]
        home.heos.faults.fail("system/sign_in", -2001)
        with pytest.raises(HeosFailed, match="cannot reach the vendor's servers"):
            await home.session.requests.sign_in(*OTHER)


async def test_an_old_account_that_is_still_signing_in_does_not_win(address: str) -> None:
    async with heos_home(address, account=CONFIGURED, prepare=forgets) as home:
        home.heos.faults.delay["system/sign_in"] = 0.5
        await power_cut(home)
        await until(lambda: len(entered(home)) == 2 and home.online(), 10)
        home.heos.faults.delay.clear()  # the old one has begun already
        await home.session.requests.sign_in(*OTHER)
        await asyncio.sleep(0.7)
        assert (home.heos.user, home.session.account) == (OTHER[0], OTHER[0])


async def test_changes_made_elsewhere_are_told(address: str) -> None:
    async with heos_home(address, account=CONFIGURED) as home:
        home.heos.sign_in(None)
        await until(lambda: home.accounts[-1] == "signed_out")
        home.heos.sign_in("app@example.org")
        await until(lambda: home.accounts[-1] == "app@example.org")


async def test_no_password_is_logged(address: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with heos_home(address, account=CONFIGURED) as home:
        home.heos.password = "right-one"  # noqa: S105  # the simulator's
        with pytest.raises(HeosFailed):
            await home.session.requests.sign_in("a", "wrong-one")
        await home.session.requests.sign_in("a", "right-one")
        home.heos.faults.fail_without_text = True
        home.heos.faults.fail("system/sign_in", 6)
        with pytest.raises(HeosFailed) as failed:
            await home.session.requests.sign_in("a", "right-one")
        assert "-one" not in repr(failed.value)
        assert failed.value.__cause__ is None
        assert failed.value.__suppress_context__
    for secret in (CONFIGURED[1], "right-one", "wrong-one"):
        assert secret not in caplog.text


async def test_reboot_counts_when_the_connection_closes(address: str) -> None:
    async with heos_home(address) as home:
        began = asyncio.get_running_loop().time()
        await home.session.requests.reboot()
        assert asyncio.get_running_loop().time() - began < 0.5
        await until(lambda: not home.online())
        await until(home.online, 10)


async def test_reboot_counts_after_two_silent_seconds(address: str) -> None:
    async with heos_home(address) as home:
        home.heos.faults.reboot_unanswered = True
        began = asyncio.get_running_loop().time()
        await home.session.requests.reboot()
        assert 1.9 < asyncio.get_running_loop().time() - began < 2.5
        assert len(home.heos.received("system/reboot")) == 1


async def test_a_refused_reboot_is_no_reboot(address: str) -> None:
    async with heos_home(address) as home:
        home.heos.faults.fail("system/reboot", 1)
        home.heos.faults.delay["system/reboot"] = 0.1
        with pytest.raises(HeosFailed, match="refused to restart"):
            await home.session.requests.reboot()


async def test_nothing_of_it_without_a_system(address: str) -> None:
    async with heos_home(address) as home:
        await home.heos.power_off()
        await until(lambda: not home.online())
        for work in (
            home.session.requests.sign_in(*OTHER),
            home.session.requests.sign_out(),
            home.session.requests.reboot(),
        ):
            with pytest.raises(HeosOffline):
                await work
