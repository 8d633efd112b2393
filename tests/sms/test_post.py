"""The task that sends, with its cabinet: in virtual time, and over the death of its process."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from splitter.core.clock import SystemClock
from splitter.core.ids import IdSource
from splitter.sms.message import Sms, SmsChanged, SmsReceipt, SmsState, TryAgain
from splitter.sms.outbox import OutboxFile
from splitter.sms.post import SmsEffort, SmsPost
from splitter.sms.queue import SmsRules
from splitter.store.cabinet import Cabinet
from tests.patience import until
from tests.sms.kit import WALL, FakeCarrier, MemoryCabinet, sms
from tests.web.kit import in_thread
from tests.world.loop import VirtualLoop

EFFORT = SmsEffort(SmsRules(), window=4)


class LoopClock:
    """The time of the running loop, from WALL on."""

    def __init__(self) -> None:
        self._zero = asyncio.get_running_loop().time()

    def now(self) -> float:
        return asyncio.get_running_loop().time() - self._zero

    def wall(self) -> float:
        return WALL + self.now()


@asynccontextmanager
async def posting(
    carrier: FakeCarrier | OutboxFile, cabinet: MemoryCabinet | Cabinet, effort: SmsEffort = EFFORT
) -> AsyncIterator[tuple[SmsPost, list[str]]]:
    told: list[str] = []

    def changed(news: SmsChanged) -> None:
        told.append(f"{news.sms.id} {news.sms.state}")

    post = SmsPost(effort, carrier, cabinet, LoopClock(), IdSource(), changed)
    await post.start()
    try:
        yield post, told
    finally:
        await post.stop()


def virtually(work: object) -> None:
    """Run it in virtual time: hours pass in moments."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(work)  # type: ignore[arg-type]
    finally:
        loop.close()


class TestInVirtualTime:
    def test_pauses_double_until_the_deadline(self) -> None:
        async def work() -> None:
            carrier, cabinet = FakeCarrier(answers=[TryAgain("503")] * 50), MemoryCabinet()
            async with posting(carrier, cabinet) as (post, told):
                await post.send(sms())
                await asyncio.sleep(400)
                assert 10 < len(carrier.sent) < 25 and told[-1] == "m1 failed"
                assert {one.id for one in carrier.sent} == {"m1"}
                assert post.alarms() == []

        virtually(work())

    def test_a_queue_that_grows_old_is_an_alarm(self) -> None:
        async def work() -> None:
            carrier = FakeCarrier(answers=[TryAgain("no route", all=True)] * 500, alarm="the SMS service main is gone")
            async with posting(carrier, MemoryCabinet()) as (post, _):
                assert post.alarms() == [], "nobody waits for it"
                for number in range(3):
                    await post.send(sms(f"m{number}"))
                await asyncio.sleep(61)
                assert post.alarms() == ["the SMS service main is gone", "3 SMS wait, the oldest for 61 s"]
                await asyncio.sleep(300)
                assert post.alarms() == []

        virtually(work())

    def test_a_full_queue_is_sent_a_window_at_a_time(self) -> None:
        async def work() -> None:
            carrier = FakeCarrier()
            async with posting(carrier, MemoryCabinet()) as (post, told):
                for number in range(300):
                    await post.send(sms(f"m{number}"))
                await asyncio.sleep(5)
                assert [one.id for one in carrier.sent] == [f"m{number}" for number in range(300)]
                assert sum(text.endswith(" sent") for text in told) == 300

        virtually(work())

    def test_what_cannot_be_written_down_is_not_sent(self) -> None:
        async def work() -> None:
            carrier, cabinet = FakeCarrier(), MemoryCabinet(broken=True)
            async with posting(carrier, cabinet) as (post, told):
                after = await post.send(sms())
                assert after.state == "failed" and "cannot be written down" in after.reason
                await asyncio.sleep(100)
                assert carrier.sent == [] and told == ["m1 failed"] and "disk is full" in post.alarms()[0]

        virtually(work())


