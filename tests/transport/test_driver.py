"""The driver over UDP: requests, responses, timers, dialogs, and input from the unknown and the hostile."""

from __future__ import annotations

import asyncio
import random
import re
import socket

import pytest
from structlog.testing import capture_logs

from splitter.core.clock import SystemClock
from splitter.core.errors import LocalError, PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.sip.dialog import DialogId
from splitter.sip.endpoint import Endpoint
from splitter.sip.events import AckArrived, AckTimedOut, CancelArrived, RequestArrived, RequestFailed, ResponseArrived
from splitter.sip.message import Headers, Request
from splitter.sip.timers import Timers
from splitter.transport.driver import Driver
from splitter.transport.settings import ListenPoint, Network, TransportSettings
from tests.patience import until
from tests.transport.scene import HOST, LeapingClock, UdpPeer, ok, outgoing, scene, soon, wire

T1_S = Timers().t1_s
GIVE_UP_S = Timers().give_up_s


class TestRequestsThatArrive:
    async def test_a_request_is_told_and_answered(self) -> None:
        async with scene(on_request=ok) as stage:
            peer = await UdpPeer.open()
            peer.send(wire(via=peer.address), stage.address())
            response = await peer.response()
            arrived = await soon(stage.requests)
            assert response.status == 200
            assert response.via.rport == peer.address.port
            assert arrived.flow.remote == peer.address
            assert arrived.flow.network == "access"

    async def test_what_comes_before_it_hears_waits_in_its_order(self) -> None:
        async with scene(on_request=ok) as stage:
            peer = await UdpPeer.open()
            await stage.driver.stop()
            await stage.driver.start(hearing=False)
            for number in (1, 2, 3):
                peer.send(wire(via=peer.address, call_id=f"{number}", branch=f"z9hG4bKearly{number}"), stage.address())
            await until(lambda: stage.driver.sizes()["unheard messages"] == 3)
            assert stage.requests.empty() and not stage.seen
            stage.driver.hear()
            assert [(await soon(stage.requests)).request.call_id for _ in range(3)] == ["1", "2", "3"]
            peer.send(wire(via=peer.address, call_id="4", branch="z9hG4bKlate"), stage.address())
            assert (await soon(stage.requests)).request.call_id == "4"

    async def test_the_tap_sees_both_ways_byte_for_byte(self) -> None:
        async with scene(on_request=ok) as stage:
            peer = await UdpPeer.open()
            sent = wire(via=peer.address)
            peer.send(sent, stage.address())
            got, _ = await soon(peer.got)
            assert [(direction, data) for direction, _, _, data in stage.seen] == [("in", sent), ("out", got)]
            assert stage.counters.counts["message", "access", "in", "OPTIONS"] == 1
            assert stage.counters.counts["message", "access", "out", 200] == 1

    async def test_an_invite_gets_100_at_once_and_our_200_until_its_ack(self) -> None:
        async with scene(clock=LeapingClock()) as stage:
            peer = await UdpPeer.open()
            peer.send(wire("INVITE", via=peer.address), stage.address())
            assert (await peer.response()).status == 100
            arrived = await soon(stage.requests)
            stage.driver.adopt(arrived.txn, stage.listen)
            stage.driver.respond(arrived.txn, arrived.request.respond(200, to_tag="tag1"))
            first, _ = await soon(peer.got)
            stage.leap(T1_S)
            again, _ = await soon(peer.got)
            assert first == again
            peer.send(wire("ACK", via=peer.address, branch="z9hG4bKack", to_tag="tag1"), stage.address())
            assert isinstance(await soon(stage.events), AckArrived)
            stage.leap(GIVE_UP_S)
            assert set(stage.driver.sizes().values()) == {0}

    async def test_a_missing_ack_is_told(self) -> None:
        async with scene(clock=LeapingClock()) as stage:
            peer = await UdpPeer.open()
            peer.send(wire("INVITE", via=peer.address), stage.address())
            arrived = await soon(stage.requests)
            stage.driver.adopt(arrived.txn, stage.listen)
            stage.driver.respond(arrived.txn, arrived.request.respond(200, to_tag="tag1"))
            stage.leap(GIVE_UP_S)
            assert await soon(stage.events) == AckTimedOut(arrived.txn)

    async def test_cancel_is_told_to_the_adopter(self) -> None:
        async with scene() as stage:
            peer = await UdpPeer.open()
            peer.send(wire("INVITE", via=peer.address), stage.address())
            arrived = await soon(stage.requests)
            stage.driver.adopt(arrived.txn, stage.listen)
            peer.send(wire("CANCEL", via=peer.address), stage.address())
            assert isinstance(await soon(stage.events), CancelArrived)
            statuses = [(await peer.response()).cseq for _ in range(2)]
            assert statuses == [(1, "INVITE"), (1, "CANCEL")]

    async def test_cancel_that_nobody_adopted_is_answered_487_here(self) -> None:
        async with scene() as stage:
            peer = await UdpPeer.open()
            peer.send(wire("INVITE", via=peer.address), stage.address())
            await soon(stage.requests)
            peer.send(wire("CANCEL", via=peer.address), stage.address())
            got = [await peer.response() for _ in range(3)]
            assert [(message.status, message.cseq[1]) for message in got] == [
                (100, "INVITE"),
                (200, "CANCEL"),
                (487, "INVITE"),
            ]

    async def test_ipv6(self) -> None:
        async with scene(("udp",), host="::1", on_request=ok) as stage:
            peer = await UdpPeer.open("::1")
            peer.send(wire(via=peer.address), stage.address())
            response = await peer.response()
            assert response.status == 200
            assert response.via.received == "::1"

        if not _has_ipv6():
            pytest.skip("no IPv6 on the loopback interface")

    @pytest.mark.parametrize(("error", "status"), [(PeerError("no audio", 488), 488), (RuntimeError("bug"), 500)])
    async def test_a_user_that_raises_answers_so(self, error: Exception, status: int) -> None:
        def fail(driver: Driver, event: RequestArrived) -> None:
            raise error

        async with scene(on_request=fail) as stage:
            peer = await UdpPeer.open()
            peer.send(wire(via=peer.address), stage.address())
            assert (await peer.response()).status == status


