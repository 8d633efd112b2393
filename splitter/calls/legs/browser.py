"""A leg whose peer is a browser: what flows ask of it, as if it were a phone that answers at once. No I/O of its own.

To flows it speaks of plain RTP at the adapter's ports (`sdp.webcaller`); the browser's own description is of no concern
to them. An offer of ours is answered here, at once; only where it brings video is the user asked first.

    offer of ours ──▶ no new video ──▶ OfferAccepted
                  └─▶ new video ──▶ the user is asked (WebCamera.ASKED) ──▶ OfferAccepted, with port 0 where it was a no
    the browser   ──▶ another transport, the camera on or off ──▶ Offered, as a phone's re-INVITE
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakMethod

from splitter.calls.browsers.carrying import KBPS, carry
from splitter.calls.browsers.invite import farewell
from splitter.calls.browsers.line import (
    BrowserLine,
    BrowserSaid,
    CameBack,
    CameraSaid,
    HungUp,
    TriedAgain,
)
from splitter.calls.browsers.view import WebCamera, WebState
from splitter.calls.leg_events import (
    Acknowledged,
    Cancelled,
    Ended,
    OfferAccepted,
    Offered,
    OfferRefused,
    Refreshed,
)
from splitter.calls.legs.bare import BareLeg
from splitter.calls.legs.context import LegContext
from splitter.calls.peers.messages import Pairs, session_of
from splitter.calls.routing import Neighbour, called_of
from splitter.calls.settings import Trunk
from splitter.calls.states import LegState
from splitter.calls.talk.browser import BrowserRecord
from splitter.calls.talk.leg import LegRecord
from splitter.calls.talk.unfinished import Waiting
from splitter.core.errors import LocalError, PeerError
from splitter.core.net import Flow
from splitter.media.ports.ends import LocalEnd
from splitter.sdp import webcaller
from splitter.sdp.model import Origin, Session
from splitter.sip.events import RequestArrived
from splitter.sip.message import Request

_AGAIN_S = 1.0

_REASONS = {404: "no-such-number", 408: "no-answer", 480: "no-answer", 486: "busy", 600: "busy", 603: "refused"}


@dataclass(frozen=True, slots=True)
class _OpenOffer:
    """An offer of the browser that is not answered yet."""

    txn: str
    session: Session
    voice: LocalEnd
    camera: bool

    def holds(self, browser: BrowserRecord) -> bool:
        """False where the browser has come by another transport meanwhile, or its user has thought better of it."""
        return self.camera == browser.camera and self.voice == browser.adapter.voice


class WebLeg(BareLeg):
    """The leg of a web caller; see `port.ArrivedLeg` for what flows ask of it."""

    def __init__(self, shared: LegContext, trunk: Trunk, record: LegRecord, browser: BrowserRecord) -> None:
        self.trunk = trunk
        self.record = record
        self.name, self.key, self.terms = record.name, record.key, record.terms  # which are its own for good
        self._shared, self._browser = shared, browser
        self._request: Request | None = None
        self._first_txn = ""
        self._cancelled = False
        self._early: dict[str, Session] = {}
        self._question: Session | None = None  # an offer of ours that waits for the user
        self._open: _OpenOffer | None = None
        self._offers = 0
        self._call = browser.call
        self._told = ""  # of its voice, in the trace

    # ---- its beginning ----

    def arrive(self, event: RequestArrived) -> None:
        """Begin with the INVITE that stands for it. Raises PeerError where it names no number."""
        called_of(event.request.uri)
        self._request, self._first_txn = event.request, event.txn
        self._line.listen(WeakMethod(self.hear))
        self._line.show(state=WebState.CALLING, camera=WebCamera.ON if self._browser.camera else WebCamera.OFF)

    def resume(self, cseq_gap: int = 0) -> None:
        """Go on after it was made anew from its record."""
        browser = self._browser
        resume, whose = self._shared.browsers.resume, (self.record.host, browser.customer, self.record.trunk)
        line = resume(self.sip_call_id, browser.adapter, *whose)
        line.listen(WeakMethod(self.hear))
        line.show(state=WebState.CONNECTED, camera=WebCamera.ON if self._browser.camera else WebCamera.OFF)
        self._carry()

    # ---- what is known of it ----

    @property
    def state(self) -> LegState:
        return self.record.state

    @property
    def flow(self) -> Flow:
        return self.record.flow

    @property
    def neighbour(self) -> Neighbour:
        return Neighbour(self.trunk, self.record.host)

    @property
    def sip_call_id(self) -> str:
        return self.record.sip_call_id

    @property
    def allows(self) -> frozenset[str]:
        return frozenset({"INVITE", "UPDATE", "BYE", "CANCEL"})

    @property
    def settled(self) -> bool:
        return self.state is LegState.CONFIRMED and self._question is None and self._open is None

    @property
    def offering(self) -> bool:
        return self._question is not None

    @property
    def at_rest(self) -> bool:
        return self.settled

    # ---- its call, until that is answered ----

    @property
    def called(self) -> str:
        return called_of(self._arrived.uri)

    @property
    def calls_itself(self) -> str:
        return self._arrived.from_.user

    @property
    def first_txn(self) -> str:
        return self._first_txn

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    @property
    def early_sessions(self) -> dict[str, Session]:
        return self._early

    def first_offer(self) -> Session | None:
        return session_of(self._arrived)

    def ring(self, status: int, reason: str, branch: str, session: Session | None = None, headers: Pairs = ()) -> None:
        if self.state is not LegState.EARLY or self._cancelled:
            return
        if session is not None:
            self._early[branch] = self.terms.local = session
            self.terms.note_sent(session)
            self._carry()
        self._line.show(state=WebState.RINGING)

    def accept(self, session: Session, branch: str = "", headers: Pairs = ()) -> bool:
        if self.state is not LegState.EARLY or self._cancelled:
            return False
        self.record.state = LegState.CONFIRMED
        self.terms.local = session
        self.terms.note_sent(session)
        self._line.show(state=WebState.CONNECTED)
        self._carry()
        self._shared.post(Acknowledged(self.key, None))
        return True

    def refuse(self, status: int, reason: str = "", headers: Pairs = ()) -> None:
        if self.state is LegState.EARLY:
            self._end(_REASONS.get(status, "hung-up" if status == 487 else "unreachable"))

    # ---- offers of ours ----

    def offer(self, session: Session) -> None:
        self.terms.note_sent(session)
        if self._brings_video(session):
            if self._call.picture is None:
                self._shared.post(OfferRefused(self.key, 488, self._call.fault or "the browser has no video"))
                return
            self._question = session
            self._line.show(camera=WebCamera.ASKED)
            return
        self._accept_offer(session)

    def update(self, session: Session) -> None:
        self.offer(session)

    def withdraw_offer(self, reason: str | None = None) -> None:
        if self._question is not None:
            self._close_question()
            self._shared.post(OfferRefused(self.key, 487, "taken back"))

    def refresh(self) -> bool:
        self._shared.post(Refreshed(self.key))
        return True

    def _brings_video(self, session: Session) -> bool:
        """True for an offer with pictures that the user has not agreed to."""
        return not self._browser.camera and any(one.kind == "video" and one.port for one in session.media)

    def _accept_offer(self, session: Session) -> None:
        adapter, before = self._browser.adapter, self.terms.remote
        picture = adapter.picture if self._browser.camera else None
        origin = before.origin.next() if before is not None else Origin.of(adapter.voice.host, 1)
        try:
            answer = webcaller.plain_answer(self._call, session, adapter.voice, picture, origin, KBPS)
        except PeerError as error:
            self._shared.post(OfferRefused(self.key, error.status, error.reason))
            return
        if self._browser.camera and not any(one.kind == "video" and one.port for one in answer.media):
            self._turn(False)  # the other side does not want pictures any longer
        self._shared.post(OfferAccepted(self.key, answer))
        self._carry(session)

    def _close_question(self) -> Session | None:
        asked, self._question = self._question, None
        self._line.show(camera=WebCamera.ON if self._browser.camera else WebCamera.OFF)
        return asked

    # ---- offers of the browser ----

    def answer(self, txn: str, session: Session) -> bool:
        if txn == self._first_txn and self.state is LegState.EARLY:
            return self.accept(session)
        offered = self._open
        if offered is None or txn != offered.txn or self.state is LegState.ENDED or self._cancelled:
            return False
        self._open, holds = None, offered.holds(self._browser)
        self.terms.note_sent(session)
        if offered.camera and self._browser.camera and not any(m.kind == "video" and m.port for m in session.media):
            self._turn(False)
        self._carry(session)
        if not holds:
            self._make_offer(offered.session)
        return True

    def decline(self, txn: str, status: int, reason: str = "", headers: Pairs = ()) -> None:
        if txn == self._first_txn and self.state is LegState.EARLY:
            self.refuse(status, reason, headers)
        elif (offered := self._open) is not None and txn == offered.txn:
            self._open = None
            if status in (491, 500):  # the other side changes something itself
                self._line.say_later(_AGAIN_S, TriedAgain())  # or there is no answer yet
            elif not offered.holds(self._browser):
                self._make_offer()
            elif self._browser.camera and not self._has_video():
                self._turn(False)

    def _make_offer(self, before: Session | None = None) -> None:
        """Tell flows where its media are now, and what its user wants; where an offer is open, once that is over.

        Args:
            before: its description in force, where `terms` do not have it yet.
        """
        before = before or self.terms.remote or (session_of(self._request) if self._request is not None else None)
        if self.state is LegState.ENDED or self._cancelled or self._open is not None or before is None:
            return
        self._offers += 1
        adapter, camera = self._browser.adapter, self._browser.camera
        session = webcaller.offered_again(self._call, before, adapter.voice, adapter.picture if camera else None)
        self._open = _OpenOffer(f"{self._first_txn or self.sip_call_id} {self._offers}", session, adapter.voice, camera)
        self._shared.post(Offered(self.key, self._open.txn, session))

    def _has_video(self) -> bool:
        ours, theirs = self.terms.local, self.terms.remote
        pairs = zip(ours.media, theirs.media, strict=False) if ours is not None and theirs is not None else ()
        return any(one.kind == "video" and one.port and other.port for one, other in pairs)

    # ---- what the browser does ----

    def hear(self, said: BrowserSaid) -> None:
        """Hear what its user, or its transport, does."""
        match said:
            case HungUp():
                self._on_hung_up("the browser is gone" if said.gone else "hung up")
            case CameraSaid():
                self._on_camera(said.on)
            case CameBack():
                self._on_return(said)
            case TriedAgain():
                self._make_offer()

    def _on_return(self, said: CameBack) -> None:
        self._browser.offer, self._browser.adapter = said.offer, self._line.adapter
        self._call = self._browser.call
        self._carry()
        if not said.afresh:
            self._shared.post(Refreshed(self.key))  # nothing to agree on, but the record has to be written anew
            return
        if self._question is not None:
            self._close_question()
            self._shared.post(OfferRefused(self.key, 491, "the browser came back"))
        self._make_offer()

    def _on_hung_up(self, reason: str) -> None:
        goodbye = farewell(self.sip_call_id, reason)
        if self.state is LegState.EARLY and not self._cancelled:
            self._cancelled = True
            self._shared.post(Cancelled(self.key, goodbye))
        elif self.state is LegState.CONFIRMED:
            self._end("lost" if reason != "hung up" else "hung-up")
            self._shared.post(Ended(self.key, goodbye))

    def _on_camera(self, on: bool) -> None:
        if self._call.picture is None or self.state is not LegState.CONFIRMED:
            return
        asked = self._question
        if asked is not None:
            self._browser.camera = on
            self._close_question()
            self._accept_offer(asked)
        elif on != self._browser.camera:
            self._turn(on)
            self._make_offer()

    def _turn(self, on: bool) -> None:
        self._browser.camera = on
        self._line.show(camera=WebCamera.ON if on else WebCamera.OFF)

    # ---- for the process that comes after this one ----

    def uncalled(self) -> tuple[Waiting | None, str] | None:
        """Nothing has to be said to the browser of a call that is not answered: it asks by itself."""
        return (None, "") if self.state is LegState.EARLY else None

    # ---- its end ----

    def bye(self, headers: Pairs = ()) -> None:
        if self.state is LegState.CONFIRMED:
            self._end("hung-up")

    def _end(self, reason: str) -> None:
        self.record.state = LegState.ENDED
        self._question, self._open = None, None
        self._line.end(reason)

    # ---- inside ----

    @property
    def _arrived(self) -> Request:
        if self._request is None:
            raise LocalError("a web call that was carried on was asked how it began")
        return self._request

    @property
    def _line(self) -> BrowserLine:
        return self._shared.browsers.line(self.sip_call_id)

    def _carry(self, ours: Session | None = None) -> None:
        """Have the adapter carry what a description of ours says; the one in force, unless another one is given."""
        ours = ours or self.terms.local
        if ours is None or self._line.ended:
            return
        told, self._told = self._told, carry(self._line, self._browser, self._call, ours) or self._told
        if told != self._told:
            self._shared.note(self.name, "media", self._told)
