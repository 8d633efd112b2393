"""Phones that are invited: what desks ask about them, and what those in the call do. The two who talk do not need them.

What a phone agrees on with us concerns nobody else. Its way in: `phone_way`; how it is connected: `mixing`. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.asks import (
    Asked,
    Denial,
    InvitePhone,
    LeaveVoice,
    MuteVoice,
    PhoneAsk,
    PhoneInvited,
    RemovePhone,
    SetPart,
    SetPhoneVideo,
)
from splitter.calls.flows.answers import answer_offer, whole_offer
from splitter.calls.flows.binding import bind_call
from splitter.calls.flows.mixing import drop_phone, end_of, forget_debts, to_pair
from splitter.calls.flows.phone_questions import drop_question, set_phone_video
from splitter.calls.flows.phone_video import (
    forget_picture,
    picture_lines,
    settle_picture,
)
from splitter.calls.flows.phone_way import prepare_call
from splitter.calls.leg_events import AckMissing, Ended, Offered
from splitter.calls.states import Bridge, CallState, PhoneOutcome, PhonePart, PhoneState, Side, VideoState
from splitter.calls.talk.commands import (
    AnswerAsk,
    DeclineOffer,
    Note,
    Notify,
    SendBye,
    Steps,
    Tell,
)
from splitter.calls.talk.left_out import stay_out
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import PointVoice, RemoveVoice
from splitter.calls.talk.phone_commands import (
    GiveUpInvite,
    NoWay,
    PromotePhone,
    ReleaseWay,
    SeekWay,
)
from splitter.calls.talk.phones import MOST, Phone
from splitter.core.errors import PeerError
from splitter.sdp.merge import in_sequence
from splitter.sdp.mixed import mixed_answer
from splitter.sdp.offer_answer import check_answer
from splitter.sdp.split import audio_line

# ---- what desks ask ----------------------------------------------------------------------------------------------


def on_phone_ask(call: LiveCall, asked: Asked, ask: PhoneAsk) -> Steps[None]:
    """Do what a desk asks about phones. Raises Denial where it cannot be done."""
    if call.talk.state is not CallState.CONNECTED:
        raise Denial(409, "not-connected", "the call is not answered yet")
    match ask:
        case InvitePhone():
            yield from _invite(call, asked, ask)
        case RemovePhone():
            yield from _remove(call, ask)
            yield AnswerAsk(asked)
        case MuteVoice():
            yield from _mute(call, ask)
            yield AnswerAsk(asked)
        case SetPart():
            yield from _set_part(call, ask)
            yield AnswerAsk(asked)
        case SetPhoneVideo():
            yield from set_phone_video(call, ask)
            yield AnswerAsk(asked)
        case LeaveVoice():
            if (heir := heir_of(call)) is None:
                raise Denial(409, "alone", "there is nobody who could go on")
            yield from hand_over(call, heir, f"{ask.by} leaves")
            yield AnswerAsk(asked)


def _invite(call: LiveCall, asked: Asked, ask: InvitePhone) -> Steps[None]:
    present = (*call.talk.phones.values(), *call.pending.calling.values())
    if not call.abilities.may_mix:
        raise Denial(409, "no-mixer", "the engine that carries the voice of this call cannot connect more than two")
    if call.pending.transfer is not None:
        raise Denial(409, "transferring", "the centre is handing this call on; ask again when that is done")
    if len(present) >= MOST:
        raise Denial(409, "full", f"as many voices as can be are in the call: {MOST + 2}")
    if any(phone.number == ask.number for phone in present):
        raise Denial(409, "invited-already", f"{ask.number} is in the call, or is being called")
    name = call.talk.parties.new_name("phone")
    way = yield from SeekWay(name, ask.number)
    if isinstance(way, NoWay):
        raise Denial(way.status, "not-allowed" if way.status == 403 else "no-line", way.reason)
    phone = Phone(name, ask.number, ask.by, ask.part)
    phone.video = VideoState.ASKING if ask.video else VideoState.OFF
    phone.discreet = not call.settings.show_supervisors
    call.pending.calling[name] = phone
    yield from prepare_call(call, phone, way)
    yield AnswerAsk(asked, PhoneInvited(name))
    whom = "" if ask.part is PhonePart.TALKS else f", who {ask.part}"
    yield Tell()  # first: the notice names a phone that the view has
    yield Notify("phone-called", f"{ask.number}{whom} is called by {ask.by}", name)


def _remove(call: LiveCall, ask: RemovePhone) -> Steps[None]:
    if (phone := call.pending.calling.get(ask.name)) is not None:
        yield GiveUpInvite(phone.name)
        yield from drop_phone(call, phone, PhoneOutcome.WITHDRAWN, f"{ask.by} no longer wants it to ring", bye=False)
    elif (phone := call.talk.phones.get(ask.name)) is not None:
        yield from drop_phone(call, phone, PhoneOutcome.REMOVED, f"removed by {ask.by}")
    else:
        raise Denial(404, "no-such-phone", f"no phone of the call is named {ask.name[:40]!r}")


def _mute(call: LiveCall, ask: MuteVoice) -> Steps[None]:
    talk = call.talk
    if talk.bridge is Bridge.PAIR:
        raise Denial(409, "pair", "only two talk: hold the call instead")
    if call.voice(ask.name) is None:
        raise Denial(404, "no-such-voice", f"no voice of the call is named {ask.name[:40]!r}")
    if ask.muted == (ask.name in talk.muted):
        return
    (talk.muted.add if ask.muted else talk.muted.discard)(ask.name)
    code, what = ("voice-muted", "is muted") if ask.muted else ("voice-unmuted", "is heard again")
    yield Notify(code, f"{ask.name} {what}, by {ask.by}", ask.name)
    yield Tell()


def _set_part(call: LiveCall, ask: SetPart) -> Steps[None]:
    phone = call.talk.phones.get(ask.name) or call.pending.calling.get(ask.name)
    if phone is None:
        raise Denial(404, "no-such-phone", f"no phone of the call is named {ask.name[:40]!r}")
    if phone.part is not ask.part:
        phone.part = ask.part
        yield Notify("phone-part", f"{phone.number} {ask.part} from now on, by {ask.by}", phone.name)
        yield Tell()


# ---- in the call -------------------------------------------------------------------------------------------------


def on_phone(call: LiveCall, event: Ended | AckMissing | Offered) -> Steps[None]:
    """Follow what a phone that is in the call does by itself."""
    leg = call.leg_of(event)
    if (phone := call.talk.phones.get(leg.name)) is None:
        return
    match event:
        case Ended():
            yield from drop_phone(call, phone, PhoneOutcome.HUNG_UP, f"{phone.number} hung up", bye=False)
        case AckMissing():
            yield Note("our 200 was never acknowledged; the phone stays", leg.name, "alarm")
        case Offered():
            yield from _reoffered(call, leg, event)


def _reoffered(call: LiveCall, leg: LegFacts, event: Offered) -> Steps[None]:
    """A phone's re-INVITE concerns nobody else: it is answered here. What it holds is not heard."""
    if event.session is None:
        yield from answer_offer(leg, event, in_sequence(leg.terms.latest, leg.terms.ours))
        return
    event = yield from whole_offer(leg, event)
    offer = event.offer
    try:
        index, here = audio_line(offer), call.talk.voice.ours(leg.name)
        if not offer.media[index].port:
            raise PeerError("the voice cannot be removed from a call", 488)
        answer = mixed_answer(offer, index, here, "sendrecv", leg.terms.ours.origin, call.abilities.can_mix)
        pictures = picture_lines(call, leg, offer)
        answer = replace(answer, media=tuple(pictures.get(i, line) for i, line in enumerate(answer.media)))
        answer = in_sequence(leg.terms.latest, answer)
        check_answer(offer, answer)
    except PeerError as error:
        yield DeclineOffer(leg.key, event.txn, error.status, error.reason)
        return
    if (yield from answer_offer(leg, event, answer)):
        leg.terms.note_remote(offer)
        call.talk.exchange.wishes[leg.name] = offer.flow_of(index)
        yield PointVoice(leg.name, end_of(call, leg))
        yield from settle_picture(call, leg, offer)


