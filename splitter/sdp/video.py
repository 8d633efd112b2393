"""Video m-lines: choosing H.264 (RFC 6184), answering, offering and refusing it in MTSI terms (TS 26.114). Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a peer can receive, as its m=video says.

    Attributes:
        payload_type: of H.264 in the peer's SDP.
        packetization_mode: 0 or 1 (RFC 6184 §6.2, §6.3).
        profile_level_id: six hex digits, lower case.
        level_idc: ten times the level, e.g. 31; 9 for level 1b.
        max_macroblocks: per frame (MaxFS).
        max_macroblocks_per_s: (MaxMBPS).
        bitrate_kbps: b=AS of the m-line, else what the level allows.
        size: width and height that the peer wants to receive (a=imageattr, RFC 6236), None if it does not say.
        parameter_sets: the NAL units of sprop-parameter-sets, SPS before PPS as they came.
        feedback: those of "nack", "nack pli", "ccm fir", "ccm tmmbr" that it understands.
        avpf: the feedback profile is in force or can be had (RTP/AVPF, or tcap/pcfg of RFC 5939).
        orientation_id: id of the header extension urn:3gpp:video-orientation (RFC 8285), None if not offered.
    """

    payload_type: int
    packetization_mode: int = 1
    profile_level_id: str = "42e01f"
    level_idc: int = 31
    max_macroblocks: int = 3600
    max_macroblocks_per_s: int = 108000
    bitrate_kbps: int = 960
    size: tuple[int, int] | None = None
    parameter_sets: tuple[bytes, ...] = ()
    feedback: frozenset[str] = frozenset({"nack", "nack pli", "ccm fir", "ccm tmmbr"})
    avpf: bool = True
    orientation_id: int | None = None
