"""One offer of a caller becomes the audio offer of a voice centre (RFC 3264 §5, §8). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.core.errors import PeerError
from splitter.sdp.carry import carried
from splitter.sdp.model import Connection, LocalPort, Media, Origin, Session, shown
from splitter.sdp.video import VideoFormat, choose_video, refuse, video_fault

AUDIO_PROTOS = frozenset({"RTP/AVP", "RTP/AVPF"})
"""What an audio line may run over. SAVP and its kin need keys that we do not hold (RFC 3264 §6: refused)."""

NOT_VOICE = frozenset({"telephone-event", "cn", "tone", "red"})
"""Formats that go with a voice codec and are none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which m-lines of the caller's offer are used.

    Attributes:
        audio: index of the line that goes to the centre.
        video: index of the line that we answer ourselves; None where the offer has none that can be used.
        video_format: the H.264 format chosen there; None exactly when `video` is.
        video_fault: why a video line that was offered is not used, in plain words; "" otherwise.
    """

    audio: int
    video: int | None = None
    video_format: VideoFormat | None = None
    video_fault: str = ""


def plan(offer: Session, previous: Plan | None = None, ours: str = "") -> Plan:
    """Choose the lines of an offer; every other one is answered with port 0.

    Args:
        offer: the caller's, initial or later.
        previous: the plan of the session so far: its lines stay the chosen ones while they are usable, because an
            m-line keeps its meaning (RFC 3264 §8).
        ours: the address of our media on this leg: lines of the other address family cannot be used.
    Raises:
        PeerError: status 488 and the reason if there is no usable audio; 400 if its address is missing.
    """
    audio = _choose_audio(offer, previous.audio if previous else None, ours)
    candidates = [i for i, media in enumerate(offer.media) if media.kind == "video" and media.port != 0]
    if previous and previous.video in candidates:
        candidates = [previous.video]
    # A second video shows slides (RFC 4796): the speaker's picture comes first.
    candidates.sort(key=lambda i: offer.media[i].get("content", "main") != "main")
    fault = ""
    for i in candidates:
        chosen = choose_video(offer.media[i], offer.attributes)
        problem = "" if chosen else video_fault(offer.media[i])
        if chosen and (address_fault := offer.address_fault(i, ours)):
            problem = f"video: {address_fault}"
        if not problem:
            return Plan(audio, i, chosen)
        fault = fault or problem
    return Plan(audio, video_fault=fault)


def audio_line(session: Session) -> int:
    """The index of a session's audio line: the first that is on and over RTP, else the first that is on, or is there.

    Raises:
        PeerError: status 488 if it has none.
    """
    best, known = -1, 0
    for index, media in enumerate(session.media):
        if media.kind == "audio":
            if media.port and media.proto.upper() in AUDIO_PROTOS:
                return index
            if (rank := 2 if media.port else 1) > known:
                best, known = index, rank
    if best < 0:
        raise PeerError("no m=audio line", 488)
    return best


def check_audio(offer: Session, index: int, ours: str = "") -> None:
    """Find out whether an offered audio line can be used: with anything else the voice that stands goes on (§8).

    Args:
        ours: the address of our media on this leg.
    Raises:
        PeerError: status 488 and the reason; 400 if its address is missing.
    """
    if fault := _audio_fault(offer.media[index]):
        raise PeerError(fault, 488)
    if fault := offer.address_fault(index, ours):
        raise PeerError(f"audio: {fault}", 488 if offer.connection_of(index) else 400)


def centre_offer(
    offer: Session, plan: Plan, local: LocalPort, origin: Origin, previous: Session | None = None
) -> Session:
    """What the centre is offered: the caller's audio at our address, nothing else.

    Args:
        offer: the caller's; never modified.
        plan: from `plan`.
        local: our end of the audio that faces the centre.
        origin: the o= line of this leg.
        previous: the last description that we sent the centre, when there is one: lines that it once added and we
            refused stay where they are (RFC 3264 §8: m-lines are never removed).
    Returns: one m-line, over RTP/AVP; a null address of the caller has become its hold direction.
    """
    audio = carried(offer, plan.audio, local, "RTP/AVP", offer.flow_of(plan.audio))
    lines: list[Media] = [audio]
    if previous is not None:
        place = audio_line(previous)
        lines = [audio if i == place else refuse(media) for i, media in enumerate(previous.media)]
    return Session(origin=origin, connection=Connection.to(local.host), media=tuple(lines))


def _choose_audio(offer: Session, preferred: int | None, ours: str) -> int:
    lines = [i for i, media in enumerate(offer.media) if media.kind == "audio"]
    lines.sort(key=lambda i: i != preferred)
    first: PeerError | None = None
    for i in lines:
        try:
            check_audio(offer, i, ours)
        except PeerError as error:  # another line may do: hosts of two families offer one of each (RFC 4091)
            first = first or error
        else:
            return i
    raise first or PeerError("no m=audio line", 488)


def _audio_fault(media: Media) -> str:
    """Why an audio line cannot be used; "" if it can."""
    if media.port == 0:
        return "audio is offered with port 0"
    if media.proto.upper() not in AUDIO_PROTOS:
        return f"audio over {shown(media.proto, 30)} is not supported, only {' and '.join(sorted(AUDIO_PROTOS))}"
    if not any(codec.name.lower() not in NOT_VOICE for codec in media.codecs):
        return "audio is offered without a voice codec"
    return ""
