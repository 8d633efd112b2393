"""Webhooks against a receiver that fails, hangs, is slow, is away, or lies."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from splitter.calls.desks import DeskView
from splitter.calls.view import Notice
from splitter.calls.webhook import Webhook
from splitter.core.clock import SystemClock
from splitter.core.ids import IdSource
from splitter.media.ports.rooms import Snapshot
from splitter.store.outbox import Delivery
from splitter.store.settings import StoreSettings
from splitter.store.sqlite import Store
from splitter.telemetry import metrics
from splitter.web.ports import Invited
from splitter.web.stills.album import ScreenshotTaken
from splitter.web.webhooks import webhooks
from splitter.web.webhooks.signature import sign, verify
from splitter.web.webhooks.webhooks import Webhooks
from tests.patience import until
from tests.transport.pki import authority, paper
from tests.web.kit import CALL, ended

SECRET = "a secret of the receiver"
INVITED = Invited(
    "m1",
    CALL.call_id,
    CALL.caller,
    "Open https://v.example/g/0123456789",
    "https://v.example/g/0123456789",
    1000.0,
    "wang",
)


@dataclass
class Taken:
    """What a receiver got."""

    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.body)  # type: ignore[no-any-return]


@dataclass
class Receiver:
    """An HTTP server. `answers`: what it says to each request in turn, 200 to all that follow."""

    answers: list[int | float | web.Response] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.taken.append(Taken(dict(request.headers), await request.read()))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, float):  # hangs for so long
            await asyncio.sleep(answer)
            return web.Response()
        return web.Response(status=answer) if isinstance(answer, int) else answer

    @property
    def codes(self) -> list[str]:
        """The notices that it got, by code, in the order of arrival."""
        return [taken.data["notice"]["code"] for taken in self.taken]

    @asynccontextmanager
    async def open(self, port: int = 0, tls: ssl.SSLContext | None = None):  # type: ignore[no-untyped-def]
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"{'https' if tls else 'http'}://{host}:{port}/hook"
        try:
            yield self
        finally:
            await runner.cleanup()


@asynccontextmanager
async def hooks(store: Store, *wanted: Webhook):  # type: ignore[no-untyped-def]
    sender = Webhooks(wanted, store, SystemClock(), IdSource(random.Random(1)))
    await sender.start()
    try:
        yield sender
    finally:
        await sender.stop()


def hook(receiver: Receiver, *events: str, **more: Any) -> Webhook:
    return Webhook("crm", receiver.url, SECRET, events or ("notice",), **{"timeout_s": 1.0, **more})


def notice(code: str) -> Notice:
    return Notice(CALL.call_id, code, "told")


def count(outcome: str) -> float:
    labels = {"hook": "crm", "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("splitter_webhook_deliveries_total", labels) or 0.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a hundredth."""
    monkeypatch.setattr(webhooks, "FIRST_PAUSE_S", 0.01)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(StoreSettings(str(tmp_path / "calls.db"), max_age_days=36_500))
    store.start()
    yield store
    await store.stop()


async def waiting(store: Store) -> list[Delivery]:
    await store.flush()
    return await store.deliveries()


