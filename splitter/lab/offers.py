"""Session descriptions as the lab's parties write them: an SBC's for a ViLTE handset, a SIP video client's. Pure.

They are written as text, from captures and standards, and not with splitter.sdp: the lab stands for the neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from splitter.sdp.model import MediaPort


class Voice(StrEnum):
    """What the audio line of a handset's offer holds."""

    G711 = "g711"  # transcoded by the SBC: `8 0 101`
    G711_G729 = "g711-g729"  # the same with G.729: `8 0 18 101`
    AMR = "amr"  # as the handset sent it: AMR-WB and AMR; for tests of SDP, the lab does not code it
    EVS = "evs"  # EVS first; likewise


class VideoLine(StrEnum):
    """What the video line of a handset's offer holds."""

    VILTE = "vilte"  # H.265 and H.264 mode 1, feedback by capability negotiation (RFC 5939)
    TALL = "tall"  # H.264 alone, held upright: 480 x 640, which its answers say too
    BOTH_MODES = "both-modes"  # H.264 twice: mode 1 and mode 0
    MODE_0 = "mode-0"  # TS 26.114 A.4: 42e00c, packetization mode 0 alone, no feedback
    NONE = "none"  # no video line


@dataclass(frozen=True, slots=True)
class LineNumbers:
    """The o= line's numbers and our ends; `video` None and `video_port_zero` say how a video line is left away.

    Attributes:
        session_id, version: RFC 3264 §8: the version rises with each change.
        audio_direction, video_direction: RFC 3264 §6.1.
    """

    host: str
    session_id: int
    version: int
    audio: MediaPort | None
    video: MediaPort | None
    audio_direction: str = "sendrecv"
    video_direction: str = "sendrecv"


_VOICE = {
    Voice.G711: "8 0 101|a=rtpmap:8 PCMA/8000|a=rtpmap:0 PCMU/8000|a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-15",
    Voice.G711_G729: "8 0 18 101|a=rtpmap:8 PCMA/8000|a=rtpmap:0 PCMU/8000|a=rtpmap:18 G729/8000|a=fmtp:18 annexb=no"
    "|a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-15",
    Voice.AMR: "107 106 105 104 101 102|a=rtpmap:107 AMR-WB/16000/1|a=fmtp:107 mode-change-capability=2;max-red=0"
    "|a=rtpmap:106 AMR-WB/16000/1|a=fmtp:106 octet-align=1;mode-change-capability=2;max-red=0"
    "|a=rtpmap:105 AMR/8000/1|a=fmtp:105 mode-change-capability=2;max-red=0"
    "|a=rtpmap:104 AMR/8000/1|a=fmtp:104 octet-align=1;mode-change-capability=2;max-red=0"
    "|a=rtpmap:101 telephone-event/16000|a=fmtp:101 0-15|a=rtpmap:102 telephone-event/8000|a=fmtp:102 0-15",
    Voice.EVS: "127 107 105 8 101 102|a=rtpmap:127 EVS/16000/1|a=fmtp:127 br=9.6-24.4;bw=swb;max-red=0"
    "|a=rtpmap:107 AMR-WB/16000/1|a=fmtp:107 mode-change-capability=2;max-red=0"
    "|a=rtpmap:105 AMR/8000/1|a=fmtp:105 mode-change-capability=2;max-red=0|a=rtpmap:8 PCMA/8000"
    "|a=rtpmap:101 telephone-event/16000|a=fmtp:101 0-15|a=rtpmap:102 telephone-event/8000|a=fmtp:102 0-15",
}
_FEEDBACK = "a=rtcp-fb:* trr-int 5000|a=rtcp-fb:* nack|a=rtcp-fb:* nack pli|a=rtcp-fb:* ccm fir|a=rtcp-fb:* ccm tmmbr"
_ORIENTATION = "a=extmap:7 urn:3gpp:video-orientation"
# What a handset says of its screen and its camera in an answer as well (RFC 6236).
SIZES = {VideoLine.TALL: "send [x=480,y=640] recv [x=480,y=640]"}
_PICTURE = {
    VideoLine.VILTE: "120 123|a=tcap:1 RTP/AVPF|a=pcfg:1 t=1|a=rtpmap:120 H265/90000"
    "|a=fmtp:120 profile-id=1;level-id=93"
    "|a=rtpmap:123 H264/90000|a=fmtp:123 profile-level-id=42C01F;packetization-mode=1"
    f"|a=imageattr:123 send [x=320,y=240] recv [x=320,y=240]|{_FEEDBACK}|{_ORIENTATION}",
    VideoLine.BOTH_MODES: "123 124|a=tcap:1 RTP/AVPF|a=pcfg:1 t=1"
    "|a=rtpmap:123 H264/90000|a=fmtp:123 profile-level-id=42C016;packetization-mode=1"
    f"|a=rtpmap:124 H264/90000|a=fmtp:124 profile-level-id=42C016;packetization-mode=0|{_FEEDBACK}|{_ORIENTATION}",
    VideoLine.TALL: "123|a=tcap:1 RTP/AVPF|a=pcfg:1 t=1|a=rtpmap:123 H264/90000"
    "|a=fmtp:123 profile-level-id=42C01F;packetization-mode=1"
    f"|a=imageattr:123 {SIZES[VideoLine.TALL]}|{_FEEDBACK}|{_ORIENTATION}",
    VideoLine.MODE_0: "99|a=rtpmap:99 H264/90000|a=fmtp:99 profile-level-id=42e00c;packetization-mode=0",
}
_QOS = (
    "a=curr:qos local none",
    "a=curr:qos remote none",
    "a=des:qos mandatory local sendrecv",
    "a=des:qos optional remote sendrecv",
)


