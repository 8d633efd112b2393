"""The centre's audio and our video become one description for the caller, and the way back (RFC 3264 §6, §8). Pure.

Every function gives a complete session for one leg with that leg's o= line. Legality is not hoped for: directions are
bounded by the offer, formats are those that were offered, indexes never move; `offer_answer.check_*` proves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from splitter.core.errors import PeerError
from splitter.sdp.carry import carried, moved, narrowed
from splitter.sdp.codec import Codec, CodecKey
from splitter.sdp.model import Attribute, Connection, LocalPort, Media, Origin, Session
from splitter.sdp.offer_answer import PayloadHistory, answer_direction
from splitter.sdp.split import NOT_VOICE, Plan, audio_line
from splitter.sdp.video import refuse

_DIGITS = "telephone-event"


def caller_answer(
    offer: Session, plan: Plan, centre_answer: Session, audio_local: LocalPort, video: Media | None, origin: Origin
) -> Session:
    """Our answer to the caller: the centre's audio, our video, port 0 for the rest (RFC 3264 §6).

    Args:
        offer: the caller's.
        plan: its plan.
        centre_answer: what the centre answered to `centre_offer`.
        audio_local: our end of the audio that faces the caller.
        video: our line from `video.answer_video`; None refuses it.
        origin: the o= line of the caller's leg.
    Raises:
        PeerError: status 488 if the centre refused the audio, took none of its codecs or gave no address for it.
    """
    audio = _audio_answer(offer, plan.audio, centre_answer, audio_line(centre_answer), audio_local)
    lines = [refuse(media) for media in offer.media]
    lines[plan.audio] = audio
    if video is not None and plan.video is not None:
        lines[plan.video] = video
    return _answer(offer, origin, audio_local, lines)


def centre_answer(
    centre_offer: Session, caller_answer: Session, plan: Plan, audio_local: LocalPort, origin: Origin
) -> Session:
    """Our answer to the centre: the caller's audio; whatever else the centre offered gets port 0.

    Args:
        centre_offer: what the centre offered in a re-INVITE, or in a 2xx to an INVITE without offer.
        caller_answer: what the caller answered to `caller_offer`.
        plan: the plan of the caller's session; names its audio line.
        audio_local: our end of the audio that faces the centre.
        origin: the o= line of the centre's leg.
    Raises:
        PeerError: status 488 if the caller refused the audio, took none of its codecs or gave no address for it.
    """
    index = audio_line(centre_offer)
    audio = _audio_answer(centre_offer, index, caller_answer, plan.audio, audio_local)
    lines = [audio if i == index else refuse(media) for i, media in enumerate(centre_offer.media)]
    return _answer(centre_offer, origin, audio_local, lines)


def caller_offer(
    previous: Session,
    plan: Plan,
    centre_sdp: Session,
    audio_local: LocalPort,
    origin: Origin,
    video: Media | None = None,
    direction: str | None = None,
) -> Session:
    """Our offer to the caller in mid-call: the centre's audio, the other lines as they were (RFC 3264 §8).

    Args:
        previous: the last description that we sent the caller.
        plan: names the caller's audio and video lines.
        centre_sdp: the centre's offer that is relayed, or its last description.
        audio_local: our end of the audio that faces the caller.
        origin: the o= line, one version on.
        video: a line that replaces the video line, takes the slot of a refused one, or is appended (RFC 3264 §8.1);
            None leaves video as it was, refused lines included.
        direction: of the audio; None takes the centre's.
    """
    source = audio_line(centre_sdp)
    wanted = direction or centre_sdp.flow_of(source)
    lines = [_standing(media) for media in previous.media]
    lines[plan.audio] = carried(centre_sdp, source, audio_local, previous.media[plan.audio].proto, wanted)
    if video is not None:
        slot = plan.video if plan.video is not None else _free_video_slot(lines)
        lines[slot : slot + 1] = [video]
    return replace(previous, origin=origin, connection=Connection.to(audio_local.host), media=tuple(lines))


def standing_offer(previous: Session, origin: Origin) -> Session:
    """The current state as an offer: for an INVITE without one (RFC 3261 §14.2), and to move or refresh a session.

    Refused lines stay refused, so that video does not come back by itself.
    """
    return replace(previous, origin=origin, media=tuple(_standing(media) for media in previous.media))


def standing_answer(
    offer: Session,
    previous: Session,
    origin: Origin,
    lines: Mapping[int, Media] | None = None,
    moved: Mapping[int, int] | None = None,
) -> Session:
    """Answer a re-offer out of what we last sent on this leg: for changes that the other leg need not know.

    Args:
        offer: the peer's; each line is answered by ours of the same index while its kind and a codec are the same.
        previous: the last description that we sent on this leg.
        origin: the o= line of this leg; one version on if the answer differs from `previous`.
        lines: by index, lines to use instead, e.g. a video line answered anew.
        moved: by index, that of our line which goes on there: a peer may close one line and open the next.
    Raises:
        PeerError: status 488 if the audio that was running has no codec left.
    """
    answer = []
    given = lines or {}
    for i, media in enumerate(offer.media):
        if i in given:
            answer.append(given[i])
            continue
        place = (moved or {}).get(i, i)
        ours = previous.media[place] if place < len(previous.media) else None
        if ours is None or not ours.port or not media.port or ours.kind != media.kind:
            answer.append(refuse(media))
            continue
        formats = _accepted(media, ours)
        if not formats:
            if media.kind == "audio":
                raise PeerError("the new offer has none of the audio codecs in use", 488)
            answer.append(refuse(media))
            continue
        line = narrowed(_standing(ours), formats).with_(proto=media.proto)
        answer.append(line.with_direction(answer_direction(offer.direction_of(i), previous.direction_of(place))))
    return replace(previous, origin=origin, media=tuple(answer), times=_times(offer))


def with_audio_at(session: Session, index: int, local: LocalPort) -> Session:
    """The session with one of its lines at another of our ends, e.g. after a media worker was lost; the same session
    where the line is there already, for a refresh must change nothing.
    """
    here = session.address_of(index)
    if (here.host, here.rtp_port, here.rtcp_port) == (local.host, local.rtp_port, local.rtcp_port):
        return session
    lines = list(session.media)
    lines[index] = moved(lines[index], local)
    return replace(session, media=tuple(lines))


def without_rebound(offer: Session, index: int, history: PayloadHistory) -> Session:
    """The offer without payload types that stood for another codec before (RFC 3264 §8.3.2), if a voice is left.

    Where the centre changes its codec, digits often come under a number that the caller knows for another clock rate.
    """
    known = history.lines[index][1] if index < len(history.lines) else {}
    media = _digits_as_known(offer.media[index], known)
    kept = [codec for codec in media.codecs if known.get(codec.payload_type, codec.key) == codec.key]
    if all(codec.name.lower() in NOT_VOICE for codec in kept):
        return offer
    lines = list(offer.media)
    lines[index] = narrowed(media, [str(codec.payload_type) for codec in kept])
    return replace(offer, media=tuple(lines))


def with_origin(session: Session, origin: Origin) -> Session:
    """The session with another o= line."""
    return replace(session, origin=origin)


def in_sequence(previous: Session, current: Session) -> Session:
    """`current` under the o= line that follows `previous`: one version on if anything changed (RFC 3264 §8).

    Args:
        previous: the last description that we sent on this leg, a refused offer included.
        current: the next one, with any o= line.
    """
    if same_content(previous, current):
        return previous
    return replace(current, origin=previous.origin.next())


def same_content(one: Session, other: Session) -> bool:
    """True if two descriptions differ in nothing but the o= line: then the version stays (RFC 3264 §8)."""
    return replace(one, origin=other.origin) == other


def _answer(offer: Session, origin: Origin, local: LocalPort, lines: list[Media]) -> Session:
    return Session(origin=origin, connection=Connection.to(local.host), times=_times(offer), media=tuple(lines))


def _times(offer: Session) -> tuple[str, ...]:
    """RFC 3264 §6: the t= of an answer is the offer's."""
    return tuple(line for line in offer.times if line.startswith("t=")) or ("t=0 0",)


