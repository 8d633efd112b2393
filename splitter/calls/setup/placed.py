"""A call that a program or a desk begins: the agent's phone rings first, then the number in the network is called.

Whoever answers is put through: the agent is offered G.711, the network what the agent has answered (RFC 3725 §4.1).
From the second answer on it is a call outwards like any other.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from functools import partial

from splitter.calls.actor import carry_out, converse
from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.asks import Answer, Asked, RaiseVideo
from splitter.calls.call import Call
from splitter.calls.events import CallEvent, HangupAsked, TimeUp, VoiceOpened, VoiceUnavailable
from splitter.calls.flows.meanwhile import meanwhile
from splitter.calls.leg_events import Answered, Ended, Offered, Rang, Refused
from splitter.calls.legs.port import DialledLeg
from splitter.calls.peers.identity import Destination
from splitter.calls.routing import Routing, routable
from splitter.calls.settings import Role, Trunk
from splitter.calls.states import CallState, Side
from splitter.calls.trunks.hunt import Hunt, Way
from splitter.core.errors import PeerError
from splitter.sdp.carry import narrowed
from splitter.sdp.mixed import phone_offer
from splitter.sdp.model import Session
from splitter.sdp.offer_answer import check_peer_answer
from splitter.sdp.split import NOT_VOICE, Plan, audio_line, centre_offer
from splitter.telemetry import metrics

_RING = Alarm(AlarmKind.RING)

Destinations = list[tuple[Trunk, str]]


def ways_to(routing: Routing, number: str, origin: Role, leads_to: Role) -> Destinations:
    """The trunks of this role that a number may be called by, and the number that each is shown."""
    found = routing.destinations(number, origin)
    return [(trunk, shown) for trunk, shown in found if routable(trunk) and trunk.role is leads_to]


async def place(call: Call, agent: Destinations, network: Destinations, video_by: str = "") -> None:
    """Run such a call from its beginning to its end.

    Args:
        agent: the ways to the agent's phone. network: those to the number.
        video_by: who wants to ask for video as soon as both have answered; empty for nobody.
    """
    placing = _Placing(call)
    with closing(placing.hunt(agent, Side.CENTRE)) as first, closing(placing.hunt(network, Side.CALLER)) as second:
        call.audio.open((network[0][0].network, agent[0][0].network))
        if not await placing.has_ports() or (said := await placing.reach(first, Side.CENTRE, None)) is None:
            return
        if await placing.reach(second, Side.CALLER, said) is None:
            return
        placing.connect()
        if video_by:
            reply: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            reply.add_done_callback(asyncio.Future.exception)  # the call's view says what comes of it
            call.post(Asked(RaiseVideo(video_by), reply))
        await converse(call)


class _Placing:
    """A call on its way to being answered by both sides."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self._moved = False

    def hunt(self, destinations: Destinations, side: Side) -> Hunt:
        """The ways to one of the sides."""
        call, services = self.call, self.call.services
        return Hunt(
            services.trunks,
            services.admission.limits,
            destinations,
            services.routing.choice(call.talk.called_number, Role.CENTRE),
            services.ids.number,
            services.clock.now(),
            partial(call.note, leg=side),
            services.routing.is_former,
        )

    async def has_ports(self) -> bool:
        """Wait for the relay; False where the call was ended instead."""
        call = self.call
        while not call.audio.is_open:
            match event := await call.next():
                case VoiceUnavailable() if call.talk.voice.note_unavailable(event.turn):
                    call.live.conclude(f"no media for the voice: {event.reason}", 503)
                    return False
                case _ if self._ends(event):
                    return False
                case _:
                    self._meanwhile(event)
        return True

    async def reach(self, hunt: Hunt, side: Side, said: Session | None) -> Session | None:
        """Try one way after the other until a side answers; None where nobody does: the call is over.

        Args:
            said: what the other side has answered; None for the first one.
        """
        call, clock = self.call, self.call.services.clock
        reason, status = hunt.denied.reason, 480
        while (way := hunt.next(clock.now())) is not None:
            leg = self._dial(way, side, said)
            answer = await self._wait(leg, side)
            if isinstance(answer, Session):
                hunt.took(way, clock.now())
                call.legs.dialling.hold(side, hunt.close)
                return answer
            if answer is None:
                break
            reason, status = f"{answer.status} {answer.reason}", answer.status
            call.note(f"{way.trunk.name} refused: {reason}", side)
            if not hunt.refused(way, status, answer.response, clock.now()):
                break
        call.live.conclude(f"the {side} could not be reached: {reason}", status)
        call.legs.end([("Reason", f'SIP;cause={status};text="the {side} could not be reached"')])
        return None

    def _dial(self, way: Way, side: Side, said: Session | None) -> DialledLeg:
        call, (trunk, number, target) = self.call, way
        origin = call.origin(trunk.network, target.transport)
        if said is None:
            offer = phone_offer(call.audio.local(side), origin)
        else:
            offer = centre_offer(_first_voice(said), Plan(audio=audio_line(said)), call.audio.local(side), origin)
        local = call.services.driver.contact(trunk.network, target.transport)
        leg = call.legs.dial(Destination(trunk, number, local), target, offer, side)
        call.note(f"trying {trunk.name} at {target.address} as {number}", leg.name)
        call.after(trunk.ring_limit_s, _RING)
        return leg

    async def _wait(self, leg: DialledLeg, side: Side) -> Session | Refused | None:
        """What comes of one attempt: the answer, a refusal, or None where the call is over."""
        call = self.call
        try:
            while True:
                match event := await call.next():
                    case Refused() if event.leg == leg.key:
                        return event
                    case Answered() if event.leg == leg.key:
                        if (session := self._taken(leg, side, event)) is not None:
                            return session
                        leg.bye()
                        return Refused(leg.key, 488, "its answer cannot be used", event.response)
                    case Rang() if event.leg == leg.key:
                        self._rings(leg, side, event)
                    case TimeUp() if event.alarm == _RING:
                        leg.cancel()
                        return Refused(leg.key, 480, f"no answer in {leg.trunk.ring_limit_s:.0f} s", None)
                    case Offered():
                        call.legs.by_key(event.leg).decline(event.txn, 491, "the other side has not answered yet")
                    case _ if self._ends(event):
                        leg.cancel()
                        return None
                    case _:
                        self._meanwhile(event)
        finally:
            call.stop_timer(_RING)

    def _rings(self, leg: DialledLeg, side: Side, event: Rang) -> None:
        """It rings; the agent hears the network's announcements, if there are any."""
        if self.call.talk.state is not CallState.RINGING:
            self.call.enter(CallState.RINGING, f"{leg.trunk.name}: {event.response.status} {event.response.reason}")
        if event.session is not None and side is Side.CALLER:
            self._point(side, event.session)

    def _taken(self, leg: DialledLeg, side: Side, event: Answered) -> Session | None:
        """The answer of a side, which is connected from now on; None where it cannot be used."""
        session = event.session
        try:
            if session is None:
                raise PeerError("it has no session description", 488)
            check_peer_answer(leg.terms.ours, session)
            if not session.media[audio_line(session)].port:
                raise PeerError("the audio was refused", 488)
        except PeerError as error:
            self.call.note(f"its answer cannot be used: {error.reason}", leg.name)
            return None
        leg.terms.note_remote(session)
        self._point(side, session)
        self.call.note("it has answered", leg.name, "state")
        return session

    def _point(self, side: Side, session: Session) -> None:
        self.call.audio.point(side, session, audio_line(session), self.call.live.sources(side))

    def _ends(self, event: CallEvent) -> bool:
        """True where an event ends the call: an operator asks, or the side that has answered hangs up."""
        call = self.call
        if isinstance(event, HangupAsked):
            call.live.conclude(event.reason, 480)
        elif isinstance(event, Ended):
            call.live.conclude(f"the {call.legs.by_key(event.leg).name} hung up before the answer", 487)
        else:
            return False
        call.legs.end()
        return True

    def _meanwhile(self, event: CallEvent) -> None:
        """What concerns neither of the two."""
        if isinstance(event, VoiceOpened):
            self._moved = self.call.audio.adopt(event) and bool(self.call.talk.centre)
        else:
            carry_out(self.call, meanwhile(self.call.live, event))

    def connect(self) -> None:
        """Both have answered."""
        call, leg = self.call, self.call.legs.caller
        call.talk.plan = Plan(audio=audio_line(leg.terms.theirs))
        call.talk.answered_at = call.services.clock.wall()
        metrics.calls.SETUP_SECONDS.observe(call.talk.answered_at - call.talk.started_at)
        call.enter(CallState.CONNECTED, f"answered by {call.talk.called_number} at {leg.trunk.name}")
        if self._moved:
            call.live.owe(call.live.caller, call.live.centre)


def _first_voice(said: Session) -> Session:
    """What a side has answered, with the voice that it prefers alone: the other side must not choose another one."""
    index = audio_line(said)
    line = said.media[index]
    voices = [codec for codec in line.codecs if codec.name.lower() not in NOT_VOICE]
    gone = {str(codec.payload_type) for codec in voices[1:]}
    kept = narrowed(line, [number for number in line.formats if number not in gone])
    media = (*said.media[:index], kept, *said.media[index + 1 :])
    return Session(said.origin, media, said.connection, attributes=said.attributes, times=said.times)
