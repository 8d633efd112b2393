"""re-INVITEs in an answered call (RFC 3261 §14, RFC 3264 §8).

A re-offer whose audio is the same, or has only moved, is *absorbed*: answered here. One that the other side would
notice (hold, codec) is *relayed*: the other side is consulted first, and its answer is ours. Video is always answered
here. Our own offers go out when a media worker was lost and our ports have changed.

At most one side is consulted at a time; an offer that has to wait is put aside until both sides are settled.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from splitter.calls.audio import CALLER, CENTRE
from splitter.calls.call import Call
from splitter.calls.causes import status_for_asker
from splitter.calls.events import (
    Acknowledged,
    OfferAccepted,
    OfferCollided,
    Offered,
    OfferRefused,
    OfferWithdrawn,
    Refreshed,
    RefreshFailed,
)
from splitter.calls.flows.agreement import Agreement
from splitter.calls.flows.early import keeps_voice
from splitter.calls.flows.escalate import Escalation
from splitter.calls.flows.newcomer import answer_newcomer, goes_on, origin_of
from splitter.calls.flows.seats import leave
from splitter.calls.legs.leg import Leg
from splitter.calls.legs.outgoing import OutgoingLeg
from splitter.calls.messages import headers_of
from splitter.core.errors import PeerError
from splitter.sdp.compare import Change, audio_change
from splitter.sdp.merge import (
    caller_answer,
    centre_answer,
    in_sequence,
    standing_answer,
)
from splitter.sdp.model import Session
from splitter.sdp.offer_answer import check_answer, check_peer_answer, check_reoffer
from splitter.sdp.split import Plan, audio_line, centre_offer, plan
from splitter.sdp.video import refuse

_CONSULT = "consult limit"
_RETRY = "offer again to "
_RETRY_LIMIT_S = 32.0
_REFRESH_AGAIN_S = 5.0
ReofferEvent = Offered | OfferAccepted | OfferRefused | OfferCollided | OfferWithdrawn | Refreshed | Acknowledged


@dataclass(slots=True)
class _Consult:
    """An offer of ours that is open on `asked`.

    Attributes:
        before: our description in force when we asked.
        offered: the re-INVITE that waits for the outcome; None for an offer of our own, and once it was answered.
        plan: the caller's new one.
        own: an offer of our own.
        withdrawn: nobody waits for the outcome any more: if it is accepted all the same, `before` is offered again.
    """

    asked: Leg
    before: Session | None
    offered: Offered | None = None
    plan: Plan | None = None
    own: bool = False
    withdrawn: bool = False


class Reoffers:
    """All re-INVITEs of one answered call.

    Attributes:
        escalation: raises the caller's video and drops it; its question may be open while sides are consulted.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._consult: _Consult | None = None
        self._refused: Counter[str] = Counter()  # how often in a row each leg refused an offer of our own
        self._agreement = Agreement(call)
        self.escalation = Escalation(call, self._agreement)

    async def on(self, event: ReofferEvent) -> str:
        """Handle one event; returns why the call is over, or ""."""
        match event:
            case Offered():
                await self._on_offer(event)
            case OfferAccepted():
                await self._on_accepted(event)
            case OfferRefused():
                return await self._on_refused(event)
            case OfferWithdrawn():
                self._on_withdrawn(event)
            case OfferCollided():
                self.escalation.on_collided(event)
            case Refreshed(offer_done=True) if self._is_question(event.leg):
                await self.escalation.on_finished()
            case Acknowledged():
                await self._on_answer_in_ack(event)
        return ""

    def refresh(self, leg: Leg) -> None:
        """Refresh a leg's session (RFC 4028 §10), by UPDATE where the peer knows it, else by a re-INVITE."""
        if (leg.settled or self._is_question(leg)) and leg.refresh():
            return  # an UPDATE without an offer may pass our question (RFC 3311 §5.1)
        if leg.settled:
            self._call.owe(leg)
        else:
            leg.timer.again(_REFRESH_AGAIN_S)

    async def on_time_up(self, what: str) -> None:
        """The consulted side takes too long, or it is time to offer again."""
        call = self._call
        if self.escalation.on_time_up(what):
            return
        if what == _CONSULT and self._consult is not None:
            consult = self._consult
            call.note(
                f"no answer to our re-INVITE in {call.services.settings.consult_limit_s:.0f} s", consult.asked.name
            )
            self._decline(consult, 500, "the other side does not answer")
            consult.withdrawn = True
            consult.asked.withdraw_offer()
        elif what.startswith(_RETRY):
            self._call.owe(*(leg for leg in self._legs() if what == _RETRY + leg.name))

    async def pump(self) -> None:
        """Do what had to wait: offers put aside first, then our own."""
        waiting = self._call.put_aside
        for _ in range(len(waiting)):
            await self._on_offer(waiting.popleft())
        for leg in tuple(self._call.owed):
            seat = leg.name in self._call.seats  # asked beside the voice: it may take its time
            if leg.state == "ended":
                self._call.owed.remove(leg)
            elif leg.settled and (seat or self._consult is None):
                self._call.owed.remove(leg)
                self._offer_own(leg)
            elif self._is_question(leg):
                self.escalation.make_way("the caller must be told what has changed")
        self.escalation.pump(self._consult is None and not waiting and self._call.caller not in self._call.owed)

    # ---- offers of the peers ----

    async def _on_offer(self, event: Offered) -> None:
        try:
            if event.leg is self._call.caller:
                await self._from_caller(event)
            elif event.leg is self._call.newcomer:
                await self._from_newcomer(event)
            elif event.leg is self._call.centre:
                await self._from_centre(event)
        except PeerError as error:
            if event.leg is self._call.newcomer:
                self._call.newcomer = None
            self._call.note(f"re-INVITE refused with {error.status}: {error.reason}", event.leg.name)
            event.leg.decline(event.txn, error.status, error.reason, headers_of(error))

    async def _from_caller(self, event: Offered) -> None:
        call, leg, offer = self._call, event.leg, event.session
        assert call.plan is not None and call.audio is not None
        assert leg.local is not None and leg.sent is not None and leg.remote is not None
        if offer is None:
            leg.answer(event.txn, in_sequence(leg.sent, self._agreement.standing(leg, self._agreement.wish_for(leg))))
            return
        if len(offer.media) < len(leg.remote.media):
            raise PeerError("m-lines were taken out (RFC 3264 §8)", 488)
        chosen = plan(offer, call.plan, call.audio.local(CALLER).host if call.audio else "")
        change = _change(leg.remote, call.plan.audio, offer, chosen.audio)
        if change is not Change.MATERIAL or self._only_says_ready(offer, chosen):
            await self._absorb_caller(event, offer, chosen)
        elif call.centre is not None and call.centre.sent is not None and self._may_ask(event, call.centre):
            ours = centre_offer(offer, chosen, call.audio.local(CENTRE), call.centre.sent.origin, call.centre.sent)
            self._ask(_Consult(call.centre, call.centre.local, event, chosen), ours, _wish(offer, chosen.audio))

    def _only_says_ready(self, offer: Session, chosen: Plan) -> bool:
        """An UPDATE while our 200 waits for the caller's resources: it repeats the codec in use alone (RFC 3312)."""
        call, leg = self._call, self._call.caller
        assert call.plan is not None and leg.local is not None and leg.remote is not None
        before, after = leg.remote.media[call.plan.audio], offer.media[chosen.audio]
        same_way = leg.remote.flow_of(call.plan.audio) == offer.flow_of(chosen.audio)
        return leg.state == "early" and same_way and keeps_voice(before, leg.local.media[chosen.audio], after)

    async def _absorb_caller(self, event: Offered, offer: Session, chosen: Plan) -> None:
        leg = event.leg
        assert leg.local is not None and leg.sent is not None
        lines = {i: refuse(media) for i, media in enumerate(offer.media) if media.kind == "video"}
        if chosen.video is not None and (line := await self._agreement.video_line(offer, chosen)):
            lines[chosen.video] = line
        answer = in_sequence(leg.sent, standing_answer(offer, leg.local, leg.local.origin, lines))
        check_answer(offer, answer)
        if leg.answer(event.txn, answer):
            self._call.note(_video_news(self._call.plan, chosen), leg.name)
            await self._agreement.settle_caller(offer, answer, chosen)
            self.escalation.follow()

    async def _from_centre(self, event: Offered) -> None:
        call, leg, offer = self._call, event.leg, event.session
        assert call.plan is not None and call.audio is not None
        assert leg.local is not None and leg.sent is not None and leg.remote is not None
        if offer is None:
            leg.answer(event.txn, in_sequence(leg.sent, self._agreement.standing(leg, self._agreement.wish_for(leg))))
            return
        index = audio_line(offer)
        if not offer.media[index].port:
            raise PeerError("the voice cannot be taken out of a call", 488)
        if _change(leg.remote, audio_line(leg.remote), offer, index) is not Change.MATERIAL:
            answer = in_sequence(leg.sent, standing_answer(offer, leg.local, leg.local.origin))
            check_answer(offer, answer)
            if leg.answer(event.txn, answer):
                call.note("re-INVITE absorbed: nothing in it concerns the caller", leg.name)
                await self._agreement.settle_centre(offer)
        elif self._may_ask(event, call.caller):
            ours = self._agreement.offer_to_caller(offer)
            self._ask(_Consult(call.caller, call.caller.local, event), ours, _wish(offer, index))

    async def _from_newcomer(self, event: Offered) -> None:
        """The centre takes the call over from itself (RFC 3891); the caller is asked where it must be."""
        call, offer, before = self._call, event.session, self._call.centre
        assert before is not None and before.local is not None
        if offer is None:
            session = self._agreement.standing(before, self._agreement.wish_for(before))
            voice = (session.media[audio_line(session)],)
            await self._install(event, replace(session, origin=origin_of(call, event.leg), media=voice), None)
        elif not offer.media[index := audio_line(offer)].port:
            raise PeerError("the voice cannot be taken out of a call", 488)
        elif self._consult is not None or not (call.caller.settled or self.escalation.asking):
            call.put_aside.append(event)
        elif goes_on(call, offer, index, self._agreement.wishes[before.name]):
            await self._install(event, answer_newcomer(call, event.leg, offer, call.caller.remote), offer)
        elif self._may_ask(event, call.caller):
            wish = f"another leg of the centre takes over: {_wish(offer, index)}"
            self._ask(_Consult(call.caller, call.caller.local, event), self._agreement.offer_to_caller(offer), wish)

    async def _install(self, event: Offered, ours: Session, offer: Session | None) -> bool:
        """Answer the newcomer and let it take the place of the centre; False where it gave up meanwhile."""
        call, leg = self._call, event.leg
        if not leg.answer(event.txn, ours):
            return False
        before = call.install_newcomer()
        leg.remote = before.remote
        self._agreement.wishes[leg.name] = (
            offer.flow_of(audio_line(offer)) if offer else self._agreement.wishes[before.name]
        )
        if before in self._call.owed:
            self._call.owed.remove(before)
        before.bye([("Reason", 'SIP;cause=200;text="replaced"')])
        call.note(f"{leg.name} takes the place of {before.name} (Replaces)", leg.name, "state")
        if offer is not None:
            await self._agreement.settle_centre(offer)
        call.services.changed(call.view())
        return True

    def _may_ask(self, event: Offered, other: Leg) -> bool:
        """True if the other side can be consulted now; else the offer was put aside, or refused as glare."""
        if self._consult is None and other.settled:
            return True
        if any(aside.leg is other for aside in self._call.put_aside):
            # Both sides want a change at once: one has to try again (RFC 3261 §14.1).
            raise PeerError("both sides offered a change at the same time", 491)
        if self._is_question(other):
            self.escalation.make_way("the centre wants a change that concerns the caller")
        self._call.put_aside.append(event)
        return False

    def _ask(self, consult: _Consult, offer: Session, wish: str) -> None:
        """Relay an offer to the other side.

        Raises:
            PeerError: it would not be legal there, e.g. a payload type that stands for another codec on that leg.
        """
        assert consult.asked.sent is not None
        offer = in_sequence(consult.asked.sent, offer)
        check_reoffer(consult.asked.sent, offer, consult.asked.local)
        self._consult = consult
        self._call.note(f"re-INVITE relayed: {wish}", consult.asked.name)
        self._call.after(self._call.services.settings.consult_limit_s, _CONSULT)
        consult.asked.offer(offer)

    # ---- offers of our own ----

    def _offer_own(self, leg: Leg) -> None:
        """Tell a side our present ports; what is negotiated stays."""
        call = self._call
        assert leg.sent is not None
        session = self._agreement.present_offer(leg)
        if leg.name not in call.seats:
            self._consult = _Consult(leg, leg.local, own=True)
            call.after(call.services.settings.consult_limit_s, _CONSULT)
        if leg is call.caller and self.escalation.dropping and "UPDATE" in leg.allows:
            call.note("UPDATE with what we have now: nobody need consent to that", leg.name)
            leg.update(in_sequence(leg.sent, session))
            return
        call.note("re-INVITE with what we have now", leg.name)
        leg.offer(in_sequence(leg.sent, session))

    # ---- outcomes ----

    async def _on_accepted(self, event: OfferAccepted) -> None:
        call, leg, session = self._call, event.leg, event.session
        if self._is_question(leg):
            await self.escalation.on_accepted(event)
            return
        consult = self._finish(leg)
        assert leg.sent is not None
        try:
            if session is None:
                raise PeerError("it has no session description", 488)
            check_peer_answer(leg.sent, session)
            if consult is None or consult.own:
                self._refused.pop(leg.name, None)
                await self._agreement.settle(leg, session)
                if self._agreement.heed(leg, session):
                    self._call.owe(call.centre if leg is call.caller else call.caller)
                self.escalation.follow()
            elif consult.withdrawn:
                self._put_back(consult)
            elif leg is call.centre:
                await self._answer_caller(consult, session)
            else:
                await self._answer_centre(consult, session)
        except PeerError as error:
            call.note(f"the answer to our re-INVITE cannot be used: {error.reason}", leg.name, "alarm")
            if consult is not None and not consult.own:
                self._decline(consult, error.status, error.reason)
                self._put_back(consult)

    def _put_back(self, consult: _Consult) -> None:
        """The asked side accepted what is not wanted any more, or cannot be used: the state before is offered to it."""
        consult.asked.local = consult.before
        self._call.owe(consult.asked)

    async def _answer_caller(self, consult: _Consult, session: Session) -> None:
        """The centre accepted what the caller offered."""
        call, offered, chosen = self._call, consult.offered, consult.plan
        assert offered is not None and offered.session is not None and chosen is not None
        assert call.audio is not None and call.caller.sent is not None
        offer, line = offered.session, await self._agreement.video_line(offered.session, chosen)
        answer = caller_answer(offer, chosen, session, call.audio.local(CALLER), line, call.caller.sent.origin)
        answer = in_sequence(call.caller.sent, answer)
        check_answer(offer, answer)
        if not call.caller.answer(offered.txn, answer):
            self._put_back(consult)  # it cancelled meanwhile
            return
        self._agreement.wishes[call.caller.name] = offer.flow_of(chosen.audio)
        await self._agreement.settle_centre(session)
        self._agreement.heed(consult.asked, session)
        await self._agreement.settle_caller(offer, answer, chosen)
        self.escalation.follow()

    async def _answer_centre(self, consult: _Consult, session: Session) -> None:
        """The caller accepted what the centre offered."""
        call, offered = self._call, consult.offered
        assert offered is not None and offered.session is not None and call.plan is not None
        if offered.leg is call.newcomer:
            await self._agreement.settle(call.caller, session)
            answer = answer_newcomer(call, offered.leg, offered.session, session)
            if not await self._install(offered, answer, offered.session):
                self._put_back(consult)
            return
        assert call.audio is not None and call.centre is not None and call.centre.sent is not None
        here = call.audio.local(CENTRE)
        answer = centre_answer(offered.session, session, call.plan, here, call.centre.sent.origin)
        answer = in_sequence(call.centre.sent, answer)
        check_answer(offered.session, answer)
        if not call.centre.answer(offered.txn, answer):
            self._put_back(consult)
            return
        self._agreement.wishes[call.centre.name] = offered.session.flow_of(audio_line(offered.session))
        await self._agreement.settle_centre(offered.session)
        await self._agreement.settle(call.caller, session)
        self._agreement.heed(consult.asked, session)
        self.escalation.follow()

    async def _on_refused(self, event: OfferRefused) -> str:
        leg, call = event.leg, self._call
        if self._is_question(leg):
            await self.escalation.on_refused(event)
            return ""
        consult = self._finish(leg)
        call.note(f"our re-INVITE was refused: {event.status} {event.reason}", leg.name)
        if event.status == 481:
            if leg.name not in call.seats:
                return f"the {leg.name} no longer knows the call"
            leg.bye()
            leave(call, leg, "it no longer knows the call")
        elif consult is None or consult.own:
            self._try_again(event)
        elif consult.offered is not None:
            self._decline(consult, event.status, f"the other side: {event.status} {event.reason}")
        return ""

    def _try_again(self, event: OfferRefused) -> None:
        """An offer of our own was refused."""
        call, leg = self._call, event.leg
        if leg is call.caller:
            self.escalation.untold(event.status, event.reason)
        if event.status in (405, 501):
            self._call.owe(leg)  # it does not know UPDATE after all
        elif event.status == 491:
            # RFC 3261 §14.1: who owns the Call-ID waits longer
            owner = isinstance(leg, OutgoingLeg)
            delay_ms = 2100 + call.services.ids.number(1900) if owner else call.services.ids.number(2000)
            call.after(delay_ms / 1000, _RETRY + leg.name)
        elif event.status == 500 and event.retry_after_s is not None:
            call.after(max(1.0, event.retry_after_s), _RETRY + leg.name)  # an offer of its own is open (§14.2)
        else:
            call.note("the peer does not know our new ports", leg.name, "alarm")
            call.post(RefreshFailed(leg, event.status, event.reason))
            # Until it takes them there is no voice: what it refused now it may take in a while.
            self._refused[leg.name] += 1
            call.after(min(2.0 ** self._refused[leg.name], _RETRY_LIMIT_S), _RETRY + leg.name)

    def _on_withdrawn(self, event: OfferWithdrawn) -> None:
        """The asker cancelled; so is our question, and if it was answered already the old state is offered again."""
        aside = self._call.put_aside
        for offered in tuple(aside):
            if offered.txn == event.txn:
                aside.remove(offered)
        consult = self._consult
        if consult is not None and consult.offered is not None and consult.offered.txn == event.txn:
            consult.offered, consult.withdrawn = None, True
            self._call.note("the re-INVITE was withdrawn", event.leg.name)
            consult.asked.withdraw_offer(event.reason)

    async def _on_answer_in_ack(self, event: Acknowledged) -> None:
        """The answer to an offer in our 2xx."""
        call, leg, session = self._call, event.leg, event.session
        if session is None or leg.local is None:
            return
        try:
            check_peer_answer(leg.local, session)
        except PeerError as error:
            call.note(f"the answer in ACK is not legal: {error.reason}", leg.name, "alarm")
            return
        await self._agreement.settle(leg, session)
        if self._agreement.heed(leg, session):
            self._call.owe(call.centre if leg is call.caller else call.caller)
        self.escalation.follow()

    def _decline(self, consult: _Consult, status: int, reason: str) -> None:
        """Pass a refusal on. What says that a peer is gone never crosses: it would end the other leg too."""
        if consult.offered is None:
            return
        offered, consult.offered = consult.offered, None
        if offered.leg is self._call.newcomer:
            self._call.newcomer = None
        told = status_for_asker(status)
        offered.leg.decline(offered.txn, told, reason, [("Retry-After", "3")] if told == 500 else [])

    # ---- carrying it out ----

    def _finish(self, leg: Leg) -> _Consult | None:
        """The consultation that ended with this event, if it is the present one."""
        consult = self._consult
        if consult is None or consult.asked is not leg:
            return None
        self._consult = None
        self._call.stop_timer(_CONSULT)
        return consult

    def _is_question(self, leg: Leg) -> bool:
        """What is under way on this leg is our question for video."""
        return leg is self._call.caller and self.escalation.asking

    def _legs(self) -> list[Leg]:
        call = self._call
        return [leg for leg in (call.caller, call.centre, *call.seats.values()) if leg is not None]


def _change(old: Session, old_index: int, new: Session, new_index: int) -> Change:
    return audio_change(old.media[old_index], new.media[new_index], old, new)


def _wish(offer: Session, index: int) -> str:
    """What the audio of an offer wants, in plain words."""
    wishes = {"sendonly": "hold", "inactive": "hold without music", "recvonly": "listen only", "sendrecv": "talk"}
    return wishes[offer.flow_of(index)]


def _video_news(old: Plan | None, new: Plan) -> str:
    had, has = old is not None and old.video is not None, new.video is not None
    if had and not has:
        return "re-INVITE absorbed: the caller dropped video; the voice goes on"
    if has and not had:
        return "re-INVITE absorbed: the caller added video"
    return "re-INVITE absorbed: nothing in it concerns the centre"
