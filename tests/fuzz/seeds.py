"""Messages that fuzzing begins from: whatever the other tests hold as files, and some RTCP and RTP."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from splitter.rtp import rtcp
from splitter.rtp.feedback import BitrateLimit, Fir, Nack, Pli, Remb, Tmmbr
from splitter.rtp.packet import Packet, build

_TESTS = Path(__file__).parent.parent
_SPS = bytes.fromhex("6742c01e da0781448 0784021 50".replace(" ", ""))


@cache
def seeds(target: str) -> tuple[bytes, ...]:
    """Well-formed or famous input for one of `targets.TARGETS`."""
    match target:
        case "sip":
            return _messages()
        case "stream":
            return tuple(bytes((at * 37 % 256,)) + message * 2 for at, message in enumerate(_messages()))
        case "sdp":
            return _descriptions()
        case "fragment":
            return _fragments()
        case "rtcp":
            return _reports()
        case "ng":
            return tuple(path.read_bytes() for path in sorted((_TESTS / "media" / "ng" / "replies").glob("*.bencode")))
        case "rtp":
            return _packets()
    raise KeyError(target)


def _messages() -> tuple[bytes, ...]:
    folders = (_TESTS / "sip" / "torture", _TESTS / "sip" / "golden")
    return tuple(path.read_bytes() for folder in folders for path in sorted(folder.glob("*.sip")))


def _descriptions() -> tuple[bytes, ...]:
    found = []
    folders = (_TESTS / "sdp" / "golden", _TESTS / "sdp" / "webrtc")
    for path in (path for folder in folders for path in sorted(folder.glob("*.sdp"))):
        lines = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith("#")]
        found += [part.encode() for part in "".join(lines).split("----\n")]
    return tuple(found)


def _fragments() -> tuple[bytes, ...]:
    head = b"a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
    line = b"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
    host = b"a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw\r\n"
    return (head, head + line + host + b"a=end-of-candidates\r\n", line + head + host * 3, head + host + line + host)


def _reports() -> tuple[bytes, ...]:
    blocks = (rtcp.ReportBlock(2, 3, -4, 5, 6, 7, 8),)
    messages: list[rtcp.RtcpPacket] = [
        rtcp.SenderReport(1, 2**63, 3, 4, 5, blocks),
        rtcp.ReceiverReport(1, blocks * 2),
        rtcp.SourceDescription(1, "voice@192.0.2.1"),
        rtcp.Bye((1, 2), "done"),
        Pli(1, 2),
        Fir(1, ((2, 3),)),
        Nack(1, 2, (10, 11, 40)),
        Tmmbr(1, (BitrateLimit(2, 512_000, 40),)),
        Remb(1, 512_000, (2, 3)),
    ]
    return (*(rtcp.build([one]) for one in messages), rtcp.build(messages))


def _packets() -> tuple[bytes, ...]:
    idr = b"\x65\x88\x84" + bytes(range(80))
    aggregate = b"\x78" + b"".join(len(unit).to_bytes(2) + unit for unit in (_SPS, b"\x68\xce\x3c\x80", idr))
    fragment = b"\x7c\x85\x88\x84" + bytes(40)
    payloads = (idr, _SPS, aggregate, fragment, b"\x41\x9a\x02", b"\xd5" * 160)
    plain = [build(Packet(True, 123, 65535, 2**32 - 1, 7, payload)) for payload in payloads]
    extended = build(Packet(False, 123, 1, 2, 7, idr, ((7, b"\x03"), (14, bytes(16)))))
    long = build(Packet(False, 123, 1, 2, 7, idr, ((200, bytes(40)),)))
    padded = bytes((plain[0][0] | 0x20,)) + plain[0][1:] + b"\0\0\0\x04"
    return (*plain, extended, long, padded)
