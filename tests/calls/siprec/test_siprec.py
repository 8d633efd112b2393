"""Recording sessions with recorders elsewhere (RFC 7866): begun, followed, paused, moved on; never in the way of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from splitter.calls.asks import Bind, RecordCall
from splitter.calls.siprec.metadata import RecordedPerson, RecordingMetadata, write_metadata
from splitter.calls.states import RecordingAction, RecordingState
from splitter.lab.recorder_rules import read_metadata
from splitter.media.forward.protocol import SendLines
from splitter.media.record.protocol import AskHow
from splitter.rtp import feedback, rtcp
from splitter.sdp.parse import parse
from splitter.sip.multipart import parts
from tests.calls.kit import connected, denied, ended, told
from tests.calls.siprec.kit import Elsewhere
from tests.calls.table import notes
from tests.world import PeerCall, World


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture
def scene(world: World) -> Elsewhere:
    return Elsewhere(world)


def recorded(
    world: World, scene: Elsewhere, pictures: tuple[str, ...] = ()
) -> tuple[PeerCall, PeerCall, dict[str, str]]:
    """An answered call that a recorder records; (caller, centre, its streams)."""
    caller, centre = connected(world)
    streams = scene.see(caller, "caller", "centre", pictures=pictures)
    world.run(1)
    return caller, centre, streams


def view(world: World, caller: PeerCall) -> tuple[RecordingState, str]:
    shown = world.call_of(caller).view().recording
    return shown.state, shown.elsewhere


class TestSession:
    def test_has_a_line_and_a_person_for_each_voice(self, world: World, scene: Elsewhere) -> None:
        caller, centre, streams = recorded(world, scene)
        session = scene.session()
        assert session.faults == [] and session.directions() == ["sendonly", "sendonly"]
        assert [line.get("label") for line in session.offer.media] == ["1", "2"]
        assert [who.sends for who in session.said.people.values()] == [["1"], ["2"]]
        assert [who.gets for who in session.said.people.values()] == [["2"], ["1"]]
        assert session.said.named == world.call_of(caller).talk.session.towards_centre
        assert session.invite.headers.get("x-splitter-call") == world.call_of(caller).talk.call_id
        assert view(world, caller) == (RecordingState.RECORDING, "recorded by nice")
        scene.hall.voice(streams["caller"], 7, 160)
        data, host, port, _ = scene.hall.ports[0].sent[0]
        assert (host, port) == ("10.2.0.40", session.answer.media[0].port) and data.endswith(b"voice")
        ended(world, caller, centre)
        assert session.ended and all(ports.closed for ports in scene.hall.ports)
        world.settle()
        assert len(scene.recorders) == 0

    def test_offers_anew_when_somebody_comes_in(self, world: World, scene: Elsewhere) -> None:
        caller, centre, _ = recorded(world, scene)
        scene.see(caller, pictures=("caller",))
        told(world, caller, Bind("8001", "cti"))
        world.run(2)
        session = scene.session()
        assert session.faults == [] and [line.kind for line in session.offer.media] == ["audio", "audio", "video"]
        assert "profile-level-id=42c01e" in (session.offer.media[2].get("fmtp") or "")
        people = session.said.people
        assert people["sip:8001@10.2.0.1"].sends == ["2"] and not people["sip:8001@10.2.0.1"].gone
        assert people["sip:110@10.2.0.1"].gone, "the number that was called has become a person"
        ended(world, caller, centre)
        world.settle()

    def test_leaves_out_pictures_where_voices_are_wanted(self, world: World) -> None:
        scene = Elsewhere(world, recorders_get="voice")
        recorded(world, scene, pictures=("caller",))
        assert [line.kind for line in scene.session().offer.media] == ["audio", "audio"]

    def test_is_refreshed_for_an_hour(self, world: World, scene: Elsewhere) -> None:
        recorded(world, scene)
        world.run(3600)
        assert not scene.session().ended and scene.session().faults == []


class TestPause:
    def test_silences_the_lines_and_goes_on(self, world: World, scene: Elsewhere) -> None:
        caller, _, streams = recorded(world, scene)
        told(world, caller, RecordCall(RecordingAction.PAUSE, "agent"))
        scene.hall.voice(streams["caller"], 1, 160)
        assert not scene.hall.ports[0].sent, "what is under way was recorded after the agent was told"
        world.run(1)
        assert scene.session().directions() == ["inactive", "inactive"]
        told(world, caller, RecordCall(RecordingAction.RESUME, "agent"))
        world.run(1)
        scene.hall.voice(streams["caller"], 2, 320)
        assert scene.session().directions() == ["sendonly", "sendonly"] and scene.hall.ports[0].sent
        assert scene.session().faults == []

    def test_that_comes_before_the_answer(self, world: World, scene: Elsewhere) -> None:
        scene.servers["nice"].status = 0
        caller, _, streams = recorded(world, scene)
        told(world, caller, RecordCall(RecordingAction.PAUSE, "agent"))
        world.run(20)
        scene.hall.voice(streams["caller"], 1, 160)
        assert scene.session("verint").directions() == ["inactive", "inactive"] and not scene.hall.ports[0].sent


class TestRecorder:
    def test_that_refuses_is_left_for_the_next_one(self, world: World, scene: Elsewhere) -> None:
        scene.servers["nice"].status = 486
        caller, *_ = recorded(world, scene)
        assert scene.session("verint").faults == [] and view(world, caller)[1] == "recorded by verint"

    def test_that_takes_one_voice_alone_is_no_secret(self, world: World, scene: Elsewhere) -> None:
        """Servers that know one line of audio refuse the second, and answer 200."""
        scene.servers["nice"].port = lambda call_id, index, line: 0 if index else 50_000
        caller, _, streams = recorded(world, scene)
        assert view(world, caller) == (RecordingState.RECORDING, "recorded by nice, which takes 1 of 2 voices")
        scene.hall.voice(streams["caller"], 7, 160)
        scene.hall.voice(streams["centre"], 7, 160)
        assert [len(ports.sent) for ports in scene.hall.ports] == [1, 0]

    def test_that_is_silent_is_left_too(self, world: World, scene: Elsewhere) -> None:
        scene.peers["nice"].vanish()
        recorded(world, scene)
        world.run(10)
        assert scene.session("verint").faults == []

    def test_that_hangs_up_is_left_at_once(self, world: World, scene: Elsewhere) -> None:
        caller, centre, streams = recorded(world, scene)
        assert scene.ask("nice", scene.session(), "BYE") == [200]
        scene.servers["nice"].sessions.clear()
        assert scene.session("verint").faults == [] and view(world, caller)[1] == "recorded by verint"
        scene.hall.voice(streams["caller"], 1, 160)
        assert scene.hall.ports[0].sent[-1][1] == "10.2.0.41"
        ended(world, caller, centre)
        world.settle()

    def test_that_is_there_no_longer_costs_no_call(self, world: World, scene: Elsewhere) -> None:
        for server in scene.servers.values():
            server.status = 503
        caller, centre, _ = recorded(world, scene)
        state, words = view(world, caller)
        assert state is RecordingState.STOPPED and "503" in words and world.voice_faults(caller) == []
        assert any("no longer recorded" in notice.text for notice in world.notices)
        asked = len([one for one in world.trace_of(caller) if "503" in one.data[:20].decode("latin-1")])
        assert asked <= 4, "it is tried again without a pause"
        scene.servers["verint"].status = 200
        world.run(30)
        assert view(world, caller) == (RecordingState.RECORDING, "recorded by verint")
        assert "recorded by verint" in " ".join(notes(world, caller))
        ended(world, caller, centre)
        world.settle()

    def test_that_takes_and_drops_sessions_is_not_stormed(self, world: World, scene: Elsewhere) -> None:
        recorded(world, scene)
        for _ in range(6):
            for name in scene.servers:
                for session in scene.servers[name].live:
                    scene.ask(name, session, "BYE")
                    session.ended = True
        assert sum(len(server.sessions) for server in scene.servers.values()) <= 5

    def test_may_want_nothing_for_a_while(self, world: World, scene: Elsewhere) -> None:
        _, _, streams = recorded(world, scene)
        scene.servers["nice"].paused = True
        assert scene.ask("nice", scene.session(), "INVITE")[-1] == 200
        scene.hall.voice(streams["caller"], 1, 160)
        assert not scene.hall.ports[0].sent
        scene.servers["nice"].paused = False
        assert scene.ask("nice", scene.session(), "INVITE")[-1] == 200
        scene.hall.voice(streams["caller"], 2, 320)
        assert scene.hall.ports[0].sent

    def test_may_ask_for_all_that_is_known(self, world: World, scene: Elsewhere) -> None:
        """By a re-INVITE without an offer: the 200 has one, with the metadata (RFC 7866 §9.1)."""
        caller, centre, streams = recorded(world, scene)
        session = scene.session()
        said = scene.ask_for_offer("nice", session)
        bodies = {part.content_type: part.body for part in parts(said)}
        told, faults = read_metadata(bodies["application/rs-metadata+xml"])
        assert not faults and [who.sends for who in told.people.values()] == [["1"], ["2"]]
        assert len(parse(bodies["application/sdp"]).media) == 2
        scene.hall.voice(streams["caller"], 1, 160)
        assert scene.hall.ports[0].sent[-1][2] == session.answer.media[0].port
        ended(world, caller, centre)
        world.settle()

    def test_may_ask_for_all_metadata_by_update(self, world: World, scene: Elsewhere) -> None:
        """It gets an offer with all of them, and what is recorded stays as it is (RFC 7866 §9.2)."""
        caller, centre, streams = recorded(world, scene)
        session = scene.session()
        before, documents = session.said, session.documents
        assert scene.ask("nice", session, "UPDATE") == [200]
        assert (session.documents, session.said) == (documents + 1, before) and session.faults == []
        scene.hall.voice(streams["caller"], 1, 160)
        assert scene.hall.ports[0].sent[-1][2] == session.answer.media[0].port
        ended(world, caller, centre)
        world.settle()

    def test_calls_nobody(self, world: World, scene: Elsewhere) -> None:
        scene.peers["nice"].invite("110").expect("403")

    def test_asks_for_key_frames(self, world: World, scene: Elsewhere) -> None:
        _, _, streams = recorded(world, scene, pictures=("caller",))
        assert {name for _, name in scene.taps.wanted} == {"caller"}, "a picture begins without a key frame"
        scene.taps.wanted.clear()
        (ports,) = [ports for ports in scene.hall.ports if ports.port == scene.session().offer.media[2].port]
        asked = rtcp.build((rtcp.ReceiverReport(1), feedback.Pli(1, 2)))
        scene.hall.now += 5
        scene.hall.picture(streams["caller's picture"], 2, 6000)
        for source in ("10.9.9.9", "10.2.0.40", "10.2.0.40"):
            ports.hear(asked, source)
        world.run(0.1)
        assert len({name for _, name in scene.taps.wanted}) == 1 and len(scene.taps.wanted) == len(scene.taps.set)


class TestDeath:
    def test_of_the_forwarder_moves_the_lines(self, world: World, scene: Elsewhere) -> None:
        caller, centre, _ = recorded(world, scene)
        scene.begin_forwarder()
        scene.see(caller, "centre", "caller")  # in another order
        world.run(2)
        session = scene.session()
        assert session.faults == [] and session.directions() == ["sendonly", "sendonly"]
        assert session.offers > 1
        streams = scene.see(caller, "caller")
        scene.hall.voice(streams["caller"], 1, 160)
        to = {port for ports in scene.hall.ports for _, _, port, _ in ports.sent}
        assert to == {session.answer.media[0].port}, "the caller's voice goes where the centre's belongs"
        ended(world, caller, centre)

    def test_of_the_way_to_the_forwarder_loses_no_word(self, world: World, scene: Elsewhere) -> None:
        caller, centre, streams = recorded(world, scene)
        scene.deaf = True
        told(world, caller, RecordCall(RecordingAction.PAUSE, "agent"))
        world.run(2)
        assert scene.session().directions() == ["inactive", "inactive"]
        scene.deaf = False
        scene.find_forwarder()
        scene.hall.voice(streams["caller"], 1, 160)
        assert not scene.hall.ports[0].sent, "a paused recording goes on where nobody heard of the pause"
        told(world, caller, RecordCall(RecordingAction.RESUME, "agent"))
        world.run(1)
        scene.deaf = True
        scene.find_forwarder("the forwarder does not answer")
        scene.hall.voice(streams["caller"], 2, 320)
        assert scene.hall.ports[0].sent and view(world, caller) == (RecordingState.RECORDING, "recorded by nice")
        ended(world, caller, centre)

    def test_of_signalling_keeps_the_session(self, world: World, scene: Elsewhere) -> None:
        caller, centre, streams = recorded(world, scene)
        notes_left = scene.hall.ask(AskHow()).notes
        world.lives[-1].records.flush()
        world.kill()
        scene.hall.voice(streams["caller"], 1, 160)
        assert scene.hall.ports[0].sent, "the forwarder sends without a gateway"
        scene.link.notes, scene.link.left = notes_left, frozenset(notes_left)
        world.begin_again()
        scene.link.asked.clear()
        world.run(2)
        assert [one.to for one in scene.link.asked if isinstance(one, SendLines) and not one.to] == [], "there is a gap"
        session = scene.session()
        assert session.offers == 2 and session.faults == [] and len(scene.servers["nice"].sessions) == 1
        ended(world, caller, centre)
        assert session.ended

    def test_of_signalling_and_call_ends_the_session(self, world: World, scene: Elsewhere) -> None:
        recorded(world, scene)
        notes_left = scene.hall.ask(AskHow()).notes
        world.kill()
        world.rows.clear()
        world.begin_again()
        scene.link.notes, scene.link.left = notes_left, frozenset(notes_left)
        scene.recordings.forget_unclaimed(())
        world.run(1)
        assert not scene.servers["nice"].live and all(ports.closed for ports in scene.hall.ports)


class TestBeside:
    def test_a_forwarder_that_comes_back_leaves_the_recording_here_alone(self, world: World) -> None:
        scene = Elsewhere(world, folder="kept here")
        caller, centre, _ = recorded(world, scene)
        scene.taps.set.clear()
        scene.begin_forwarder()
        scene.see(caller, "caller", "centre")
        world.run(2)
        assert not scene.taps.set, "the taps were taken away and set again"
        assert view(world, caller) == (RecordingState.RECORDING, "recorded by nice")
        streams = scene.see(caller, "caller")
        scene.hall.voice(streams["caller"], 1, 160)
        assert any(ports.sent for ports in scene.hall.ports) and scene.session().faults == []
        ended(world, caller, centre)
        world.settle()

    def test_a_recording_that_ends_at_once_leaves_no_session(self, world: World, scene: Elsewhere) -> None:
        caller, centre = connected(world)
        shown = world.call_of(caller).view()
        saying = asyncio.ensure_future(scene.recorders.say(shown, "late-1", False), loop=world.loop)
        scene.recorders.end("late-1")
        world.run(1)
        assert saying.done() and len(scene.recorders) <= 1
        ended(world, caller, centre)
        world.settle()
        assert len(scene.recorders) == 0

    def test_who_goes_on_after_a_pause_is_told_that_nobody_records(self, world: World, scene: Elsewhere) -> None:
        caller, *_ = recorded(world, scene)
        told(world, caller, RecordCall(RecordingAction.PAUSE, "agent"))
        for server in scene.servers.values():
            server.status = 503
        scene.ask("nice", scene.session(), "BYE")
        world.run(5)
        assert view(world, caller)[0] is RecordingState.PAUSED
        status, _ = denied(world, caller, RecordCall(RecordingAction.RESUME, "agent"))
        assert status == 503 and view(world, caller)[0] is RecordingState.STOPPED


def test_a_name_makes_no_line_of_its_own() -> None:
    """It stands in a body of several parts, whose boundaries are lines."""
    person = RecordedPerson("a", "sip:a@b", "ann\r\n--splitter-siprec\r\n\ud800<&\x00")
    said = write_metadata(RecordingMetadata("c", (), 0.0, (person,), ()))
    assert b">ann --splitter-siprec &lt;&amp;<" in said and said.count(b"\n") == 1
