"""Fragments over HTTP: candidates that come later, and ICE restarts (RFC 8840 §9, RFC 9725 §4.3)."""

from __future__ import annotations

import pytest

from splitter.core.errors import PeerError
from splitter.sdp.fragment import Fragment, read_fragment, write_fragment
from splitter.sdp.webrtc import MAX_CANDIDATES, SecureLocal

# RFC 9725 figure 8, shortened
FRAGMENT = b"""a=group:BUNDLE 0 1\r
m=audio 9 UDP/TLS/RTP/SAVPF 111\r
a=mid:0\r
a=ice-ufrag:EsAw\r
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r
a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host generation 0 ufrag EsAw network-id 2\r
a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0\r
a=end-of-candidates\r
"""


class TestReading:
    def test_candidates_and_credentials(self) -> None:
        fragment = read_fragment(FRAGMENT)
        assert (fragment.ufrag, fragment.password) == ("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
        assert [candidate.split()[4] for candidate in fragment.candidates] == ["192.0.2.1", "198.51.100.2"]
        assert fragment.mid == "0" and fragment.ended

    def test_credentials_before_the_first_line(self) -> None:
        fragment = read_fragment(b"a=ice-ufrag:abcd\na=ice-pwd:" + b"x" * 22 + b"\n")
        assert fragment == Fragment("abcd", "x" * 22)

    def test_the_line_that_has_candidates(self) -> None:
        body = FRAGMENT.replace(b"a=mid:0\r\n", b"a=mid:0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\n")
        assert read_fragment(body).mid == "v"

    def test_a_flood_is_cut_off(self) -> None:
        line = "a=candidate:1 1 udp 1 10.0.{}.1 5000 typ host\n"
        body = FRAGMENT + "".join(line.format(number) for number in range(200)).encode()
        assert len(read_fragment(body).candidates) == MAX_CANDIDATES

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"", 488),
            (b"a=mid:0\n", 488),
            (b"a=ice-ufrag:ab\na=ice-pwd:cd\n", 488),
            (b"hello", 400),
            (b"v=0\r\n" + FRAGMENT, 400),
            (b"a=x\n" * 2000, 400),
            (b"a=" + b"x" * 100_000, 400),
            (b"\xff\xfe\x00", 400),
        ],
    )
    def test_what_is_none(self, body: bytes, status: int) -> None:
        with pytest.raises(PeerError) as caught:
            read_fragment(body)
        assert caught.value.status == status


class TestWriting:
    def test_is_read_again(self) -> None:
        candidate = "1 1 udp 2130706431 203.0.113.30 40000 typ host"
        local = SecureLocal("Ours", "b" * 22, "sha-256 AB", (candidate,))
        body = write_fragment(local, "0")
        assert read_fragment(body) == Fragment("Ours", "b" * 22, (candidate,), "0", True)
        assert b"fingerprint" not in body  # RFC 8842 §5.5: DTLS goes on

    def test_no_mid_is_made_up(self) -> None:
        assert b"a=mid" not in write_fragment(SecureLocal("Ours", "b" * 22, "", ()))
