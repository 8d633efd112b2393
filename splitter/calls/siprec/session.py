"""One recording session: a SIP dialog of its own beside the call, with the first recorder that takes it (RFC 7866).

It follows what it is told: lines, people, pauses. A change is offered anew once the dialog is at rest; a recorder that
refuses, hangs up or says nothing is left for the next one, and after the last one there is a pause. No I/O of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial

from splitter.calls import leg_events as e
from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.legs.context import LegContext
from splitter.calls.legs.leg import SipLeg
from splitter.calls.peers.messages import METADATA_REQUEST, SDP
from splitter.calls.peers.session_id import NONE, SessionId
from splitter.calls.settings import Trunk
from splitter.calls.siprec.content import SessionContent
from splitter.calls.siprec.hunt import RecorderHunt
from splitter.calls.siprec.note import SessionNote, write_note
from splitter.calls.siprec.parts import LEG, RecorderState, SessionParts
from splitter.calls.states import LegState
from splitter.calls.talk.leg import LegRecord, Opener
from splitter.calls.view import CallView
from splitter.core.errors import LocalError, PeerError
from splitter.core.net import Address
from splitter.media.forward import protocol as f
from splitter.sdp.model import Origin, Session
from splitter.sip.headers import Headers
from splitter.sip.message import Request
from splitter.transport.targets import Target

_GATHER_S = 0.2  # both voices, and often the picture, are there by then
_FEWER_S = 0.5  # what a forwarder that has just begun does not see yet
_RING_S = 10.0
_OFFER_AGAIN_S, _OFFERS = 4.0, 5  # beyond both windows of RFC 3261 §14.1
_CSEQ_GAP = 10  # requests that may have been sent after the note was written


class RecordingSession:
    """The session of one recording.

    Args:
        view: of its call. named: the call's Session-ID, "" where it has none.

    Attributes:
        state: how far it is. fault: why no recorder has it; "" where one has, or may yet.
    """

    def __init__(self, parts: SessionParts, recording: str, view: CallView, named: str) -> None:
        self._parts = parts
        self.recording = recording
        self._content = SessionContent(view, named, parts.host, parts.wall)
        self._hunt = RecorderHunt()
        self._dirty = False
        self._offers = 0
        self._to: dict[int, f.LineTarget] | None = None  # where lines go; None: as a gateway before this one has said
        self._leg: SipLeg | None = None
        self._events: deque[tuple[SipLeg, e.LegEvent]] = deque()
        self._alarms: dict[Alarm, asyncio.TimerHandle] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.state, self.fault = RecorderState.WAITING, ""
        self._left_out = ""

    # ---- what it is told -------------------------------------------------------------------------------------------

    def see(self, lines: tuple[f.SeenLine, ...]) -> None:
        """Take in which lines are there."""
        fewer = len(lines) < len(self._content.lines)
        if self._content.see(lines):
            self._change(_FEWER_S if fewer else _GATHER_S)

    def go_on(self, lines: tuple[f.SeenLine, ...]) -> None:
        """The forwarder carries these lines, and may have missed what was said while it could not be asked."""
        if self.state is RecorderState.RECORDING and self._to is not None and lines == self._content.lines:
            self._send(self._to)
            self._say_taken()
        elif self._content.paused:
            self._send({})
        self.see(lines)

    def pause(self, paused: bool) -> None:
        """Send nothing, or send again."""
        if paused == self._content.paused:
            return
        self._content.paused = paused
        if paused:
            self._send({})
        self._change(0.0)

    def follow(self, view: CallView, named: str) -> None:
        """The call is so now."""
        if self._content.follow(view, named):
            self._change(_GATHER_S)

    def end(self) -> None:
        """End the session."""
        if self.state is RecorderState.ENDED:
            return
        leg, self._leg = self._leg, None
        self.state = RecorderState.ENDED
        self._stop()
        if leg is not None:
            leg.cancel()
            leg.bye()
        self._parts.forward(f.ForgetRecording(self.recording))

    def adopt(self, note: SessionNote, trunk: Trunk) -> None:
        """Go on with the dialog of a gateway before this one."""
        self._content.adopt(note)
        leg = self._leg = SipLeg(self._context(), trunk, note.leg)
        leg.resume(_CSEQ_GAP)
        dialog = note.leg.dialog
        self._parts.bind(note.call_id, leg.sip_call_id, dialog.local_tag if dialog is not None else "")
        self.state = RecorderState.RECORDING
        self._hunt.take(asyncio.get_running_loop().time())
        self._say_taken()
        self._change(_GATHER_S)  # whatever has happened meanwhile; and it refreshes the session

    # ---- its way to a recorder -------------------------------------------------------------------------------------

    def _change(self, after_s: float) -> None:
        """Something is to be offered, once what comes with it is there."""
        if self.state in (RecorderState.CALLING, RecorderState.RECORDING):
            self._dirty = True
        if self.state is RecorderState.RECORDING or (self.state is RecorderState.WAITING and not self._hunt.rounds):
            self._after(after_s)

    def _after(self, after_s: float) -> None:
        if self._timer is None or after_s == 0.0:
            self._cancel_timer()
            self._timer = asyncio.get_running_loop().call_later(after_s, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        if self.state is RecorderState.WAITING and self._content.lines:
            self._hunt.begin(self._parts.ways())
            self._try_next("no server of a recorder is known")
        elif self.state is RecorderState.CALLING:
            self._give_up("it does not answer")
        elif self.state is RecorderState.RECORDING:
            self._offer()

    def _try_next(self, reason: str) -> None:
        self._leg = None
        while (way := self._hunt.next()) is not None:
            try:
                self._dial(*way)
            except (LocalError, PeerError) as error:
                reason = f"{way[0].name}: {error}"
            else:
                return
        self._wait(reason)

    def _wait(self, reason: str, lost: bool = False) -> None:
        self.state, self._leg = RecorderState.WAITING, None
        self._cancel_timer()
        self._send({})
        pause_s = self._hunt.pause_s(lost, self._parts.ids.number(1000) / 1000)
        if pause_s is not None:
            self._after(pause_s)
        if pause_s != 0.0:
            self.fault = reason if pause_s is not None else f"{reason}; it is not tried again"
            self._parts.said(self.recording, self.fault, True)

    def _dial(self, trunk: Trunk, target: Target) -> None:
        parts = self._parts
        flow = parts.driver.flow_to(trunk.network, *target)
        local = parts.driver.contact(flow.network, flow.transport, flow.remote.host)
        sip_call_id, tag = parts.ids.sip_call_id(local.host), parts.ids.tag()
        record = LegRecord.of(LEG, Opener.US, trunk.name, flow, sip_call_id, parts.timers())
        leg = self._leg = SipLeg(self._context(), trunk, record)
        self.state, self._dirty = RecorderState.CALLING, False
        self._cancel_timer()
        self._after(_RING_S)
        parts.bind(self._content.view.call_id, sip_call_id, tag)
        session = self._content.description(Origin.of(parts.host, parts.ids.number(2**31)))
        leg.dial(self._invite(trunk, target, local, (sip_call_id, tag)), session)

    def _invite(self, trunk: Trunk, target: Target, local: Address, ids: tuple[str, str]) -> Request:
        """The INVITE of a recording session (RFC 7866 §6.1.1): it requires siprec; the leg's Contact says +sip.src."""
        uri = f"sip:{trunk.address}"
        if target.transport != "udp":
            uri += f";transport={target.transport}"
        headers = [
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self._parts.server.partition('/')[0]}@{local}>;tag={ids[1]}"),
            ("To", f"<{uri}>"),
            ("Call-ID", ids[0]),
            ("CSeq", "1 INVITE"),
            ("Require", "siprec"),
            ("Accept", f"{SDP}, {METADATA_REQUEST}"),
            ("X-Splitter-Call", self._content.view.call_id),
        ]
        return Request("INVITE", uri, Headers(headers))

    def _give_up(self, reason: str) -> None:
        leg = self._leg
        if leg is not None:
            leg.cancel()
            leg.bye()
            self._fail(f"{leg.trunk.name}: {reason}")

    def _fail(self, reason: str) -> None:
        """The recorder is not to be had, or no longer."""
        leg, lost = self._leg, self.state is RecorderState.RECORDING
        self._stop()
        if lost and leg is not None:
            self._hunt.lose(leg.trunk.name, asyncio.get_running_loop().time())
            self._wait(reason, lost=True)
        else:
            self._try_next(reason)

    # ---- the dialog ------------------------------------------------------------------------------------------------

    def _context(self) -> LegContext:
        parts = self._parts
        caller, _, remote = self._content.named.partition(";remote=")
        return LegContext(
            parts.driver,
            parts.ids,
            self._post,
            parts.server,
            SessionId(remote or NONE, caller or NONE),
            self._set_alarm,
            self._stop_alarm,
            lambda extension: False,
            parts.browsers,
            partial(parts.note, self._content.view.call_id),
            self._content.dressed,
        )

    def _post(self, event: object) -> None:
        """Events wait for their turn: a leg tells of them while it is about something."""
        if isinstance(event, e.LegEvent) and self._leg is not None:
            self._events.append((self._leg, event))
            asyncio.get_running_loop().call_soon(self._on_event)

    def _on_event(self) -> None:
        if not self._events:
            return
        leg, event = self._events.popleft()
        if leg is not self._leg:
            return
        self._hear(leg, event)
        if leg is self._leg and self.state is RecorderState.RECORDING:
            if self._dirty and leg.settled and self._timer is None:
                self._after(0.0)
            self._keep(leg)

    def _hear(self, leg: SipLeg, event: e.LegEvent) -> None:
        match event:
            case e.Answered(session=session):
                self._on_answer(leg, session)
            case e.Refused(status=status, reason=reason):
                self._fail(f"{leg.trunk.name}: {status} {reason}")
            case e.Ended():
                self._fail(f"{leg.trunk.name}: it has hung up")
            case e.AckMissing():
                self._give_up("its ACK is missing")
            case e.OfferAccepted(session=session, early=False):
                self._offers = 0
                if session is not None:
                    self._agree(leg, session)
            case e.OfferRefused(status=status, reason=reason):
                self._on_offer_refused(status, reason)
            case e.Offered(txn=txn, session=session):
                self._on_offer(leg, txn, session)
            case e.Acknowledged(session=session) if session is not None:
                self._agree(leg, session)
            case e.RefreshFailed(status=status) if status in (408, 481):
                self._give_up(f"its session is gone: {status}")
            case e.RefreshFailed():
                self._dirty = True
            case e.KeyFrameAsked():
                self._parts.wanted(self.recording, -1)
            case e.MetadataAsked():
                self._change(_GATHER_S)
            case e.DigitPressed(txn=txn):
                leg.reply_info(txn, 415)

    def _on_answer(self, leg: SipLeg, session: Session | None) -> None:
        if session is None or not any(line.port for line in session.media):
            self._give_up("it takes none of the streams")
            return
        self._cancel_timer()
        self.state = RecorderState.RECORDING
        self._hunt.take(asyncio.get_running_loop().time())
        self._agree(leg, session)

    def _agree(self, leg: SipLeg, session: Session) -> None:
        """The recorder has accepted what we offered last."""
        leg.terms.note_accepted()
        leg.terms.note_remote(session)
        self._send(self._content.targets(session))
        self.fault, self._left_out = "", self._content.left_out(session)
        self._say_taken()

    def _send(self, to: dict[int, f.LineTarget]) -> None:
        """Have lines sent there, and the others nowhere."""
        self._to = to
        self._parts.forward(f.SendLines(self.recording, to))

    def _say_taken(self) -> None:
        if self._leg is not None:
            words = ", ".join(one for one in (f"recorded by {self._leg.trunk.name}", self._left_out) if one)
            self._parts.said(self.recording, words, False)

    def _offer(self) -> None:
        """Offer what has changed, with all metadata (§7.1.1.2); who takes part is told so too."""
        leg = self._leg
        if leg is None or not self._dirty or not leg.settled:
            return
        self._dirty = False
        latest = leg.terms.latest
        same = self._content.description(latest.origin)
        leg.offer(same if same == latest else self._content.description(latest.origin.next()))

    def _on_offer_refused(self, status: int, reason: str) -> None:
        self._dirty = True
        self._offers += 1
        if status in (408, 481) or self._offers >= _OFFERS:
            self._give_up(f"a change was refused: {status} {reason}")
        else:
            self._cancel_timer()
            self._after(_OFFER_AGAIN_S)

    def _on_offer(self, leg: SipLeg, txn: str, theirs: Session | None) -> None:
        origin = leg.terms.latest.origin.next()
        if theirs is None:
            leg.answer(txn, self._content.description(origin))
            return
        ours = self._content.answer(theirs, origin)
        if leg.answer(txn, ours):
            leg.terms.note_answered(ours)
            leg.terms.note_remote(theirs)
            self._send(self._content.targets(theirs))

    # ---- its life --------------------------------------------------------------------------------------------------

    def _keep(self, leg: SipLeg) -> None:
        """Have the forwarder keep what the next gateway needs."""
        if leg.at_rest:
            note = write_note(self._content.note(self.recording, leg.record))
            self._parts.forward(f.NoteCarried(self.recording, note))

    def _set_alarm(self, delay_s: float, alarm: Alarm) -> None:
        self._stop_alarm(alarm)
        if self.state is not RecorderState.ENDED:
            self._alarms[alarm] = asyncio.get_running_loop().call_later(delay_s, self._ring, alarm)

    def _stop_alarm(self, alarm: Alarm) -> None:
        if (timer := self._alarms.pop(alarm, None)) is not None:
            timer.cancel()

    def _ring(self, alarm: Alarm) -> None:
        self._alarms.pop(alarm, None)
        leg = self._leg
        if leg is None or leg.state is not LegState.CONFIRMED:
            pass
        elif alarm.kind is AlarmKind.DEAD:
            self._give_up("it has not refreshed its session")
        elif alarm.kind is AlarmKind.REFRESH and not leg.refresh():
            self._dirty = True
            self._after(0.0)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop(self) -> None:
        self._cancel_timer()
        for alarm in tuple(self._alarms):
            self._stop_alarm(alarm)
        self._events.clear()
