"""The centre hands the caller to another of its phones by REFER (RFC 3515, RFC 5589): we call that one. Pure.

    REFER ──202──▶ called ──▶ rings ──200──▶ it has the place of the centre, the one that asked is told and ended
                     │          │
                     └──────────┴── refused, or late: the one that asked is told, and goes on with the caller

Who asked may hang up before: then whom we call has the place at once and the caller waits for it; if it does not
come, the call is over. Until the answer nothing of the voice changes: both legs of the centre share one side of it.
"""

from __future__ import annotations

from contextlib import suppress

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.events import AgentNamed
from splitter.calls.flows.agreement import Agreement, wish_after
from splitter.calls.flows.binding import bind_call
from splitter.calls.flows.consult import Consultation
from splitter.calls.flows.early import keeps_voice
from splitter.calls.flows.mixing import forget_debts
from splitter.calls.leg_events import AckMissing, Answered, Ended, Offered, Rang, Referred, Refused
from splitter.calls.peers.binding import Named
from splitter.calls.peers.session_id import SessionId
from splitter.calls.states import Bridge, CallState, Side
from splitter.calls.talk.commands import (
    AnswerReferral,
    Count,
    Counted,
    DeclineOffer,
    EndDialogs,
    MakeOrigin,
    Note,
    Notify,
    SendBye,
    SetAlarm,
    Steps,
    StopAlarm,
    Tell,
    TellReferral,
)
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import PointVoice
from splitter.calls.talk.phone_commands import FoundWay, GiveUpInvite, KeepPhone, NoWay, ReleaseWay, SeekNextWay
from splitter.calls.talk.transfer_commands import DialSuccessor, InstallSuccessor, SeekSuccessor
from splitter.calls.talk.transfers import Transfer
from splitter.core.errors import PeerError
from splitter.sdp.merge import with_audio_at
from splitter.sdp.model import Origin, Session
from splitter.sdp.offer_answer import check_peer_answer
from splitter.sdp.split import audio_line

RING_LIMIT_S = 60.0
_MOST = 32  # legs that a centre may hand a call to; more go in a circle
_LATE = Alarm(AlarmKind.TRANSFER)


# ---- what the centre asks ----------------------------------------------------------------------------------------


def on_referred(call: LiveCall, event: Referred) -> Steps[None]:
    """Call whom the centre names, if it may be called; else say why not."""
    leg, referral = call.leg_of(event), event.referral
    try:
        _check(call, leg)
        name = f"centre-{call.talk.centres + 1}"
        way = yield from SeekSuccessor(name, referral.number, call.talk.voice.networks[1])
        if isinstance(way, NoWay):
            raise PeerError(way.reason, way.status)
    except PeerError as error:
        yield Note(f"REFER to {referral.number} refused with {error.status}: {error.reason}", leg.name)
        yield Count(Counted.TRANSFERS, "refused")
        yield AnswerReferral(leg.key, event.txn, error.status, error.reason)
        return
    call.talk.centres += 1
    transfer = Transfer(name, leg.key, referral, way.trunk, way.network, way.transport)
    transfer.session = SessionId(caller=call.talk.session.caller)
    call.pending.transfer = transfer
    yield AnswerReferral(leg.key, event.txn, 202)
    yield SetAlarm(RING_LIMIT_S, _LATE)
    kind = "for the agent whom it has asked" if referral.replaces else "blindly"
    yield Notify("transfer-begun", f"{leg.name} hands the caller {kind} to {referral.number}", leg.name)
    yield from _tell(call, 100, "Trying")
    yield from _dial(call, transfer)


def _check(call: LiveCall, leg: LegFacts) -> None:
    """Raise PeerError where nobody can be transferred now."""
    if call.talk.state is not CallState.CONNECTED:
        raise PeerError("the call is not answered yet", 491)
    if leg is not call.centre:
        raise PeerError("only the agent who has the call transfers it", 403)
    if call.talk.bridge is Bridge.MIX or call.pending.calling:
        raise PeerError("more than two are in this call, or called into it: the agent may leave it to them", 403)
    if call.pending.transfer is not None or call.pending.newcomer:
        raise PeerError("another transfer is under way", 491)
    if call.talk.centres >= _MOST:
        raise PeerError("this call was handed on too often", 482)


# ---- on the way --------------------------------------------------------------------------------------------------


