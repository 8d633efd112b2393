"""What WebRTC adds to an m-line: ICE, DTLS, the fingerprint and bundles (RFC 8839, 8842, 8122, 8843, 8829). Pure.

One video line is used. The other lines of its bundle are accepted as a=inactive and share its transport, since a WHIP
answer refuses no single line (RFC 9725 §4.4.3) and there are peers that cannot join where one is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from types import MappingProxyType

from splitter.core.errors import PeerError
from splitter.sdp.codec import Codec
from splitter.sdp.h264 import DEFAULT_PROFILE_LEVEL_ID, family_of
from splitter.sdp.model import Attribute, Connection, LocalPort, Media, Origin, Session, shown
from splitter.sdp.video import MID, SECURE, VideoFormat, answer_video, choose_video, mid_extension

MAX_CANDIDATES = 32
"""Of one peer; each may make us send checks to an address of its choice (RFC 8445 §19.5.1)."""

_MAX_FINGERPRINTS = 8
_LONGEST_CANDIDATE = 300
# RFC 8839 §5.1, §5.4 have letters, digits, "+" and "/"; there are stacks that write base64url, "=" or "#". A colon
# would end a name of STUN (RFC 8445 §7.2.2), a blank the value.
_UFRAG = re.compile(r"[!-9;-~]{4,256}\Z")
_PASSWORD = re.compile(r"[!-~]{22,256}\Z")
_FOUNDATION = re.compile(r"[A-Za-z0-9+/_=#-]{1,32}\Z")
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*\Z")
_HASHES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}  # RFC 8122 §5: their bytes; weaker ones prove nothing
# RFC 4145 §4.1. RFC 8842 §5.3 recommends "active", which saves a round trip where the answer overtakes the checks; here
# it does not. The server of DTLS chooses the SRTP profile: Chromium would take AES-CM, and so we are it.
_SETUP = {"actpass": "passive", "passive": "active", "active": "passive"}
# What stands in the tagged line of a bundle alone, once the bundle is agreed on (RFC 8843 §7.1.3).
_TRANSPORT = ("ice-ufrag", "ice-pwd", "ice-options", "candidate", "fingerprint", "setup", "rtcp-mux")
_SHARED = ("ice-ufrag", "ice-pwd", "fingerprint", "setup")
_CANDIDATES = ("candidate", "end-of-candidates")
_NO_MEDIA = frozenset({"rtx", "red", "ulpfec", "flexfec-03", "cn", "telephone-event"})


@dataclass(frozen=True, slots=True)
class SecureLocal:
    """Our side of a WebRTC transport.

    Attributes:
        ufrag, password: of ICE (RFC 8839 §5.4).
        fingerprint: as a=fingerprint says it: "sha-256 AB:CD:…" (RFC 8122 §5).
        candidates: values of a=candidate (RFC 8839 §5.1), host candidates of one component.
        ssrc, cname: of what we send (RFC 5576 §4.1); 0 where that is not known.
    """

    ufrag: str
    password: str
    fingerprint: str
    candidates: tuple[str, ...]
    ssrc: int = 0
    cname: str = ""


@dataclass(frozen=True, slots=True)
class SecureRemote:
    """The peer's side of a WebRTC transport.

    Attributes:
        ufrag, password: of ICE; other ones than before are an ICE restart (RFC 8839 §4.4.1.1.1).
        fingerprints: values of a=fingerprint, one or more.
        setup: "active", "passive" or "actpass" (RFC 8842 §5.1); "actpass" is answered "passive".
        candidates: values of a=candidate as far as they are known; more may be learned from its checks.
        lite: it does ICE lite (RFC 8839 §5.3): then we control.
    """

    ufrag: str
    password: str
    fingerprints: tuple[str, ...]
    setup: str
    candidates: tuple[str, ...] = ()
    lite: bool = False


# ---- reading -----------------------------------------------------------------------------------------------------


def is_secure(session: Session, media: Media) -> bool:
    """True for a line that WebRTC carries.

    RTP/SAVPF alone may also mean keys in the SDP (RFC 4568); with a fingerprint it means DTLS (RFC 8829 §5.1.2).
    """
    proto = media.proto.upper()
    return proto in SECURE and ("TLS/" in proto or media.has("fingerprint") or session.get("fingerprint") is not None)


def resolved(offer: Session) -> Session:
    """An offer whose bundled lines say themselves what they inherit from the tagged line (RFC 8843 §7.1.3, §6).

    A line with port 0 and a=bundle-only is not refused: it has the port of that line.
    """
    tagged: dict[str, Media] = {}
    by_mid = {mid: media for media in reversed(offer.media) if (mid := media.get("mid"))}
    for group in (value.split() for name, value in offer.attributes if name == "group" and value):
        lines = [by_mid[mid] for mid in group[1:] if mid in by_mid] if group[0].upper() == "BUNDLE" else []
        first = next((media for media in lines if media.port), None)
        if first is not None:
            tagged.update((media.get("mid") or "", first) for media in lines)
    if not tagged:
        return offer
    return replace(offer, media=tuple(_inherited(media, tagged.get(media.get("mid") or "")) for media in offer.media))


def choose_secure(offer: Session) -> tuple[int, VideoFormat]:
    """The m=video of a browser's offer to use, and its format.

    Args:
        offer: from `resolved`.
    Raises:
        PeerError: status 488 and the reason in plain words: no WebRTC video, or no H.264 baseline in it.
    """
    fault = ""
    for index, media in enumerate(offer.media):
        if media.kind != "video" or not is_secure(offer, media):
            continue
        if chosen := choose_video(media, offer.attributes, SECURE):
            return index, chosen
        fault = fault or _fault(media)
    raise PeerError(fault or "the offer has no WebRTC video (m=video over UDP/TLS/RTP/SAVPF)", 488)


def read_secure(session: Session, index: int) -> SecureRemote:
    """The ICE and DTLS side of a line (RFC 8839 §5, RFC 8842 §5, RFC 8122 §5), its own or the session's.

    Args:
        session: an offer from `resolved`, or an answer.
    Raises:
        PeerError: status 488 and what is missing or cannot be used.
    """
    media = session.media[index]
    if not media.has("rtcp-mux"):
        raise PeerError("video without a=rtcp-mux is not supported (RFC 8834 §4.5)", 488)
    setup = (media.get("setup") or session.get("setup") or "").strip().lower()
    if setup not in _SETUP:
        raise PeerError(f"a=setup is {shown(setup, 20) or 'missing'} (RFC 8842 §5.1)", 488)
    ufrag, password = media.get("ice-ufrag") or session.get("ice-ufrag"), media.get("ice-pwd")
    ufrag, password = checked_credentials(ufrag or "", password or session.get("ice-pwd") or "")
    named = media.get_all("fingerprint") or [value or "" for name, value in session.attributes if name == "fingerprint"]
    return SecureRemote(
        ufrag=ufrag,
        password=password,
        fingerprints=_fingerprints(named),
        setup=setup,
        candidates=usable_candidates(media.get_all("candidate")),
        lite=session.get("ice-lite") is not None,
    )


def checked_credentials(ufrag: str, password: str) -> tuple[str, str]:
    """ICE credentials of the peer (RFC 8839 §5.4).

    Raises:
        PeerError: status 488 if they are missing, too short, too long, or of other letters.
    """
    ufrag, password = ufrag.strip(), password.strip()
    if not _UFRAG.match(ufrag) or not _PASSWORD.match(password):
        raise PeerError("a=ice-ufrag or a=ice-pwd is missing or no ICE credential (RFC 8839 §5.4)", 488)
    return ufrag, password


def usable_candidates(values: Iterable[str], limit: int = MAX_CANDIDATES) -> tuple[str, ...]:
    """The candidates of a peer that we can check: UDP, component 1, an IP address; at most `limit`.

    mDNS names that hide an address (draft-ietf-mmusic-mdns-ice-candidates) are left out: where the peer really is, its
    own checks show.
    """
    found: dict[str, None] = {}
    for value in values:
        if len(found) == limit:
            break
        if _is_usable(value):
            found[" ".join(value.split())] = None
    return tuple(found)


# ---- answering ---------------------------------------------------------------------------------------------------


def answer_line(
    offer: Session,
    index: int,
    chosen: VideoFormat,
    local: LocalPort,
    secure: SecureLocal,
    direction: str,
    bitrate_kbps: int,
    stream: str = "call",
) -> Media:
    """Our m=video in answer to a browser's (RFC 8829 §5.3.1): one H.264 format, one candidate set, one port.

    Args:
        offer: from `resolved`.
        chosen: from `choose_secure`.
        local: our port; RTCP shares it (RFC 5761).
        direction: bounded by `answer_direction` already.
        bitrate_kbps: b=AS that we want at most.
        stream: what scripts know the MediaStream of its track by (RFC 8830).
    """
    offered = offer.media[index]
    line = answer_video(offered, chosen, local, direction, bitrate_kbps, session_attributes=offer.attributes)
    setup = _SETUP[(offered.get("setup") or offer.get("setup") or "actpass").strip().lower()]
    mid = offered.get("mid")
    attributes = [
        *([Attribute("mid", mid)] if mid else []),
        Attribute("ice-ufrag", secure.ufrag),
        Attribute("ice-pwd", secure.password),
        Attribute("fingerprint", secure.fingerprint),
        Attribute("setup", setup),
        *line.without(("rtcp",)).attributes,
        *([Attribute("extmap", f"{chosen.mid_id} {MID}")] if chosen.mid_id is not None else []),
        Attribute("rtcp-mux"),
        Attribute("msid", f"{stream} video"),  # else scripts get a track that belongs to no stream
        *(_source(secure) if direction in ("sendrecv", "sendonly") else ()),
        *(Attribute("candidate", candidate) for candidate in secure.candidates),
        Attribute("end-of-candidates"),  # RFC 8840 §8.2
    ]
    return line.with_(attributes=tuple(attributes))


def answer(
    offer: Session, index: int, line: Media, origin: Origin, more: Mapping[int, Media] = MappingProxyType({})
) -> Session:
    """The whole answer: our line, what shares its bundle as a=inactive, and the rest refused (RFC 8843 §7.3).

    Args:
        offer: from `resolved`.
        index: of our line.
        line: from `answer_line`.
        more: further lines of ours on its transport, by index.
    """
    bundled = sharing(offer, index)
    ours = {index: line, **{at: media.without(_CANDIDATES) for at, media in more.items() if at in bundled}}
    lines = [
        ours[at] if at in ours else _idle(media, line) if at in bundled else refused(media)
        for at, media in enumerate(offer.media)
    ]
    if bundled and bundled[0] != index:  # the candidates stand in the tagged line alone (RFC 8843 §10)
        moved = [item for item in line.attributes if item.name in _CANDIDATES]
        tagged = lines[bundled[0]]
        lines[bundled[0]] = tagged.with_(attributes=(*tagged.attributes, *moved))
        lines[index] = line.without(_CANDIDATES)
    mids = " ".join(offer.media[at].get("mid") or "" for at in bundled)
    host = line.connection.host if line.connection else origin.address
    return Session(
        origin=origin,
        connection=Connection.to(host),
        times=tuple(time for time in offer.times if time.startswith("t=")) or ("t=0 0",),
        attributes=(Attribute("group", f"BUNDLE {mids}"),) if bundled else (),
        media=tuple(lines),
    )


def tagged(answer: Session) -> Media:
    """The line of an answer of ours whose transport all in its bundle share: the group's first (RFC 8843 §7.3.1)."""
    in_use = [media for media in answer.media if media.port]
    mids = (answer.get("group") or "").split()[1:2]
    return next((media for media in in_use if media.get("mid") in mids), in_use[0])


