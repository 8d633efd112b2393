"""Descriptions of browsers that call by SIP, and those of the phone that each is inside."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from splitter.core.errors import PeerError
from splitter.media.ports.ends import LocalEnd
from splitter.sdp import websip
from splitter.sdp.model import Session
from splitter.sdp.offer_answer import answer_faults
from splitter.sdp.parse import parse
from splitter.sdp.webcaller import read_call
from splitter.sdp.webrtc import SecureLocal, resolved
from splitter.sdp.write import write
from tests.calls.browsers.kit import offer
from tests.world.terminal import Terminal

PUBLIC, VOICE, PICTURE = (LocalEnd("10.0.0.1", port, port + 1) for port in (5000, 6000, 6002))
SECURE = SecureLocal("ours", "p" * 24, "sha-256 " + ":".join(["CD"] * 32), ("1 1 udp 1 10.0.0.1 5000 typ host",))
_MUX = "a=rtcp-mux that was not offered"  # in a bundle it goes without saying (RFC 8843 §9.3)


def phone() -> Terminal:
    return Terminal("10.5.5.5", 7000, 1)


def spoiled(rng: random.Random) -> bytes:
    """A browser's offer with lines that are gone, doubled, turned off, or that have a letter too many."""
    lines = write(offer()).decode().split("\r\n")
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(1, len(lines))
        match rng.randrange(4):
            case 0:
                del lines[at]
            case 1:
                lines.insert(rng.randrange(1, len(lines)), lines[at])
            case 2:
                cut = rng.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + rng.choice("0x :-/") + lines[at][cut + 1 :]
            case _:
                lines[at] = lines[at].replace(" 9 UDP", " 0 UDP").replace("sendrecv", "sendonly")
    return "\r\n".join(lines).encode()


def went_through(session: Session) -> None:
    """Everything that is made of an offer."""
    call = read_call(session, ("opus", "PCMA"))
    ours = phone().answer(websip.plain_form(call, VOICE, PICTURE))
    answer = websip.secure_answer(call, ours, PUBLIC, SECURE, 960)
    faults = [fault for fault in answer_faults(resolved(session), answer) if _MUX not in fault]
    assert not faults
    for mine in (ours, phone().first_offer()):
        assert parse(write(websip.secure_offer(call, mine, PUBLIC, SECURE, 960))).media
        with suppress(PeerError):  # it has no codec of the other one
            websip.plain_reply(call, mine, VOICE, PICTURE, 960)


@pytest.mark.parametrize("seed", range(10))
def test_an_offer_is_answered_in_order_or_refused_whatever_stands_in_it(seed: int) -> None:
    rng, taken = random.Random(seed), 0
    for _ in range(25):
        try:
            went_through(parse(spoiled(rng)))
            taken += 1
        except PeerError:
            pass  # with words for the peer
    assert taken


def test_a_picture_gets_a_number_that_nothing_else_has() -> None:
    whole = offer()
    alone = Session(whole.origin, whole.media[:1], whole.connection, attributes=whole.attributes[1:])
    mine = phone().first_offer()
    offered = websip.secure_offer(read_call(alone, ("PCMA",)), mine, PUBLIC, SECURE, 960)
    video = offered.media[1]
    assert video.codecs[0].name == "H264" and not set(video.formats) & set(alone.media[0].formats)
    assert video.get("mid") not in (None, alone.media[0].get("mid"))
    assert offered.get("group") == f"BUNDLE {alone.media[0].get('mid')} {video.get('mid')}"
