"""Phones that were invited into the voice of a call: those that are in it, and those that are being called. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from splitter.calls.peers.session_id import SessionId
from splitter.calls.states import PhoneOutcome, PhonePart, PhoneState, VideoState
from splitter.calls.view import PhoneView
from splitter.core.text import plain
from splitter.sdp.model import Media

MOST = 2  # with the caller and the agent: four voices


@dataclass(slots=True)
class Phone:
    """A phone that was invited.

    Attributes:
        name: of its leg, and of its side of the voice: "phone-1" …
        number: that was called. by: who invited it.
        part: what it takes part in.
        leg: the key of its leg; "" before it is called.
        trunk, network, transport: by which it is called. extension: it is one of the centre's.
        session: the two halves of its own Session-ID (RFC 7989).
        state: how far it is. video: how far its picture is; video_reason: why it has none, though somebody wants it.
        discreet: desks are not shown that it is there, as long as it only listens.
        line: of ours, with its index, that was offered for it: the next one keeps its payload types.
    """

    name: str
    number: str
    by: str = ""
    part: PhonePart = PhonePart.TALKS
    leg: str = ""
    trunk: str = ""
    network: str = ""
    transport: str = ""
    extension: bool = False
    session: SessionId = field(default_factory=SessionId)
    state: PhoneState = PhoneState.CALLING
    video: VideoState = VideoState.OFF
    video_reason: str = ""
    line: tuple[int, Media] | None = None
    discreet: bool = False

    @property
    def hidden(self) -> bool:
        """Whether desks are not shown that it is there."""
        return self.discreet and self.part is PhonePart.LISTENS

    def view(self, muted: bool = False, outcome: PhoneOutcome | None = None, reason: str = "") -> PhoneView:
        """The phone as operators see it; with an outcome, one that is not there any more."""
        state = self.state if outcome is None else PhoneState.LEFT
        said = "" if outcome is None else outcome.value
        what = (self.name, plain(self.number), plain(self.by), state, said, plain(reason), muted, self.part)
        video = self.video if outcome is None else VideoState.OFF
        return PhoneView(*what, video, plain(self.video_reason), self.hidden)
