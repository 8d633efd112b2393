"""What was under way in a call when it was last looked at: beside its record, for the process that comes after.

A record holds a call at rest. What peers have asked meanwhile and were not answered is answered by the next process as
if it came again, and what we have said meanwhile is not said under the same number again.
"""

from __future__ import annotations

from dataclasses import field

from splitter.calls.talk.outline import OpenDialog
from splitter.calls.talk.outstanding import Outstanding
from splitter.calls.talk.state import Talk
from splitter.calls.talk.transfers import OpenReferral
from splitter.calls.talk.unfinished import Waiting
from splitter.core.frozen import frozen
from splitter.sdp.align import lengthened
from splitter.sdp.model import Session


@frozen
class Doubt:
    """What a record does not say.

    Attributes:
        requests: INVITEs and UPDATEs of peers that have no final response, those of seats which want to join included,
            and a BYE that nothing has come of yet.
        sent: by leg, the last description that we sent: the next one follows it (RFC 3264 §8).
        numbers: by leg, the CSeq number of our latest request.
        outstanding: messages of ours that their peers have not confirmed.
        answers_due: the transactions of 2xx of ours whose ACK has to answer an offer.
        at_rest: all else was agreed on; nobody has to be asked.
        referral: who is to be told that nothing comes of the transfer that it has asked for.
        unwanted: dialogs that have no place in the call yet, and get none any more.
    """

    requests: tuple[Waiting, ...] = ()
    sent: dict[str, Session] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    outstanding: tuple[Outstanding, ...] = ()
    answers_due: tuple[str, ...] = ()
    at_rest: bool = False
    referral: OpenReferral | None = None
    unwanted: tuple[OpenDialog, ...] = ()

    def follow_sent(self, talk: Talk) -> None:
        """Let what is sent next follow what was sent last.

        An offer that was open may have been accepted since: the next one has a line for each of its lines, off where
        nothing stands there (RFC 3264 §8).
        """
        for name, number in self.numbers.items():
            if (leg := talk.legs.get(name)) is not None and leg.dialog is not None:
                leg.dialog.local_cseq = max(leg.dialog.local_cseq, number)
        for name, session in self.sent.items():
            if (leg := talk.legs.get(name)) is None:
                continue
            terms = leg.terms
            if terms.sent != session:
                terms.note_sent(session)
            if not self.at_rest and terms.local is not None and terms.remote is not None:
                terms.local, terms.remote = lengthened(terms.local, session), lengthened(terms.remote, session)
