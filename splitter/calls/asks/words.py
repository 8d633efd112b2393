"""Asks by which parties tell of themselves and write to each other. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.calls.states import CameraState
from splitter.calls.talk.aside import ChatMessage, ChatSender
from splitter.calls.view import LocationView
from splitter.core.uploads import UploadKind
from splitter.sdp.video import Limits as Limits


@dataclass(frozen=True, slots=True)
class TellCamera:
    """A browser says how its own camera is, for those who do not see it. → None"""

    party: str
    camera: CameraState


@dataclass(frozen=True, slots=True)
class Write:
    """Somebody writes to the others in the call. → Written

    `party`: in the video, "" for none; `name`: of who writes, for people; `at`: Unix seconds.
    """

    sender: ChatSender
    party: str
    name: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Written:
    """Answer to Write. `number`: of the message in its call, from 1 on."""

    number: int


@dataclass(frozen=True, slots=True)
class ReadMessages:
    """Tell what was written in the call after the message of this number. → MessagesRead"""

    after: int = 0


@dataclass(frozen=True, slots=True)
class MessagesRead:
    """Answer to ReadMessages, the oldest first; those before were forgotten."""

    messages: tuple[ChatMessage, ...]


@dataclass(frozen=True, slots=True)
class Locate:
    """The caller's browser says where it is; None: it says so no longer. → None"""

    location: LocationView | None


@dataclass(frozen=True, slots=True)
class TellPhoto:
    """The caller's browser has sent a photo or a file, which is kept under this number. → None"""

    party: str
    number: int
    width: int
    height: int
    kind: UploadKind = UploadKind.PHOTO


@dataclass(frozen=True, slots=True)
class Rate:
    """The caller says how it was, 1 to 5. → None"""

    stars: int
