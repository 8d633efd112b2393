"""The program in the kernel, packet by packet (BPF_PROG_TEST_RUN): which it takes, and what they look like then."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address

import pytest
from hypothesis import HealthCheck, given, settings
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

    def test_of_a_vlan_which_has_an_interface_of_its_own(self, loaded: Kernel) -> None:
        packet = frame(FOUR).packed()
        tagged = packet[:12] + b"\x81\x00\x00\x07" + packet[12:]
        assert loaded.run(tagged) == (LEFT, tagged)

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


def added(checksum: bytes, *changes: tuple[bytes, bytes]) -> bytes:
    """A checksum after words gave way to others (RFC 1624 eqn. 3)."""
    total = 0xFFFF - int.from_bytes(checksum, "big")
    for old, new in changes:
        for at in range(0, len(old), 2):
            total += 0xFFFF - int.from_bytes(old[at : at + 2], "big") + int.from_bytes(new[at : at + 2], "big")
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (0xFFFF - total).to_bytes(2, "big")


def relayed(packet: bytes) -> bytes | None:
    """What becomes of a frame, by the words of program.py; None: it is left."""
    flow = {b"\x08\x00": FOUR, b"\x86\xdd": SIX}.get(packet[12:14])
    if flow is None or packet[:6] != bytes(6):
        return None
    ends = (flow.source, flow.local, flow.out, flow.destination)
    source, local, out, to = (ip_address(end.host).packed for end in ends)
    ports = struct.pack("!HHHH", *(end.port for end in ends))
    head, addresses = (20, 26) if flow is FOUR else (40, 22)
    udp = 14 + head
    if not udp + 20 <= len(packet) <= LARGEST:
        return None
    if packet[addresses:udp] != source + local or packet[udp : udp + 4] != ports[:4]:
        return None
    size = int.from_bytes(packet[udp + 4 : udp + 6], "big")
    if not 20 <= size <= len(packet) - udp or packet[udp + 8] >> 6 != 2 or 192 <= packet[udp + 9] <= 223:
        return None
    start = bytearray(packet[14:addresses])
    if flow is FOUR:
        if start[0] != 0x45 or start[9] != 17 or int.from_bytes(start[6:8], "big") & 0x3FFF:
            return None
        start[1], start[8] = TOS, HOPS
        changes = ((packet[14:16], bytes(start[:2])), (packet[22:24], bytes(start[8:10])), (source + local, out + to))
        start[10:12] = added(packet[24:26], *changes)
    else:
        if start[6] != 17:
            return None
        start[0], start[1], start[7] = 0x60 | TOS >> 4, (TOS & 0x0F) << 4 | start[1] & 0x0F, HOPS
    checksum = packet[udp + 6 : udp + 8]
    if checksum != b"\0\0":
        checksum = added(checksum, (source + local, out + to), (ports[:4], ports[4:]))
        checksum = checksum if checksum != b"\0\0" else b"\xff\xff"
    return packet[:14] + bytes(start) + out + to + ports[4:] + packet[udp + 4 : udp + 6] + checksum + packet[udp + 8 :]


@pytest.mark.slow
class TestAnyFrame:
    """Frames that somebody made up, against a model of the program in Python."""

    @settings(max_examples=1500, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(
        st.sampled_from([FOUR, SIX]),
        st.binary(max_size=40),
        st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), max_size=3),
        st.integers(0, 60),
    )
    def test_is_left_as_it_is_or_sent_on_as_it_should_be(
        self, loaded: Kernel, flow: VoiceFlow, payload: bytes, changes: list[tuple[int, int]], cut: int
    ) -> None:
        packet = bytearray(frame(flow, payload=RTP[:12] + payload).packed())
        for at, octet in changes:
            if at < len(packet):
                packet[at] = octet
        made = bytes(packet[: len(packet) - (cut if cut < 30 else 0)])
        if made[12:14] not in (b"\x08\x00", b"\x86\xdd") or len(made) < 54:
            return  # the kernel itself takes no such frame for a test
        wanted = relayed(made)
        assert loaded.run(made) == ((LEFT, made) if wanted is None else (SENT_ON, wanted))


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