class TestRequestsThatWeSend:
    async def test_the_response_goes_to_the_listener(self) -> None:
        async with scene() as stage:
            peer = await UdpPeer.open()
            txn = stage.driver.request(outgoing(), stage.flow(peer.address), stage.listen)
            request = await peer.request()
            assert (request.via.host, request.via.port) == stage.address()
            peer.send(request.respond(200, to_tag="x").serialize(), stage.address())
            event = await stage.answered()
            assert (event.txn, event.response.status) == (txn, 200)

    async def test_silence_is_repeated_and_then_told_as_408(self) -> None:
        async with scene(clock=LeapingClock()) as stage:
            peer = await UdpPeer.open()
            txn = stage.driver.request(outgoing("INVITE"), stage.flow(peer.address), stage.listen)
            first, _ = await soon(peer.got)
            stage.leap(T1_S)
            again, _ = await soon(peer.got)
            assert first == again
            stage.leap(GIVE_UP_S)
            event = await soon(stage.events)
            assert isinstance(event, RequestFailed)
            assert (event.txn, event.status) == (txn, 408)
            assert stage.counters.counts["unanswered", "access"] == 1
            assert set(stage.driver.sizes().values()) == {0}

    async def test_a_short_wait_is_kept_beside_a_longer_one_that_began_before(self) -> None:
        async with scene() as stage:
            peer = await UdpPeer.open()
            peer.send(wire(via=peer.address), stage.address())
            await soon(stage.requests)  # not answered: 32 s until it is abandoned
            stage.driver.request(outgoing(), stage.flow(peer.address), stage.listen)
            first, _ = await soon(peer.got)
            again, _ = await soon(peer.got)
            assert first == again

    async def test_what_cannot_be_sent_is_told_as_503_but_never_from_within_the_call(self) -> None:
        async with scene(("udp",)) as stage:
            flow = stage.flow(Address(HOST, 5060))
            txn = stage.driver.request(outgoing(body=b"x" * 70_000), flow, stage.listen)
            assert stage.events.empty()
            event = await soon(stage.events)
            assert isinstance(event, RequestFailed)
            assert (event.txn, event.status) == (txn, 503)

    async def test_a_peer_that_is_not_there_is_told_at_the_second_icmp_error(self) -> None:
        async with scene() as stage:
            peer = await UdpPeer.open()
            peer.transport.close()
            await asyncio.sleep(0)
            flow = stage.flow(peer.address)
            txn = stage.driver.request(outgoing("INVITE"), flow, stage.listen)
            event = await soon(stage.events)
            assert isinstance(event, RequestFailed)
            assert (event.txn, event.status) == (txn, 503)
            assert "Connection refused" in event.reason
            invites = [data for direction, _, _, data in stage.seen if direction == "out"]
            assert len(invites) == 2

    async def test_a_peer_that_comes_back_in_time_gets_the_request(self) -> None:
        async with scene() as stage:
            peer = await UdpPeer.open()
            peer.transport.close()
            await asyncio.sleep(0)
            stage.driver.request(outgoing("INVITE"), stage.flow(peer.address), stage.listen)
            again = await UdpPeer.open(port=peer.address.port)
            assert (await again.request()).method == "INVITE"
            assert stage.events.empty()

    async def test_an_icmp_error_of_one_peer_does_not_lose_what_goes_to_others(self) -> None:
        async with scene() as stage:
            gone, peer = await UdpPeer.open(), await UdpPeer.open()
            gone.transport.close()
            await asyncio.sleep(0)
            for i in range(20):
                stage.driver.request(outgoing(call_id=f"gone{i}"), stage.flow(gone.address), stage.listen)
                stage.driver.request(outgoing(call_id=f"c{i}"), stage.flow(peer.address), stage.listen)
            assert [(await peer.request()).call_id for _ in range(20)] == [f"c{i}" for i in range(20)]

    async def test_a_cancelled_invite_ends_with_487(self) -> None:
        async with scene() as stage:
            peer = await UdpPeer.open()
            txn = stage.driver.request(outgoing("INVITE"), stage.flow(peer.address), stage.listen)
            invite = await peer.request()
            stage.driver.cancel(txn, "SIP;cause=487")
            peer.send(invite.respond(180, to_tag="x").serialize(), stage.address())
            cancel = await peer.request()
            assert (cancel.method, cancel.headers.get("Reason")) == ("CANCEL", "SIP;cause=487")
            peer.send(invite.respond(487, to_tag="x").serialize(), stage.address())
            assert (await peer.request()).method == "ACK"
            assert [(await stage.answered()).response.status for _ in range(2)] == [180, 487]

    async def test_the_ack_of_a_2xx_is_sent_for_each_repetition(self) -> None:
        async with scene() as stage:
            peer = await UdpPeer.open()
            flow = stage.flow(peer.address)
            txn = stage.driver.request(outgoing("INVITE"), flow, stage.listen)
            invite = await peer.request()
            answer = invite.respond(200, to_tag="x")
            peer.send(answer.serialize(), stage.address())
            await stage.answered()
            names = ("From", "To", "Call-ID")
            lines = [(name, answer.headers.get(name) or "") for name in names]
            ack = Request("ACK", "sip:x@127.0.0.1", Headers([*lines, ("CSeq", "7 ACK")]))
            stage.driver.acknowledge(txn, ack, flow)
            first, _ = await soon(peer.got)
            peer.send(answer.serialize(), stage.address())
            again, _ = await soon(peer.got)
            assert first == again
            assert first.startswith(b"ACK ")

    async def test_a_listener_that_raises_does_not_disturb_others(self) -> None:
        def fail(event: object) -> None:
            raise RuntimeError("bug")

        async with scene() as stage:
            peer = await UdpPeer.open()
            stage.driver.request(outgoing(call_id="a"), stage.flow(peer.address), fail)
            stage.driver.request(outgoing(call_id="b"), stage.flow(peer.address), stage.listen)
            with capture_logs() as logs:
                for _ in range(2):
                    request = await peer.request()
                    peer.send(request.respond(200, to_tag="x").serialize(), stage.address())
                assert (await stage.answered()).response.call_id == "b"
            assert [line["event"] for line in logs if line["log_level"] == "error"] == ["listener failed"]

    @pytest.mark.parametrize("fault", [RuntimeError("bug"), PeerError("no", 403)])
    async def test_however_many_fail_the_log_stays_short_and_counts(self, fault: Exception) -> None:
        """A traceback per datagram would be a way to fill a disk."""

        def failing(event: RequestArrived) -> None:
            raise fault

        async with scene(on_request=failing) as stage:  # type: ignore[arg-type]
            flow = stage.driver.flow_to("access", "udp", Address(HOST, 5099))
            with capture_logs() as logs:
                for number in range(300):
                    stage.driver.received(flow, wire(branch=f"z9hG4bK{number}", call_id=str(number)))
                assert len(logs) <= 2
            assert stage.driver.sizes()["transactions"] == 300


