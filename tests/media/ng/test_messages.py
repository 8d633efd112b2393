"""What is read in the replies of an rtpengine, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from splitter.core.errors import PeerError
from splitter.core.net import Address
from splitter.media.ng import messages
from splitter.media.ng.bencode import decode
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.sdp.parse import parse

TOLD = {"MOS": 42, "jitter": 10, "packet loss": 20, "round-trip time": 150_654, "round-trip time leg": 120_446}
HEAD = "v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nt=0 0\r\n"


def stream(port: int, host: str, remote: int) -> dict[str, Any]:
    return {
        "local port": port,
        "advertised endpoint": {"family": "IPv4", "address": host, "port": remote},
        "stats": {"packets": 5, "bytes": 100, "errors": 2},
    }


def queried() -> dict[str, Any]:
    one = [stream(30_000, "127.0.0.9", 40_000), stream(30_001, "127.0.0.9", 40_001)]
    other = [stream(30_002, "0.0.0.0", 9), stream(30_003, "0.0.0.0", 10)]
    sides = {"side-0": one, "side-1": other}
    return {"result": "ok", "tags": {tag: {"medias": [{"streams": streams}]} for tag, streams in sides.items()}}


def recorded(name: str) -> dict[str, Any]:
    reply = decode((Path(__file__).parent / "replies" / f"{name}.bencode").read_bytes())
    assert isinstance(reply, dict)
    return reply


class TestARequest:
    @pytest.mark.parametrize("six", [False, True])
    def test_describes_an_end_legally(self, six: bool) -> None:
        host = "2001:db8::5" if six else "192.0.2.5"
        remote = RemoteEnd(Address(host, 4000), Address(host, 4007))
        for end, wanted in ((remote, (host, 4000, 4007)), (None, ("::" if six else "0.0.0.0", 9, 10))):
            session = parse(str(messages.point("relay-1", 1, end, six)["sdp"]))
            assert session.address_of(0) == wanted
            assert session.oddities == ()

    def test_of_a_side_is_an_answer_to_the_other(self) -> None:
        one, other = (messages.point("relay-1", side, None, False) for side in (0, 1))
        assert (one["from-tag"], one["to-tag"]) == ("side-1", "side-0")
        assert (other["from-tag"], other["to-tag"]) == ("side-0", "side-1")


class TestWhatASideReports:
    """rtpengine 10.5 keeps it under the SSRC of who reports; the values were told by one that was asked."""

    def test_is_that_of_the_side(self) -> None:
        reply = queried()
        reply["tags"]["side-1"]["medias"][0]["streams"][0]["SSRC"] = 170
        reply["SSRC"] = {"170": {"average MOS": TOLD, "cumulative loss": 0}, "9": {}}
        one, other = messages.read_counts(reply)
        assert (other.round_trip_ms, other.lost_there, other.jitter_there_ms) == (120.446, 1, 10)
        assert (one.round_trip_ms, one.lost_there, one.jitter_there_ms) == (-1, -1, -1)

    @pytest.mark.parametrize(
        "told", [{}, 7, {"average MOS": 4}, {"average MOS": {"jitter": 1}}, {"average MOS": {**TOLD, "jitter": -5}}]
    )
    def test_may_be_nothing(self, told: Any) -> None:
        reply = queried()
        reply["tags"]["side-0"]["medias"][0]["streams"][0]["SSRC"] = 170
        reply["SSRC"] = {"170": told}
        counts = messages.read_counts(reply)[0]
        assert (counts.round_trip_ms, counts.packets_in) == (-1, 3)


class TestAnEnd:
    def test_is_host_and_ports(self) -> None:
        reply = {"sdp": HEAD + "c=IN IP4 192.0.2.1\r\nm=audio 30000 RTP/AVP 0\r\na=rtcp:30007\r\n"}
        assert messages.read_end(reply) == LocalEnd("192.0.2.1", 30_000, 30_007)

    @pytest.mark.parametrize(
        "reply",
        [
            {},
            {"sdp": 5},
            {"sdp": ""},
            {"sdp": HEAD},
            {"sdp": HEAD + "c=IN IP4 0.0.0.0\r\nm=audio 30000 RTP/AVP 0\r\n"},
            {"sdp": HEAD + "c=IN IP4 host.example\r\nm=audio 30000 RTP/AVP 0\r\n"},
            {"sdp": HEAD + "m=audio 30000 RTP/AVP 0\r\n"},
            {"sdp": HEAD + "c=IN IP4 192.0.2.1\r\nm=audio 0 RTP/AVP 0\r\n"},
        ],
    )
    def test_that_is_none_is_refused(self, reply: dict[str, Any]) -> None:
        with pytest.raises(PeerError):
            messages.read_end(reply)


class TestWhatIsTold:
    def test_of_a_relay_is_read(self) -> None:
        reply = queried()
        assert messages.read_ports(reply) == ((30_000, 30_001), (30_002, 30_003))
        remote = RemoteEnd(Address("127.0.0.9", 40_000), Address("127.0.0.9", 40_001))
        assert messages.read_remotes(reply) == (remote, None)
        assert [count.packets_in for count in messages.read_counts(reply)] == [3, 3]
        assert [count.rejected for count in messages.read_counts(reply)] == [4, 4]

    def test_is_what_debians_says(self) -> None:
        """Replies of its 10.5, recorded: three packets were taken, one of a stranger was not."""
        assert messages.read_end(recorded("answer")) == LocalEnd("192.0.2.1", 43_000, 43_001)
        assert messages.read_end(recorded("offer")) == LocalEnd("127.0.0.2", 43_000, 43_001)
        remote = RemoteEnd(Address("127.0.0.9", 40_000), Address("127.0.0.9", 40_001))
        assert messages.read_remotes(recorded("query")) == (remote, None)
        for reply in (recorded("query"), recorded("delete")):
            one, other = messages.read_counts(reply)
            assert (one.packets_in, one.rejected, other.packets_out, other.packets_in) == (3, 1, 3, 0)
        assert messages.refusal(recorded("gone")) == messages.GONE
        assert messages.refusal(recorded("deleted")) == ""

    @pytest.mark.parametrize(
        "key", ["tags", "medias", "streams", "stats", "packets", "local port", "advertised endpoint"]
    )
    @pytest.mark.parametrize("value", [None, 7, "text", [], {}])
    def test_without_a_part_is_refused(self, key: str, value: Any) -> None:
        reply = _replaced(queried(), key, value)
        refused = 0
        for read in (messages.read_ports, messages.read_remotes, messages.read_counts):
            try:
                read(reply)
            except PeerError:
                refused += 1
        assert refused >= (0 if (key, value) in (("packets", 7), ("local port", 7)) else 1)


class TestARefusal:
    @pytest.mark.parametrize(
        ("reply", "wanted"),
        [
            ({"result": "ok"}, ""),
            ({"result": "pong"}, ""),
            ({"result": "ok", "warning": "Call-ID not found or tags didn't match"}, ""),
            ({"result": "error", "error-reason": "Unknown call-id"}, messages.GONE),
            ({"result": "load limit", "message": "Parallel session limit reached"}, "Parallel session limit reached"),
            ({"result": "error", "error-reason": "a\nb" + "x" * 500}, r"a\nb" + "x" * 57),
            ({"result": "?"}, "?"),
            ({}, "no reason was given"),
            ({"result": ["ok"]}, "no reason was given"),
        ],
    )
    def test_is_said_in_words(self, reply: dict[str, Any], wanted: str) -> None:
        assert messages.refusal(reply) == wanted


def _replaced(value: Any, key: str, other: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _replaced(inner, key, other) for name, inner in value.items() if name != key or other is not None}
        return {name: other if name == key else inner for name, inner in kept.items()}
    return [_replaced(inner, key, other) for inner in value] if isinstance(value, list) else value
