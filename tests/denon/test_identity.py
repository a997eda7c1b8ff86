"""Who a receiver says it is over HTTP, against the simulated one; nothing depends on it."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from sugartalkd.denon import identity
from sugartalkd.denon.identity import Identity, read_identity
from sugartalkd.model import LinkWord, ReceiverId
from sugartalkd.simulator.avr import AvrSimulator
from sugartalkd.simulator.avr_http import AvrHttp
from tests.denon.test_receiver import DENON, QUICK, running, sent, until

WHOLE = Identity("AVR-X2300W", "0005CD000001", {"SAT/CBL": "Set-top"}, frozenset({"DVD"}))


async def test_it_says_model_mac_and_inputs() -> None:
    async with AvrHttp() as web:
        assert await read_identity("127.0.0.1", [web.port]) == WHOLE
        assert web.requests == ["GET /goform/Deviceinfo.xml", "POST /goform/AppCommand.xml"]
        assert web.most_open == 1


async def test_the_second_port_is_tried_when_the_first_is_no_use() -> None:
    async with AvrHttp(status=403) as first, AvrHttp(model="AVR-X2400H", deleted=set(), renamed={}) as second:
        found = await read_identity("127.0.0.1", [first.port, second.port])
        assert found == Identity("AVR-X2400H", "0005CD000001")
        assert first.requests == ["GET /goform/Deviceinfo.xml"]


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_a_refusal_is_nothing(status: int) -> None:
    async with AvrHttp(status=status) as web:
        assert await read_identity("127.0.0.1", [web.port]) is None


async def test_nobody_there_is_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert await read_identity("127.0.0.1", [taken.getsockname()[1]]) is None


async def test_a_server_that_hangs_takes_no_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "LIMIT", 0.3)
    async with AvrHttp(hang=True) as web:
        began = time.monotonic()
        assert await read_identity("127.0.0.1", [web.port]) is None
        assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>HEOS",
        b"\xff\xfe<a/>",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        b'<!DOCTYPE a [<!ENTITY b "c">]><Device_Info><ModelName>&b;</ModelName></Device_Info>',
        b'<?xml version="1.0"?><!doctype a SYSTEM "file:///etc/passwd"><a/>',
        b"<Device_Info>" + b"<ModelName>x</ModelName>" * 20_000 + b"</Device_Info>",
    ],
)
async def test_documents_that_are_none(document: bytes) -> None:
    async with AvrHttp(document=document) as web:
        assert await read_identity("127.0.0.1", [web.port]) is None


async def test_odd_values_are_left_out() -> None:
    document = (
        b"<rx><ModelName>*</ModelName><MacAddress>none</MacAddress><DeviceZones>many</DeviceZones>"
        b"<list><name> </name><rename>x</rename></list><list><name>CD</name><rename>"
        + "ü".encode() * 200
        + b"</rename></list></rx>"
    )
    async with AvrHttp(document=document) as web:
        assert await read_identity("127.0.0.1", [web.port]) == Identity(labels={"CD": "ü" * 64})


# -- with the receiver ---------------------------------------------------------------------------------


async def test_the_receiver_tells_it_once() -> None:
    told: list[Identity] = []

    def tell(receiver: ReceiverId, found: Identity) -> None:
        assert receiver == DENON
        told.append(found)

    async with (
        AvrHttp() as web,
        AvrSimulator(port=0, answer_delay=QUICK) as avr,
        running(avr.port, http_ports=(web.port,), on_identity=tell) as house,
    ):
        await until(lambda: told == [WHOLE])
        avr.faults.close_all()
        await until(lambda: house.words[-1] == "connecting")
        await house.online()
        await asyncio.sleep(0.2)
        assert told == [WHOLE]
        assert len(web.requests) == 2


async def test_telnet_does_not_care_for_a_web_side_that_hangs() -> None:
    async with (
        AvrHttp(hang=True) as web,
        AvrSimulator(port=0, answer_delay=QUICK) as avr,
        running(avr.port, http_ports=(web.port,)) as house,
    ):
        await until(lambda: len(web.requests) == 1)
        began = time.monotonic()
        await (await house.main.set_volume(33.5))
        assert time.monotonic() - began < 0.3
        assert house.link.word is LinkWord.ONLINE
        avr.faults.close_all()
        await until(lambda: sent(avr).count("PW?") == 2)
        await until(lambda: len(web.requests) == 2, 8)
