"""ICE, DTLS and SRTP end to end between two of our wires, in virtual time on the simulated network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.core.net import Address
from splitter.media.adapter.adapter import TIMES
from splitter.media.wire.bundle import Bundle, StreamKey
from splitter.media.wire.streams import STREAMS_LIMIT
from splitter.rtp.feedback import Nack, Pli
from splitter.rtp.packet import Packet, build
from splitter.rtp.rtcp import ReceiverReport
from splitter.rtp.rtcp import build as compound
from tests.media.wire.virtual import Heard, link
from tests.world.wire import Weather

LOSSY = Weather(loss=0.2, duplication=0.05, delay_s=0.03, jitter_s=0.04)


def rtp(number: int, ssrc: int = 0x1, payload_type: int = 96) -> bytes:
    return build(Packet(False, payload_type, number, 3000 * number, ssrc, b"picture %d" % number))


class TestTwoWires:
    @pytest.mark.parametrize("seed", range(8))
    def test_find_each_other_and_carry_packets_through_loss(self, seed: int) -> None:
        with link(seed, LOSSY) as between:
            between.connect()
            ours, peer = between.ours, between.peer
            for number in range(100):
                ours.send(rtp(number))
                peer.send(rtp(number, 0x2))
                between.wait(0.02)
            between.wait(1.0)
            for end, ssrc in ((peer, 0x1), (ours, 0x2)):
                assert 55 < len(end.heard.rtp) < 100
                assert len(set(end.heard.rtp)) == len(end.heard.rtp), "what the network doubles comes once"
                assert set(end.heard.rtp) <= {rtp(number, ssrc) for number in range(100)}
            assert ours.states == peer.states == ["connecting", "connected"]

    @pytest.mark.parametrize("seed", range(8))
    def test_find_each_other_where_one_never_says_where_it_is_and_again_by_a_restart(self, seed: int) -> None:
        with link(seed, LOSSY) as between:
            between.meet(candidates=False)
            ours, peer = between.ours, between.peer
            assert between.until(lambda: "connected" in ours.states and "connected" in peer.states)
            before = ours.wire.to
            ours.wire.restart()
            peer.wire.restart()
            between.meet(candidates=False)
            assert between.until(lambda: ours.wire.to != before and peer.wire.to.port == 40_004)

    def test_find_each_other_where_one_is_silent_as_long_as_its_call_rings(self) -> None:
        """A browser that does not read our early answer begins with the 200."""
        with link(times=TIMES) as between:
            ours, peer = between.ours, between.peer
            ours.meet(replace(peer.wire.local, candidates=()), "active", False, between.loop.time())
            between.wait(300)
            assert ours.states == ["connecting"]
            peer.meet(ours.wire.local, "passive", True, between.loop.time())
            assert between.until(lambda: "connected" in ours.states and "connected" in peer.states)

    def test_a_flight_of_dtls_that_is_lost_is_sent_again(self) -> None:
        """Each first datagram of a kind is lost, also the server's last flight, whose sender is done with it."""
        with link() as between:
            seen: set[tuple[int, int]] = set()

            def lose(data: bytes) -> bool:
                key = (data[0], len(data))
                if not 20 <= data[0] <= 63 or key in seen:
                    return False
                seen.add(key)
                return True

            between.cables.lose = lose
            between.connect(15.0)
            assert len(seen) >= 4

    def test_a_peer_that_is_silent_is_told_of_and_given_up(self) -> None:
        with link() as between:
            between.connect()
            began = between.loop.time()
            between.cables.lose = lambda data: True
            assert between.until(lambda: "interrupted" in between.ours.states)
            assert between.loop.time() - began == pytest.approx(7, abs=6)
            assert between.until(lambda: "failed" in between.ours.states, 300)
            assert 115 < between.loop.time() - began < 130
            assert between.ours.heard.lost

    def test_no_answer_of_dtls_is_said(self) -> None:
        with link() as between:
            between.cables.lose = lambda data: 20 <= data[0] <= 63
            between.meet()
            assert between.until(lambda: "failed" in between.ours.states, 40)
            assert between.ours.wire.reason == "DTLS: no answer from the browser within 30 s"

    def test_a_restart_moves_the_path_and_keeps_the_keys(self) -> None:
        with link(3, LOSSY) as between:
            between.connect()
            before = between.ours.wire.to
            between.ours.wire.restart()
            between.peer.wire.restart()
            between.meet()
            assert between.until(lambda: between.ours.wire.to != before and between.peer.wire.to.port == 40_004)
            between.wait(5.0)
            between.cables.weather = Weather()
            between.ours.send(rtp(7))
            between.wait(0.1)
            assert between.peer.heard.rtp == [rtp(7)]


