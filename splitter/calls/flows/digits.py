"""A digit that one side sends in INFO reaches the other side, once and in one way (docs/decisions/0006-digits.md)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.audio import CALLER, CENTRE
from splitter.calls.call import Call
from splitter.calls.digits import event_format, key_of
from splitter.calls.events import DigitInserted, DigitPressed
from splitter.calls.jobs import FAULT
from splitter.calls.legs.port import Leg
from splitter.calls.states import LegState
from splitter.core.errors import MediaError, PeerError
from splitter.rtp.telephone_event import Digit
from splitter.sdp.split import audio_line

# The other side has read the INFO and wants none: it did not take the digit.
_NOT_TAKEN = frozenset({405, 415, 469, 489, 501})
_WAITING = Alarm(AlarmKind.DIGITS)
_PATIENCE_S = 5.0  # a digit that comes later would be a surprise; see rtp/telephone_event.py


def pass_digit(call: Call, event: DigitPressed) -> None:
    """As INFO where the other side allows it, else in the voice, else not at all: then the sender gets 415.

    While the other side has not answered it may be able to take neither: then the digit waits a moment for that.
    """
    leg = call.leg_of(event)
    if leg is not call.caller and leg is not call.centre:
        leg.reply_info(event.txn, 415, "digits concern the caller and the centre")
    elif any(call.leg_of(waiting) is leg for waiting in call.pending.digits) or not _pass(call, event):
        if not call.pending.digits:
            call.after(_PATIENCE_S, _WAITING)
        call.pending.digits.append(event)


def pass_waiting(call: Call) -> None:
    """The other side may be able to take now what waits for its answer."""
    stays: set[Leg] = set()
    for event in tuple(call.pending.digits):
        if call.leg_of(event) not in stays and (call.leg_of(event).state is LegState.ENDED or _pass(call, event)):
            call.pending.digits.remove(event)
        else:
            stays.add(call.leg_of(event))
    if not call.pending.digits:
        call.stop_timer(_WAITING)


def on_digits_late(call: Call) -> None:
    """Digits have waited for long enough."""
    while call.pending.digits:
        event = call.pending.digits.popleft()
        call.leg_of(event).reply_info(event.txn, 500, "the other side has not answered yet")


def _pass(call: Call, event: DigitPressed) -> bool:
    """False where the other side cannot take a digit yet."""
    other = call.centre if call.leg_of(event) is call.caller else call.caller
    if other is None:
        return False
    if other.takes_info and not other.infos.refused:
        _relay(call, event, other)
        return True
    try:
        key, format = key_of(event.request), _format(call, other)
        if format is None and (other.state is LegState.EARLY or other.terms.remote is None):
            return False
        if format is None:
            raise PeerError("the other side takes no digits", 415)
        call.jobs.start(
            "digits",
            partial(_insert, call, event, other, key.as_event(format)),
            DigitInserted(event, other.name, FAULT),
        )
    except PeerError as error:
        call.leg_of(event).reply_info(event.txn, error.status, error.reason)
    return True


def _relay(call: Call, event: DigitPressed, other: Leg) -> None:
    def answered(status: int) -> None:
        # 481 before the answer: it knows no requests in early dialogs.
        if status in _NOT_TAKEN or (status == 481 and other.state is LegState.EARLY):
            other.infos.note_refused()
            call.post(replace(event))  # it goes in the voice
        else:
            # What says that a peer is gone never crosses: 481 to an INFO would end the sender's call (RFC 5057 §5.1).
            call.leg_of(event).reply_info(event.txn, 200 if status < 300 else 500)

    call.note("digit passed on as INFO", other.name)
    other.send_info(event.request.headers.get("content-type") or "", event.request.body, answered)


async def _insert(call: Call, event: DigitPressed, other: Leg, digit: Digit) -> DigitInserted:
    try:
        await call.audio.send_digit(CALLER if other is call.caller else CENTRE, digit)
    except MediaError as error:
        return DigitInserted(event, other.name, str(error))
    return DigitInserted(event, other.name)


def on_digit_inserted(call: Call, event: DigitInserted) -> None:
    """Tell the sender of a digit what became of it."""
    leg, txn = call.leg_of(event.pressed), event.pressed.txn
    if event.fault:
        call.note(f"a digit was lost: {event.fault}", leg.name, "alarm")
        leg.reply_info(txn, 500, "no media resources")
    else:
        call.note("digit passed on as telephone event", event.other)
        leg.reply_info(txn, 200)


def _format(call: Call, other: Leg) -> tuple[int, int] | None:
    """How this side takes telephone events now."""
    if not call.audio.takes_digits:
        return None
    if other.terms.local is None or other.terms.remote is None or call.talk.plan is None:
        return None
    index = call.talk.plan.audio if other is call.caller else audio_line(other.terms.remote)
    return event_format(other.terms.local.media[index], other.terms.remote.media[index])
