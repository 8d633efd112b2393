"""Questions to phones that were invited: for their picture, by a re-INVITE. The user must consent, which may take long.

The voice goes first: whatever else must reach the phone meanwhile takes the question back (CANCEL), and it is asked
once more afterwards. Pure.
"""

from __future__ import annotations

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.asks import Denial, SetPhoneVideo
from splitter.calls.flows.agreement import Agreement
from splitter.calls.flows.phone_video import (
    drop_video,
    forget_picture,
    give_up_video,
    line_for,
    seek_place,
    tell_off,
)
from splitter.calls.leg_events import OfferAccepted, OfferRefused, RefreshFailed
from splitter.calls.states import PhoneState, VideoState
from splitter.calls.talk.commands import (
    DrawPause,
    Note,
    Notify,
    Post,
    SendOffer,
    SetAlarm,
    Steps,
    StopAlarm,
    Tell,
    WithdrawOffer,
)
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.pending import PhoneQuestion
from splitter.calls.talk.phones import Phone
from splitter.core.errors import PeerError
from splitter.sdp.align import without_foreign_video
from splitter.sdp.merge import standing_offer, with_origin
from splitter.sdp.model import Session
from splitter.sdp.offer_answer import check_peer_answer, check_reoffer
from splitter.sdp.upgrade import raised, video_slot

_TRIES = 3  # in a row that the phone may be busy with an offer of its own


def set_phone_video(call: LiveCall, ask: SetPhoneVideo) -> Steps[None]:
    """Ask a phone for its picture, or go back to its voice. Raises Denial where it cannot be done."""
    phone = call.talk.phones.get(ask.name)
    if phone is None or phone.state is not PhoneState.JOINED:
        raise Denial(404, "no-such-phone", f"no phone that is in the call is named {ask.name[:40]!r}")
    if ask.wanted:
        yield from _begin(call, phone, ask.by)
    elif phone.video is VideoState.ON:
        yield from drop_video(call, call.phones[phone.name], phone)
    elif (question := call.pending.asked_phones.get(phone.name)) is not None:
        yield from _take_back(call, phone, question, f"taken back by {ask.by}")


def _begin(call: LiveCall, phone: Phone, by: str) -> Steps[None]:
    if phone.video is VideoState.ON:
        raise Denial(409, "on", f"{phone.name} is in the picture already")
    if phone.extension:
        raise Denial(409, "voice-only", "the centre is called by voice alone")
    if phone.video is not VideoState.OFF or phone.name in call.pending.asked_phones:
        raise Denial(409, "asking", f"{phone.name} is being asked already, or goes back to voice")
    phone.video, phone.video_reason = VideoState.ASKING, ""
    call.pending.asked_phones[phone.name] = PhoneQuestion(by)
    yield from seek_place(call, phone)
    if phone.video is VideoState.ASKING:
        yield Notify("phone-video-asked", f"{phone.number} is asked for video by {by}", phone.name)
        yield Tell()


def ask_phones(call: LiveCall) -> Steps[None]:
    """Ask those whose turn it is: they have their places, and nothing of their voices is under way."""
    for name, question in tuple(call.pending.asked_phones.items()):
        phone, leg = call.talk.phones.get(name), call.phones.get(name)
        waits = question.open or question.rests or name in call.pending.placing
        if phone is None or leg is None or waits or not leg.settled or name in call.talk.exchange.owed:
            continue
        try:
            yield from _ask(call, leg, phone, question)
        except PeerError as error:
            yield from give_up_video(call, phone, error.reason)


def _ask(call: LiveCall, leg: LegFacts, phone: Phone, question: PhoneQuestion) -> Steps[None]:
    ours = leg.terms.ours
    index = video_slot(ours, leg.terms.theirs, None)
    offer = raised(standing_offer(ours, ours.origin), index, line_for(call, phone, index, leg))
    offer = with_origin(offer, leg.terms.latest.origin.next())
    check_reoffer(leg.terms.latest, offer, ours)
    question.open, question.answer, question.unusable = True, None, ""
    yield Note(f"re-INVITE with video, for {question.by}", leg.name)
    yield SendOffer(leg.key, offer)
    yield SetAlarm(call.settings.consent_limit_s, Alarm(AlarmKind.PHONE_VIDEO, phone.name))


def asks_phone(call: LiveCall, leg: LegFacts) -> bool:
    """True for a phone to which our question is under way."""
    question = call.pending.asked_phones.get(leg.name)
    return question is not None and question.open


