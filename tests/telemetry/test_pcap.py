"""A trace as a capture file: what programs that read those find in it."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from splitter.telemetry.pcap import Capture
from splitter.telemetry.trace import TraceEvent

INVITE = b"""INVITE sip:110@10.0.0.9 SIP/2.0\r
Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1\r
From: <sip:1@10.0.0.1>;tag=a\r
To: <sip:110@10.0.0.9>\r
Call-ID: a@x\r
CSeq: 1 INVITE\r
Max-Forwards: 70\r
Content-Length: 0\r
\r
"""
OK = INVITE.replace(b"INVITE sip:110@10.0.0.9 SIP/2.0", b"SIP/2.0 200 OK")
OURS = INVITE.replace(b"10.0.0.1:5070", b"10.0.0.9")


class Seen(NamedTuple):
    """One packet, taken apart."""

    at: float
    protocol: int
    source: str
    target: str
    ports: tuple[int, int]
    sequence: int
    data: bytes


def event(
    data: bytes, direction: str = "in", peer: str = "access/udp 10.0.0.1:5070", at: float = 1_767_225_600.25
) -> TraceEvent:
    return TraceEvent("c1", at, "caller", "message", direction, peer, "INVITE", data)


def file_of(*events: TraceEvent) -> bytes:
    capture = Capture()
    capture.learn(events)
    return capture.head() + b"".join(record for one in events for record in capture.records(one))


def read(data: bytes) -> list[Seen]:
    """The packets of a capture file; their checksums are right."""
    assert struct.unpack_from("<IHHiIII", data) == (0xA1B2C3D4, 2, 4, 0, 0, 262_144, 101)
    at, found = 24, []
    while at < len(data):
        seconds, micros, kept, whole = struct.unpack_from("<IIII", data, at)
        assert kept == whole
        found.append(_packet(seconds + micros / 1e6, data[at + 16 : at + 16 + kept]))
        at += 16 + kept
    return found


def _packet(at: float, packet: bytes) -> Seen:
    if packet[0] >> 4 == 4:
        assert _sum(packet[:20]) == 0xFFFF and struct.unpack_from("!H", packet, 2)[0] == len(packet)
        protocol, source, target, rest = packet[9], packet[12:16], packet[16:20], packet[20:]
    else:
        assert struct.unpack_from("!H", packet, 4)[0] == len(packet) - 40
        protocol, source, target, rest = packet[6], packet[8:24], packet[24:40], packet[40:]
    assert _sum(source + target + struct.pack("!II", len(rest), protocol) + rest) == 0xFFFF
    head = 8 if protocol == 17 else rest[12] >> 4 << 2
    sequence = struct.unpack_from("!I", rest, 4)[0] if protocol == 6 else 0
    ports = struct.unpack_from("!HH", rest)
    return Seen(at, protocol, str(ip_address(source)), str(ip_address(target)), ports, sequence, rest[head:])


def _sum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    return total % 0xFFFF or 0xFFFF


class TestUdp:
    def test_a_message_is_a_datagram_between_the_two(self) -> None:
        (seen,) = read(file_of(event(INVITE)))
        assert seen == (1_767_225_600.25, 17, "10.0.0.1", "10.0.0.9", (5070, 5060), 0, INVITE)

    def test_the_other_way(self) -> None:
        (seen,) = read(file_of(event(OURS, "out")))
        assert (seen.source, seen.target, seen.ports) == ("10.0.0.9", "10.0.0.1", (5060, 5070))

    def test_our_address_is_what_our_via_says_for_all_of_the_path(self) -> None:
        via = OURS.replace(b"10.0.0.9;", b"10.0.0.77:5066;")
        first, second = read(file_of(event(INVITE), event(via, "out")))
        assert (first.target, first.ports) == ("10.0.0.77", (5070, 5066))
        assert (second.source, second.ports) == ("10.0.0.77", (5066, 5070))

    def test_where_nothing_says_it_an_address_stands_for_us(self) -> None:
        name = INVITE.replace(b"110@10.0.0.9", b"110@example.org")
        (seen,) = read(file_of(event(name)))
        assert (seen.target, seen.ports[1]) == ("192.0.2.1", 5060)

    def test_ipv6(self) -> None:
        (seen,) = read(file_of(event(INVITE, peer="access/udp [2001:db8::7%eth0]:5070")))
        assert (seen.source, seen.target) == ("2001:db8::7", "2001:db8::1")


class TestTcp:
    def test_numbers_run_on_over_messages_and_segments(self) -> None:
        long = INVITE.replace(b"Max-Forwards", b"X-Long: " + b"x" * 3000 + b"\r\nMax-Forwards")
        peer = "core/tcp 10.0.0.1:40000"
        seen = read(file_of(event(long, peer=peer), event(INVITE, peer=peer)))
        assert {one.protocol for one in seen} == {6} and len(seen) == 4
        assert [one.sequence for one in seen] == [1, 1401, 2801, 1 + len(long)]
        assert b"".join(one.data for one in seen) == long + INVITE

    @pytest.mark.parametrize("transport", ["tls", "ws", "wss"])
    def test_what_was_wrapped_stands_bare_where_sip_is_looked_for(self, transport: str) -> None:
        (seen,) = read(file_of(event(INVITE, peer=f"web/{transport} 10.0.0.1:40000")))
        assert (seen.protocol, seen.ports, seen.data) == (6, (40000, 5060), INVITE)


class TestWhatIsNoMessage:
    def test_is_left_out(self) -> None:
        note = TraceEvent("c1", 1.0, "", "note", "", "", "a seat joined")
        assert read(file_of(note)) == []

    @pytest.mark.parametrize("peer", ["", "nowhere", "access/udp name:5060", "access/udp 10.0.0.1:99999", "a/b [:]:1"])
    def test_a_peer_without_an_address_is_counted(self, peer: str) -> None:
        capture = Capture()
        assert list(capture.records(event(INVITE, peer=peer))) == [] and capture.left_out == 1

    @pytest.mark.parametrize("data", [b"x", b"\xff" * 70_000, b"INVITE sip:[::", b"Via: SIP/2.0/UDP \xff"])
    def test_careless_bytes_do_no_harm(self, data: bytes) -> None:
        for direction in ("in", "out"):
            assert len(read(file_of(event(data, direction)))) == 1


@pytest.mark.interop
class TestTshark:
    """An independent reader."""

    def test_finds_the_messages(self, tmp_path: Path) -> None:
        tcp = event(OURS, "out", "core/tcp 10.0.0.2:5060")
        tls = event(OK, "in", "core/tls 10.0.0.3:5061")
        six = event(INVITE, peer="access/udp [2001:db8::7]:5070")
        events = (event(INVITE), event(OK, "out"), tcp, tls, six)
        fields = ("_ws.malformed", "sip.Method", "sip.Status-Code", "sip.Call-ID", "ip.src", "udp.dstport")
        rows = tshark(tmp_path, events, fields)
        assert [row.get("sip.Method") or row.get("sip.Status-Code") for row in rows] == [
            ["INVITE"],
            ["200"],
            ["INVITE"],
            ["200"],
            ["INVITE"],
        ]
        assert all(row["sip.Call-ID"] == ["a@x"] and "_ws.malformed" not in row for row in rows)
        assert rows[0]["ip.src"] == ["10.0.0.1"] and rows[1]["udp.dstport"] == ["5070"]


def tshark(folder: Path, events: Iterable[TraceEvent], fields: Iterable[str]) -> list[dict[str, Any]]:
    """What tshark reads in a capture."""
    file = folder / "call.pcap"
    file.write_bytes(file_of(*events))
    wanted = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-r", str(file), "-o", "udp.check_checksum:TRUE", "-T", "json", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [row["_source"]["layers"] for row in json.loads(done.stdout)]
