"""Our m=video lines for who is in a call's room: in answers, and in offers of ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from splitter.calls.states import Side
from splitter.calls.talk.room import RoomState
from splitter.core.errors import PeerError
from splitter.sdp import webrtc
from splitter.sdp.model import Connection, Media, Origin, Session
from splitter.sdp.offer_answer import answer_direction, check_answer
from splitter.sdp.video import SECURE, VideoFormat, answer_video, choose_video, offer_video, refuse, video_fault


def line_in_answer(
    room: RoomState,
    name: str,
    offer: Session,
    index: int,
    wanted: VideoFormat,
    bitrate_kbps: int,
    direction: str = "sendrecv",
) -> Media | None:
    """Our line in answer to a participant's m=video; None where it has no ports.

    Args:
        bitrate_kbps: what we ask for at most.
        direction: that we want.
    """
    member = room.members.get(name)
    if member is None:
        return None
    direction = answer_direction(offer.direction_of(index), direction)
    if member.handle.secure is not None:
        caller = room.received_by(Side.CALLER)
        most = min(bitrate_kbps, caller.bitrate_kbps) if caller else bitrate_kbps
        return webrtc.answer_line(offer, index, wanted, member.handle.local, member.handle.secure, direction, most)
    return answer_video(
        offer.media[index], wanted, member.handle.local, direction, bitrate_kbps, session_attributes=offer.attributes
    )


def line_in_offer(room: RoomState, name: str, previous: Media) -> Media | None:
    """Our line in an offer that keeps a participant's video as it is, at its present ports."""
    member = room.members.get(name)
    return offer_video(previous, member.handle.local) if member and previous.port else None


def offers_webrtc(offer: Session) -> bool:
    """True if a seat's video is WebRTC's; one that can do both gets plain RTP.

    Raises:
        PeerError: status 488 if nothing can be used.
    """
    lines = [media for media in offer.media if media.kind == "video"]
    if any(choose_video(media, offer.attributes) for media in lines):
        return False
    if any(webrtc.is_secure(offer, media) for media in lines):
        return True
    raise PeerError(video_fault(lines[0]) if lines else "a seat's INVITE must offer video", 488)


def answer_to_party(
    room: RoomState, name: str, offer: Session, origin: Origin, bitrate_kbps: int, direction: str = "sendrecv"
) -> tuple[Session, int]:
    """Answer the usable m=video of a party that has its place in the room; every other line is refused.

    Returns: the answer, and the index of that line.
    Raises:
        PeerError: status 488 if there is none.
    """
    if name in room.secure_members:
        index, wanted = webrtc.choose_secure(offer)
        if (line := line_in_answer(room, name, offer, index, wanted, bitrate_kbps, direction)) is not None:
            answer = webrtc.answer(offer, index, line, origin)
            check_answer(offer, answer)
            return answer, index
    return _plain_answer(room, name, offer, origin, bitrate_kbps)


def answer_with_streams(
    room: RoomState,
    name: str,
    offer: Session,
    origin: Origin,
    bitrate_kbps: int,
    streams: Mapping[int, str],
    direction: str,
) -> Session:
    """Answer a WebRTC party that wants to see others in streams of their own, beside what it has.

    Args:
        offer: from `webrtc.resolved`, with its first usable line as it was before.
        streams: the participants that stand for these streams, by the index of their lines.
        direction: that we want of the line that it has.
    Raises:
        PeerError: status 488 if there is no line that can be used, or it has no place.
    """
    index, wanted = webrtc.choose_secure(offer)
    member, line = room.members.get(name), line_in_answer(room, name, offer, index, wanted, bitrate_kbps, direction)
    if member is None or member.handle.secure is None or line is None:
        raise PeerError("no media resources for video", 488)
    more = {}
    for at, stream in streams.items():
        found, form = room.members.get(stream), choose_video(offer.media[at], offer.attributes, SECURE)
        if found is None or found.handle.secure is None or form is None:
            continue
        ours = replace(member.handle.secure, ssrc=found.handle.secure.ssrc, cname=found.handle.secure.cname)
        place = (member.handle.local, ours, answer_direction(offer.direction_of(at), "sendonly"), bitrate_kbps)
        more[at] = webrtc.answer_line(offer, at, form, *place, stream=stream)
    answer = webrtc.answer(offer, index, line, origin, more)
    check_answer(offer, answer)
    return answer


def _plain_answer(room: RoomState, name: str, offer: Session, origin: Origin, bitrate_kbps: int) -> tuple[Session, int]:
    for index, media in enumerate(offer.media):
        if media.kind == "video" and (wanted := choose_video(media, offer.attributes)):
            line = line_in_answer(room, name, offer, index, wanted, bitrate_kbps)
            if line is not None:
                lines = [refuse(other) for other in offer.media]
                lines[index] = line
                host = line.connection.address if line.connection else origin.address
                answer = Session(origin=origin, connection=Connection.to(host), media=tuple(lines))
                answer = replace(answer, times=tuple(t for t in offer.times if t.startswith("t=")) or answer.times)
                check_answer(offer, answer)
                return answer, index
    faults = [video_fault(media) for media in offer.media if media.kind == "video"]
    raise PeerError(faults[0] if faults else "a seat's INVITE must offer video", 488)


def video_index(session: Session | None) -> int | None:
    """The index of the video line in use: one that is only there (a=inactive) counts where there is no other."""
    media = session.media if session else ()
    found = [index for index, one in enumerate(media) if one.kind == "video" and one.port]
    active = (index for index in found if session and session.direction_of(index) != "inactive")
    return next(active, found[0] if found else None)
