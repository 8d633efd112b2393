"""What became of offers of ours: the answer is committed, passed on to whoever waits for it, or put right. Pure."""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.flows.agreement import Agreement
from splitter.calls.flows.answers import answer_offer
from splitter.calls.flows.consult import Consultation
from splitter.calls.flows.escalate import Escalation
from splitter.calls.flows.newcomer import answer_newcomer, install
from splitter.calls.flows.own_offers import OwnOffers
from splitter.calls.flows.phone_questions import asks_phone
from splitter.calls.flows.phone_questions import on_accepted as phone_accepted
from splitter.calls.flows.phone_questions import on_refused as phone_refused
from splitter.calls.flows.phone_video import picture_lines
from splitter.calls.flows.phones import lose_phone
from splitter.calls.flows.seats import leave_call
from splitter.calls.leg_events import Acknowledged, OfferAccepted, Offered, OfferRefused
from splitter.calls.states import Side
from splitter.calls.talk.commands import Note, SendBye, Steps
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.pending import Consult
from splitter.core.errors import PeerError
from splitter.sdp.align import without_foreign_video
from splitter.sdp.merge import caller_answer, centre_answer, in_sequence
from splitter.sdp.model import Session
from splitter.sdp.offer_answer import check_answer, check_peer_answer
from splitter.sdp.split import Plan, audio_line


