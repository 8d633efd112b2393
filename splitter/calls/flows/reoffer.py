"""re-INVITEs in an answered call (RFC 3261 §14, RFC 3264 §8).

A re-offer whose audio is the same, or has only moved, is *absorbed*: answered here. One that the other side would
notice (hold, codec) is *relayed*: the other side is consulted first, and its answer is ours. Video is always answered
here. Our own offers go out when a media worker was lost and our ports have changed.

At most one side is consulted at a time; an offer that has to wait is put aside until both sides are settled. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.flows.agreement import Agreement
from splitter.calls.flows.answers import answer_offer, whole_offer
from splitter.calls.flows.consult import Consultation
from splitter.calls.flows.early import keeps_voice
from splitter.calls.flows.escalate import Escalation
from splitter.calls.flows.newcomer import answer_newcomer, goes_on, install, origin_of
from splitter.calls.flows.outcomes import Outcomes
from splitter.calls.flows.own_offers import OwnOffers
from splitter.calls.flows.phone_questions import asks_phone, make_way, on_finished
from splitter.calls.flows.phone_video import picture_lines, with_picture
from splitter.calls.flows.words import video_news, wish_in_words
from splitter.calls.leg_events import (
    Acknowledged,
    Cancelled,
    OfferAccepted,
    OfferCollided,
    Offered,
    OfferRefused,
    OfferWithdrawn,
    Refreshed,
)
from splitter.calls.peers.messages import headers_of
from splitter.calls.states import Bridge, LegState, Side
from splitter.calls.talk.commands import (
    DeclineOffer,
    Note,
    RefreshSession,
    SetAlarm,
    Steps,
)
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.pending import Consult
from splitter.core.errors import PeerError
from splitter.sdp.compare import Change, audio_change
from splitter.sdp.merge import (
    in_sequence,
    standing_answer,
    without_rebound,
)
from splitter.sdp.mixed import mixed_answer, mixed_line
from splitter.sdp.model import Media, Session
from splitter.sdp.offer_answer import check_answer
from splitter.sdp.split import Plan, audio_line, centre_offer, check_audio, plan
from splitter.sdp.video import refuse

_REFRESH_AGAIN_S = 5.0
ReofferEvent = Offered | OfferAccepted | OfferRefused | OfferCollided | OfferWithdrawn | Refreshed | Acknowledged


class Reoffers:
    """All re-INVITEs of one answered call.

    Attributes:
        escalation: raises the caller's video and drops it; its question may be open while sides are consulted.
    """

    def __init__(self, call: LiveCall) -> None:
        self._call = call
        self._agreement = Agreement(call)
        self._consult = Consultation(call)
        self._own = OwnOffers(call, self._agreement, self._consult)
        self.escalation = Escalation(call, self._agreement)
        self._outcomes = Outcomes(call, self._agreement, self._consult, self._own, self.escalation)

    def begin(self) -> Steps[None]:
        """The call was answered."""
        self._agreement.begin()
        yield from self.escalation.begin()

    def on_event(self, event: ReofferEvent) -> Steps[str]:
        """Handle one event; returns why the call is over, or ""."""
        match event:
            case Offered():
                yield from self._on_offer(event)
            case OfferAccepted():
                yield from self._outcomes.on_accepted(event)
            case OfferRefused():
                return (yield from self._outcomes.on_refused(event))
            case OfferWithdrawn():
                yield from self._consult.withdraw(event)
            case OfferCollided():
                self.escalation.on_collided(event)
            case Refreshed(offer_done=True) if self.escalation.asks(self._call.leg_of(event)):
                yield from self.escalation.on_finished()
            case Refreshed(offer_done=True) if asks_phone(self._call, leg := self._call.leg_of(event)):
                yield from on_finished(self._call, leg)
            case Acknowledged():
                yield from self._outcomes.on_answer_in_ack(event)
        return ""

    def withdraw(self, event: Cancelled) -> Steps[None]:
        """A leg has cancelled its INVITE: nobody is asked any more what it offered."""
        yield from self._consult.withdraw(event)

    def refresh(self, leg: LegFacts) -> Steps[None]:
        """Refresh a leg's session (RFC 4028 §10), by UPDATE where the peer knows it, else by a re-INVITE."""
        if (leg.settled or self.escalation.asks(leg)) and (yield from RefreshSession(leg.key)):
            return  # an UPDATE without an offer may pass our question (RFC 3311 §5.1)
        if leg.settled:
            self._call.owe(leg)
        else:
            yield from refresh_later(leg, _REFRESH_AGAIN_S)

    def on_time_up(self, alarm: Alarm) -> Steps[bool]:
        """Handle an alarm; False if it does not concern offers."""
        match alarm.kind:
            case AlarmKind.CONSENT:
                yield from self.escalation.on_consent_late()
            case AlarmKind.ASK_AGAIN:
                self.escalation.on_rested()
            case AlarmKind.ROOM:
                yield from self._agreement.on_room_late()
            case AlarmKind.CONSULT:
                yield from self._consult.on_time_up()
            case AlarmKind.OFFER_AGAIN:
                self._own.on_time_up(alarm.subject)
            case _:
                return False
        return True

    def pump(self) -> Steps[None]:
        """Do what had to wait: offers put aside first, then our own."""
        waiting = self._call.pending.put_aside
        for _ in range(len(waiting)):
            yield from self._on_offer(waiting.popleft())
        if not waiting and self._consult.open is None:
            self._call.owe(self._agreement.unsettled())
        owed = self._call.talk.exchange.owed
        for name in tuple(owed):
            leg = self._call.leg(name)
            if leg is None or leg.state is LegState.ENDED:
                owed.remove(name)
            elif leg.settled and (self._call.is_beside(leg) or self._consult.open is None):
                owed.remove(name)
                yield from self._own.send_present(leg)
            elif asks_phone(self._call, leg):
                yield from make_way(self._call, leg)
            elif self.escalation.asks(leg):
                yield from self.escalation.make_way("the caller must be told what has changed")
        yield from self.escalation.pump(
            self._consult.open is None and not waiting and self._call.caller.name not in owed
        )

    # ---- offers of the peers ----

    def _on_offer(self, event: Offered) -> Steps[None]:
        leg = self._call.leg_of(event)
        try:
            if leg is self._call.newcomer:
                yield from self._from_newcomer(event)
            elif leg not in (self._call.caller, self._call.centre):
                pass  # a leg that the call has let go
            elif event.session is None:
                yield from answer_offer(leg, event, in_sequence(leg.terms.latest, self._agreement.asked_for(leg)))
            elif leg is self._call.caller:
                yield from self.escalation.on_overtaken()
                yield from self._from_caller((yield from whole_offer(leg, event)))
            else:
                yield from self._from_centre((yield from whole_offer(leg, event)))
        except PeerError as error:
            if leg is self._call.newcomer:
                self._call.pending.newcomer = ""
            yield Note(f"re-INVITE refused with {error.status}: {error.reason}", leg.name)
            yield DeclineOffer(leg.key, event.txn, error.status, error.reason, headers_of(error))

    def _from_caller(self, event: Offered) -> Steps[None]:
        call, leg, offer = self._call, self._call.leg_of(event), event.offer
        chosen = plan(offer, call.talk.plan, call.talk.voice.ours(Side.CALLER).host)
        if chosen.video is not None and not self._agreement.refuses_video:
            waits = yield from self._agreement.awaits_room(event.txn)
            if waits:
                call.pending.put_aside.append(event)
                return
        change = _change(leg.terms.theirs, call.talk.lines.audio, offer, chosen.audio)
        if change is not Change.MATERIAL or _only_says_ready(leg, call.talk.lines.audio, offer, chosen.audio):
            yield from self._absorb_caller(event, offer, chosen)
        elif call.talk.bridge is Bridge.MIX:
            here = call.talk.voice.ours(Side.CALLER)
            line = mixed_line(offer, chosen.audio, here, "sendrecv", call.abilities.can_mix)
            yield from self._absorb_caller(event, offer, chosen, line)
        elif (yield from self._may_ask(event, centre := call.centre_leg)):
            sent = centre.terms.latest
            ours = centre_offer(offer, chosen, call.talk.voice.ours(Side.CENTRE), sent.origin, sent)
            # Digits may come under a number that the centre knows for another clock rate.
            ours = without_rebound(ours, audio_line(ours), centre.terms.history)
            ours = with_picture(call, centre, ours)
            yield from self._consult.ask(Consult(centre.key, event, chosen), ours, wish_in_words(offer, chosen.audio))

    def _absorb_caller(self, event: Offered, offer: Session, chosen: Plan, mixed: Media | None = None) -> Steps[None]:
        """Answer here. `mixed`: the voice as a mixer takes it; None for the one that stands."""
        leg = self._call.leg_of(event)
        lines = {i: refuse(media) for i, media in enumerate(offer.media) if media.kind == "video"}
        if chosen.video is not None and (line := self._agreement.video_line(offer, chosen)):
            lines[chosen.video] = line
        ours = leg.terms.ours
        voice = {chosen.audio: audio_line(ours)}
        if mixed is not None:
            lines[chosen.audio] = mixed
        answer = in_sequence(leg.terms.latest, standing_answer(offer, ours, ours.origin, lines, voice))
        check_answer(offer, answer)
        if (yield from answer_offer(leg, event, answer)):
            if mixed is not None:
                self._agreement.wishes[leg.name] = offer.flow_of(chosen.audio)
                yield Note(f"re-INVITE answered in the mix: {wish_in_words(offer, chosen.audio)}", leg.name)
            yield Note(video_news(self._call.talk.plan, chosen), leg.name)
            yield from self._agreement.settle_caller(offer, answer, chosen)
            yield from self.escalation.follow()

    def _from_centre(self, event: Offered) -> Steps[None]:
        call, leg, offer = self._call, self._call.leg_of(event), event.offer
        index = audio_line(offer)
        if not offer.media[index].port:
            raise PeerError("the voice cannot be removed from a call", 488)
        check_audio(offer, index, call.talk.voice.ours(Side.CENTRE).host)
        old = audio_line(leg.terms.theirs)
        change = _change(leg.terms.theirs, old, offer, index)
        if change is not Change.MATERIAL or _only_says_ready(leg, old, offer, index):
            ours = leg.terms.ours
            voice, lines = {index: audio_line(ours)}, picture_lines(call, leg, offer)
            answer = in_sequence(leg.terms.latest, standing_answer(offer, ours, ours.origin, lines, voice))
            check_answer(offer, answer)
            if (yield from answer_offer(leg, event, answer)):
                yield Note("re-INVITE absorbed: nothing in it concerns the caller", leg.name)
                yield from self._agreement.settle_centre(offer)
        elif call.talk.bridge is Bridge.MIX:
            yield from self._centre_in_mix(event, offer, index)
        elif (yield from self._may_ask(event, call.caller)):
            ours = self._agreement.offer_to_caller(offer)
            yield from self._consult.ask(Consult(call.caller.key, event), ours, wish_in_words(offer, index))

    def _centre_in_mix(self, event: Offered, offer: Session, index: int) -> Steps[None]:
        """What the centre wants concerns it alone: those who go on do not hear what it holds."""
        leg = self._call.leg_of(event)
        ours = leg.terms.ours
        here = self._call.talk.voice.ours(Side.CENTRE)
        line = mixed_line(offer, index, here, "sendrecv", self._call.abilities.can_mix)
        lines = {**picture_lines(self._call, leg, offer), index: line}
        answer = in_sequence(leg.terms.latest, standing_answer(offer, ours, ours.origin, lines))
        check_answer(offer, answer)
        if (yield from answer_offer(leg, event, answer)):
            self._agreement.wishes[leg.name] = offer.flow_of(index)
            yield Note(f"re-INVITE answered in the mix: {wish_in_words(offer, index)}", leg.name)
            yield from self._agreement.settle_centre(offer)

    def _from_newcomer(self, event: Offered) -> Steps[None]:
        """The centre takes the call over from itself (RFC 3891); the caller is asked where it must be."""
        call, offer, before = self._call, event.session, self._call.centre_leg
        index = audio_line(offer) if offer is not None else 0
        if offer is not None:
            check_audio(offer, index, call.talk.voice.ours(Side.CENTRE).host)
        if offer is None:
            session = self._agreement.asked_for(before)
            voice = (session.media[audio_line(session)],)
            origin = yield from origin_of(call.leg_of(event))
            yield from install(call, self._agreement, event, replace(session, origin=origin, media=voice), None)
        elif call.talk.bridge is Bridge.MIX:
            origin = yield from origin_of(call.leg_of(event))
            here = call.talk.voice.ours(Side.CENTRE)
            answer = mixed_answer(offer, index, here, "sendrecv", origin, call.abilities.can_mix)
            check_answer(offer, answer)
            yield from install(call, self._agreement, event, answer, offer)
        elif self._consult.open is not None or not (call.caller.settled or self.escalation.asking):
            call.pending.put_aside.append(event)
        elif goes_on(call, offer, index, self._agreement.wishes[before.name]):
            said = call.caller.terms.theirs
            answer = yield from answer_newcomer(call, call.leg_of(event), offer, said, call.caller.terms.ours)
            yield from install(call, self._agreement, event, answer, offer)
        elif (yield from self._may_ask(event, call.caller)):
            wish = f"another leg of the centre takes over: {wish_in_words(offer, index)}"
            yield from self._consult.ask(Consult(call.caller.key, event), self._agreement.offer_to_caller(offer), wish)

    def _may_ask(self, event: Offered, other: LegFacts) -> Steps[bool]:
        """True if the other side can be consulted now; else the offer was put aside, or refused as glare."""
        if self._consult.open is None and other.settled and not self.escalation.asks(other):
            return True
        if any(aside.leg == other.key for aside in self._call.pending.put_aside):
            # Both sides want a change at once: one has to try again (RFC 3261 §14.1).
            raise PeerError("both sides offered a change at the same time", 491)
        if self.escalation.asks(other):
            yield from self.escalation.make_way("the centre wants a change that concerns the caller")
        self._call.pending.put_aside.append(event)
        return False


def refresh_later(leg: LegFacts, delay_s: float) -> Steps[None]:
    """Try our refresh of a leg's session once more after a while."""
    if not leg.record.timer.over:
        yield SetAlarm(delay_s, Alarm(AlarmKind.REFRESH, leg.name))


def _change(old: Session, old_index: int, new: Session, new_index: int) -> Change:
    return audio_change(old.media[old_index], new.media[new_index], old, new)


def _only_says_ready(leg: LegFacts, old: int, offer: Session, new: int) -> bool:
    """An UPDATE while our 200 waits for a side's resources: it repeats the codec in use alone (RFC 3312)."""
    before, after = leg.terms.theirs.media[old], offer.media[new]
    same_way = leg.terms.theirs.flow_of(old) == offer.flow_of(new)
    ours = leg.terms.ours.media[audio_line(leg.terms.ours)]
    return leg.state is LegState.EARLY and same_way and keeps_voice(before, ours, after)
