"""A browser's offer of a call, and what becomes of it: its WebRTC answer, and the plain descriptions of a phone. Pure.

The browser is answered at once, and its transport stays as it is for the whole call. To the rest of the gateway it is a
phone with plain RTP: a voice, in its own codecs or in G.711 (`webvoice`), and H.264. What is negotiated with that phone
later changes two things for the browser: the codec that comes first in its answer, and what the adapter makes of the
payload types and of the voice (`numbering`, `transcoded`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from splitter.core.errors import PeerError
from splitter.sdp.carry import with_rtcp
from splitter.sdp.codec import Codec
from splitter.sdp.model import Attribute, Connection, LocalPort, Media, Origin, Session
from splitter.sdp.offer_answer import answer_direction
from splitter.sdp.video import VideoFormat, answer_video, choose_video, refuse
from splitter.sdp.webrtc import (
    SecureLocal,
    SecureRemote,
    answer_line,
    choose_secure,
    is_secure,
    read_secure,
    refused,
    resolved,
    sharing,
)
from splitter.sdp.webvoice import DIGITS, NARROW, OPUS, Key, Transcoding, inside, red_of, transcoding, voices_of

_FEEDBACK = ("nack", "nack pli", "ccm fir", "ccm tmmbr")
_MOST_LINES = 8
# RFC 3550 §5.1: seven bits; RFC 5761 §4: 64 to 95 would look like RTCP, which has the same port.
_PAYLOAD_TYPES = frozenset(str(number) for number in (*range(64), *range(96, 128)))


@dataclass(frozen=True, slots=True)
class BrowserOffer:
    """The lines of a browser's offer that are used.

    Attributes:
        offer: all of it, each line with what it inherits from its bundle.
        audio: the index of the voice. voices: its codecs that we take, the preferred one first, with digits at the end.
        video: the index of the picture; None where there is none that can be used: `fault` says why.
        picture: its H.264 format.
        red: its format of Opus that is sent again (RFC 2198); None where it has none.
    """

    offer: Session
    audio: int
    voices: tuple[Codec, ...]
    video: int | None = None
    picture: VideoFormat | None = None
    fault: str = ""
    red: Codec | None = None

    @property
    def inside(self) -> tuple[Codec, ...]:
        """The codecs that a phone would have that is there for it."""
        return inside(self.voices)


def read_call(offer: Session, codecs: Iterable[str]) -> BrowserOffer:
    """Read a browser's offer.

    Args:
        codecs: names out of VOICES, the preferred one first.
    Raises:
        PeerError: status 488 and the reason in plain words: no voice over WebRTC, no codec of ours.
    """
    whole = resolved(offer)
    if len(whole.media) > _MOST_LINES:
        raise PeerError(f"the offer has {len(whole.media)} m-lines; {_MOST_LINES} at most", 488)
    whole = replace(whole, media=tuple(_bounded(media) for media in whole.media))
    audio = next((i for i, line in enumerate(whole.media) if _is_voice(whole, line)), None)
    if audio is None:
        raise PeerError("the offer has no WebRTC audio (m=audio over UDP/TLS/RTP/SAVPF)", 488)
    voices = voices_of(whole.media[audio], codecs)
    if not voices:
        raise PeerError(f"the offer has no audio in {' or '.join(codecs)}", 488)
    red = red_of(whole.media[audio], voices)
    try:
        video, picture = choose_secure(whole)
    except PeerError as error:
        return BrowserOffer(whole, audio, voices, fault=error.reason, red=red)
    if video not in sharing(whole, audio):
        fault = "video does not share the transport of the voice (a=group:BUNDLE)"
        return BrowserOffer(whole, audio, voices, fault=fault, red=red)
    whole = _of_one_setup(whole, audio, video)
    # Without these extensions a browser sends its pictures upright, and one transport is told by payload types.
    plain = replace(picture, orientation_id=None, mid_id=None, mid="")
    return BrowserOffer(whole, audio, voices, video, plain, red=red)


def transport_of(call: BrowserOffer) -> SecureRemote:
    """The browser's side of ICE and DTLS, without its candidates.

    Each candidate would have us send checks to an address of a stranger's choice, within our own network too
    (RFC 8445 §19.5.1). A browser checks our address, and where it is we learn from that (§7.3.1.3).

    Raises:
        PeerError: status 488: it is not there, or cannot be used.
    """
    return replace(read_secure(call.offer, call.audio), candidates=())


def answer_browser(
    call: BrowserOffer, local: LocalPort, secure: SecureLocal, origin: Origin, kbps: int, ours: Session | None = None
) -> Session:
    """Our answer: every codec that we take, the picture where there is one, one transport for both (RFC 8843 §7.3).

    Args:
        local: our port.
        kbps: of the picture at most.
        ours: our description in force on the plain side: what the browser is to send follows from that.
    """
    offer = call.offer
    lines = [refused(media) for media in offer.media]
    lines[call.audio] = audio_answer(call, local, secure, ours)
    used = [call.audio]
    if call.video is not None and call.picture is not None:
        direction = answer_direction(offer.direction_of(call.video), "sendrecv")
        picture = answer_line(offer, call.video, call.picture, local, secure, direction, kbps)
        lines[call.video] = picture.without(("candidate", "end-of-candidates"))
        used.append(call.video)
    return bundled_answer(call, lines, used, local, secure, origin)


def bundled_answer(
    call: BrowserOffer, lines: list[Media], used: list[int], local: LocalPort, secure: SecureLocal, origin: Origin
) -> Session:
    """The answer with these lines.

    Args:
        used: the indices of those that are not refused.
    """
    bundled = [index for index in sharing(call.offer, call.audio) if index in used]
    answer = bundle(lines, bundled or used, local, secure, origin)
    times = tuple(time for time in call.offer.times if time.startswith("t=")) or ("t=0 0",)  # RFC 3264 §6
    # RFC 8843 §7.3: no group that was not offered; browsers refuse the whole answer for it.
    return replace(answer, times=times, attributes=answer.attributes if bundled else ())


def bundle(lines: list[Media], used: list[int], local: LocalPort, secure: SecureLocal, origin: Origin) -> Session:
    """A description of ours whose lines share one transport.

    Args:
        used: the indices of those that do, the tagged one first.
    """
    if used:  # the candidates stand in the tagged line alone (RFC 8843 §10)
        found = (*(Attribute("candidate", value) for value in secure.candidates), Attribute("end-of-candidates"))
        tagged = lines[used[0]]
        lines[used[0]] = tagged.with_(attributes=(*tagged.attributes, *found))
    mids = [mid for index in used if (mid := lines[index].get("mid"))]
    return Session(
        origin=origin,
        connection=Connection.to(local.host),
        attributes=(Attribute("group", f"BUNDLE {' '.join(mids)}"),) if mids else (),
        media=tuple(lines),
    )


def plain_offer(
    call: BrowserOffer, voice: LocalPort, picture: LocalPort | None, origin: Origin, direction: str = "sendrecv"
) -> Session:
    """The same call as a phone with plain RTP would offer it.

    Args:
        voice, picture: the adapter's ends; no picture: a call without video.
        direction: of the voice.
    """
    lines = [plain_voice(call.inside, voice, direction)]
    if picture is not None and call.picture is not None:
        lines.append(plain_picture(call.picture, picture))
    return Session(origin=origin, connection=Connection.to(voice.host), media=tuple(lines))


def plain_answer(
    call: BrowserOffer, offered: Session, voice: LocalPort, picture: LocalPort | None, origin: Origin, kbps: int
) -> Session:
    """What that phone answers to an offer of ours.

    Args:
        picture: None: it takes no video.
    Raises:
        PeerError: status 488: it has no voice in a codec that the browser knows.
    """
    lines = [refuse(media) for media in offered.media]
    spoken = next((i for i, media in enumerate(offered.media) if media.kind == "audio" and media.port), None)
    shown = next((i for i, media in enumerate(offered.media) if media.kind == "video" and media.port), None)
    if spoken is None:
        raise PeerError("the offer has no audio", 488)
    known = {codec.key: codec for codec in call.inside}
    codecs = tuple(codec for codec in _bounded(offered.media[spoken]).codecs if codec.key in known)
    if not any(codec.name.lower() != DIGITS for codec in codecs):
        raise PeerError("the browser knows none of these codecs", 488)
    direction = answer_direction(offered.direction_of(spoken), "sendrecv")
    lines[spoken] = plain_voice(codecs, voice, direction).with_(proto=offered.media[spoken].proto)
    if shown is not None and picture is not None and call.picture is not None:
        line = _answered_picture(offered, shown, call.picture, picture, kbps)
        lines[shown] = line or lines[shown]
    return Session(origin=origin, connection=Connection.to(voice.host), media=tuple(lines))


def offered_again(call: BrowserOffer, before: Session, voice: LocalPort, picture: LocalPort | None) -> Session:
    """What that phone offers next: as before, at these ports, with video or without.

    Args:
        before: its description in force.
    """
    lines = [
        with_rtcp(line.without(("rtcp", "acfg")).with_(port=voice.rtp_port), voice)
        if line.kind == "audio" and line.port
        else refuse(line)
        for line in before.media
    ]
    if picture is not None and call.picture is not None:
        video = next((i for i, line in enumerate(before.media) if line.kind == "video"), len(lines))
        lines[video : video + 1] = [plain_picture(call.picture, picture)]
    return replace(before, origin=before.origin.next(), connection=Connection.to(voice.host), media=tuple(lines))


def chosen_voice(ours: Session) -> Key | None:
    """The codec of the voice that a description of ours asks a phone to send."""
    for media in ours.media:
        if media.kind == "audio" and media.port:
            return next((codec.key for codec in media.codecs if codec.name.lower() != DIGITS), None)
    return None


def numbering(call: BrowserOffer, ours: Session) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """The payload types of voice and picture: what the browser says, and what our plain side says for the same.

    Args:
        ours: our description in force on the plain side.
    """
    voice: list[tuple[int, int]] = []
    picture: list[tuple[int, int]] = []
    for media in map(_bounded, ours.media):
        if media.kind == "audio" and media.port:
            theirs = {codec.key: codec.payload_type for codec in media.codecs}
            voice = [(one.payload_type, theirs.get(one.key, one.payload_type)) for one in call.voices]
            if call.red is not None and transcoded(call, ours) is not None:
                voice.append((call.red.payload_type, call.red.payload_type))
        elif media.kind == "video" and media.port and call.picture is not None:
            chosen = choose_video(media, ours.attributes)
            picture = [(call.picture.payload_type, chosen.payload_type if chosen else call.picture.payload_type)]
    return tuple(voice), tuple(picture)


def transcoded(call: BrowserOffer, ours: Session) -> Transcoding | None:
    """What the browser's voice is to be made of; None where it goes straight through. `ours`: as of `numbering`."""
    return transcoding(call.voices, call.red, ours)


