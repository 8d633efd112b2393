"""What a worker has closed is freed at once: no ring of a relay or a room waits for the collector, and its pause."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest

from splitter.core.net import Address
from splitter.media.ports.adapters import AdapterSetting
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.voice.mode import RelayMode
from splitter.media.wire.dtls import certificate
from splitter.media.wire.latch import LatchRules
from splitter.media.wire.pairs import PortPairs
from splitter.media.wire.waiting import PacketLoop
from splitter.media.worker.dispatch import Dispatcher
from splitter.media.worker.loop import PacketHost
from splitter.rtp.telephone_event import Digit
from splitter.sdp.video import VideoFormat
from splitter.sdp.voice import VoiceFormat
from splitter.sdp.webrtc import SecureRemote
from splitter.sdp.webvoice import Transcoding
from tests.garbage import no_rings
from tests.media.relay.phones import Stage
from tests.media.room.kit import SLATE
from tests.media.wire.virtual import link
from tests.media.worker.stand import FIRST_PORT, rtp
from tests.patience import until

LOOP = PacketLoop

HOST = "127.0.0.1"
H264 = VideoFormat(payload_type=96)
NOWHERE = ParticipantMedia(
    None,
    H264,
    H264,
    secure=SecureRemote(
        "peer",
        "p" * 22,
        ("sha-256 " + ":".join(["CD"] * 32),),
        "active",
        ("1 1 udp 2130706431 127.0.0.9 9 typ host",),
    ),
)
"""A browser that nobody reaches."""

OPUS = Transcoding(VoiceFormat("OPUS", 111, 48_000, 2), VoiceFormat("PCMA", 8), 126)


def end() -> tuple[socket.socket, RemoteEnd]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    sock.bind((HOST, 0))
    return sock, RemoteEnd(Address(*sock.getsockname()), Address(HOST, 9))


class TestWhatIsClosed:
    """Each is used until its port has a short cut."""

    async def test_of_relays_leaves_no_rings(self) -> None:
        host = PacketHost(
            asyncio.get_running_loop(), PortPairs(FIRST_PORT + 300, FIRST_PORT + 339, 0, random.Random(1))
        )
        worker = Dispatcher(host, LatchRules(), lambda owner, event: None)
        with no_rings("splitter.media"):
            for number in range(3):
                relay = worker.open_relay("call", f"relay-{number}", (("caller", HOST), ("centre", HOST)))
                ends = [end(), end()]
                for index, (_, remote) in enumerate(ends):
                    relay.set_remote(index, remote)
                relay.send_digit(1, Digit(1, 100, 101, 8000))
                for sequence in range(4):
                    ends[0][0].sendto(rtp(sequence), (HOST, relay.sides[0].ports[0]))
                await until(lambda relay=relay: relay.report().sides[0].packets_in == 4)  # type: ignore[misc]
                await asyncio.sleep(0)
                worker.relays.pop(relay.relay_id).close()
                for sock, _ in ends:
                    sock.close()
                del relay, ends, sock, remote
            await asyncio.sleep(0.01)
        worker.close()
        host.close()

    async def test_of_rooms_leaves_no_rings(self) -> None:
        host = PacketHost(
            asyncio.get_running_loop(), PortPairs(FIRST_PORT + 300, FIRST_PORT + 339, 0, random.Random(1))
        )
        worker = Dispatcher(host, LatchRules(), lambda owner, event: None)
        worker.slate = SLATE
        with no_rings("splitter.media"):
            for number in range(3):
                worker.open_room("call", f"room-{number}")
                room = worker.rooms[f"room-{number}"].room
                sock, remote = end()
                ports = room.join("caller", HOST)
                room.join("seat-1", HOST)
                both = VideoFormat(payload_type=8)
                room.set_participant("caller", ParticipantMedia(remote, both, both))
                for sequence in range(4):
                    sock.sendto(rtp(sequence), (HOST, ports[0]))
                await until(lambda room=room: room.report().participants[0].stream.packets_in == 4)  # type: ignore[misc]
                room.leave("seat-1")
                worker.close_room(f"room-{number}")
                sock.close()
                del room, remote
            await asyncio.sleep(0.01)
        worker.close()
        host.close()

    async def test_of_rooms_with_browsers_leaves_no_rings(self) -> None:
        """One that has not said anything yet, one whose browser cannot be reached, and one that restarts ICE."""
        host = PacketHost(
            asyncio.get_running_loop(), PortPairs(FIRST_PORT + 300, FIRST_PORT + 339, 0, random.Random(1))
        )
        worker = Dispatcher(host, LatchRules(), lambda owner, event: None)
        worker.slate = SLATE
        certificate()
        with no_rings():
            for number in range(3):
                worker.open_room("call", f"room-{number}")
                room = worker.rooms[f"room-{number}"].room
                for name in ("silent", "unreachable", "restarting"):
                    room.join_secure(name, HOST, HOST)
                for name in ("unreachable", "restarting"):
                    room.set_participant(name, NOWHERE)
                room.restart_ice("restarting")
                await asyncio.sleep(0.05)
                room.leave("unreachable")
                worker.close_room(f"room-{number}")
                del room
            await asyncio.sleep(0.01)
        worker.close()
        host.close()

    @pytest.mark.parametrize("transcoding", [None, OPUS], ids=["as it is", "made anew"])
    async def test_of_adapters_leaves_no_rings(self, transcoding: Transcoding | None) -> None:
        host = PacketHost(
            asyncio.get_running_loop(), PortPairs(FIRST_PORT + 300, FIRST_PORT + 339, 0, random.Random(1))
        )
        worker = Dispatcher(host, LatchRules(), lambda owner, event: None)
        certificate()
        before = host.ports.free(asyncio.get_running_loop().time())
        setting = AdapterSetting(NOWHERE.secure, ((8, 8),), ((102, 102),), None, None, transcoding)
        with no_rings("splitter.media"):
            for number in range(3):
                adapter = worker.open_adapter("call", f"adapter-{number}", HOST, HOST, HOST)
                adapter.configure(setting)
                if number:
                    adapter.restart()
                await asyncio.sleep(0.05)
                worker.close_adapter(f"adapter-{number}")
                del adapter
            await asyncio.sleep(0.01)
        assert host.ports.free(asyncio.get_running_loop().time()) == before, "no port is left taken"
        worker.close()
        host.close()

    async def test_of_relays_that_mix_leaves_no_rings(self) -> None:
        """Most calls with a third party end so."""
        host = PacketHost(
            asyncio.get_running_loop(), PortPairs(FIRST_PORT + 300, FIRST_PORT + 339, 0, random.Random(1))
        )
        worker = Dispatcher(host, LatchRules(), lambda owner, event: None)
        with no_rings("splitter.media"):
            for number in range(3):
                relay = worker.open_relay("call", f"relay-{number}", (("caller", HOST), ("centre", HOST)))
                relay.add_side("expert", HOST)
                for side in range(3):
                    relay.set_remote(side, RemoteEnd(Address(HOST, 9), Address(HOST, 9), (), VoiceFormat("PCMA", 8)))
                assert relay.mode is RelayMode.MIXES
                await asyncio.sleep(0.05)
                worker.relays.pop(relay.relay_id).close()
                del relay
            await asyncio.sleep(0.01)
        worker.close()
        host.close()

    def test_of_mixes_leaves_no_rings(self) -> None:
        """The relay goes on."""
        stage = Stage.of()
        with no_rings("splitter.media"):
            for _ in range(3):
                stage.join("expert", 1100.0)
                stage.run(0.3)
                stage.leave("expert")
                stage.run(0.3)


class TestABrowser:
    """In virtual time: what happened to it before it left makes no difference."""

    @pytest.mark.parametrize("lost", [0.0, 20.0, 200.0])
    def test_that_was_connected_leaves_no_rings(self, lost: float) -> None:
        certificate()
        with no_rings():
            with link() as between:
                between.connect()
                between.ours.send(rtp(1))
                between.wait(10.0)
                between.cables.lose = lambda data: bool(lost)
                between.wait(lost)
            del between

    def test_that_restarted_ice_leaves_no_rings(self) -> None:
        certificate()
        with no_rings():
            with link() as between:
                between.connect()
                for end in (between.ours, between.peer):
                    end.wire.restart()
                between.meet()
                between.wait(10.0)
            del between, end

    @pytest.mark.parametrize("setup", ["nobody", "another"])
    def test_that_never_connected_leaves_no_rings(self, setup: str) -> None:
        certificate()
        with no_rings():
            with link() as between:
                between.meet()
                between.cables.lose = lambda data: setup == "nobody" or data[0] > 3
                between.wait(70.0)
            del between
