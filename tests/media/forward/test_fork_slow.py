"""Who listens and does not keep up misses media; nobody else does."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from splitter.media.forward import protocol as f
from splitter.media.forward.fork import MediaFork
from splitter.media.forward.fork_queue import ForkFrame, ForkQueue
from splitter.media.record import batch
from splitter.media.record.batch import Described
from tests.media.forward.listener import Listener
from tests.media.forward.scene import CALL, Scene, connected
from tests.patience import PATIENCE_S, until


class TestWhoDoesNotKeepUp:
    async def test_misses_media_and_hears_how_many(self, scene: Scene) -> None:
        caller = scene.voice("caller")
        scene.listener.reads.clear()
        scene.begin()
        await until(lambda: scene.listener.connections)
        for _ in range(600):  # more than the kernel's buffers hold
            scene.talk({caller: 500.0}, 100)
            await asyncio.sleep(0)
            if scene.dropped > 500:
                break
        assert scene.dropped > 500
        scene.listener.reads.set()
        await until(lambda: scene.last.said("dropped"))
        scene.end()
        await until(lambda: scene.last.said("stop"))
        told = sum(count for one in scene.last.said("dropped") for count in one["frames"].values())
        (stop,) = scene.last.said("stop")
        assert told == stop["dropped"] and stop["sent"] == len(scene.last.frames)
        assert stop["sent"] + stop["dropped"] == scene.said

    async def test_is_called_again_where_it_hangs_up(self, scene: Scene) -> None:
        caller = scene.voice("caller")
        scene.listener.hang_up_after = 3
        scene.begin()
        await connected(scene)
        scene.talk({caller: 500.0}, 3)
        await until(lambda: any(one.state is f.ForkState.DOWN for one in scene.seen))
        scene.listener.hang_up_after = 0
        scene.hall.ask(f.TellFork("c-1", "showing", {"is": "desk-1"}, {**CALL, "agent": "8001"}))
        await until(lambda: len(scene.listener.connections) == 2 and scene.last.said("start"))
        scene.talk({caller: 500.0}, 4)
        scene.end()
        await until(lambda: scene.last.said("stop"))
        (start,) = scene.last.said("start")
        assert start["again"] == 1 and start["call"]["agent"] == "8001" and len(start["streams"]) == 1
        assert [one["what"] for one in scene.last.said("event")] == ["showing"]
        assert len(scene.last.frames) == 4

    @pytest.mark.parametrize(
        ("status", "words"), [(403, "it answers 403"), (0, "annot connect"), (101, "no WebSocket")]
    )
    async def test_is_tried_again_where_it_refuses(self, scene: Scene, status: int, words: str) -> None:
        scene.listener.refuses = status
        scene.begin(url="" if status else "ws://127.0.0.1:9/calls")
        await until(lambda: scene.seen[-1].state is f.ForkState.DOWN)
        assert words in scene.seen[-1].words and "hidden" not in scene.seen[-1].words
        scene.end()

    async def test_is_not_followed_to_where_it_sends_us(self, scene: Scene, listener: Listener) -> None:
        """There, voices might go in clear."""
        other = Listener()
        await other.start()
        listener.sends_to = other.url.replace("ws:", "http:")
        scene.begin()
        await until(lambda: scene.seen[-1].state is not f.ForkState.OPENING)
        assert scene.seen[-1].state is f.ForkState.DOWN and "it answers 302" in scene.seen[-1].words
        assert not other.connections
        scene.end()
        await other.stop()

    async def test_says_too_much(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("splitter.media.forward.fork_sender._SAID_AT_ONCE", 100)
        monkeypatch.setattr("splitter.media.forward.fork_sender._SAID_S", PATIENCE_S)  # a slow machine says little
        scene.listener.chatters = True
        scene.begin()
        await until(lambda: scene.seen[-1].state is f.ForkState.DOWN)
        assert scene.seen[-1].words.endswith("it says too much")
        scene.end()

    async def test_leaves_no_connection_behind_where_it_reads_nothing(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("splitter.media.forward.fork_sender._LAST_S", 0.05)
        monkeypatch.setattr("splitter.media.forward.fork_sender._STUCK_S", 3.0)
        caller = scene.voice("caller")
        scene.listener.reads.clear()
        scene.begin()
        await until(lambda: scene.listener.connections)
        while scene.dropped == 0:
            scene.talk({caller: 500.0}, 100)
            await asyncio.sleep(0)
        port = urlsplit(scene.listener.url).port
        assert scene.seen[-1].sent * 332 < 2 << 20, "the kernel holds minutes of voice"
        assert connections_to(port) == 1
        scene.end()
        await until(lambda: not connections_to(port))

    async def test_costs_others_nothing_where_its_media_are_a_fault_of_ours(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        caller, centre = scene.voice("caller"), scene.voice("centre")
        scene.begin()
        await connected(scene)

        def take(fork: MediaFork, what: Described, piece: batch.TapPiece) -> None:
            raise RuntimeError("a fault")

        monkeypatch.setattr(MediaFork, "take", take)
        scene.talk({caller: 500.0, centre: 500.0}, 1)
        assert scene.hall.forwarder.unknown == 0, "the rest of a datagram is of other calls"

    async def test_certificates_are_read_once_for_many(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        read: list[str] = []

        def create(cafile: str | None = None) -> ssl.SSLContext:
            read.append(str(cafile))
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

        monkeypatch.setattr("ssl.create_default_context", create)
        to = f.ForkPlace("wss://127.0.0.1:9/", ca="/authorities.pem")
        for number in range(5):
            scene.hall.ask(f.ForkRecording(f"c-{number}", to, CALL))
            await until(lambda: scene.seen[-1].state is f.ForkState.DOWN)
            scene.hall.ask(f.EndFork(f"c-{number}"))
        assert read == ["/authorities.pem"]

    async def test_ends_with_its_call_though_nobody_reads(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("splitter.media.forward.fork_sender._LAST_S", 0.05)
        caller = scene.voice("caller")
        scene.listener.reads.clear()
        scene.begin()
        await until(lambda: scene.listener.connections)
        while scene.dropped == 0:
            scene.talk({caller: 500.0}, 100)
            await asyncio.sleep(0)
        scene.end()
        await until(lambda: scene.seen[-1].state is f.ForkState.ENDED)
        assert scene.seen[-1].dropped > 0

    async def test_hears_the_end_of_a_forwarder_that_stops(self, scene: Scene) -> None:
        scene.voice("caller")
        scene.begin()
        await connected(scene)
        await scene.hall.forwarder.finish()
        await until(lambda: scene.last.said("stop"))


def connections_to(port: int | None) -> int:
    """How many connections to a port on this machine this process has."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    theirs = {f"socket:[{row[9]}]" for row in rows if row[2].endswith(f":{port:04X}")}
    return sum(_target(path) in theirs for path in Path("/proc/self/fd").iterdir())


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:  # closed meanwhile
        return ""


class TestQueue:
    def test_a_picture_that_gives_way_takes_its_followers_along(self) -> None:
        queue = ForkQueue(lambda: None, 1000)
        goes_on = [queue.put(ForkFrame(1, at in (0, 6), bytes((at,)) * 200)) for at in range(9)]
        assert queue.waiting_bytes <= 1000
        kept = [one[0] for one in iter(queue.pop, None) if isinstance(one, bytes)]
        assert False in goes_on[:6] and goes_on[6:] == [True] * 3
        assert kept[-3:] == [6, 7, 8] and 0 not in kept

    def test_words_stay_in_order_and_are_not_without_end(self) -> None:
        queue = ForkQueue(lambda: None)
        for number in range(600):
            queue.say({"n": number})
        numbers = [json.loads(str(one))["n"] for one in iter(queue.pop, None)]
        assert numbers == list(range(100, 600)) and queue.lost_words == 100
