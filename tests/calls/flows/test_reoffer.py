"""Re-offers of an answered call, step by step: exactly what is done for each event, in each order."""

from __future__ import annotations

import pytest

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.events import TimeUp
from splitter.calls.leg_events import Acknowledged, OfferAccepted, Offered, OfferRefused, OfferWithdrawn, RefreshFailed
from splitter.calls.states import Side
from splitter.calls.talk.commands import (
    AnswerOffer,
    Command,
    DeclineOffer,
    DrawPause,
    EndDialogs,
    Post,
    RefuseInvite,
    SendOffer,
    SetAlarm,
    StopAlarm,
    WithdrawOffer,
)
from splitter.calls.talk.media_commands import PointVoice, SettleVideo
from splitter.sdp.model import Session
from tests.calls.flows.playbook import (
    CALLER,
    CENTRE,
    Playbook,
    caller_end,
    centre_end,
    from_caller,
    from_centre,
    to_caller,
    to_centre,
)

LIMIT = Alarm(AlarmKind.CONSULT)
ASKED = SetAlarm(20.0, LIMIT)
ANSWERED = StopAlarm(LIMIT)


def caller_settled(said: Session, ours: Session) -> tuple[Command[None], ...]:
    """The caller's voice goes on as agreed, and the room does what was agreed on."""
    end = None if said.is_hold(0) else caller_end(said.media[0].port)
    return PointVoice(Side.CALLER, end), SettleVideo("caller", said, ours, 1)


def held_by_caller(book: Playbook) -> None:
    """The caller has put the call on hold; the centre is being asked."""
    book.happens(Offered(CALLER, "t1", from_caller("sendonly")))
    book.does(ASKED, SendOffer(CENTRE, to_centre(2, "sendonly")))


def held_by_centre(book: Playbook) -> None:
    """The centre has put the call on hold; the caller is being asked."""
    book.happens(Offered(CENTRE, "t1", from_centre("sendonly")))
    book.does(ASKED, SendOffer(CALLER, to_caller(2, "sendonly")))


class TestAbsorbed:
    def test_the_caller_has_moved(self) -> None:
        book, said = Playbook(), from_caller(port=30100)
        book.happens(Offered(CALLER, "t1", said))
        ours = to_caller(1)
        book.does(AnswerOffer(CALLER, "t1", ours), *caller_settled(said, ours))

    def test_the_centre_has_moved(self) -> None:
        book = Playbook()
        book.happens(Offered(CENTRE, "t1", from_centre(port=20100)))
        book.does(AnswerOffer(CENTRE, "t1", to_centre(1)), PointVoice(Side.CENTRE, centre_end(20100)))

    def test_an_offer_that_was_cancelled_meanwhile_changes_nothing(self) -> None:
        book = Playbook(replies={AnswerOffer: False})
        book.happens(Offered(CALLER, "t1", from_caller(port=30100)))
        book.does(AnswerOffer(CALLER, "t1", to_caller(1)))
        assert book.caller.terms.remote == from_caller() and book.caller.terms.local == to_caller(1)

    def test_a_peer_that_asks_for_an_offer_gets_what_the_other_one_wants(self) -> None:
        book = Playbook()
        book.happens(Offered(CALLER, "t1", None))
        book.does(AnswerOffer(CALLER, "t1", to_caller(1)))
        said = from_caller()
        book.happens(Acknowledged(CALLER, said))
        book.does(*caller_settled(said, to_caller(1)))

    def test_its_answer_in_the_ack_cannot_be_read(self) -> None:
        book = Playbook()
        book.happens(Offered(CALLER, "t1", None))
        book.does(AnswerOffer(CALLER, "t1", to_caller(1)))
        book.happens(Acknowledged(CALLER, None, "it is no SDP"))
        book.does(ASKED, SendOffer(CALLER, to_caller(1)))
        assert book.notes[0] == "the answer in ACK cannot be used: it is no SDP"


