"""Key and value of a flow in the program's map, in bytes. Pure.

The program reads them by the offsets in NAMES. Numbers are in the machine's order; what goes into a packet is as in the
packet. Checksums are kept up to date as in RFC 1624: what changes is the same for all packets of a flow, so the
differences stand in the value.
"""

from __future__ import annotations

import sys
from ipaddress import ip_address
from struct import Struct

from splitter.core.net import Address
from splitter.media.offload.ports import FlowSample, VoiceFlow

SAMPLE = 16
"""The header of one packet in so many is kept; a power of two."""

SAMPLES = 8
"""Headers kept: 1.2 s of packets of 10 ms."""

KEY = Struct("=I4s16s16s")  # EtherType, both ports, our address, theirs
VALUE = Struct("=QQQIII16sIII36sBBBB")
SAMPLED = Struct("=Q12sI")
VALUE_SIZE = VALUE.size + SAMPLES * SAMPLED.size

TOS = 46 << 2
"""Expedited Forwarding (RFC 3246) as the TOS octet."""

HOPS = 64
"""The time to live, as of what the worker sends."""

ETHER_HEADER = 14
IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"  # EtherType
_FAMILIES = {4: 2, 6: 10}  # AF_INET, AF_INET6

NAMES = {
    # struct __sk_buff (linux/bpf.h)
    "skb.len": 0,
    "skb.pkt_type": 4,
    "skb.protocol": 16,
    "skb.vlan_present": 20,
    "skb.priority": 32,
    "skb.data": 76,
    "skb.data_end": 80,
    "skb.gso_size": 176,
    # VALUE
    "flow.packets": 0,
    "flow.bytes": 8,
    "flow.last": 16,
    "flow.interface": 24,
    "flow.largest": 28,
    "flow.next_hop": 32,
    "flow.addresses_diff": 52,
    "flow.ports_diff": 56,
    "flow.header_diff": 60,
    "flow.ends": 64,
    "flow.tos": 100,
    "flow.hops": 101,
    "flow.class_first": 102,
    "flow.class_second": 103,
    "flow.samples": VALUE.size,
    # SAMPLED
    "sampled.header": 8,
    "sampled.packets": 20,
    "sampled.size": SAMPLED.size,
    "sampled.mask": SAMPLE - 1,
    "sampled.shift": SAMPLE.bit_length() - 1,
    "places.mask": SAMPLES - 1,
    "IPV4": int.from_bytes(IPV4, sys.byteorder),
    "IPV6": int.from_bytes(IPV6, sys.byteorder),
    "FRAGMENT": int.from_bytes(b"\x3f\xff", sys.byteorder),
}


def _packed(address: Address) -> bytes:
    return ip_address(address.host).packed


def key_of(flow: VoiceFlow) -> bytes:
    """The key under which the program looks for a packet of the flow."""
    local, source = _packed(flow.local), _packed(flow.source)
    ports = flow.source.port.to_bytes(2, "big") + flow.local.port.to_bytes(2, "big")
    kind = int.from_bytes(IPV4 if len(local) == 4 else IPV6, sys.byteorder)
    return KEY.pack(kind, ports, local, source)


def value_of(flow: VoiceFlow, interface: int, next_hop: str, largest: int) -> bytes:
    """A flow that has carried nothing.

    Args:
        interface: the index of the one that it leaves by.
        next_hop: the address of the neighbour there; of another family than the flow's, perhaps (RFC 5549).
        largest: bytes of a frame that may be sent on; larger ones are for the worker.
    """
    new = _packed(flow.out), _packed(flow.destination)
    old = _packed(flow.source), _packed(flow.local)
    new_ports = flow.out.port.to_bytes(2, "big") + flow.destination.port.to_bytes(2, "big")
    old_ports = flow.source.port.to_bytes(2, "big") + flow.local.port.to_bytes(2, "big")
    addresses = difference(b"".join(old), b"".join(new))
    hop = ip_address(next_hop)
    return VALUE.pack(
        *(0, 0, 0, interface, largest, _FAMILIES[hop.version], hop.packed),
        *(addresses, difference(old_ports, new_ports), addresses),
        b"".join(new) + new_ports,
        *(TOS, HOPS, 0x60 | TOS >> 4, (TOS & 0x0F) << 4),
    ) + bytes(SAMPLES * SAMPLED.size)


def difference(old: bytes, new: bytes) -> int:
    """How the sum of 16-bit words changes where `old` gives way to `new` (RFC 1624 eqn. 3), in the machine's order."""
    total = sum(0xFFFF - word for word in _words(old)) + sum(_words(new))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _words(data: bytes) -> tuple[int, ...]:
    return Struct(f"={len(data) // 2}H").unpack(data)


def counts_in(value: bytes) -> tuple[int, int, float]:
    """Packets, bytes, and the time of the last one in seconds."""
    packets, size_bytes, last = VALUE.unpack_from(value)[:3]
    return packets, size_bytes, last / 1e9


def samples_in(value: bytes, after: int) -> tuple[FlowSample, ...]:
    """Headers kept of packets later than the first `after` ones, in the order of arrival; these are not counted."""
    found = [
        FlowSample(header, packets - after, at / 1e9)
        for at, header, packets in SAMPLED.iter_unpack(value[VALUE.size : VALUE_SIZE])
        if packets > after
    ]
    return tuple(sorted(found, key=lambda one: one.packets))