# ---- inside ------------------------------------------------------------------------------------------------------


def _is_voice(offer: Session, line: Media) -> bool:
    """A line that can be the call's: a browser that has refused one before may have another further below."""
    return line.kind == "audio" and line.port > 0 and is_secure(offer, line)


def _of_one_setup(offer: Session, audio: int, video: int) -> Session:
    """The offer whose picture has the a=setup of its voice: they have one transport (RFC 8843 §7.1.3)."""
    setup = offer.media[audio].get("setup")
    own = (Attribute("setup", setup),) if setup else ()
    line = offer.media[video].without(("setup",))
    line = line.with_(attributes=(*own, *line.attributes))
    return replace(offer, media=(*offer.media[:video], line, *offer.media[video + 1 :]))


def _bounded(media: Media) -> Media:
    """A line without the formats whose payload types are none."""
    if media.kind not in ("audio", "video"):
        return media
    return media.with_(formats=tuple(one for one in media.formats if one in _PAYLOAD_TYPES))


def _formats(codecs: Iterable[Codec]) -> tuple[tuple[str, ...], list[Attribute]]:
    """The formats of a line, and what stands for them."""
    attributes = []
    for codec in codecs:
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        attributes.append(Attribute("rtpmap", f"{codec.payload_type} {codec.name}/{codec.clock}{channels}"))
        parameters = codec.fmtp or ("0-15" if codec.name.lower() == DIGITS else "")
        if parameters:
            attributes.append(Attribute("fmtp", f"{codec.payload_type} {parameters}"))
    return tuple(str(codec.payload_type) for codec in codecs), attributes


