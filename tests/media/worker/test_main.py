"""What a starting worker answers, and when."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from splitter.media.slate.slate import Slate
from splitter.media.wire.waiting import PacketLoop
from splitter.media.worker import main
from splitter.media.worker.main import Worker
from splitter.media.worker.protocol import VerbCall
from splitter.media.worker.verbs.open_room import OpenRoom
from splitter.media.worker.verbs.process import PROTOCOL, AwaitVideo, DrawSlate, Hello, Ping, Renew, Status
from splitter.media.worker.verbs.verb import Done, Failed, Message, Verb
from tests.media.worker.stand import FIRST_PORT, LIMIT_S
from tests.patience import until

LOOP = PacketLoop


class Gateway:
    """The other end of the control connection: keeps what is answered, by the number of the call."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.answers: dict[int, Message] = {}

    def ask(self, id: int, verb: Verb[Any]) -> None:
        self._worker.execute(VerbCall(id, msgspec.Raw(b"")), verb, self)  # type: ignore[arg-type]

    def close(self) -> None:
        """The worker ends."""

    def reply(self, call: VerbCall, answer: Message) -> None:
        self.answers[call.id] = answer


class TestAStartingWorker:
    HELLO = Hello(PROTOCOL, (FIRST_PORT, FIRST_PORT + 99), 30.0, [], "slate", "", 5.0)

    @pytest.fixture(autouse=True)
    def steps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Drawing the slate and completing it wait until they are let go on."""
        self.drawn, self.complete = threading.Event(), threading.Event()

        def draw(text: str, picture: str) -> Slate:
            assert self.drawn.wait(LIMIT_S)
            return Slate(text)

        def warm_up(slate: Slate) -> None:
            assert self.complete.wait(LIMIT_S)

        monkeypatch.setattr(main, "_prepare_video", draw)
        monkeypatch.setattr(main, "_warm_up", warm_up)

    def start(self) -> tuple[Worker, Gateway]:
        worker = Worker(grace_s=60)
        gateway = Gateway(worker)
        gateway.ask(1, self.HELLO)
        gateway.ask(2, AwaitVideo())
        gateway.ask(3, OpenRoom("room", "call"))
        return worker, gateway

    async def test_has_video_once_nothing_competes_with_the_first_rooms(self) -> None:
        worker, gateway = self.start()
        assert isinstance(gateway.answers[1], Status)
        assert 3 not in gateway.answers
        self.drawn.set()
        await until(lambda: 3 in gateway.answers)
        assert gateway.answers[3] == Done()  # who cannot wait gets a room as soon as there is something to show
        assert 2 not in gateway.answers
        self.complete.set()
        await until(lambda: 2 in gateway.answers)
        assert gateway.answers[2] == Done()
        worker.close()

    async def test_that_cannot_draw_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(text: str, picture: str) -> Slate:
            raise RuntimeError("no codec")

        monkeypatch.setattr(main, "_prepare_video", fail)
        worker, gateway = self.start()
        await until(lambda: 2 in gateway.answers)
        assert isinstance(gateway.answers[2], Failed)
        worker.close()

    async def test_lives_on_where_the_slate_cannot_be_completed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(slate: Slate) -> None:
            raise RuntimeError("no memory")

        monkeypatch.setattr(main, "_warm_up", fail)
        self.drawn.set()

        worker, gateway = self.start()
        await until(lambda: 2 in gateway.answers)
        assert gateway.answers[2] == Done()
        worker.close()

    async def test_that_is_stopped_while_it_draws_ends_quietly(self) -> None:
        worker, _ = self.start()
        worker.stopped.set()
        self.drawn.set()
        await asyncio.get_running_loop().shutdown_default_executor()


class TestAnotherSlate:
    """While calls live: drawn first, taken then, and not at all where it cannot be drawn."""

    async def asked(self, gateway: Gateway, id: int, verb: Verb[Any]) -> Message:
        gateway.ask(id, verb)
        await until(lambda: id in gateway.answers)
        return gateway.answers[id]

    async def test_is_taken_when_it_is_there(self) -> None:
        worker = Worker(grace_s=60)
        gateway = Gateway(worker)
        hello = TestAStartingWorker.HELLO
        gateway.ask(1, hello)
        await self.asked(gateway, 2, AwaitVideo())
        assert worker.dispatcher is not None
        before = worker.dispatcher.slate
        assert await self.asked(gateway, 3, DrawSlate("another", "")) == Done()
        assert worker.dispatcher.slate is before
        assert await self.asked(gateway, 4, Renew("another", "", "info")) == Done()
        assert worker.dispatcher.slate is not before
        later = await self.asked(gateway, 5, msgspec.structs.replace(hello, slate_text="another"))
        assert isinstance(later, Status) and not later.outdated, "the next gateway finds the worker as it wants it"
        worker.close()

    async def test_of_what_voice_is_to_keep_is_taken_by_a_worker_that_is_there(self) -> None:
        worker = Worker(grace_s=60)
        gateway = Gateway(worker)
        hello = TestAStartingWorker.HELLO
        gateway.ask(1, hello)
        await self.asked(gateway, 6, AwaitVideo())
        assert isinstance(before := await self.asked(gateway, 2, Ping()), Status)
        assert await self.asked(gateway, 3, Renew(hello.slate_text, "", "info", 1)) == Done()
        assert isinstance(after := await self.asked(gateway, 4, Ping()), Status)
        assert after.for_pictures == before.for_pictures - 1
        later = await self.asked(gateway, 5, msgspec.structs.replace(hello, reserved=0))
        assert isinstance(later, Status) and not later.outdated
        assert later.for_pictures == before.for_pictures, "the next gateway has other calls in mind"
        worker.close()

    async def test_that_cannot_be_drawn_changes_nothing(self, tmp_path: Path) -> None:
        worker = Worker(grace_s=60)
        gateway = Gateway(worker)
        gateway.ask(1, TestAStartingWorker.HELLO)
        await self.asked(gateway, 2, AwaitVideo())
        (tmp_path / "no.png").write_bytes(b"no picture")
        failed = await self.asked(gateway, 3, DrawSlate("slate", str(tmp_path / "no.png")))
        assert isinstance(failed, Failed) and "no.png" in failed.reason
        assert worker.dispatcher is not None
        before = worker.dispatcher.slate
        await self.asked(gateway, 4, Renew("slate", "", "info"))
        assert worker.dispatcher.slate is before
        worker.close()
