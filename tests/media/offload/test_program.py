"""The program in the kernel, packet by packet (BPF_PROG_TEST_RUN): which it takes, and what they look like then."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.core.net import Address
from splitter.media.offload import bpf
from splitter.media.offload.layout import HOPS, KEY, TOS, VALUE, VALUE_SIZE, counts_in, difference, key_of, value_of
from splitter.media.offload.ports import VoiceFlow
from splitter.media.offload.program import assembled
from tests.media.offload.lab import missing

LEFT, SENT_ON = -1, 7
LARGEST = 1514
FOUR = VoiceFlow(
    Address("192.0.2.1", 4000), Address("10.0.0.1", 30_000), Address("10.1.0.1", 30_002), Address("10.1.0.9", 5000)
)
SIX = VoiceFlow(
    Address("2001:db8::1", 4000), Address("fd00::1", 30_000), Address("fd01::1", 30_002), Address("fd01::9", 5000)
)
RTP = struct.pack("!BBHII", 0x80, 8, 7, 160, 0xCA11) + b"\xd5" * 160
both = pytest.mark.parametrize("flow", [FOUR, SIX], ids=["IPv4", "IPv6"])


def folded(data: bytes) -> int:
    """RFC 1071, slowly."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


@dataclass(frozen=True)
class Frame:
    """An Ethernet frame with UDP in it."""

    source: Address
    to: Address
    payload: bytes = RTP
    tos: int = 0
    hops: int = 57
    protocol: int = 17
    fragment: int = 0
    options: bytes = b""
    checked: bool = True
    cut: int = 0
    tail: bytes = b""
    label: int = 0

    def packed(self) -> bytes:
        source, to = ip_address(self.source.host).packed, ip_address(self.to.host).packed
        size = 8 + len(self.payload)
        udp = struct.pack("!HHHH", self.source.port, self.to.port, size, 0) + self.payload
        pseudo = source + to + struct.pack("!II", size, self.protocol)
        checksum = (folded(pseudo + udp) or 0xFFFF) if self.checked else 0
        udp = udp[:6] + struct.pack("!H", checksum) + udp[8:]
        if len(source) == 4:
            words = 5 + len(self.options) // 4
            head = struct.pack(
                "!BBHHHBBH", 0x40 | words, self.tos, 4 * words + size, 9, self.fragment, self.hops, 17, 0
            )
            head = head[:9] + bytes([self.protocol]) + head[10:] + source + to + self.options
            head = head[:10] + struct.pack("!H", folded(head)) + head[12:]
            kind = b"\x08\x00"
        else:
            first = 6 << 28 | self.tos << 20 | self.label
            head = struct.pack("!IHBB", first, size, self.protocol, self.hops) + source + to
            kind = b"\x86\xdd"
        packed = bytes(12) + kind + head + udp + self.tail
        return packed[: len(packed) - self.cut]


def frame(flow: VoiceFlow, **changes: object) -> Frame:
    return replace(Frame(flow.source, flow.local), **changes)  # type: ignore[arg-type]


Run = Callable[[bytes], tuple[int, bytes]]


class Kernel:
    """The program and its map, without an interface."""

    def __init__(self) -> None:
        self.flows = bpf.FlowMap(KEY.size, VALUE_SIZE, 10)
        self._program = bpf.load(assembled(self.flows.fd))

    def add(self, flow: VoiceFlow) -> None:
        self.flows.add(key_of(flow), value_of(flow, 1, flow.destination.host, LARGEST))

    def run(self, packet: bytes) -> tuple[int, bytes]:
        """What it answers, and the packet afterwards."""
        given, room = ctypes.create_string_buffer(packet, len(packet)), ctypes.create_string_buffer(4096)
        attributes = struct.pack(
            "=IIIIQQII", self._program, 0, len(packet), 4096, ctypes.addressof(given), ctypes.addressof(room), 1, 0
        )
        memory = ctypes.create_string_buffer(attributes, 144)
        if ctypes.CDLL(None, use_errno=True).syscall(321, 10, memory, 144) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        answer, size = struct.unpack_from("=iI", memory.raw, 4)[0], struct.unpack_from("=I", memory.raw, 12)[0]
        return answer, room.raw[:size]

    def close(self) -> None:
        self.flows.close()
        os.close(self._program)


