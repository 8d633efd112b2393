"""The actor of a call: carries out the commands of its steps, one by one, and runs them from the answer to the end.

What takes time is a job; its end is an event in the inbox. See `talk.commands` for what each command means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from splitter.calls.call import Call
from splitter.calls.events import CallEvent, DigitPassed
from splitter.calls.flows.converse import Conversation
from splitter.calls.leg_events import DigitPressed
from splitter.calls.legs.kinds import AnyLeg
from splitter.calls.legs.leg import SipLeg
from splitter.calls.media_jobs import carry_out_in_room, carry_out_voice
from splitter.calls.recording.jobs import carry_out_record
from splitter.calls.show_jobs import carry_out_show
from splitter.calls.talk import commands as c
from splitter.calls.talk.leg import Opener
from splitter.calls.talk.media_commands import RoomCommand, ShowCommand, VoiceCommand
from splitter.calls.talk.phone_commands import PhoneCommand
from splitter.calls.talk.recording_commands import RecordCommand
from splitter.calls.telling import tell_people

R = TypeVar("R")

_OWNER_LEAST_MS, _OWNER_SPREAD_MS, _OTHER_SPREAD_MS = 2100, 1900, 2000  # RFC 3261 §14.1


async def converse(call: Call, *, answered: bool = True) -> None:
    """Run an answered call to its end.

    Args:
        answered: it has been answered just now; False for one that goes on, such as after a restart.
    """
    conversation = Conversation(call.live)
    if answered:
        carry_out(call, conversation.begin())
    carry_out(call, conversation.carry_on())
    while not call.talk.end_reason:
        carry_out(call, conversation.step(await call.next()))
    carry_out(call, conversation.finish())


def carry_out(call: Call, steps: c.Steps[R] | c.Command[R]) -> R:
    """Carry out each command as it is given, so that the step goes on with what came of it. Returns: its result.

    What cannot be carried out is raised in the step, at the command.
    """
    running = iter(steps)
    call.live.now = call.services.clock.now()
    call.live.recorded = call.services.recordings.settings
    try:
        command = next(running)
        while True:
            try:
                reply = _perform(command, call)
            except Exception as error:
                command = running.throw(error)
            else:
                command = running.send(reply)
    except StopIteration as end:
        result: R = end.value
        return result


def _perform(command: c.Command[Any], call: Call) -> Any:
    """Carry one command out, or begin to. Returns: its reply."""
    match command:
        case c.LegCommand():
            return _on_leg(command, call.legs.by_key(command.leg), call)
        case c.PeopleCommand():
            tell_people(command, call)
        case PhoneCommand():
            return call.legs.carry_out(command)
        case VoiceCommand():
            return carry_out_voice(command, call.audio)
        case RoomCommand():
            carry_out_in_room(command, call)
        case ShowCommand():
            carry_out_show(command, call)
        case RecordCommand():
            carry_out_record(command, call)
        case _:
            return _on_call(command, call)


def _on_leg(command: c.LegCommand[Any], leg: AnyLeg, call: Call) -> Any:
    match command:
        case c.SendOffer():
            leg.offer(command.session)
        case c.SendUpdate():
            leg.update(command.session)
        case c.WithdrawOffer():
            leg.withdraw_offer(command.reason)
        case c.AnswerOffer():
            return leg.answer(command.txn, command.session)
        case c.DeclineOffer():
            leg.decline(command.txn, command.status, command.reason, command.headers)
        case c.SendBye():
            leg.bye(command.headers)
        case c.AcceptInvite():
            return leg.accept(command.session)
        case c.RefuseInvite():
            leg.refuse(command.status, command.reason, command.headers)
        case c.RingInvite():
            leg.ring(180, "Ringing", "")
        case c.RefreshSession():
            return leg.refresh()
        case c.AskKeyFrame():
            return leg.ask_key_frame()
        case c.PassInfo():
            _pass_info(command.pressed, leg, call.post)
        case c.AnswerInfo():
            leg.reply_info(command.txn, command.status, command.reason)
        case c.AnswerReferral() if isinstance(leg, SipLeg):
            leg.answer_referral(command.txn, command.status, command.reason)
        case c.TellReferral() if isinstance(leg, SipLeg):
            leg.tell_referral(command.subscription, command.status, command.reason)
        case c.DrawPause():
            return _pause_s(leg, call.services.ids.number)
        case _:
            raise _unknown(command)


def _on_call(command: c.Command[Any], call: Call) -> Any:
    match command:
        case c.SetAlarm():
            call.after(command.delay_s, command.alarm)
        case c.StopAlarm():
            call.stop_timer(command.alarm)
        case c.Post():
            call.post(command.event)
        case c.EndDialogs():
            call.legs.end(command.headers)
        case c.RingAgain():
            call.arrived.ring_again()
        case c.InstallNewcomer():
            return call.legs.install_newcomer().key
        case c.MakeOrigin():
            return call.origin(command.network, command.transport)
        case c.JudgeLoad():
            return call.services.admission.video_fault()
        case c.LookUpDesk():
            return call.services.desks.online(command.extension)
        case _:
            raise _unknown(command)


def _unknown(command: c.Command[Any]) -> TypeError:
    return TypeError(f"nobody carries out {type(command).__name__}")


def _pass_info(pressed: DigitPressed, other: AnyLeg, post: Callable[[CallEvent], None]) -> None:
    request, key = pressed.request, other.key

    def answered(status: int) -> None:
        post(DigitPassed(pressed, key, status))

    other.send_info(request.headers.get("content-type") or "", request.body, answered)


def _pause_s(leg: AnyLeg, number: Callable[[int], int]) -> float:
    if leg.record.opener is Opener.US:
        return (_OWNER_LEAST_MS + number(_OWNER_SPREAD_MS)) / 1000
    return number(_OTHER_SPREAD_MS) / 1000
