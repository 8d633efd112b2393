"""Time is linear in length: the work of every parser is counted (cost.py) over growing input of the worst shapes."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

import splitter.rtp
import splitter.sdp
import splitter.sip
from splitter.calls.peers.location import place_in
from splitter.calls.peers.redirect import numbers_instead
from splitter.core.errors import PeerError
from splitter.rtp import h264, packet, rtcp
from splitter.rtp.feedback import Fir, Nack, Remb
from splitter.sdp.model import MediaPort, Origin
from splitter.sdp.offer_answer import check_answer, check_reoffer
from splitter.sdp.parse import parse as parse_sdp
from splitter.sdp.precondition import with_preconditions
from splitter.sdp.split import centre_offer, plan
from splitter.sdp.webrtc import choose_secure, read_secure, resolved
from splitter.sdp.write import write
from splitter.sip.headers import Headers
from splitter.sip.message import Request, Response
from splitter.sip.multipart import parts
from splitter.sip.parse import StreamFramer, parse_message
from splitter.sip.uri import NameAddr, SipUri
from splitter.sip.via import Via
from tests.fuzz.cost import cost, risky
from tests.rtp.payloads import packetise

OPTIONS = [
    b"OPTIONS sip:h SIP/2.0",
    b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa",
    b"From: <sip:a@h>;tag=1",
    b"To: <sip:b@h>",
    b"Call-ID: c",
    b"CSeq: 1 OPTIONS",
]
HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
LOCAL = MediaPort("203.0.113.1", 10000, 10001)


def sip(*lines: bytes, body: bytes = b"") -> Callable[[], object]:
    """Parse a message with these lines more (a line that names a header of OPTIONS takes its place), ask, and write."""
    names = {line.partition(b":")[0] for line in lines}
    whole = [line for line in OPTIONS if line.partition(b":")[0] not in names]
    data = b"\r\n".join([*whole, *lines, b"", body])

    def work() -> None:
        with suppress(PeerError):
            message = parse_message(data)
            message.serialize()
            for ask in (
                lambda: message.vias,
                lambda: message.contacts,
                lambda: [NameAddr.parse(value) for value in message.headers.values("Route")],
                lambda: message.respond(200, to_tag="x").serialize(),
            ):
                with suppress(PeerError):
                    ask()

    return work


def multipart(body: bytes) -> Callable[[], object]:
    message = Request("INVITE", "sip:h", Headers([("Content-Type", "multipart/mixed;boundary=b")]), body)
    return lambda: refused(lambda: parts(message))


def stream(data: bytes, step: int) -> Callable[[], object]:
    def work() -> None:
        framer = StreamFramer()
        with suppress(PeerError):
            for at in range(0, len(data), step):
                framer.feed(data[at : at + step])

    return work


def refused(ask: Callable[[], object]) -> None:
    with suppress(PeerError):
        ask()


def sdp(lines: str) -> Callable[[], object]:
    """Parse, plan, offer on, answer, check, write."""
    data = (HEAD + lines).encode()

    def work() -> None:
        with suppress(PeerError):
            session = parse_sdp(data)
            write(session)
            for ask in (
                lambda: write(centre_offer(session, plan(session), LOCAL, Origin.of(LOCAL.host, 1))),
                lambda: check_answer(session, session),
                lambda: check_reoffer(session, session),
                lambda: with_preconditions(session, session),
                lambda: read_secure(resolved(session), choose_secure(resolved(session))[0]),
            ):
                with suppress(PeerError):
                    ask()

    return work


def redirect(contacts: str) -> Callable[[], object]:
    return lambda: numbers_instead(Response(302, "Moved Temporarily", Headers([("Contact", contacts)])))


def rtcp_of(data: bytes) -> Callable[[], object]:
    return lambda: refused(lambda: rtcp.build(rtcp.parse(data)))


SIP: dict[str, Callable[[int], Callable[[], object]]] = {
    "header lines": lambda n: sip(*[b"X-%d: y" % at for at in range(n)]),
    "the same header": lambda n: sip(*[b"Route: <sip:h;lr>"] * n),
    "Via lines": lambda n: sip(*[b"Via: SIP/2.0/UDP h;branch=z9hG4bK%d" % at for at in range(n)]),
    "Vias in one line": lambda n: sip(b"Via: " + b",".join([b"SIP/2.0/UDP h;branch=z9hG4bKa"] * n)),
    "commas": lambda n: sip(b"Via: SIP/2.0/UDP h" + b"," * n),
    "folds": lambda n: sip(b"Subject: x" + b"\r\n y" * n),
    "folds in a Via": lambda n: sip(b"Via: SIP/2.0/UDP h" + b"\r\n ;a=b" * n),
    "line feeds alone": lambda n: sip(*[b"X: y\nX: z"] * n),
    "empty lines in front": lambda n: lambda: refused(lambda: parse_message(b"\r\n" * n + b"X")),
    "line feeds without an end": lambda n: lambda: refused(lambda: parse_message(b"a\n" * n)),
    "white space": lambda n: sip(b"To:" + b" " * n + b"<sip:b@h>" + b" " * n),
    "quoted pairs": lambda n: sip(b'To: "' + b"\\a" * n + b'" <sip:b@h>'),
    "quotes": lambda n: sip(b"To: " + b'"' * n),
    "quoted strings in a list": lambda n: sip(b"Contact: " + b",".join([b'"a,b" <sip:h>'] * n)),
    "quotes that never end": lambda n: sip(b'To: sip:b@h;x="' + b'\\"' * n),
    "open brackets": lambda n: sip(b"To: " + b"<" * n),
    "brackets in a list": lambda n: sip(b"Route: " + b"<sip:a>" * n),
    "blanks before a bracket": lambda n: sip(b"To: " + b"a " * n + b"<sip:h"),
    "parameters": lambda n: sip(b"To: <sip:b@h>" + b"".join(b";p%d=v" % at for at in range(n))),
    "empty parameters": lambda n: sip(b"To: <sip:b@h>" + b";" * n),
    "parameters of a URI": lambda n: sip(b"To: <sip:b@h" + b";a=b" * n + b">"),
    "a long user": lambda n: sip(b"To: <sip:" + b"a:" * n + b"@h>"),
    "at signs": lambda n: sip(b"To: <sip:" + b"a@" * n + b"h>"),
    "escapes": lambda n: lambda: NameAddr.parse("<sip:" + "%41" * n + "@h>").user,
    "digits": lambda n: sip(b"CSeq: " + b"0" * n + b"1 OPTIONS"),
    # longer than any literal that is kept: the cost of the cache is no part of the length's
    "colons in a reference": lambda n: lambda: refused(lambda: SipUri.parse("sip:[" + ":" * (n + 64) + "]")),
    "blanks in a Via": lambda n: lambda: refused(lambda: Via.parse("SIP" + " " * n + "/ 2.0 /UDP h")),
    "delimiters": lambda n: multipart(b"--b\r\n" * n),
    "near delimiters": lambda n: multipart(b"--b\r\n\r\n" + b"\r\n--bx" * n + b"\r\n--b--"),
    "headers of a part": lambda n: multipart(b"--b\r\n" + b"X: y\r\n" * n + b"\r\nx\r\n--b--"),
    "a stream byte by byte": lambda n: stream(b"OPTIONS sip:h SIP/2.0\r\n" + b"X: y\r\n" * n, 1),
    "many messages in a stream": lambda n: stream(b"OPTIONS sip:h SIP/2.0\r\nl: 0\r\n\r\n" * n, 7),
    "pings": lambda n: stream(b"\r\n\r\n" * n, 3),
    "a long body in a stream": lambda n: stream(b"OPTIONS sip:h SIP/2.0\r\nl: %d\r\n\r\n" % n + b"x" * n, 2),
}
BROWSER = (
    "m=video 9 UDP/TLS/RTP/SAVPF 99\r\na=rtpmap:99 H264/90000\r\na=mid:0\r\na=rtcp-mux\r\na=setup:actpass\r\n"
    "a=ice-ufrag:abcd\r\na=ice-pwd:" + "x" * 22 + "\r\n"
)
SDP: dict[str, Callable[[int], Callable[[], object]]] = {
    "attributes": lambda n: sdp("m=audio 4000 RTP/AVP 8\r\n" + "a=x:y\r\n" * n),
    "session attributes": lambda n: sdp("a=extmap:1 urn:x\r\n" * n + "m=audio 4000 RTP/AVP 8\r\n"),
    "bandwidths": lambda n: sdp("m=audio 4000 RTP/AVP 8\r\n" + "b=AS:1\r\n" * n),
    "a long line": lambda n: sdp("m=audio 4000 RTP/AVP 8\r\na=x:" + "y " * n + "\r\n"),
    "blanks in m=": lambda n: sdp("m=audio" + " " * n + "4000 RTP/AVP 8\r\n"),
    "fmtp parameters": lambda n: sdp(
        "m=video 4000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\na=fmtp:99 " + "a=b;" * n + "\r\nm=audio 4000 RTP/AVP 8\r\n"
    ),
    "feedback": lambda n: sdp("m=audio 4000 RTP/AVP 8\r\nm=video 4000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n" + "a=rtcp-fb:* nack pli\r\n" * n),
    "image sizes": lambda n: sdp(
        "m=audio 4000 RTP/AVP 8\r\nm=video 4000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\na=imageattr:99 send " + "[x=1,y=1] " * n
    ),
    "parameter sets": lambda n: sdp(
        "m=audio 4000 RTP/AVP 8\r\nm=video 4000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\na=fmtp:99 sprop-parameter-sets=" + "Z0LA," * n
    ),
    "capabilities": lambda n: sdp("a=tcap:1" + " RTP/AVPF" * n + "\r\nm=audio 4000 RTP/AVP 8\r\na=pcfg:1 t=1" + "|2" * n + "\r\n"),
    "preconditions": lambda n: sdp("m=audio 4000 RTP/AVP 8\r\n" + "a=curr:qos local none\r\na=des:qos mandatory local send\r\n" * n),
    "bundled lines": lambda n: sdp("a=group:BUNDLE" + " 0" * n + "\r\n" + BROWSER + "m=audio 0 RTP/AVP 8\r\na=mid:0\r\na=bundle-only\r\n" * 30),
    "candidates": lambda n: sdp(BROWSER + "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n" * n),
    "fingerprints": lambda n: sdp(BROWSER + f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\n" * n),
    "a long password": lambda n: sdp(BROWSER.replace("x" * 22, "x" * n)),
    "carriage returns": lambda n: sdp("m=audio 4000 RTP/AVP 8\r\n" + "a=x\r" * n),
}  # fmt: skip
RTP: dict[str, Callable[[int], Callable[[], object]]] = {
    "packets of a compound": lambda n: rtcp_of(rtcp.build([rtcp.ReceiverReport(7)] * n)),
    "lost packets": lambda n: rtcp_of(rtcp.build([Nack(1, 2, tuple(range(0, 20 * n, 20)))])),
    "requests of a FIR": lambda n: rtcp_of(rtcp.build([Fir(1, tuple((at, 1) for at in range(n)))])),
    "sources of a REMB": lambda n: rtcp_of(rtcp.build([Remb(1, 1000, tuple(range(50)))] * n)),
    "empty packets": lambda n: rtcp_of(b"\x80\xcb\x00\x00" * n),
    "items of an SDES": lambda n: rtcp_of(b"\x81\xca" + n.to_bytes(2) + b"\0\0\0\1" + b"\x09\x00" * (2 * n - 2)),
    "extension elements": lambda n: lambda: packet.parse(
        b"\x90\x7b" + bytes(10) + b"\xbe\xde" + n.to_bytes(2) + b"\x10\x01" * (2 * n)
    ),
    "units of a STAP-A": lambda n: lambda: [h264.parameter_sets(b"\x78" + b"\0\1\x67" * n), h264.starts_idr(b"\x78" + b"\0\1\x67" * n)],
    "start codes": lambda n: lambda: packetise(h264.split_annex_b(b"\0\0\1\x41" * n), 1, 1200),
}  # fmt: skip
PEERS: dict[str, Callable[[int], Callable[[], object]]] = {
    "shapes in shapes of a location": lambda n: lambda: place_in(b"<Point>" * n + b"</Point>" * n),
    "points of a location": lambda n: lambda: place_in(b"<Polygon><posList>" + b"39 116 " * n + b"</posList></Polygon>"),
    "numbers of a redirect": lambda n: redirect(",".join(["<sip:1@h>;q=0.5"] * n)),
}  # fmt: skip
SHAPES = {
    **{f"sip: {name}": make for name, make in SIP.items()},
    **{f"sdp: {name}": make for name, make in SDP.items()},
    **{f"rtp: {name}": make for name, make in RTP.items()},
    **{f"peers: {name}": make for name, make in PEERS.items()},
}
SIZES = (200, 400, 800)  # longer than what a parser remembers


@pytest.mark.parametrize("name", SHAPES)
def test_twice_the_length_is_twice_the_work(name: str) -> None:
    make = SHAPES[name]
    make(10)()  # imports and caches are filled
    small, middle, large = (cost(make(size)) for size in SIZES)
    # Linear: the second step adds twice what the first one added; quadratic: four times. The constant cancels out.
    assert large - middle <= 2.6 * (middle - small) + 200, (small, middle, large)


class TestTheMeasure:
    """It must be able to fail."""

    def growth(self, work: Callable[[int], object]) -> float:
        small, middle, large = (cost(lambda size=size: work(size)) for size in SIZES)  # type: ignore[misc]
        return (large - middle) / (middle - small)

    def test_linear(self) -> None:
        assert 1.8 < self.growth(lambda n: [at for at in range(n)]) < 2.2  # noqa: C416

    def test_a_loop_in_a_loop(self) -> None:
        assert self.growth(lambda n: [at for _ in range(n) for at in range(n)]) > 3.5

    def test_a_rest_that_is_taken_apart_again_and_again(self) -> None:
        def work(n: int) -> None:
            rest = "a," * 40 * n
            while rest:
                rest = rest.partition(",")[2]

        assert self.growth(work) > 3.5

    @pytest.mark.parametrize("pattern", ["(a*)*b", "(?:a+b?)+$", ".*.*x", "(?:a|b*)+c", r"\s*\s*$"])
    def test_risky_patterns(self, pattern: str) -> None:
        assert risky(re.compile(pattern))

    @pytest.mark.parametrize("pattern", ["a*b", "(?:[ab]++|c)*+d", r"\[x=\d+,y=\d+\]", "a{1,4}(?:b{0,2}c)*"])
    def test_harmless_patterns(self, pattern: str) -> None:
        assert risky(re.compile(pattern)) == []


def patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    """Every regular expression at the top of a pure module."""
    for package in (splitter.sip, splitter.sdp, splitter.rtp):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            for name, value in vars(importlib.import_module(found.name)).items():
                for one in value.values() if isinstance(value, dict) else (value,):
                    if isinstance(one, re.Pattern):
                        yield f"{found.name}.{name}", one


class TestRegularExpressions:
    def test_there_are_some(self) -> None:
        assert len(list(patterns())) >= 8

    @pytest.mark.parametrize(("place", "pattern"), [pytest.param(*one, id=one[0]) for one in patterns()])
    def test_none_can_backtrack_for_long(self, place: str, pattern: re.Pattern[str]) -> None:
        assert risky(pattern) == []