class TestDialogsSection12_2_2:
    DIALOG = DialogId("call1@peer", "ours", "from1")

    async def test_requests_of_a_registered_dialog_go_to_its_listener(self) -> None:
        async with scene() as stage:
            stage.driver.register(self.DIALOG, stage.listen)
            peer = await UdpPeer.open()
            peer.send(wire("BYE", via=peer.address, to_tag="ours"), stage.address())
            event = await soon(stage.events)
            assert isinstance(event, RequestArrived)
            assert event.request.method == "BYE"
            assert stage.requests.empty()

    async def test_the_listener_hears_of_cancel_and_ack_without_adopting(self) -> None:
        async with scene() as stage:
            stage.driver.register(self.DIALOG, stage.listen)
            peer = await UdpPeer.open()
            peer.send(wire("INVITE", via=peer.address, to_tag="ours"), stage.address())
            assert isinstance(await soon(stage.events), RequestArrived)
            peer.send(wire("CANCEL", via=peer.address, to_tag="ours"), stage.address())
            assert isinstance(await soon(stage.events), CancelArrived)

    @pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "OPTIONS"])
    async def test_others_get_481(self, method: str) -> None:
        async with scene() as stage:
            stage.driver.register(self.DIALOG, stage.listen)
            stage.driver.unregister(self.DIALOG)
            stage.driver.unregister(self.DIALOG)
            peer = await UdpPeer.open()
            peer.send(wire(method, via=peer.address, to_tag="ours"), stage.address())
            statuses = [(await peer.response()).status]
            if method == "INVITE":
                statuses.append((await peer.response()).status)
            assert statuses[-1] == 481
            assert stage.requests.empty()
            assert stage.events.empty()


