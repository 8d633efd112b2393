"""What a trace is told of careless messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitter.sip.message import Headers, Request, Response
from splitter.sip.oddities import oddities
from splitter.sip.parse import parse_message

CASES = Path(__file__).parent / "careless"


def told(*headers: tuple[str, str], body: bytes = b"") -> str:
    return "; ".join(oddities(Request("INVITE", "sip:h", Headers(headers), body)))


class TestOddities:
    def test_none_of_a_message_as_it_should_be(self) -> None:
        assert told() == ""
        fine = [("Record-Route", "<sip:p;lr>"), ("Contact", "<sip:a@h>"), ("Session-Expires", "90"), ("Min-SE", "90")]
        assert told(*fine) == ""
        assert told(("Contact", "*")) == told(("Contact", "<tel:+49>")) == ""

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("Record-Route", "<sip:p;lr>, sip:q;lr", "Record-Route without angle brackets"),
            ("Contact", "<sip:a@h?X=1>", "headers in the URI of Contact"),
            ("Contact", '<sip:h;x="1==">', "quotes in the URI of Contact"),
            ("Session-Expires", "soon", "Session-Expires is not a number"),
            ("Min-SE", "soon", "Min-SE is not a number"),
        ],
    )
    def test_are_told(self, name: str, value: str, words: str) -> None:
        assert words in told((name, value))

    def test_challenges_in_one_line(self) -> None:
        line = ("Proxy-Authenticate", 'Digest realm="a", nonce="n", Digest realm="b", nonce="n"')
        assert oddities(Response(407, "", Headers([line]))) == ("several challenges in one Proxy-Authenticate",)

    def test_a_session_without_a_content_type(self) -> None:
        assert "no Content-Type" in told(body=b"v=0\r\n") and told(body=b"hello") == ""

    def test_an_early_session(self) -> None:
        body = b"--b\r\nContent-Type: application/sdp\r\nContent-Disposition: early-session\r\n\r\nv=0\r\n--b--"
        assert "early session" in told(("Content-Type", "multipart/mixed;boundary=b"), body=body)

    @pytest.mark.parametrize("value", ["", "<", '"', "sip:", ",", "multipart/mixed"])
    def test_never_fails(self, value: str) -> None:
        names = ("Record-Route", "Contact", "Session-Expires", "Min-SE", "WWW-Authenticate", "Content-Type")
        told(*((name, value) for name in names), body=b"x")

    @pytest.mark.parametrize(("name", "words"), [("w08", "Contact"), ("w09", "Record-Route"), ("w11", "")])
    def test_cases(self, name: str, words: str) -> None:
        found = oddities(parse_message(next(CASES.glob(f"{name}*.sip")).read_bytes()))
        assert words in "".join(found) and bool(found) == bool(words)
