from __future__ import annotations

import asyncio

import pytest

from splitter.sip.parse import MalformedRequest, parse_message
from splitter.telemetry import trace
from splitter.telemetry.trace import Recorder, Subscription, TraceEvent
from tests.garbage import held_by
from tests.telemetry.kit import FLOW, INVITE, ListSink, VirtualClock, data, message


class Scene:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.sink = ListSink()
        self.recorder = Recorder(self.sink, self.clock)

    def passes(self, direction: str, first: str, sip_call_id: str = "a@x", **more: str) -> None:
        parsed, raw = message(first, sip_call_id, **more)
        self.recorder.message(direction, FLOW, parsed, raw)


class TestBinding:
    def test_messages_of_a_bound_leg_are_the_calls(self) -> None:
        scene = Scene()
        scene.recorder.bind("a@x", "call1", "caller")
        scene.passes("in", INVITE)
        (event,) = scene.sink.events
        assert event == TraceEvent(
            "call1",
            scene.clock.wall(),
            "caller",
            "message",
            "in",
            "access/udp 10.0.0.1:5060",
            "INVITE",
            event.data,
            1,
            event.local,
        )
        assert event.data.startswith(b"INVITE sip:110@10.0.0.9 SIP/2.0\r\n")

    def test_the_invite_that_passed_before_its_call_was_made_is_attached(self) -> None:
        scene = Scene()
        scene.passes("in", INVITE)
        scene.passes("out", "SIP/2.0 100 Trying")
        assert scene.sink.events == []
        scene.recorder.bind("a@x", "call1", "caller")
        scene.recorder.event("call1", "", "state", "routing")
        assert scene.sink.told() == [
            ("call1", "caller", "INVITE"),
            ("call1", "caller", "100 Trying"),
            ("call1", "", "routing"),
        ]
        assert [event.seq for event in scene.sink.events] == [1, 2, 3]

    def test_the_answer_to_a_malformed_call_id_is_recorded_as_any_other(self) -> None:
        """RFC 3261 §8.2.6.2: the 400 echoes what came."""
        scene = Scene()
        request = data(INVITE, "not a call id")
        with pytest.raises(MalformedRequest) as caught:
            parse_message(request)
        answer = caught.value.response()
        assert answer is not None
        scene.recorder.message("out", FLOW, answer, answer.serialize())
        assert len(scene.recorder) == 1

    def test_legs_are_told_apart_by_their_call_ids(self) -> None:
        scene = Scene()
        scene.recorder.bind("a@x", "call1", "caller")
        scene.recorder.bind("b@x", "call1", "centre")
        scene.recorder.bind("c@x", "call2", "caller")
        for sip_call_id in ("c@x", "b@x", "a@x"):
            scene.passes("in", "SIP/2.0 200 OK", sip_call_id)
        assert scene.sink.told() == [
            ("call2", "caller", "200 OK"),
            ("call1", "centre", "200 OK"),
            ("call1", "caller", "200 OK"),
        ]
        assert [event.seq for event in scene.sink.events] == [1, 1, 2]

    def test_the_last_messages_after_the_end_are_still_the_calls(self) -> None:
        scene = Scene()
        scene.recorder.bind("a@x", "call1", "caller")
        scene.recorder.unbind("call1")
        scene.clock.time += 31  # a retransmission within 64·T1
        scene.passes("in", "SIP/2.0 200 OK", cseq="2 BYE")
        assert scene.sink.told() == [("call1", "caller", "200 OK")]

    def test_unbinding_what_is_not_there_is_no_error(self) -> None:
        Scene().recorder.unbind("never")