# ---- inside ------------------------------------------------------------------------------------------------------


def _inherited(media: Media, tagged: Media | None) -> Media:
    if tagged is None or tagged is media:
        return media
    if not media.port and not media.has("bundle-only"):
        return media  # refused
    if not media.has("ice-ufrag"):
        kept = media.without(_TRANSPORT).attributes
        media = media.with_(attributes=(*kept, *(item for item in tagged.attributes if item.name in _TRANSPORT)))
    return media.with_(port=media.port or tagged.port)


def sharing(offer: Session, index: int) -> tuple[int, ...]:
    """The lines that share a line's bundle, itself among them, in the order of the group; () where it is in none."""
    places: dict[str, int] = {}
    for at, media in enumerate(offer.media):
        if mid := media.get("mid"):
            places.setdefault(mid, at)
    for name, value in offer.attributes:
        words = (value or "").split() if name == "group" else []
        members = dict.fromkeys(places[mid] for mid in words[1:] if mid in places)
        if words and words[0].upper() == "BUNDLE" and index in members:
            return tuple(
                at for at in members if at == index or (offer.media[at].port and is_secure(offer, offer.media[at]))
            )
    return ()


def _idle(media: Media, line: Media) -> Media:
    """A line that is accepted and carries nothing, on the transport of ours.

    Credentials and fingerprint are repeated, as browsers do: not every peer looks them up in the tagged line.
    """
    mid, bare = media.get("mid"), _bare(media)
    shared = tuple(item for item in line.attributes if item.name in _SHARED)
    muxed = tuple(item for item in line.attributes if item.name == "rtcp-mux" and media.has("rtcp-mux"))
    named = mid_extension(media)
    return bare.with_(
        port=line.port,
        connection=line.connection,
        attributes=(
            *([Attribute("mid", mid)] if mid else []),
            *shared,
            *(item for item in bare.attributes if item.name != "mid"),
            *([Attribute("extmap", f"{named} {MID}")] if named is not None else []),
            Attribute("inactive"),
            *muxed,
        ),
    )


