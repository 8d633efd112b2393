"""Hypothesis strategies: a good message with a few dents, in the places and words that parsers care about."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from tests.fuzz.seeds import seeds

Edit = Callable[[bytes], bytes]

_MARKS = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n ",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\0",
    b"\x7f",
    b"\xff",
    b"\xc2\x85",
    "é\u2028٣²".encode(),
]
_SIGNS = [b'"', b"\\", b"<", b">", b";", b",", b":", b"=", b"@", b"[", b"]", b"?", b"%", b"/", b"*", b"--", b"(", b")"]
_NUMBERS = [b"0", b"-1", b"1", b"90", b"65535", b"65536", b"2147483648", b"4294967296", b"9" * 30, b"1e9", b"0x10"]
_WORDS = {
    "sip": [b"SIP/2.0", b"sip:", b"tel:", b";tag=", b";branch=z9hG4bK", b"l: ", b"v: ", b"m: *", b"Require: 100rel", b"RSeq: 1",
            b"RAck: 1 1 INVITE", b"Session-Expires: 90;refresher=uac", b"Content-Type: multipart/mixed;boundary=b", b"--b", b"--b--",
            b"Record-Route: <sip:[::1];lr>", b"Contact: <sip:x@[2001:db8::1]:5070>"],
    "sdp": [b"m=audio 0 RTP/AVP 8", b"m=video 9 RTP/AVPF 99", b"a=rtpmap:99 H264/90000", b"a=fmtp:99 ", b"profile-level-id=42",
            b"c=IN IP6 ::", b"c=IN IP4 0.0.0.0", b"a=inactive", b"a=rtcp:", b"b=AS:", b"a=tcap:1 RTP/AVPF", b"a=pcfg:1 t=1",
            b"a=curr:qos local none", b"a=des:qos mandatory local sendrecv", b"a=imageattr:* recv [x=[16:1:", b"sprop-parameter-sets=Z0LA",
            b"a=group:BUNDLE 0 1", b"a=bundle-only", b"a=setup:active", b"a=fingerprint:sha-256 AB", b"UDP/TLS/RTP/SAVPF", b"a=mid:1"],
    "fragment": [b"a=ice-ufrag:", b"a=ice-pwd:", b"a=candidate:1 1 udp 1 ::1 9 typ host", b"a=mid:", b"m=video 9 RTP/AVP 0", b".local"],
    "rtcp": [b"\x80\xc8\x00\x06", b"\x81\xc9\x00\x07", b"\x81\xca\x00\x02", b"\x81\xcb\x00\x01", b"\x81\xce\x00\x02", b"\x8f\xce\x00\x05REMB"],
    "ng": [b"d4:tags", b"6:medias", b"7:streams", b"le", b"de", b"i-1e", b"i0e", b"0:", b"99999:", b"l" * 40, b"d1:a" * 40, b"6:result2:ok"],
    "rtp": [b"\xbe\xde\x00\x01", b"\x10\x00\x00\x01", b"\x78\x00\x01", b"\x7c\x85", b"\x67\x42\xc0\x1e", b"\xff\xff"],
}  # fmt: skip


def _places(target: str) -> st.SearchStrategy[bytes]:
    words = _WORDS["sip" if target == "stream" else target]
    return st.one_of(st.sampled_from([*_MARKS, *_SIGNS]), st.sampled_from([*_NUMBERS, *words]), st.binary(max_size=6))


@st.composite
def _edit(draw: st.DrawFn, target: str) -> Edit:
    share, length = draw(st.floats(0, 1)), draw(st.sampled_from([0, 1, 2, 4, 30, 300]))
    what = draw(st.sampled_from(["replace", "double", "move"]))
    new = draw(_places(target)) if what == "replace" else b""

    def apply(data: bytes) -> bytes:
        at = int(share * len(data))
        piece = data[at : at + length]
        if what == "replace":
            return data[:at] + new + data[at + length :]
        if what == "double":
            return data[:at] + piece * 3 + data[at + length :]
        return piece + data[:at] + data[at + length :]

    return apply


@st.composite
def dented(draw: st.DrawFn, target: str) -> bytes:
    """A seed of the target with up to four edits."""
    data = draw(st.sampled_from(seeds(target)))
    for edit in draw(st.lists(_edit(target), min_size=1, max_size=4)):
        data = edit(data)
    return data[:65_000]
