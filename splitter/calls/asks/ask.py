"""An ask on its way through the inbox of a call, and the denial that it may get."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from splitter.calls.asks.belonging import Admit, AskIn, Bind, Dismiss, HandOver
from splitter.calls.asks.phones import (
    InvitePhone,
    LeaveVoice,
    MuteVoice,
    PhoneInvited,
    RemovePhone,
    SetPart,
    SetPhoneVideo,
)
from splitter.calls.asks.pictures import DropVideo, RaiseVideo, Show, TakeSnapshot
from splitter.calls.asks.places import Admitted, Join, Remove, Restart, Watched, WatchOthers
from splitter.calls.asks.recording import ForkCall, LeaveOut, RecordCall
from splitter.calls.asks.words import Locate, MessagesRead, Rate, ReadMessages, TellCamera, TellPhoto, Write, Written
from splitter.core.errors import SplitterError
from splitter.media.ports.rooms import Snapshot
from splitter.sdp.video import Limits as Limits
from splitter.sdp.webrtc import SecureLocal

PartyAsk = TellCamera | Write | ReadMessages | Locate | TellPhoto | Rate
PhoneAsk = InvitePhone | RemovePhone | MuteVoice | SetPart | SetPhoneVideo | LeaveVoice
Ask = (
    Join
    | Restart
    | WatchOthers
    | Remove
    | RaiseVideo
    | DropVideo
    | Show
    | TakeSnapshot
    | Bind
    | HandOver
    | AskIn
    | Admit
    | Dismiss
    | PartyAsk
    | PhoneAsk
    | RecordCall
    | LeaveOut
    | ForkCall
)
Answer = Admitted | Watched | Written | MessagesRead | SecureLocal | Snapshot | PhoneInvited | None


class Denial(SplitterError):
    """A refusal of what was asked: it cannot be done.

    Attributes:
        status: as HTTP says it: 404, 406, 409, 415, 422, 429, 500, 503 or 504.
        code: stable, for programs: "no-such-party".
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Reply(Protocol):
    """The receiver of an answer, such as the future of whoever waits for it."""

    def done(self) -> bool: ...

    def set_result(self, result: Answer, /) -> None: ...

    def set_exception(self, exception: Denial, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """An ask in the inbox of a call; `reply` gets its Answer or a Denial."""

    ask: Ask
    reply: Reply = field(compare=False)

    @property
    def abandoned(self) -> bool:
        """Tell whether nobody waits for the answer any longer, or it was given."""
        return self.reply.done()

    def answer(self, value: Answer = None) -> None:
        """Give the answer; perhaps nobody waits for it any longer."""
        if not self.reply.done():
            self.reply.set_result(value)

    def deny(self, status: int, code: str, message: str) -> None:
        """Say why not."""
        if not self.reply.done():
            self.reply.set_exception(Denial(status, code, message))