def _answered_voices(call: BrowserOffer, ours: Session | None) -> list[Codec]:
    """The codecs of the browser's voice; it sends the first one. RED is sent by whoever finds it before Opus."""
    first = chosen_voice(ours) if ours is not None else None
    if ours is None or transcoded(call, ours) is None:
        return sorted(call.voices, key=lambda codec: (codec.name == DIGITS, codec.key != first))
    voices = sorted(call.voices, key=lambda codec: (codec.name == DIGITS, codec.key != OPUS))
    red = [call.red] if call.red is not None else []
    return [*red, *(replace(codec, fmtp=NARROW) if codec.key == OPUS else codec for codec in voices)]


def audio_answer(call: BrowserOffer, local: LocalPort, secure: SecureLocal, ours: Session | None) -> Media:
    """Our line of the voice: each codec that we take, the one to be sent first; without candidates."""
    offered = call.offer.media[call.audio]
    formats, about = _formats(_answered_voices(call, ours))
    setup = (offered.get("setup") or call.offer.get("setup") or "").strip().lower()
    direction = answer_direction(call.offer.direction_of(call.audio), "sendrecv")
    mid = offered.get("mid")
    attributes = [
        *([Attribute("mid", mid)] if mid else []),
        Attribute("ice-ufrag", secure.ufrag),
        Attribute("ice-pwd", secure.password),
        Attribute("fingerprint", secure.fingerprint),
        Attribute("setup", "active" if setup == "passive" else "passive"),
        *about,
        Attribute(direction),
        Attribute("rtcp-mux"),
        Attribute("msid", "call audio"),
    ]
    return Media("audio", local.rtp_port, offered.proto, formats, connection=Connection.to(local.host)).with_(
        attributes=tuple(attributes)
    )