def _audio_answer(offer: Session, index: int, source: Session, source_index: int, local: LocalPort) -> Media:
    """The audio line that answers `offer.media[index]` with what the other leg's side answered."""
    offered = offer.media[index]
    answered = source.media[source_index]
    if answered.port == 0:
        raise PeerError("the audio was refused", 488)
    if fault := source.address_fault(source_index):
        raise PeerError(f"audio: {fault}", 488)
    known = {codec.payload_type: codec.key for codec in offered.codecs}
    formats = _accepted(offered, _digits_as_known(answered, known))
    if not formats:
        raise PeerError("the answer has none of the offered audio codecs (RFC 3264 §6.1)", 488)
    direction = answer_direction(offer.direction_of(index), source.flow_of(source_index))
    line = carried(source, source_index, local, offered.proto, direction)
    return _spelled_as_offered(offered, narrowed(_digits_as_known(line, known), formats))


def _digits_as_known(media: Media, known: Mapping[int, CodecKey]) -> Media:
    """The line with telephone-event at the clock rate that the reader knows its number for.

    There are stacks that know it at 8000 Hz alone, and say so under the number that was offered for 16000. The digits
    in the packets are the same (RFC 4733 §2.3); without the number there would be none.
    """
    renamed = {
        str(codec.payload_type): f"{codec.payload_type} {codec.name}/{meant[1]}"
        for codec in media.codecs
        if codec.key[0] == _DIGITS and (meant := known.get(codec.payload_type, codec.key)) != codec.key
        if meant[0] == _DIGITS
    }
    if not renamed:
        return media
    attributes = tuple(
        Attribute(name, renamed.get((value or "").partition(" ")[0], value))
        if name == "rtpmap"
        else Attribute(name, value)
        for name, value in media.attributes
    )
    return media.with_(attributes=attributes)