def _dial(call: LiveCall, transfer: Transfer) -> Steps[None]:
    origin = yield from MakeOrigin(transfer.network, transfer.transport)
    try:
        transfer.leg = yield from DialSuccessor(transfer.name, _offer(call, origin))
    except PeerError as error:
        yield from _fail(call, transfer, error.status, error.reason)
        return
    yield Note(f"calling {transfer.number} by {transfer.trunk}", transfer.name)
    if transfer.alone:
        yield from _take_place(call, transfer)


def _offer(call: LiveCall, origin: Origin) -> Session:
    """The voice that the caller wants, as the leg before was offered it, in a session of its own."""
    agreement, before = Agreement(call), call.centre_leg
    session = with_audio_at(
        agreement.asked_for(before), audio_line(before.terms.ours), call.talk.voice.ours(Side.CENTRE)
    )
    return Session(
        origin=origin,
        name=session.name,
        connection=session.connection,
        times=session.times,
        media=(session.media[audio_line(session)],),
    )


def on_rang(call: LiveCall, event: Rang) -> Steps[None]:
    """Tell who asked that it rings; a caller who waits alone hears it, if it can be heard."""
    if (transfer := _of(call, event)) is None:
        return
    yield from _tell(call, event.response.status, event.response.reason)
    transfer.early = event.session or transfer.early
    if transfer.alone:
        yield from _let_hear(call, transfer)


def _let_hear(call: LiveCall, transfer: Transfer) -> Steps[None]:
    """Let the caller hear what comes before the answer, where it is of the codec that it uses."""
    session = transfer.early
    with suppress(PeerError):
        if session is not None:
            check_peer_answer(call.legs[transfer.leg].terms.ours, session)
            if _keeps_voice(call, session):
                yield from Agreement(call).point_side(Side.CENTRE, session, audio_line(session))


def _keeps_voice(call: LiveCall, said: Session) -> bool:
    """True where the caller need not change its codec for what the new one has said."""
    terms, index = call.caller.terms, call.talk.lines.audio
    return keeps_voice(terms.theirs.media[index], terms.ours.media[index], said.media[audio_line(said)])


def on_refused(call: LiveCall, event: Refused) -> Steps[None]:
    """Try the next way, where that makes sense."""
    if (transfer := _of(call, event)) is None:
        return
    yield Note(f"{transfer.trunk} refused: {event.status} {event.reason}", transfer.name)
    way = yield from SeekNextWay(transfer.name, event.status, event.response)
    if isinstance(way, FoundWay):
        transfer.leg, transfer.trunk, transfer.transport = "", way.trunk, way.transport
        transfer.early = None
        yield from _dial(call, transfer)
    else:
        yield from _fail(call, transfer, event.status, event.reason)


def on_transfer_late(call: LiveCall) -> Steps[None]:
    """Give up a number that rings for too long."""
    if (transfer := call.pending.transfer) is not None and transfer.answer is None:
        yield GiveUpInvite(transfer.name)
        yield from _fail(call, transfer, 408, "Request Timeout")


def on_answered(call: LiveCall, event: Answered) -> Steps[None]:
    """Keep an answer; it counts as soon as no offer is open."""
    if (transfer := _of(call, event)) is None:
        return
    leg, session = call.leg_of(event), event.session
    try:
        if session is None:
            raise PeerError("it answered without a session description", 488)
        check_peer_answer(leg.terms.ours, session)
        if not session.media[audio_line(session)].port:
            raise PeerError("it answered without a voice", 488)
    except PeerError as error:
        yield SendBye(leg.key)
        yield from _fail(call, transfer, 488, error.reason)
        return
    transfer.answer = session
    leg.terms.note_remote(session)
    yield StopAlarm(_LATE)
    yield KeepPhone(transfer.name)


def on_successor(call: LiveCall, event: Ended | AckMissing | Offered) -> Steps[None]:
    """Follow what the new leg does while it has answered and does not have the place yet."""
    if (transfer := _of(call, event)) is None:
        return
    match event:
        case Ended():
            yield from _fail(call, transfer, 487, "it hung up")
        case Offered():
            yield DeclineOffer(event.leg, event.txn, 491, "its first answer is not settled")


def note_named(call: LiveCall, event: AgentNamed) -> None:
    """Remember whom the centre names behind the new leg."""
    transfer = call.pending.transfer
    leg = call.legs.get(transfer.leg) if transfer is not None else None
    if transfer is not None and leg is not None and leg.sip_call_id == event.sip_call_id:
        transfer.said = event.said


