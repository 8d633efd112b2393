"""Offers of our own in an answered call: a side is told what stands, such as our present ports, until it takes it.

Pure.
"""

from __future__ import annotations

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.flows.agreement import Agreement
from splitter.calls.flows.consult import Consultation
from splitter.calls.leg_events import OfferRefused, RefreshFailed
from splitter.calls.talk.commands import DrawPause, Note, Post, SendOffer, SendUpdate, SetAlarm, Steps
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.pending import Consult
from splitter.sdp.merge import in_sequence

_RETRY_LIMIT_S = 32.0
_UNUSABLE_LIMIT = 3  # in a row; who cannot make itself understood by then will not the next time


class OwnOffers:
    """Offers of our own to the legs of one call; `Exchange.owed` says which leg needs one."""

    def __init__(self, call: LiveCall, agreement: Agreement, consultation: Consultation) -> None:
        self._call = call
        self._agreement = agreement
        self._consultation = consultation

    def send_present(self, leg: LegFacts) -> Steps[None]:
        """Tell a side our present ports; what is negotiated stays."""
        call = self._call
        session = self._agreement.present_offer(leg)
        if not call.is_beside(leg):
            yield from self._consultation.begin(Consult(leg.key, own=True))
        if leg is call.caller and self._agreement.refuses_video and "UPDATE" in leg.allows:
            yield Note("UPDATE with what we have now: nobody need consent to that", leg.name)
            yield SendUpdate(leg.key, in_sequence(leg.terms.latest, session))
            return
        yield Note("re-INVITE with what we have now", leg.name)
        yield SendOffer(leg.key, in_sequence(leg.terms.latest, session))

    def note_taken(self, leg: LegFacts) -> None:
        """A leg took an offer of ours."""
        refused, unusable = self._call.talk.exchange.refused, self._call.talk.exchange.unusable
        refused.pop(leg.name, None)
        unusable.pop(leg.name, None)

    def on_unusable(self, leg: LegFacts) -> Steps[None]:
        """A leg took an offer of ours, but its answer is unknown: it may say it better next time.

        The offer is in force there; only what it wants, and where it is, is not known.
        """
        leg.terms.note_accepted()
        unusable = self._call.talk.exchange.unusable
        unusable[leg.name] = unusable.get(leg.name, 0) + 1
        if unusable[leg.name] < _UNUSABLE_LIMIT:
            yield SetAlarm(2.0 ** unusable[leg.name], Alarm(AlarmKind.OFFER_AGAIN, leg.name))
        else:
            yield Note("it is not asked again for an answer that can be used", leg.name, "alarm")

    def on_refused(self, event: OfferRefused) -> Steps[None]:
        """An offer of ours was refused: it is sent again, if not at once."""
        call, leg = self._call, self._call.leg_of(event)
        again = Alarm(AlarmKind.OFFER_AGAIN, leg.name)
        if event.status in (405, 501):
            call.owe(leg)  # it does not know UPDATE after all
        elif event.status == 491:
            yield SetAlarm((yield from DrawPause(leg.key)), again)
        elif event.status == 500 and event.retry_after_s is not None:
            yield SetAlarm(max(1.0, event.retry_after_s), again)  # an offer of its own is open (§14.2)
        else:
            yield Note("the peer does not know our new ports", leg.name, "alarm")
            yield Post(RefreshFailed(leg.key, event.status, event.reason))
            # Until it takes them there is no voice: what it refused now it may take in a while.
            refused = call.talk.exchange.refused
            refused[leg.name] = refused.get(leg.name, 0) + 1
            yield SetAlarm(min(2.0 ** refused[leg.name], _RETRY_LIMIT_S), again)

    def on_time_up(self, name: str) -> None:
        """Offer again to the leg of this name: it is time."""
        self._call.owe(*(leg for leg in self._call.sides if leg.name == name))
