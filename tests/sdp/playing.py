"""Plays one negotiation of a new call over the pure functions, as the call flow does. For golden files and tests."""

from __future__ import annotations

from splitter.sdp.merge import caller_answer
from splitter.sdp.model import MediaPort, Origin, Session
from splitter.sdp.offer_answer import answer_direction, check_answer
from splitter.sdp.parse import parse
from splitter.sdp.split import Plan, centre_offer, plan
from splitter.sdp.video import answer_video
from splitter.sdp.write import write

TO_CENTRE = MediaPort("203.0.113.20", 20000, 20001)
TO_CALLER = MediaPort("203.0.113.10", 10000, 10001)
ROOM = MediaPort("203.0.113.11", 30000, 30001)
TO_CALLER_IPV6 = MediaPort("2001:db8::10", 10000, 10001)
ROOM_IPV6 = MediaPort("2001:db8::11", 30000, 30001)


def split_and_merge(offer: Session, centre_sdp: Session) -> tuple[Plan, Session, Session]:
    """The plan, the centre's offer and the caller's answer; both halves are proven legal on the way."""
    chosen = plan(offer)
    connection = offer.connection_of(chosen.audio)
    ipv6 = connection is not None and connection.address_type == "IP6"
    audio, room = (TO_CALLER_IPV6, ROOM_IPV6) if ipv6 else (TO_CALLER, ROOM)
    asked = centre_offer(offer, chosen, TO_CENTRE, Origin.of(TO_CENTRE.host, 1002))
    video = None
    if chosen.video is not None and chosen.video_format is not None:
        line = offer.media[chosen.video]
        direction = answer_direction(offer.direction_of(chosen.video), "sendrecv")
        video = answer_video(line, chosen.video_format, room, direction, 800, session_attributes=offer.attributes)
    answer = caller_answer(offer, chosen, centre_sdp, audio, video, Origin.of(audio.host, 1001))
    check_answer(offer, answer)
    return chosen, asked, answer


def play(offer: bytes, centre_sdp: bytes) -> tuple[str, str]:
    """The same over text, with bare line feeds, as golden files have it."""
    _, asked, answer = split_and_merge(parse(offer), parse(centre_sdp))
    return _text(asked), _text(answer)


def _text(session: Session) -> str:
    return write(session).decode().replace("\r\n", "\n")