@pytest.fixture(scope="module")
def loaded() -> Iterator[Kernel]:
    if reason := missing() or ("" if os.uname().machine == "x86_64" else "the test run has another number here"):
        pytest.skip(reason)
    made = Kernel()
    made.add(FOUR)
    made.add(SIX)
    yield made
    made.close()


@both
class TestTakes:
    def test_and_sends_on_as_the_worker_would(self, loaded: Kernel, flow: VoiceFlow) -> None:
        answer, after = loaded.run(frame(flow, tos=3).packed())
        wanted = Frame(flow.out, flow.destination, tos=TOS, hops=HOPS).packed()
        assert (answer, after) == (SENT_ON, wanted)

    @pytest.mark.parametrize("size", [0, 1, 2, 19, 20, 159, 1400])
    @pytest.mark.parametrize("octet", [0x00, 0xFF, 0x5A])
    def test_payloads_of_any_size_with_a_right_checksum(
        self, loaded: Kernel, flow: VoiceFlow, size: int, octet: int
    ) -> None:
        payload = RTP[:12] + bytes([octet]) * size
        answer, after = loaded.run(frame(flow, payload=payload).packed())
        assert (answer, after) == (
            SENT_ON,
            Frame(flow.out, flow.destination, payload=payload, tos=TOS, hops=HOPS).packed(),
        )

    def test_leaves_a_wrong_checksum_wrong(self, loaded: Kernel, flow: VoiceFlow) -> None:
        packet = bytearray(frame(flow).packed())
        packet[-1] ^= 1
        answer, after = loaded.run(bytes(packet))
        whole = bytearray(Frame(flow.out, flow.destination, tos=TOS, hops=HOPS).packed())
        whole[-1] ^= 1
        assert (answer, after) == (SENT_ON, bytes(whole))

    def test_counts_packets_and_bytes_of_rtp_without_padding(self, loaded: Kernel, flow: VoiceFlow) -> None:
        before = counts_in(loaded.flows.read(key_of(flow)) or b"")
        loaded.run(frame(flow, payload=RTP[:13], tail=bytes(5)).packed())
        after = counts_in(loaded.flows.read(key_of(flow)) or b"")
        assert (after[0] - before[0], after[1] - before[1]) == (1, 13)
        assert after[2] > before[2]

    @pytest.mark.parametrize("second", [0, 127, 128, 191, 224, 255])
    def test_any_payload_type(self, loaded: Kernel, flow: VoiceFlow, second: int) -> None:
        answer, _ = loaded.run(frame(flow, payload=RTP[:1] + bytes([second]) + RTP[2:]).packed())
        assert answer == SENT_ON


@both
class TestLeaves:
    @pytest.mark.parametrize(
        "changes",
        [
            {"payload": RTP[:1] + b"\xc8" + RTP[2:]},
            {"payload": RTP[:1] + b"\xdf" + RTP[2:]},
            {"payload": b"\x00" + RTP[1:]},
            {"payload": b"\xc0" + RTP[1:]},
            {"payload": RTP[:11]},
            {"payload": b""},
            {"payload": RTP + bytes(1400)},
            {"protocol": 6},
            {"cut": 1},
            {"cut": 160},
            {"cut": 172},
        ],
        ids=lambda changes: ",".join(changes),
    )
    def test_what_is_not_the_voice_untouched(self, loaded: Kernel, flow: VoiceFlow, changes: dict[str, object]) -> None:
        packet = frame(flow, **changes).packed()
        assert loaded.run(packet) == (LEFT, packet)


