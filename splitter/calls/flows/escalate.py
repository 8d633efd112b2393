"""Raising an answered call to video and dropping it again (RFC 3264 §8.1, §8.2; profile of TS 26.114).

The caller is asked by a re-INVITE, never by UPDATE: a person must consent, which may take long. The voice goes first:
whatever else must reach the caller meanwhile takes the question back (CANCEL), and it is asked once more afterwards.

    wish    somebody at a desk wants video; it waits until the caller's dialog is free
    open    our re-INVITE is under way at the caller; 180 and 183 mean that the phone asks its user

A dropped video stops at once; the caller is told by UPDATE or re-INVITE, with the offers of our own in `reoffer`. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.asks import Asked, DropVideo, RaiseVideo
from splitter.calls.flows.agreement import Agreement
from splitter.calls.flows.caller_video import line_to_offer, remember_line, show_video, video_runs
from splitter.calls.leg_events import OfferAccepted, OfferCollided, OfferRefused, RefreshFailed
from splitter.calls.peers.capability import (
    DECLINED,
    FAILED,
    REFUSED,
    UNSUPPORTED,
    WITHDRAWN,
    at_first,
    in_words,
    outcome_of,
)
from splitter.calls.states import Side, VideoState
from splitter.calls.talk.commands import (
    AnswerAsk,
    Count,
    Counted,
    DenyAsk,
    DrawPause,
    JudgeLoad,
    Log,
    Note,
    Notify,
    Post,
    SendOffer,
    SetAlarm,
    Steps,
    StopAlarm,
    WantLink,
    WithdrawOffer,
)
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.pending import Question
from splitter.calls.talk.state import Wish
from splitter.core.errors import PeerError
from splitter.sdp.merge import with_origin
from splitter.sdp.offer_answer import check_peer_answer, check_reoffer
from splitter.sdp.precondition import with_offered
from splitter.sdp.split import plan
from splitter.sdp.upgrade import dropped, raised

_CONSENT, _AGAIN = Alarm(AlarmKind.CONSENT), Alarm(AlarmKind.ASK_AGAIN)
_TRIES = 3  # in a row that the phone may be busy with an offer of its own
_ITS_TURN_S = 4.1  # RFC 3261 §14.1: by then, who owns the Call-ID has tried again


class Escalation:
    """The caller's video in one answered call."""

    def __init__(self, call: LiveCall, agreement: Agreement) -> None:
        self._call = call
        self._agreement = agreement

    @property
    def asking(self) -> bool:
        """Our question is open: nothing else can be offered to the caller."""
        return self._call.pending.question is not None

    def asks(self, leg: LegFacts) -> bool:
        """True for the leg on which our question is under way."""
        return self.asking and leg is self._call.caller

    @property
    def dropping(self) -> bool:
        """The caller is still to be told that its video is off."""
        return self._agreement.refuses_video

    # ---- what desks ask ----

    def on_asked(self, asked: Asked) -> Steps[None]:
        """RaiseVideo and DropVideo: the border of one HTTP request. What goes wrong in it must not end the call."""
        if isinstance(asked.ask, RaiseVideo):
            yield from self._border(asked, self._on_raise(asked))
        elif isinstance(asked.ask, DropVideo):
            yield from self._border(asked, self._on_drop(asked, asked.ask.by))

    def _border(self, asked: Asked, work: Steps[None]) -> Steps[None]:
        try:
            yield from work
        except Exception as error:
            yield Log("an ask failed", {"ask": type(asked.ask).__name__}, error)
            self._call.pending.raising = None
            yield DenyAsk(asked, 500, "fault", "a fault in the gateway; see the log")

    def _on_raise(self, asked: Asked) -> Steps[None]:
        view = self._call.talk.video.view
        if view.state is not VideoState.OFF:
            words = {VideoState.ASKING: "the caller is being asked already", VideoState.ON: "video is on already"}
            yield DenyAsk(asked, 409, view.state, words.get(view.state, "video is being taken down"))
        elif view.supported is False and view.outcome == UNSUPPORTED:
            yield from self._climb_at_once(asked, view.reason)
        elif fault := (yield from JudgeLoad()):
            yield DenyAsk(asked, 503, "overloaded", fault)
        elif self._call.pending.raising is not None:
            yield DenyAsk(asked, 409, "asking", "the caller is being asked already")
        else:
            self._call.pending.raising = asked
            self._call.pending.raised += 1
            yield from self._prepare()

    def _climb_at_once(self, asked: Asked, reason: str) -> Steps[None]:
        """The phone has said that it cannot: it is not asked again."""
        ask = asked.ask
        if isinstance(ask, RaiseVideo) and ask.link is not None:
            yield WantLink(ask.by, ask.link, reason)
            yield AnswerAsk(asked)
        else:
            yield DenyAsk(asked, 422, UNSUPPORTED, reason)

    def _prepare(self) -> Steps[None]:
        """The question needs the room and the caller's ports; it waits for them for a moment only."""
        call, asked = self._call, self._call.pending.raising
        if asked is not None and asked.abandoned:
            asked = self._call.pending.raising = None
        if asked is None or (yield from self._agreement.awaits_room(f"question {self._call.pending.raised}")):
            return
        self._call.pending.raising = None
        if Side.CALLER not in call.talk.room.members or not isinstance(asked.ask, RaiseVideo):
            lack = call.talk.room.lack
            yield DenyAsk(asked, 503, lack.code, lack.words)
            return
        yield Note(f"{asked.ask.by} asks the caller for video", "caller")
        self._call.talk.video.wish = Wish(asked.ask.by, link=asked.ask.link)
        yield from show_video(self._call, VideoState.ASKING, "", "")
        yield AnswerAsk(asked)

    def _on_drop(self, asked: Asked, by: str) -> Steps[None]:
        state = self._call.talk.video.view.state
        yield AnswerAsk(asked)
        if state is VideoState.ASKING:
            yield from self._take_back(WITHDRAWN, f"taken back by {by}")
        elif state is VideoState.ON:
            yield Note(f"{by} drops the caller's video", "caller")
            yield from show_video(self._call, VideoState.DROPPING)
            yield from self._stop()

    # ---- what Reoffers asks ----

    def make_way(self, why: str) -> Steps[None]:
        """Something else must be offered to the caller: the question is taken back, and asked once more after it."""
        opened, wish = self._call.pending.question, self._call.talk.video.wish
        if opened is None or not opened.wanted or opened.giving_way:
            return
        yield Note(f"the question for video is taken back: {why}", "caller")
        if wish is None or wish.gave_way:
            yield from self._take_back(WITHDRAWN, why)
            return
        wish.gave_way = opened.giving_way = True
        yield WithdrawOffer(self._call.caller.key)

    def pump(self, free: bool) -> Steps[None]:
        """Ask, if somebody wants it and nothing of the voice is under way (`free`)."""
        if not self._call.talk.video.begun:
            yield from self.begin()
        if (asked := self._call.pending.raising) is not None:
            yield from self._border(asked, self._prepare())
        wish = self._call.talk.video.wish
        if (
            wish is None
            or wish.rests
            or self._call.pending.question is not None
            or not free
            or not self._call.caller.settled
        ):
            return
        try:
            yield from self._ask()
        except PeerError as error:
            yield from self._conclude(FAILED, error.reason)
        except Exception as error:
            yield Log("the question for video failed", {}, error)
            yield from self._conclude(FAILED, "a fault in the gateway; see the log")

    def on_accepted(self, event: OfferAccepted) -> Steps[None]:
        """2xx to our question, or the answer in a reliable provisional response."""
        call, leg, opened, session = self._call, self._call.caller, self._call.pending.question, event.session
        if opened is None:
            return
        try:
            if session is None:
                raise PeerError(event.fault or "it has no session description", 488)
            check_peer_answer(leg.terms.latest, session)
            chosen = plan(session, replace(call.talk.lines, video=opened.index), call.talk.voice.ours(Side.CALLER).host)
        except PeerError as error:
            yield Note(f"the answer to our question for video cannot be used: {error.reason}", leg.name, "alarm")
            yield from self._on_unusable(opened, event.early, error.reason)
            return
        opened.answer, opened.chosen, opened.unusable = session, chosen, False
        if event.early:
            yield from self._agreement.point_side(Side.CALLER, session, chosen.audio)
            yield Note("the phone has answered; its user is being asked", leg.name)
        else:
            yield from self.on_finished()

    def on_overtaken(self) -> Steps[None]:
        """The caller offers anew inside our question, on top of what it has answered early: that counts from now on."""
        opened = self._call.pending.question
        if opened is not None and not opened.overtaken and (opened.answer is not None or opened.unusable):
            opened.overtaken = True
            yield from self._commit(opened)

    def on_finished(self) -> Steps[None]:
        """The last 2xx to our question: what was answered counts."""
        call, opened = self._call, self._call.pending.question
        if opened is None:
            return
        if not opened.overtaken:
            yield from self._commit(opened)
        yield from self._close_offer()
        if opened.unusable:
            yield from self._stop()
            return
        taken, fault = video_runs(self._call), call.talk.lines.video_fault
        if call.caller.terms.theirs.media[opened.index].port and not (taken and opened.wanted):
            yield Note(fault or "accepted after the question was taken back: video is dropped", "caller")
            yield from self._stop()
            if opened.wanted:
                yield from self._conclude(FAILED, f"the phone's video cannot be used: {fault}")
        elif taken:
            yield from self._agreement.settle_caller(call.caller.terms.theirs, call.caller.terms.ours, call.talk.lines)
            yield from self._conclude("accepted", "the caller accepted")
        elif opened.wanted:
            yield from self._conclude(REFUSED, "the caller declined: video was answered with port 0")

    def on_refused(self, event: OfferRefused) -> Steps[None]:
        """The question was refused, or its CANCEL took effect; the session stands as it was."""
        call, wish, opened = self._call, self._call.talk.video.wish, (yield from self._close_offer())
        if opened is None:
            return
        if opened.overtaken:
            yield from self._stop()  # more than the video has changed: only that is undone
        elif opened.answer is not None:  # the voice goes on as it did before the early answer (RFC 6141 §3.4)
            yield from self._agreement.point_side(Side.CALLER, call.caller.terms.theirs, call.talk.lines.audio)
        yield Note(f"our question for video ended with {event.status} {event.reason}", event.leg)
        if event.status in (408, 481):
            yield Post(RefreshFailed(event.leg, event.status, event.reason))  # the dialog may be gone: see converse
        if wish is None or not opened.wanted:
            return
        if event.status == 487 and opened.giving_way:
            return  # asked again by `pump`, once the voice has had its turn
        if event.status == 491:
            yield from self._rest(wish, (yield from self._glare_s(wish)), event)
        elif event.status == 500 and event.retry_after_s is not None:
            yield from self._rest(wish, max(1.0, event.retry_after_s), event)
        else:
            said_no = event.status in DECLINED
            yield from self._conclude(outcome_of(event.status), in_words(event.status, event.reason), said_no)

    def on_collided(self, event: OfferCollided) -> None:
        """The caller offered something at the same moment; was it video, then its own attempt is waited for."""
        call, wish, session = self._call, self._call.talk.video.wish, event.session
        if wish is not None and session is not None and call.leg_of(event) is call.caller:
            wish.collided |= any(media.kind == "video" and media.port for media in session.media)

    def on_consent_late(self) -> Steps[None]:
        """The caller does not answer our question."""
        if self._call.pending.question is not None and self._call.pending.question.wanted:
            limit_s = self._call.settings.consent_limit_s
            yield from self._take_back("no-answer", f"the caller did not answer in {limit_s:.0f} s")

    def on_rested(self) -> None:
        """The caller may be asked again."""
        if self._call.talk.video.wish is not None:
            self._call.talk.video.wish.rests = False

    def follow(self) -> Steps[None]:
        """The caller's session was negotiated anew: its video may have come or gone."""
        remember_line(self._call)
        if self._call.pending.question is not None:
            return  # an UPDATE inside our question: what comes of that tells
        state, runs, sent = self._call.talk.video.view.state, video_runs(self._call), self._call.caller.terms.sent
        if self.dropping:
            if sent is None or any(media.kind == "video" and media.port for media in sent.media):
                return  # it was under way when video was dropped; what says so is still to come
            self._call.talk.video.refused = False
            if state is VideoState.DROPPING:
                yield from show_video(self._call, VideoState.OFF)
                yield Notify("video-dropped", "video is off")
        elif runs and self._call.talk.video.wish is not None:
            yield from self._conclude("accepted", "the caller turned video on")
        elif runs and state is VideoState.OFF:
            yield from show_video(self._call, VideoState.ON, supported=True)
            yield Notify("caller-added-video", "the caller turned video on")
        elif not runs and state is VideoState.ON:
            yield from show_video(self._call, VideoState.OFF)
            yield Notify("caller-dropped-video", "the caller turned video off; the voice goes on")

    def untold(self, status: int, reason: str) -> Steps[None]:
        """The caller would not hear that its video is off; it is told again, and nothing is sent in any case."""
        if self.dropping and self._call.talk.video.view.state is VideoState.DROPPING:
            yield from show_video(
                self._call, VideoState.OFF, reason=f"the phone did not take it yet: {status} {reason}"[:200]
            )
            yield Notify("video-dropped", "video is off on our side")

    def close(self) -> Steps[None]:
        """The call is over."""
        if self._call.talk.video.wish is not None:
            yield from self._conclude(WITHDRAWN, "the call ended")
        yield from show_video(self._call, VideoState.OFF)

    # ---- asking ----

    def _ask(self) -> Steps[None]:
        call, leg = self._call, self._call.caller
        index, line = line_to_offer(call)
        offer = raised(self._agreement.standing(leg, self._agreement.agreed(leg)), index, line)
        offer = with_offered(offer, index) if leg.record.reserves else offer
        # Also where it says what was refused before: a phone may take the same version for something that it knows.
        offer = with_origin(offer, leg.terms.latest.origin.next())
        check_reoffer(leg.terms.latest, offer, leg.terms.ours)
        call.talk.video.line, call.talk.video.index = line, index
        self._call.pending.question = Question(index)
        self._call.talk.video.refused = False
        yield SendOffer(leg.key, offer)
        yield SetAlarm(call.settings.consent_limit_s, _CONSENT)
        yield Notify("asking", "the caller is being asked for video on the phone")

    def _close_offer(self) -> Steps[Question | None]:
        opened, self._call.pending.question = self._call.pending.question, None
        yield StopAlarm(_CONSENT)
        return opened

    def _take_back(self, outcome: str, reason: str) -> Steps[None]:
        """Nobody waits for the answer any more. A 200 that crosses the CANCEL is followed by the downgrade."""
        if self._call.pending.question is not None:
            self._call.pending.question.wanted = False
            yield WithdrawOffer(self._call.caller.key)
        yield from self._conclude(outcome, reason)

    def _rest(self, wish: Wish, delay_s: float, event: OfferRefused) -> Steps[None]:
        """The phone is busy with an offer of its own: ask again in a while."""
        wish.tries += 1
        if wish.tries >= _TRIES:
            yield from self._conclude(
                FAILED, f"the phone was about to change the call itself, each time ({event.status})"
            )
            return
        wish.rests = True
        yield Note(f"the phone is asked again in {delay_s:.1f} s", "caller")
        yield SetAlarm(delay_s, _AGAIN)

    def _glare_s(self, wish: Wish) -> Steps[float]:
        """RFC 3261 §14.1: who does not own the Call-ID waits up to 2 s; longer where the caller wants video too."""
        return (_ITS_TURN_S if wish.collided else 0.0) + (yield from DrawPause(self._call.caller.key))

    def _commit(self, opened: Question) -> Steps[None]:
        """Our question, and its answer where that can be used, are in force at the phone, and now here."""
        leg = self._call.caller
        leg.terms.note_accepted()
        if opened.answer is not None and opened.chosen is not None:
            yield from self._agreement.settle_caller(opened.answer, leg.terms.ours, opened.chosen)
            yield from self._agreement.heed_answer(leg, opened.answer)

    def _on_unusable(self, opened: Question, early: bool, reason: str) -> Steps[None]:
        """An answer that breaks the rules: the picture is given up, and the caller is told what stands."""
        if opened.wanted:
            yield from self._conclude(FAILED, f"the phone's answer cannot be used: {reason}")
        opened.wanted = False
        opened.unusable = True
        if early:  # our line counts there until the end of the question tells
            yield WithdrawOffer(self._call.caller.key)
        else:
            yield from self.on_finished()

    def _stop(self) -> Steps[None]:
        """No picture goes to the caller or comes from it; it is told so by an offer of our own."""
        call, leg = self._call, self._call.caller
        remember_line(self._call)
        leg.terms.local = dropped(leg.terms.ours)
        self._call.talk.video.refused = True
        yield from self._agreement.settle_caller(
            leg.terms.theirs, leg.terms.ours, replace(call.talk.lines, video=None, video_format=None)
        )
        call.owe(leg)

    # ---- what is known ----

    def begin(self) -> Steps[None]:
        """Read what the call's first answer said of video; it may still wait for PRACKs and resources."""
        call = self._call
        if not self._call.talk.video.begun and call.caller.terms.local is not None:
            self._call.talk.video.begun = True
            remember_line(self._call)
            state = VideoState.ON if video_runs(self._call) else call.talk.video.view.state
            yield from show_video(self._call, state, supported=at_first(call.talk.facts, call.talk.plan))
            if self._call.talk.video.wish is not None and video_runs(self._call):
                yield from self._conclude("accepted", "the caller has had video on")

    def _conclude(self, outcome: str, reason: str, said_no: bool = False) -> Steps[None]:
        """The question has its outcome. `said_no`: it is the word of a person, who is not asked in another way."""
        wish, self._call.talk.video.wish = self._call.talk.video.wish, None
        yield StopAlarm(_AGAIN)
        yield Count(Counted.VIDEO_QUESTIONS, outcome)
        supported = {"accepted": True, UNSUPPORTED: False}.get(outcome, self._call.talk.video.view.supported)
        yield from show_video(
            self._call, VideoState.ON if outcome == "accepted" else VideoState.OFF, outcome, reason, supported
        )
        yield Notify(f"video-{outcome}", reason)
        if wish is not None and wish.link is not None and not said_no and outcome not in ("accepted", WITHDRAWN):
            yield WantLink(wish.by, wish.link, reason)
