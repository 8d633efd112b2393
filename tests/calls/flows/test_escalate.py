"""The caller is asked for video, step by step: exactly what is done for each event, in each order."""

from __future__ import annotations

import pytest

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.asks import Asked, DropVideo, RaiseVideo
from splitter.calls.events import HangupAsked, RoomPrepared, TimeUp
from splitter.calls.leg_events import OfferAccepted, OfferCollided, Offered, OfferRefused, Refreshed
from splitter.calls.states import Side, VideoState
from splitter.calls.talk.commands import (
    AnswerAsk,
    AnswerOffer,
    Count,
    Counted,
    DenyAsk,
    DrawPause,
    EndDialogs,
    JudgeLoad,
    Notify,
    RefuseInvite,
    SendOffer,
    SendUpdate,
    SetAlarm,
    StopAlarm,
    WithdrawOffer,
)
from splitter.calls.talk.media_commands import PointVoice, PrepareRoom, SettleVideo
from tests.calls.flows.playbook import (
    CALLER,
    CENTRE,
    Playbook,
    PlayedReply,
    caller_end,
    centre_end,
    from_caller,
    from_centre,
    to_caller,
    to_centre,
)

BY = "agent 7001"
CONSENT, AGAIN, LIMIT = Alarm(AlarmKind.CONSENT), Alarm(AlarmKind.ASK_AGAIN), Alarm(AlarmKind.CONSULT)
ASKING = Notify("asking", "the caller is being asked for video on the phone")


def concluded(outcome: str, reason: str) -> tuple[StopAlarm | Count | SetAlarm | Notify, ...]:
    """The question has its outcome; video that was agreed on should come soon."""
    late = (SetAlarm(5.0, Alarm(AlarmKind.PICTURE)),) if outcome == "accepted" else ()
    return StopAlarm(AGAIN), Count(Counted.VIDEO_QUESTIONS, outcome), *late, Notify(f"video-{outcome}", reason)


def wanted(ask: RaiseVideo | DropVideo) -> Asked:
    return Asked(ask, PlayedReply())


def asked(book: Playbook) -> None:
    """A desk wants video, and the caller's phone asks its user."""
    ask = wanted(RaiseVideo(BY))
    book.happens(ask)
    offer = book.caller.terms.latest
    book.does(JudgeLoad(), AnswerAsk(ask), SendOffer(CALLER, offer), SetAlarm(45.0, CONSENT), ASKING)
    assert [(line.kind, line.port) for line in offer.media] == [("audio", 40000), ("video", 40200)]
    assert offer.origin.version == 2
    assert book.shown == (VideoState.ASKING, "")


def voice_alone() -> Playbook:
    return Playbook(video=False)


class TestAsked:
    def test_without_a_room_it_is_prepared_first(self) -> None:
        book = Playbook(video=False, room=False)
        ask = wanted(RaiseVideo(BY))
        book.happens(ask)
        book.does(JudgeLoad(), PrepareRoom("access"), SetAlarm(0.2, Alarm(AlarmKind.ROOM)))
        assert book.shown == (VideoState.OFF, "")

    @pytest.mark.parametrize("late", [True, False])
    def test_without_a_room_in_time_it_is_denied(self, late: bool) -> None:
        book = Playbook(video=False, room=False)
        ask = wanted(RaiseVideo(BY))
        book.happens(ask)
        book.done.clear()
        book.call.pending.room = late
        book.happens(TimeUp(Alarm(AlarmKind.ROOM)) if late else RoomPrepared())
        book.does(DenyAsk(ask, 503, "no-media", "no media resources for video"))

    def test_while_it_is_asked_already(self) -> None:
        book = voice_alone()
        asked(book)
        ask = wanted(RaiseVideo(BY))
        book.happens(ask)
        book.does(DenyAsk(ask, 409, "asking", "the caller is being asked already"))

    def test_while_it_is_on_already(self) -> None:
        book = Playbook()
        ask = wanted(RaiseVideo(BY))
        book.happens(ask)
        book.does(DenyAsk(ask, 409, "on", "video is on already"))

    def test_under_load(self) -> None:
        book = Playbook(video=False, replies={JudgeLoad: "the host is busy"})
        ask = wanted(RaiseVideo(BY))
        book.happens(ask)
        book.does(JudgeLoad(), DenyAsk(ask, 503, "overloaded", "the host is busy"))

    def test_it_waits_until_the_dialog_is_free(self) -> None:
        book = voice_alone()
        book.caller.settled = False
        ask = wanted(RaiseVideo(BY))
        book.happens(ask)
        book.does(JudgeLoad(), AnswerAsk(ask))
        book.caller.settled = True
        book.happens(Refreshed(CALLER))
        book.does(SendOffer(CALLER, book.caller.terms.latest), SetAlarm(45.0, CONSENT), ASKING)


