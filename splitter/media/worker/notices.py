"""Events as they go over the wire: each with the relay or room that it is about, and the name of its class. Pure."""

from __future__ import annotations

from typing import get_args

import msgspec

from splitter.core.errors import LocalError
from splitter.media.ports.events import MediaEvent


class ProtocolError(LocalError):
    """The other process sent what this version does not understand."""


class MediaNotice(msgspec.Struct, frozen=True, tag=True):
    """An event of the relay or room with the id `owner`; `name` is the event's class."""

    owner: str
    name: str
    event: msgspec.Raw


_encoder = msgspec.msgpack.Encoder()
_events = {kind.__name__: msgspec.msgpack.Decoder(kind) for kind in get_args(MediaEvent)}


def notice_of(owner: str, event: MediaEvent) -> MediaNotice:
    """An event to be sent."""
    return MediaNotice(owner, type(event).__name__, msgspec.Raw(_encoder.encode(event)))


def read_event(notice: MediaNotice) -> MediaEvent:
    """An event that came. Raises ProtocolError."""
    try:
        event: MediaEvent = _events[notice.name].decode(notice.event)
    except (msgspec.MsgspecError, KeyError) as error:
        raise ProtocolError(f"not an event: {notice.name!r}: {error}") from error
    return event
