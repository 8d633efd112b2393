"""Digits: what an INFO says, and what telephone-event is in a session. How they are passed on: test_header_table."""

from __future__ import annotations

import pytest

from splitter.calls.peers.digits import PressedKey, event_format, key_of
from splitter.core.errors import PeerError
from splitter.rtp.telephone_event import Digit
from splitter.sdp.model import Media
from splitter.sdp.parse import parse
from splitter.sip.headers import Headers
from splitter.sip.message import Request

WIDE = {107: "AMR-WB/16000", 105: "AMR/8000", 101: "telephone-event/16000", 102: "telephone-event/8000"}
NARROW = {8: "PCMA/8000", 101: "telephone-event/8000"}


def info(body: str, kind: str = "application/dtmf-relay") -> Request:
    return Request("INFO", "sip:a@h", Headers([("Content-Type", kind)]), body.encode("utf-8"))


def audio(codecs: dict[int, str]) -> Media:
    numbers = " ".join(str(number) for number in codecs)
    maps = "".join(f"a=rtpmap:{number} {name}\n" for number, name in codecs.items())
    return parse(f"v=0\no=- 1 1 IN IP4 h\ns=-\nc=IN IP4 10.0.0.1\nt=0 0\nm=audio 4 RTP/AVP {numbers}\n{maps}").media[0]


class TestInfo:
    @pytest.mark.parametrize(
        ("body", "key"),
        [
            ("Signal=5\r\nDuration=250\r\n", PressedKey("5", 250)),
            ("Signal= 5\nDuration= 250", PressedKey("5", 250)),
            ("Signal=*", PressedKey("*", 160)),
            ("Signal=#\r\nDuration=\r\n", PressedKey("#", 160)),
            ("signal=d\r\nduration=100", PressedKey("D", 100)),
            ("Signal=10\r\nDuration=100", PressedKey("*", 100)),
            ("Signal=11;Duration=100", PressedKey("#", 100)),
            ("Signal=1\r\nDuration=1", PressedKey("1", 40)),
            ("Signal=1\r\nDuration=99999", PressedKey("1", 4000)),
            ("Signal=1\r\nDuration=-5", PressedKey("1", 160)),
        ],
    )
    def test_of_dtmf_relay(self, body: str, key: PressedKey) -> None:
        assert key_of(info(body)) == key

    @pytest.mark.parametrize("body", ["7", "7\r\n", " 7 ", "Signal=7\r\n"])
    def test_of_dtmf(self, body: str) -> None:
        assert key_of(info(body, "application/dtmf")) == PressedKey("7", 160)

    @pytest.mark.parametrize(
        "body", ["p=Digit-Collection\r\ny=Digits\r\n\r\nd=7\r\nduration=200\r\n", "d=7;Duration=200"]
    )
    def test_of_nortels_digits(self, body: str) -> None:
        assert key_of(info(body, "application/vnd.nortelnetworks.digits")) == PressedKey("7", 200)

    @pytest.mark.parametrize("body", ["", "Signal=", "Signal=hf", "Signal=16", "Signal=55", "Signal=五", "Signal=²"])
    def test_that_names_no_digit(self, body: str) -> None:
        with pytest.raises(PeerError) as caught:
            key_of(info(body))
        assert caught.value.status == 415


class TestEventFormat:
    def test_is_that_of_the_voices_clock(self) -> None:
        assert event_format(audio(WIDE), audio(WIDE)) == (101, 16000)
        narrow = {number: name for number, name in WIDE.items() if number != 107}
        assert event_format(audio(narrow), audio(WIDE)) == (102, 8000)

    def test_none_where_one_side_has_none(self) -> None:
        assert event_format(audio(NARROW), audio({8: "PCMA/8000"})) is None
        assert event_format(audio({8: "PCMA/8000"}), audio(NARROW)) is None

    def test_none_where_the_clocks_differ(self) -> None:
        assert event_format(audio({9: "G722/8000", 101: "telephone-event/8000"}), audio({9: "G722/8000"})) is None
        assert event_format(audio({107: "AMR-WB/16000", 102: "telephone-event/8000"}), audio(WIDE)) is None

    def test_a_key_as_an_event(self) -> None:
        assert PressedKey("#", 100).as_event((101, 16000)) == Digit(11, 100, 101, 16000)
