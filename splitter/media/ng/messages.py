"""What we ask an rtpengine for, and what we read in its replies. Pure.

A relay is one of its calls; the two sides have fixed tags. rtpengine binds ports for whoever shows it a description, so
a relay is opened with two that name nobody, an offer and its answer, and its sides are pointed by further answers,
one for each side: these bind nothing anew, and are refused where the call is gone, as after a restart. The
descriptions here are only how addresses are said: the call's own are carried past rtpengine, unseen.

Keys and flags: sipwise/rtpengine, docs/ng_control_protocol.md. What Debian's 10.5 does with them is in
docs/decisions/0019.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from splitter.core.errors import PeerError
from splitter.core.net import Address
from splitter.media.ng.bencode import Sent, Value
from splitter.media.ng.silence import Heard
from splitter.media.ports.ends import LocalEnd, RemoteEnd, StreamCount
from splitter.sdp.model import shown
from splitter.sdp.parse import parse

Message = Mapping[str, Sent]
"""A request."""
Reply = Mapping[str, Value]

PING: Message = {"command": "ping"}
TAGS = ("side-0", "side-1")
GONE = "Unknown call-id"
"""What rtpengine says of a call that it does not have."""

_NOBODY = ("0.0.0.0", "::")
_DISCARD = 9  # RFC 863; port 0 would give the ports back
_FORMATS = (0, 8, 9, 13, 18, *range(96, 122))
"""Payload types that its kernel module, if it has one, may carry: 32 at most. Others pass through the daemon."""
_NAMES = "".join(f"a=rtpmap:{number} unknown/8000\r\n" for number in _FORMATS if number >= 96)


def opening(relay_id: str, networks: tuple[str, str], six: tuple[bool, bool]) -> tuple[Message, Message]:
    """The two requests that bind ports on both sides.

    Args:
        networks: of each side; rtpengine has interfaces of the same names.
        six: which of them speak IPv6.
    """
    families = {"direction": list(networks), "address family": "IP6" if six[1] else "IP4"}
    return {**_description("offer", relay_id, 0, None, six[0]), **families}, point(relay_id, 1, None, six[1])


def point(relay_id: str, side: int, remote: RemoteEnd | None, six: bool) -> Message:
    """Say where a side is; None: nowhere, and nothing is taken from it then."""
    return _description("answer", relay_id, side, remote, six)


def query(relay_id: str) -> Message:
    """Ask for all that is known of a relay."""
    return {"command": "query", "call-id": relay_id}


def delete(relay_id: str) -> Message:
    """Close a relay at once."""
    return {"command": "delete", "call-id": relay_id, "from-tag": TAGS[0], "delete delay": 0}


def _description(command: str, relay_id: str, side: int, remote: RemoteEnd | None, six: bool) -> Message:
    # An answer's "from" is who made the offer: the other side.
    mine, other = TAGS[side], TAGS[1 - side]
    tags = {"from-tag": mine} if command == "offer" else {"from-tag": other, "to-tag": mine}
    # "strict source" takes nothing but what comes from the address in force, and that is the one that was named,
    # unless its peer may be behind a NAT. Written as a flag: as a key, 10.5 does not read it.
    learning = "heuristic" if remote is not None and remote.sources else "off"
    return {
        "command": command,
        "call-id": relay_id,
        **tags,
        "ICE": "remove",
        "flags": ["trust-address", "port-latching", "strict-source", f"endpoint-learning-{learning}"],
        "replace": ["zero-address"],  # so that a reply names our host while nobody is named
        "sdp": _sdp(remote, six),
    }


def _sdp(remote: RemoteEnd | None, six: bool) -> str:
    nobody = Address(_NOBODY[six], _DISCARD)
    rtp = remote.rtp if remote is not None else nobody
    rtcp = remote.rtcp if remote is not None else Address(nobody.host, _DISCARD + 1)
    family = "IN IP6" if six else "IN IP4"
    formats = " ".join(map(str, _FORMATS))
    return (
        f"v=0\r\no=- 1 1 {family} {rtp.host}\r\ns=-\r\nc={family} {rtp.host}\r\nt=0 0\r\n"
        f"m=audio {rtp.port} RTP/AVP {formats}\r\na=rtcp:{rtcp.port} {family} {rtcp.host}\r\n{_NAMES}"
    )


# ---- replies -----------------------------------------------------------------------------------------------------


def refusal(reply: Reply) -> str:
    """Why a request was not carried out; "" where it was."""
    if reply.get("result") in ("ok", "pong"):
        return ""
    for key in ("error-reason", "message", "result"):
        if isinstance(reason := reply.get(key), str) and reason:
            return shown(reason)
    return "no reason was given"


def read_end(reply: Reply) -> LocalEnd:
    """The ports that a reply's description names. Raises PeerError."""
    text = reply.get("sdp")
    if not isinstance(text, str):
        raise PeerError("there is no description")
    session = parse(text)
    if not session.media or session.is_hold(0):
        raise PeerError("the description names no address")
    host, rtp, rtcp = session.address_of(0)
    if not rtp or not rtcp:
        raise PeerError("the description names no port")
    return LocalEnd(host, rtp, rtcp)


