"""The connection to an SMPP service: a server written against the specification at its other end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from splitter.core.clock import SystemClock
from splitter.core.ids import IdSource
from splitter.sms.message import InDoubt, Sms, SmsReceipt, SmsState, Taken, TryAgain, TurnedDown
from splitter.sms.settings import SmppSettings
from splitter.sms.smpp.link import SmppLink
from tests.patience import until
from tests.sms.kit import sms
from tests.sms.smpp.server import ENQUIRE, UNBIND, SmppService, smpp_service


@asynccontextmanager
async def linked(
    service: SmppService, password: str = "secret", **more: object
) -> AsyncIterator[tuple[SmppLink, list[SmsReceipt]]]:
    settings = SmppSettings("main", "127.0.0.1", "gateway", password, service.port, source="12345", **more)  # type: ignore[arg-type]
    heard: list[SmsReceipt] = []
    link = SmppLink(settings, SystemClock(), IdSource(), lambda name, receipt: heard.append(receipt))
    await link.start()
    try:
        yield link, heard
    finally:
        await link.stop()


def now(key: str = "m1", **more: object) -> Sms:
    return sms(key, deadline=SystemClock().wall() + 300.0, **more)


async def test_a_message_is_sent_and_its_receipt_heard() -> None:
    async with smpp_service() as service, linked(service) as (link, heard):
        assert await link.send(now()) == Taken(("1",))
        [message] = service.taken
        assert (message.source, message.number, message.registered) == ("12345", "8613800138000", 1)
        assert message.message == b"Open https://v.example/g/0123456789" and message.validity.startswith("00000000045")
        service.deliver("id:1 sub:001 dlvrd:001 stat:DELIVRD err:000 text:")
        await until(lambda: heard)
        assert heard == [SmsReceipt("1", SmsState.DELIVERED)] and link.alarm == ""


async def test_a_long_chinese_text_goes_in_parts_that_belong_together() -> None:
    text = "请勿挂断，点开链接即可视频：" * 10
    async with smpp_service() as service, linked(service) as (link, _):
        assert await link.send(now(text=text)) == Taken(("1", "2", "3"))
        headers = {piece.message[:6] for piece in service.taken}
        assert {header[:3] + header[4:5] for header in headers} == {b"\5\0\3\3"} and len({h[3] for h in headers}) == 1
        assert all(piece.esm_class == 0x40 and piece.coding == 8 for piece in service.taken)
        assert b"".join(piece.message[6:] for piece in service.taken).decode("utf-16-be") == text


@pytest.mark.parametrize("status", [0x58, 0x14])
async def test_throttling_makes_all_wait_and_keeps_the_parts_that_went(status: int) -> None:
    async with smpp_service(statuses=[0, status]) as service, linked(service) as (link, _):
        first = await link.send(now(text="视" * 100))
        assert isinstance(first, TryAgain) and first.all and first.wait_s == 1.0 and first.ids == ("1",)
        assert await link.send(now(text="视" * 100, taken=first.ids)) == Taken(("1", "2"))
        assert len(service.taken) == 2, "no part was sent twice"


async def test_a_refusal_is_told_in_words() -> None:
    async with smpp_service(statuses=[0x0B]) as service, linked(service) as (link, _):
        assert await link.send(now()) == TurnedDown("the number is not valid (0x0000000b)")


async def test_a_broken_connection_leaves_what_was_sent_in_doubt_and_comes_back() -> None:
    async with smpp_service(statuses=[None]) as service, linked(service) as (link, _):
        service.before_answer = lambda message: service.drop()
        assert isinstance(await link.send(now()), InDoubt)
        service.before_answer = None
        assert await link.send(now("m2")) == Taken(("1",))
        assert service.connections == 2


async def test_no_answer_is_doubt_and_a_new_connection() -> None:
    async with smpp_service(statuses=[None]) as service, linked(service, answer_limit_s=0.5) as (link, _):
        assert isinstance(await link.send(now()), InDoubt)
        await until(lambda: service.connections == 2)


async def test_a_silent_connection_is_asked_and_left_when_it_is_dead() -> None:
    async with smpp_service(enquires=False) as service, linked(service, enquire_interval_s=1.0, answer_limit_s=0.5):
        await until(lambda: service.connections == 2)
        assert ENQUIRE in service.commands


async def test_a_service_that_is_not_there_keeps_messages_waiting() -> None:
    nobody = SmppService(port=1)
    async with linked(nobody, answer_limit_s=0.5) as (link, _):
        answer = await link.send(now())
        assert isinstance(answer, TryAgain) and answer.all and "main" in link.alarm


async def test_a_wrong_password_is_an_alarm() -> None:
    async with smpp_service() as service, linked(service, password="wrong") as (link, _):
        await until(lambda: "password is wrong" in link.alarm)


async def test_nonsense_ends_the_connection_and_not_the_link() -> None:
    async with smpp_service() as service, linked(service) as (link, _):
        await link.send(now())
        service.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await until(lambda: service.connections == 2)
        assert await link.send(now("m2")) == Taken(("2",))


async def test_a_stop_unbinds() -> None:
    async with smpp_service() as service:
        async with linked(service) as (link, _):
            await link.send(now())
        assert service.commands[-1] == UNBIND
