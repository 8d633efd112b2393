"""The flow `split`: an audio + video call from the SBC becomes a voice call into the centre and a picture for a seat.

Follow `split` from top to bottom to follow a call from its INVITE to its end.
"""

from __future__ import annotations

from contextlib import closing, suppress

from splitter.calls.actor import carry_out, converse
from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.call import Call
from splitter.calls.causes import status_for_caller, tries_next_route
from splitter.calls.early_media import EarlyMedia
from splitter.calls.events import (
    Answered,
    CallEvent,
    Cancelled,
    HangupAsked,
    Offered,
    Rang,
    Refused,
    TimeUp,
    VoiceOpened,
)
from splitter.calls.flows.belonging import give_to
from splitter.calls.flows.digits import pass_waiting
from splitter.calls.flows.early import early_answer
from splitter.calls.flows.meanwhile import meanwhile
from splitter.calls.flows.newcomer import withdraw_newcomer
from splitter.calls.identity import WITHIN_TRUST, Destination, call_id_headers
from splitter.calls.legs.port import ArrivedLeg, DialledLeg, Leg
from splitter.calls.messages import (
    Pairs,
    headers_of,
    plain_headers,
)
from splitter.calls.setup.caller_side import CallerSide
from splitter.calls.setup.delayed import answer_centre, offer_to_caller
from splitter.calls.setup.intake import Intake, has_ports, take_in
from splitter.calls.states import CallState
from splitter.calls.talk.voice import CALLER, CENTRE, SIDES
from splitter.calls.trunks.admission import Denied, retry_after_headers
from splitter.calls.trunks.hunt import Hunt, Way
from splitter.core.errors import PeerError
from splitter.core.pauses import retry_after_s
from splitter.sdp.merge import centre_answer
from splitter.sdp.model import Session
from splitter.sdp.offer_answer import check_answer
from splitter.sdp.split import audio_line, centre_offer
from splitter.sip.message import Headers, Response
from splitter.sip.uri import NameAddr
from splitter.telemetry import metrics

_RING = Alarm(AlarmKind.RING)


async def split(call: Call) -> None:
    """Run one call from its INVITE to its end."""
    intake = await take_in(call)
    if intake is None:
        return
    setup = Setup(call, intake)
    call.caller.await_answer()
    with closing(setup.hunt()) as hunt:
        refused = await _connect(setup, hunt)
        if refused is not None:
            setup.refuse(refused)
        elif call.talk.state is CallState.CONNECTED:
            await converse(call)


async def _connect(setup: Setup, hunt: Hunt) -> Refused | Denied | None:
    """Try one way after the other; None once the call is connected or over."""
    call, clock = setup.call, setup.call.services.clock
    refused: Refused | None = None
    while (way := hunt.next(clock.now())) is not None:
        if refused is not None:
            metrics.ROUTE_FAILOVERS.labels(call.by_key(refused.leg).trunk.name).inc()
        refused = await setup.attempt(way)
        if refused is None:
            if call.talk.state is CallState.CONNECTED:
                hunt.took(way, clock.now())
            return None
        call.note(f"{way.trunk.name} refused: {refused.status} {refused.reason}", "centre")
        pause_s = retry_after_s(refused.response.headers.get("retry-after")) if refused.response else None
        hunt.refused(way, refused.status, refused.response is not None, pause_s, clock.now())
        if not tries_next_route(refused.status):
            break
    return refused or hunt.denied


