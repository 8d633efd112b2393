"""One side of an answered call is asked what the other wants, and there is an outcome for who waits for it.

At most one side is asked at a time; an offer of our own takes its turn in the same way.
"""

from __future__ import annotations

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.call import Call
from splitter.calls.causes import status_for_asker
from splitter.calls.events import OfferWithdrawn
from splitter.calls.legs.port import Leg
from splitter.calls.talk.pending import Consult
from splitter.sdp.merge import in_sequence
from splitter.sdp.model import Session
from splitter.sdp.offer_answer import check_reoffer

_LIMIT = Alarm(AlarmKind.CONSULT)


class Consultation:
    """The consultation of one side about what the other one offers."""

    def __init__(self, call: Call) -> None:
        self._call = call

    @property
    def open(self) -> Consult | None:
        """The offer that is open; None while nobody is asked."""
        return self._call.pending.consult

    def begin(self, consult: Consult) -> None:
        """Somebody is asked from now on, for a limited time."""
        self._call.pending.consult = consult
        self._call.after(self._call.services.settings.consult_limit_s, _LIMIT)

    def ask(self, consult: Consult, offer: Session, wish: str) -> None:
        """Relay an offer to the other side.

        Raises:
            PeerError: it would not be legal there, e.g. a payload type that stands for another codec on that leg.
        """
        offer = in_sequence(consult.asked.terms.latest, offer)
        check_reoffer(consult.asked.terms.latest, offer, consult.asked.terms.ours)
        self._call.note(f"re-INVITE relayed: {wish}", consult.asked.name)
        self.begin(consult)
        consult.asked.offer(offer)

    def finish(self, leg: Leg) -> Consult | None:
        """The consultation that ended with this event, if it is the present one."""
        consult = self.open
        if consult is None or consult.asked is not leg:
            return None
        self._call.pending.consult = None
        self._call.stop_timer(_LIMIT)
        return consult

    def decline(self, consult: Consult, status: int, reason: str) -> None:
        """Pass a refusal on. What says that a peer is gone never crosses: it would end the other leg too."""
        if consult.offered is None:
            return
        offered, consult.offered = consult.offered, None
        if self._call.leg_of(offered) is self._call.pending.newcomer:
            self._call.pending.newcomer = None
        told = status_for_asker(status)
        self._call.leg_of(offered).decline(offered.txn, told, reason, [("Retry-After", "3")] if told == 500 else [])

    def put_back(self, consult: Consult) -> None:
        """The asked side accepted what is not wanted any more, or cannot be used: the state before is offered to it."""
        consult.asked.terms.local = consult.before
        self._call.owe(consult.asked)

    def withdraw(self, event: OfferWithdrawn) -> None:
        """The asker cancelled; so is our question, and if it was answered already the old state is offered again."""
        aside = self._call.pending.put_aside
        for offered in tuple(aside):
            if offered.txn == event.txn:
                aside.remove(offered)
        consult = self.open
        if consult is not None and consult.offered is not None and consult.offered.txn == event.txn:
            consult.offered, consult.withdrawn = None, True
            self._call.note("the re-INVITE was withdrawn", self._call.leg_of(event).name)
            consult.asked.withdraw_offer(event.reason)

    def on_time_up(self) -> None:
        """The side that is asked takes too long."""
        if self.open is None:
            return
        consult, limit_s = self.open, self._call.services.settings.consult_limit_s
        self._call.note(f"no answer to our re-INVITE in {limit_s:.0f} s", consult.asked.name)
        self.decline(consult, 500, "the other side does not answer")
        consult.withdrawn = True
        consult.asked.withdraw_offer()
