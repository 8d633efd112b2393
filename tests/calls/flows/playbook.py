"""Steps played without a network, a clock or an engine: what happens goes in, and the exact commands come out.

    book = Playbook()
    book.happens(Offered(CALLER, "t1", from_caller("sendonly")))
    book.does(SetAlarm(20.0, LIMIT), SendOffer(CENTRE, to_centre(2, "sendonly")))

What is written into the trace and that the view is told anew are left out, unless a test looks at `book.notes`. The book
does to the legs what an actor's legs do: it keeps what was sent, and what is open.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from difflib import ndiff
from typing import Any

from splitter.calls.asks import Answer, Denial
from splitter.calls.events import CallEvent
from splitter.calls.flows.converse import Conversation
from splitter.calls.leg_events import OfferAccepted, Offered, OfferRefused
from splitter.calls.peers.facts import CallerFacts
from splitter.calls.peers.identity import Identity
from splitter.calls.peers.session_id import SessionId
from splitter.calls.settings import CallSettings, Role, Trunk
from splitter.calls.states import CallState, LegState, VideoState
from splitter.calls.talk import commands as c
from splitter.calls.talk.leg import LegRecord, Opener
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import PrepareRoom
from splitter.calls.talk.pending import Pending
from splitter.calls.talk.room import Member
from splitter.calls.talk.state import Talk
from splitter.calls.talk.terms import Terms
from splitter.core.net import Address, Flow
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.rooms import ParticipantHandle, RoomHandle
from splitter.sdp.model import Origin, Session
from splitter.sdp.parse import parse
from splitter.sdp.split import plan
from splitter.sdp.write import write
from splitter.sip.session_timer import TimerSettings

CALLER, CENTRE = "caller", "centre.1"
_ACCESS = Trunk("sbc", Role.ACCESS, "access", ())
_PBX = Trunk("pbx", Role.CENTRE, "core", ())
_TIMERS = TimerSettings(1800, 90)
_PCMA = "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15"
_H264 = "a=rtpmap:99 H264/90000", "a=fmtp:99 profile-level-id=42e01e;packetization-mode=1", "a=sendrecv"


OURS_TO_CALLER, OURS_TO_CENTRE = LocalEnd("198.51.100.1", 40000, 40001), LocalEnd("10.1.0.1", 40100, 40101)
OUR_VIDEO = LocalEnd("198.51.100.1", 40200, 40201)


def caller_end(port: int = 30000) -> RemoteEnd:
    """Where the caller receives its voice."""
    return RemoteEnd(Address("192.0.2.9", port), Address("192.0.2.9", port + 1))


def centre_end(port: int = 20000) -> RemoteEnd:
    """Where the centre receives its voice."""
    return RemoteEnd(Address("10.1.0.20", port), Address("10.1.0.20", port + 1))


def from_caller(direction: str = "sendrecv", *, port: int = 30000, video: int | None = 30002) -> Session:
    """What the caller says: PCMA at this port, and H.264 where `video` names one (0: refused, None: no line)."""
    return _sdp("192.0.2.9", port, direction, [] if video is None else [f"m=video {video} RTP/AVP 99", *_H264])


def to_caller(version: int, direction: str = "sendrecv", *, video: int | None = 40200) -> Session:
    """What we say to the caller; `version`: of its o= line."""
    line = [f"m=video {video} RTP/AVP 99", "c=IN IP4 198.51.100.1", "b=AS:960", *_H264] if video else []
    line = ["m=video 0 RTP/AVP 99"] if video == 0 else line
    return _sdp("198.51.100.1", 40000, direction, line, version)


def from_centre(direction: str = "sendrecv", *, port: int = 20000) -> Session:
    """What the centre says."""
    return _sdp("10.1.0.20", port, direction, [])


def to_centre(version: int, direction: str = "sendrecv") -> Session:
    """What we say to the centre; `version`: of its o= line."""
    return _sdp("10.1.0.1", 40100, direction, [], version)


def _sdp(host: str, audio: int, direction: str, video: list[str], version: int = 1) -> Session:
    lines = ["v=0", f"o=- 1 {version} IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
    lines += [f"m=audio {audio} RTP/AVP 8 101", *_PCMA, f"a={direction}", *video]
    return parse("\r\n".join([*lines, ""]))


@dataclass(slots=True)
class PlayedLeg:
    """A leg that does nothing: its record, and what the book has seen it send."""

    record: LegRecord
    trunk: Trunk
    settled: bool = True
    offering: bool = False
    takes_info: bool = True

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def key(self) -> str:
        return self.record.key

    @property
    def flow(self) -> Flow:
        return self.record.flow

    @property
    def sip_call_id(self) -> str:
        return self.record.sip_call_id

    @property
    def state(self) -> LegState:
        return self.record.state

    @property
    def allows(self) -> frozenset[str]:
        return self.record.allows

    @property
    def terms(self) -> Terms:
        return self.record.terms


class PlayedReply:
    """Somebody who waits for an answer and gets none: what would be told is seen in the commands."""

    def done(self) -> bool:
        return False

    def set_result(self, result: Answer, /) -> None:
        raise AssertionError("a step has answered by itself")

    def set_exception(self, exception: Denial, /) -> None:
        raise AssertionError("a step has denied by itself")


def _leg(name: str, key: str, opener: Opener, trunk: Trunk, local: Session, remote: Session) -> PlayedLeg:
    flow = Flow(trunk.network, "udp", Address("198.51.100.1", 5060), Address("192.0.2.9", 5060))
    record = LegRecord.of(name, opener, trunk.name, flow, f"{key}@example", _TIMERS, key)
    record.state, record.allows = LegState.CONFIRMED, frozenset({"INVITE", "UPDATE", "INFO", "BYE"})
    record.terms.local = local
    record.terms.note_sent(local)
    record.terms.note_remote(remote)
    return PlayedLeg(record, trunk)


@dataclass
class Playbook:
    """An answered call of two, with video or without, and what its steps do.

    Attributes:
        replies: what commands are replied, by their type; None for any other.
        notes: what was written into the trace since the last event.
    """

    video: bool = True
    room: bool = True
    replies: dict[type[c.Command[Any]], Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    done: list[c.Command[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.replies = {c.AnswerOffer: True, c.DrawPause: 1.0, c.JudgeLoad: "", c.RefreshSession: True} | self.replies
        said = from_caller(video=30002 if self.video else None)
        ours = to_caller(1, video=40200 if self.video else None)
        caller = _leg("caller", CALLER, Opener.PEER, _ACCESS, ours, said)
        centre = _leg("centre", CENTRE, Opener.US, _PBX, to_centre(1), from_centre())
        centre.terms.local_is_offer = True
        talk = Talk("call", "1234", Identity(), CallerFacts(), 0.0, SessionId("a" * 32))
        talk.state, talk.centre, talk.plan = CallState.CONNECTED, CENTRE, plan(said, ours="198.51.100.1")
        talk.legs = {"caller": caller.record, "centre": centre.record}
        talk.voice.networks, talk.voice.local = ("access", "core"), (OURS_TO_CALLER, OURS_TO_CENTRE)
        if self.room:
            talk.room.room = RoomHandle("room", "call")
            handle = ParticipantHandle(talk.room.room, "caller", OUR_VIDEO)
            talk.room.members["caller"] = Member("access", handle)
        self.legs = {CALLER: caller, CENTRE: centre}
        self.call = LiveCall(talk, Pending(), CallSettings(), self.legs)
        self.conversation = Conversation(self.call)
        self._run(self.conversation.begin())
        self._run(self.conversation.carry_on())
        self.done.clear()

    @property
    def caller(self) -> PlayedLeg:
        return self.legs[CALLER]

    @property
    def centre(self) -> PlayedLeg:
        return self.legs[CENTRE]

    def add_phone(self, name: str, key: str, offer: Session) -> None:
        """A phone of the centre is being called with this offer."""
        leg = _leg(name, key, Opener.US, _PBX, offer, offer)
        leg.record.terms.remote, leg.record.terms.local_is_offer = None, True
        self.legs[key] = leg

    @property
    def shown(self) -> tuple[VideoState, str]:
        """What desks are shown of the caller's video: its state, and the outcome of the last question."""
        view = self.call.talk.video.view
        return view.state, view.outcome

    # ---- playing ----

    def happens(self, event: CallEvent) -> None:
        """Let one event happen, after all that was done was looked at."""
        assert self.done == [], f"nobody expected {self.done}"
        self.notes.clear()
        self._before(event)
        self._run(self.conversation.step(event))

    def happens_quietly(self, event: CallEvent) -> None:
        """Let one event happen, whatever was done and is done."""
        self.done.clear()
        self.happens(event)
        self.done.clear()

    def finish(self) -> None:
        """The call is over."""
        self._run(self.conversation.finish())

    def does(self, *expected: c.Command[Any]) -> None:
        """What was done since: these commands, in this order, and no others."""
        done, self.done = self.done, []
        if done != list(expected):
            lines = [[line for command in some for line in _lines(command)] for some in (expected, done)]
            raise AssertionError("\n".join(("not what was expected:", *ndiff(*lines))))  # type: ignore[arg-type]

    def _run(self, steps: c.Steps[None]) -> None:
        try:
            command = next(steps)
            while True:
                command = steps.send(self._carried_out(command))
        except StopIteration:
            pass

    def _carried_out(self, command: c.Command[Any]) -> Any:
        reply = self.replies.get(type(command))
        match command:
            case c.Note():
                self.notes.append(command.words)
                return None
            case c.Tell():
                return None
            case c.MakeOrigin():
                return Origin.of("198.51.100.1", 7)
            case c.SendOffer() | c.SendUpdate():
                leg = self.legs[command.leg]
                leg.settled, leg.offering = False, True
                leg.terms.note_sent(command.session)
            case c.DeclineOffer():
                self.legs[command.leg].settled = True
            case c.AnswerOffer() if reply:
                self.legs[command.leg].settled = True
                self.legs[command.leg].terms.note_sent(command.session)
            case PrepareRoom():
                self.call.pending.room = True
        self.done.append(command)
        return reply

    def _before(self, event: CallEvent) -> None:
        """What a leg has done before it tells of it."""
        match event:
            case Offered():
                self.legs[event.leg].settled = False
            case OfferAccepted():
                leg = self.legs[event.leg]
                leg.settled, leg.offering = not event.early, event.early
            case OfferRefused():
                self.legs[event.leg].settled, self.legs[event.leg].offering = True, False


def _lines(command: c.Command[Any]) -> list[str]:
    """A command, field by field, and its descriptions line by line."""
    lines = [type(command).__name__]
    for one in fields(command):
        value = getattr(command, one.name)
        shown = write(value).decode().split("\r\n") if isinstance(value, Session) else [repr(value)]
        lines += [f"    {one.name}: {line}" for line in shown if line]
    return lines