def handset_offer(description: LineNumbers, voice: Voice, picture: VideoLine, preconditions: bool = False) -> bytes:
    """An offer as an SBC passes it on for a ViLTE handset.

    Args:
        description: our ends; a picture whose `description.video` is None is offered with port 0.
        voice, picture: which lines.
        preconditions: with the QoS lines of RFC 3312 in each m-line.
    """
    assert description.audio is not None
    lines = _head(description, "b=AS:1001", "b=RR:7537", "b=RS:8512")
    formats, *attributes = _VOICE[voice].split("|")
    qos = list(_QOS) if preconditions else []
    lines += [f"m=audio {description.audio.rtp_port} RTP/AVP {formats}", "b=AS:80", "b=RR:1537", "b=RS:512"]
    lines += [*attributes, "a=ptime:20", "a=maxptime:240", *qos, f"a={description.audio_direction}"]
    if picture is not VideoLine.NONE:
        formats, *attributes = _PICTURE[picture].split("|")
        port = description.video.rtp_port if description.video else 0
        lines += [f"m=video {port} RTP/AVP {formats}", "b=AS:960", "b=RR:6000", "b=RS:8000"]
        lines += [*attributes, *qos, f"a={description.video_direction}"]
    return _text(lines)


def seat_offer(description: LineNumbers, payload_type: int = 99, mode: int = 1) -> bytes:
    """A video-only offer of a SIP client."""
    assert description.video is not None
    lines = _head(description, "b=AS:1200")
    lines += [f"m=video {description.video.rtp_port} RTP/AVPF {payload_type}", "b=AS:1200"]
    lines += [
        f"a=rtpmap:{payload_type} H264/90000",
        f"a=fmtp:{payload_type} profile-level-id=42e01f;packetization-mode={mode}",
        f"a=rtcp-fb:{payload_type} nack pli",
        f"a=rtcp-fb:{payload_type} ccm fir",
        f"a={description.video_direction}",
    ]
    return _text(lines)


def _head(description: LineNumbers, *bandwidths: str) -> list[str]:
    family = "IP6" if ":" in description.host else "IP4"
    return [
        "v=0",
        f"o=lab {description.session_id} {description.version} IN {family} {description.host}",
        "s=-",
        f"c=IN {family} {description.host}",
        *bandwidths,
        "t=0 0",
    ]


def _text(lines: list[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode()