def refused(media: Media) -> Media:
    """A line with port 0. It keeps its mid, by which a browser knows it (RFC 8829 §5.3.1)."""
    return _bare(media).with_(port=0)


def _bare(media: Media) -> Media:
    """A line with one format that the peer named and what that stands for: some peers read it of unused lines too."""
    codec = next((one for one in media.codecs if one.name.lower() not in _NO_MEDIA), None)
    chosen = str(codec.payload_type) if codec is not None else next(iter(media.formats), "0")
    about = (item for item in media.attributes if item.name in ("rtpmap", "fmtp"))
    mid = media.get("mid")
    return Media(
        kind=media.kind,
        port=media.port,
        proto=media.proto,
        formats=(chosen,),
        attributes=(
            *([Attribute("mid", mid)] if mid else []),
            *(item for item in about if (item.value or "").split(" ", 1)[0] == chosen),
        ),
    )


def _source(secure: SecureLocal) -> list[Attribute]:
    """RFC 5576 §4.1: peers that tell streams apart by it know ours before its first packet."""
    return [Attribute("ssrc", f"{secure.ssrc} cname:{secure.cname or '-'}")] if secure.ssrc else []


def _fault(media: Media) -> str:
    if not media.port:
        return "video is offered with port 0"
    names = dict.fromkeys(_named(codec) for codec in media.codecs if codec.name.lower() not in _NO_MEDIA)
    return f"video has no H.264 baseline; it offers {shown(', '.join(names), 100) or 'nothing known'}"