def read_counts(reply: Reply) -> tuple[StreamCount, StreamCount]:
    """What came in from each side, by the reply to `query` or `delete`. Raises PeerError.

    10.5 counts what it sends to nobody: what came in from the other side, and was taken, is what went out.
    """
    one, other = ([_numbers(stream, "stats") for stream in _streams(reply, tag)] for tag in TAGS)
    return _count(one, other, _told(reply, TAGS[0])), _count(other, one, _told(reply, TAGS[1]))


def _count(own: list[dict[str, int]], other: list[dict[str, int]], told: _Told | None) -> StreamCount:
    rtp, sent = own[0], other[0]
    out = max(0, sent["packets"] - sent["errors"])
    count = StreamCount(
        packets_in=max(0, rtp["packets"] - rtp["errors"]),
        bytes_in=rtp["bytes"],
        packets_out=out,
        bytes_out=sent["bytes"],
        rejected=sum(stream["errors"] for stream in own),
    )
    if told is None:
        return count
    lost = round(out * min(told.lost_percent, 100) / 100)
    return replace(count, round_trip_ms=told.round_trip_ms, lost_there=lost, jitter_there_ms=told.jitter_ms)


@dataclass(frozen=True, slots=True)
class _Told:
    """The average of the reports of a side."""

    round_trip_ms: float
    lost_percent: float
    jitter_ms: float


def _told(reply: Reply, tag: str) -> _Told | None:
    """Reports that rtpengine has read in the RTCP of a side, which it keeps under the SSRC of who reports.

    None before that, and where it is not understood: counts that are known must not suffer from what is not.
    """
    try:
        ssrc = _integer(_streams(reply, tag)[0], "SSRC")
        average = _table(_table(_table(reply.get("SSRC")).get(str(ssrc))).get("average MOS"))
        leg_us = _integer(average, "round-trip time leg")  # without "leg" it is from one end to the other
        told = _Told(leg_us / 1000, _integer(average, "packet loss"), _integer(average, "jitter"))
    except PeerError:
        return None
    return told if min(told.round_trip_ms, told.lost_percent, told.jitter_ms) >= 0 else None


def read_heard(reply: Reply) -> tuple[Heard, ...]:
    """Read what has come from each side, and whether it points somewhere, by the reply to `query`. Raises PeerError."""
    found = []
    for tag, remote in zip(TAGS, read_remotes(reply), strict=True):
        rtp, rtcp, *_ = (_numbers(stream, "stats") for stream in _streams(reply, tag))
        found.append(Heard(rtp["packets"] - rtp["errors"], rtcp["packets"], remote is not None))
    return tuple(found)


def read_ports(reply: Reply) -> tuple[tuple[int, int], ...]:
    """The RTP and RTCP port of each side, by the reply to `query`. Raises PeerError."""
    found = []
    for tag in TAGS:
        rtp, rtcp, *_ = (_integer(stream, "local port") for stream in _streams(reply, tag))
        found.append((rtp, rtcp))
    return tuple(found)


def read_remotes(reply: Reply) -> tuple[RemoteEnd | None, ...]:
    """Where each side was last pointed, by the reply to `query`. Raises PeerError."""
    found = []
    for tag in TAGS:
        rtp, rtcp, *_ = (_address(stream) for stream in _streams(reply, tag))
        found.append(None if rtp.host in _NOBODY else RemoteEnd(rtp, rtcp))
    return tuple(found)


def _streams(reply: Reply, tag: str) -> list[dict[str, Value]]:
    """The RTP and RTCP stream of a side."""
    try:
        streams = reply["tags"][tag]["medias"][0]["streams"]  # type: ignore[call-overload, index]
        return [_table(streams[number]) for number in (0, 1)]  # type: ignore[index]
    except (LookupError, TypeError):
        raise PeerError(f"nothing is said of {tag}") from None


def _address(stream: dict[str, Value]) -> Address:
    named = _table(stream.get("advertised endpoint"))
    host = named.get("address")
    if not isinstance(host, str):
        raise PeerError("an endpoint has no address")
    return Address(host, _integer(named, "port"))


def _numbers(stream: dict[str, Value], key: str) -> dict[str, int]:
    table = _table(stream.get(key))
    return {name: _integer(table, name) for name in ("packets", "bytes", "errors")}


def _table(value: Value | None) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise PeerError("a dictionary is missing")
    return value


def _integer(table: dict[str, Value], key: str) -> int:
    value = table.get(key)
    if not isinstance(value, int):
        raise PeerError(f"{key} is no number")
    return value