class TestNothingIsLeftBehind:
    def test_calls_that_ended_are_forgotten_after_a_while(self) -> None:
        scene = Scene()
        scene.recorder.bind("last@x", "last", "caller")
        held = held_by(scene.recorder)
        for number in range(1000):
            scene.recorder.bind(f"{number}@x", f"call{number}", "caller")
            scene.recorder.unbind(f"call{number}")
        assert len(scene.recorder) == 1001
        scene.clock.time += trace.LINGER_S
        scene.recorder.bind("last@x", "last", "caller")
        assert len(scene.recorder) == 1
        assert held_by(scene.recorder) == held

    def test_a_call_id_that_was_taken_over_stays_with_its_new_call(self) -> None:
        scene = Scene()
        scene.recorder.bind("a@x", "call1", "caller")
        scene.recorder.unbind("call1")
        scene.clock.time += 20
        scene.recorder.bind("a@x", "call2", "caller")  # a phone that uses its Call-ID again
        scene.clock.time += 25
        scene.recorder.bind("b@x", "call3", "caller")  # call1 expires here
        scene.passes("in", INVITE)
        assert scene.sink.told() == [("call2", "caller", "INVITE")]

    def test_two_calls_with_one_call_id_do_not_mix(self) -> None:
        """A phone that uses its Call-ID again at once: the last messages of its first call still pass."""
        scene = Scene()
        scene.passes("in", INVITE)
        scene.recorder.bind("a@x", "call1", "caller", "1")
        scene.recorder.unbind("call1")
        again, raw = message(INVITE, "a@x", cseq="2 INVITE", more="X: 1\n")
        again.headers.set("From", "<sip:138@x>;tag=2")
        scene.recorder.message("in", FLOW, again, raw)
        assert [told[0] for told in scene.sink.told()] == ["call1"], "nobody knows yet whose it is"
        scene.recorder.bind("a@x", "call2", "caller", "2")
        scene.passes("in", "BYE sip:x SIP/2.0", to=";tag=9", cseq="3 BYE")  # of the first one
        stray, raw = message("BYE sip:x SIP/2.0", "a@x", to=";tag=9", cseq="3 BYE")
        stray.headers.set("From", "<sip:138@x>;tag=other")
        scene.recorder.message("in", FLOW, stray, raw)
        assert [(told[0], told[2]) for told in scene.sink.told()] == [
            ("call1", "INVITE"),
            ("call2", "INVITE"),
            ("call1", "BYE"),
            ("call2", "BYE"),
        ], "whose tag nobody knows is the latest one's"
        scene.clock.time += 1000
        scene.recorder.unbind("call2")
        scene.clock.time += 1000
        scene.recorder.bind("last@x", "last", "caller", "1")
        fresh = Scene()
        fresh.recorder.bind("last@x", "last", "caller", "1")
        assert held_by(scene.recorder) == held_by(fresh.recorder)

    def test_a_call_that_was_bound_again_does_not_expire(self) -> None:
        scene = Scene()
        scene.recorder.event("call1", "", "note", "before the first leg")
        scene.recorder.bind("a@x", "call1", "caller")
        scene.clock.time += 1000
        scene.recorder.bind("b@x", "call2", "caller")
        scene.passes("in", INVITE)
        assert scene.sink.told()[-1] == ("call1", "caller", "INVITE")
        assert [event.seq for event in scene.sink.events] == [1, 2]

    def test_a_call_lingers_from_its_own_end_not_from_what_came_before_its_first_leg(self) -> None:
        scene = Scene()
        scene.recorder.event("call1", "", "note", "before the first leg")
        scene.clock.time += 20
        scene.recorder.bind("a@x", "call1", "caller")
        scene.recorder.unbind("call1")
        scene.clock.time += 30
        scene.recorder.bind("b@x", "call2", "caller")
        scene.passes("in", "SIP/2.0 200 OK", cseq="2 BYE")
        assert scene.sink.told()[-1] == ("call1", "caller", "200 OK")

    def test_events_of_a_call_that_never_binds_do_not_pile_up(self) -> None:
        scene = Scene()
        for number in range(100):
            scene.recorder.event(f"call{number}", "", "note", "refused")
        scene.clock.time += trace.LINGER_S
        scene.recorder.unbind("x")
        assert len(scene.recorder) == 0
        assert len(scene.sink.events) == 100

    def test_strangers_are_bounded_in_number(self) -> None:
        scene = Scene()
        for number in range(3 * trace.UNBOUND_MESSAGES):
            scene.passes("in", "OPTIONS sip:x SIP/2.0", f"{number}@x", cseq="1 OPTIONS")
        assert len(scene.recorder) <= trace.UNBOUND_MESSAGES

    def test_strangers_are_bounded_for_one_call_id(self) -> None:
        scene = Scene()
        for _ in range(100):
            scene.passes("in", "OPTIONS sip:x SIP/2.0", cseq="1 OPTIONS")
        assert len(scene.recorder) == trace.UNBOUND_PER_CALL_ID

    def test_strangers_are_bounded_in_age(self) -> None:
        scene = Scene()
        scene.passes("in", INVITE)
        scene.clock.time += trace.UNBOUND_LIMIT_S
        scene.passes("in", "OPTIONS sip:x SIP/2.0", "b@x", cseq="1 OPTIONS")
        assert len(scene.recorder) == 1
        scene.recorder.bind("a@x", "call1", "caller")
        assert scene.sink.events == []


class TestFollowing:
    async def test_a_follower_sees_what_happens_from_now_on_and_the_end(self) -> None:
        scene = Scene()
        scene.recorder.bind("a@x", "call1", "caller")
        scene.recorder.event("call1", "", "state", "before")
        with scene.recorder.subscribe("call1") as subscription:
            scene.recorder.event("call1", "", "state", "ringing")
            scene.recorder.event("call2", "", "state", "of another call")
            assert (await taken(subscription)).text == "ringing"
            waiting = asyncio.create_task(subscription.next())
            await asyncio.sleep(0)
            scene.recorder.unbind("call1")
            assert await waiting is None
            assert subscription.ended
            scene.passes("out", "SIP/2.0 200 OK", cseq="2 BYE")
            assert (await taken(subscription)).text == "200 OK"
        assert scene.recorder.followers("call1") == 0

    async def test_nothing_for_a_while_is_none(self) -> None:
        scene = Scene()
        scene.recorder.bind("a@x", "call1", "caller")
        with scene.recorder.subscribe("call1") as subscription:
            assert await subscription.next(0.001) is None
            assert not subscription.ended

    async def test_a_call_that_is_over_ends_at_once(self) -> None:
        scene = Scene()
        with scene.recorder.subscribe("never") as subscription:
            assert subscription.ended
        scene.recorder.bind("a@x", "call1", "caller")
        scene.recorder.unbind("call1")
        with scene.recorder.subscribe("call1") as subscription:
            assert subscription.ended

    async def test_a_slow_follower_misses_events_and_is_told_how_many(self) -> None:
        scene = Scene()
        scene.recorder.bind("a@x", "call1", "caller")
        with scene.recorder.subscribe("call1") as subscription:
            for number in range(trace.SUBSCRIPTION_EVENTS + 7):
                scene.recorder.event("call1", "", "note", str(number))
            for number in range(trace.SUBSCRIPTION_EVENTS):
                assert (await taken(subscription)).text == str(number)
            scene.recorder.event("call1", "", "note", "later")
            assert "7 events are missing here" in (await taken(subscription)).text
            assert (await taken(subscription)).text == "later"
        assert len(scene.sink.events) == trace.SUBSCRIPTION_EVENTS + 8


async def taken(subscription: Subscription) -> TraceEvent:
    event = await subscription.next(1.0)
    assert event is not None
    return event