class TestDelivery:
    async def test_is_signed_json(self, store: Store) -> None:
        async with Receiver().open() as receiver, hooks(store, hook(receiver, "call")) as sender:
            sender.call(CALL)
            await until(lambda: receiver.taken)
            [taken] = receiver.taken
            assert taken.data["type"] == "call" and taken.data["call"]["call_id"] == CALL.call_id
            assert taken.headers["Content-Type"] == "application/json"
            assert taken.headers["Splitter-Event"] == "call" and len(taken.headers["Splitter-Delivery"]) == 20
            assert taken.headers["User-Agent"].startswith("splitter/")
            signature, now = taken.headers["Splitter-Signature"], SystemClock().wall()
            assert verify(SECRET, taken.body, signature, now)
            assert not verify("another", taken.body, signature, now)
            assert not verify(SECRET, taken.body + b" ", signature, now)
            assert not verify(SECRET, taken.body, signature, now + 301)

    async def test_each_event_has_its_shape(self, store: Store) -> None:
        every = ("call", "notice", "desk", "snapshot", "invitation")
        async with Receiver().open() as receiver, hooks(store, hook(receiver, *every)) as sender:
            sender.call(CALL)
            sender.notice(notice("bound"))
            sender.desk(DeskView("8001", "online"))
            sender.snapshot(ScreenshotTaken(CALL.call_id, 3, Snapshot(b"png", 480, 640, 1000.5)))
            assert sender.invite(INVITED) == ""
            await until(lambda: len(receiver.taken) == 5)
            assert [taken.data["type"] for taken in receiver.taken] == list(every)
            assert receiver.taken[3].data["snapshot"]["location"] == f"/v1/calls/{CALL.call_id}/snapshots/3"
            assert receiver.taken[4].data["invitation"]["link"] == INVITED.link

    async def test_gets_what_it_wants_and_no_more(self, store: Store) -> None:
        async with Receiver().open() as receiver, hooks(store, hook(receiver, "notice")) as sender:
            sender.call(CALL)
            sender.desk(DeskView("8001", "online"))
            assert "no webhook" in sender.invite(INVITED)
            sender.notice(notice("bound"))
            await until(lambda: receiver.taken)
            assert receiver.codes == ["bound"]

    async def test_a_call_that_did_not_change_is_not_told_again(self, store: Store) -> None:
        async with Receiver().open() as receiver, hooks(store, hook(receiver, "call")) as sender:
            for _ in range(2):  # and nothing of it is kept: the same again is another call
                sender.call(CALL)
                sender.call(CALL)
                sender.call(ended(CALL))
            await until(lambda: len(receiver.taken) == 4)
            states = [taken.data["call"]["state"] for taken in receiver.taken]
            assert states == ["connected", "ended", "connected", "ended"]

    async def test_the_record_of_a_call_is_told_once_when_it_is_over(self, store: Store) -> None:
        async with Receiver().open() as receiver, hooks(store, hook(receiver, "ended")) as sender:
            sender.call(CALL)
            sender.call(ended(CALL))
            await until(lambda: len(receiver.taken) == 1)
            told = receiver.taken[0].data
            assert (told["type"], told["record"]["call_id"], told["record"]["voice_s"]) == ("ended", CALL.call_id, 60.0)

    async def test_in_order(self, store: Store) -> None:
        answers: list[Any] = [200, 500, 503, 200, 429, 500]
        async with Receiver(answers).open() as receiver, hooks(store, hook(receiver)) as sender:
            for number in range(20):
                sender.notice(notice(str(number)))
            await until(lambda: receiver.taken and receiver.codes[-1] == "19")
            assert list(dict.fromkeys(receiver.codes)) == [str(number) for number in range(20)]
            assert receiver.codes[:5] == ["0", "1", "1", "1", "2"]

    async def test_nothing_is_kept_of_what_was_delivered(self, store: Store) -> None:
        async with Receiver().open() as receiver, hooks(store, hook(receiver)) as sender:
            for number in range(50):
                sender.notice(notice(str(number)))
            await until(lambda: len(receiver.taken) == 50)
            await until(lambda: metrics.REGISTRY.get_sample_value("splitter_webhook_waiting", {"hook": "crm"}) == 0)
        assert await waiting(store) == []

    async def test_two_receivers_do_not_wait_for_each_other(self, store: Store) -> None:
        async with Receiver([10.0]).open() as slow, Receiver().open() as quick:
            wanted = hook(slow, timeout_s=20.0), replace(hook(quick), name="cti")
            async with hooks(store, *wanted) as sender:
                for number in range(3):
                    sender.notice(notice(str(number)))
                await until(lambda: len(quick.taken) == 3)
                assert len(slow.taken) == 1