class Setup:
    """A call on its way to being answered."""

    def __init__(self, call: Call, intake: Intake) -> None:
        self.call = call
        self._destinations = intake.destinations
        self._caller = CallerSide(call, intake.offer)
        self._early: dict[str, Session] = {}  # the centre's description in each of its early dialogs
        self._updated: set[str] = set()  # those that the centre changed by UPDATE
        self._gate = EarlyMedia()

    def hunt(self) -> Hunt:
        """The ways that the call may take."""
        call, services = self.call, self.call.services
        return Hunt(
            services.trunks,
            services.admission.limits,
            self._destinations,
            services.routing.choice(call.talk.called_number),
            services.ids.number,
            services.clock.now(),
            lambda text: call.note(text, "centre"),
        )

    def refuse(self, refused: Refused | Denied) -> None:
        """Tell the caller that no route is left."""
        if isinstance(refused, Denied):
            # Not 503: the SBC must not take this gateway for full because a centre is.
            self.call.live.conclude(refused.reason, 480)
            self.call.caller.refuse(480, refused.reason, retry_after_headers(refused.retry_after_s))
            return
        status = status_for_caller(refused.status)
        self.call.live.conclude(
            f"{self.call.by_key(refused.leg).trunk.name}: {refused.status} {refused.reason}", status
        )
        # Why, in the words of the network behind the centre (RFC 6432), where it is the centre's refusal that is told.
        told = refused.response if status == refused.status else None
        headers = plain_headers(told, "Reason") if told is not None else Headers()
        self.call.caller.refuse(status, f"the centre: {refused.status} {refused.reason}", headers.items())

    async def attempt(self, way: Way) -> Refused | None:
        """Try one way; None once the call is connected or over."""
        call, (trunk, number, target) = self.call, way
        networks = (call.caller.flow.network, trunk.network)
        if networks != call.talk.voice.networks:
            call.audio.open(networks)
        if not call.audio.is_open and not await has_ports(call):
            return None
        offer = None
        if self._caller.offer is not None and call.talk.plan is not None and not trunk.delayed_offer:
            origin = call.origin(trunk.network, target.transport)
            offer = centre_offer(self._caller.offer, call.talk.plan, call.audio.local(CENTRE), origin)
        local = call.services.driver.contact(trunk.network, target.transport)
        self._gate = EarlyMedia()
        if call.talk.bound_by.startswith("centre"):  # by one that gave the call up
            carry_out(call, give_to(call.live, "", "centre"))
        leg = call.dial(Destination(trunk, number, local), target, offer)
        call.note(f"trying {trunk.name} at {target.address} as {number}", "centre")
        call.after(trunk.ring_limit_s, _RING)
        try:
            while True:
                event = await call.next()
                if isinstance(event, Refused) and self.call.by_key(event.leg) is leg:
                    return event
                if await self._on(event, leg):
                    return None
                carry_out(call, pass_waiting(call.live))
                if isinstance(event, TimeUp) and event.alarm == _RING:
                    leg.cancel()
                    return Refused(leg.key, 480, f"no answer in {trunk.ring_limit_s:.0f} s", None)
        finally:
            call.stop_timer(_RING)

    async def _on(self, event: CallEvent, leg: DialledLeg) -> bool:
        """Handle one event while the centre is called; True once the call is connected or over."""
        call = self.call
        match event:
            case Rang() if call.by_key(event.leg) is leg:
                await self._on_ringing(event, leg)
            case Answered() if call.by_key(event.leg) is leg:
                return await self._on_answer(event, leg)
            case Offered() if event.leg == call.pending.newcomer:
                return await self._on_pickup(event, call.by_key(event.leg), leg)
            case Cancelled() if event.leg == call.pending.newcomer:
                carry_out(call, withdraw_newcomer(call.live))
            case Offered() if call.by_key(event.leg) in (call.caller, leg):
                self._on_early_offer(event, leg)
            case Cancelled() if call.by_key(event.leg) is call.caller:
                leg.cancel(", ".join(event.request.headers.get_all("reason")) or None)
                leg.bye(plain_headers(event.request, "Reason").items())  # where its answer crossed
                call.caller.refuse(487)
                call.live.conclude("the caller hung up before the answer", 487)
                return True
            case HangupAsked():
                leg.cancel()
                leg.bye()
                call.caller.refuse(480, event.reason)
                call.live.conclude(event.reason, 480)
                return True
            case _:
                carry_out(call, meanwhile(call.live, event))
                if isinstance(event, VoiceOpened):
                    self._caller.moved()
        return False

    async def _on_ringing(self, event: Rang, leg: DialledLeg) -> None:
        """Relay 18x, with early media where the centre has some (announcements, queue music)."""
        call, branch = self.call, _branch(leg, event.response)
        if event.response.status == 199:
            return  # a branch of the centre's fork ended (RFC 6228); the caller did not say that it understands that
        if call.talk.state is not CallState.RINGING:
            call.enter(CallState.RINGING, f"{leg.trunk.name}: {event.response.status} {event.response.reason}")
        answer, word = None, self._gate.hear(branch, event.response, leg.trunk)
        if event.session is not None and leg.terms.local is not None:
            try:
                self._connect_voice(leg, event.session, relearn=False)
                answer = await self._caller.answer(event.session, self._caller.dialog(branch))
                self._early[branch] = event.session
            except PeerError as error:
                call.note(f"early media cannot be passed on: {error}", "centre")
                answer = None
        elif word and branch in self._early:
            self._connect_voice(leg, self._early[branch], relearn=False)
        told = call.caller.wants_early_media and (answer is not None or word)
        headers = self._gate.headers() if told else []
        headers += _told(call, leg, event.response).items()
        call.caller.ring(event.response.status, event.response.reason, self._caller.dialog(branch), answer, headers)
        self._caller.take_video(answer, relearn=False)

    async def _on_answer(self, event: Answered, leg: DialledLeg) -> bool:
        """Answer the caller with what the centre answered; False where that cannot be used."""
        call, branch = self.call, _branch(leg, event.response)
        session = event.session or self._early.get(branch)
        if branch in self._updated:
            session = self._early[branch]  # its 2xx can only repeat the answer to our INVITE (RFC 3262 §5)
        try:
            if session is None:
                raise PeerError("the centre answered without a session description", 488)
            if self._caller.offer is None:
                return await self._on_answer_with_offer(leg, session, event.response)
            if leg.terms.local is None:
                answer_centre(call, leg, session, self._caller.offer)
            self._gate = EarlyMedia()  # it was that of early media alone
            self._connect_voice(leg, session)
            answer = await self._caller.answer(session, self._caller.dialog(branch))
        except PeerError as error:
            leg.bye()
            call.post(Refused(leg.key, error.status, error.reason, event.response))
            return False
        if call.caller.cancelled:
            return False  # its CANCEL came first and waits in the inbox
        self._accept(answer, branch, _told(call, leg, event.response).items())
        self._connected(leg, _who(event.response))
        return True

    async def _on_pickup(self, event: Offered, newcomer: ArrivedLeg, leg: DialledLeg) -> bool:
        """Another phone of the centre answers the call that rings (RFC 3891: an early dialog is replaced)."""
        call, session = self.call, event.session
        branch = newcomer.sip_call_id
        try:
            if session is None or self._caller.offer is None:
                raise PeerError("who takes a call that rings must make an offer", 488)
            origin = call.origin(newcomer.flow.network, newcomer.flow.transport)
            ours = centre_answer(session, self._caller.offer, call.talk.lines, call.audio.local(CENTRE), origin)
            check_answer(session, ours)
            answer = await self._caller.answer(session, self._caller.dialog(branch))
        except PeerError as error:
            call.pending.newcomer = ""
            newcomer.refuse(error.status, error.reason)
            return False
        if call.caller.cancelled or not newcomer.answer(event.txn, ours):
            return False  # its CANCEL waits in the inbox; who rings may be heard on
        self._connect_voice(newcomer, session)
        leg.cancel('SIP;cause=200;text="Call completed elsewhere"')
        call.install_newcomer().bye()  # where it answered at this very moment
        self._accept(answer, branch)
        call.note(f"{newcomer.name} takes the call that rings (Replaces)", newcomer.name, "state")
        self._connected(newcomer, newcomer.calls_itself or "somebody")
        return True

    async def _on_answer_with_offer(self, leg: DialledLeg, centre_sdp: Session, response: Response) -> bool:
        """The caller made no offer: the centre's goes to it."""
        try:
            session = await offer_to_caller(self.call, leg, centre_sdp, self._caller.dialog(_branch(leg, response)))
        except PeerError as error:
            self.call.live.conclude(f"no session could be agreed on: {error}", 488)
            session = None
        if session is None:
            self.call.end_dialogs()
        else:
            self._connected(leg, _who(response))
        return True

    def _accept(self, answer: Session, branch: str, headers: Pairs = ()) -> None:
        caller = self.call.caller
        if self._caller.offer is not None:
            caller.terms.note_remote(self._caller.offer)
        caller.accept(answer, self._caller.dialog(branch), headers)
        self._caller.take_video(answer, relearn=True)

    def _connected(self, leg: Leg, who: str) -> None:
        call = self.call
        call.talk.answered_at = call.services.clock.wall()
        metrics.CALL_SETUP_SECONDS.observe(call.talk.answered_at - call.talk.started_at)
        call.enter(CallState.CONNECTED, f"answered by {who} at {leg.trunk.name}")

    def _on_early_offer(self, event: Offered, leg: DialledLeg) -> None:
        """UPDATE or PRACK with an offer before the answer: answered here, without asking the other side."""
        asker = self.call.by_key(event.leg)
        try:
            if asker is leg:
                self._from_centre(event, leg)
            else:
                if self._caller.take_offer(event):
                    self._point(CALLER, self._caller.offered, self.call.talk.lines.audio)
        except PeerError as error:
            asker.decline(event.txn, error.status, error.reason, headers_of(error))

    def _from_centre(self, event: Offered, leg: DialledLeg) -> None:
        branch, offer = f"{leg.sip_call_id} {event.tag}", event.offer
        before = self._early.get(branch)
        if before is None or leg.terms.local is None:
            raise PeerError("our own offer has no answer yet", 491)
        index = audio_line(offer)
        if not leg.answer(event.txn, early_answer(leg, before, audio_line(before), offer, index)):
            return
        self.call.note("offer absorbed before the answer", leg.name)
        self._early[branch] = offer
        leg.terms.note_remote(offer)
        self._updated.add(branch)
        self._point(CENTRE, offer, index)

    def _connect_voice(self, leg: Leg, centre_sdp: Session, relearn: bool = True) -> None:
        """Let voice flow; before anything of video, which may take its time. `relearn`: see `Audio.point`."""
        leg.terms.note_remote(centre_sdp)
        self._point(CALLER, self._caller.offered, self.call.talk.lines.audio, relearn)
        self._point(CENTRE, centre_sdp, audio_line(centre_sdp), relearn)

    def _point(self, side: int, session: Session, index: int, relearn: bool = True) -> None:
        if side == CALLER and self._gate.gated:
            self.call.audio.hush(side)
        else:
            self.call.audio.point(side, session, index, self.call.live.sources(SIDES[side]), relearn=relearn)


def _branch(leg: DialledLeg, response: Response) -> str:
    """Names an early dialog of the centre; each has a To tag of its own towards the caller."""
    return f"{leg.sip_call_id} {response.to_tag or ''}"


def _told(call: Call, leg: DialledLeg, response: Response) -> Headers:
    """What a response of the centre says to the caller: who answers, within trust, and what its application says.

    Some return the User-to-User of the INVITE: of that, what was ours is not for the caller.
    """
    trusted = call.caller.trunk.trusted and leg.trunk.trusted
    ours = {value for _, value in call_id_headers(leg.trunk, call.talk.call_id)}
    found = plain_headers(response, *(WITHIN_TRUST if trusted else ()), "User-to-User")
    return Headers((name, value) for name, value in found.items() if value not in ours)


def _who(response: Response) -> str:
    """Who answered, by the centre's word, as far as it can be read."""
    with suppress(PeerError):
        for value in response.headers.values("p-asserted-identity"):
            if user := NameAddr.parse(value).user:
                return user
    with suppress(PeerError):
        if response.contact and response.contact.user:
            return response.contact.user
    return "somebody"
