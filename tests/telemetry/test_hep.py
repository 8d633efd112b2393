"""HEP: what a collector reads in our packets, and what a collector that is away costs."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

import pytest

from splitter.config.load import parse
from splitter.core.net import Address
from splitter.telemetry.hep import PACKET_BYTES, CaptureAgent, Chunk, Payload
from splitter.telemetry.homer import CALLS, Homer
from splitter.telemetry.settings import HepSettings
from splitter.telemetry.trace import TraceEvent
from tests.config.test_accounts import BASE
from tests.telemetry.test_pcap import INVITE, OK, OURS, event

AGENT = CaptureAgent(2001, "node-a", "open sesame")


def note(text: str, call_id: str = "c1") -> TraceEvent:
    return TraceEvent(call_id, 1_767_225_601.5, "", "note", "", "", text)


def chunks(data: bytes) -> dict[int, bytes]:
    """A packet taken apart (HEP/EEP rev. 36)."""
    assert data[:4] == b"HEP3" and struct.unpack_from("!H", data, 4)[0] == len(data)
    at, found = 6, {}
    while at < len(data):
        vendor, kind, length = struct.unpack_from("!HHH", data, at)
        assert vendor == 0 and length >= 6
        found[kind] = data[at + 6 : at + length]
        at += length
    assert at == len(data)
    return found


@dataclass
class Store:
    """The sink beneath."""

    events: list[TraceEvent] = field(default_factory=list)

    def write(self, event: TraceEvent) -> None:
        self.events.append(event)


class Collector:
    """Whoever listens."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.settimeout(60)
        self.address = Address(*self.socket.getsockname()[:2])

    def next(self) -> dict[int, bytes]:
        return chunks(self.socket.recv(70_000))


def told(*events: TraceEvent, logs: bool = True) -> list[dict[int, bytes]]:
    """What the collector hears of these, with a last one that must come."""
    collector = Collector()
    homer = Homer(Store(), collector.address, AGENT, logs)
    for one in events:
        homer.write(one)
    homer.write(event(OK, "out"))
    found = [collector.next()]
    while found[-1][Chunk.PAYLOAD] != OK:
        found.append(collector.next())
    homer.close()
    return found[:-1]


class TestPackets:
    def test_say_whose_message_went_where_and_when(self) -> None:
        [found] = told(event(INVITE))
        assert found[Chunk.PAYLOAD] == INVITE and found[Chunk.KIND] == bytes([Payload.SIP])
        assert ip_address(found[Chunk.SOURCE_4]) == ip_address("10.0.0.1")
        assert ip_address(found[Chunk.TARGET_4]) == ip_address("10.0.0.9"), "what the peer sent its request to"
        assert struct.unpack("!HH", found[Chunk.SOURCE_PORT] + found[Chunk.TARGET_PORT]) == (5070, 5060)
        assert struct.unpack("!II", found[Chunk.SECONDS] + found[Chunk.MICROSECONDS]) == (1_767_225_600, 250_000)
        assert (found[Chunk.FAMILY], found[Chunk.PROTOCOL]) == (b"\x02", b"\x11")
        assert struct.unpack("!I", found[Chunk.AGENT]) == (2001,)
        assert (found[Chunk.AGENT_NAME], found[Chunk.KEY]) == (b"node-a", b"open sesame")

    def test_of_ipv6_and_tcp(self) -> None:
        [found] = told(event(OURS, "out", "core/tcp [2001:db8::5]:5060"))
        assert ip_address(found[Chunk.TARGET_6]) == ip_address("2001:db8::5")
        assert (found[Chunk.FAMILY], found[Chunk.PROTOCOL]) == (b"\x0a", b"\x06")
        assert Chunk.SOURCE_4 not in found

    @pytest.mark.parametrize(
        ("host", "found"), [("10.9.9.9", "10.9.9.9"), ("0.0.0.0", "192.0.2.1"), ("::", "192.0.2.1")]
    )
    def test_name_the_socket_that_a_message_left_by(self, host: str, found: str) -> None:
        [told_] = told(replace(event(OK, "out", at=1.0), local=Address(host, 5062), data=OK + b"x"))
        assert str(ip_address(told_[Chunk.SOURCE_4])) == found

    def test_of_all_legs_are_correlated_by_the_first_one(self) -> None:
        other = OURS.replace(b"Call-ID: a@x", b"i: b@x")
        found = told(event(INVITE), event(other, "out", "core/udp 10.0.0.7:5060"), note("the agent answered"))
        assert {one[Chunk.CORRELATION] for one in found} == {b"a@x"}

    def test_of_logs_come_with_the_way_of_the_latest_message(self) -> None:
        _, log = told(event(INVITE), note("the agent answered"))
        assert log[Chunk.KIND] == bytes([Payload.LOG])
        assert log[Chunk.PAYLOAD] == b"call note: the agent answered"
        assert ip_address(log[Chunk.SOURCE_4]) == ip_address("10.0.0.1")

    def test_hold_no_logs_where_none_are_wanted(self) -> None:
        assert len(told(event(INVITE), note("the agent answered"), logs=False)) == 1

    def test_are_cut_where_udp_would_not_carry_them(self) -> None:
        [found] = told(event(INVITE + b"x" * 70_000))
        assert PACKET_BYTES - 200 < len(found[Chunk.PAYLOAD]) < PACKET_BYTES
        assert found[Chunk.PAYLOAD].startswith(INVITE)

    @pytest.mark.parametrize("data", [b"", b"\0\xff" * 40, b"Call-ID: \r\n", b"INVITE", b"Call-ID:" + b"c" * 60_000])
    def test_can_be_read_whatever_the_peer_has_sent(self, data: bytes) -> None:
        [found] = told(event(data), event(OK, "out"))[:1]
        assert found[Chunk.PAYLOAD] == data[:PACKET_BYTES]
        assert len(found.get(Chunk.CORRELATION, b"")) <= 256


class TestCollectorThatIsAway:
    def test_costs_no_trace_and_is_an_alarm(self) -> None:
        store, gone = Store(), Collector()
        gone.socket.close()
        homer = Homer(store, gone.address, AGENT, True)
        for _ in range(3):  # the system says so after the first one
            homer.write(event(INVITE))
        assert len(store.events) == 3
        assert str(gone.address) in homer.alarm
        homer.close()
        homer.write(event(INVITE))
        assert len(store.events) == 4

    def test_is_told_of_the_system_s_refusal(self) -> None:
        homer = Homer(Store(), Collector("::1").address, AGENT, True)
        assert homer.alarm == ""
        homer.write(event(INVITE))
        assert homer.alarm == ""


def test_calls_that_were_long_ago_are_forgotten() -> None:
    homer = Homer(Store(), Collector().address, AGENT, True)
    for number in range(CALLS + 10):
        homer.write(TraceEvent(f"c{number}", 1.0, "caller", "message", "in", "access/udp 10.0.0.1:5070", "x", b"x"))
    assert homer.remembered == CALLS
    homer.close()


def test_every_key_of_the_table_is_read() -> None:
    base = BASE.format(pbx="", seats="", rest="")
    text = base + '[hep]\nsend_to = "[2001:db8::9]:9060"\nagent = 7\nkey = "sesame"\nlogs = false\n'
    assert parse(text).hep == HepSettings(Address("2001:db8::9", 9060), 7, "sesame", False)
    assert parse(base).hep == HepSettings()
