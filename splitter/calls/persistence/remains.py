"""What a call leaves to the process that comes after this one. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from splitter.calls.legs.kinds import AnyLeg
from splitter.calls.persistence.frame import RecordKind, framed
from splitter.calls.states import Side
from splitter.calls.talk import unfinished
from splitter.calls.talk.doubt import Doubt
from splitter.calls.talk.outline import OpenDialog, Outline
from splitter.calls.talk.outstanding import Outstanding
from splitter.calls.talk.pending import Pending
from splitter.calls.talk.record import written
from splitter.calls.talk.state import Talk
from splitter.calls.talk.transfers import OpenReferral
from splitter.calls.talk.unfinished import Unfinished


def record_of(talk: Talk, legs: Mapping[str, AnyLeg]) -> bytes:
    """An answered call, as a record."""
    return framed(RecordKind.CALL, written(talk), written(Outline(_dialogs_of(talk, legs))))


class UnansweredRecord:
    """The record of a call that is not answered yet; made anew once one of its INVITEs or dialogs is another."""

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self._of: tuple[object, ...] = ()
        self._record: bytes | None = None

    def look(self, arrived: AnyLeg, dialled: AnyLeg | None) -> bytes | None:
        """The record now; None for a call that is answered.

        Args:
            arrived: the leg that it began with. dialled: the one that we have called for it, if there is one.
        """
        if (waiting := arrived.uncalled()) is None:
            self._of, self._record = (), None
            return None
        sent = dialled.calling() if dialled is not None else None
        answered = dialled.open_dialog() if dialled is not None else None
        if self._of != (of := (waiting, sent, answered)):
            (came, tag), dialogs = waiting, () if answered is None else (answered,)
            caller, centre = (came, sent) if arrived.name == Side.CALLER else (sent, came)
            left = Unfinished(self._call_id, caller, tag, centre, arrived.name, dialogs)
            self._of, self._record = of, framed(RecordKind.UNFINISHED, unfinished.written(left))
        return self._record


def placed_of(talk: Talk, legs: Mapping[str, AnyLeg]) -> bytes | None:
    """A call that we have begun, and that not both sides have answered; None before anybody was called."""
    present = [legs[key] for key in (talk.centre, talk.caller) if key in legs]
    dialogs = tuple(dialog for leg in present if (dialog := leg.open_dialog()) is not None)
    called = [(leg, waiting) for leg in present if (waiting := leg.calling()) is not None]
    outstanding = tuple(Outstanding(leg.name, "", one.flow, one.invite) for leg, one in called)
    if not dialogs and not outstanding:
        return None
    left = Unfinished(talk.call_id, near=Side.CENTRE.value, dialogs=dialogs, outstanding=outstanding)
    return framed(RecordKind.UNFINISHED, unfinished.written(left))


def doubt_of(
    talk: Talk, pending: Pending, legs: Mapping[str, AnyLeg], outstanding: Sequence[Outstanding], at_rest: bool
) -> bytes:
    """A note of what is under way in a call; see `Doubt`."""
    present = [legs[record.key] for record in talk.legs.values()]
    calling = [leg.uncalled() for leg in legs.values()]  # before its event is read, nothing but its leg is known of one
    requests = tuple(request for leg in present for request in leg.unanswered())
    requests += tuple(one[0] for one in calling if one is not None and one[0] is not None)
    sent = {leg.name: leg.terms.sent for leg in present if leg.terms.sent is not None}
    numbers = {leg.name: leg.record.dialog.local_cseq for leg in present if leg.record.dialog is not None}
    due = tuple(txn for leg in present if (txn := leg.answer_due))
    outstanding = (*outstanding, *_called(pending, legs))
    referral, unwanted = _transfer_of(pending, legs)
    return written(Doubt(requests, sent, numbers, outstanding, due, at_rest, referral, unwanted))


def _called(pending: Pending, legs: Mapping[str, AnyLeg]) -> Iterator[Outstanding]:
    """Our INVITEs that nobody has answered, to phones and to whom the call is handed: the next process cancels them."""
    transfer = pending.transfer
    called = [(name, phone.leg) for name, phone in pending.calling.items()]
    for name, key in (*called, *(((transfer.name, transfer.leg),) if transfer is not None else ())):
        if (leg := legs.get(key)) is not None and (waiting := leg.calling()) is not None:
            yield Outstanding(name, "", waiting.flow, waiting.invite)


def _transfer_of(pending: Pending, legs: Mapping[str, AnyLeg]) -> tuple[OpenReferral | None, tuple[OpenDialog, ...]]:
    """The remains of a transfer: who asked for it, and whom it has reached."""
    if (transfer := pending.transfer) is None or transfer.alone:
        return None, ()
    by, leg = legs.get(transfer.by), legs.get(transfer.leg)
    told = by is not None and transfer.referral.told
    dialog = leg.open_dialog() if leg is not None else None
    return (
        OpenReferral(by.name, transfer.referral.subscription) if told and by is not None else None,
        () if dialog is None else (dialog,),
    )


def _dialogs_of(talk: Talk, legs: Mapping[str, AnyLeg]) -> tuple[OpenDialog, ...]:
    dialogs = (legs[record.key].open_dialog() for record in talk.legs.values())
    return tuple(dialog for dialog in dialogs if dialog is not None)
