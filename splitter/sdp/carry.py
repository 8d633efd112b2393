"""What of an audio m-line crosses from one leg to the other, and what ends at each leg. Pure.

Audio is negotiated between the caller and the centre: formats, rtpmap, fmtp, ptime and every attribute we have never
heard of go through unchanged. What names a transport, its security or its reservation belongs to one leg and ends
there. `ENDS_HERE` is the one place where that is decided.
"""

from __future__ import annotations

from collections.abc import Collection

from splitter.sdp.fmtp import meaning_of
from splitter.sdp.model import DIRECTIONS, Attribute, Connection, LocalPort, Media, Session

ENDS_HERE = frozenset(
    {
        # Resource reservation of one access network: preconditions (RFC 3312 §4), who reserves how (RFC 5432).
        *("curr", "des", "conf", "qos-mech-send", "qos-mech-recv", "3gpp-qos-hint"),
        # ICE (RFC 8839 §5): candidates are addresses of one leg.
        *("candidate", "remote-candidates", "end-of-candidates", "ice-ufrag", "ice-pwd", "ice-options"),
        *("ice-lite", "ice-mismatch", "ice-pacing"),
        # Where RTCP goes and how it is reported (RFC 3605, 5761, 8858, 5506, 3611): we write our own where needed.
        *("rtcp", "rtcp-mux", "rtcp-mux-only", "rtcp-rsize", "rtcp-unicast", "rtcp-xr", "rtcp-fb"),
        # Sources and bundles (RFC 5576, 5888, 8830, 8843): they tie lines together that do not travel together.
        *("ssrc", "ssrc-group", "msid", "msid-semantic", "mid", "group", "bundle-only", "rid", "simulcast"),
        # Keys and security set-up of one hop (RFC 4568, 4567, 8122, 8842, 4145, 8224, 9335; TS 33.328 for 3ge2ae;
        # those of Lync, Snom and Polycom have no standard).
        *("crypto", "key-mgmt", "fingerprint", "tls-id", "setup", "connection", "identity", "3ge2ae", "zrtp-hash"),
        *("cryptex", "cryptoscale", "encryption", "dtls-id"),
        # Marks of SIP proxies that have changed the address: ours is another one, and the old one nobody's business.
        *("nortpproxy", "direction", "oldmediaip", "oldmediaip6", "oldmediaport"),
        # Capability negotiation (RFC 5939, 6871, 7006): answered by its receiver.
        *("csup", "creq", "acap", "tcap", "pcfg", "acfg", "rmcap", "omcap", "mfcap", "mscap", "lcfg", "sescap"),
        *("bcap", "ccap", "icap"),
        # More addresses: alternatives (RFC 6947), source filters (RFC 4570), IMS route optimisation (TS 29.079).
        *("altc", "source-filter", "visited-realm", "secondary-realm", "omr-codecs", "omr-m-cksum", "omr-s-cksum"),
        *("omr-m-att", "omr-s-att", "omr-m-bw", "omr-s-bw"),
    }
)
"""Names of attributes that never cross. Everything else does, known or not."""

FOLDED = frozenset({"extmap", "extmap-allow-mixed"})
"""Session-level attributes that speak of the m-line too and so are folded into it (RFC 8285 §5, RFC 8866 §5.13)."""

_PER_FORMAT = frozenset({"rtpmap", "fmtp"})
_KEY = "inline:"  # RFC 4568 §6.1; there are attributes around a=crypto, such as a=cpar (RFC 3407)


def carried(source: Session, index: int, local: LocalPort, proto: str, direction: str) -> Media:
    """An m-line of one leg, made ready for the other.

    Args:
        source: what the one side sent.
        index: its m-line.
        local: our end on the leg it goes to.
        proto: the transport protocol of that leg.
        direction: what the line says there.
    Returns: the line with our address and without what ends here; formats, b= and all else unchanged. It has no c=
        of its own: the session that takes it in has one.
    """
    media = source.media[index]
    kept = [item for item in source.attributes if item.name in FOLDED]
    kept += [item for item in media.attributes if item.name not in ENDS_HERE and _KEY not in (item.value or "")]
    line = Media(
        kind=media.kind,
        port=local.rtp_port,
        proto=proto,
        formats=media.formats,
        title=media.title,
        bandwidths=media.bandwidths,
        attributes=tuple(kept),
    )
    return with_rtcp(line.with_direction(direction), local)


def narrowed(media: Media, formats: Collection[str]) -> Media:
    """The line with only these of its formats, and without the attributes of the others."""
    kept = tuple(payload_type for payload_type in media.formats if payload_type in formats)
    if kept == media.formats:
        return media
    attributes = tuple(
        item
        for item in media.attributes
        if item.name not in _PER_FORMAT or (item.value or "").partition(" ")[0] in kept
    )
    return media.with_(formats=kept, attributes=attributes)


def with_rtcp(media: Media, local: LocalPort) -> Media:
    """The line with a=rtcp where our RTCP port is not the one after the RTP port (RFC 3605 §2.1)."""
    if local.rtcp_port == local.rtp_port + 1:
        return media
    return media.with_(attributes=(*media.attributes, Attribute("rtcp", str(local.rtcp_port))))


def moved(media: Media, local: LocalPort) -> Media:
    """A line that we sent before, now at another of our ends."""
    line = media.without(("rtcp", "acfg")).with_(port=local.rtp_port, connection=Connection.to(local.host))
    return with_rtcp(line, local)


def essence(source: Session, index: int) -> tuple[object, ...]:
    """What of an m-line the other leg would notice: two lines of equal essence are the same to it."""
    media = source.media[index]
    names = ENDS_HERE.union(DIRECTIONS)
    codecs = {str(codec.payload_type): codec for codec in media.codecs}
    attributes: list[object] = [item for item in source.attributes if item.name in FOLDED]
    for item in media.attributes:
        of_codec = item.name in _PER_FORMAT and (item.value or "").partition(" ")[0] in codecs
        if item.name not in names and not of_codec:
            attributes.append(item)
    attributes += [(number, codec.key, frozenset(meaning_of(codec).items())) for number, codec in codecs.items()]
    return (media.kind, media.port == 0, media.formats, source.flow_of(index), frozenset(attributes))
