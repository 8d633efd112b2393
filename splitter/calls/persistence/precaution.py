"""What the next process must know is written down before it is said: what has changed in a call, and what must arrive.

Does no I/O of its own; `splitter.transport.departures.Ahead`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from splitter.calls.persistence.records import Records
from splitter.calls.talk.outstanding import GIVEN_UP_S, Outstanding, must_arrive
from splitter.core.clock import Clock
from splitter.sip.events import TransactionId, Transmit
from splitter.telemetry.trace import Recorder

MOST_REFUSALS = 100
"""So many INVITEs that became no call are known until the ACK to their refusal: strangers must not fill the store."""

LONGEST_NAME = 500
"""Characters of a transaction's name, which holds the branch and the host of a peer's Via."""


class Precaution:
    """Stands between the driver and the records.

    Args:
        recorder: knows which call a message belongs to.
    """

    def __init__(self, records: Records, recorder: Recorder, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._recorder = recorder
        self._refusals: set[TransactionId] = set()  # of INVITEs that became no call

    def note(self, transmit: Transmit) -> None:
        """A message is about to leave: from now on its call is not written down without it, if it must arrive."""
        if transmit.txn and must_arrive(transmit.message):  # without a transaction it is said once and never again
            self._note(transmit)
            if transmit.flow.reliable and transmit.message.cseq[1] == "UPDATE":
                # What no network loses and nobody confirms has arrived once it is sent; its transaction is over.
                asyncio.get_running_loop().call_soon(self.confirmed, transmit.txn)

    def give_up(self, invite: Transmit) -> None:
        """An INVITE of ours is cancelled, or will be; it is written down with whatever leaves or ends next."""
        self._note(invite)

    def write(self, leaving: Sequence[Transmit]) -> None:
        """Write down first what has changed in the calls of these messages."""
        places = (self._recorder.place_of(transmit.message) for transmit in leaving)
        self._records.write_ahead({call_id for call_id, _ in places if call_id})

    def confirmed(self, txn: TransactionId) -> None:
        """Nothing has to be repeated in this transaction any longer."""
        self._refusals.discard(txn)
        self._records.note_confirmed(txn)

    def _note(self, transmit: Transmit) -> None:
        if len(transmit.txn) > LONGEST_NAME or not transmit.txn.isascii():
            return  # a peer has chosen it, and it is no branch (RFC 3261 §8.1.1.7)
        call_id, leg = self._recorder.place_of(transmit.message)
        if not call_id and len(self._refusals) < MOST_REFUSALS:
            call_id = transmit.txn
            self._refusals.add(transmit.txn)
        if call_id:
            until = self._clock.wall() + GIVEN_UP_S
            one = Outstanding(leg, transmit.txn, transmit.flow, transmit.data, until)
            self._records.note_outstanding(call_id, one)
