"""The poller's two gears, and its patience with broken handlers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest
import uvloop

from splitter.media.fast.form import choose_form
from splitter.media.wire.poller import Poller
from splitter.media.wire.waiting import PacketLoop
from tests.patience import PATIENCE_S, until


def pair() -> tuple[socket.socket, socket.socket]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    return one, other


class Sink:
    """Counts packets; raises what it is told to."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.packets = 0
        self.fault: Exception | None = None
        self.faults: list[Exception] = []

    def handler(self) -> None:
        self.sock.recv(2048)
        self.packets += 1
        if self.fault is not None:
            raise self.fault


BOTH_LOOPS = pytest.mark.parametrize(
    "runner", [asyncio.new_event_loop, PacketLoop], ids=["nested", "lent"], indirect=True
)


def poller_of_this_loop() -> Poller:
    return Poller(asyncio.get_running_loop(), choose_form())


@pytest.mark.parametrize("runner", [asyncio.new_event_loop, uvloop.new_event_loop], indirect=True)
class TestGears:
    async def test_busy_while_packets_are_many_and_quiet_again_after(self) -> None:
        poller = Poller(asyncio.get_running_loop())
        ours, theirs = pair()
        sink = Sink(ours)
        poller.watch(ours.fileno(), sink.handler, sink.faults.append)
        assert not poller.busy
        sent = 0
        async with asyncio.timeout(PATIENCE_S):
            while not poller.busy:  # one packet for each wake-up, as fast as they come
                theirs.send(b"x")
                sent += 1
                await asyncio.sleep(0)
        for _ in range(5):
            theirs.send(b"x")
            sent += 1
        await until(lambda: sink.packets == sent)
        await until(lambda: not poller.busy)
        theirs.send(b"x")
        await until(lambda: sink.packets == sent + 1)
        poller.close()
        ours.close()
        theirs.close()


@BOTH_LOOPS
class TestFaults:
    async def test_of_one_handler_go_to_its_owner_and_touch_no_other(self) -> None:
        poller = poller_of_this_loop()
        (bad_sock, to_bad), (good_sock, to_good) = pair(), pair()
        bad, good = Sink(bad_sock), Sink(good_sock)
        bad.fault = ValueError("broken on purpose")
        poller.watch(bad_sock.fileno(), bad.handler, bad.faults.append)
        poller.watch(good_sock.fileno(), good.handler, good.faults.append)
        to_bad.send(b"x")
        to_good.send(b"x")
        await until(lambda: good.packets and bad.faults)
        assert bad.faults == [bad.fault]
        assert good.faults == []
        poller.close()
        for sock in (bad_sock, to_bad, good_sock, to_good):
            sock.close()

    async def test_of_the_fault_handler_itself_end_the_watching_of_that_socket(self) -> None:
        poller = poller_of_this_loop()
        ours, theirs = pair()
        sink = Sink(ours)
        sink.fault = ValueError("broken on purpose")
        poller.watch(ours.fileno(), sink.handler, _raise)
        theirs.send(b"x")
        await until(lambda: len(poller) == 0)
        poller.close()
        ours.close()
        theirs.close()

    async def test_a_socket_closed_by_an_earlier_handler_of_the_batch_is_passed_over(self) -> None:
        poller = poller_of_this_loop()
        pairs = [pair(), pair()]
        seen: list[int] = []

        def forget_the_other(index: int) -> Callable[[], None]:
            def handler() -> None:
                seen.append(index)
                pairs[index][0].recv(10)
                poller.forget(pairs[1 - index][0].fileno())

            return handler

        for index, (ours, theirs) in enumerate(pairs):
            poller.watch(ours.fileno(), forget_the_other(index), _raise)
            theirs.send(b"x")
        await until(lambda: seen)
        await asyncio.sleep(0)
        assert len(seen) == 1
        assert len(poller) == 1
        poller.close()
        for ours, theirs in pairs:
            ours.close()
            theirs.close()


def _raise(fault: Exception) -> None:
    raise fault
