"""A live call as a value: it goes to bytes and back, and the call goes on with what was read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.calls.asks import DropVideo, RaiseVideo, Show
from splitter.calls.talk.record import read, written
from splitter.lab.offers import VideoLine
from tests.alike import alike
from tests.calls.kit import asking, connected, ended, joined, ringing, told, with_webrtc
from tests.world import PeerCall, World


def forget(world: World, caller: PeerCall) -> None:
    """Let the gateway's call go on with what can be written down of it."""
    call = world.call_of(caller)
    assert call.at_rest
    talk = read(written(call.talk))
    assert alike(talk, call.talk) and talk is not call.talk
    call.take_up(talk)


class TestACallAtRest:
    def test_is_what_was_written(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        joined(world, caller)
        with_webrtc(world, caller)
        told(world, caller, Show("slate", "agent 7001"))
        world.run(0.1)
        forget(world, caller)
        assert world.call_of(caller).talk.room.choices == {"caller": "slate"}
        ended(world, caller, centre)

    def test_what_is_only_remembered_is_not_written(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        """What is worked out for views and codecs is worked out again by who reads it."""
        joined(world, caller)
        talk = world.call_of(caller).talk
        before = {name: leg.view() for name, leg in talk.legs.items()}
        data = written(talk)
        assert b"_codecs" not in data and b"_shown" not in data
        assert {name: leg.view() for name, leg in read(data).legs.items()} == before
        ended(world, caller, centre)

    def test_a_leg_is_shown_as_it_has_become(self, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        leg = world.call_of(caller).talk.legs["centre"]
        before = leg.view()
        assert leg.view() is before
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        caller.accept()
        centre.expect("200 re-INVITE")
        world.run(0.1)
        assert leg.view().audio != before.audio
        ended(world, caller, centre)

    def test_goes_on_with_hold_moves_and_video(self, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        forget(world, caller)
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        caller.accept()
        centre.expect("200 re-INVITE")
        world.run(0.1)
        forget(world, caller)
        centre.reinvite(audio="sendrecv", move=True)
        caller.expect("INVITE")
        caller.accept()
        centre.expect("200 re-INVITE")
        world.run(0.1)
        assert world.voice_faults(caller) == []
        forget(world, caller)
        told(world, caller, RaiseVideo("agent 7001"))
        caller.expect("INVITE")
        caller.accept()
        world.run(0.1)
        assert world.call_of(caller).talk.video.view.state == "on"
        forget(world, caller)
        told(world, caller, DropVideo("agent 7001"))
        caller.expect("UPDATE")
        world.run(0.1)
        assert world.call_of(caller).talk.video.view.state == "off"
        forget(world, caller)
        caller.unread.clear()
        ended(world, caller, centre)

    def test_moves_its_media_when_a_worker_dies(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        forget(world, caller)
        for worker in range(world.engine.workers):
            world.engine.kill(worker)
        for peer in (caller, centre):
            peer.expect("INVITE", 10)
            peer.accept()
        world.run(5)
        assert world.voice_faults(caller) == []
        for peer in (caller, centre):
            peer.unread.clear()
        ended(world, caller, centre)


class TestTextOfPeers:
    @pytest.mark.parametrize("text", [b"\xff\xfe", "Wang 王".encode(), b"caf\xe9", b"\x80" * 40])
    def test_survives_whatever_bytes_it_is_of(self, text: bytes, world: World) -> None:
        caller, centre = connected(world)
        call = world.call_of(caller)
        said = call.caller.terms.theirs
        name = text.decode("utf-8", "surrogateescape")
        call.caller.terms.note_remote(replace(said, name=name))
        talk = read(written(call.talk))
        assert alike(talk, call.talk)
        assert talk.legs["caller"].terms.theirs.name == name
        ended(world, caller, centre)


class TestACallThatIsNotAtRest:
    def test_while_it_rings(self, world: World) -> None:
        caller, _centre = ringing(world)
        assert not world.call_of(caller).at_rest
        caller.cancel()
        world.run(1)

    def test_while_an_offer_is_open(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        assert not world.call_of(caller).at_rest
        caller.accept()
        centre.expect("200 re-INVITE")
        world.run(0.1)
        assert world.call_of(caller).at_rest
        ended(world, caller, centre)

    def test_while_the_media_engine_is_asked(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.delay = lambda: 0.5
        caller.reinvite(move=True)
        caller.expect("200 re-INVITE")
        world.run(0.1)
        assert not world.call_of(caller).at_rest
        world.run(1)
        assert world.call_of(caller).at_rest
        ended(world, caller, centre)

    def test_while_somebody_waits_for_an_answer(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.delay = lambda: 0.5
        task = asking(world, caller, Show("slate", "agent 7001"))
        world.run(0.1)
        assert not world.call_of(caller).at_rest
        world.run_until(task.done, 5)
        world.run(0.1)
        assert world.call_of(caller).at_rest
        ended(world, caller, centre)


class TestBytesThatAreNone:
    @pytest.mark.parametrize("data", [b"", b"\x80", b"\xc1", b"\x81\xa7call_id\xa1x", b"junk" * 100])
    def test_are_refused(self, data: bytes) -> None:
        with pytest.raises(ValueError, match=r".+"):
            read(data)

    def test_cut_off_anywhere(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        data = written(world.call_of(caller).talk)
        for length in range(0, len(data), 97):
            with pytest.raises(ValueError, match=r".+"):
                read(data[:length])
        ended(world, caller, centre)
