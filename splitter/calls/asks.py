"""What people at desks ask of a call through the API, and what they are answered. Pure.

An ask enters the call's inbox as `Asked` and is answered there, in the order of everything else that happens to the
call; see `flows/desk.py`. Whatever cannot be done is a `Denial` with a code for programs and a reason for people.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from splitter.calls.states import CameraState, ForkWish, PhonePart, RecordingAction
from splitter.calls.talk.aside import ChatMessage, ChatSender
from splitter.calls.view import LocationView
from splitter.core.errors import SplitterError
from splitter.core.uploads import UploadKind
from splitter.media.ports.rooms import Snapshot
from splitter.sdp.model import Session
from splitter.sdp.video import Limits as Limits
from splitter.sdp.webrtc import SecureLocal


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


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of the token that let a client in, for the day on which that is revoked.

    Attributes:
        name: of its login or token.
        token_id: tells the token from others, and is no secret.
        made_at: Unix seconds; None for a token of the configuration.
        login: the mark of the account that it logged in by; empty where it did not.
    """

    name: str
    token_id: str = ""
    made_at: float | None = None
    login: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """The person or program behind a video client.

    Attributes:
        client: the client's own id; one that comes back with the same takes its old place.
        extension: of the centre; empty for those who have none.
        kind: "desk", "guest" (the caller's own browser), or "expert" (somebody else's, asked in by a link),
            or "onlooker" (a supervisor's, which sends nothing).
        title: what people call it, as far as somebody has said so.
        by: the login, for the trace.
        holder: of the token; None for a SIP seat.
    """

    client: str
    extension: str = ""
    kind: str = "desk"
    by: str = ""
    holder: Holder | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Answer to Join. `name`: of the new party, such as "seat-1"; `limits`: of what it sends."""

    name: str
    answer: Session
    limits: Limits


@dataclass(frozen=True, slots=True)
class Join:
    """A WebRTC client wants to be in the call's room, with this offer. → Admitted

    `by_rule`: it may enter every call, whosever that is. `consent`: the version of the text that its user has
    agreed to, "" for none; `at`: then, Unix seconds.
    """

    desk: Desk
    offer: Session
    network: str
    by_rule: bool = False
    consent: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Restart:
    """A party restarts ICE (RFC 9725 §4.3.2), or tells more of its candidates.

    → SecureLocal where the credentials are new, None where only candidates were added.
    """

    party: str
    ufrag: str
    password: str
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WatchOthers:
    """A WebRTC party wants to see others in streams of their own, on the transport that it has. → Watched

    `streams`: all of them, by the mid of a line of its offer, whom it is to show.
    """

    party: str
    offer: Session
    streams: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """Answer to WatchOthers. `streams`: those that are open now, as they were asked for."""

    answer: Session
    streams: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Remove:
    """A party leaves, or is taken out by somebody else (`by`). → None"""

    party: str
    by: str
    reason: str = ""


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


@dataclass(frozen=True, slots=True)
class RaiseVideo:
    """Ask the caller for video. → None once the question is on its way; what comes of it is in the call's view.

    `link`: where the phone cannot, the caller is sent a link instead, in this language, "" for the usual one; None for
    no link.
    """

    by: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class DropVideo:
    """Back to voice alone. → None once it is on its way."""

    by: str


@dataclass(frozen=True, slots=True)
class Show:
    """Choose what `viewer` sees. → None

    `source`: a party's name, "slate", "picture:ID", "speaker" for whoever speaks, "mosaic" for several at once,
    or "" for the room's own choice. `of`: who is to be in the mosaic; () for everybody.
    """

    source: str
    by: str
    viewer: str = "caller"
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """A still of what a party sends. → Snapshot"""

    of: str = "caller"


@dataclass(frozen=True, slots=True)
class Bind:
    """CTI (or a client that names the call) says whose extension has the call; "" takes it back. → None"""

    extension: str
    by: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """The host makes another desk the host, which is in the picture; or (`takes`) a supervisor becomes it. → None

    The former host stays where it is, and may come back.
    """

    extension: str
    by: str
    takes: bool = False


@dataclass(frozen=True, slots=True)
class AskIn:
    """A desk asks to be let into a call that is another desk's. → None once the question is put; see `consent`."""

    extension: str
    by_rule: bool = False


@dataclass(frozen=True, slots=True)
class Admit:
    """Let the desk of this extension into the call, whether it has asked or not. → None"""

    extension: str
    by: str


@dataclass(frozen=True, slots=True)
class Dismiss:
    """Say no to a desk that asks to be let in, or take that back; `own`: it is the asker who does. → None"""

    extension: str
    by: str
    own: bool = False


@dataclass(frozen=True, slots=True)
class InvitePhone:
    """Call a number, and connect it with those who talk. → PhoneInvited once it is being called

    `video`: its picture is wanted as well, where it is called by the network.
    """

    number: str
    by: str
    part: PhonePart = PhonePart.TALKS
    video: bool = False


@dataclass(frozen=True, slots=True)
class PhoneInvited:
    """Answer to InvitePhone. `name`: of the phone, such as "phone-1"."""

    name: str


@dataclass(frozen=True, slots=True)
class RemovePhone:
    """Take a phone out of the voice; one that is being called is called no longer. → None"""

    name: str
    by: str


@dataclass(frozen=True, slots=True)
class MuteVoice:
    """Let nobody hear a voice (a phone's, "caller", "centre"), or all again, while three or more talk. → None"""

    name: str
    muted: bool
    by: str


@dataclass(frozen=True, slots=True)
class SetPart:
    """Let a phone that was invited talk, listen or whisper from now on. → None"""

    name: str
    part: PhonePart
    by: str


@dataclass(frozen=True, slots=True)
class LeaveVoice:
    """The agent leaves the voice, and the others go on: the first phone takes the agent's place. → None"""

    by: str


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """A wish for a call outwards: the agent's phone rings first, then the number.

    Attributes:
        video: the person in the network is asked for video as soon as it has answered.
    """

    extension: str
    number: str
    by: str
    video: bool = False


@dataclass(frozen=True, slots=True)
class RecordCall:
    """Begin, pause, resume or end the recording of the call. → None once the recorder has done so

    `may_end`: also what the configuration wants recorded.
    """

    action: RecordingAction
    by: str
    may_end: bool = False


@dataclass(frozen=True, slots=True)
class LeaveOut:
    """Record nothing of somebody in the call from now on, or (`out` is False) again. → None once it is so

    `party`: "caller", "centre" or the name of a party or phone.
    """

    party: str
    by: str
    out: bool = True


@dataclass(frozen=True, slots=True)
class ForkCall:
    """Have who listens get the call, as long as it is recorded, or not. → None"""

    wish: ForkWish
    by: str


@dataclass(frozen=True, slots=True)
class SetPhoneVideo:
    """Ask a phone that was invited for its picture, or go back to its voice alone. → None, once it is to be asked"""

    name: str
    wanted: bool
    by: str


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
