"""Video m-lines: choosing H.264 (RFC 6184), answering, offering and refusing it in MTSI terms (TS 26.114). Pure."""

from __future__ import annotations

import base64
import binascii
import math
import re
from dataclasses import dataclass, replace

from splitter.sdp.carry import moved, with_rtcp
from splitter.sdp.codec import Codec
from splitter.sdp.h264 import DEFAULT_PROFILE_LEVEL_ID, Level, family_of, level_of
from splitter.sdp.model import DIRECTIONS, Attribute, Bandwidth, Connection, LocalPort, Media, shown
from splitter.sdp.offer_answer import answer_direction

ORIENTATION = "urn:3gpp:video-orientation"
"""The header extension that says how a picture is turned (TS 26.114 §7.4.5)."""

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
"""The header extension that says to which m-line a packet belongs (RFC 8843 §15)."""

FEEDBACK = ("nack", "nack pli", "ccm fir", "ccm tmmbr")
"""The feedback that we understand (RFC 4585 §4.2, RFC 5104 §7.1), in the order we write it."""

SECURE_FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb")
"""The same for browsers, which are told a rate by REMB (draft-alvestrand-rmcat-remb) and know no TMMBR."""

PLAIN = frozenset({"RTP/AVP", "RTP/AVPF"})
SECURE = frozenset(f"{below}RTP/{profile}" for below in ("", "UDP/TLS/", "TCP/DTLS/") for profile in ("SAVP", "SAVPF"))
"""What WebRTC is carried over, in any of the spellings that an offer may have (RFC 8829 §5.1.2)."""

# Pictures as cameras take them, where a peer does not say what it wants, and the bit rate from which each looks good.
_USUAL = (((1280, 720), 1200), ((640, 480), 250), ((320, 240), 96), ((176, 144), 0))
_FRAME_RATE = 30
_MACROBLOCK = 16  # pixels, both ways
_LONGEST_MID, _LONG_FORM = 16, 15  # what one-byte header extensions can say (RFC 8285 §4.2)
_FAMILIES = ("constrained baseline", "baseline")
_SIZE = re.compile(r"\[x=(\d{1,5}),y=(\d{1,5})[,\]]")

