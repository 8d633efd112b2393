"""The actor of a call: carries out the commands of its steps, one by one, and runs them from the answer to the end.

What takes time is a job; its end is an event in the inbox. See `talk.commands` for what each command means.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, TypeVar

import structlog

from splitter.calls.call import Call
from splitter.calls.events import DigitPassed
from splitter.calls.flows import converse as flow
from splitter.calls.media_jobs import carry_out_media
from splitter.calls.talk import commands as c
from splitter.calls.talk.leg import Opener
from splitter.calls.talk.media_commands import MediaCommand
from splitter.calls.view import Notice
from splitter.core.text import plain
from splitter.sdp.model import Origin
from splitter.telemetry import metrics

log = structlog.get_logger(__name__)

R = TypeVar("R")

_OWNER_LEAST_MS, _OWNER_SPREAD_MS, _OTHER_SPREAD_MS = 2100, 1900, 2000  # RFC 3261 §14.1
_COUNTERS = {
    c.Counted.BINDINGS: metrics.BINDINGS,
    c.Counted.WEBRTC_JOINS: metrics.WEBRTC_JOINS,
    c.Counted.VIDEO_QUESTIONS: metrics.VIDEO_QUESTIONS,
}


async def converse(call: Call, *, answered: bool = True) -> None:
    """Run an answered call to its end.

    Args:
        answered: it has been answered just now; False for one that goes on, such as after a restart.
    """
    if answered:
        carry_out(call, flow.begin(call.live))
    carry_out(call, flow.carry_on(call.live))
    while not call.live.over:
        carry_out(call, flow.step(call.live, await call.next()))
    carry_out(call, flow.finish(call.live))


def carry_out(call: Call, steps: c.Steps[R] | c.Command[R]) -> R:
    """Carry out each command as it is given, so that the step goes on with what came of it. Returns: its result.

    What cannot be carried out is raised in the step, at the command.
    """
    running = iter(steps)
    call.live.now = call.services.clock.now()
    call.live.takes_digits = call.audio.takes_digits
    try:
        command = next(running)
        while True:
            try:
                reply = carry_out_media(command, call) if isinstance(command, MediaCommand) else _perform(command, call)
            except Exception as error:
                command = running.throw(error)
            else:
                command = running.send(reply)
    except StopIteration as end:
        result: R = end.value
        return result


@singledispatch
def _perform(command: c.Command[Any], call: Call) -> Any:
    raise TypeError(f"nobody carries out {type(command).__name__}")


# ---- to the peers ------------------------------------------------------------------------------------------------


@_perform.register
def _(command: c.SendOffer, call: Call) -> None:
    call.by_key(command.leg).offer(command.session)


@_perform.register
def _(command: c.SendUpdate, call: Call) -> None:
    call.by_key(command.leg).update(command.session)


@_perform.register
def _(command: c.WithdrawOffer, call: Call) -> None:
    call.by_key(command.leg).withdraw_offer(command.reason)


@_perform.register
def _(command: c.AnswerOffer, call: Call) -> bool:
    return call.by_key(command.leg).answer(command.txn, command.session)


@_perform.register
def _(command: c.DeclineOffer, call: Call) -> None:
    call.by_key(command.leg).decline(command.txn, command.status, command.reason, command.headers)


@_perform.register
def _(command: c.SendBye, call: Call) -> None:
    call.by_key(command.leg).bye(command.headers)


@_perform.register
def _(command: c.EndDialogs, call: Call) -> None:
    call.end_dialogs(command.headers)


@_perform.register
def _(command: c.AcceptInvite, call: Call) -> bool:
    leg = call.by_key(command.leg)
    if not leg.cancelled:
        leg.accept(command.session)
    return not leg.cancelled


@_perform.register
def _(command: c.RefuseInvite, call: Call) -> None:
    call.by_key(command.leg).refuse(command.status, command.reason, command.headers)


@_perform.register
def _(command: c.RingInvite, call: Call) -> None:
    call.by_key(command.leg).ring(180, "Ringing", "")


@_perform.register
def _(command: c.RingAgain, call: Call) -> None:
    call.arrived.ring_again()


@_perform.register
def _(command: c.InstallNewcomer, call: Call) -> str:
    return call.install_newcomer().key


@_perform.register
def _(command: c.RememberLeg, call: Call) -> None:
    call.talk.remember(call.by_key(command.leg).view())


@_perform.register
def _(command: c.RefreshSession, call: Call) -> bool:
    return call.by_key(command.leg).refresh()


@_perform.register
def _(command: c.RefreshLater, call: Call) -> None:
    call.by_key(command.leg).timer.again(command.delay_s)


@_perform.register
def _(command: c.AskKeyFrame, call: Call) -> bool:
    return call.by_key(command.leg).ask_key_frame()


@_perform.register
def _(command: c.PassInfo, call: Call) -> None:
    request, pressed, other, post = command.pressed.request, command.pressed, command.leg, call.post

    def answered(status: int) -> None:
        post(DigitPassed(pressed, other, status))

    call.by_key(other).send_info(request.headers.get("content-type") or "", request.body, answered)


@_perform.register
def _(command: c.AnswerInfo, call: Call) -> None:
    call.by_key(command.leg).reply_info(command.txn, command.status, command.reason)


# ---- to people ---------------------------------------------------------------------------------------------------


@_perform.register
def _(command: c.Note, call: Call) -> None:
    call.note(command.words, command.leg, command.kind)


@_perform.register
def _(command: c.Notify, call: Call) -> None:
    call.note(command.words, command.party)
    notice = Notice(call.talk.call_id, command.code, plain(command.words), command.party, plain(command.extension))
    call.services.bus.publish(notice)


@_perform.register
def _(command: c.Tell, call: Call) -> None:
    call.tell()


@_perform.register
def _(command: c.Count, call: Call) -> None:
    if command.what is c.Counted.SEATS_JOINED:
        metrics.SEATS_JOINED.inc(command.by)
    else:
        _COUNTERS[command.what].labels(command.label).inc(command.by)


@_perform.register
def _(command: c.Log, call: Call) -> None:
    about = {"call_id": call.talk.call_id, **command.about}
    if command.error is not None:
        log.error(command.words, exc_info=command.error, **about)
    else:
        log.info(command.words, **about)


@_perform.register
def _(command: c.WarnOfStranger, call: Call) -> None:
    trunk, source, named = command.trunk, command.source, command.named
    if call.services.strangers.heard(trunk, source, call.live.now):
        log.warning("media not taken", call_id=call.talk.call_id, trunk=trunk, source=source, sdp=named)


@_perform.register
def _(command: c.AnswerAsk, call: Call) -> None:
    command.asked.answer(command.value)


@_perform.register
def _(command: c.DenyAsk, call: Call) -> None:
    command.asked.deny(command.status, command.code, command.words)


# ---- time, chance, and what others know --------------------------------------------------------------------------


@_perform.register
def _(command: c.SetAlarm, call: Call) -> None:
    call.after(command.delay_s, command.alarm)


@_perform.register
def _(command: c.StopAlarm, call: Call) -> None:
    call.stop_timer(command.alarm)


@_perform.register
def _(command: c.Post, call: Call) -> None:
    call.post(command.event)


@_perform.register
def _(command: c.DrawPause, call: Call) -> float:
    number = call.services.ids.number
    if call.by_key(command.leg).record.opener is Opener.US:
        return (_OWNER_LEAST_MS + number(_OWNER_SPREAD_MS)) / 1000
    return number(_OTHER_SPREAD_MS) / 1000


@_perform.register
def _(command: c.MakeOrigin, call: Call) -> Origin:
    return call.origin(command.network, command.transport)


@_perform.register
def _(command: c.JudgeLoad, call: Call) -> str:
    return call.services.admission.video_fault()


@_perform.register
def _(command: c.LookUpDesk, call: Call) -> bool:
    return call.services.desks.online(command.extension)
