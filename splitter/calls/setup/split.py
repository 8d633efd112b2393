"""The flow `split`: an audio + video call from the SBC becomes a voice call into the centre and a picture for a seat.

Follow `split` from top to bottom to follow a call from its INVITE to its end. A call of the centre outwards goes the
same way with the sides exchanged: the *near* side has called us, the *far* one is called for it.
"""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import replace

from splitter.calls.actor import carry_out, converse
from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.call import Call
from splitter.calls.events import CallEvent, HangupAsked, TimeUp, VoiceOpened
from splitter.calls.flows.answers import answer_offer, whole_offer
from splitter.calls.flows.belonging import give_to
from splitter.calls.flows.digits import pass_waiting
from splitter.calls.flows.early import early_answer
from splitter.calls.flows.meanwhile import meanwhile
from splitter.calls.flows.newcomer import withdraw_newcomer
from splitter.calls.leg_events import Answered, Cancelled, Offered, Rang, Refused
from splitter.calls.legs.port import ArrivedLeg, DialledLeg, Leg
from splitter.calls.peers.causes import status_for_caller
from splitter.calls.peers.early_media import EarlyMedia
from splitter.calls.peers.facts import video_capable
from splitter.calls.peers.identity import WITHIN_TRUST, Destination, call_id_headers
from splitter.calls.peers.messages import (
    Pairs,
    headers_of,
    plain_headers,
)
from splitter.calls.setup.arrived_side import ArrivedSide
from splitter.calls.setup.delayed import answer_far_side, offer_to_near_side
from splitter.calls.setup.intake import Intake, has_ports, take_in
from splitter.calls.states import CallState, Direction, Side
from splitter.calls.trunks.admission import Denied, retry_after_headers
from splitter.calls.trunks.hunt import Hunt, Way
from splitter.core.errors import PeerError
from splitter.sdp.merge import centre_answer
from splitter.sdp.model import Session
from splitter.sdp.offer_answer import check_answer
from splitter.sdp.split import Plan, audio_line, centre_offer, check_audio
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
    call.arrived.await_answer()
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
            metrics.calls.ROUTE_FAILOVERS.labels(call.legs.by_key(refused.leg).trunk.name).inc()
        refused = await setup.attempt(way)
        if refused is None:
            if call.talk.state is CallState.CONNECTED:
                hunt.took(way, clock.now())
                call.legs.dialling.hold(call.talk.far, hunt.close)
            return None
        call.note(f"{way.trunk.name} refused: {refused.status} {refused.reason}", call.talk.far)
        if not hunt.refused(way, refused.status, refused.response, clock.now()):
            break
    return refused or hunt.denied


