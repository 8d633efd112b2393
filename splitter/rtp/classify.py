"""What kind of datagram a media port got, by its first two bytes (RFC 7983, RFC 5761 §4). Pure."""

from __future__ import annotations

from enum import Enum

from splitter.rtp.packet import Buffer


class Kind(Enum):
    """What shares a media port."""

    RTP = "rtp"
    RTCP = "rtcp"
    STUN = "stun"
    DTLS = "dtls"
    OTHER = "other"


def classify(data: Buffer) -> Kind:
    """Tell the protocols on one port apart; says nothing about whether the rest is well formed."""
    if len(data) < 2:
        return Kind.OTHER
    first = data[0]
    if 128 <= first <= 191:
        # RTCP's packet types 192–223 are RTP's payload types 64–95 with the marker set, which RTP must not use.
        return Kind.RTCP if 192 <= data[1] <= 223 else Kind.RTP
    if first <= 3:
        return Kind.STUN
    if 20 <= first <= 63:
        return Kind.DTLS
    return Kind.OTHER