# ---- how it ends -------------------------------------------------------------------------------------------------


def settle_transfer(call: LiveCall) -> Steps[None]:
    """Let who has answered have the place of the centre, once no offer is open that the former leg has part in."""
    transfer = call.pending.transfer
    if transfer is None or (said := transfer.answer) is None or call.pending.consult is not None:
        return
    leg, caller = call.legs[transfer.leg], call.caller
    if not transfer.alone:
        before = yield from _take_place(call, transfer)
        yield from _tell(call, 200, "OK")
        yield SendBye(before.key, [("Reason", 'SIP;cause=200;text="transferred"')])
    call.pending.transfer = None
    offered = leg.terms.ours.direction_of(audio_line(leg.terms.ours))
    exchange = call.talk.exchange
    exchange.wishes[leg.name] = wish_after(offered, said.flow_of(audio_line(said)), "sendrecv")
    exchange.told.pop(caller.name, None)
    yield from Agreement(call).settle_centre(said)
    if not _keeps_voice(call, said):
        call.owe(caller)
    if leg.terms.ours.media[0].port != call.talk.voice.ours(Side.CENTRE).rtp_port:
        call.owe(leg)  # the voice has moved while it rang
    yield Count(Counted.TRANSFERS, "done")
    yield Notify("transferred", f"{transfer.number} has the call as {leg.name}", leg.name)
    if isinstance(transfer.said, Named):
        yield from bind_call(call, transfer.said.extension, f"centre {transfer.said.source}")
    elif not transfer.alone:
        yield from bind_call(call, transfer.number, "centre refer-to")
    yield Tell()


def go_on_alone(call: LiveCall, event: Ended) -> Steps[None]:
    """Let the caller wait for whom we call: the one that asked has hung up before anybody has answered."""
    transfer = call.pending.transfer
    if transfer is None:
        return
    before, consultation = call.leg_of(event), Consultation(call)
    if (consult := (yield from consultation.finish(before))) is not None:
        yield from consultation.decline(consult, 500, "the other side has left")
    yield from _take_place(call, transfer)
    transfer.alone = True
    yield PointVoice(Side.CENTRE, None)
    yield from _let_hear(call, transfer)
    yield Notify("transfer-alone", f"{before.name} has hung up; the caller waits for {transfer.number}", before.name)
    yield from bind_call(call, transfer.number, "centre refer-to")
    yield Tell()


def _take_place(call: LiveCall, transfer: Transfer) -> Steps[LegFacts]:
    """The new leg is the centre from now on. Returns: the one before."""
    wishes = call.talk.exchange.wishes
    before = call.legs[(yield from InstallSuccessor(transfer.name))]
    wish = wishes.get(before.name, "sendrecv")
    yield from forget_debts(call, before.name)
    wishes[transfer.name] = wish
    if before.name != transfer.name:  # else a server that did not take the call
        yield ReleaseWay(before.name)
    yield Note(f"{transfer.name} has the place of {before.name} (REFER)", transfer.name, "state")
    return before


def _fail(call: LiveCall, transfer: Transfer, status: int, reason: str) -> Steps[None]:
    """Nobody comes: who asked goes on with the caller, and where that one has left the call is over."""
    yield StopAlarm(_LATE)
    yield Count(Counted.TRANSFERS, "failed")
    words = f"{transfer.number} was not reached: {status} {reason}"
    if transfer.alone:
        call.conclude(f"the centre handed the caller on and hung up; {words}", 200)
        yield Note(call.talk.end_reason, kind="state")
        yield EndDialogs([("Reason", f"SIP;cause={status}")])
    else:
        yield from _tell(call, status, reason)
    call.pending.transfer = None
    yield ReleaseWay(transfer.name)
    yield Notify("transfer-failed", words, transfer.name)
    yield Tell()


def _tell(call: LiveCall, status: int, reason: str) -> Steps[None]:
    """Tell who asked how far it is, each status once."""
    transfer = call.pending.transfer
    if transfer is None or not transfer.referral.told or transfer.alone or transfer.status == status:
        return
    transfer.status = status
    yield TellReferral(transfer.by, transfer.referral.subscription, status, reason)


def _of(call: LiveCall, event: Rang | Answered | Refused | Ended | AckMissing | Offered) -> Transfer | None:
    """The transfer whose new leg an event is of."""
    transfer = call.pending.transfer
    return transfer if transfer is not None and transfer.leg == event.leg else None