class TestAnswered:
    def test_with_video(self) -> None:
        book = voice_alone()
        asked(book)
        said, ours = from_caller(), book.caller.terms.latest
        book.happens(OfferAccepted(CALLER, said))
        book.does(
            PointVoice(Side.CALLER, caller_end()),
            SettleVideo("caller", said, ours, None),  # not before the last 2xx
            StopAlarm(CONSENT),
            PointVoice(Side.CALLER, caller_end()),
            SettleVideo("caller", said, ours, 1),
            *concluded("accepted", "the caller accepted"),
        )
        assert book.shown == (VideoState.ON, "accepted")
        assert book.call.pending.empty

    def test_with_port_0(self) -> None:
        book = voice_alone()
        asked(book)
        said, ours = from_caller(video=0), book.caller.terms.latest
        book.happens(OfferAccepted(CALLER, said))
        reason = "the caller declined: video was answered with port 0"
        book.does(
            PointVoice(Side.CALLER, caller_end()),
            SettleVideo("caller", said, ours, None),
            StopAlarm(CONSENT),
            *concluded("refused", reason),
        )
        assert book.shown == (VideoState.OFF, "refused")

    def test_early_while_its_user_is_asked_and_then_for_good(self) -> None:
        book = voice_alone()
        asked(book)
        said, ours = from_caller(), book.caller.terms.latest
        book.happens(OfferAccepted(CALLER, said, early=True))
        book.does(PointVoice(Side.CALLER, caller_end()))
        assert book.shown == (VideoState.ASKING, "")
        assert [len(session.media) for session in (book.caller.terms.ours, book.caller.terms.theirs)] == [1, 1]
        book.caller.settled = True
        book.happens(Refreshed(CALLER, offer_done=True))
        book.does(
            PointVoice(Side.CALLER, caller_end()),
            SettleVideo("caller", said, ours, None),
            StopAlarm(CONSENT),
            PointVoice(Side.CALLER, caller_end()),
            SettleVideo("caller", said, ours, 1),
            *concluded("accepted", "the caller accepted"),
        )

    def test_early_and_then_refused_the_session_is_what_it_was(self) -> None:
        book = voice_alone()
        before, ours = book.caller.terms.theirs, book.caller.terms.ours
        asked(book)
        book.happens(OfferAccepted(CALLER, from_caller(port=30100), early=True))
        book.does(PointVoice(Side.CALLER, caller_end(30100)))
        assert (book.caller.terms.remote, book.caller.terms.local) == (before, ours)
        book.happens(OfferRefused(CALLER, 603, "Decline"))
        book.does(
            StopAlarm(CONSENT),
            PointVoice(Side.CALLER, caller_end()),  # where it receives without the question
            *concluded("refused", book.call.talk.video.view.reason),
        )
        assert (book.caller.terms.remote, book.caller.terms.local) == (before, ours)

    @pytest.mark.parametrize("accepted", [True, False])
    def test_early_and_then_the_phone_moves_its_voice(self, accepted: bool) -> None:
        book = voice_alone()
        asked(book)
        book.happens_quietly(OfferAccepted(CALLER, from_caller(), early=True))
        said = from_caller(port=30100)
        book.happens_quietly(Offered(CALLER, "t1", said))  # in an UPDATE; it agrees on the video as well
        book.caller.settled = True
        if accepted:
            book.happens_quietly(Refreshed(CALLER, offer_done=True))
            assert book.shown == (VideoState.ON, "accepted")
        else:
            book.happens_quietly(OfferRefused(CALLER, 603, "Decline"))
            assert book.caller.terms.latest.media[1].port == 0  # it is told that the video alone is off again
        assert book.caller.terms.theirs == said

    @pytest.mark.parametrize("accepted", [True, False])
    def test_early_with_an_answer_that_cannot_be_read(self, accepted: bool) -> None:
        book = voice_alone()
        before = book.caller.terms.ours
        asked(book)
        book.happens(OfferAccepted(CALLER, None, early=True, fault="it is no SDP"))
        reason = "the phone's answer cannot be used: it is no SDP"
        book.does(*concluded("failed", reason), WithdrawOffer(CALLER))
        book.caller.settled = True
        if accepted:  # the CANCEL came too late: our line of video counts there
            book.happens_quietly(Refreshed(CALLER, offer_done=True))
            assert [line.port for line in book.caller.terms.latest.media] == [40000, 0]
        else:
            book.happens(OfferRefused(CALLER, 487, "Request Terminated"))
            book.does(StopAlarm(CONSENT))
            assert book.caller.terms.ours == before