class Outcomes:
    """The outcomes of re-INVITEs and UPDATEs of ours in one answered call."""

    def __init__(
        self, call: LiveCall, agreement: Agreement, consult: Consultation, own: OwnOffers, escalation: Escalation
    ) -> None:
        self._call = call
        self._agreement = agreement
        self._consult = consult
        self._own = own
        self._escalation = escalation

    def on_accepted(self, event: OfferAccepted) -> Steps[None]:
        """The peer has accepted an offer of ours."""
        leg, session = self._call.leg_of(event), event.session
        if self._escalation.asks(leg):
            yield from self._escalation.on_accepted(event)
            return
        if asks_phone(self._call, leg):
            yield from phone_accepted(self._call, leg, event)
            return
        consult = yield from self._consult.finish(leg)
        try:
            if session is None:
                raise PeerError(event.fault or "it has no session description", 488)
            session = yield from self._without_foreign_video(leg, leg.terms.latest, session)
            check_peer_answer(leg.terms.latest, session)
            if consult is None or consult.own:
                leg.terms.note_accepted()
                self._own.note_taken(leg)
                yield from self._agreement.settle_side(leg, session)
                yield from self._agreement.heed_answer(leg, session)
                yield from self._escalation.follow()
            elif consult.withdrawn:
                self._call.owe(leg)
            elif consult.offered is not None and consult.plan is not None:
                yield from self._answer_caller(consult, consult.offered, consult.plan, session)
            elif consult.offered is not None:
                yield from self._answer_centre(consult, consult.offered, session)
        except PeerError as error:
            yield Note(f"the answer to our re-INVITE cannot be used: {error.reason}", leg.name, "alarm")
            if consult is not None and not consult.own:
                yield from self._consult.decline(consult, error.status, error.reason)
                self._call.owe(leg)
            else:
                yield from self._own.on_unusable(leg)
                yield from self._escalation.follow()

    def _without_foreign_video(self, leg: LegFacts, offer: Session, session: Session) -> Steps[Session]:
        """A picture that nobody can show must not cost the voice its change; who sends it is told that it is off."""
        kept = session if leg.name in self._call.talk.seats else without_foreign_video(offer, session)
        if kept is not session:
            yield Note("overlooked: its picture has a format that was not offered (RFC 3264 §6.1)", leg.name)
            self._call.owe(leg)
        return kept

    def _answer_caller(self, consult: Consult, offered: Offered, chosen: Plan, session: Session) -> Steps[None]:
        """The centre accepted what the caller offered."""
        call, offer, asked = self._call, offered.offer, self._call.legs[consult.asked]
        line = self._agreement.video_line(offer, chosen)
        answer = caller_answer(
            offer, chosen, session, call.talk.voice.ours(Side.CALLER), line, call.caller.terms.latest.origin
        )
        answer = in_sequence(call.caller.terms.latest, answer)
        check_answer(offer, answer)
        if not (yield from answer_offer(call.caller, offered, answer)):
            call.owe(asked)  # the caller cancelled meanwhile
            return
        self._agreement.wishes[call.caller.name] = offer.flow_of(chosen.audio)
        asked.terms.note_accepted()
        yield from self._agreement.settle_centre(session)
        yield from self._agreement.heed_answer(asked, session)
        yield from self._agreement.settle_caller(offer, answer, chosen)
        yield from self._escalation.follow()

    def _answer_centre(self, consult: Consult, offered: Offered, session: Session) -> Steps[None]:
        """The caller accepted what the centre offered."""
        call, caller, centre, offer = self._call, self._call.caller, self._call.centre_leg, offered.offer
        if offered.leg == call.pending.newcomer:
            answer = yield from answer_newcomer(call, call.leg_of(offered), offer, session, caller.terms.latest)
            if (yield from install(call, self._agreement, offered, answer, offer)):
                caller.terms.note_accepted()
                yield from self._agreement.settle_side(caller, session)
            else:
                call.owe(caller)
            return
        here = call.talk.voice.ours(Side.CENTRE)
        answer = centre_answer(offer, session, call.talk.lines, here, centre.terms.latest.origin)
        pictures = picture_lines(call, centre, offer)
        answer = replace(answer, media=tuple(pictures.get(i, line) for i, line in enumerate(answer.media)))
        answer = in_sequence(centre.terms.latest, answer)
        check_answer(offer, answer)
        if not (yield from answer_offer(centre, offered, answer)):
            call.owe(caller)
            return
        self._agreement.wishes[centre.name] = offer.flow_of(audio_line(offer))
        caller.terms.note_accepted()
        yield from self._agreement.settle_centre(offer)
        yield from self._agreement.settle_side(caller, session)
        yield from self._agreement.heed_answer(caller, session)
        yield from self._escalation.follow()

    def on_refused(self, event: OfferRefused) -> Steps[str]:
        """The peer has refused an offer of ours. Returns: why the call is over, or ""."""
        leg, call = self._call.leg_of(event), self._call
        if self._escalation.asks(leg):
            yield from self._escalation.on_refused(event)
            return ""
        if asks_phone(call, leg):
            yield from phone_refused(call, leg, event)
            return ""
        consult = yield from self._consult.finish(leg)
        yield Note(f"our re-INVITE was refused: {event.status} {event.reason}", leg.name)
        if event.status == 481 and leg.name in call.talk.phones:
            yield from lose_phone(call, leg, "it no longer knows the call")
        elif event.status == 481:
            if leg.name not in call.seats:
                return f"the {leg.name} no longer knows the call"
            yield SendBye(leg.key)
            yield from leave_call(call, leg, "it no longer knows the call")
        elif consult is None or consult.own:
            if leg is call.caller:
                yield from self._escalation.untold(event.status, event.reason)
            yield from self._own.on_refused(event)
        elif consult.offered is not None:
            yield from self._consult.decline(consult, event.status, f"the other side: {event.status} {event.reason}")
        return ""

    def on_answer_in_ack(self, event: Acknowledged) -> Steps[None]:
        """The answer to an offer in our 2xx."""
        call, leg, session = self._call, self._call.leg_of(event), event.session
        if leg.terms.local is None or (session is None and not event.fault):
            return
        try:
            if session is None:
                raise PeerError(event.fault, 488)
            session = yield from self._without_foreign_video(leg, leg.terms.local, session)
            check_peer_answer(leg.terms.local, session)
        except PeerError as error:
            yield Note(f"the answer in ACK cannot be used: {error.reason}", leg.name, "alarm")
            call.owe(leg)  # an ACK cannot be refused: what it says is in force there, so both sides say it once more
            return
        yield from self._agreement.settle_side(leg, session)
        yield from self._agreement.heed_answer(leg, session)
        yield from self._escalation.follow()
