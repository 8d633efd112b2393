"""A digit that one side sends in INFO reaches the other side, once and in one way (docs/decisions/0006-digits.md).

Pure.
"""

from __future__ import annotations

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.events import DigitInserted, DigitPassed
from splitter.calls.leg_events import DigitPressed
from splitter.calls.peers.digits import event_format, key_of
from splitter.calls.states import LegState, Side
from splitter.calls.talk.commands import AnswerInfo, Note, PassInfo, SetAlarm, Steps, StopAlarm
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import InsertDigit
from splitter.core.errors import PeerError
from splitter.sdp.split import audio_line

# The other side has read the INFO and wants none: it did not take the digit.
_NOT_TAKEN = frozenset({405, 415, 469, 489, 501})
_WAITING = Alarm(AlarmKind.DIGITS)
_PATIENCE_S = 5.0  # a digit that comes later would be a surprise; see rtp/telephone_event.py


def pass_digit(call: LiveCall, event: DigitPressed) -> Steps[None]:
    """Pass a digit on as INFO, else in the voice, as the other side allows; else the sender gets 415.

    While the other side has not answered it may be able to take neither: then the digit waits a moment for that.
    """
    leg = call.leg_of(event)
    if leg is not call.caller and leg is not call.centre:
        yield AnswerInfo(leg.key, event.txn, 415, "digits concern the caller and the centre")
    elif any(waiting.leg == leg.key for waiting in call.pending.digits) or not (yield from _pass(call, event)):
        if not call.pending.digits:
            yield SetAlarm(_PATIENCE_S, _WAITING)
        call.pending.digits.append(event)


def pass_waiting(call: LiveCall) -> Steps[None]:
    """The other side may be able to take now what waits for its answer."""
    stays: set[str] = set()
    waited = tuple(call.pending.digits)
    for event in waited:
        ended = call.leg_of(event).state is LegState.ENDED
        if event.leg not in stays and (ended or (yield from _pass(call, event))):
            call.pending.digits.remove(event)
        else:
            stays.add(event.leg)
    if waited and not call.pending.digits:
        yield StopAlarm(_WAITING)


def on_digits_late(call: LiveCall) -> Steps[None]:
    """Digits have waited for long enough."""
    while call.pending.digits:
        event = call.pending.digits.popleft()
        yield AnswerInfo(event.leg, event.txn, 500, "the other side has not answered yet")


def _pass(call: LiveCall, event: DigitPressed) -> Steps[bool]:
    """False where the other side cannot take a digit yet."""
    other = call.centre if call.leg_of(event) is call.caller else call.caller
    if other is None:
        return False
    if other.takes_info and not other.record.refuses_digits:
        yield Note("digit passed on as INFO", other.name)
        yield PassInfo(other.key, event)
        return True
    try:
        key, format = key_of(event.request), _format(call, other)
        if format is None and (other.state is LegState.EARLY or other.terms.remote is None):
            return False
        if format is None:
            raise PeerError("the other side takes no digits", 415)
        side = Side.CALLER if other is call.caller else Side.CENTRE
        yield InsertDigit(side, other.name, key.as_event(format), event)
    except PeerError as error:
        yield AnswerInfo(event.leg, event.txn, error.status, error.reason)
    return True


def on_digit_passed(call: LiveCall, event: DigitPassed) -> Steps[None]:
    """The other side has answered an INFO with a digit."""
    pressed, other, status = event.pressed, call.legs.get(event.other), event.status
    # 481 before the answer: it knows no requests in early dialogs.
    early = other is not None and other.state is LegState.EARLY
    if status in _NOT_TAKEN or (status == 481 and early):
        if other is not None:
            other.record.refuses_digits = True
        yield from pass_digit(call, pressed)  # it goes in the voice
    else:
        # What says that a peer is gone never crosses: 481 to an INFO would end the sender's call (RFC 5057 §5.1).
        yield AnswerInfo(pressed.leg, pressed.txn, 200 if status < 300 else 500)


def on_digit_inserted(call: LiveCall, event: DigitInserted) -> Steps[None]:
    """Tell the sender of a digit what became of it."""
    leg, txn = call.leg_of(event.pressed), event.pressed.txn
    if event.fault:
        yield Note(f"a digit was lost: {event.fault}", leg.name, "alarm")
        yield AnswerInfo(leg.key, txn, 500, "no media resources")
    else:
        yield Note("digit passed on as telephone event", event.other)
        yield AnswerInfo(leg.key, txn, 200)


def _format(call: LiveCall, other: LegFacts) -> tuple[int, int] | None:
    """How this side takes telephone events now."""
    if not call.abilities.takes_digits:
        return None
    if other.terms.local is None or other.terms.remote is None or call.talk.plan is None:
        return None
    index = call.talk.plan.audio if other is call.caller else audio_line(other.terms.remote)
    return event_format(other.terms.local.media[index], other.terms.remote.media[index])