class TestLeavesOthers:
    @pytest.mark.parametrize(
        ("flow", "changes"),
        [
            (FOUR, {"source": Address("192.0.2.2", 4000)}),
            (FOUR, {"source": Address("192.0.2.1", 4002)}),
            (FOUR, {"to": Address("10.0.0.2", 30_000)}),
            (FOUR, {"to": Address("10.0.0.1", 30_002)}),
            (SIX, {"source": Address("2001:db8::2", 4000)}),
            (SIX, {"source": Address("2001:db8::1", 4002)}),
            (SIX, {"to": Address("fd00::2", 30_000)}),
            (SIX, {"to": Address("fd00:0:0:1::1", 30_000)}),
        ],
    )
    def test_whom_nobody_named(self, loaded: Kernel, flow: VoiceFlow, changes: dict[str, object]) -> None:
        packet = frame(flow, **changes).packed()
        assert loaded.run(packet) == (LEFT, packet)


class TestLeavesOfIPv4:
    @pytest.mark.parametrize("fragment", [0x2000, 0x0001, 0x2010])
    def test_fragments(self, loaded: Kernel, fragment: int) -> None:
        packet = frame(FOUR, fragment=fragment).packed()
        assert loaded.run(packet) == (LEFT, packet)

    def test_options(self, loaded: Kernel) -> None:
        packet = frame(FOUR, options=b"\x01" * 4).packed()
        assert loaded.run(packet) == (LEFT, packet)

    def test_other_protocols_of_the_network(self, loaded: Kernel) -> None:
        packet = bytes(12) + b"\x08\x06" + bytes(60)
        assert loaded.run(packet) == (LEFT, packet)


class TestSpecialCases:
    def test_no_checksum_of_ipv4_stays_none(self, loaded: Kernel) -> None:
        answer, after = loaded.run(frame(FOUR, checked=False).packed())
        assert (answer, after[40:42]) == (SENT_ON, b"\0\0")

    def test_do_not_fragment_goes_through(self, loaded: Kernel) -> None:
        answer, after = loaded.run(frame(FOUR, fragment=0x4000).packed())
        assert answer == SENT_ON
        assert after == Frame(FOUR.out, FOUR.destination, tos=TOS, hops=HOPS, fragment=0x4000).packed()

    def test_the_flow_label_of_ipv6_goes_through(self, loaded: Kernel) -> None:
        answer, after = loaded.run(frame(SIX, label=0xABCDE).packed())
        assert (answer, after) == (
            SENT_ON,
            Frame(SIX.out, SIX.destination, tos=TOS, hops=HOPS, label=0xABCDE).packed(),
        )


class TestLayout:
    def test_places_of_the_program_are_those_of_the_value(self) -> None:
        value = value_of(FOUR, 0x11223344, "10.1.0.254", 0x55667788)
        assert len(value) == VALUE_SIZE
        assert VALUE.size % 8 == 0, "times are aligned"
        assert value[24:32] == struct.pack("=II", 0x11223344, 0x55667788)
        assert value[32:40] == struct.pack("=I", 2) + ip_address("10.1.0.254").packed
        assert value[64:76] == bytes([10, 1, 0, 1, 10, 1, 0, 9]) + struct.pack("!HH", 30_002, 5000)
        assert value[100:104] == bytes([0xB8, 64, 0x6B, 0x80])

    @given(st.binary(min_size=8, max_size=8), st.binary(min_size=8, max_size=8), st.binary(min_size=6, max_size=6))
    def test_a_difference_brings_any_sum_up_to_date(self, old: bytes, new: bytes, rest: bytes) -> None:
        total = (~struct.unpack("=H", struct.pack("!H", folded(old + rest)))[0] & 0xFFFF) + difference(old, new)
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        after = struct.unpack("!H", struct.pack("=H", ~total & 0xFFFF))[0]
        assert after % 0xFFFF == folded(new + rest) % 0xFFFF
