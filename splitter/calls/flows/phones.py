"""Phones that are invited into the voice: called, ringing, in the call, gone. The two who talk do not need them.

What a phone agrees on with us concerns nobody else; how it is connected, see `mixing`. Pure.
"""

from __future__ import annotations

from splitter.calls.alarms import Alarm, AlarmKind
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
)
from splitter.calls.events import TimeUp, VoiceAdded
from splitter.calls.flows.answers import answer_offer, whole_offer
from splitter.calls.flows.binding import bind_call
from splitter.calls.flows.mixing import drop_phone, end_of, forget_debts, to_pair
from splitter.calls.leg_events import AckMissing, Answered, Ended, Offered, Rang, Refused
from splitter.calls.states import Bridge, CallState, PhoneOutcome, PhonePart, PhoneState, Side
from splitter.calls.talk.commands import (
    AnswerAsk,
    DeclineOffer,
    MakeOrigin,
    Note,
    Notify,
    SendBye,
    SetAlarm,
    Steps,
    Tell,
)
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import AddVoice, OpenVoice, PointVoice, RemoveVoice
from splitter.calls.talk.phone_commands import (
    DialPhone,
    FoundWay,
    GiveUpInvite,
    KeepPhone,
    NoWay,
    PromotePhone,
    SeekNextWay,
    SeekWay,
)
from splitter.calls.talk.phones import MOST, Phone
from splitter.calls.talk.voice import AddedVoice
from splitter.core.errors import PeerError
from splitter.core.pauses import retry_after_s
from splitter.sdp.merge import in_sequence
from splitter.sdp.mixed import mixed_answer, phone_offer, usable_answer
from splitter.sdp.offer_answer import check_answer, check_peer_answer
from splitter.sdp.split import audio_line

RING_LIMIT_S = 60.0
_JOIN_LIMIT_S = 15.0  # from its answer until all are connected
_BUSY = frozenset({486, 600})
_NOT_THERE = frozenset({404, 410, 484, 485, 500, 502, 503, 504, 604})
_NO_ANSWER = frozenset({408, 480, 487})


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
        case LeaveVoice():
            if (heir := heir_of(call)) is None:
                raise Denial(409, "alone", "there is nobody who could go on")
            yield from hand_over(call, heir, f"{ask.by} leaves")
            yield AnswerAsk(asked)


def _invite(call: LiveCall, asked: Asked, ask: InvitePhone) -> Steps[None]:
    present = (*call.talk.phones.values(), *call.pending.calling.values())
    if not call.may_mix:
        raise Denial(409, "no-mixer", "the engine that carries the voice of this call cannot connect more than two")
    if len(present) >= MOST:
        raise Denial(409, "full", f"as many voices as can be are in the call: {MOST + 2}")
    if any(phone.number == ask.number for phone in present):
        raise Denial(409, "invited-already", f"{ask.number} is in the call, or is being called")
    name = call.talk.parties.new_name("phone")
    way = yield from SeekWay(name, ask.number)
    if isinstance(way, NoWay):
        raise Denial(403, "not-allowed", way.reason)
    phone = Phone(name, ask.number, ask.by, ask.part)
    call.pending.calling[name] = phone
    yield from _prepare(call, phone, way)
    yield AnswerAsk(asked, PhoneInvited(name))
    whom = "" if ask.part is PhonePart.TALKS else f", who {ask.part}"
    yield Tell()  # first: the notice names a phone that the view has
    yield Notify("phone-called", f"{ask.number}{whom} is called by {ask.by}", name)


def _remove(call: LiveCall, ask: RemovePhone) -> Steps[None]:
    if (phone := call.pending.calling.get(ask.name)) is not None:
        yield GiveUpInvite(phone.name)
        yield from drop_phone(call, phone, PhoneOutcome.WITHDRAWN, f"{ask.by} no longer wants it to ring", bye=False)
    elif (phone := call.talk.phones.get(ask.name)) is not None:
        yield from drop_phone(call, phone, PhoneOutcome.REMOVED, f"taken out by {ask.by}")
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


