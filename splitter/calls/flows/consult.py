"""One side of an answered call is asked what the other wants, and there is an outcome for who waits for it.

At most one side is asked at a time; an offer of our own takes its turn in the same way. Pure.
"""

from __future__ import annotations

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.leg_events import Cancelled, Offered, OfferWithdrawn
from splitter.calls.peers.causes import status_for_asker
from splitter.calls.talk.commands import DeclineOffer, Note, SendOffer, SetAlarm, Steps, StopAlarm, WithdrawOffer
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.pending import Consult
from splitter.sdp.merge import in_sequence
from splitter.sdp.model import Session
from splitter.sdp.offer_answer import check_reoffer

_LIMIT = Alarm(AlarmKind.CONSULT)


class Consultation:
    """The consultation of one side about what the other one offers."""

    def __init__(self, call: LiveCall) -> None:
        self._call = call

    @property
    def open(self) -> Consult | None:
        """The offer that is open; None while nobody is asked."""
        return self._call.pending.consult

    def begin(self, consult: Consult) -> Steps[None]:
        """Somebody is asked from now on, for a limited time."""
        self._call.pending.consult = consult
        yield SetAlarm(self._call.settings.consult_limit_s, _LIMIT)

    def ask(self, consult: Consult, offer: Session, wish: str) -> Steps[None]:
        """Relay an offer to the other side.

        Raises:
            PeerError: it would not be legal there, e.g. a payload type that stands for another codec on that leg.
        """
        asked = self._call.legs[consult.asked]
        offer = in_sequence(asked.terms.latest, offer)
        check_reoffer(asked.terms.latest, offer, asked.terms.ours)
        yield Note(f"re-INVITE relayed: {wish}", asked.name)
        yield from self.begin(consult)
        yield SendOffer(asked.key, offer)

    def finish(self, leg: LegFacts) -> Steps[Consult | None]:
        """The consultation that ended with this event, if it is the present one."""
        consult = self.open
        if consult is None or consult.asked != leg.key:
            return None
        self._call.pending.consult = None
        yield StopAlarm(_LIMIT)
        return consult

    def decline(self, consult: Consult, status: int, reason: str) -> Steps[None]:
        """Pass a refusal on. What says that a peer is gone never crosses: it would end the other leg too."""
        if consult.offered is None:
            return
        offered, consult.offered = consult.offered, None
        if offered.leg == self._call.pending.newcomer:
            self._call.pending.newcomer = ""
        told = status_for_asker(status)
        headers = [("Retry-After", "3")] if told == 500 else []
        yield DeclineOffer(offered.leg, offered.txn, told, reason, headers)

    def withdraw(self, event: OfferWithdrawn | Cancelled) -> Steps[None]:
        """The asker cancelled; so is our question, and if it was answered already the old state is offered again."""
        aside = self._call.pending.put_aside
        for offered in tuple(aside):
            if _is_of(event, offered):
                aside.remove(offered)
        consult = self.open
        if consult is not None and consult.offered is not None and _is_of(event, consult.offered):
            consult.offered, consult.withdrawn = None, True
            yield Note("the re-INVITE was withdrawn", self._call.leg_of(event).name)
            reason = event.reason if isinstance(event, OfferWithdrawn) else None
            yield WithdrawOffer(consult.asked, reason)

    def on_time_up(self) -> Steps[None]:
        """The side that is asked takes too long."""
        if self.open is None:
            return
        consult, limit_s = self.open, self._call.settings.consult_limit_s
        yield Note(f"no answer to our re-INVITE in {limit_s:.0f} s", self._call.legs[consult.asked].name)
        yield from self.decline(consult, 500, "the other side does not answer")
        consult.withdrawn = True
        yield WithdrawOffer(consult.asked)


def _is_of(event: OfferWithdrawn | Cancelled, offered: Offered) -> bool:
    """True for the offer that was taken back; a leg that has cancelled its INVITE takes back whatever it offered."""
    return offered.txn == event.txn if isinstance(event, OfferWithdrawn) else offered.leg == event.leg