class TestRefused:
    @pytest.mark.parametrize(
        ("status", "outcome"), [(603, "refused"), (486, "refused"), (488, "unsupported"), (408, "failed")]
    )
    def test_by_the_phone_or_its_user(self, status: int, outcome: str) -> None:
        book = voice_alone()
        asked(book)
        book.happens(OfferRefused(CALLER, status, "no"))
        assert book.shown == (VideoState.OFF, outcome)
        done = [command for command in book.done if isinstance(command, Notify | Count)]
        assert done == [*concluded(outcome, book.call.talk.video.view.reason)[1:]]

    def test_no_answer_in_time_and_the_200_crosses_our_cancel(self) -> None:
        book = voice_alone()
        asked(book)
        book.happens(TimeUp(CONSENT))
        book.does(WithdrawOffer(CALLER), *concluded("no-answer", "the caller did not answer in 45 s"))
        said, offered = from_caller(), book.caller.terms.latest
        book.happens(OfferAccepted(CALLER, said))
        dropped = book.caller.terms.ours
        assert dropped.media[1].port == 0
        book.does(
            PointVoice(Side.CALLER, caller_end()),
            SettleVideo("caller", said, offered, None),
            StopAlarm(CONSENT),
            PointVoice(Side.CALLER, caller_end()),
            SettleVideo("caller", said, dropped, None),
            SetAlarm(20.0, LIMIT),
            SendUpdate(CALLER, book.caller.terms.latest),  # nobody need consent to that
        )
        assert book.caller.terms.latest.media[1].port == 0

    def test_taken_back_by_a_desk(self) -> None:
        book = voice_alone()
        asked(book)
        ask = wanted(DropVideo(BY))
        book.happens(ask)
        book.does(AnswerAsk(ask), WithdrawOffer(CALLER), *concluded("withdrawn", f"taken back by {BY}"))

    def test_the_call_ends_meanwhile(self) -> None:
        book = voice_alone()
        asked(book)
        book.happens(HangupAsked("an operator"))
        book.does(RefuseInvite(CALLER, 480, "an operator"), EndDialogs(()))
        book.finish()
        book.does(*concluded("withdrawn", "the call ended"))


