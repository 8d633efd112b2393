"""A web caller's leg: to the centre and the desk it is a caller like any other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.asks import DropVideo, RaiseVideo
from splitter.calls.browsers.door import MOST_OFFERS, WebDoor
from splitter.calls.browsers.line import CameraSaid, HungUp
from splitter.calls.browsers.view import WebCamera, WebState
from splitter.calls.states import VideoState
from splitter.core.errors import PeerError
from splitter.media.ports.events import TransportChanged
from splitter.sdp.write import write
from tests.calls.browsers.kit import Caller, arrived, calling, connected, offer, over
from tests.world import PeerCall, World


def ask(world: World, caller: Caller, ask: Any) -> Any:
    task = world.loop.create_task(world.calls.ask(caller.call_id, ask))
    world.run_until(task.done, 20.0)
    world.run(0.2)
    return task.result()


def video_state(caller: Caller) -> VideoState:
    return caller.call.talk.video.view.state


def with_an_open_offer(world: World) -> Caller:
    """A browser whose camera was just turned on: what it offers waits for a room, which is there soon."""
    caller = connected(world, camera=False)[0]
    world.engine.delay = lambda: 0.09
    caller.line.say(CameraSaid(True))
    world.run(0.01)
    assert not caller.leg.settled
    return caller


def come_back_at_once(world: World, caller: Caller, fingerprint: str) -> None:
    task = world.loop.create_task(caller.door.take_back(caller.line, offer(fingerprint=fingerprint)))
    world.run_until(task.done, 5.0)


class TestACall:
    def test_becomes_a_voice_call_into_the_centre(self, world: World) -> None:
        caller, centre = arrived(world)
        invite = centre.invite
        assert b"m=video" not in invite.body and b"m=audio" in invite.body
        assert b"8 0 126" in invite.body and b"SAVPF" not in invite.body and b"ice-ufrag" not in invite.body
        assert invite.from_.user == "C-4711" and invite.from_.display == "Mrs. Wang"
        assert caller.view.state is WebState.CALLING
        centre.ring(180)
        world.run(0.1)
        assert caller.view.state is WebState.RINGING
        centre.answer()
        centre.expect("ACK")
        world.run(0.3)
        assert caller.view.state is WebState.CONNECTED
        assert caller.voice_faults() == [] and caller.picture_faults() == []
        assert video_state(caller) is VideoState.ON
        caller.say(HungUp())
        centre.expect("BYE")
        assert caller.view.reason == "hung-up"
        over(world, caller)

    def test_that_the_centre_ends_is_over_in_the_browser(self, world: World) -> None:
        caller, centre = connected(world)
        centre.bye()
        centre.expect("200 BYE")
        world.run(0.1)
        assert (caller.view.state, caller.view.reason) == (WebState.ENDED, "hung-up")
        over(world, caller)

    def test_without_a_camera_is_a_voice_call(self, world: World) -> None:
        caller, centre = connected(world, camera=False)
        assert caller.setting.picture is None and video_state(caller) is VideoState.OFF
        centre.bye()
        over(world, caller)

    def test_given_up_while_it_rings_is_cancelled(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(180)
        caller.say(HungUp())
        centre.expect("CANCEL")
        over(world, caller)

    def test_refused_by_the_centre_says_why(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.refuse(486)
        world.run(0.1)
        assert caller.view.reason == "busy"
        over(world, caller)

    def test_hears_the_queue_before_the_answer(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, media=True)
        world.run(0.2)
        assert caller.view.state is WebState.RINGING and caller.voice_faults() == []
        centre.answer()
        centre.expect("ACK")
        world.run(0.2)
        assert caller.voice_faults() == []
        caller.say(HungUp())
        over(world, caller)

    def test_sends_nothing_to_where_a_stranger_says_it_is(self, world: World) -> None:
        assert "a=candidate:" in write(offer()).decode()
        caller, _ = arrived(world)
        for fingerprint, ufrag in (("", "Other"), ("00", "")):
            assert caller.setting.secure is not None and not caller.setting.secure.candidates
            caller.come_back(offer(fingerprint, ufrag))
        assert caller.setting.secure is not None and not caller.setting.secure.candidates
        caller.say(HungUp())
        over(world, caller)

    def test_of_a_browser_that_does_not_come_reaches_nobody(self, world: World) -> None:
        world.adapters.connects = False
        caller = calling(world)
        world.run(30.0)
        assert caller.view.reason == "no-path" and not world.pbx.calls
        over(world, caller)

    @pytest.mark.parametrize(("fingerprint", "ufrag"), [("", "Other"), ("00", "")])
    def test_begins_with_the_offer_that_found_a_way(self, world: World, fingerprint: str, ufrag: str) -> None:
        """Such as by a relay, of which a browser hears only when its call was taken."""
        world.adapters.connects = False
        caller = calling(world)
        world.run(19.0)
        world.adapters.connects = True
        caller.come_back(offer(fingerprint, ufrag))
        centre = world.pbx.take()
        centre.answer()
        centre.expect("ACK")
        world.run(0.3)
        assert caller.voice_faults() == [] and caller.picture_faults() == []
        assert video_state(caller) is VideoState.ON and centre.invite.from_.user == "C-4711"
        caller.say(HungUp())
        over(world, caller)

    def test_has_a_time_for_each_offer_and_no_more_than_a_few(self, world: World) -> None:
        world.adapters.connects = False
        caller = calling(world)
        for number in range(MOST_OFFERS):
            world.run(19.0)
            caller.come_back(offer(ufrag=f"again{number}"))
        with pytest.raises(PeerError) as refused:
            caller.come_back(offer(ufrag="onceMore"))
        assert refused.value.status == 429
        world.run(41.0)
        assert caller.view.reason == "no-path" and not world.pbx.calls
        over(world, caller)

    def test_speaks_the_codec_that_the_centre_chose(self, world: World) -> None:
        caller, centre = arrived(world)
        first = caller.view
        assert "m=audio 50000 UDP/TLS/RTP/SAVPF 8 0 126" in first.answer
        centre.answer(codec=1)
        centre.expect("ACK")
        world.run(0.2)
        assert "m=audio 50000 UDP/TLS/RTP/SAVPF 0 8 126" in caller.view.answer
        assert caller.view.answers == first.answers + 1
        caller.say(HungUp())
        over(world, caller)


class TestOpus:
    @pytest.fixture
    def world(self) -> Any:
        with World() as world:
            world.browsers.adopt(replace(world.browsers.settings, codecs=("opus", "PCMA")))
            yield world

    def transcoded(self, world: World) -> tuple[Caller, PeerCall]:
        caller, centre = arrived(world, camera=False)
        assert b"m=audio" in centre.invite.body and b"111 8 0 110 126" in centre.invite.body
        centre.answer(codec=1)
        centre.expect("ACK")
        world.run(0.3)
        assert caller.voice_faults() == []
        return caller, centre

    def test_of_a_browser_is_made_of_what_the_centre_speaks_and_it_is_said(self, world: World) -> None:
        caller, _ = self.transcoded(world)
        plan = caller.setting.transcoding
        assert plan is not None and (plan.browser.encoding, plan.red_type, plan.inside.encoding) == ("OPUS", 63, "PCMA")
        assert "SAVPF 63 111 8 110 126" in caller.view.answer
        legs = {leg.name: leg.audio for leg in caller.call.view().legs}
        assert legs["caller"] == "opus/48000 as PCMA/8000 sendrecv" and legs["centre"] == "PCMA/8000 sendrecv"
        noted = [event.text for event in world.traces[caller.call_id] if event.kind == "media"]
        assert "voice: opus/48000 with RED in the browser, PCMA/8000 inside: transcoded" in noted
        caller.say(HungUp())
        over(world, caller)

    def test_goes_straight_through_to_a_centre_that_speaks_it(self, world: World) -> None:
        caller, centre = arrived(world, camera=False)
        centre.answer(codec=0)
        centre.expect("ACK")
        world.run(0.3)
        assert caller.setting.transcoding is None and "red" not in caller.view.answer
        assert caller.call.view().legs[0].audio == "opus/48000 sendrecv"
        caller.say(HungUp())
        over(world, caller)

    def test_goes_on_after_the_death_of_the_process_and_of_its_worker(self, world: World) -> None:
        caller, _ = self.transcoded(world)
        plan = caller.setting.transcoding
        world.restart()
        world.run(0.3)
        [call] = world.calls.live
        assert world.adapters.of(call.talk.call_id).setting.transcoding == plan
        line = world.browsers.line(call.talk.call_id)
        world.adapters.lose(call.talk.call_id)
        again = Caller(world, line, WebDoor(world.calls, world.browsers))
        again.come_back(offer(fingerprint="00"))
        world.run(0.5)
        assert again.setting.transcoding == plan and again.voice_faults() == []
        assert "SAVPF 63 111" in again.view.answer
        again.say(HungUp())
        over(world, again)

    def test_becomes_another_voice_where_the_centre_changes_its_own(self, world: World) -> None:
        """Such as after a transfer; the browser is told nothing but what it has to do."""
        caller, centre = self.transcoded(world)
        before = caller.view.answers
        centre.reinvite(audio="sendonly")
        centre.expect("200 re-INVITE")
        world.run(0.3)
        assert caller.setting.transcoding is not None and caller.view.held
        assert caller.view.answers == before, "music is heard in the same way"
        caller.say(HungUp())
        over(world, caller)


class TestAHold:
    def test_of_the_centre_is_told_and_music_goes_on(self, world: World) -> None:
        caller, centre = connected(world)
        centre.reinvite(audio="sendonly")
        centre.expect("200 re-INVITE")
        world.run(0.2)
        assert caller.view.held and caller.voice_faults() == []
        centre.reinvite(audio="sendrecv")
        centre.expect("200 re-INVITE")
        world.run(0.2)
        assert not caller.view.held
        caller.say(HungUp())
        over(world, caller)

    def test_while_the_user_is_asked_for_video_takes_the_question_back_for_a_moment(self, world: World) -> None:
        caller, centre = connected(world, camera=False)
        ask(world, caller, RaiseVideo("agent"))
        assert caller.view.camera is WebCamera.ASKED
        centre.reinvite(audio="sendonly")
        centre.expect("200 re-INVITE")
        world.run(1.0)
        assert caller.view.held and caller.view.camera is WebCamera.ASKED
        caller.say(CameraSaid(True))
        assert video_state(caller) is VideoState.ON and caller.picture_faults() == []
        caller.say(HungUp())
        over(world, caller)


class TestVideo:
    def test_is_asked_of_the_user_and_accepted(self, world: World) -> None:
        caller = connected(world, camera=False)[0]
        ask(world, caller, RaiseVideo("agent"))
        assert caller.view.camera is WebCamera.ASKED and video_state(caller) is VideoState.ASKING
        caller.say(CameraSaid(True))
        assert caller.view.camera is WebCamera.ON
        assert video_state(caller) is VideoState.ON and caller.picture_faults() == []
        assert caller.setting.picture_types == ((108, 99),), "the room knows it by the number that we offered"
        caller.say(HungUp())
        over(world, caller)

    def test_may_be_declined(self, world: World) -> None:
        caller = connected(world, camera=False)[0]
        ask(world, caller, RaiseVideo("agent"))
        caller.say(CameraSaid(False))
        view = caller.call.talk.video.view
        assert (view.state, view.outcome) == (VideoState.OFF, "refused")
        assert caller.view.camera is WebCamera.OFF and caller.voice_faults() == []
        caller.say(HungUp())
        over(world, caller)

    def test_that_nobody_answers_is_taken_back(self, world: World) -> None:
        caller = connected(world, camera=False)[0]
        ask(world, caller, RaiseVideo("agent"))
        world.run(60.0)
        assert caller.view.camera is WebCamera.OFF and caller.call.talk.video.view.outcome == "no-answer"
        caller.say(HungUp())
        over(world, caller)

    def test_may_be_turned_on_and_off_by_the_caller(self, world: World) -> None:
        caller = connected(world, camera=False)[0]
        caller.say(CameraSaid(True))
        assert video_state(caller) is VideoState.ON and caller.picture_faults() == []
        caller.say(CameraSaid(False))
        assert video_state(caller) is VideoState.OFF and caller.setting.picture is None
        caller.say(CameraSaid(True))
        assert video_state(caller) is VideoState.ON and caller.picture_faults() == []
        caller.say(HungUp())
        over(world, caller)

    def test_may_be_thought_better_of_while_its_offer_is_open(self, world: World) -> None:
        caller = with_an_open_offer(world)
        caller.say(CameraSaid(False))
        world.run(5.0)
        assert video_state(caller) is VideoState.OFF and caller.setting.picture is None
        assert caller.leg.settled and caller.voice_faults() == []
        caller.say(CameraSaid(True))
        world.run(5.0)
        assert video_state(caller) is VideoState.ON and caller.picture_faults() == []
        caller.say(HungUp())
        over(world, caller)

    def test_dropped_by_the_desk_is_off_in_the_browser(self, world: World) -> None:
        caller = connected(world)[0]
        ask(world, caller, DropVideo("agent"))
        world.run(1.0)
        assert caller.view.camera is WebCamera.OFF and caller.setting.picture is None
        assert video_state(caller) is VideoState.OFF and caller.voice_faults() == []
        caller.say(HungUp())
        over(world, caller)


class TestTheBrowserGoes:
    def test_and_does_not_come_back(self, world: World) -> None:
        caller, centre = connected(world)
        world.adapters.interrupt(caller.call_id)
        world.run(5.0)
        assert caller.view.path == "lost" and caller.view.state is WebState.CONNECTED
        world.run(10.0)
        centre.expect("BYE")
        assert (caller.view.state, caller.view.reason) == (WebState.ENDED, "lost")
        over(world, caller)

    def test_and_comes_back_by_another_network(self, world: World) -> None:
        caller = connected(world)[0]
        world.adapters.interrupt(caller.call_id)
        before = world.adapters.of(caller.call_id).handle.adapter_id
        answer = caller.come_back(offer(ufrag="Other"))
        assert "a=ice-ufrag:again" in answer
        assert world.adapters.of(caller.call_id).handle.adapter_id == before
        assert caller.view.path == "ok" and caller.voice_faults() == [] and caller.picture_faults() == []
        world.run(30.0)
        assert caller.view.state is WebState.CONNECTED
        caller.say(HungUp())
        over(world, caller)

    def test_and_comes_back_after_a_reload(self, world: World) -> None:
        caller = connected(world)[0]
        caller.come_back(offer(fingerprint="00"))
        world.run(1.0)
        assert caller.voice_faults() == [] and caller.picture_faults() == []
        assert len(world.adapters.open) == 1, "the adapter of before is closed"
        caller.say(HungUp())
        over(world, caller)

    def test_and_what_its_former_transport_tells_is_of_no_concern(self, world: World) -> None:
        caller = connected(world)[0]
        before = world.adapters.of(caller.call_id)
        caller.come_back(offer(fingerprint="00"))
        before.emit(TransportChanged(caller.call_id, "browser", "failed", "the browser ended the connection"))
        world.run(30.0)
        assert caller.view.path == "ok" and caller.view.state is WebState.CONNECTED
        caller.say(HungUp())
        over(world, caller)

    def test_and_comes_back_twice_at_once(self, world: World) -> None:
        caller = connected(world)[0]
        door, loop = caller.door, world.loop
        tasks = [loop.create_task(door.take_back(caller.line, offer(fingerprint=one))) for one in ("00", "01")]
        world.run_until(lambda: all(task.done() for task in tasks), 5.0)
        world.run(1.0)
        assert len(world.adapters.open) == 1 and caller.voice_faults() == [] and caller.picture_faults() == []
        caller.say(HungUp())
        over(world, caller)

    @pytest.mark.parametrize("prints", [("00",), ("00", "01")])
    def test_and_comes_back_while_its_offer_is_open(self, prints: tuple[str, ...], world: World) -> None:
        caller = with_an_open_offer(world)
        for one in prints:
            come_back_at_once(world, caller, one)
        assert not caller.leg.settled
        world.run(5.0)
        assert caller.leg.settled and caller.voice_faults() == [] and caller.picture_faults() == []
        caller.say(HungUp())
        over(world, caller)

    def test_and_comes_back_while_an_offer_is_open_that_is_refused(self, world: World) -> None:
        caller = with_an_open_offer(world)
        come_back_at_once(world, caller, "00")
        caller.leg.decline(caller.call.pending.put_aside[0].txn, 488)
        world.run(5.0)
        assert caller.leg.settled and caller.voice_faults() == [] and caller.picture_faults() == []
        caller.say(HungUp())
        over(world, caller)

    def test_and_comes_back_before_the_answer(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(180)
        world.run(0.1)
        caller.come_back(offer(fingerprint="00"))
        centre.answer()
        centre.expect("ACK")
        world.run(3.0)
        assert caller.voice_faults() == [] and caller.picture_faults() == []
        caller.say(HungUp())
        over(world, caller)

    def test_and_comes_back_before_the_answer_by_another_network(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(180)
        world.run(0.1)
        caller.come_back(offer(ufrag="Other"))
        centre.answer()
        centre.expect("ACK")
        world.run(1.0)
        assert caller.voice_faults() == [] and caller.picture_faults() == []
        caller.say(HungUp())
        over(world, caller)

    def test_with_its_worker_and_comes_by_another_one(self, world: World) -> None:
        caller = connected(world)[0]
        world.adapters.lose(caller.call_id)
        world.run(0.1)
        assert caller.view.path == "lost"
        caller.come_back(offer(fingerprint="00"))
        assert caller.view.path == "ok" and caller.voice_faults() == [] and caller.picture_faults() == []
        caller.say(HungUp())
        over(world, caller)

    def test_while_it_is_asked_for_video(self, world: World) -> None:
        caller = connected(world, camera=False)[0]
        ask(world, caller, RaiseVideo("agent"))
        caller.come_back(offer(fingerprint="00"))
        world.run(6.0)
        assert caller.view.camera is WebCamera.ASKED, "it is asked once more"
        caller.say(CameraSaid(True))
        assert caller.picture_faults() == []
        caller.say(HungUp())
        over(world, caller)


class TestMedia:
    def test_move_to_another_relay_and_room(self, world: World) -> None:
        caller = connected(world)[0]
        relay = world.engine.relay_of(caller.call_id)
        assert relay is not None
        world.engine.kill(relay.worker)
        world.run(5.0)
        assert caller.voice_faults() == [] and caller.picture_faults() == []
        caller.say(HungUp())
        over(world, caller)


class TestARestart:
    def test_is_outlived(self, world: World) -> None:
        caller, centre = connected(world)
        world.run(1.0)
        world.kill()
        world.begin_again()
        world.run(1.0)
        line = world.browsers.line(caller.call_id)
        again = Caller(world, line, caller.door)
        assert line.view.state is WebState.CONNECTED and line.view.path == "ok"
        assert again.voice_faults() == [] and again.picture_faults() == []
        again.say(HungUp())
        centre.expect("BYE")
        over(world, again)

    def test_is_outlived_after_a_return_by_another_network(self, world: World) -> None:
        caller = connected(world)[0]
        world.run(1.0)
        caller.come_back(offer(ufrag="Other"))
        world.run(1.0)
        world.kill()
        world.begin_again()
        world.run(1.0)
        again = Caller(world, world.browsers.line(caller.call_id), caller.door)
        assert again.view.path == "ok", "its transport was taken up, by the record of its last generation"
        assert again.voice_faults() == [] and again.picture_faults() == []
        again.say(HungUp())
        over(world, again)

    def test_by_another_host_has_the_browser_come_back_there(self, world: World) -> None:
        """In a cluster: the host is dead with all its media, another one is the node now, at the same address."""
        caller, centre = connected(world)
        world.run(1.0)
        relay = world.engine.relay_of(caller.call_id)
        assert relay is not None
        world.kill()
        world.adapters.open.clear()
        world.engine.kill(relay.worker)
        world.begin_again()
        world.run(1.0)
        again = Caller(world, world.browsers.line(caller.call_id), caller.door)
        assert (again.view.state, again.view.path) == (WebState.CONNECTED, "lost"), "so its page offers once more"
        again.door = WebDoor(world.calls, world.browsers)
        again.come_back(offer(fingerprint="00"))
        world.run(5.0)
        assert again.view.path == "ok" and again.voice_faults() == [] and again.picture_faults() == []
        again.say(HungUp())
        centre.expect("BYE")
        over(world, again)

    def test_before_the_answer_ends_the_call(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(180)
        world.run(1.0)
        world.kill()
        world.begin_again()
        world.run(1.0)
        centre.expect("CANCEL")
        assert world.browsers.get(caller.call_id) is None


class TestTheCentreIsTold:
    @pytest.mark.parametrize(
        ("camera", "text"),
        [(True, "web;video;language=zh;customer=C-4711"), (False, "web;language=zh;customer=C-4711")],
    )
    def test_that_a_browser_calls_and_whose(self, camera: bool, text: str) -> None:
        with World(trunk={"caller_headers": ("x-splitter-caller", "user-to-user")}) as world:
            caller, centre = arrived(world, camera)
            assert centre.invite.headers.get("x-splitter-caller") == text
            assert f"{text.encode().hex()};encoding=hex" in centre.invite.headers.get_all("user-to-user")
            caller.say(HungUp())
            over(world, caller)

    def test_nothing_of_a_name_that_acts(self, world: World) -> None:
        caller, centre = arrived(world, name='x\r\nX-Evil: 1" <sip:evil@x>', customer="")
        assert centre.invite.headers.get("x-evil") is None and centre.invite.from_.user == "anonymous"
        caller.say(HungUp())
        over(world, caller)

    def test_by_a_header_that_others_can_be_told_by_too(self) -> None:
        with World(trunk={"caller_headers": ("x-splitter-caller",)}) as world:
            phone = world.sbc.invite()
            centre = world.pbx.take()
            assert centre.invite.headers.get("x-splitter-caller") == "phone;video"
            phone.cancel()
            world.settle()