def _named(codec: Codec) -> str:
    if codec.name.upper() != "H264":
        return codec.name
    family = family_of(codec.parameters.get("profile-level-id", DEFAULT_PROFILE_LEVEL_ID).lower())
    return f"H264 {family or 'of no known profile'}"


def _fingerprints(values: Iterable[str]) -> tuple[str, ...]:
    found: list[str] = []
    others: list[str] = []
    for value in values:
        name, _, digits = value.strip().partition(" ")
        name, digits = name.lower(), digits.strip()
        if name not in _HASHES:
            others.append(name)
        elif len(digits) == 3 * _HASHES[name] - 1 and _FINGERPRINT.match(digits):
            found.append(f"{name} {digits.upper()}")
        else:
            raise PeerError(f"a=fingerprint is no {name} value (RFC 8122 §5)", 488)
    if not found:
        only = f": only {shown(', '.join(others), 40)}, which is too weak" if others else ""
        raise PeerError(f"no a=fingerprint that can be used{only} (RFC 8122 §5)", 488)
    return tuple(found[:_MAX_FINGERPRINTS])


def _is_usable(value: str) -> bool:
    """RFC 8839 §5.1: foundation, component, transport, priority, address, port, "typ", type."""
    words = value.split() if len(value) <= _LONGEST_CANDIDATE and value.isascii() else []
    if len(words) < 8 or words[1] != "1" or words[2].lower() != "udp" or words[6] != "typ":
        return False
    if not _FOUNDATION.match(words[0]) or not _is_number(words[3], 2**32) or not _is_number(words[5], 65536):
        return False
    try:
        address = ip_address(words[4])
    except ValueError:
        return False
    # A scope names an interface of the peer's own host (RFC 4007 §6); the system would look for it among ours.
    return not (address.is_unspecified or address.is_multicast or "%" in words[4])


def _is_number(digits: str, limit: int) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) <= 10 and 0 < int(digits) < limit