class TestRelayed:
    def test_hold_of_the_caller(self) -> None:
        book = Playbook()
        held_by_caller(book)
        book.happens(OfferAccepted(CENTRE, from_centre("recvonly")))
        ours, said = to_caller(2, "recvonly"), from_caller("sendonly")
        book.does(
            ANSWERED,
            AnswerOffer(CALLER, "t1", ours),
            PointVoice(Side.CENTRE, centre_end()),
            *caller_settled(said, ours),
        )
        assert book.call.pending.empty

    def test_hold_of_the_centre(self) -> None:
        book = Playbook()
        held_by_centre(book)
        said = from_caller("recvonly")
        book.happens(OfferAccepted(CALLER, said))
        book.does(
            ANSWERED,
            AnswerOffer(CENTRE, "t1", to_centre(2, "recvonly")),
            PointVoice(Side.CENTRE, centre_end()),
            *caller_settled(said, to_caller(2, "sendonly")),
        )
        assert book.call.pending.empty

    @pytest.mark.parametrize(("status", "told"), [(488, 488), (486, 486), (481, 500), (408, 500)])
    def test_what_refuses_it_crosses_unless_it_says_that_a_peer_is_gone(self, status: int, told: int) -> None:
        book = Playbook()
        held_by_centre(book)
        book.happens(OfferRefused(CALLER, status, "no"))
        if status == 481:
            assert book.call.over  # that side does not know the call any more
            return
        headers = [("Retry-After", "3")] if told == 500 else []
        book.does(ANSWERED, DeclineOffer(CENTRE, "t1", told, f"the other side: {status} no", headers))
        assert book.call.pending.empty

    def test_the_asked_side_no_longer_knows_the_call(self) -> None:
        book = Playbook()
        held_by_caller(book)
        book.happens(OfferRefused(CENTRE, 481, "gone"))
        reason = "the centre no longer knows the call"
        book.does(ANSWERED, RefuseInvite(CALLER, 480, reason), EndDialogs(()))
        assert book.call.over

    def test_an_answer_that_cannot_be_read_is_a_refusal_and_the_old_state_is_offered(self) -> None:
        book = Playbook()
        held_by_caller(book)
        book.happens(OfferAccepted(CENTRE, None, fault="it is no SDP"))
        declined = DeclineOffer(CALLER, "t1", 488, "it is no SDP", [])
        book.does(ANSWERED, declined, ASKED, SendOffer(CENTRE, to_centre(3)))

    def test_the_asker_has_hung_up_meanwhile(self) -> None:
        book = Playbook(replies={AnswerOffer: False})
        held_by_caller(book)
        book.happens(OfferAccepted(CENTRE, from_centre("recvonly")))
        book.does(
            ANSWERED,
            AnswerOffer(CALLER, "t1", to_caller(2, "recvonly")),
            ASKED,
            SendOffer(CENTRE, to_centre(3)),
        )
        assert (book.centre.terms.local, book.centre.terms.remote) == (to_centre(1), from_centre())


class TestCommitted:
    """What legs report counts once a step has taken it over."""

    def test_the_other_side_has_accepted_what_was_relayed(self) -> None:
        book = Playbook()
        held_by_caller(book)
        assert book.centre.terms.local == to_centre(1)
        book.happens_quietly(OfferAccepted(CENTRE, from_centre("recvonly")))
        assert (book.centre.terms.local, book.centre.terms.remote) == (
            to_centre(2, "sendonly"),
            from_centre("recvonly"),
        )
        assert (book.caller.terms.local, book.caller.terms.remote) == (
            to_caller(2, "recvonly"),
            from_caller("sendonly"),
        )
        assert book.centre.terms.local_is_offer and not book.caller.terms.local_is_offer

    def test_it_has_accepted_what_is_not_wanted_any_more(self) -> None:
        book = Playbook()
        held_by_caller(book)
        book.happens_quietly(OfferWithdrawn(CALLER, "t1"))
        book.happens_quietly(OfferAccepted(CENTRE, from_centre("recvonly")))
        assert (book.centre.terms.local, book.centre.terms.remote) == (to_centre(1), from_centre())
        book.happens_quietly(OfferAccepted(CENTRE, from_centre()))
        assert book.centre.terms.local == to_centre(3)

    def test_an_offer_of_ours_was_accepted_with_an_answer_that_cannot_be_read(self) -> None:
        book = Playbook()
        book.happens_quietly(TimeUp(Alarm(AlarmKind.OFFER_AGAIN, "centre")))
        book.happens(OfferAccepted(CENTRE, None, fault="it is no SDP"))
        book.does(ANSWERED, SetAlarm(2.0, Alarm(AlarmKind.OFFER_AGAIN, "centre")))
        assert book.centre.terms.local == to_centre(1)

    def test_a_peer_that_leaves_a_line_out_has_turned_it_off(self) -> None:
        book = Playbook()
        book.happens(Offered(CALLER, "t1", from_caller(port=30100, video=None)))
        whole, answer = from_caller(port=30100, video=0), book.caller.terms.ours
        assert [line.port for line in answer.media] == [40000, 0]
        assert book.notes[0].startswith("overlooked: 1 m-lines follow 2 (RFC 3264")
        assert [line.port for line in book.caller.terms.theirs.media] == [line.port for line in whole.media]


