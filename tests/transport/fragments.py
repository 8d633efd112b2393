"""What `test_fragments` runs in a network namespace of its own: a driver, and datagrams that IP has to take apart.

Prints one JSON object: what came, and what the kernel put together.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from splitter.core.net import Address
from tests.patience import PATIENCE_S, until
from tests.transport.scene import Scene, scene

MTU = 1280
GOLDEN = Path(__file__).parent.parent / "sip" / "golden" / "vilte_compact_folded.sip"


def invite(number: int, size: int) -> bytes:
    """The INVITE of a handset, made `size` bytes long by more of what an operator's proxies add."""
    head, _, body = GOLDEN.read_bytes().partition(b"\r\n\r\n")
    head = head.replace(b"z9hG4bK5f0a1d6c7e", b"z9hG4bKfragment%d" % number)
    lines = head.split(b"\r\n")
    lines = [line for line in lines if not line.lower().startswith((b"l:", b"content-length"))]
    call = next(i for i, line in enumerate(lines) if line.lower().startswith((b"i:", b"call-id")))
    lines[call] = b"i: fragment-%d@192.0.2.5" % number
    padding = max(0, size - len(b"\r\n".join(lines)) - len(body) - 40)
    lines += [b"P-Padding: " + b"x" * padding, b"l: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def pieces(source: Address, target: Address, payload: bytes, size: int, number: int) -> list[bytes]:
    """A UDP datagram as IPv4 fragments of `size` bytes, a multiple of eight (RFC 791 §2.3)."""
    datagram = struct.pack("!HHHH", source.port, target.port, 8 + len(payload), 0) + payload
    found = []
    for at in range(0, len(datagram), size):
        part = datagram[at : at + size]
        more = 0x2000 if at + size < len(datagram) else 0
        hosts = socket.inet_aton(source.host) + socket.inet_aton(target.host)
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(part), number, more | at // 8, 64, 17, 0)
        found.append(head + hosts + part)  # the kernel fills in the checksum
    return found


def reassembled() -> int:
    """Datagrams that the kernel has put together."""
    names, values = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line[:3] == "Ip:"]
    return int(values[names.index("ReasmOKs")])


def send_raw(parts: Sequence[bytes], target: Address) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for part in parts:
            raw.sendto(part, (target.host, 0))


async def play() -> dict[str, object]:
    async with scene(("udp",)) as stage:
        target = stage.address()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            peer.settimeout(PATIENCE_S)
            source = Address(*peer.getsockname())
            found = {"by the kernel": await by_the_kernel(stage, peer, target)}
            found |= await by_hand(stage, source, target)
    return {"found": found, "reassembled": reassembled()}


async def by_the_kernel(stage: Scene, peer: socket.socket, target: Address) -> bool:
    """A large INVITE comes in fragments, and what goes back is as large."""
    sent = invite(1, 6000)
    await asyncio.to_thread(peer.sendto, sent, (target.host, target.port))
    arrived = (await asyncio.wait_for(stage.requests.get(), PATIENCE_S)).request
    whole = next(data for direction, _, _, data in stage.seen if direction == "in")
    return whole == sent and len(sent) > 4 * MTU and len(arrived.vias) == 3


async def by_hand(stage: Scene, source: Address, target: Address) -> dict[str, bool]:
    """Fragments as bad networks deliver them."""
    random.seed(1)
    found = {}
    orders = {
        "reversed": lambda parts: parts[::-1],
        "shuffled": lambda parts: random.sample(parts, len(parts)),
        "doubled": lambda parts: [part for part in parts for _ in range(2)],
        "one lost": lambda parts: parts[:2] + parts[3:],
    }
    for number, (name, order) in enumerate(orders.items(), 10):
        before = len(stage.seen)
        send_raw(order(pieces(source, target, invite(number, 4000), 488, number)), target)  # type: ignore[no-untyped-call]
        if name == "one lost":  # nothing comes, and the next one is not disturbed
            send_raw(pieces(source, target, invite(99, 900), 488, 99), target)
        call_id = "fragment-99@192.0.2.5" if name == "one lost" else f"fragment-{number}@192.0.2.5"
        await until(lambda before=before: any(one[0] == "in" for one in stage.seen[before:]))  # type: ignore[misc]
        came = [message.call_id for direction, _, message, _ in stage.seen[before:] if direction == "in"]
        found[name] = came == [call_id]
    return found


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "mtu", str(MTU), "up"], check=True)
    json.dump(asyncio.run(play()), sys.stdout)
