"""The pictures of a room: decoded once, then encoded in every form that a viewer needs, in a thread of the host."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import structlog

from splitter.core.errors import MediaUnavailable, PeerError
from splitter.media.ports.rooms import PICTURES_KEPT
from splitter.media.slate.draw import Picture, letterbox
from splitter.media.slate.encode import encode_within, key_frame_limit
from splitter.media.slate.picture import decode
from splitter.media.slate.slate import size_for
from splitter.media.slate.still import Still
from splitter.media.wire.host import Host
from splitter.sdp.video import VideoFormat

log = structlog.get_logger(__name__)

PREFIX = "picture:"


class _Form(NamedTuple):
    """What a still was made for: its picture, size, and the bytes that a key frame may have."""

    picture_id: str
    width: int
    height: int
    limit_bytes: int


class Pictures:
    """What `put` brought, as stills.

    Args:
        ready: called when a still is there that was not there when it was asked for.
    """

    def __init__(self, loop: Host, ready: Callable[[], None]) -> None:
        self._loop = loop
        self._ready: Callable[[], None] | None = ready
        self._pictures: dict[str, Picture] = {}
        self._stills: dict[_Form, Still] = {}
        self._under_way: set[_Form] = set()

    def __contains__(self, source: str) -> bool:
        """Whether a source is a picture that is here."""
        return source.startswith(PREFIX) and source.removeprefix(PREFIX) in self._pictures

    def put(self, picture_id: str, image: bytes, done: Callable[[Exception | None], None]) -> None:
        """Decode a picture; `done` is told None, or why it cannot be used."""

        if picture_id in self._pictures:
            done(None)
            return

        def decoded(picture: Picture | Exception) -> None:
            if isinstance(picture, PeerError):
                done(MediaUnavailable(f"picture {picture_id}: {picture.reason}"))
            elif isinstance(picture, Exception):
                done(picture)
            else:
                self._keep(picture_id, picture)
                done(None)

        self._loop.in_thread(partial(decode, image), decoded)

    def _keep(self, picture_id: str, picture: Picture) -> None:
        self._pictures[picture_id] = picture
        if len(self._pictures) > PICTURES_KEPT:
            oldest = next(iter(self._pictures))
            del self._pictures[oldest]
            self._stills = {form: still for form, still in self._stills.items() if form.picture_id != oldest}

    def still(self, source: str, negotiated: VideoFormat) -> Still | None:
        """A picture for what a viewer can receive; None while it is being encoded, or where it is not here."""
        picture_id = source.removeprefix(PREFIX)
        picture = self._pictures.get(picture_id)
        if picture is None:
            return None
        landscape = picture.shape[1] > picture.shape[0]
        form = _Form(picture_id, *size_for(negotiated, landscape), key_frame_limit(negotiated.bitrate_kbps))
        still = self._stills.get(form)
        if still is None and form not in self._under_way:
            self._under_way.add(form)
            self._loop.in_thread(partial(_encode, picture, form), partial(self._encoded, form))
        return still

    def close(self) -> None:
        """Tell nobody any more, nor hold whoever was told."""
        self._ready = None

    def _encoded(self, form: _Form, still: Still | Exception) -> None:
        self._under_way.discard(form)
        if isinstance(still, Exception):
            log.error("a picture could not be encoded", picture=form.picture_id, exc_info=still)
        elif form.picture_id in self._pictures:
            self._stills[form] = still
            if self._ready is not None:
                self._ready()


def _encode(picture: Picture, form: _Form) -> Still:
    return encode_within(letterbox(picture, form.width, form.height), form.limit_bytes)
