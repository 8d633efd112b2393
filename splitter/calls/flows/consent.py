"""A desk wants into a call that is another desk's: that one admits or denies it. Beside the voice, in any state.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.asks import Admit, Asked, AskIn, Denial, Dismiss, HandOver
from splitter.calls.consent import ASK_LIMIT_S, MOST_ADMITTED, MOST_ASKING, MOST_RINGING
from splitter.calls.events import SeatArrived
from splitter.calls.flows.belonging import give_to
from splitter.calls.talk.commands import (
    AnswerAsk,
    Notify,
    RefuseInvite,
    RingInvite,
    SetAlarm,
    Steps,
    StopAlarm,
    Tell,
)
from splitter.calls.talk.live import LiveCall

Enter = Callable[[LiveCall, SeatArrived], Steps[None]]
"""Lets a SIP seat that waited come in; see `flows.seats.join_seat`."""


def may_enter(call: LiveCall, extension: str, by_rule: bool) -> bool:
    """True for a desk that need not ask: the call is its own or nobody's, it was let in, or it is in already.

    Args:
        by_rule: the configuration lets it into every call.
    """
    if by_rule or not call.talk.extension:
        return True
    if not extension:
        return False
    inside = any(party.desk.extension == extension and party.kind.is_desk for party in call.talk.parties.all())
    return inside or extension == call.talk.extension or extension in call.talk.admitted


def hand_over(call: LiveCall, asked: Asked, ask: HandOver) -> Steps[None]:
    """Make another desk the host: those who are in the picture stay, the former host among them."""
    talk, former = call.talk, call.talk.extension
    if ask.extension == former:
        raise Denial(409, "bound-already", "that desk is the host already")
    there = [party for party in talk.parties.all() if party.desk.extension == ask.extension]
    if not ask.takes and not any(party.kind.is_desk for party in there):
        raise Denial(409, "not-in-call", "only a desk that is in the video can be made the host")
    admitted = frozenset((*talk.admitted, former)) - {ask.extension, ""}
    yield from give_to(call, ask.extension, "client", admitted)
    yield Notify("taken-over" if ask.takes else "handed-over", f"{ask.extension} is the host, by {ask.by}")
    yield Tell()
    yield AnswerAsk(asked)


def ask_in(call: LiveCall, asked: Asked, ask: AskIn) -> Steps[None]:
    """Put the question to the desk that has the call."""
    if may_enter(call, ask.extension, ask.by_rule):
        raise Denial(409, "may-enter", "nobody has to be asked: join the call")
    yield from _put_question(call, ask.extension)
    yield AnswerAsk(asked)


def ring_seat(call: LiveCall, event: SeatArrived) -> Steps[None]:
    """A SIP seat asks by its INVITE, and hears it ring until there is an answer."""
    if not event.extension or call.pending.ringing >= MOST_RINGING:
        yield RefuseInvite(event.leg, 403, "the call is another desk's")
        return
    try:
        yield from _put_question(call, event.extension)
    except Denial as denial:
        yield RefuseInvite(event.leg, 486, str(denial))
        return
    call.pending.asking[event.extension].append(event)
    call.pending.arriving.append(event.leg)  # a CANCEL finds it there
    yield RingInvite(event.leg)


def admit_desk(call: LiveCall, asked: Asked, ask: Admit, enter: Enter) -> Steps[None]:
    """Let a desk in, whether it has asked or not."""
    if len(call.talk.admitted) >= MOST_ADMITTED:
        raise Denial(409, "full", "as many desks as can be were let into the call")
    waiting = yield from _end_question(call, ask.extension)
    call.talk.admitted.add(ask.extension)
    yield Notify("join-admitted", f"{ask.extension} may join the call, by {ask.by}", extension=ask.extension)
    yield Tell()
    yield from _let_in(call, waiting, enter)
    yield AnswerAsk(asked)


def dismiss_desk(call: LiveCall, asked: Asked, ask: Dismiss) -> Steps[None]:
    """Say no to a desk that asks, or take back what it was allowed; who asked may take that back itself."""
    extension = ask.extension
    if extension not in call.pending.asking and extension not in call.talk.admitted:
        raise Denial(404, "no-such-ask", f"{extension[:40]} neither asks to join nor may")
    waiting = yield from _end_question(call, extension)
    call.talk.admitted.discard(extension)
    for event in waiting:
        yield from _turn_away(call, event, 603, "the desk that has the call said no")
    if ask.own:
        yield Notify("join-withdrawn", f"{extension} no longer asks to join", extension=extension)
    else:
        yield Notify("join-denied", f"{extension} may not join the call, by {ask.by}", extension=extension)
    yield Tell()
    yield AnswerAsk(asked)


def on_unanswered(call: LiveCall, extension: str) -> Steps[None]:
    """Turn away a desk that has asked to be let in, for nobody has answered."""
    for waiting in (yield from _end_question(call, extension)):
        yield from _turn_away(call, waiting, 480, "nobody has answered whether it may join")
    text = f"nobody has answered in {ASK_LIMIT_S:.0f} s whether {extension} may join"
    yield Notify("join-unanswered", text, extension=extension)
    yield Tell()


def passed_on(call: LiveCall, enter: Enter) -> Steps[None]:
    """The call is another desk's now: who asked may be the one that has it."""
    if call.talk.extension in call.pending.asking:
        yield from _let_in(call, (yield from _end_question(call, call.talk.extension)), enter)


def forget_ringing(call: LiveCall, leg_name: str) -> Steps[None]:
    """A SIP seat has hung up while it rang; the question goes with the last one of its extension."""
    for extension, waiting in tuple(call.pending.asking.items()):
        left = [event for event in waiting if event.leg != leg_name]
        if len(left) == len(waiting):
            continue
        call.pending.asking[extension] = left
        if not left:
            yield from _end_question(call, extension)
            yield Notify("join-withdrawn", f"{extension} no longer asks to join", extension=extension)
            yield Tell()


def _put_question(call: LiveCall, extension: str) -> Steps[None]:
    if extension in call.pending.asking:
        return
    if len(call.pending.asking) >= MOST_ASKING:
        raise Denial(429, "too-many", "too many desks ask to join this call")
    call.pending.asking[extension] = []
    yield SetAlarm(ASK_LIMIT_S, Alarm(AlarmKind.ADMISSION, extension))
    yield Tell()
    yield Notify("join-asked", f"{extension} asks to join the call", extension=extension)


def _end_question(call: LiveCall, extension: str) -> Steps[list[SeatArrived]]:
    yield StopAlarm(Alarm(AlarmKind.ADMISSION, extension))
    return call.pending.asking.pop(extension, [])


def _let_in(call: LiveCall, waiting: list[SeatArrived], enter: Enter) -> Steps[None]:
    for event in waiting:
        if event.leg in call.pending.arriving:
            call.pending.arriving.remove(event.leg)
            yield from enter(call, event)


def _turn_away(call: LiveCall, event: SeatArrived, status: int, reason: str) -> Steps[None]:
    if event.leg in call.pending.arriving:
        call.pending.arriving.remove(event.leg)
        yield RefuseInvite(event.leg, status, reason)
