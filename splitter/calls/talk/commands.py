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
from dataclasses import field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from splitter.calls.alarms import Alarm
from splitter.calls.asks import Answer, Asked
from splitter.calls.events import CallEvent
from splitter.calls.leg_events import DigitPressed
from splitter.calls.peers.messages import Pairs
from splitter.core.frozen import frozen
from splitter.sdp.model import Origin, Session

R = TypeVar("R")


@frozen
class Command(Generic[R]):
    """A command; R is the type of its reply."""

    def __iter__(self) -> Generator[Command[Any], Any, R]:
        reply: R = yield self
        return reply


Steps = Generator[Command[Any], Any, R]
"""What a step is: commands, one after the other, and in the end a result."""

# ---- to the peers ------------------------------------------------------------------------------------------------


@frozen
class LegCommand(Command[R]):
    """A command to a leg, which is named by its key."""

    leg: str


@frozen
class SendOffer(LegCommand[None]):
    """A re-INVITE with this offer; ends in OfferAccepted or OfferRefused."""

    session: Session


@frozen
class SendUpdate(LegCommand[None]):
    """An UPDATE with an offer that needs nobody's consent; ends in OfferAccepted or OfferRefused."""

    session: Session


@frozen
class WithdrawOffer(LegCommand[None]):
    """CANCEL our re-INVITE; it still ends in OfferRefused, or in OfferAccepted where the answer crossed."""

    reason: str | None = None


@frozen
class AnswerOffer(LegCommand[bool]):
    """Accept an offer of the peer; False where nobody waits for that any more."""

    txn: str
    session: Session


@frozen
class DeclineOffer(LegCommand[None]):
    """Refuse an offer of the peer; the session stands as it was."""

    txn: str
    status: int
    reason: str = ""
    headers: Pairs = ()


@frozen
class SendBye(LegCommand[None]):
    """End a dialog."""

    headers: Pairs = ()


@frozen
class AcceptInvite(LegCommand[bool]):
    """Answer an INVITE of a peer with 200; False where it gave up meanwhile."""

    session: Session


@frozen
class RefuseInvite(LegCommand[None]):
    """Answer an INVITE of a peer with a final failure."""

    status: int
    reason: str = ""
    headers: Pairs = ()


class RingInvite(LegCommand[None]):
    """Tell who sent an INVITE that it rings."""


class RefreshSession(LegCommand[bool]):
    """Refresh a leg's session by UPDATE; ends in Refreshed or RefreshFailed. False where the peer does not allow it."""


class AskKeyFrame(LegCommand[bool]):
    """Ask a peer for a key frame by INFO; False where it does not allow that."""


@frozen
class PassInfo(LegCommand[None]):
    """Send an INFO of the other side on to this leg; ends in DigitPassed."""

    pressed: DigitPressed


@frozen
class AnswerInfo(LegCommand[None]):
    """Answer an INFO of the peer."""

    txn: str
    status: int
    reason: str = ""


@frozen
class AnswerReferral(LegCommand[None]):
    """Answer a REFER of the peer."""

    txn: str
    status: int
    reason: str = ""


@frozen
class TellReferral(LegCommand[None]):
    """Tell the peer how far the transfer is that it asked for (NOTIFY); a final status ends that."""

    subscription: str
    status: int
    reason: str


class DrawPause(LegCommand[float]):
    """The seconds to wait after a collision on a leg (RFC 3261 §14.1): by chance, longer for who owns the Call-ID."""


@frozen
class EndDialogs(Command[None]):
    """End whatever dialogs are left; `headers`: for the BYE to the caller and the centre."""

    headers: Pairs = ()


class RingAgain(Command[None]):
    """Say the last provisional response to the caller once more."""


class InstallNewcomer(Command[str]):
    """The newcomer was answered: it is the centre from now on. Replies the leg before, which is still to be ended."""


# ---- to people ---------------------------------------------------------------------------------------------------


class Counted(StrEnum):
    """A count that /metrics shows."""

    BINDINGS = "bindings"
    SEATS_JOINED = "seats joined"
    WEBRTC_JOINS = "webrtc joins"
    VIDEO_QUESTIONS = "video questions"
    VOICES_MISSED = "voices missed"
    TRANSFERS = "transfers"
    RECORDINGS_STOPPED = "recordings stopped"


class PeopleCommand(Command[None]):
    """A command to tell something: to desks, to whoever asked, to operators."""


class Tell(PeopleCommand):
    """Something of the call's view has changed."""


@frozen
class Note(PeopleCommand):
    """Write into the trace what happened and why; `leg`: a name."""

    words: str
    leg: str = ""
    kind: str = "note"


@frozen
class Notify(PeopleCommand):
    """Tell the people at the desks; it is in the trace as well. `extension`: of a desk that is told, too."""

    code: str
    words: str
    party: str = ""
    extension: str = ""


@frozen
class WantLink(PeopleCommand):
    """Have the caller sent a link, for the phone cannot give video; see `LinkWanted`."""

    by: str
    language: str
    reason: str


@frozen
class Count(PeopleCommand):
    """Count in /metrics."""

    what: Counted
    label: str = ""
    by: int = 1


@frozen
class Log(PeopleCommand):
    """Write into the log of the operator; with an error, as a fault of ours."""

    words: str
    about: Mapping[str, str] = field(default_factory=dict)
    error: Exception | None = None


@frozen
class WarnOfStranger(PeopleCommand):
    """Tell the operator of a trunk, now and then, that media come from where SDP did not say."""

    trunk: str
    source: str
    named: str


@frozen
class AnswerAsk(PeopleCommand):
    """Tell a desk what came of what it asked; `written`: once the call is written down, since people rely on it."""

    asked: Asked
    value: Answer = None
    written: bool = False


@frozen
class DenyAsk(PeopleCommand):
    """Tell a desk why not."""

    asked: Asked
    status: int
    code: str
    words: str


# ---- time, chance, and what others know --------------------------------------------------------------------------


@frozen
class SetAlarm(Command[None]):
    """Ring after this time, as TimeUp; the same alarm is set anew."""

    delay_s: float
    alarm: Alarm


@frozen
class StopAlarm(Command[None]):
    """Take an alarm back; harmless where it is not set."""

    alarm: Alarm


@frozen
class Post(Command[None]):
    """Let this happen to the call, after what is in its inbox already."""

    event: CallEvent


@frozen
class MakeOrigin(Command[Origin]):
    """A fresh o= line for a leg whose SIP goes this way (RFC 8866 §5.2)."""

    network: str
    transport: str


class JudgeLoad(Command[str]):
    """Why no more video can be had under the present load; "" where it can."""


@frozen
class LookUpDesk(Command[bool]):
    """Whether a video client of this extension is online."""

    extension: str
