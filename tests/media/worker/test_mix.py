"""Mixes in worker processes: over real sockets, and after a worker's death."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

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