Attributes = tuple[Attribute, ...]


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
        feedback: those of "nack", "nack pli", "ccm fir", "ccm tmmbr" (of a browser "goog-remb") that it understands.
        avpf: the feedback profile is in force or can be had (RTP/AVPF, UDP/TLS/RTP/SAVPF, or tcap/pcfg of RFC 5939).
        orientation_id: id of the header extension urn:3gpp:video-orientation (RFC 8285), None if not offered.
        orientation_flow: which way the peer would have that go, as a direction in SDP.
        other_number: another payload type under which it may come, see `received_as`; None for none.
        mid_id, mid: id of the header extension that names the m-line (RFC 8843 §15) and its name; None and "" where
            a peer does not want it.
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
    feedback: frozenset[str] = frozenset(FEEDBACK)
    avpf: bool = True
    orientation_id: int | None = None
    orientation_flow: str = "sendrecv"
    mid_id: int | None = None
    mid: str = ""
    other_number: int | None = None

    @property
    def to_peer(self) -> VideoFormat:
        """The format as what goes to the peer has it: without the orientation where the peer would not have that."""
        return self if self.orientation_flow in ("sendrecv", "recvonly") else replace(self, orientation_id=None)

    @property
    def from_peer(self) -> VideoFormat:
        """The format as what comes from the peer has it, without the orientation where that would not be sent."""
        return self if self.orientation_flow in ("sendrecv", "sendonly") else replace(self, orientation_id=None)


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be sent to a viewer: picture size in pixels, pictures per second, kbit/s."""

    width: int
    height: int
    frame_rate: int
    bitrate_kbps: int


def limits_of(wanted: VideoFormat) -> Limits:
    """What an encoder must keep to, so that a peer can take it: the least of level, a=imageattr and b=AS.

    A size that the peer asked for keeps its proportions, and so its orientation, as far as whole macroblocks allow;
    where it asked for none, the picture lies across, as desks' cameras take it.
    """
    bitrate_kbps = min(wanted.bitrate_kbps, level_of(wanted.profile_level_id).bitrate_kbps)
    if wanted.size is not None:
        width, height = _within(wanted.size, wanted.max_macroblocks)
    else:
        fitting = (
            size for size, kbps in _USUAL if kbps <= bitrate_kbps and macroblocks_of(*size) <= wanted.max_macroblocks
        )
        width, height = next(fitting, _USUAL[-1][0])
    frame_rate = wanted.max_macroblocks_per_s // macroblocks_of(width, height)
    return Limits(width, height, max(1, min(_FRAME_RATE, frame_rate)), bitrate_kbps)


def macroblocks_of(width: int, height: int) -> int:
    """The number of macroblocks of a picture (H.264 §7.4.2.1.1)."""
    return -(-width // _MACROBLOCK) * -(-height // _MACROBLOCK)


def _within(size: tuple[int, int], max_macroblocks: int) -> tuple[int, int]:
    """The largest size in whole macroblocks of about the same proportions that is not larger than either bound."""
    width, height = (max(1, side // _MACROBLOCK) for side in size)
    scale = min(1.0, math.sqrt(max_macroblocks / (width * height)))
    width, height = (min(max(1, round(side * scale)), max_macroblocks) for side in (width, height))
    while width * height > max_macroblocks:
        wider = width > height or (width == height and size[0] < size[1])  # a square turns the way that was asked for
        width, height = (width - 1, height) if wider else (width, height - 1)
    return width * _MACROBLOCK, height * _MACROBLOCK


def choose_video(
    media: Media, session_attributes: Attributes = (), protos: frozenset[str] = PLAIN
) -> VideoFormat | None:
    """The best usable H.264 of an offered or answered m=video.

    Constrained baseline and baseline are used, compared by profile and constraint flags (RFC 6184 §8.1, table 5),
    never as text; packetization mode 1 before 0, then constrained baseline first, then the peer's order.

    Args:
        media: the peer's line.
        session_attributes: the session's, for an extmap or tcap that stands there.
        protos: what the line may run over.
    Returns: None if the line is off, runs over something else, or has no such format.
    """
    if media.port == 0 or media.proto.upper() not in protos:
        return None
    best: tuple[tuple[int, int], Codec, str] | None = None
    for codec in media.codecs:
        if codec.name.upper() != "H264" or codec.clock != 90000:
            continue
        parameters = codec.parameters
        identity = parameters.get("profile-level-id", DEFAULT_PROFILE_LEVEL_ID).lower()
        mode = parameters.get("packetization-mode", "0")  # RFC 6184 §8.1: absent means 0
        family = family_of(identity)
        if mode not in ("0", "1") or family not in _FAMILIES:
            continue
        rank = (-int(mode), _FAMILIES.index(family))
        if best is None or rank < best[0]:
            best = (rank, codec, identity)
    return _format(media, best[1], best[2], session_attributes) if best else None


def received_as(ours: Media, chosen: VideoFormat) -> VideoFormat:
    """The format as what comes from the peer has it: under the number that our line gave it (RFC 3264 §5.1, §6.1).

    A peer that answers with a number of its own may send under that all the same.
    """
    known = {codec.payload_type: _likeness(codec, chosen) for codec in ours.codecs if codec.name.upper() == "H264"}
    if not known or chosen.payload_type in known:
        return chosen
    return replace(chosen, payload_type=max(known, key=known.__getitem__), other_number=chosen.payload_type)


def _likeness(codec: Codec, chosen: VideoFormat) -> tuple[bool, bool]:
    """What a format of ours has in common with the one of an answer: the packetization mode, the profile."""
    parameters = codec.parameters
    identity = parameters.get("profile-level-id", DEFAULT_PROFILE_LEVEL_ID).lower()
    mode = parameters.get("packetization-mode", "0")
    return mode == str(chosen.packetization_mode), family_of(identity) == family_of(chosen.profile_level_id)


def video_fault(media: Media) -> str:
    """Why `choose_video` finds nothing in a line, in plain words; "" if it does."""
    if choose_video(media):
        return ""
    if media.port == 0:
        return "video is offered with port 0"
    if media.proto.upper() not in PLAIN:
        return f"video over {shown(media.proto, 30)} is not supported"
    names = shown(", ".join(codec.name for codec in media.codecs))
    return f"video has no H.264 in baseline and packetization mode 0 or 1; it offers {names or 'nothing known'}"


def answer_video(
    offered: Media,
    chosen: VideoFormat,
    local: LocalPort,
    direction: str,
    bitrate_kbps: int,
    *,
    session_attributes: Attributes = (),
    parameter_sets: tuple[bytes, ...] = (),
) -> Media:
    """Our answer to an offered m=video (RFC 3264 §6, RFC 6184 §8.2.2).

    Args:
        offered: the peer's line.
        chosen: from `choose_video` of that line.
        local: our end.
        direction: what the answer says; the caller of this function bounds it with `answer_direction`.
        bitrate_kbps: b=AS that we want at most.
        session_attributes: of the offer's session.
        parameter_sets: SPS and PPS of what we send, for sprop-parameter-sets.
    Returns: one format under the offered number, its profile-level-id as spelled in the offer (there are terminals
        that compare it as text); RTP/AVPF with a=acfg where RFC 5939 allows it and feedback is of use.
    """
    payload_type = str(chosen.payload_type)
    proto, config = offered.proto, None
    if chosen.feedback and proto.upper() == "RTP/AVP":
        config = _feedback_configuration(offered, session_attributes)
        proto = "RTP/AVPF" if config else proto
    attributes = [Attribute("acfg", config)] if config else []
    attributes.append(Attribute("rtpmap", f"{payload_type} H264/90000"))
    attributes.append(Attribute("fmtp", f"{payload_type} {_answered_parameters(offered, chosen, parameter_sets)}"))
    for feedback in SECURE_FEEDBACK if proto.upper() in SECURE else FEEDBACK:
        if feedback in chosen.feedback:
            target = "*" if f"* {feedback}" in _feedback_lines(offered) else payload_type
            attributes.append(Attribute("rtcp-fb", f"{target} {feedback}"))
    if chosen.orientation_id is not None:
        attributes.append(_answered_orientation(chosen.orientation_id, chosen.orientation_flow))
    attributes.append(Attribute(direction))
    return with_rtcp(
        Media(
            kind=offered.kind,
            port=local.rtp_port,
            proto=proto,
            formats=(payload_type,),
            connection=Connection.to(local.host),
            bandwidths=(Bandwidth("AS", str(min(bitrate_kbps, chosen.bitrate_kbps))),),
            attributes=tuple(attributes),
        ),
        local,
    )


def offer_video(
    previous: Media | None,
    local: LocalPort,
    *,
    payload_type: int = 99,
    profile_level_id: str = "42C01F",
    bitrate_kbps: int = 960,
    direction: str = "sendrecv",
    orientation_id: int = 7,
) -> Media:
    """Our own m=video in an offer.

    Args:
        previous: our line of this index in the last description, if any: while it is on, it is offered again with
            its formats (numbers are never rebound, RFC 3264 §8.3.2); with port 0 its slot is filled anew.
        local: our end.
        payload_type: for a new line; must not have stood for another codec in this slot.
        profile_level_id, bitrate_kbps, direction, orientation_id: what a new line says.
    """
    if previous is not None and previous.port:
        return moved(previous, local).with_direction(direction)
    number = str(payload_type)
    attributes = [
        Attribute("tcap", "1 RTP/AVPF"),  # RFC 5939 §3.4.2: a peer without AVPF still understands the m-line
        Attribute("pcfg", "1 t=1"),
        Attribute("rtpmap", f"{number} H264/90000"),
        Attribute("fmtp", f"{number} profile-level-id={profile_level_id};packetization-mode=1"),
        *(Attribute("rtcp-fb", f"* {feedback}") for feedback in FEEDBACK),
        Attribute("extmap", f"{orientation_id} {ORIENTATION}"),
        Attribute(direction),
    ]
    line = Media(
        kind="video",
        port=local.rtp_port,
        proto="RTP/AVP",
        formats=(number,),
        connection=Connection.to(local.host),
        bandwidths=(Bandwidth("AS", str(bitrate_kbps)),),
        attributes=tuple(attributes),
    )
    return with_rtcp(line, local)


def refuse(media: Media) -> Media:
    """The line with port 0, its index kept: a stream refused or ended (RFC 3264 §6, §8.2).

    A peer may leave the formats of such a line out; we name one, for RFC 3264 §6 wants one there too.
    """
    return Media(kind=media.kind, port=0, proto=media.proto, formats=media.formats or ("0",))


def _format(media: Media, codec: Codec, identity: str, session_attributes: Attributes) -> VideoFormat:
    parameters = codec.parameters
    level: Level = level_of(identity)
    payload_type = str(codec.payload_type)
    offered = _feedback_lines(media)
    proto = media.proto.upper()
    understood = SECURE_FEEDBACK if proto in SECURE else FEEDBACK
    feedback = {item for item in understood if f"* {item}" in offered or f"{payload_type} {item}" in offered}
    avpf = proto == "RTP/AVPF" or proto in SECURE or _feedback_configuration(media, session_attributes) is not None
    mid_id = mid_extension(media) if proto in SECURE else None
    orientation_id, orientation_flow = _orientation((*media.attributes, *session_attributes))
    asked = media.bandwidth("AS") or (media.bandwidth("TIAS") or 0) // 1000
    return VideoFormat(
        payload_type=codec.payload_type,
        packetization_mode=int(parameters.get("packetization-mode", "0")),
        profile_level_id=identity,
        level_idc=level.idc,
        # RFC 6184 §8.1: max-fs and max-mbps only ever raise what the level gives
        max_macroblocks=max(level.max_macroblocks, _number(parameters.get("max-fs"))),
        max_macroblocks_per_s=max(level.max_macroblocks_per_s, _number(parameters.get("max-mbps"))),
        bitrate_kbps=asked or level.bitrate_kbps,
        size=_received_size(media, payload_type),
        parameter_sets=_parameter_sets(parameters.get("sprop-parameter-sets", "")),
        feedback=frozenset(feedback),
        avpf=avpf,
        orientation_id=orientation_id,
        orientation_flow=orientation_flow,
        mid_id=mid_id,
        mid=media.get("mid") or "" if mid_id is not None else "",
    )


def _answered_parameters(offered: Media, chosen: VideoFormat, parameter_sets: tuple[bytes, ...]) -> str:
    theirs = next((codec.parameters for codec in offered.codecs if codec.payload_type == chosen.payload_type), {})
    words = [f"profile-level-id={theirs.get('profile-level-id') or chosen.profile_level_id}"]
    words.append(f"packetization-mode={chosen.packetization_mode}")
    if theirs.get("level-asymmetry-allowed") == "1":
        words.append("level-asymmetry-allowed=1")
    if parameter_sets:
        words.append("sprop-parameter-sets=" + ",".join(base64.b64encode(item).decode() for item in parameter_sets))
    return ";".join(words)


def _feedback_lines(media: Media) -> set[str]:
    """What a=rtcp-fb names; what a peer can do with TMMBR (smaxpr) is of no matter (RFC 5104 §7.1)."""
    lines = {" ".join(value.lower().split()) for value in media.get_all("rtcp-fb")}
    return lines | {line.partition(" smaxpr=")[0] for line in lines if " ccm tmmbr smaxpr=" in line}


def _feedback_configuration(media: Media, session_attributes: Attributes) -> str | None:
    """The a=acfg that turns RTP/AVP into RTP/AVPF, from tcap and pcfg (RFC 5939 §3.4.2, §3.5); None if not offered.

    Only potential configurations that change nothing but the transport are taken.
    """
    everything = (*session_attributes, *media.attributes)
    if any(name == "creq" and (value or "").strip() != "cap-v0" for name, value in everything):
        return None  # RFC 5939 §3.3.2: an extension is required that we do not know
    transports: dict[str, str] = {}
    for name, value in everything:
        if name == "tcap" and value:
            first, *protos = value.split() or [""]
            if first.isascii() and first.isdigit() and len(first) <= 9:
                transports.update((str(int(first) + i), proto) for i, proto in enumerate(protos))
    for value in media.get_all("pcfg"):
        number, *choices = value.split() or [""]
        if number.isascii() and number.isdigit() and len(choices) == 1 and choices[0].startswith("t="):
            for choice in choices[0][2:].split("|"):
                if transports.get(choice, "").upper() == "RTP/AVPF":
                    return f"{number} t={choice}"
    return None


def _received_size(media: Media, payload_type: str) -> tuple[int, int] | None:
    """The first exact size of the "recv" part of a=imageattr (RFC 6236 §3.1.1)."""
    for value in media.get_all("imageattr"):
        target, _, rest = value.strip().partition(" ")
        if target in (payload_type, "*"):
            _, found, wanted = rest.replace(" ", "").lower().partition("recv")
            match = _SIZE.search(wanted.partition("send")[0]) if found else None
            if match and int(match[1]) and int(match[2]):
                return int(match[1]), int(match[2])
    return None


def _parameter_sets(value: str) -> tuple[bytes, ...]:
    """Decode sprop-parameter-sets (RFC 6184 §8.1); what is no base64 or no NAL unit is left out."""
    found = []
    for word in value.split(","):
        try:
            unit = base64.b64decode(word.strip() + "=" * (-len(word.strip()) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        if unit and unit[0] & 0x1F in (7, 8, 13, 15):  # SPS, PPS and their extensions
            found.append(unit)
    return tuple(found)


def _orientation(attributes: Attributes) -> tuple[int | None, str]:
    """The id and the direction of the orientation extension (RFC 8285 §5).

    Ids over 255 are placeholders that we do not map.
    """
    for name, value in attributes:
        if name == "extmap" and value:
            words = value.split()
            if len(words) >= 2 and words[1] == ORIENTATION:
                digits, _, flow = words[0].lower().partition("/")
                number, flow = _number(digits), flow or "sendrecv"
                if 0 < number < 256 and number != 15 and flow in DIRECTIONS:
                    return number, flow
    return None, "sendrecv"


def _answered_orientation(number: int, flow: str) -> Attribute:
    """Our a=extmap for theirs: its direction is seen from our side (RFC 8285 §6)."""
    ours = "" if flow == "sendrecv" else f"/{answer_direction(flow, 'sendrecv')}"
    return Attribute("extmap", f"{number}{ours} {ORIENTATION}")


def mid_extension(media: Media) -> int | None:
    """The id under which packets to a peer may name their m-line; None where it does not want that.

    Names and ids that need the two-byte form of header extensions are left alone (RFC 8285 §4.3).
    """
    mid = media.get("mid") or ""
    if not (mid.isascii() and len(mid) <= _LONGEST_MID):
        return None
    for value in media.get_all("extmap") if mid else ():
        words = value.split()
        if len(words) >= 2 and words[1] == MID:
            number, _, direction = words[0].partition("/")
            wanted = direction.lower() in ("", "sendrecv") and 0 < _number(number) < _LONG_FORM
            return _number(number) if wanted else None
    return None


def _number(digits: str | None) -> int:
    return int(digits) if digits and digits.isascii() and digits.isdigit() and len(digits) <= 9 else 0