def plain_voice(codecs: Iterable[Codec], local: LocalPort, direction: str) -> Media:
    """The voice as a line of a phone."""
    formats, about = _formats(codecs)
    line = Media("audio", local.rtp_port, "RTP/AVP", formats, attributes=(*about, Attribute(direction)))
    return with_rtcp(line, local)


def plain_picture(picture: VideoFormat, local: LocalPort, direction: str = "sendrecv") -> Media:
    """The picture as a line of a phone."""
    number = str(picture.payload_type)
    parameters = f"profile-level-id={picture.profile_level_id};packetization-mode={picture.packetization_mode}"
    line = Media(
        "video",
        local.rtp_port,
        "RTP/AVPF",
        (number,),
        attributes=(
            Attribute("rtpmap", f"{number} H264/90000"),
            Attribute("fmtp", f"{number} {parameters}"),
            *(Attribute("rtcp-fb", f"{number} {kind}") for kind in _FEEDBACK),
            Attribute(direction),
        ),
    )
    return with_rtcp(line, local)


def _answered_picture(offered: Session, index: int, known: VideoFormat, local: LocalPort, kbps: int) -> Media | None:
    """The answer to a video line of ours; None where it has no format that the browser's is as well."""
    line = _bounded(offered.media[index])
    chosen = choose_video(line, offered.attributes)
    if chosen is None or chosen.packetization_mode != known.packetization_mode:
        return None
    direction = answer_direction(offered.direction_of(index), "sendrecv")
    upright = replace(chosen, orientation_id=None)
    return answer_video(line, upright, local, direction, kbps, session_attributes=offered.attributes)
