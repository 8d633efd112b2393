"""Shapes in JSON of messages, locations and ratings."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from splitter.calls.states import CameraState
from splitter.calls.talk.aside import ChatMessage
from splitter.core.uploads import UploadKind


class CameraTold(Struct, forbid_unknown_fields=True):
    """The state of a browser's own camera."""

    state: CameraState


class MessageWish(Struct, forbid_unknown_fields=True):
    """A message to the others in the call."""

    text: Annotated[str, Meta(min_length=1, max_length=1000)]


class MessageWritten(Struct):
    """`number`: of the message in its call, from 1 on."""

    number: int


class MessageList(Struct):
    """Messages of a call, the oldest first; of very many the newest alone."""

    messages: tuple[ChatMessage, ...]


class RatingWish(Struct, forbid_unknown_fields=True):
    """The rating of a call by its caller: 1, bad, to 5, very good."""

    stars: Annotated[int, Meta(ge=1, le=5)]


class PhotoShown(Struct):
    """A photo of the caller, or a PDF, as it is kept. `taken_at`: when it came, Unix seconds.

    A PDF has no width and height, and was not checked.
    """

    number: int
    width: int
    height: int
    size_bytes: int
    taken_at: float
    kind: UploadKind = UploadKind.PHOTO


class PhotoList(Struct):
    """Photos of a call, the oldest first."""

    photos: list[PhotoShown]


class LocationTold(Struct, forbid_unknown_fields=True):
    """The place of a browser (WGS 84), and the distance within which that is so."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    accuracy_m: Annotated[float, Meta(ge=0, le=100_000)]
