"""The ends of a stream: ours, the peer's, and what was counted there. Pure."""

from __future__ import annotations

from dataclasses import replace

from splitter.core.frozen import frozen
from splitter.core.net import Address
from splitter.sdp.srtp import StreamKeys
from splitter.sdp.voice import VoiceFormat


@frozen
class LocalEnd:
    """Our ports of one stream. `host` is what SDP says (the advertised address of the network)."""

    host: str
    rtp_port: int
    rtcp_port: int


@frozen
class RemoteEnd:
    """Where the peer's SDP says it receives.

    Packets are accepted only from `rtp.host`; its port may be relearned from the first packets after each
    `point` (symmetric RTP behind NAT), within the latching window, and never afterwards. `sources`: networks such
    as "10.1.0.0/24" from whose hosts it may be learned as well, until the named address speaks. `voice`: what it
    speaks; a relay of two sides carries bytes and need not know, a mix must. `keys`: of SRTP; None for plain RTP.
    """

    rtp: Address
    rtcp: Address
    sources: tuple[str, ...] = ()
    voice: VoiceFormat | None = None
    keys: StreamKeys | None = None

    @property
    def heard_only(self) -> RemoteEnd:
        """The same where nothing may be encrypted by the key of ours any more; see `StreamKeys.receiving`."""
        return self if self.keys is None else replace(self, keys=self.keys.receiving)


@frozen
class StreamCount:
    """Counters of one direction-pair at one end. Times are in milliseconds; -1 is unknown, everywhere.

    `lost` and `jitter_ms` (RFC 3550 §6.4.1) are ours, of what came in. What the peer's RTCP says of what went out is
    `lost_there` and `jitter_there_ms`, and how long it takes to it and back `round_trip_ms`. `transit_s` and `cname`,
    None and "" while unknown, are of what comes in: see `splitter.rtp.transit`.
    """

    packets_in: int = 0
    bytes_in: int = 0
    packets_out: int = 0
    bytes_out: int = 0
    lost: int = 0
    rejected: int = 0  # from a source that the signalling did not name
    jitter_ms: float = -1.0
    round_trip_ms: float = -1.0
    lost_there: int = -1
    jitter_there_ms: float = -1.0
    transit_s: float | None = None
    cname: str = ""
