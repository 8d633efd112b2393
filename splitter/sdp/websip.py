"""The SDP of a browser that calls by SIP, and that of the phone which it is for the rest of the gateway. Pure.

Where `webcaller` answers a browser once and for all, here each description goes into the other form, line by line: a
SIP stack hears of a hold, of a camera that is asked for and of a refusal by SDP alone. Lines have the same places on
both sides. What names the transport (ICE, DTLS, bundle) is written and read here, and never reaches the phone.

    its offer ──▶ plain_form ──▶ the phone's offer          our offer  ──▶ secure_offer ──▶ what it is sent
    our answer ─▶ secure_answer ▶ what it is sent           its answer ──▶ plain_reply ──▶ the phone's answer
"""

from __future__ import annotations

from dataclasses import replace

from splitter.core.errors import PeerError
from splitter.sdp.model import Attribute, Bandwidth, Connection, LocalPort, Media, Session
from splitter.sdp.offer_answer import answer_direction
from splitter.sdp.video import SECURE_FEEDBACK, VideoFormat, choose_video, refuse
from splitter.sdp.webcaller import (
    BrowserOffer,
    audio_answer,
    bundle,
    bundled_answer,
    plain_answer,
    plain_picture,
    plain_voice,
)
from splitter.sdp.webrtc import SecureLocal, answer_line, refused

_PROTO = "UDP/TLS/RTP/SAVPF"
_DYNAMIC = range(96, 128)


def plain_form(call: BrowserOffer, voice: LocalPort, picture: LocalPort) -> Session:
    """A browser's offer as a phone with plain RTP would make it; lines that are not used have port 0."""
    offer = call.offer
    lines = [refuse(media) for media in offer.media]
    lines[call.audio] = plain_voice(call.inside, voice, offer.direction_of(call.audio))
    if call.video is not None and call.picture is not None:
        lines[call.video] = plain_picture(call.picture, picture, offer.direction_of(call.video))
    return Session(origin=offer.origin, connection=Connection.to(voice.host), media=tuple(lines))


def secure_answer(call: BrowserOffer, ours: Session, local: LocalPort, secure: SecureLocal, kbps: int) -> Session:
    """Our answer to a browser's offer.

    Args:
        ours: the answer to the phone.
        local: our port towards the browser.
        kbps: of its picture at most.
    """
    offer = call.offer
    lines, used = [refused(media) for media in offer.media], []
    if _is_on(ours, call.audio):
        direction = ours.direction_of(call.audio)
        lines[call.audio] = audio_answer(call, local, secure, ours).with_direction(direction)
        used.append(call.audio)
    if call.video is not None and call.picture is not None and _is_on(ours, call.video):
        direction = ours.direction_of(call.video)
        line = answer_line(offer, call.video, call.picture, local, secure, direction, kbps)
        lines[call.video] = line.without(("candidate", "end-of-candidates"))
        used.append(call.video)
    return replace(bundled_answer(call, lines, used, local, secure, ours.origin), name=ours.name)


def secure_offer(call: BrowserOffer, ours: Session, local: LocalPort, secure: SecureLocal, kbps: int) -> Session:
    """An offer of ours to a browser: the present transport, and the lines that we would like to have on it.

    Args:
        call: its latest description. ours: the offer to the phone.
    """
    lines, used = [], []
    for index, media in enumerate(ours.media):
        line = _offered(call, ours, index, local, secure, kbps)
        if line is not None:
            used.append(index)
        known = call.offer.media[index] if index < len(call.offer.media) else None
        nothing = refused(known) if known is not None else Media(media.kind, 0, _PROTO, media.formats or ("0",))
        lines.append(line or nothing)
    return replace(bundle(lines, used, local, secure, ours.origin), name=ours.name)


def plain_reply(call: BrowserOffer, ours: Session, voice: LocalPort, picture: LocalPort, kbps: int) -> Session:
    """A browser's answer to an offer of ours, as that phone's.

    Args:
        call: its answer. ours: the offer to the phone.
    Raises:
        PeerError: status 488: its voice stands elsewhere than it was offered, or in no codec that was.
    """
    if not _is_on(ours, call.audio) or ours.media[call.audio].kind != "audio":
        raise PeerError("the answer has its audio where none was offered", 488)
    said = call.offer
    shows = call.video is not None and _is_on(ours, call.video)
    answer = plain_answer(call, ours, voice, picture if shows else None, said.origin, kbps)
    lines = [
        line.with_direction(answer_direction(ours.direction_of(index), said.direction_of(index)))
        if line.port and index < len(said.media)
        else line
        for index, line in enumerate(answer.media)
    ]
    return replace(answer, media=tuple(lines))


# ---- inside ------------------------------------------------------------------------------------------------------


def _is_on(session: Session, index: int) -> bool:
    return index < len(session.media) and session.media[index].port > 0


def _offered(
    call: BrowserOffer, ours: Session, index: int, local: LocalPort, secure: SecureLocal, kbps: int
) -> Media | None:
    """One line of an offer; None where it is off, or is none that a browser has."""
    media, direction = ours.media[index], ours.direction_of(index)
    known = call.offer.media[index] if index < len(call.offer.media) else None
    if not media.port or (known is not None and known.kind != media.kind):
        return None
    line = None
    if index == call.audio:
        line = audio_answer(call, local, secure, ours)
    elif media.kind == "video" and (wanted := choose_video(media, ours.attributes)) is not None:
        line = _picture(call, index, wanted, local, secure, kbps)
    if line is None:
        return None
    mid = (known.get("mid") if known is not None else "") or _new_mid(call, index)
    kept = (item for item in line.attributes if item.name not in ("mid", "setup"))
    # RFC 8842 §5.5: who is the client of DTLS stays as it is, and an offer says that it may
    line = line.with_(attributes=(Attribute("mid", mid), Attribute("setup", "actpass"), *kept))
    return line.with_direction(direction)


def _picture(
    call: BrowserOffer, index: int, wanted: VideoFormat, local: LocalPort, secure: SecureLocal, kbps: int
) -> Media | None:
    """A line for its picture, under the number that it has had, or one that nothing else of its transport has
    (RFC 8843 §10.1.2); None where there is none left."""
    taken = {number for media in call.offer.media for number in media.formats}
    numbers = (one for one in (wanted.payload_type, *_DYNAMIC) if str(one) not in taken)
    if index == call.video and call.picture is not None:
        numbers = (one for one in (call.picture.payload_type,))
    if (number := next(numbers, None)) is None:
        return None
    mode, profile = wanted.packetization_mode, wanted.profile_level_id
    parameters = f"level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id={profile}"
    return Media(
        "video",
        local.rtp_port,
        call.offer.media[call.audio].proto,
        (str(number),),
        connection=Connection.to(local.host),
        bandwidths=(Bandwidth("AS", str(kbps)),),
        attributes=(
            Attribute("ice-ufrag", secure.ufrag),
            Attribute("ice-pwd", secure.password),
            Attribute("fingerprint", secure.fingerprint),
            Attribute("rtpmap", f"{number} H264/90000"),
            Attribute("fmtp", f"{number} {parameters}"),
            *(Attribute("rtcp-fb", f"{number} {kind}") for kind in SECURE_FEEDBACK),
            Attribute("sendrecv"),
            Attribute("rtcp-mux"),
            Attribute("msid", "call video"),
        ),
    )


def _new_mid(call: BrowserOffer, index: int) -> str:
    known = {media.get("mid") for media in call.offer.media}
    return next(name for name in (str(index), *(f"v{number}" for number in range(64))) if name not in known)