async def test_what_was_under_way_at_a_restart_is_told_as_unknown(tmp_path: Path) -> None:
    cabinet = MemoryCabinet()
    stuck = FakeCarrier(stuck=True)
    post = SmsPost(SmsEffort(SmsRules(), window=1), stuck, cabinet, LoopClock(), IdSource(), lambda news: None)
    await post.start()
    await post.send(sms("m1"))
    await post.send(sms("m2"))
    await until(lambda: stuck.sent)  # and now the process dies: what follows knows the cabinet alone
    fresh = MemoryCabinet(dict(cabinet.rows))
    carrier = FakeCarrier()
    async with posting(carrier, fresh) as (after, told):
        await until(lambda: "m2 sent" in told)
        assert [one.id for one in carrier.sent] == ["m2"] and told[0] == "m1 unknown"
        after.receive("fake", SmsReceipt("m1", SmsState.DELIVERED))
        assert after.get("m1").state == "delivered"
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from splitter.core.clock import SystemClock
from splitter.core.ids import IdSource
from splitter.sms.message import Sms
from splitter.sms.outbox import OutboxFile
from splitter.sms.post import SmsEffort, SmsPost
from splitter.sms.queue import SmsRules
from splitter.store.cabinet import Cabinet

class Dies(OutboxFile):
    repeats = False
    count = 0
    async def send(self, sms):
        outcome = await super().send(sms)
        self.count += 1
        if self.count == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome

async def main():
    folder, clock = Path(sys.argv[1]), SystemClock()
    carrier = Dies(folder / "sent.jsonl")
    post = SmsPost(SmsEffort(SmsRules(), 3), carrier, Cabinet(folder / "sms.db"), clock, IdSource(), lambda news: None)
    now = clock.wall()
    for number in range(20):
        await post.send(Sms(id=f"m{number}", call_id="c", number="1380013800", text="t", link="l", code="c", created_at=now, deadline=now + 300))
    await post.start()
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_kill_with_a_full_queue_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    done = await in_thread(subprocess.run, [sys.executable, "-c", _KILLED, str(tmp_path)])
    assert done.returncode == -signal.SIGKILL

    told: dict[str, str] = {}

    def changed(news: SmsChanged) -> None:
        told[news.sms.id] = news.sms.state

    class Once(OutboxFile):
        repeats = False

    cabinet = Cabinet(tmp_path / "sms.db")
    post = SmsPost(EFFORT, Once(tmp_path / "sent.jsonl"), cabinet, SystemClock(), IdSource(), changed)
    await post.start()
    await until(lambda: all((post.get(f"m{n}") or sms()).state in ("handed-on", "unknown") for n in range(20)))
    await post.stop()
    await cabinet.close()
    sent = [msgspec.json.decode(line)["id"] for line in (tmp_path / "sent.jsonl").read_bytes().splitlines()]
    assert len(sent) == len(set(sent)), "nothing was sent twice"
    unknown = {key for key, state in told.items() if state == "unknown"}
    assert 1 <= len(unknown) <= 3 and set(sent) | unknown == {f"m{n}" for n in range(20)}


class TestLog:
    def test_shows_the_end_of_a_number_alone_and_no_link(self) -> None:
        async def work() -> None:
            carrier = FakeCarrier(answers=[TryAgain("503")] * 2)
            async with posting(carrier, MemoryCabinet()) as (post, _):
                await post.send(sms())
                await asyncio.sleep(30)

        with capture_logs() as lines:
            virtually(work())
        text = repr(lines)
        assert "…8000" in text and "13800138000" not in text and "0123456789" not in text


@pytest.mark.parametrize("path", [None, "outbox.jsonl"])
async def test_the_outbox_file_is_what_there_is_without_a_service(tmp_path: Path, path: str | None) -> None:
    file = tmp_path / path if path else None
    async with posting(OutboxFile(file), MemoryCabinet()) as (post, told):
        await post.send(sms())
        await until(lambda: post.get("m1").state in ("handed-on", "failed"))
        assert "tell the caller the link" in post.get("m1").reason
    if file:
        assert msgspec.json.decode(file.read_bytes())["text"] == sms().text and file.stat().st_mode & 0o077 == 0
    assert isinstance(post.get("m1"), Sms) and told[-1] == ("m1 handed-on" if path else "m1 failed")
