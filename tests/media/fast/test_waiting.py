"""A worker's waiting in the native form: packets of the short way wake nothing of Python, and all else is still heard."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from splitter.core.net import Address
from splitter.media.fast.native import NativeForm
from splitter.media.ports.ends import RemoteEnd
from splitter.media.relay.relay import Relay
from splitter.media.wire.latch import LatchRules
from splitter.media.wire.pairs import PortPairs
from splitter.media.wire.waiting import PacketLoop
from splitter.media.worker.loop import PacketHost, RoomLoop
from tests.media.worker.stand import FIRST_PORT
from tests.patience import PATIENCE_S, until

HOST = "127.0.0.1"


class Voice:
    """A relay whose packets take the short way, and its two peers; these speak in threads of their own."""

    def __init__(self, host: PacketHost) -> None:
        self.host = host
        self.faults: list[Exception] = []
        sides = (("caller", HOST), ("centre", HOST))
        self._loop = RoomLoop(host, self.faults.append)
        self.relay = Relay("call", "relay", sides, self._loop, LatchRules(), lambda _: None, form=host.form)
        self.peers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        self.number = 0
        for side, peer in enumerate(self.peers):
            peer.bind((HOST, 0))
            peer.settimeout(PATIENCE_S)
            here = Address(*peer.getsockname())
            self.relay.set_remote(side, RemoteEnd(here, Address(HOST, here.port + 1)))

    @property
    def told(self) -> Any:
        """What the library counts."""
        return self.host.poller.short_cuts.told if self.host.poller.short_cuts is not None else None

    def send(self, side: int = 0) -> bytes:
        """A peer says something."""
        self.number = self.number + 1 & 0xFFFF
        packet = bytes([0x80, 8]) + self.number.to_bytes(2) + (160 * self.number).to_bytes(4) + bytes(164)
        self.peers[side].sendto(packet, (HOST, self.relay.sides[side].ports[0]))
        return packet

    def say(self, side: int = 0) -> None:
        """A peer says something, and the other one hears it."""
        packet = self.send(side)
        assert self.peers[1 - side].recv(4096) == packet

    async def settle(self) -> None:
        """Until its packets take the short way."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.told.taken:
                await asyncio.to_thread(self.say, 1)
                await asyncio.to_thread(self.say)

    def close(self) -> None:
        self.relay.close()
        self._loop.close()
        for peer in self.peers:
            peer.close()


@asynccontextmanager
async def voice(form: NativeForm) -> AsyncIterator[tuple[Voice, PacketLoop]]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PacketLoop)
    host = PacketHost(loop, PortPairs(FIRST_PORT + 350, FIRST_PORT + 389, 0.0, random.Random(1)), form=form)
    made = Voice(host)
    try:
        await made.settle()
        yield made, loop
        assert made.faults == []
    finally:
        made.close()
        host.close()


def counted(loop: PacketLoop) -> list[float]:
    """Every time that the loop waits from now on: how long it may."""
    waits: list[float] = []
    waiter = loop.waiting.waiter
    assert waiter is not None

    def wait(timeout_s: float) -> bool:
        waits.append(timeout_s)
        return waiter(timeout_s)

    loop.waiting.waiter = wait
    return waits


class Speaking:
    """A thread in which a peer goes on and on until it is told to stop, or nobody has for too long."""

    def __init__(self, say: Callable[[], object]) -> None:
        self._say, self._stop = say, threading.Event()
        self.gave_up = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while not self._stop.is_set():
            self._say()
            if time.monotonic() > until_s:
                self.gave_up = True
                return

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


class TestThePacketsOfTheShortWay:
    async def test_wake_nothing_of_python(self, native: NativeForm) -> None:
        async with voice(native) as (v, loop):
            waits, taken = counted(loop), v.told.taken

            def speak() -> None:
                for _ in range(100):
                    v.say()

            await asyncio.to_thread(speak)
            assert v.told.taken - taken >= 99  # the library keeps the samples of a hundred
            assert len(waits) < 50

    async def test_do_not_keep_timers_waiting(self, native: NativeForm) -> None:
        async with voice(native) as (v, _):
            speaking = Speaking(v.send)
            for _ in range(3):
                await asyncio.sleep(0.02)
            speaking.stop()
            assert not speaking.gave_up


class TestWhatElseIsWaitedFor:
    async def test_other_files_of_the_loop_are_read(self, native: NativeForm) -> None:
        async with voice(native) as (v, loop):
            ours, theirs = socket.socketpair()
            heard = asyncio.Event()
            loop.add_reader(ours, heard.set)
            speaking = Speaking(v.send)
            await asyncio.to_thread(theirs.send, b"x")
            await heard.wait()
            speaking.stop()
            assert not speaking.gave_up
            loop.remove_reader(ours)
            ours.close()
            theirs.close()

    async def test_a_signal_is_heard(self, native: NativeForm) -> None:
        async with voice(native) as (_, loop):
            came = asyncio.Event()
            loop.add_signal_handler(signal.SIGUSR2, came.set)
            threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR2)).start()
            await came.wait()
            loop.remove_signal_handler(signal.SIGUSR2)

    async def test_without_a_poller_the_loop_waits_by_itself(self, native: NativeForm) -> None:
        async with voice(native) as (_, loop):
            assert loop.waiting.waiter is not None
        assert loop.waiting.waiter is None
        await asyncio.sleep(0.001)


class TestGears:
    async def test_busy_while_packets_are_many_and_quiet_again_after(self, native: NativeForm) -> None:
        async with voice(native) as (v, _):
            assert not v.host.poller.busy
            speaking = Speaking(v.send)
            await until(lambda: v.host.poller.busy)
            speaking.stop()
            assert not speaking.gave_up
            await until(lambda: not v.host.poller.busy)