# ---- on the way --------------------------------------------------------------------------------------------------


def _prepare(call: LiveCall, phone: Phone, way: FoundWay) -> Steps[None]:
    """Ports first: our INVITE names them."""
    phone.trunk, phone.network, phone.transport, phone.extension = way.trunk, way.network, way.transport, way.centre
    call.talk.voice.added[phone.name] = AddedVoice(way.network)
    yield SetAlarm(RING_LIMIT_S, Alarm(AlarmKind.PHONE, phone.name))  # whatever goes wrong, it does not wait for ever
    if call.mixes:
        yield AddVoice(phone.name)
    else:  # such as rtpengine: the two get other ports, at an engine that can
        yield Note("the voice moves to an engine that mixes", phone.name, "media")
        yield OpenVoice()


def on_voice_added(call: LiveCall, event: VoiceAdded) -> Steps[None]:
    """A phone has its ports, and is called; or there are none."""
    phone, voice, handle = call.pending.calling.get(event.name), call.talk.voice, event.handle
    ours = voice.relay is not None and voice.relay.relay_id == event.relay_id
    if handle is not None and ours and not voice.note_added(event.name, handle):
        yield RemoveVoice(handle.number)  # it was given up meanwhile
    elif phone is None or phone.leg or (voice.relay is not None and not ours and event.relay_id):
        return  # that relay is gone, and the next one has ports for it
    elif handle is not None and ours:
        yield from _dial(call, phone)
    elif voice.relay is not None:
        yield from drop_phone(call, phone, PhoneOutcome.NO_MEDIA, f"no media for its voice: {event.fault}", bye=False)


def on_relay(call: LiveCall) -> Steps[None]:
    """Another relay is there: whoever waited for ports has them, and who was told the old ones is owed an offer."""
    for phone in tuple(call.pending.calling.values()):
        if not phone.leg:
            yield from _dial(call, phone)
    call.owe(*call.phones.values())


def on_relay_again(call: LiveCall) -> Steps[None]:
    """The same relay is there again: who had no ports in it yet is still to get them."""
    for name, voice in tuple(call.talk.voice.added.items()):
        if voice.number < 0:
            yield AddVoice(name)


def _dial(call: LiveCall, phone: Phone) -> Steps[None]:
    origin = yield from MakeOrigin(phone.network, phone.transport)
    try:
        phone.leg = yield from DialPhone(phone.name, phone_offer(call.talk.voice.ours(phone.name), origin))
    except PeerError as error:
        yield from drop_phone(call, phone, PhoneOutcome.UNREACHABLE, error.reason, bye=False)
        return
    yield Note(f"calling {phone.number} by {phone.trunk}", phone.name)
    yield SetAlarm(RING_LIMIT_S, Alarm(AlarmKind.PHONE, phone.name))


def on_rang(call: LiveCall, event: Rang) -> Steps[None]:
    """Show that a phone rings."""
    phone = call.phone_of(call.leg_of(event))
    if phone is not None and phone.state is PhoneState.CALLING and event.response.status != 199:
        phone.state = PhoneState.RINGING
        yield Notify("phone-rings", f"{phone.number} rings", phone.name)
        yield Tell()


def on_refused(call: LiveCall, event: Refused) -> Steps[None]:
    """Try the next way to a phone that does not come this way, where that makes sense."""
    leg = call.leg_of(event)
    if (phone := call.pending.calling.get(leg.name)) is None or phone.leg != leg.key:
        return
    yield Note(f"{phone.trunk} refused: {event.status} {event.reason}", phone.name)
    response = event.response
    pause_s = retry_after_s(response.headers.get("retry-after")) if response is not None else None
    way = yield from SeekNextWay(phone.name, event.status, response is not None, pause_s)
    if isinstance(way, NoWay):
        reason = f"{phone.number} did not answer: {event.status} {event.reason}"
        yield from drop_phone(call, phone, _outcome(event.status), reason, bye=False)
        return
    phone.leg, phone.state = "", PhoneState.CALLING
    if way.network == phone.network:
        phone.trunk, phone.transport, phone.extension = way.trunk, way.transport, way.centre
        yield from _dial(call, phone)
        return
    yield RemoveVoice(call.talk.voice.number(phone.name))
    yield from _prepare(call, phone, way)