def make_way(call: LiveCall, leg: LegFacts) -> Steps[None]:
    """Something else must be offered to the phone: the question is taken back, and asked once more after it."""
    question = call.pending.asked_phones[leg.name]
    if question.wanted and not question.giving_way:
        question.giving_way = True
        yield Note("the question for video is taken back: the phone must be told what has changed", leg.name)
        yield WithdrawOffer(leg.key)


def on_accepted(call: LiveCall, leg: LegFacts, event: OfferAccepted) -> Steps[None]:
    """2xx to our question, or the answer in a reliable provisional response, which counts at the end."""
    question = call.pending.asked_phones[leg.name]
    try:
        question.answer, question.unusable = _usable(leg, event), ""
    except PeerError as error:
        question.answer, question.unusable = None, error.reason
        yield Note(f"the answer to our question for video cannot be used: {error.reason}", leg.name, "alarm")
    if not event.early:
        yield from on_finished(call, leg)


def _usable(leg: LegFacts, event: OfferAccepted) -> Session:
    if event.session is None:
        raise PeerError(event.fault or "it has no session description", 488)
    session = without_foreign_video(leg.terms.latest, event.session)
    check_peer_answer(leg.terms.latest, session)
    return session


def on_finished(call: LiveCall, leg: LegFacts) -> Steps[None]:
    """The last 2xx to our question: our offer is in force at the phone, and what it answered counts."""
    question, phone = call.pending.asked_phones.pop(leg.name), call.talk.phones.get(leg.name)
    yield StopAlarm(Alarm(AlarmKind.PHONE_VIDEO, leg.name))
    leg.terms.note_accepted()
    if phone is None:  # it has the place of the centre by now
        if question.answer is not None:
            yield from Agreement(call).settle_side(leg, question.answer)
        yield from forget_picture(call, leg.name)
        tell_off(call, leg)
        return
    if question.answer is None:
        yield from give_up_video(call, phone, f"the phone's answer cannot be used: {question.unusable}")
        tell_off(call, leg)
        return
    yield from Agreement(call).settle_side(leg, question.answer)
    if not question.wanted and phone.video is VideoState.ON:
        yield from drop_video(call, leg, phone)


def on_refused(call: LiveCall, leg: LegFacts, event: OfferRefused) -> Steps[None]:
    """The question was refused, or its CANCEL took effect; the session stands as it was."""
    question, phone = call.pending.asked_phones[leg.name], call.talk.phones.get(leg.name)
    alarm, question.open = Alarm(AlarmKind.PHONE_VIDEO, leg.name), False
    yield StopAlarm(alarm)
    yield Note(f"our question for video ended with {event.status} {event.reason}", leg.name)
    if event.status in (408, 481):
        yield Post(RefreshFailed(leg.key, event.status, event.reason))  # the dialog may be gone: see converse
    busy = event.status == 491 or (event.status == 500 and event.retry_after_s is not None)
    question.tries += busy
    if phone is None:
        yield from forget_picture(call, leg.name)
    elif not question.wanted:
        yield from give_up_video(call, phone, phone.video_reason)
    elif event.status == 487 and question.giving_way:
        question.giving_way = False  # asked again, once the voice has had its turn
    elif busy and question.tries < _TRIES:
        question.rests = True
        yield SetAlarm(max(event.retry_after_s or 0.0, (yield from DrawPause(leg.key))), alarm)
    else:
        yield from give_up_video(call, phone, f"the phone has declined video: {event.status} {event.reason}"[:200])


def on_alarm(call: LiveCall, name: str) -> Steps[None]:
    """A phone does not answer our question, or may be asked again."""
    question, phone = call.pending.asked_phones.get(name), call.talk.phones.get(name)
    if question is None or phone is None:
        return
    if not question.open:
        question.rests = False
    elif question.wanted:
        yield from _take_back(call, phone, question, f"no answer in {call.settings.consent_limit_s:.0f} s")


def drop_question(call: LiveCall, leg: LegFacts) -> Steps[None]:
    """A phone gets the place of the centre, which is not asked for its picture: it is not asked any longer."""
    question = call.pending.asked_phones.get(leg.name)
    if question is not None and question.open:
        question.wanted = False
        yield WithdrawOffer(leg.key)
    elif question is not None:
        yield from forget_picture(call, leg.name)


def _take_back(call: LiveCall, phone: Phone, question: PhoneQuestion, reason: str) -> Steps[None]:
    """Nobody waits for the answer any more. A 200 that crosses the CANCEL is followed by the downgrade."""
    if not question.open:
        yield from give_up_video(call, phone, reason)
        return
    question.wanted, phone.video_reason = False, reason
    yield WithdrawOffer(call.phones[phone.name].key)
