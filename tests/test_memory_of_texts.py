"""What is remembered of texts from the network: short ones alone, for a stranger chooses how long his are."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest

from splitter.core.errors import PeerError
from splitter.core.net import Address
from splitter.sdp.parse import parse
from splitter.sip.uri import NameAddr
from splitter.transport.addressing import Addressing
from splitter.transport.settings import ListenPoint, Network

LONG = 40_000
TIMES = 300


def described(what: str) -> None:
    """A session description, as a negotiation looks at it."""
    session = parse(f"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\n{what}\n")
    for index, line in enumerate(session.media):
        assert line.codecs is not None
        assert session.is_hold(index) in (True, False)


def located(uri: str) -> None:
    """Where a URI leads."""
    LISTENING.locate("access", uri)


LISTENING = Addressing({"access": Network("access", (ListenPoint("udp", Address("10.0.0.1", 5060)),), "10.0.0.1")}, 1.0)
TEXTS: list[tuple[Callable[[str], object], str]] = [
    (described, "m=audio 4000 RTP/AVP 0 96\nc=IN IP4 192.0.2.1\na=rtpmap:96 x/8000\na=fmtp:96 {}"),
    (described, "m=audio 4000 RTP/AVP 0 {}\nc=IN IP4 192.0.2.1"),
    (described, "m=audio 4000 RTP/AVP 0\nc=IN IP4 {}.invalid"),
    (described, "m=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.1/{}"),
    (described, "m=audio 4000 RTP/AVP 0\nc=IN IP6 {}"),
    (located, "sip:{}"),
    (located, "sip:x@[{}]"),
    (located, "sip:x@10.0.0.9;maddr={}"),
    (NameAddr.parse, '"x" <sip:x@10.0.0.9>;tag={}'),
]


@pytest.mark.parametrize(("read", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_long_texts_of_a_stranger_are_not_kept(read: Callable[[str], object], text: str) -> None:
    tracemalloc.start()
    try:
        for number in range(TIMES):
            with suppress(PeerError):
                read(text.format(f"{number:x}".zfill(LONG)))
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < TIMES * LONG / 10