def _outcome(status: int) -> PhoneOutcome:
    if status in _BUSY:
        return PhoneOutcome.BUSY
    if status in _NO_ANSWER:
        return PhoneOutcome.NO_ANSWER
    if status == 488:
        return PhoneOutcome.NO_CODEC
    return PhoneOutcome.UNREACHABLE if status in _NOT_THERE else PhoneOutcome.REFUSED


def on_phone_late(call: LiveCall, event: TimeUp) -> Steps[None]:
    """Give up a phone that rings for too long, or has answered and does not get connected."""
    name = event.alarm.subject
    if (phone := call.pending.calling.get(name)) is not None:
        yield GiveUpInvite(name)
        words = f"{phone.number} did not answer in {RING_LIMIT_S:.0f} s"
        yield from drop_phone(call, phone, PhoneOutcome.NO_ANSWER, words, bye=False)
    elif (phone := call.talk.phones.get(name)) is not None and phone.state is PhoneState.JOINING:
        yield from drop_phone(call, phone, PhoneOutcome.NO_MEDIA, "its voice could not be connected in time")


def on_answered(call: LiveCall, event: Answered) -> Steps[None]:
    """Take in a phone that answers: it belongs to the call from now on; `mixing.advance` connects it."""
    leg, session = call.leg_of(event), event.session
    if (phone := call.pending.calling.get(leg.name)) is None or phone.leg != leg.key:
        return
    try:
        if session is None:
            raise PeerError("it answered without a session description", 488)
        check_peer_answer(leg.terms.ours, session)
        usable_answer(leg.terms.ours, session, call.speaks)
    except PeerError as error:
        yield from drop_phone(call, phone, PhoneOutcome.NO_CODEC, error.reason)
        return
    del call.pending.calling[phone.name]
    phone.state = PhoneState.JOINING
    leg.terms.note_remote(session)
    call.talk.phones[phone.name], call.talk.legs[phone.name] = phone, leg.record
    call.talk.exchange.wishes[phone.name] = session.flow_of(audio_line(session))
    yield KeepPhone(phone.name)
    yield SetAlarm(_JOIN_LIMIT_S, Alarm(AlarmKind.PHONE, phone.name))
    if leg.terms.ours.media[0].port != call.talk.voice.ours(phone.name).rtp_port:
        call.owe(leg)  # the voice has moved while it rang
    if phone.extension:
        call.talk.admitted.add(phone.number)  # whose desk may see what it talks about
    yield Notify("phone-answered", f"{phone.number} has answered", phone.name, phone.number if phone.extension else "")
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
            raise PeerError("the voice cannot be taken out of a call", 488)
        answer = mixed_answer(offer, index, here, "sendrecv", leg.terms.ours.origin, call.speaks)
        answer = in_sequence(leg.terms.latest, answer)
        check_answer(offer, answer)
    except PeerError as error:
        yield DeclineOffer(leg.key, event.txn, error.status, error.reason)
        return
    if (yield from answer_offer(leg, event, answer)):
        leg.terms.note_remote(offer)
        call.talk.exchange.wishes[leg.name] = offer.flow_of(index)
        yield PointVoice(leg.name, end_of(call, leg))


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
    before = call.legs[(yield from PromotePhone(phone.name))]
    talk.muted.discard(Side.CENTRE)
    yield RemoveVoice(talk.voice.promote(phone.name))
    yield from forget_debts(call, before.name)
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
