"""Datagrams on a byte stream (RFC 4571), and whom the first one is for."""

from __future__ import annotations

import pytest
from aioice import stun

from splitter.core.errors import PeerError
from splitter.core.net import Address
from splitter.media.wire.frames import FRAME_LIMIT_BYTES, Frames, StreamAddress, framed, ufrag_of


def request(name: str = "ours:theirs") -> bytes:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["ICE-CONTROLLING"] = 1
    message.attributes["USERNAME"] = name
    message.add_message_integrity(b"secret")
    return bytes(message)


class TestFrames:
    @pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
    def test_are_cut_wherever_the_network_cuts_the_stream(self, step: int) -> None:
        packets = [b"smallest", b"", b"bc" * 300, bytes(FRAME_LIMIT_BYTES)]
        stream, frames = b"".join(map(framed, packets)), Frames()
        found = [one for at in range(0, len(stream), step) for one in frames.feed(stream[at : at + step])]
        assert found == [one for one in packets if one]

    @pytest.mark.parametrize("said", [(FRAME_LIMIT_BYTES + 1).to_bytes(2, "big"), framed(b"x"), framed(b"") * 17])
    def test_that_no_packet_is_like_end_the_connection(self, said: bytes) -> None:
        with pytest.raises(PeerError, match="is no packet"):
            Frames().feed(said)


class TestFirstFrame:
    def test_says_whom_it_is_for(self) -> None:
        assert ufrag_of(request()) == "ours"

    @pytest.mark.parametrize(
        "frame",
        [
            b"",
            b"GET / HTTP/1.1\r\n\r\nand more of it",
            request()[:-1],
            request()[:20],
            b"\x01\x01" + request()[2:],
            request()[:20] + b"\x00\x06\xff\xff" + request()[24:],
        ],
        ids=["nothing", "http", "cut", "bare", "answer", "beyond"],
    )
    def test_that_is_no_request_or_names_nobody_is_refused(self, frame: bytes) -> None:
        with pytest.raises(PeerError):
            ufrag_of(frame)


def test_an_end_of_tcp_is_no_source_of_udp() -> None:
    udp, tcp = Address("192.0.2.1", 5), StreamAddress("192.0.2.1", 5)
    assert udp != tcp
    assert tcp != udp
    assert tcp not in {udp}
    assert tcp != ("192.0.2.1", 5)
    assert tcp in {StreamAddress("192.0.2.1", 5)}