class TestCollided:
    def test_it_is_asked_again_after_a_pause(self) -> None:
        book = voice_alone()
        asked(book)
        book.happens(OfferRefused(CALLER, 491, "Request Pending"))
        book.does(StopAlarm(CONSENT), DrawPause(CALLER), SetAlarm(1.0, AGAIN))
        assert book.shown == (VideoState.ASKING, "")
        book.happens(TimeUp(AGAIN))
        book.does(SendOffer(CALLER, book.caller.terms.latest), SetAlarm(45.0, CONSENT), ASKING)

    def test_with_an_offer_of_video_the_callers_own_attempt_is_waited_for(self) -> None:
        book = voice_alone()
        asked(book)
        book.happens(OfferCollided(CALLER, from_caller()))
        book.does()
        book.happens(OfferRefused(CALLER, 491, "Request Pending"))
        book.does(StopAlarm(CONSENT), DrawPause(CALLER), SetAlarm(5.1, AGAIN))

    def test_three_times_it_is_given_up(self) -> None:
        book = voice_alone()
        asked(book)
        for _ in range(2):
            book.happens(OfferRefused(CALLER, 491, "Request Pending"))
            book.happens_quietly(TimeUp(AGAIN))
        book.happens(OfferRefused(CALLER, 491, "Request Pending"))
        reason = "the phone was about to change the call itself, each time (491)"
        book.does(StopAlarm(CONSENT), DrawPause(CALLER), *concluded("failed", reason))


class TestGivesWay:
    def test_to_a_hold_of_the_centre_and_is_asked_once_more(self) -> None:
        book = voice_alone()
        asked(book)
        book.happens(Offered(CENTRE, "t1", from_centre("sendonly")))
        book.does(WithdrawOffer(CALLER))
        book.happens(OfferRefused(CALLER, 487, "Request Terminated"))
        hold = book.caller.terms.latest
        assert hold.media[0].direction == "sendonly" and len(hold.media) == 1
        book.does(StopAlarm(CONSENT), SetAlarm(20.0, LIMIT), SendOffer(CALLER, hold))
        said = from_caller("recvonly", video=None)
        book.happens(OfferAccepted(CALLER, said))
        again = book.caller.terms.latest
        assert again.media[1].port == 40200
        book.does(
            StopAlarm(LIMIT),
            AnswerOffer(CENTRE, "t1", to_centre(2, "recvonly")),
            PointVoice(Side.CENTRE, centre_end()),
            PointVoice(Side.CALLER, caller_end()),
            SettleVideo("caller", said, hold, None),
            SendOffer(CALLER, again),
            SetAlarm(45.0, CONSENT),
            ASKING,
        )

    def test_once_only(self) -> None:
        book = voice_alone()
        asked(book)
        wish = book.call.talk.video.wish
        assert wish is not None
        wish.gave_way = True
        book.happens(Offered(CENTRE, "t1", from_centre("sendonly")))
        why = "the centre wants a change that concerns the caller"
        book.does(WithdrawOffer(CALLER), *concluded("withdrawn", why))


class TestDropped:
    def test_video_stops_at_once_and_the_caller_is_told(self) -> None:
        book = Playbook()
        ask = wanted(DropVideo(BY))
        book.happens(ask)
        off = to_caller(2, video=0)
        book.does(
            AnswerAsk(ask),
            PointVoice(Side.CALLER, caller_end()),
            SettleVideo("caller", from_caller(), book.caller.terms.ours, None),
            SetAlarm(20.0, LIMIT),
            SendUpdate(CALLER, book.caller.terms.latest),
        )
        assert [line.port for line in book.caller.terms.latest.media] == [line.port for line in off.media]
        assert book.shown[0] is VideoState.DROPPING
        book.happens(OfferAccepted(CALLER, from_caller(video=0)))
        assert Notify("video-dropped", "video is off") in book.done
        assert book.shown[0] is VideoState.OFF
