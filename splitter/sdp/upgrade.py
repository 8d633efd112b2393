"""Our offers that raise a voice call to video and drop it again (RFC 3264 §8.1, §8.2). Pure.

A line is appended, or the slot of a video that was refused or ended is filled anew; nothing else moves. A payload type
that either side ever gave a meaning in that slot keeps it (RFC 3264 §8.3.2).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from splitter.core.errors import PeerError
from splitter.sdp.merge import standing_offer
from splitter.sdp.model import Attribute, LocalPort, Media, Session
from splitter.sdp.offer_answer import PayloadHistory
from splitter.sdp.video import offer_video, refuse

_FIRST = (99, 100)  # what video clients write; others are taken where these have a meaning already
_DYNAMIC = range(127, 95, -1)  # RFC 3551 §3
_PROFILE = "42C01F"


def video_slot(ours: Session, theirs: Session, preferred: int | None) -> int:
    """The index for a new video line: of one that is off on either side, or the next one after the last.

    Args:
        ours, theirs: the descriptions in force.
        preferred: where video ran before in this call.
    """
    free = [
        index
        for index, media in enumerate(ours.media)
        if media.kind == "video" and not (media.port and index < len(theirs.media) and theirs.media[index].port)
    ]
    if preferred in free:
        return preferred
    return free[0] if free else len(ours.media)


def new_line(index: int, local: LocalPort, bitrate_kbps: int, *histories: PayloadHistory) -> Media:
    """A video line with H.264 in both packetization modes: some terminals know mode 0 alone (TS 26.114 annex A.4).

    Args:
        histories: what the payload types of either side have stood for.
    Raises:
        PeerError: status 488 if no number is free in this slot.
    """
    taken = {number for one in histories for number in _known(one, index)}
    numbers = [number for number in (*_FIRST, *_DYNAMIC) if number not in taken]
    if len(numbers) < 2:
        raise PeerError(f"m-line {index} has no payload type left", 488)
    line = offer_video(None, local, payload_type=numbers[0], profile_level_id=_PROFILE, bitrate_kbps=bitrate_kbps)
    second = (
        Attribute("rtpmap", f"{numbers[1]} H264/90000"),
        Attribute("fmtp", f"{numbers[1]} profile-level-id={_PROFILE};packetization-mode=0"),
    )
    place = 1 + max(i for i, item in enumerate(line.attributes) if item.name == "fmtp")
    attributes = (*line.attributes[:place], *second, *line.attributes[place:])
    return line.with_(formats=(*line.formats, str(numbers[1])), attributes=attributes)


def raised(ours: Session, index: int, line: Media) -> Session:
    """Our description with this video line at `index`; all others as they stand. The o= line is still the last one."""
    standing = standing_offer(ours, ours.origin)
    return replace(standing, media=(*standing.media[:index], line, *standing.media[index + 1 :]))


def dropped(ours: Session, index: int | None = None) -> Session:
    """Our description with port 0 for the video at `index`, or for every video; the lines stay (RFC 3264 §8.2)."""
    lines = [
        refuse(media) if media.kind == "video" and index in (None, i) else media for i, media in enumerate(ours.media)
    ]
    return replace(ours, media=tuple(lines))


def without_refused(ours: Session, theirs: Session) -> Session:
    """Our description once the peer has answered it: a video with port 0 is off on both sides (RFC 3264 §6), and is not
    offered again by the next offer that concerns something else.
    """
    lines = [
        refuse(mine) if mine.kind == "video" and i < len(theirs.media) and not theirs.media[i].port else mine
        for i, mine in enumerate(ours.media)
    ]
    return replace(ours, media=tuple(lines))


def _known(history: PayloadHistory, index: int) -> Collection[int]:
    return history.lines[index][1] if index < len(history.lines) and history.lines[index][0] == "video" else ()