GARBAGE = (
    b"\x00\x01\x02\xff" * 50,
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"SIP/2.0 200 OK\r\n\r\n",
    b"INVITE sip:x SIP/2.0\r\n\r\n",
    b"INVITE sip:x SIP/2.0\r\nVia: nonsense\r\nFrom: a\r\nTo: b\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n",
    b"OPTIONS",
    b"\r\n\r\nBYE\r\n",
    b"A" * 60_000,
    b"SIP/2.0 999999999999 X\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n\r\n",
    b"Via: " * 5000,
)


class TestBadInput:
    async def test_garbage_gets_silence_is_counted_and_does_no_harm(self) -> None:
        async with scene(on_request=ok) as stage:
            hostile, peer = await UdpPeer.open(), await UdpPeer.open()
            for data in GARBAGE:
                hostile.send(data, stage.address())
            peer.send(wire(via=peer.address), stage.address())
            assert (await peer.response()).status == 200
            await until(lambda: stage.counters.counts["malformed", "access", "udp"] == len(GARBAGE))
            assert hostile.got.empty()
            assert stage.driver.sizes()["transactions"] == 1

    async def test_the_log_names_the_source_once(self) -> None:
        async with scene(on_request=ok) as stage:
            peer = await UdpPeer.open()
            with capture_logs() as logs:
                for _ in range(50):
                    peer.send(b"garbage", stage.address())
                await until(lambda: stage.counters.counts["malformed", "access", "udp"] == 50)
            assert [line["event"] for line in logs] == ["malformed SIP"]
            assert str(peer.address) in logs[0]["source"]

    async def test_random_damage_never_stops_the_driver(self) -> None:
        rng = random.Random(7)
        async with scene(on_request=ok) as stage:
            hostile, peer = await UdpPeer.open(), await UdpPeer.open()
            for _ in range(500):
                data = bytearray(wire(via=hostile.address, branch=f"z9hG4bK{rng.random()}"))
                for _ in range(rng.randrange(1, 8)):
                    data[rng.randrange(len(data))] = rng.randrange(256)
                with capture_logs() as logs:
                    hostile.send(bytes(data[: rng.randrange(1, len(data) + 1)]), stage.address())
                    await asyncio.sleep(0)
                assert not [line for line in logs if line["log_level"] == "error"]
            peer.send(wire(via=peer.address), stage.address())
            assert (await peer.response()).status == 200

    @pytest.mark.parametrize("cseq", ["one OPTIONS", "1 INVITE", "99999999999 OPTIONS"])
    async def test_a_broken_request_that_can_be_answered_gets_400(self, cseq: str) -> None:
        async with scene() as stage:
            peer = await UdpPeer.open()
            peer.send(wire(via=Address("192.0.2.1", 5060), cseq=cseq), stage.address())
            data, _ = await soon(peer.got)
            assert data.startswith(b"SIP/2.0 400 ")
            assert f"received={HOST}".encode() in data
            assert f"\r\nCSeq: {cseq}\r\n".encode() in data
            assert stage.counters.counts["malformed", "access", "udp"] == 1
            assert stage.driver.sizes()["transactions"] == 0

    async def test_a_broken_ack_gets_silence(self) -> None:
        async with scene(on_request=ok) as stage:
            peer = await UdpPeer.open()
            peer.send(wire("ACK", via=peer.address, cseq="x ACK"), stage.address())
            peer.send(wire(via=peer.address), stage.address())
            assert (await peer.response()).cseq[1] == "OPTIONS"

    async def test_keep_alives_are_nothing(self) -> None:
        async with scene(on_request=ok) as stage:
            peer = await UdpPeer.open()
            for data in (b"\r\n\r\n", b"\0\0\0\0", b"", b"\r\n"):
                peer.send(data, stage.address())
            peer.send(wire(via=peer.address), stage.address())
            assert (await peer.response()).status == 200
            assert not stage.counters.counts["malformed", "access", "udp"]

    async def test_what_is_too_long_is_dropped(self) -> None:
        async with scene(settings=TransportSettings(message_limit_bytes=1000), on_request=ok) as stage:
            peer = await UdpPeer.open()
            peer.send(wire(via=peer.address, body=b"x" * 2000), stage.address())
            peer.send(wire(via=peer.address, branch="z9hG4bKshort"), stage.address())
            assert (await peer.response()).via.branch == "z9hG4bKshort"
            assert stage.counters.counts["malformed", "access", "udp"] == 1


