"""What a side of a mix is offered and answered: the codecs that the mixer speaks, whatever others speak. Pure.

Between two sides SDP is carried (`carry`, `merge`). In a mix each side has its own session with us; which codecs may be
in it says `speaks`, for one as for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from splitter.core.errors import PeerError
from splitter.sdp.carry import carried, narrowed, with_rtcp
from splitter.sdp.codec import Codec, CodecKey
from splitter.sdp.model import Attribute, Connection, LocalPort, Media, Origin, Session
from splitter.sdp.offer_answer import PayloadHistory, answer_direction
from splitter.sdp.split import NOT_VOICE, audio_line
from splitter.sdp.video import refuse
from splitter.sdp.voice import VoiceFormat, voice_format

Speaks = Callable[[VoiceFormat], bool]

_EVENT = "telephone-event"
_G711 = (("8", "PCMA/8000"), ("0", "PCMU/8000"))  # RFC 3551 §6: their numbers stand for nothing else
_EVENT_NUMBERS = (101, *range(96, 101), *range(102, 128))


def phone_offer(local: LocalPort, origin: Origin) -> Session:
    """The offer to a phone that is invited: G.711 and digits."""
    return Session(origin=origin, connection=Connection.to(local.host), media=(_own_line(local, {}),))


def agreed_format(local: Media, remote: Media, answer: Media) -> VoiceFormat | None:
    """The format that a peer sends and is sent: the first voice of the answer that both have, by the peer's number.

    Args:
        local, remote: our line in force and the peer's; `answer` is that of the two which answered.
    """
    ours, theirs = {codec.key for codec in local.codecs}, {codec.key: codec for codec in remote.codecs}
    for codec in answer.codecs:
        if _is_voice(codec) and codec.key in ours and codec.key in theirs:
            kept = {str(theirs[codec.key].payload_type)}
            kept |= {str(one.payload_type) for one in remote.codecs if one.name.lower() == _EVENT and one.key in ours}
            found = voice_format(narrowed(remote, kept))
            return replace(found, named_here=_named_here(local, remote, kept)) if found is not None else None
    return None


def _named_here(local: Media, remote: Media, kept: set[str]) -> tuple[tuple[int, int], ...]:
    """Our payload types for what the peer names otherwise; none that stands for something else with the peer."""
    found = []
    for theirs in remote.codecs:
        ours = [codec.payload_type for codec in local.codecs if codec.key == theirs.key]
        if str(theirs.payload_type) in kept and theirs.payload_type not in ours:
            found += [(one, theirs.payload_type) for one in ours[:1] if str(one) not in remote.formats]
    return tuple(found)


def mixed_answer(offer: Session, index: int, local: LocalPort, wanted: str, origin: Origin, speaks: Speaks) -> Session:
    """Our answer to a side of a mix: of its audio what the mixer speaks, and no other line.

    Args:
        index: of the audio in the offer.
        wanted: our direction, as far as the offer allows it.
    Raises:
        PeerError: status 488 if the mixer speaks none of what was offered.
    """
    line = mixed_line(offer, index, local, wanted, speaks)
    lines = tuple(line if i == index else refuse(media) for i, media in enumerate(offer.media))
    times = tuple(one for one in offer.times if one.startswith("t=")) or ("t=0 0",)
    return Session(origin=origin, connection=Connection.to(local.host), times=times, media=lines)


def mixed_line(offer: Session, index: int, local: LocalPort, wanted: str, speaks: Speaks) -> Media:
    """The audio line of such an answer. Raises as `mixed_answer`."""
    offered = offer.media[index]
    if fault := offer.address_fault(index, local.host):
        raise PeerError(f"audio: {fault}", 488)
    voices = [codec for codec in offered.codecs if _is_voice(codec) and _can(offered, codec, speaks)]
    if not voices:
        raise PeerError("none of the offered codecs can be mixed", 488)
    clocks = {codec.clock for codec in voices}
    events = [codec for codec in offered.codecs if codec.name.lower() == _EVENT]
    events = [codec for codec in events if codec.clock in clocks] or events[:1]
    kept = {str(codec.payload_type) for codec in (*voices, *events)}
    direction = answer_direction(offer.flow_of(index), wanted)
    line = narrowed(carried(offer, index, local, offered.proto, direction), kept)
    named = [item for item in line.attributes if item.name in ("rtpmap", "fmtp", "ptime", "rtcp", direction)]
    return line.with_(attributes=tuple(named), bandwidths=())


def mixable(session: Session, index: int, history: PayloadHistory, local: LocalPort, speaks: Speaks) -> Session:
    """The description of ours as an offer to a side of a mix: narrowed to what the mixer speaks, or else G.711.

    Args:
        index: of its audio line.
        history: what the payload types of that leg have stood for.
    """
    line = session.media[index]
    voices = [codec for codec in line.codecs if _is_voice(codec)]
    spoken = [codec for codec in voices if _can(line, codec, speaks)]
    if len(spoken) == len(voices) and voices:
        return session
    if spoken and spoken[0] is voices[0]:
        gone = {str(codec.payload_type) for codec in voices if codec not in spoken}
        mixed = narrowed(line, [number for number in line.formats if number not in gone])
    else:
        known = history.lines[index][1] if index < len(history.lines) else {}
        mixed = _own_line(local, known).with_(proto=line.proto).with_direction(line.direction)
    lines = list(session.media)
    lines[index] = mixed
    return replace(session, media=tuple(lines))


def usable_answer(offer: Session, answer: Session, speaks: Speaks) -> VoiceFormat:
    """The format that a phone which has answered our offer speaks.

    Raises:
        PeerError: status 488 where there is nothing that can be mixed.
    """
    line, index = offer.media[audio_line(offer)], audio_line(answer)
    found = agreed_format(line, answer.media[index], answer.media[index])
    if not answer.media[index].port or found is None or not speaks(found):
        raise PeerError("its answer has no voice that can be mixed", 488)
    return found


def _own_line(local: LocalPort, known: Mapping[int, CodecKey]) -> Media:
    """G.711 and digits, the latter under a number that stands for nothing else on this leg."""
    event = (_EVENT, 8000, 1)
    number = next((one for one, key in known.items() if key == event), None)
    number = number or next(one for one in _EVENT_NUMBERS if one not in known)
    attributes = [Attribute("rtpmap", f"{one} {name}") for one, name in _G711]
    attributes += [Attribute("rtpmap", f"{number} {_EVENT}/8000"), Attribute("fmtp", f"{number} 0-15")]
    attributes += [Attribute("ptime", "20"), Attribute("sendrecv")]
    formats = (*(one for one, _ in _G711), str(number))
    return with_rtcp(Media("audio", local.rtp_port, "RTP/AVP", formats, attributes=tuple(attributes)), local)


def _is_voice(codec: Codec) -> bool:
    return codec.name.lower() not in NOT_VOICE


def _can(line: Media, codec: Codec, speaks: Speaks) -> bool:
    found = voice_format(narrowed(line, [str(codec.payload_type)]))
    return found is not None and speaks(found)