def _spelled_as_offered(offered: Media, answered: Media) -> Media:
    """The line with its formats in the words of the offer, where the other side has others for them: "G722/16000"."""
    meant = {codec.payload_type: codec for codec in offered.codecs}
    maps = {(value or "").partition(" ")[0]: value or "" for name, value in offered.attributes if name == "rtpmap"}
    words = {}
    for codec in answered.codecs:
        number, known = str(codec.payload_type), meant.get(codec.payload_type)
        if known is not None and known.key == codec.key:
            words[number] = maps.get(number, f"{number} {known.name}/{known.clock}/{known.channels}".removesuffix("/1"))
    attributes = []
    for name, value in answered.attributes:
        wanted = words.get((value or "").partition(" ")[0]) if name == "rtpmap" else None
        differs = wanted is not None and _plain(wanted) != _plain(value or "")
        attributes.append(Attribute(name, wanted if differs else value))
    return answered.with_(attributes=tuple(attributes))


def _plain(rtpmap: str) -> str:
    return rtpmap.upper().removesuffix("/1")


def _accepted(offered: Media, answered: Media) -> tuple[str, ...]:
    """The formats of an answer that were offered; () if no voice or video codec is among them.

    A codec counts as offered if its own number stands for it there, or if it is there under another number and its
    number stands for nothing else (RFC 3264 §6.1 allows that asymmetry; rebinding a number it is not).
    """
    before = {codec.payload_type: codec.key for codec in offered.codecs}
    kept: list[tuple[Codec, str]] = []
    clocks = set()
    for codec in answered.codecs:
        key = codec.key
        renamed = str(codec.payload_type) not in offered.formats and key in before.values()
        if before.get(codec.payload_type) != key and not renamed:
            continue
        kept.append((codec, key[0]))
        if key[0] not in NOT_VOICE:
            clocks.add(codec.clock)
    if not clocks:
        return ()
    return tuple(str(codec.payload_type) for codec in _matching_events(kept, clocks))


def _matching_events(codecs: list[tuple[Codec, str]], clocks: set[int]) -> list[Codec]:
    """Without the telephone-events of another clock rate (RFC 4733 §2.1), unless there are only such.

    Stacks that know telephone-event at 8000 Hz alone use it beside wide-band codecs too; without it there would be
    no digits at all.
    """
    match = any(name == "telephone-event" and codec.clock in clocks for codec, name in codecs)
    return [codec for codec, name in codecs if not match or name != "telephone-event" or codec.clock in clocks]


def _standing(media: Media) -> Media:
    """A line that we sent before, fit to be sent again: the outcome of an old negotiation is not repeated."""
    return media.without(("acfg",)) if media.port else refuse(media)


def _free_video_slot(lines: list[Media]) -> int:
    for i, media in enumerate(lines):
        if media.kind == "video" and media.port == 0:
            return i
    return len(lines)
