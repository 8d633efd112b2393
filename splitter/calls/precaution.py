"""What the next process must know is written down before it is said: what has changed in a call, and what must arrive.

Does no I/O of its own; `splitter.transport.departures.Ahead`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from splitter.calls.records import Records
from splitter.calls.talk.outstanding import Outstanding, must_arrive
from splitter.sip.events import TransactionId, Transmit
from splitter.telemetry.trace import Recorder


class Precaution:
    """Stands between the driver and the records.

    Args:
        recorder: knows which call a message belongs to. What belongs to none is refused in the moment in which it came,
            and strangers must not fill the store.
    """

    def __init__(self, records: Records, recorder: Recorder) -> None:
        self._records = records
        self._recorder = recorder

    def note(self, transmit: Transmit) -> None:
        """A message is about to leave: from now on its call is not written down without it, if it must arrive."""
        if must_arrive(transmit.message):
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
        self._records.note_confirmed(txn)

    def _note(self, transmit: Transmit) -> None:
        call_id, leg = self._recorder.place_of(transmit.message)
        if call_id:
            self._records.note_outstanding(call_id, Outstanding(leg, transmit.txn, transmit.flow, transmit.data))