class TestByTcp:
    def test_packets_go_both_ways_and_the_path_is_named(self) -> None:
        with link(tcp=True) as between:
            between.meet_by_tcp()
            ours, peer = between.ours, between.peer
            assert between.until(lambda: "connected" in ours.states and "connected" in peer.states)
            assert " by TCP, " in ours.reasons[-1]
            ours.send(rtp(1))
            peer.send(rtp(2, 0x2))
            between.wait(0.1)
            assert (peer.heard.rtp, ours.heard.rtp) == ([rtp(1)], [rtp(2, 0x2)])

    def test_a_connection_that_breaks_stops_the_sending_at_once_and_another_one_takes_its_place(self) -> None:
        """As Chromium does: it connects anew, and each check of the path that it has chosen nominates it."""
        with link(tcp=True) as between:
            between.meet_by_tcp()
            ours = between.ours
            peer = between.peer.wire.paths.current.agent
            request = peer.build_request
            peer.build_request = lambda pair, nominate: request(pair, nominate=True)  # type: ignore[method-assign]
            assert between.until(lambda: "connected" in ours.states)
            (stream,) = between.door.streams.values()
            stream.break_off()
            between.wait(0.001)
            assert (ours.states[-1], ours.wire.to.port) == ("interrupted", 0)
            assert between.until(lambda: ours.states[-1] == "connected", 10.0)
            assert between.door.streams

    def test_who_does_not_prove_itself_is_closed_and_counted(self) -> None:
        with link(tcp=True) as between:
            between.meet_by_tcp()
            assert between.until(lambda: "connected" in between.ours.states)
            stream = between.door.connect(Address("203.0.113.9", 5))
            between.wait(4.0)
            assert not stream.closed
            between.wait(2.0)
            assert stream.closed
            assert between.door.counts == ["unproved"]

    def test_many_connections_cost_the_one_that_carries_nothing(self) -> None:
        with link(tcp=True) as between:
            between.meet_by_tcp()
            ours = between.ours
            assert between.until(lambda: "connected" in ours.states)
            strangers = [between.door.connect(Address("203.0.113.9", port)) for port in range(1, 50)]
            assert sum(not one.closed for one in strangers) == STREAMS_LIMIT - 1
            ours.send(rtp(1))
            between.wait(0.1)
            assert between.peer.heard.rtp == [rtp(1)]


class TestTwoStreams:
    """Audio and video on one secure wire."""

    AUDIO = StreamKey("0", None, frozenset((0,)), ours=frozenset((0xA,)))
    VIDEO = StreamKey("1", None, frozenset((96,)), ours=frozenset((0xB,)))

    def test_come_out_where_they_belong(self) -> None:
        with link(user=Bundle) as between:
            audio, video = Heard(), Heard()
            between.peer.user.attach(self.AUDIO, audio)
            between.peer.user.attach(self.VIDEO, video)
            between.connect()
            for number in range(5):
                between.ours.send(rtp(number, 0xA, 0))
                between.ours.send(rtp(number, 0xB, 96))
                between.ours.send(rtp(number, 0xC, 77))
                between.wait(0.02)
            asked = [Pli(0xB, 0xB), Nack(0xA, 0xA, (1,)), Pli(0xB, 0xDEAD)]
            between.ours.wire.send_rtcp(compound([ReceiverReport(0xB), *asked]))  # type: ignore[list-item]
            between.wait(1.0)
            assert audio.rtp == [rtp(number, 0xA, 0) for number in range(5)]
            assert video.rtp == [rtp(number, 0xB, 96) for number in range(5)]
            assert (audio.rtcp, video.rtcp) == ([asked[1]], [asked[0]])
            assert (between.peer.user.unclaimed, between.peer.user.unasked) == (5, 1)
