"""A digit that one side sends in INFO reaches the other side, once and in one way (docs/decisions/0006-digits.md)."""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.audio import CALLER, CENTRE
from splitter.calls.call import Call
from splitter.calls.digits import event_format, key_of
from splitter.calls.events import DigitPressed
from splitter.calls.legs.leg import Leg
from splitter.core.errors import MediaError, PeerError
from splitter.rtp.telephone_event import Digit
from splitter.sdp.split import audio_line

# The other side has read the INFO and wants none: it did not take the digit.
_NOT_TAKEN = frozenset({405, 415, 469, 489, 501})


async def pass_digit(call: Call, event: DigitPressed) -> None:
    """As INFO where the other side allows it, else in the voice, else not at all: then the sender gets 415."""
    other = _other(call, event.leg)
    if other is None:
        event.leg.reply_info(event.txn, 415, "digits concern the caller and the centre")
    elif other.state == "confirmed" and "INFO" in other.allows and not other.infos.refused:
        _relay(call, event, other)
    else:
        try:
            await _insert(call, event, other)
        except PeerError as error:
            event.leg.reply_info(event.txn, error.status, error.reason)
        except MediaError as error:
            call.note(f"a digit was lost: {error}", event.leg.name, "alarm")
            event.leg.reply_info(event.txn, 500, "no media resources")


def _other(call: Call, leg: Leg) -> Leg | None:
    if leg is call.caller:
        return call.centre
    return call.caller if leg is call.centre else None


def _relay(call: Call, event: DigitPressed, other: Leg) -> None:
    def answered(status: int) -> None:
        if status in _NOT_TAKEN:
            other.infos.refused = True
            call.post(replace(event))  # it goes in the voice
        else:
            # What says that a peer is gone never crosses: 481 to an INFO would end the sender's call (RFC 5057 §5.1).
            event.leg.reply_info(event.txn, 200 if status < 300 else 500)

    call.note("digit passed on as INFO", other.name)
    other.infos.inform(event.request.headers.get("content-type") or "", event.request.body, answered)


async def _insert(call: Call, event: DigitPressed, other: Leg) -> None:
    key, format = key_of(event.request), _format(call, other)
    if format is None or call.audio is None:
        raise PeerError("the other side takes no digits", 415)
    digit: Digit = key.as_event(format)
    await call.audio.send_digit(CALLER if other is call.caller else CENTRE, digit)
    call.note("digit passed on as telephone event", other.name)
    event.leg.reply_info(event.txn, 200)


def _format(call: Call, other: Leg) -> tuple[int, int] | None:
    """How this side takes telephone events now."""
    if other.local is None or other.remote is None or call.plan is None:
        return None
    index = call.plan.audio if other is call.caller else audio_line(other.remote)
    return event_format(other.local.media[index], other.remote.media[index])