# ---- the agent leaves, and the others go on ------------------------------------------------------------------------


def heir_of(call: LiveCall) -> Phone | None:
    """The phone that takes the agent's place where that one leaves: the first that talks."""
    for phone in call.talk.phones.values():
        talks = phone.part is PhonePart.TALKS and phone.state is PhoneState.JOINED
        if talks and call.talk.voice.number(phone.name) >= 0 and call.talk.voice.added[phone.name].local is not None:
            return phone
    return None


def hand_over(call: LiveCall, phone: Phone, why: str, bye: bool = True) -> Steps[None]:
    """Let a phone take the place of the centre: there are always two, and others beside them.

    Args:
        bye: the centre's dialog is to be ended; False where it has ended it.
    """
    talk = call.talk
    talk.forget_phone(phone, PhoneOutcome.PROMOTED, why, leaves=False)
    stay_out(talk, phone.name, call.recorded.exclude)
    before = call.legs[(yield from PromotePhone(phone.name))]
    talk.muted.discard(Side.CENTRE)
    yield RemoveVoice(talk.voice.promote(phone.name))
    yield from forget_debts(call, before.name)
    yield from forget_picture(call, before.name)
    yield from drop_question(call, call.centre_leg)
    yield ReleaseWay(before.name)
    if bye:
        yield SendBye(before.key, [("Reason", 'SIP;cause=200;text="the others go on"')])
    yield PointVoice(Side.CENTRE, end_of(call, call.centre_leg))
    yield Notify("agent-left", f"{before.name} has left, {phone.number} goes on with the caller: {why}", phone.name)
    if not talk.phones:
        to_pair(call)
    yield from bind_call(call, phone.number if phone.extension else "", "client")
    yield Tell()


def lose_phone(call: LiveCall, leg: LegFacts, why: str) -> Steps[None]:
    """A phone does not know the session any more, or cannot be asked."""
    if (phone := call.talk.phones.get(leg.name)) is not None:
        yield from drop_phone(call, phone, PhoneOutcome.HUNG_UP, why)
