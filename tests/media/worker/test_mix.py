"""Mixes in worker processes: over real sockets, and after a worker's death."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.events import RelayLost
from splitter.media.ports.voice import CarriedRelay, RelayHandle, SideHandle, SideSpec
from splitter.media.worker.engine import WorkerEngine
from splitter.sdp.voice import VoiceFormat
from tests.media.worker.stand import NETWORKS, Events, Peer, engine, rtp, sides, waiting, worker_pid
from tests.patience import until

pytestmark = pytest.mark.slow

ALAW = VoiceFormat("PCMA", 8)
SILENCE = b"\xd5" * 160
NETWORKS_OF = ("access", "core", "access")


@dataclass
class Conference:
    """A mix of three, and their phones, who send without an end."""

    engine: WorkerEngine
    relay: RelayHandle
    expert: SideHandle
    peers: list[Peer]
    events: Events

    @property
    def remotes(self) -> tuple[RemoteEnd, ...]:
        return tuple(replace(peer.remote, voice=ALAW) for peer in self.peers)

    @property
    def local(self) -> tuple[LocalEnd, ...]:
        return (*self.relay.local, self.expert.local)

    async def speak(self) -> None:
        """Send a packet of each every 20 ms."""
        number = 0
        while True:
            for side, (peer, local) in enumerate(zip(self.peers, self.local, strict=True)):
                to = NETWORKS[NETWORKS_OF[side]].media_address, local.rtp_port
                peer.rtp.sendto(rtp(number, ssrc=100 + side, payload=bytes((0x20 + side,)) * 160), to)
            number += 1
            await asyncio.sleep(0.02)

    async def heard(self) -> list[list[bytes]]:
        """Wait until each of them has got something that is no silence. Returns: what."""
        for peer in self.peers:
            waiting(peer.rtp)
        got: list[list[bytes]] = [[] for _ in self.peers]

        def all_of_them() -> bool:
            for packets, peer in zip(got, self.peers, strict=True):
                packets += [packet for packet in waiting(peer.rtp) if packet[12:] != SILENCE]
            return all(len(packets) >= 3 for packets in got)

        await until(all_of_them)
        return got


@asynccontextmanager
async def conference(workers: int) -> AsyncIterator[Conference]:
    """Three who talk."""
    async with engine(workers) as made:
        events = Events()
        relay = await made.open("call-1", sides(), events)
        expert = await made.add_side(relay, SideSpec("expert", "access"))
        peers = [Peer(NETWORKS[network].media_address) for network in NETWORKS_OF]
        stage = Conference(made, relay, expert, peers, events)
        for side, remote in enumerate(stage.remotes):
            await made.point(relay, side, remote)
        speaking = asyncio.ensure_future(stage.speak())
        try:
            yield stage
        finally:
            speaking.cancel()
            for peer in peers:
                peer.close()


def open_files(pid: int) -> int:
    """The number of files and sockets that a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def heard(phone: Peer) -> bool:
    """Whether something that is no silence has come since the last look."""
    return any(packet[12:] != SILENCE for packet in waiting(phone.rtp))


class TestAMixInAWorker:
    async def test_is_heard_by_all(self) -> None:
        async with conference(1) as stage:
            heard = await stage.heard()
            assert all(len(packet) == 172 and packet[1] & 0x7F == 8 for packets in heard for packet in packets)
            assert len({packet[8:12] for packets in heard for packet in packets}) == 3, "one source for each"
            report = await stage.engine.report(stage.relay)
            assert report is not None and len(report.mixed) == 3
            assert all(side.level_db > -60 for side in report.mixed)
            counts = await stage.engine.remove_side(stage.relay, stage.expert.number)
            assert counts is not None and counts.packets_out > 0

    async def test_says_what_it_can_mix(self) -> None:
        async with engine(1) as made:
            await until(lambda: made.can_mix(VoiceFormat("OPUS", 111, 48_000, 2)))
            assert made.can_mix(VoiceFormat("AMR", 96)) and not made.can_mix(VoiceFormat("AMR-WB", 97, 16_000))

    async def test_goes_on_elsewhere_when_its_worker_dies(self) -> None:
        async with conference(2) as stage:
            await stage.heard()
            made, relay = stage.engine, stage.relay
            index = made.worker_of(relay.relay_id)
            assert index is not None
            begun = time.monotonic()
            os.kill(worker_pid(made, index), signal.SIGKILL)
            await stage.events.next(RelayLost)
            carried = CarriedRelay(relay, stage.remotes, (stage.expert,))
            await made.restore(carried, sides(), stage.events)
            await stage.heard()
            print(f"everybody hears everybody {time.monotonic() - begun:.3f} s after the death of the worker")
            assert made.worker_of(relay.relay_id) is not None
            await made.close(relay)

    async def test_of_twenty_cycles_leaves_nothing(self) -> None:
        """A third and a fourth come and go while all talk: ports, files, tasks and numbers are as before."""
        async with conference(1) as stage:
            made, relay = stage.engine, stage.relay
            await made.remove_side(relay, stage.expert.number)
            two, pid = stage.peers[:2], worker_pid(made)
            for peer in two:
                waiting(peer.rtp)
            held = made.sizes()["ports"], open_files(pid), len(asyncio.all_tasks())
            for _ in range(20):
                added = [await made.add_side(relay, SideSpec(name, "access")) for name in ("third", "fourth")]
                phones = [Peer(NETWORKS["access"].media_address) for _ in added]
                for side, phone in zip(added, phones, strict=True):
                    await made.point(relay, side.number, replace(phone.remote, voice=ALAW))
                for phone in phones:
                    await until(partial(heard, phone))
                for side in added:
                    counts = await made.remove_side(relay, side.number)
                    assert counts is not None and counts.packets_out > 0
                for phone in phones:
                    phone.close()
            for peer in two:
                waiting(peer.rtp)
            await until(lambda: all(waiting(peer.rtp) for peer in two))  # the two talk on
            # Ports have their quarantine; and whoever goes on talking may have a socket of its own by now.
            await until(lambda: open_files(pid) <= held[1] + 4)
            assert made.sizes()["ports"] == held[0] and len(asyncio.all_tasks()) <= held[2] + 1
            report = await made.report(relay)
            assert report is not None and len(report.sides) == 3 + 2 * 20, "numbers are never given again"