class Setup:
    """A call on its way to being answered."""

    def __init__(self, call: Call, intake: Intake) -> None:
        self.call = call
        self._destinations = intake.destinations
        self._near = ArrivedSide(call, intake.offer, intake.plan)
        self._early: dict[str, Session] = {}  # the far side's description in each of its early dialogs
        self._updated: set[str] = set()  # those that it changed by UPDATE
        self._gate = EarlyMedia()

    def hunt(self) -> Hunt:
        """The ways that the call may take."""
        call, services = self.call, self.call.services
        return Hunt(
            services.trunks,
            services.admission.limits,
            self._destinations,
            services.routing.choice(call.talk.called_number, call.arrived.trunk.role),
            services.ids.number,
            services.clock.now(),
            lambda text: call.note(text, call.talk.far),
            services.routing.is_former,
        )

    def refuse(self, refused: Refused | Denied) -> None:
        """Tell the near side that no route is left."""
        if isinstance(refused, Denied):
            # Not 503: the SBC must not take this gateway for full because a centre is.
            self.call.live.conclude(refused.reason, 480)
            self.call.arrived.refuse(480, refused.reason, retry_after_headers(refused.retry_after_s))
            return
        status = status_for_caller(refused.status)
        self.call.live.conclude(
            f"{self.call.legs.by_key(refused.leg).trunk.name}: {refused.status} {refused.reason}", status
        )
        # Why, in the words of the network over there (RFC 6432), where it is its refusal that is told.
        told = refused.response if status == refused.status else None
        headers = plain_headers(told, "Reason") if told is not None else Headers()
        words = f"the {self.call.talk.far}: {refused.status} {refused.reason}"
        self.call.arrived.refuse(status, words, headers.items())

    async def attempt(self, way: Way) -> Refused | None:
        """Try one way; None once the call is connected or over."""
        call, (trunk, number, target) = self.call, way
        networks = call.legs.networks(trunk)
        if networks != call.talk.voice.networks:
            call.audio.open(networks)
        if not call.audio.is_open and not await has_ports(call):
            return None
        offer = None
        if self._near.offer is not None and not trunk.delayed_offer:
            origin = call.origin(trunk.network, target.transport)
            offer = centre_offer(self._near.offer, self._near.lines, call.audio.local(call.talk.far), origin)
        local = call.services.driver.contact(trunk.network, target.transport)
        self._gate = EarlyMedia()
        if call.talk.far is Side.CENTRE and call.talk.bound_by.startswith("centre"):  # by one that gave the call up
            carry_out(call, give_to(call.live, "", "centre"))
        leg = call.legs.dial(Destination(trunk, number, local), target, offer)
        call.note(f"trying {trunk.name} at {target.address} as {number}", leg.name)
        call.after(trunk.ring_limit_s, _RING)
        try:
            while True:
                event = await call.next()
                if isinstance(event, Refused) and self.call.legs.by_key(event.leg) is leg:
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
        """Handle one event while the far side is called; True once the call is connected or over."""
        call = self.call
        match event:
            case Rang() if call.legs.by_key(event.leg) is leg:
                await self._on_ringing(event, leg)
            case Answered() if call.legs.by_key(event.leg) is leg:
                return await self._on_answer(event, leg)
            case Offered() if event.leg == call.pending.newcomer:
                return await self._on_pickup(event, call.legs.by_key(event.leg), leg)
            case Cancelled() if event.leg == call.pending.newcomer:
                carry_out(call, withdraw_newcomer(call.live))
            case Offered() if call.legs.by_key(event.leg) in (call.arrived, leg):
                self._on_early_offer(event, leg)
            case Cancelled() if call.legs.by_key(event.leg) is call.arrived:
                leg.cancel(", ".join(event.request.headers.get_all("reason")) or None)
                leg.bye(plain_headers(event.request, "Reason").items())  # where its answer crossed
                call.arrived.refuse(487)
                call.live.conclude(f"the {call.arrived.name} hung up before the answer", 487)
                return True
            case HangupAsked():
                leg.cancel()
                leg.bye()
                call.arrived.refuse(480, event.reason)
                call.live.conclude(event.reason, 480)
                return True
            case _:
                carry_out(call, meanwhile(call.live, event))
                if isinstance(event, VoiceOpened):
                    self._near.moved()
        return False

    async def _on_ringing(self, event: Rang, leg: DialledLeg) -> None:
        """Relay 18x, with early media where there are some (announcements, queue music)."""
        call, branch = self.call, _branch(leg, event.response)
        if event.response.status == 199:
            return  # a branch of a fork ended (RFC 6228); who called did not say that it understands that
        if call.talk.state is not CallState.RINGING:
            call.enter(CallState.RINGING, f"{leg.trunk.name}: {event.response.status} {event.response.reason}")
        answer, word = None, self._gate.hear_response(branch, event.response, leg.trunk)
        if event.session is not None and leg.terms.local is not None:
            try:
                self._judge_reach(event.session)
                self._connect_voice(leg, event.session, relearn=False)
                answer = await self._near.answer(event.session, self._near.dialog(branch))
                self._early[branch] = event.session
            except PeerError as error:
                call.note(f"early media cannot be passed on: {error}", leg.name)
                answer = None
        elif word and branch in self._early:
            self._connect_voice(leg, self._early[branch], relearn=False)
        told = call.arrived.wants_early_media and (answer is not None or word)
        headers = self._gate.headers() if told else []
        headers += _told(call, leg, event.response).items()
        call.arrived.ring(event.response.status, event.response.reason, self._near.dialog(branch), answer, headers)
        self._near.take_video(answer, relearn=False)

    async def _on_answer(self, event: Answered, leg: DialledLeg) -> bool:
        """Answer the near side with what the far one answered; False where that cannot be used."""
        call, branch = self.call, _branch(leg, event.response)
        session = event.session or self._early.get(branch)
        if branch in self._updated:
            session = self._early[branch]  # its 2xx can only repeat the answer to our INVITE (RFC 3262 §5)
        try:
            if session is None:
                raise PeerError(f"the {leg.name} answered without a session description", 488)
            if self._near.offer is None:
                return await self._on_answer_with_offer(leg, session, event.response)
            self._judge_reach(session)
            if leg.terms.local is None:
                answer_far_side(call, leg, session, self._near.offer, self._near.lines)
                if call.talk.far is Side.CALLER:  # the lines of a phone that offers are in its own order
                    call.talk.plan = Plan(audio=audio_line(session))
            self._gate = EarlyMedia()  # it was that of early media alone
            self._connect_voice(leg, session)
            answer = await self._near.answer(session, self._near.dialog(branch))
        except PeerError as error:
            leg.bye()
            call.post(Refused(leg.key, error.status, error.reason, event.response))
            return False
        if call.arrived.cancelled:
            return False  # its CANCEL came first and waits in the inbox
        self._accept(answer, branch, _told(call, leg, event.response).items())
        self._connected(leg, _who(event.response), event.response)
        return True

    async def _on_pickup(self, event: Offered, newcomer: ArrivedLeg, leg: DialledLeg) -> bool:
        """Another phone of the centre answers the call that rings (RFC 3891: an early dialog is replaced)."""
        call, session = self.call, event.session
        branch = newcomer.sip_call_id
        try:
            if session is None or self._near.offer is None:
                raise PeerError("who takes a call that rings must make an offer", 488)
            origin = call.origin(newcomer.flow.network, newcomer.flow.transport)
            ours = centre_answer(session, self._near.offer, self._near.lines, call.audio.local(Side.CENTRE), origin)
            check_answer(session, ours)
            answer = await self._near.answer(session, self._near.dialog(branch))
        except PeerError as error:
            call.pending.newcomer = ""
            newcomer.refuse(error.status, error.reason)
            return False
        if call.arrived.cancelled or not carry_out(call, answer_offer(newcomer, event, ours)):
            return False  # its CANCEL waits in the inbox; who rings may be heard on
        self._connect_voice(newcomer, session)
        leg.cancel('SIP;cause=200;text="Call completed elsewhere"')
        call.legs.install_newcomer().bye()  # where it answered at this very moment
        self._accept(answer, branch)
        call.note(f"{newcomer.name} takes the call that rings (Replaces)", newcomer.name, "state")
        self._connected(newcomer, newcomer.calls_itself or "somebody")
        return True

    async def _on_answer_with_offer(self, leg: DialledLeg, said: Session, response: Response) -> bool:
        """The near side made no offer: that of the far one goes to it."""
        try:
            session = await offer_to_near_side(self.call, leg, said, self._near.dialog(_branch(leg, response)))
        except PeerError as error:
            self.call.live.conclude(f"no session could be agreed on: {error}", 488)
            session = None
        if session is None:
            self.call.legs.end()
        else:
            self._connected(leg, _who(response), response)
        return True

    def _accept(self, answer: Session, branch: str, headers: Pairs = ()) -> None:
        arrived = self.call.arrived
        if self._near.offer is not None:
            arrived.terms.note_remote(self._near.offer)
        arrived.accept(answer, self._near.dialog(branch), headers)
        self._near.take_video(answer, relearn=True)

    def _connected(self, leg: Leg, who: str, response: Response | None = None) -> None:
        call = self.call
        if call.talk.direction is Direction.OUT and response is not None:
            call.talk.facts = replace(call.talk.facts, video_capable=video_capable(response))
        call.talk.answered_at = call.services.clock.wall()
        metrics.calls.SETUP_SECONDS.observe(call.talk.answered_at - call.talk.started_at)
        call.enter(CallState.CONNECTED, f"answered by {who} at {leg.trunk.name}")
        if (centre := call.centre) is not None and (text := self._no_agent(centre)):
            call.note(text, centre.name)

    def _no_agent(self, centre: Leg) -> str:
        """That nobody knows which agent has the call, and what was read for it; "" where that is known, or in doubt."""
        line = centre.record.line
        if self.call.talk.extension or (line is not None and line.last):
            return ""
        read = ", ".join(centre.trunk.bind_from) or "bind_from is empty"
        return f"the centre named no agent ({read}): until it does, a desk takes the call by its code or number"

    def _on_early_offer(self, event: Offered, leg: DialledLeg) -> None:
        """UPDATE or PRACK with an offer before the answer: answered here, without asking the other side."""
        asker = self.call.legs.by_key(event.leg)
        try:
            if asker is leg:
                self._from_far_side(event, leg)
            else:
                if self._near.take_offer(event):
                    self._point(self.call.talk.near, self._near.offered, self._near.lines.audio)
        except PeerError as error:
            asker.decline(event.txn, error.status, error.reason, headers_of(error))

    def _from_far_side(self, event: Offered, leg: DialledLeg) -> None:
        event = carry_out(self.call, whole_offer(leg, event))
        branch, offer = f"{leg.sip_call_id} {event.tag}", event.offer
        before = self._early.get(branch)
        if before is None or leg.terms.local is None:
            raise PeerError("our own offer has no answer yet", 491)
        index = audio_line(offer)
        check_audio(offer, index, self.call.audio.local(self.call.talk.far).host)
        answer = early_answer(leg, before, audio_line(before), offer, index)
        if not carry_out(self.call, answer_offer(leg, event, answer)):
            return
        self.call.note("offer absorbed before the answer", leg.name)
        self._early[branch] = offer
        leg.terms.note_remote(offer)
        self._updated.add(branch)
        self._point(self.call.talk.far, offer, index)

    def _judge_reach(self, said: Session) -> None:
        """Raise where ours cannot reach the media of the far side: the voice would go into nothing."""
        here = self.call.audio.local(self.call.talk.far).host
        if fault := said.address_fault(audio_line(said), here):
            raise PeerError(f"audio: {fault}", 488)

    def _connect_voice(self, leg: Leg, said: Session, relearn: bool = True) -> None:
        """Let voice flow; before anything of video, which may take its time. `relearn`: see `Audio.point`."""
        leg.terms.note_remote(said)
        self._point(self.call.talk.near, self._near.offered, self._near.lines.audio, relearn)
        self._point(self.call.talk.far, said, audio_line(said), relearn)

    def _point(self, side: Side, session: Session, index: int, relearn: bool = True) -> None:
        if side == self.call.talk.near and self._gate.gated:
            self.call.audio.hush(side)
        else:
            self.call.audio.point(side, session, index, self.call.live.sources(side), relearn=relearn)


def _branch(leg: DialledLeg, response: Response) -> str:
    """Names an early dialog of the far side; each has a To tag of its own towards the near one."""
    return f"{leg.sip_call_id} {response.to_tag or ''}"


def _told(call: Call, leg: DialledLeg, response: Response) -> Headers:
    """What a response of the far side says to the near one: who answers, within trust, and its application's word.

    Some return the User-to-User of the INVITE: of that, what was ours is not for the near side.
    """
    trusted = call.arrived.trunk.trusted and leg.trunk.trusted
    ours = {value for _, value in call_id_headers(leg.trunk, call.talk.call_id)}
    found = plain_headers(response, *(WITHIN_TRUST if trusted else ()), "User-to-User")
    return Headers((name, value) for name, value in found.items() if value not in ours)


def _who(response: Response) -> str:
    """Who answered, by its network's word, as far as it can be read."""
    with suppress(PeerError):
        for value in response.headers.values("p-asserted-identity"):
            if user := NameAddr.parse(value).user:
                return user
    with suppress(PeerError):
        if response.contact and response.contact.user:
            return response.contact.user
    return "somebody"