class TestUnknownSource:
    async def test_it_gets_silence_and_is_not_even_read(self) -> None:
        known = await UdpPeer.open()
        stranger = await UdpPeer.open()
        async with scene(source_ok=lambda flow: flow.remote == known.address, on_request=ok) as stage:
            with capture_logs() as logs:
                for data in (wire(via=stranger.address), b"garbage"):
                    stranger.send(data, stage.address())
                known.send(wire(via=known.address), stage.address())
                assert (await known.response()).status == 200
                await until(lambda: stage.counters.counts["unknown_source", "access", "udp"] == 2)
            assert stranger.got.empty()
            assert not stage.counters.counts["malformed", "access", "udp"]
            assert [flow.remote for _, flow, _, _ in stage.seen] == [known.address] * 2
            assert [line["event"] for line in logs] == ["unknown source, ignored"]


class TestLife:
    async def test_stop_gives_the_ports_back(self) -> None:
        async with scene() as stage:
            udp, tcp = stage.address("udp"), stage.address("tcp")
        for kind, address in ((socket.SOCK_DGRAM, udp), (socket.SOCK_STREAM, tcp)):
            with socket.socket(socket.AF_INET, kind) as again:
                again.bind(address)

    async def test_a_port_that_is_taken_is_named_and_nothing_stays_open(self) -> None:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free,
        ):
            taken.bind((HOST, 0))
            free.bind((HOST, 0))
            one, two = Address(*free.getsockname()), Address(*taken.getsockname())
            free.close()
            network = Network("access", (ListenPoint("udp", one), ListenPoint("udp", two)), HOST)
            endpoint = Endpoint(Timers(), IdSource())
            driver = Driver(endpoint, {"access": network}, TransportSettings(), SystemClock(), lambda event: None)
            with pytest.raises(LocalError, match=f"udp:{two} of network access"):
                await driver.start()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
                again.bind(one)

    @pytest.mark.parametrize("host", ["192.0.2.77", "2001:db8::77"])
    async def test_an_address_that_the_machine_is_still_to_get(self, host: str) -> None:
        """A node of a cluster opens its listeners before its virtual address has come over."""
        with pytest.raises(LocalError, match=re.escape(f"{host}")):
            async with scene(host=host):
                pass
        async with scene(host=host, settings=TransportSettings(freebind=True)) as stage:
            assert stage.address("udp").host == stage.address("tcp").host == host

    async def test_a_call_after_stop_does_not_raise(self) -> None:
        async with scene() as stage:
            flow = stage.flow(Address(HOST, 5060))
        stage.driver.request(outgoing(), flow, stage.listen)
        assert isinstance(await soon(stage.events), RequestFailed)

    async def test_hundreds_of_requests_both_ways_leave_nothing(self) -> None:
        clocks = LeapingClock(), LeapingClock()
        async with scene(clock=clocks[0], on_request=ok) as one, scene(clock=clocks[1], on_request=ok) as two:
            for i in range(300):
                for stage, other in ((one, two), (two, one)):
                    stage.driver.request(outgoing(call_id=f"c{i}"), stage.flow(other.address()), stage.listen)
            for stage in (one, two):
                for _ in range(300):
                    event = await soon(stage.events)
                    assert isinstance(event, ResponseArrived)
            for stage in (one, two):
                stage.leap(GIVE_UP_S)
                assert set(stage.driver.sizes().values()) == {0}


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True
