"""HEP version 3, in which Homer and others are told of messages: bytes of one packet. No I/O.

HEP/EEP Protocol rev. 36: "HEP3", the length of the whole, then chunks: vendor 0, type, length with these six bytes,
value; all in network order.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from splitter.telemetry.ends import MessagePath

PACKET_BYTES = 65_000
"""The most of one packet: what UDP carries. A longer payload is cut."""

_UDP, _TCP = 17, 6
_INET, _INET6 = 2, 10


class Chunk(IntEnum):
    """Types of chunks."""

    FAMILY = 1
    PROTOCOL = 2
    SOURCE_4 = 3
    TARGET_4 = 4
    SOURCE_6 = 5
    TARGET_6 = 6
    SOURCE_PORT = 7
    TARGET_PORT = 8
    SECONDS = 9
    MICROSECONDS = 10
    KIND = 11
    AGENT = 12
    KEY = 14
    PAYLOAD = 15
    CORRELATION = 17
    AGENT_NAME = 19


class Payload(IntEnum):
    """Kinds of payloads."""

    SIP = 1
    LOG = 100


@dataclass(frozen=True, slots=True)
class CaptureAgent:
    """The capture agent: what a collector knows us by.

    Attributes:
        number: Homer tells its sources by it; 32 bits.
        name: of the gateway; "" for none.
        key: what the collector may ask for; "" for none.
    """

    number: int
    name: str = ""
    key: str = ""


def packet(agent: CaptureAgent, path: MessagePath, at: float, kind: Payload, payload: bytes, correlation: str) -> bytes:
    """Write one packet.

    Args:
        at: seconds since the Unix epoch.
        correlation: what belongs together has the same.
    """
    seconds, micros = divmod(round(at * 1_000_000), 1_000_000)
    is_6 = path.source.ip.version == 6
    source, target = (Chunk.SOURCE_6, Chunk.TARGET_6) if is_6 else (Chunk.SOURCE_4, Chunk.TARGET_4)
    chunks = [
        _chunk(Chunk.FAMILY, bytes([_INET6 if is_6 else _INET])),
        _chunk(Chunk.PROTOCOL, bytes([_UDP if path.transport == "udp" else _TCP])),
        _chunk(source, path.source.ip.packed),
        _chunk(target, path.target.ip.packed),
        _chunk(Chunk.SOURCE_PORT, struct.pack("!H", path.source.port)),
        _chunk(Chunk.TARGET_PORT, struct.pack("!H", path.target.port)),
        _chunk(Chunk.SECONDS, struct.pack("!I", seconds & 0xFFFF_FFFF)),
        _chunk(Chunk.MICROSECONDS, struct.pack("!I", micros)),
        _chunk(Chunk.KIND, bytes([kind])),
        _chunk(Chunk.AGENT, struct.pack("!I", agent.number)),
    ]
    for name, text in ((Chunk.KEY, agent.key), (Chunk.CORRELATION, correlation), (Chunk.AGENT_NAME, agent.name)):
        if text:
            chunks.append(_chunk(name, text.encode()))
    head = b"".join(chunks)
    body = _chunk(Chunk.PAYLOAD, payload[: PACKET_BYTES - len(head) - 12])
    return b"HEP3" + struct.pack("!H", 6 + len(head) + len(body)) + head + body


def _chunk(kind: Chunk, value: bytes) -> bytes:
    return struct.pack("!HHH", 0, kind, 6 + len(value)) + value
