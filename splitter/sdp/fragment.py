"""Pieces of SDP that carry candidates and ICE restarts over HTTP (RFC 8840 §9, RFC 9725 §4.3). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.core.errors import PeerError
from splitter.sdp.model import shown
from splitter.sdp.webrtc import SecureLocal, checked_credentials, usable_candidates

CONTENT_TYPE = "application/trickle-ice-sdpfrag"

_MAX_BYTES = 32_768
_MAX_LINES = 400


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a fragment says.

    Attributes:
        ufrag, password: of the generation that the candidates belong to; others than before restart ICE.
        candidates: values of a=candidate that can be used, those of the first line that has some.
        mid: of that line, "" where it names none.
        ended: there are no more (a=end-of-candidates).
    """

    ufrag: str
    password: str
    candidates: tuple[str, ...] = ()
    mid: str = ""
    ended: bool = False


def read_fragment(body: bytes) -> Fragment:
    """Read a fragment.

    Raises:
        PeerError: status 400 if it is too large or not such a thing, 488 if it has no ICE credentials.
    """
    if len(body) > _MAX_BYTES:
        raise PeerError(f"fragment of {len(body)} bytes; at most {_MAX_BYTES} are read")
    lines = body.decode("utf-8", "replace").replace("\r", "\n").split("\n")
    if len(lines) > 2 * _MAX_LINES:  # CRLF ends make two of each
        raise PeerError(f"fragment of more than {_MAX_LINES} lines")
    ufrag = password = ""
    sections: list[tuple[str, list[str]]] = [("", [])]
    ended = False
    for line in lines:
        if not line.strip():
            continue
        if line[:2] not in ("a=", "m="):
            raise PeerError(f"fragment line is neither a= nor m= (RFC 8840 §9): {shown(line)}")
        name, _, value = line[2:].partition(":")
        if line[0] == "m":
            sections.append(("", []))
        elif name == "ice-ufrag":
            ufrag = ufrag or value
        elif name == "ice-pwd":
            password = password or value
        elif name == "mid":
            sections[-1] = (value.strip(), sections[-1][1])
        elif name == "candidate":
            sections[-1][1].append(value)
        elif name == "end-of-candidates":
            ended = True
    ufrag, password = checked_credentials(ufrag, password)
    mid, candidates = next((section for section in sections if section[1]), sections[-1])
    return Fragment(ufrag, password, usable_candidates(candidates), mid, ended)


def write_fragment(local: SecureLocal, mid: str = "", kind: str = "video") -> bytes:
    """Our side after an ICE restart, as the answer to the peer's fragment (RFC 9725 §4.3.3).

    Args:
        mid, kind: of the line that has the transport, as the peer names them.
    """
    lines = [f"a=ice-ufrag:{local.ufrag}", f"a=ice-pwd:{local.password}", f"m={kind} 9 UDP/TLS/RTP/SAVPF 0"]
    lines += [f"a=mid:{mid}"] if mid else []
    lines += [f"a=candidate:{candidate}" for candidate in local.candidates]
    return "\r\n".join([*lines, "a=end-of-candidates", ""]).encode()
