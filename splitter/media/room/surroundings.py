"""What a participant needs of its room. Types only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from splitter.core.ids import IdSource
from splitter.media.fast.way import Form
from splitter.media.ports.events import MediaEvent
from splitter.media.room.times import RoomTimes
from splitter.media.slate.still import Still
from splitter.media.wire.host import Host
from splitter.sdp.video import VideoFormat


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a participant needs of its room.

    Attributes:
        form: of the short way.
        cname: of the call, for SDES (RFC 7022).
        stills: the slate or a picture, by name, for a format; None while it is not there yet.
        changed: a stream began (True) or ended (False), with the reason: what others are shown may change.
        wake: something became due earlier than thought.
    """

    call_id: str
    cname: str
    loop: Host
    ids: IdSource
    times: RoomTimes
    form: Form
    stills: Callable[[str, VideoFormat], Still | None]
    emit: Callable[[MediaEvent], None]
    changed: Callable[[str, bool, str], None]
    wake: Callable[[], None]