class TestAgain:
    @pytest.mark.parametrize("answer", [500, 502, 503, 429, 408, 425, 3.0])
    async def test_after_what_may_pass(self, answer: int | float, store: Store) -> None:
        answers: list[Any] = [answer, answer]
        async with Receiver(answers).open() as receiver, hooks(store, hook(receiver, timeout_s=0.2)) as sender:
            sender.notice(notice("bound"))
            await until(lambda: len(receiver.taken) == 3)
            ids = {taken.headers["Splitter-Delivery"] for taken in receiver.taken}
            assert len(ids) == 1, "so that the receiver can tell"

    @pytest.mark.parametrize("answer", [400, 401, 404, 410, 301])
    async def test_not_after_what_stays_as_it_is(self, answer: int, store: Store) -> None:
        before = count("refused")

        redirect = web.Response(status=answer, headers={"Location": "/elsewhere"})
        async with Receiver([redirect]).open() as receiver, hooks(store, hook(receiver)) as sender:
            sender.notice(notice("one"))
            sender.notice(notice("two"))
            await until(lambda: len(receiver.taken) == 2)
            assert receiver.codes == ["one", "two"]

        assert count("refused") == before + 1

    async def test_while_the_receiver_is_away(self, store: Store) -> None:
        async with Receiver().open() as gone:
            pass
        async with hooks(store, hook(gone, attempts=50)) as sender:
            for number in range(5):
                sender.notice(notice(str(number)))
            await asyncio.sleep(0.1)
            back = Receiver()
            async with back.open(int(gone.url.split(":")[2].split("/")[0])):
                await until(lambda: len(back.taken) == 5)
                assert back.codes == ["0", "1", "2", "3", "4"]

    async def test_until_it_was_tried_often_enough(self, store: Store) -> None:
        before = count("given-up")

        async with Receiver([500] * 3).open() as receiver, hooks(store, hook(receiver, attempts=3)) as sender:
            sender.notice(notice("one"))
            sender.notice(notice("two"))
            await until(lambda: "two" in receiver.codes)
            assert receiver.codes == ["one", "one", "one", "two"]

        assert count("given-up") == before + 1

    async def test_is_signed_anew_each_time(self, monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
        class Jumping(SystemClock):
            ahead = 0.0

            def wall(self) -> float:
                self.ahead += 400.0
                return super().wall() + self.ahead

        async with Receiver([500]).open() as receiver:
            sender = Webhooks([hook(receiver)], store, Jumping(), IdSource(random.Random(1)))
            await sender.start()
            sender.notice(notice("one"))
            await until(lambda: len(receiver.taken) == 2)
            await sender.stop()
            times = [taken.headers["Splitter-Signature"].split(",")[0] for taken in receiver.taken]
            assert times[0] != times[1]

    @pytest.mark.parametrize("form", ["seconds", "date"])
    async def test_not_before_the_receiver_wants_it(self, form: str, store: Store) -> None:
        """RFC 9110 §10.2.3."""

        later = datetime.fromtimestamp(SystemClock().wall() + 2.0, UTC)
        value = "1" if form == "seconds" else format_datetime(later, usegmt=True)
        busy = web.Response(status=429, headers={"Retry-After": value})
        async with Receiver([busy]).open() as receiver, hooks(store, hook(receiver)) as sender:
            loop = asyncio.get_running_loop()
            sender.notice(notice("one"))
            await until(lambda: len(receiver.taken) == 1)
            began = loop.time()
            await until(lambda: len(receiver.taken) == 2)
            assert loop.time() - began > 0.7


class TestBounds:
    async def test_the_oldest_give_way(self, store: Store) -> None:
        before = count("dropped")

        async with Receiver([0.3]).open() as receiver, hooks(store, hook(receiver, queue=3)) as sender:
            sender.notice(notice("first"))
            await until(lambda: receiver.taken)
            with capture_logs() as logs:
                for number in range(10):
                    sender.notice(notice(str(number)))
            assert [entry["event"] for entry in logs] == ["webhook event dropped"], "a flood is one line"
            await until(lambda: receiver.codes[-1] == "9")
            assert receiver.codes == ["first", "7", "8", "9"]
        assert await waiting(store) == []

        assert count("dropped") == before + 7

    async def test_an_answer_without_end_is_not_read(self, store: Store) -> None:
        async def endless(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(10_000):
                await response.write(b"x" * 100_000)
            return response

        receiver = Receiver()
        receiver.handle = endless  # type: ignore[method-assign]
        before = count("delivered")
        async with receiver.open(), hooks(store, hook(receiver)) as sender:
            sender.notice(notice("one"))
            await until(lambda: count("delivered") == before + 1)

    @pytest.mark.parametrize(
        "junk", [b"", b"HTTP/9.9 x\r\n\r\n", b"\0" * 1000, b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000]
    )
    async def test_what_is_no_http_is_a_failure(self, junk: bytes, store: Store) -> None:
        before = count("given-up")

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(junk)
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        receiver = Receiver(url=f"http://127.0.0.1:{port}/")
        async with server, hooks(store, hook(receiver, attempts=2)) as sender:
            sender.notice(notice("one"))
            await until(lambda: count("given-up") == before + 1)


class TestTls:
    async def test_a_certificate_of_nobody_is_refused(self, store: Store) -> None:
        before = count("given-up")

        async with Receiver().open(tls=server()) as receiver:
            async with hooks(store, hook(receiver, attempts=1)) as sender:
                sender.notice(notice("secret"))
                await until(lambda: count("given-up") == before + 1)
            assert receiver.taken == []

    async def test_one_of_the_operators_own_authority_is_not(self, store: Store) -> None:
        ours = str(authority().certificate)
        async with Receiver().open(tls=server()) as receiver, hooks(store, hook(receiver, ca=ours)) as sender:
            sender.notice(notice("secret"))
            await until(lambda: receiver.taken)

    async def test_an_authority_that_cannot_be_read_is_tried_again_and_harms_no_other(
        self, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(webhooks, "FIRST_PAUSE_S", 0.05)
        monkeypatch.setattr(webhooks, "LONGEST_PAUSE_S", 0.05)
        ca = tmp_path / "ca.pem"
        async with Receiver().open(tls=server()) as secure, Receiver().open() as other:
            unreadable = hook(secure, ca=str(ca), attempts=1000)
            async with hooks(store, unreadable, replace(hook(other), name="other")) as sender:
                sender.notice(notice("one"))
                await until(lambda: other.codes == ["one"])
                assert secure.taken == []
                ca.write_bytes(authority().certificate.read_bytes())
                await until(lambda: secure.codes == ["one"])


def server() -> ssl.SSLContext:
    """The TLS of a receiver at 127.0.0.1."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(paper().certificate, paper().key)
    return context


class TestRestart:
    async def test_what_waited_is_sent_first(self, tmp_path: Path, store: Store) -> None:
        async with Receiver().open() as gone:
            pass
        async with hooks(store, hook(gone, attempts=1000)) as sender:
            for number in range(3):
                sender.notice(notice(str(number)))
            await asyncio.sleep(0.05)
        assert len(await waiting(store)) == 3
        await store.stop()
        again = Store(StoreSettings(str(tmp_path / "calls.db"), max_age_days=36_500))
        again.start()
        back = Receiver()
        async with back.open(), hooks(again, replace(hook(gone), url=back.url)) as sender:
            sender.notice(notice("new"))
            await until(lambda: len(back.taken) == 4)
            assert back.codes == ["0", "1", "2", "new"]
        assert await waiting(again) == []
        await again.stop()

    async def test_what_a_former_webhook_did_not_get_is_forgotten(self, store: Store) -> None:
        store.save_delivery(Delivery("x", "former", 1e9, b'{"type":"call"}'))
        async with Receiver().open() as receiver, hooks(store, hook(receiver)):
            assert await waiting(store) == []
            assert receiver.taken == []

    async def test_a_broken_row_of_the_outbox_holds_up_nobody(self, store: Store) -> None:
        store.save_delivery(Delivery("broken", "crm", SystemClock().wall(), b"\0"))
        async with Receiver().open() as receiver, hooks(store, hook(receiver)) as sender:
            sender.notice(notice("one"))
            await until(lambda: receiver.taken)
            assert receiver.codes == ["one"]
        assert await waiting(store) == []

    async def test_without_a_store_it_goes_on(self, tmp_path: Path) -> None:
        store = Store(StoreSettings(str(tmp_path)))  # a folder, no file
        store.start()
        async with Receiver().open() as receiver:
            with capture_logs():
                async with hooks(store, hook(receiver)) as sender:
                    sender.notice(notice("one"))
                    await until(lambda: receiver.taken)
        await store.stop(0.2)


class TestSignature:
    def test_the_form_that_the_documents_show(self) -> None:
        body = b'{"type":"call"}'
        value = sign("secret", body, 1_700_000_000.9)
        assert value.startswith("t=1700000000,v1=")
        assert verify("secret", body, value, 1_700_000_100.0)

    @pytest.mark.parametrize(
        "value", ["", "t=,v1=", "v1=00", "t=1700000000", "t=x,v1=y", "t=99999999999999,v1=0", "==,="]
    )
    def test_what_is_none(self, value: str) -> None:
        assert not verify("secret", b"{}", value, 1_700_000_000.0)


class TestAnotherConfiguration:
    async def test_what_waits_goes_to_the_new_address(self, store: Store) -> None:
        old, new = Receiver(answers=[500] * 50), Receiver()
        async with old.open(), new.open(), hooks(store, hook(old)) as sender:
            for code in "abc":
                sender.notice(notice(code))
            await until(lambda: bool(old.taken))
            sender.adopt([replace(hook(old), url=new.url)])
            await until(lambda: new.codes == ["a", "b", "c"])

    async def test_one_that_is_gone_is_told_no_more_and_what_waited_is_dropped(self, store: Store) -> None:
        gone, stays = Receiver(answers=[500] * 50), Receiver()
        async with gone.open(), stays.open(), hooks(store, hook(gone), replace(hook(stays), name="other")) as sender:
            kept = replace(hook(stays), name="other")
            sender.notice(notice("a"))
            await until(lambda: bool(gone.taken) and stays.codes == ["a"])
            with capture_logs() as logs:
                sender.adopt([kept])
                await until(lambda: any(line["event"] == "webhook is told no longer" for line in logs))
            assert [line["dropped"] for line in logs if line["event"] == "webhook is told no longer"] == [1]
            sender.notice(notice("b"))
            await until(lambda: stays.codes == ["a", "b"])
            assert set(gone.codes) == {"a"}
            await store.flush()
            assert await store.deliveries() == []

    async def test_a_new_one_is_told_from_now_on(self, store: Store) -> None:
        first, second = Receiver(), Receiver()
        async with first.open(), second.open(), hooks(store, hook(first)) as sender:
            sender.notice(notice("a"))
            sender.adopt([hook(first), replace(hook(second), name="second")])
            sender.notice(notice("b"))
            await until(lambda: (first.codes, second.codes) == (["a", "b"], ["b"]))