class TestWithdrawn:
    def test_before_the_answer(self) -> None:
        book = Playbook()
        held_by_caller(book)
        book.happens(OfferWithdrawn(CALLER, "t1", "SIP;cause=487"))
        book.does(WithdrawOffer(CENTRE, "SIP;cause=487"))
        book.happens(OfferRefused(CENTRE, 487, "Request Terminated"))
        book.does(ANSWERED)
        assert book.call.pending.empty

    def test_an_answer_that_crosses_is_taken_back(self) -> None:
        book = Playbook()
        held_by_caller(book)
        book.happens(OfferWithdrawn(CALLER, "t1"))
        book.does(WithdrawOffer(CENTRE))
        book.happens(OfferAccepted(CENTRE, from_centre("recvonly")))
        book.does(ANSWERED, ASKED, SendOffer(CENTRE, to_centre(3)))

    def test_while_it_waits_for_its_turn(self) -> None:
        book = Playbook()
        held_by_caller(book)
        book.happens(Offered(CALLER, "t2", from_caller("inactive")))
        book.does()
        book.happens(OfferWithdrawn(CALLER, "t2"))
        book.does()
        assert not book.call.pending.put_aside


class TestLate:
    def test_nobody_answers_in_time(self) -> None:
        book = Playbook()
        held_by_caller(book)
        book.happens(TimeUp(LIMIT))
        declined = DeclineOffer(CALLER, "t1", 500, "the other side does not answer", [("Retry-After", "3")])
        book.does(declined, WithdrawOffer(CENTRE))

    def test_what_is_answered_after_that_is_taken_back(self) -> None:
        book = Playbook()
        held_by_caller(book)
        book.happens(TimeUp(LIMIT))
        book.done.clear()
        book.happens(OfferAccepted(CENTRE, from_centre("recvonly")))
        book.does(ANSWERED, ASKED, SendOffer(CENTRE, to_centre(3)))


class TestGlare:
    def test_of_two_that_wait_for_each_other_one_has_to_try_again(self) -> None:
        book = Playbook()
        book.centre.settled = False  # an ACK of it is on its way
        book.happens(Offered(CALLER, "t1", from_caller("sendonly")))
        book.does()
        book.happens(Offered(CENTRE, "t2", from_centre("sendonly")))
        reason = "both sides offered a change at the same time"
        book.does(DeclineOffer(CENTRE, "t2", 491, reason), ASKED, SendOffer(CENTRE, to_centre(2, "sendonly")))

    def test_an_offer_of_ours_that_met_another_is_sent_again(self) -> None:
        book = Playbook()
        book.call.owe(book.centre)
        book.happens(TimeUp(Alarm(AlarmKind.OFFER_AGAIN, "centre")))
        book.does(ASKED, SendOffer(CENTRE, to_centre(1)))
        book.happens(OfferRefused(CENTRE, 491, "Request Pending"))
        again = Alarm(AlarmKind.OFFER_AGAIN, "centre")
        book.does(ANSWERED, DrawPause(CENTRE), SetAlarm(1.0, again))
        book.happens(TimeUp(again))
        book.does(ASKED, SendOffer(CENTRE, to_centre(1)))


class TestOwnOffers:
    def test_a_peer_that_does_not_take_our_ports_is_doubted_and_asked_again(self) -> None:
        book = Playbook()
        book.call.owe(book.centre)
        book.happens(TimeUp(Alarm(AlarmKind.OFFER_AGAIN, "centre")))
        book.done.clear()
        book.happens(OfferRefused(CENTRE, 488, "Not Acceptable Here"))
        failed = RefreshFailed(CENTRE, 488, "Not Acceptable Here")
        book.does(ANSWERED, Post(failed), SetAlarm(2.0, Alarm(AlarmKind.OFFER_AGAIN, "centre")))
        assert book.notes[-1] == "the peer does not know our new ports"
