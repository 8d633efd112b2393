"""Relays end to end: an engine, a worker process, packets on loopback."""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from splitter.core.errors import LocalError, MediaUnavailable, NoPorts
from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import MediaStarted, StrangerHeard
from splitter.media.worker.engine import WorkerEngine
from splitter.rtp.rtcp import ReceiverReport, ReportBlock, SenderReport, build, ntp_time
from tests.media.worker.stand import (
    FIRST_PORT,
    LIMIT_S,
    Events,
    Peer,
    Talk,
    address,
    engine,
    open_files,
    receive,
    rtcp,
    rtp,
    sides,
    talk,
    waiting,
    warmed_up,
    worker_pid,
)
from tests.patience import until

pytestmark = pytest.mark.slow


class TestPackets:
    async def test_pass_both_ways_with_their_payload_untouched(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            caller_side, centre_side = call.relay.local
            for sequence, payload in enumerate((b"", b"\0" * 10, bytes(range(256)) * 5, b"x" * 40_000)):
                packet = rtp(sequence, payload=payload)
                call.caller.rtp.sendto(packet, ("127.0.0.1", caller_side.rtp_port))
                assert await receive(call.centre.rtp) == (packet, ("127.0.0.2", centre_side.rtp_port))
                call.centre.rtp.sendto(packet, ("127.0.0.2", centre_side.rtp_port))
                assert await receive(call.caller.rtp) == (packet, ("127.0.0.1", caller_side.rtp_port))

    async def test_of_rtcp_pass_both_ways_between_the_rtcp_ports(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            caller_side, centre_side = call.relay.local
            call.caller.rtcp.sendto(rtcp(), ("127.0.0.1", caller_side.rtcp_port))
            assert await receive(call.centre.rtcp) == (rtcp(), ("127.0.0.2", centre_side.rtcp_port))
            call.centre.rtcp.sendto(rtcp(9), ("127.0.0.2", centre_side.rtcp_port))
            assert await receive(call.caller.rtcp) == (rtcp(9), ("127.0.0.1", caller_side.rtcp_port))
            assert waiting(call.caller.rtp) == waiting(call.centre.rtp) == []

    async def test_pass_between_ipv4_and_ipv6(self, shared: WorkerEngine) -> None:
        try:
            Peer("::1").close()
        except OSError as error:
            assert error.errno == errno.EADDRNOTAVAIL
            pytest.xfail("this machine has no IPv6 loopback")

        async with talk(shared, ("six", "core")) as call:
            six, four = call.relay.local
            for sequence in range(3):  # the first one latches, the others take the short cut
                await call.flows(call.caller.rtp, six, call.centre.rtp, sequence)
                await call.flows(call.centre.rtp, four, call.caller.rtp, sequence)

    async def test_arrive_in_bursts_without_loss(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            sent = [rtp(number) for number in range(150)]
            for packet in sent:
                call.caller.rtp.sendto(packet, ("127.0.0.1", call.relay.local[0].rtp_port))
            assert [(await receive(call.centre.rtp))[0] for _ in sent] == sent

    async def test_for_a_side_that_is_not_known_yet_are_dropped_and_counted(self, shared: WorkerEngine) -> None:
        async with talk(shared, remotes=False) as call:
            await shared.point(call.relay, 0, call.caller.remote)
            call.caller.rtp.sendto(rtp(1), ("127.0.0.1", call.relay.local[0].rtp_port))
            await call.report_until(lambda caller, centre: (caller.packets_in, centre.packets_out) == (1, 0))
            # Early media: the centre becomes known, and the caller hears it.
            await shared.point(call.relay, 1, call.centre.remote)
            await call.flows(call.centre.rtp, call.relay.local[1], call.caller.rtp)


class TestPorts:
    async def test_are_even_and_odd_and_advertised_as_configured(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            assert [end.host for end in call.relay.local] == ["192.0.2.1", "127.0.0.2"]
            for end in call.relay.local:
                assert end.rtp_port % 2 == 0
                assert end.rtcp_port == end.rtp_port + 1
                assert FIRST_PORT <= end.rtp_port < FIRST_PORT + 200

    async def test_that_rest_are_taken_where_no_other_is_left(self) -> None:
        """The former caller goes on sending, from the same SBC, and is not taken for the new one."""
        async with engine(last_port=FIRST_PORT + 3) as made:
            caller, centre = Peer(), Peer("127.0.0.2")
            former = Talk(made, await made.open("call-1", sides(), print), caller, centre, Events(), ("access", "core"))
            with pytest.raises(NoPorts, match="no free media ports"):
                await made.open("call-2", sides(), print)
            await made.point(former.relay, 0, caller.remote)
            await made.point(former.relay, 1, centre.remote)
            await former.flows(caller.rtp, former.relay.local[0], centre.rtp)
            await made.close(former.relay)
            async with talk(made) as call:
                ours = call.relay.local[0]
                assert ours == former.relay.local[0]
                for sequence in range(20):
                    caller.rtp.sendto(rtp(sequence, 0xBAD), ("127.0.0.1", ours.rtp_port))
                call.caller.rtp.sendto(rtp(1), ("127.0.0.1", ours.rtp_port))
                assert await receive(call.centre.rtp) == (rtp(1), ("127.0.0.2", call.relay.local[1].rtp_port))
                assert waiting(call.centre.rtp) == []
            caller.close()
            centre.close()

    async def test_taken_by_another_program_are_passed_over(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("", FIRST_PORT + 1))
            async with engine(last_port=FIRST_PORT + 5) as made, talk(made) as call:
                assert {end.rtp_port for end in call.relay.local} == {FIRST_PORT + 2, FIRST_PORT + 4}

    async def test_are_given_back_when_half_a_relay_cannot_be_had(self) -> None:
        async with engine(last_port=FIRST_PORT + 7, quarantine_s=0) as made:
            await warmed_up(made)
            before = open_files(worker_pid(made))
            for _ in range(5):
                with pytest.raises(MediaUnavailable, match=r"cannot bind 192\.0\.2\.77"):
                    await made.open("call-1", sides("access", "elsewhere"), print)
            assert open_files(worker_pid(made)) == before
            async with talk(made) as call:
                await call.flows(call.caller.rtp, call.relay.local[0], call.centre.rtp)

    async def test_leave_no_descriptor_open(self) -> None:
        async with engine(quarantine_s=0) as made:
            await warmed_up(made)
            before = open_files(worker_pid(made))
            for _ in range(30):
                async with talk(made) as call:
                    await call.flows(call.caller.rtp, call.relay.local[0], call.centre.rtp)
                    await until(lambda: open_files(worker_pid(made)) == before + 5)  # one side has a short cut
            await until(lambda: open_files(worker_pid(made)) == before)


class TestLatching:
    async def test_an_unknown_host_is_rejected_and_counted(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            local = call.relay.local[0]
            stranger = call.caller.extra("127.0.0.9")
            for number in range(5):
                stranger.sendto(rtp(number), ("127.0.0.1", local.rtp_port))
            await call.report_until(lambda caller, centre: caller.rejected == 5)
            await call.flows(call.caller.rtp, local, call.centre.rtp)
            for number in range(5):  # they do not come by the short cut
                stranger.sendto(rtp(number), ("127.0.0.1", local.rtp_port))
            await call.report_until(lambda caller, centre: (caller.rejected, caller.packets_in) == (10, 1))
            assert waiting(call.centre.rtp) == []

    async def test_another_port_of_the_host_is_learned_in_the_window_and_answered(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            local = call.relay.local
            behind_nat = call.caller.extra()
            for number in range(3):
                behind_nat.sendto(rtp(number), ("127.0.0.1", local[0].rtp_port))
            assert (await receive(call.centre.rtp))[0] == rtp(2)
            await call.flows(call.centre.rtp, local[1], behind_nat)
            started = await call.events.next(MediaStarted)
            assert started == MediaStarted("call-1", "audio", "caller", address(behind_nat))

    async def test_no_port_is_learned_after_the_window(self) -> None:
        async with engine(window_s=0) as made, talk(made) as call:
            local = call.relay.local
            other = call.caller.extra()
            await call.report_until(lambda caller, centre: True)  # the window is over by then
            for number in range(10):
                other.sendto(rtp(number), ("127.0.0.1", local[0].rtp_port))
            await call.report_until(lambda caller, centre: caller.rejected == 10)
            await call.flows(call.centre.rtp, local[1], call.caller.rtp)
            assert waiting(other) == waiting(call.centre.rtp) == []

    async def test_the_named_port_wins_after_the_window_though_a_stray_stream_goes_on(self) -> None:
        """By then the learned port has a short cut of its own."""

        async with engine(window_s=2.0) as made, talk(made) as call:
            local = call.relay.local[0]
            stray = call.caller.extra()
            await stream(call, stray, lambda: bool(call.events.of(MediaStarted)))
            await asyncio.sleep(2.1)
            target = ("127.0.0.1", local.rtp_port)
            numbers = itertools.count(1000)

            def arrived() -> bool:
                call.caller.rtp.sendto(rtp(next(numbers), ssrc=0xBEEF), target)
                return any(packet[8:12] == b"\0\0\xbe\xef" for packet in waiting(call.centre.rtp))

            await stream(call, stray, arrived)
            waiting(call.caller.rtp)
            await call.flows(call.centre.rtp, call.relay.local[1], call.caller.rtp)
            stray.sendto(rtp(1, ssrc=0xDEAD), target)
            call.caller.rtp.sendto(rtp(2000), target)
            while (packet := (await receive(call.centre.rtp))[0]) != rtp(2000):  # some are still on their way
                assert packet[8:12] != b"\0\0\xde\xad"

    async def test_a_settled_source_is_left_only_when_the_signalling_says_so(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            local = call.relay.local
            await call.flows(call.caller.rtp, local[0], call.centre.rtp)
            moved = Peer()
            for number in range(10):
                moved.rtp.sendto(rtp(number), ("127.0.0.1", local[0].rtp_port))
            await call.report_until(lambda caller, centre: caller.rejected == 10)
            await shared.point(call.relay, 0, moved.remote)
            await call.flows(moved.rtp, local[0], call.centre.rtp)
            await call.flows(call.centre.rtp, local[1], moved.rtp)
            call.caller.rtp.sendto(rtp(99), ("127.0.0.1", local[0].rtp_port))
            await call.report_until(lambda caller, centre: caller.rejected == 11)
            moved.close()

    async def test_named_again_another_port_of_the_peer_takes_over(self, shared: WorkerEngine) -> None:
        """It was heard with early media; after the answer it sends from elsewhere."""

        async with talk(shared) as call:
            local = call.relay.local
            await call.flows(call.caller.rtp, local[0], call.centre.rtp)
            await shared.point(call.relay, 0, call.caller.remote)
            await call.flows(call.caller.rtp, local[0], call.centre.rtp, 2)
            other = call.caller.extra()
            for number in range(15):
                other.sendto(rtp(10 + number), ("127.0.0.1", local[0].rtp_port))
            await call.report_until(lambda caller, centre: (caller.packets_in, caller.rejected) == (3, 14))
            waiting(call.centre.rtp)
            await call.flows(other, local[0], call.centre.rtp, 30)
            await call.flows(call.centre.rtp, local[1], other)

    async def test_a_side_that_is_silenced_is_neither_heard_nor_sent_to(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            local = call.relay.local
            await call.flows(call.caller.rtp, local[0], call.centre.rtp)
            await shared.point(call.relay, 0, None)
            call.caller.rtp.sendto(rtp(2), ("127.0.0.1", local[0].rtp_port))
            call.centre.rtp.sendto(rtp(3), ("127.0.0.2", local[1].rtp_port))
            await call.report_until(lambda caller, centre: (caller.rejected, centre.packets_in) == (1, 1))
            assert waiting(call.caller.rtp) == waiting(call.centre.rtp) == []


async def stream(call: Talk, source: socket.socket, until: Callable[[], bool]) -> None:
    """Packets from `source` to the caller's port, every 20 ms, until something has come of it."""
    target = ("127.0.0.1", call.relay.local[0].rtp_port)
    async with asyncio.timeout(LIMIT_S):
        for number in itertools.count():
            source.sendto(rtp(number), target)
            if until():
                return
            await asyncio.sleep(0.02)


class TestStrangers:
    """Seconds pass until one is told of."""

    def told(self, call: Talk) -> Callable[[], bool]:
        return lambda: bool(call.events.of(StrangerHeard))

    async def test_who_sends_while_the_peer_does_not_is_told_of(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            stranger = call.caller.extra("127.0.0.9")
            await stream(call, stranger, self.told(call))
            [told] = call.events.of(StrangerHeard)
            assert (told.kind, told.end, told.source) == ("audio", "caller", address(stranger))
            assert told.packets >= 10
            assert waiting(call.centre.rtp) == []

    async def test_so_is_a_peer_that_moves_on_without_a_word(self, shared: WorkerEngine) -> None:
        """By then the one that was settled on has a short cut of its own."""

        async with talk(shared) as call:
            local = call.relay.local[0]
            await call.flows(call.caller.rtp, local, call.centre.rtp)
            stranger = call.caller.extra("127.0.0.9")
            await stream(call, stranger, self.told(call))
            assert call.events.of(StrangerHeard)[0].source == address(stranger)
            assert waiting(call.centre.rtp) == []
            await call.flows(call.caller.rtp, local, call.centre.rtp, 99)  # and it may come back

    async def test_nobody_is_told_of_while_the_peer_is_heard(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            stranger, began = call.caller.extra("127.0.0.9"), time.monotonic()

            def over() -> bool:
                call.caller.rtp.sendto(rtp(1), ("127.0.0.1", call.relay.local[0].rtp_port))
                return time.monotonic() - began > 3

            await stream(call, stranger, over)
            assert not call.events.of(StrangerHeard)


class TestMediaSources:
    async def test_a_believed_host_is_learned_and_answered_its_rtcp_too(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            local = call.relay.local
            await shared.point(call.relay, 0, replace(call.caller.remote, sources=("127.0.0.8/31",)))
            elsewhere, reports = call.caller.extra("127.0.0.9"), call.caller.extra("127.0.0.9")
            for number in range(3):
                elsewhere.sendto(rtp(number), ("127.0.0.1", local[0].rtp_port))
            assert (await receive(call.centre.rtp))[0] == rtp(2)
            await call.flows(call.centre.rtp, local[1], elsewhere)
            assert (await call.events.next(MediaStarted)).source == address(elsewhere)
            reports.sendto(rtcp(), ("127.0.0.1", local[0].rtcp_port))
            assert (await receive(call.centre.rtcp))[0] == rtcp()

    async def test_others_stay_strangers(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            local = call.relay.local[0]
            await shared.point(call.relay, 0, replace(call.caller.remote, sources=("127.0.0.8/31",)))
            stranger = call.caller.extra("127.0.0.7")
            for number in range(10):
                stranger.sendto(rtp(number), ("127.0.0.1", local.rtp_port))
            await call.report_until(lambda caller, centre: caller.rejected == 10)
            await call.flows(call.caller.rtp, local, call.centre.rtp)


class TestEventsAndCounters:
    async def test_media_started_comes_once_for_each_side(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            for sequence in range(3):
                await call.flows(call.caller.rtp, call.relay.local[0], call.centre.rtp, sequence)
                await call.flows(call.centre.rtp, call.relay.local[1], call.caller.rtp, sequence)
            await shared.report(call.relay)
            assert call.events.of(MediaStarted) == [
                MediaStarted("call-1", "audio", "caller", address(call.caller.rtp)),
                MediaStarted("call-1", "audio", "centre", address(call.centre.rtp)),
            ]

    async def test_the_report_says_what_was_carried(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            for sequence in [*range(100), *range(110, 160)]:
                await call.flows(call.caller.rtp, call.relay.local[0], call.centre.rtp, sequence)
            report = await shared.close(call.relay)
            assert report is not None
            caller, centre = report.sides
            assert (caller.packets_in, caller.bytes_in, caller.lost) == (150, 150 * 172, 10)
            assert (centre.packets_out, centre.bytes_out, centre.packets_in) == (150, 150 * 172, 0)
            assert caller.rejected == centre.rejected == 0

    async def test_the_report_says_what_the_other_end_reports(self, shared: WorkerEngine) -> None:
        """RFC 3550 §6.4.1: the centre says that it waited 0.1 s, of which the relay takes the rest for the way."""
        async with talk(shared) as call:
            began, ntp = time.monotonic(), ntp_time(time.time())
            sent = build([SenderReport(0xCA11, ntp, 160, 1, 160)])
            call.caller.rtcp.sendto(sent, (call.host(call.relay.local[0]), call.relay.local[0].rtcp_port))
            assert (await receive(call.centre.rtcp))[0] == sent
            await asyncio.sleep(0.15)
            block = ReportBlock(0xCA11, 0, 7, 1, 0, ntp >> 16 & 0xFFFF_FFFF, int(0.1 * 65536))
            told = build([ReceiverReport(9, (block,))])
            call.centre.rtcp.sendto(told, (call.host(call.relay.local[1]), call.relay.local[1].rtcp_port))
            assert (await receive(call.caller.rtcp))[0] == told
            most_ms = 1000 * (time.monotonic() - began) - 100
            await call.report_until(lambda caller, centre: centre.lost_there == 7)
            report = await shared.report(call.relay)
            assert report is not None
            caller, centre = report.sides
            assert 45 <= centre.round_trip_ms <= most_ms + 1
            assert (caller.round_trip_ms, caller.lost_there) == (-1, -1)

    async def test_closing_twice_is_no_error(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            assert await shared.close(call.relay) is not None
            assert await shared.close(call.relay) is None
            assert await shared.report(call.relay) is None
            with pytest.raises(MediaUnavailable, match="gone"):
                await shared.point(call.relay, 0, call.caller.remote)


class TestBadRequests:
    async def test_change_nothing_and_harm_nobody(self, shared: WorkerEngine) -> None:
        async with talk(shared) as call:
            bad = [
                RemoteEnd(Address("not an address", 1), Address("127.0.0.1", 2)),
                RemoteEnd(Address("::1", 1), Address("127.0.0.1", 2)),
                RemoteEnd(Address("127.0.0.1", 0), Address("127.0.0.1", 2)),
                RemoteEnd(Address("127.0.0.1", 70_000), Address("127.0.0.1", 2)),
            ]
            for remote in bad:
                with pytest.raises(MediaUnavailable):
                    await shared.point(call.relay, 0, remote)
            with pytest.raises(MediaUnavailable, match="no side 2"):
                await shared.point(call.relay, 2, call.caller.remote)
            with pytest.raises(LocalError, match="no network 'nowhere'"):
                await shared.open("call-2", sides("access", "nowhere"), print)
            await call.flows(call.caller.rtp, call.relay.local[0], call.centre.rtp)
            await call.flows(call.centre.rtp, call.relay.local[1], call.caller.rtp)
