"""Browsers that call by SIP (JsSIP, SIP.js): WebRTC in their SDP, a phone with plain RTP to all the rest."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.asks import DropVideo, RaiseVideo
from splitter.calls.legs import presence
from splitter.calls.states import VideoState
from splitter.sdp.offer_answer import check_answer
from splitter.sdp.webrtc import resolved
from splitter.sdp.write import write
from splitter.web.access.privacy import for_desk
from tests.calls.browsers.kit import offer
from tests.calls.browsers.sip_kit import (
    HEADERS,
    TOKEN,
    answers_offers,
    arrived,
    connected,
    dialled,
    over,
    picture_faults,
    setting,
    voice_alone,
    voice_faults,
)
from tests.calls.kit import line, sdp, told
from tests.sdp.edits import replace_attributes
from tests.world import PeerCall, World


def video_state(world: World, caller: PeerCall) -> VideoState:
    return world.call_of(caller).talk.video.view.state


class TestACall:
    def test_is_a_voice_call_into_the_centre_with_its_picture_at_the_desk(self, world: World) -> None:
        caller, centre = arrived(world)
        invite = centre.invite
        assert b"m=video" not in invite.body and b"8 0 126" in invite.body
        assert b"SAVPF" not in invite.body and b"ice-ufrag" not in invite.body
        assert invite.from_.user == "C-4711" and invite.from_.display == "Mrs. Wang"
        centre.ring(180)
        caller.expect("180")
        centre.answer()
        answer = sdp(caller.expect("200"))
        centre.expect("ACK")
        world.run(0.3)
        check_answer(resolved(offer()), answer)
        assert answer.get("group") == "BUNDLE 0 1" and {media.port for media in answer.media} != {0}
        adapter = world.adapters.of(world.call_of(caller).talk.call_id).handle
        assert {media.get("ice-ufrag") for media in answer.media} == {adapter.secure.ufrag}
        assert {media.get("setup") for media in answer.media} == {"passive"}
        assert voice_faults(world, caller) == [] and picture_faults(world, caller) == []
        assert video_state(world, caller) is VideoState.ON
        assert not world.call_of(caller).view().web, "nobody there reads what an agent writes"
        caller.bye()
        centre.expect("BYE")
        over(world, caller)

    def test_ended_by_the_centre(self, world: World) -> None:
        caller, centre = connected(world)
        centre.bye()
        caller.expect("BYE")
        over(world, caller)

    def test_given_up_while_it_rings(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(180)
        caller.expect("180")
        caller.cancel()
        caller.expect("487")
        centre.expect("CANCEL")
        over(world, caller)

    def test_given_up_before_anybody_is_called(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = world.adapters.open_adapter

        async def slow(*args: Any) -> Any:
            await asyncio.sleep(0.5)
            return await opened(*args)

        monkeypatch.setattr(world.adapters, "open_adapter", slow)
        caller = dialled(world)
        world.run(0.1)
        caller.cancel()
        caller.expect("487")
        assert not world.pbx.arrived
        over(world, caller)

    def test_refused_by_the_centre(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.refuse(486)
        caller.expect("486")
        over(world, caller)

    def test_hears_the_queue_before_the_answer(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, media=True)
        early = sdp(caller.expect("183"))
        world.run(0.2)
        assert voice_faults(world, caller) == []
        centre.answer()
        answer = sdp(caller.expect("200"))
        assert answer.media == early.media
        caller.bye()
        over(world, caller)

    def test_without_a_camera_has_one_line(self, world: World) -> None:
        caller, centre = connected(world, voice_alone())
        assert setting(world, caller).picture is None and video_state(world, caller) is not VideoState.ON
        centre.bye()
        over(world, caller)

    @pytest.mark.parametrize(("line", "name"), [(1, "setup"), (1, "ice-ufrag"), (1, "fingerprint")])
    def test_nonsense_in_a_line_that_shares_the_transport_costs_nothing(
        self, world: World, line: int, name: str
    ) -> None:
        odd = offer()
        lines = list(odd.media)
        lines[line] = replace_attributes(lines[line], name, "nonsense")
        caller, centre = connected(world, replace(odd, media=tuple(lines)))
        assert picture_faults(world, caller) == []
        centre.bye()
        over(world, caller)

    def test_with_a_picture_outside_its_bundle_is_a_voice_call(self, world: World) -> None:
        loose = offer()
        loose = replace(loose, attributes=tuple(item for item in loose.attributes if item.name != "group"))
        caller, centre = connected(world, loose)
        assert caller.terminal.theirs is not None and not line(caller.terminal.theirs, "video").port
        assert setting(world, caller).picture is None and caller.terminal.theirs.get("group") is None
        centre.bye()
        over(world, caller)

    def test_its_own_word_of_who_it_is_does_not_count(self, world: World) -> None:
        world.browsers.settings = replace(world.browsers.settings, anonymous=True)
        caller, centre = arrived(world, headers=HEADERS, sender='"The Boss" <sip:8001@bank.example>')
        assert centre.invite.from_.user == "anonymous" and centre.invite.from_.display != "The Boss"
        centre.refuse(486)
        over(world, caller)

    @pytest.mark.parametrize(("headers", "shown"), [([*HEADERS, *TOKEN], "C-4711"), (HEADERS, "")])
    def test_desks_see_which_customer_it_is(self, world: World, headers: Any, shown: str) -> None:
        world.browsers.adopt(replace(world.browsers.settings, anonymous=True))
        caller, centre = arrived(world, headers=headers)
        view = world.call_of(caller).view()
        assert for_desk(view).caller == shown and view.facts.private is not bool(shown)
        caller.cancel()
        centre.expect("CANCEL")
        over(world, caller)

    def test_sends_nothing_to_where_a_stranger_says_it_is(self, world: World) -> None:
        assert "a=candidate:" in write(offer()).decode()
        caller, centre = connected(world)
        secure = setting(world, caller).secure
        assert secure is not None and not secure.candidates
        centre.bye()
        over(world, caller)


class TestChanges:
    def test_the_browser_holds(self, world: World) -> None:
        caller, centre = connected(world)
        assert caller.terminal.sent is not None
        held = replace(
            caller.terminal.sent, media=tuple(one.with_direction("sendonly") for one in caller.terminal.sent.media)
        )
        caller.reinvite(caller.terminal.note(held))
        assert line(sdp(centre.expect("INVITE")), "audio").direction == "sendonly"
        answer = sdp(caller.expect("200 re-INVITE"))
        assert line(answer, "audio").direction == "recvonly"
        assert answer.media[0].get("ice-ufrag") and answer.get("group") == "BUNDLE 0 1"
        caller.bye()
        over(world, caller)

    def test_the_centre_holds_and_resumes(self, world: World) -> None:
        caller, centre = connected(world)
        answers_offers(caller)
        for direction in ("sendonly", "sendrecv"):
            centre.reinvite(audio=direction)
            offered = sdp(caller.expect("INVITE"))
            assert line(offered, "audio").direction == direction
            assert {media.get("setup") for media in offered.media} == {"actpass"}
            assert offered.get("group") == "BUNDLE 0 1"
            centre.expect("200 re-INVITE")

        world.run(0.3)
        assert voice_faults(world, caller) == [] and picture_faults(world, caller) == []
        centre.bye()
        over(world, caller)

    def test_the_agent_asks_a_voice_caller_for_video(self, world: World) -> None:
        caller, centre = connected(world, voice_alone())
        answers_offers(caller)
        told(world, caller, RaiseVideo("desk"))
        offered = sdp(caller.expect("INVITE"))
        video = line(offered, "video")
        assert video.proto == "UDP/TLS/RTP/SAVPF" and video.get("mid") and video.codecs[0].name == "H264"
        assert str(video.codecs[0].payload_type) not in voice_alone().media[0].formats
        world.run(0.5)
        assert video_state(world, caller) is VideoState.ON and picture_faults(world, caller) == []
        assert voice_faults(world, caller) == []
        told(world, caller, DropVideo("desk"))
        world.run(0.5)
        assert setting(world, caller).picture is None and voice_faults(world, caller) == []
        centre.bye()
        over(world, caller)

    def test_a_no_to_video_leaves_the_voice(self, world: World) -> None:
        caller, centre = connected(world, voice_alone())
        answers_offers(caller, video=False)
        told(world, caller, RaiseVideo("desk"))
        caller.expect("INVITE")
        world.run(0.5)
        assert setting(world, caller).picture is None and voice_faults(world, caller) == []
        centre.bye()
        over(world, caller)

    def test_the_browser_adds_video_itself(self, world: World) -> None:
        caller, centre = connected(world, voice_alone())
        caller.reinvite(caller.terminal.note(offer()))
        answer = sdp(caller.expect("200 re-INVITE"))
        assert line(answer, "video").port and answer.get("group") == "BUNDLE 0 1"
        world.run(0.3)
        assert video_state(world, caller) is VideoState.ON and picture_faults(world, caller) == []
        centre.bye()
        over(world, caller)

    def test_the_browser_comes_by_another_network(self, world: World) -> None:
        caller, centre = connected(world)
        before = world.adapters.of(world.call_of(caller).talk.call_id).handle.secure.ufrag
        caller.reinvite(caller.terminal.note(offer(ufrag="Other")))
        answer = sdp(caller.expect("200 re-INVITE"))
        assert answer.media[0].get("ice-ufrag") != before
        world.run(0.2)
        secure = setting(world, caller).secure
        assert secure is not None and secure.ufrag.startswith("Other") and voice_faults(world, caller) == []
        centre.bye()
        over(world, caller)

    def test_another_certificate_needs_another_call(self, world: World) -> None:
        caller, centre = connected(world)
        caller.reinvite(caller.terminal.note(offer(fingerprint="00")))
        caller.expect("488 re-INVITE")
        assert voice_faults(world, caller) == []
        centre.bye()
        over(world, caller)

    def test_digits_by_info_reach_the_centre(self, world: World) -> None:
        caller, centre = connected(world)
        caller.request("INFO", body=b"Signal=5\r\nDuration=160\r\n", content_type="application/dtmf-relay")
        caller.expect("200 INFO")
        centre.bye()
        over(world, caller)


class TestGone:
    def test_while_it_talks(self, world: World) -> None:
        caller, centre = connected(world)
        world.adapters.interrupt(world.call_of(caller).talk.call_id)
        world.run(world.browsers.settings.return_limit_s - 1)
        assert world.live_calls()
        centre.expect("BYE")
        caller.expect("BYE")
        over(world, caller)

    def test_back_in_time(self, world: World) -> None:
        caller, centre = connected(world)
        world.adapters.interrupt(world.call_of(caller).talk.call_id)
        world.run(3)
        caller.reinvite(caller.terminal.note(offer(ufrag="Other")))
        caller.expect("200 re-INVITE")
        world.run(60)
        assert world.live_calls() and voice_faults(world, caller) == []
        centre.bye()
        over(world, caller)

    def test_never_there(self, world: World) -> None:
        world.adapters.connects = False
        caller, centre = connected(world)
        centre.expect("BYE", 30)
        caller.expect("BYE")
        over(world, caller)

    def test_after_a_restart_of_the_gateway_too(self, world: World) -> None:
        world.adapters.connects = False
        caller, centre = connected(world)
        assert world.restart().taken_up == 1
        centre.expect("BYE", 60)
        caller.expect("BYE")
        over(world, caller)

    def test_before_a_restart_of_the_gateway(self, world: World) -> None:
        caller, centre = connected(world)
        world.adapters.interrupt(world.call_of(caller).talk.call_id)
        assert world.restart().taken_up == 1
        centre.expect("BYE", world.browsers.settings.return_limit_s + 2)
        caller.expect("BYE")
        over(world, caller)

    def test_while_it_rings(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        caller, centre = arrived(world)
        centre.ring(180)
        caller.expect("180")
        world.run(30)
        assert world.live_calls()
        monkeypatch.setattr(world.driver, "reaches", lambda flow: False)
        monkeypatch.setattr(presence, "WEB", ("udp",))
        centre.expect("CANCEL", 20)
        caller.expect("487")
        over(world, caller)
