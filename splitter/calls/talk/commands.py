"""The commands of a step: what is to be done outside the value of a call, as plain data. Pure.

A step is a generator: it yields a command and goes on when that was carried out. Some commands have a reply at once,
for which `yield from` is written; what takes time ends in an event of `calls.events`.

    yield Note("the voice moves", leg.name)
    if not (yield from AnswerOffer(leg.key, txn, answer)):
        return  # nobody waits for it any more

Legs are named by their key.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from splitter.calls.alarms import Alarm
from splitter.calls.asks import Answer, Asked
from splitter.calls.events import CallEvent, DigitPressed
from splitter.calls.messages import Pairs
from splitter.sdp.model import Origin, Session

R = TypeVar("R")


class Command(Generic[R]):
    """A command; R is the type of its reply."""

    __slots__ = ()

    def __iter__(self) -> Generator[Command[Any], Any, R]:
        reply: R = yield self
        return reply


Steps = Generator[Command[Any], Any, R]
"""What a step is: commands, one after the other, and in the end a result."""

# ---- to the peers ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendOffer(Command[None]):
    """A re-INVITE with this offer; ends in OfferAccepted or OfferRefused."""

    leg: str
    session: Session


@dataclass(frozen=True, slots=True)
class SendUpdate(Command[None]):
    """An UPDATE with an offer that needs nobody's consent; ends in OfferAccepted or OfferRefused."""

    leg: str
    session: Session


@dataclass(frozen=True, slots=True)
class WithdrawOffer(Command[None]):
    """CANCEL our re-INVITE; it still ends in OfferRefused, or in OfferAccepted where the answer crossed."""

    leg: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerOffer(Command[bool]):
    """Accept an offer of the peer; False where nobody waits for that any more."""

    leg: str
    txn: str
    session: Session


@dataclass(frozen=True, slots=True)
class DeclineOffer(Command[None]):
    """Refuse an offer of the peer; the session stands as it was."""

    leg: str
    txn: str
    status: int
    reason: str = ""
    headers: Pairs = ()


@dataclass(frozen=True, slots=True)
class SendBye(Command[None]):
    """End a dialog."""

    leg: str
    headers: Pairs = ()


@dataclass(frozen=True, slots=True)
class EndDialogs(Command[None]):
    """End whatever dialogs are left; `headers`: for the BYE to the caller and the centre."""

    headers: Pairs = ()


@dataclass(frozen=True, slots=True)
class AcceptInvite(Command[bool]):
    """Answer an INVITE of a peer with 200; False where it gave up meanwhile."""

    leg: str
    session: Session


@dataclass(frozen=True, slots=True)
class RefuseInvite(Command[None]):
    """Answer an INVITE of a peer with a final failure."""

    leg: str
    status: int
    reason: str = ""
    headers: Pairs = ()


@dataclass(frozen=True, slots=True)
class RingInvite(Command[None]):
    """Tell who sent an INVITE that it rings."""

    leg: str


@dataclass(frozen=True, slots=True)
class RingAgain(Command[None]):
    """Say the last provisional response to the caller once more."""


@dataclass(frozen=True, slots=True)
class InstallNewcomer(Command[str]):
    """The newcomer was answered: it is the centre from now on. Replies the leg before, which is still to be ended."""


@dataclass(frozen=True, slots=True)
class RememberLeg(Command[None]):
    """Show a leg on after it has left the call."""

    leg: str


@dataclass(frozen=True, slots=True)
class RefreshSession(Command[bool]):
    """Refresh a leg's session by UPDATE; ends in Refreshed or RefreshFailed. False where the peer does not allow it."""

    leg: str


@dataclass(frozen=True, slots=True)
class RefreshLater(Command[None]):
    """Try our session refresh once more after a while."""

    leg: str
    delay_s: float


@dataclass(frozen=True, slots=True)
class AskKeyFrame(Command[bool]):
    """Ask a peer for a key frame by INFO; False where it does not allow that."""

    leg: str


@dataclass(frozen=True, slots=True)
class PassInfo(Command[None]):
    """Send an INFO of the other side on to this leg; ends in DigitPassed."""

    leg: str
    pressed: DigitPressed


@dataclass(frozen=True, slots=True)
class AnswerInfo(Command[None]):
    """Answer an INFO of the peer."""

    leg: str
    txn: str
    status: int
    reason: str = ""


# ---- to people ---------------------------------------------------------------------------------------------------


class Counted(StrEnum):
    """A count that /metrics shows."""

    BINDINGS = "bindings"
    SEATS_JOINED = "seats joined"
    WEBRTC_JOINS = "webrtc joins"
    VIDEO_QUESTIONS = "video questions"


@dataclass(frozen=True, slots=True)
class Note(Command[None]):
    """Write into the trace what happened and why; `leg`: a name."""

    words: str
    leg: str = ""
    kind: str = "note"


@dataclass(frozen=True, slots=True)
class Notify(Command[None]):
    """Tell the people at the desks; it is in the trace as well. `extension`: of a desk that is told, too."""

    code: str
    words: str
    party: str = ""
    extension: str = ""


@dataclass(frozen=True, slots=True)
class Tell(Command[None]):
    """Something of the call's view has changed."""


@dataclass(frozen=True, slots=True)
class Count(Command[None]):
    """Count in /metrics."""

    what: Counted
    label: str = ""
    by: int = 1


@dataclass(frozen=True, slots=True)
class Log(Command[None]):
    """Write into the log of the operator; with an error, as a fault of ours."""

    words: str
    about: Mapping[str, str] = field(default_factory=dict)
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class WarnOfStranger(Command[None]):
    """Tell the operator of a trunk, now and then, that media come from where SDP did not say."""

    trunk: str
    source: str
    named: str


@dataclass(frozen=True, slots=True)
class AnswerAsk(Command[None]):
    """Tell a desk what came of what it asked."""

    asked: Asked
    value: Answer = None


@dataclass(frozen=True, slots=True)
class DenyAsk(Command[None]):
    """Tell a desk why not."""

    asked: Asked
    status: int
    code: str
    words: str


# ---- time, chance, and what others know --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetAlarm(Command[None]):
    """Ring after this time, as TimeUp; the same alarm is set anew."""

    delay_s: float
    alarm: Alarm


@dataclass(frozen=True, slots=True)
class StopAlarm(Command[None]):
    """Take an alarm back; harmless where it is not set."""

    alarm: Alarm


@dataclass(frozen=True, slots=True)
class Post(Command[None]):
    """Let this happen to the call, after what is in its inbox already."""

    event: CallEvent


@dataclass(frozen=True, slots=True)
class DrawPause(Command[float]):
    """The seconds to wait after a collision on a leg (RFC 3261 §14.1): by chance, longer for who owns the Call-ID."""

    leg: str


@dataclass(frozen=True, slots=True)
class MakeOrigin(Command[Origin]):
    """A fresh o= line for a leg whose SIP goes this way (RFC 8866 §5.2)."""

    network: str
    transport: str


@dataclass(frozen=True, slots=True)
class JudgeLoad(Command[str]):
    """Why no more video can be had under the present load; "" where it can."""


@dataclass(frozen=True, slots=True)
class LookUpDesk(Command[bool]):
    """Whether a video client of this extension is online."""

    extension: str
