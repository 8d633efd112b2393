"""Desks ask by API: WebRTC clients join a call's room, come back, leave; nothing of theirs touches the voice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.calls.after.diagnosis import why
from splitter.calls.asks import Admitted, Denial, Desk, Join, Remove, Restart, Show, TakeSnapshot
from splitter.calls.carried import VIDEO
from splitter.calls.parties import MAX_GUESTS, MAX_PARTIES
from splitter.calls.settings import CallSettings
from splitter.calls.states import Lack
from splitter.calls.view import CarriedView
from splitter.core.errors import MediaUnavailable, NoPorts
from splitter.sdp.model import Session
from splitter.sdp.webrtc import SecureLocal
from splitter.telemetry import metrics
from tests.calls.kit import (
    asking,
    browser_offer,
    connected,
    denied,
    ended,
    joined,
    line,
    picked_up,
    ringing,
    told,
    with_webrtc,
)
from tests.counted import value
from tests.sdp.edits import replace_attributes
from tests.world import PeerCall, World
from tests.world.media import Room

HOST = "1 1 udp 2113937151 192.0.2.40 36250 typ host"


def room_of(world: World, caller: PeerCall) -> Room:
    room = world.engine.room_of(world.call_of(caller).talk.call_id)
    assert room is not None
    return room


def party(world: World, caller: PeerCall, name: str = "desk-1") -> str:
    """The state of a party; "" where there is none of that name."""
    return next((one.state for one in world.call_of(caller).view().parties if one.name == name), "")


def join(client: str = "tab-1", extension: str = "7001", offer: Session | None = None, kind: str = "desk") -> Join:
    return Join(Desk(client, extension, kind, f"agent {extension}"), offer or browser_offer(), "desks", by_rule=True)


def codes(world: World) -> list[str]:
    return [notice.code for notice in world.notices]


def with_line(**changed: tuple[str, ...]) -> Session:
    """A browser's offer with other attributes on its video line."""
    offer = browser_offer()
    media = offer.media[0]
    for name, values in changed.items():
        media = replace_attributes(media, name.replace("_", "-"), *values)
    return replace(offer, media=(media,))


class TestJoining:
    def test_answers_with_the_rooms_transport_and_leaves_the_voice_alone(self, world: World) -> None:
        caller, centre = connected(world)
        admitted = with_webrtc(world, caller)
        room = room_of(world, caller)
        video = line(admitted.answer, "video")
        assert admitted.name == "desk-1"
        assert video.get("ice-ufrag") == room.secure["desk-1"].ufrag
        assert video.port == room.local["desk-1"].rtp_port
        media = room.members["desk-1"]
        assert media is not None and media.remote is None and media.secure is not None
        assert media.secure.setup == "actpass" and media.send_format.payload_type == 108
        (view,) = world.call_of(caller).view().parties
        assert (view.kind, view.state, view.extension, view.client) == ("webrtc", "connected", "7001", "tab-1")
        assert world.call_of(caller).talk.video.showing == "desk-1"
        assert view.sends and codes(world) == ["bound", "party-joined"]
        caller.hears_nothing(1)
        centre.hears_nothing(1)
        ended(world, caller, centre)
        assert world.views[live_id(world)].parties[0].state == "left"

    def test_is_told_what_the_caller_can_take(self) -> None:
        with World(settings=CallSettings(bitrate_kbps=700)) as world:
            caller, centre = connected(world)
            admitted = with_webrtc(world, caller)
            assert (admitted.limits.width, admitted.limits.height) == (320, 240)  # its a=imageattr
            assert (admitted.limits.frame_rate, admitted.limits.bitrate_kbps) == (30, 700)
            assert world.call_of(caller).view().video.limits == admitted.limits
            assert line(admitted.answer, "video").bandwidth("AS") == 700
            ended(world, caller, centre)

    def test_before_the_answer(self, world: World) -> None:
        caller, centre = ringing(world)
        with_webrtc(world, caller)
        picked_up(caller, centre)
        assert party(world, caller) == "connected"
        ended(world, caller, centre)

    def test_a_call_without_video(self, world: World) -> None:
        from splitter.lab.offers import VideoLine

        caller, centre = connected(world, picture=VideoLine.NONE)
        admitted = with_webrtc(world, caller)
        assert set(room_of(world, caller).members) == {"desk-1"}
        assert admitted.limits.bitrate_kbps == 960 and world.call_of(caller).view().video.limits is None
        ended(world, caller, centre)

    def test_seats_by_sip_and_guests_are_numbered_beside_it(self, world: World) -> None:
        caller, centre = connected(world)
        joined(world, caller)
        assert with_webrtc(world, caller).name == "desk-1"
        guest = told(world, caller, join("phone", "", kind="guest"))
        assert isinstance(guest, Admitted) and guest.name == "guest-1"
        kinds = [(one.name, one.kind) for one in world.call_of(caller).view().parties]
        assert kinds == [("seat-1", "sip"), ("desk-1", "webrtc"), ("guest-1", "guest")]
        ended(world, caller, centre)

    def test_they_are_counted(self, world: World) -> None:
        before = value(metrics.calls.SEATS_JOINED)
        caller, centre = connected(world)
        with_webrtc(world, caller)
        with_webrtc(world, caller)
        joined(world, caller)
        assert value(metrics.calls.SEATS_JOINED) - before == 2
        ended(world, caller, centre)
        assert value(metrics.calls.SEATS_JOINED) == before


class TestAFailedJoinLeavesNothing:
    @pytest.mark.parametrize(
        ("offer", "expected"),
        [
            (with_line(rtpmap=("96 VP8/90000",)), (406, "no-h264")),
            (replace(browser_offer(), media=()), (406, "no-h264")),
            (with_line(fingerprint=()), (422, "bad-offer")),
            (with_line(ice_ufrag=("x" * 10_000,)), (422, "bad-offer")),
            (with_line(rtcp_mux=()), (422, "bad-offer")),
        ],
    )
    def test_offers_of_no_use(self, offer: Session, expected: tuple[int, str], world: World) -> None:
        caller, centre = connected(world)
        assert denied(world, caller, join(offer=offer)) == expected
        assert set(room_of(world, caller).members) == {"caller"} and not world.call_of(caller).view().parties
        ended(world, caller, centre)

    @pytest.mark.parametrize("operation", ["join_secure", "set_participant"])
    def test_no_media(self, operation: str, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.fault = lambda what, call: MediaUnavailable("full") if what == operation else None
        assert denied(world, caller, join()) == (503, "no-media")
        world.engine.fault = lambda what, call: None
        world.run(0.5)
        assert set(room_of(world, caller).members) == {"caller"} and party(world, caller) == "left"
        assert with_webrtc(world, caller).name == "desk-2"
        ended(world, caller, centre)

    def test_no_ports(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        """The desk is told so, and so is whoever asks later why nobody saw the caller."""
        world.engine.fault = lambda what, call: NoPorts("no free media ports") if what == "join_secure" else None
        assert denied(world, caller, join()) == (503, "no-ports")
        view = world.call_of(caller).view()
        assert [(party.state, party.lack) for party in view.parties] == [("left", "no-ports")]
        carried = [CarriedView("caller", VIDEO, 900, 0, key_frames=3)]
        found = why(view, carried, world.traces[view.call_id]).video
        assert found.words == f"desk-1 (7001) found no place: {Lack.PORTS.words}"
        assert "no free media ports" in found.proof[0].text
        world.engine.fault = lambda what, call: None
        assert with_webrtc(world, caller).name == "desk-2"
        ended(world, caller, centre)

    def test_an_unknown_call(self, world: World) -> None:
        task = world.loop.create_task(world.calls.ask("nobody", join()))
        world.run_until(task.done)
        error = task.exception()
        assert (error.status, error.code) == (404, "no-such-call")

    def test_more_than_a_call_can_have(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        for number in range(MAX_PARTIES):
            with_webrtc(world, caller, f"tab-{number}")
        assert denied(world, caller, join("one-more")) == (409, "full")
        seat = world.desk.invite(live_id(world), seat=True)
        seat.expect("486")
        ended(world, caller, centre)

    def test_guests_leave_room_for_agents(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        for number in range(MAX_GUESTS):
            told(world, caller, join(f"phone-{number}", "", kind="guest"))
        assert denied(world, caller, join("one-more", "", kind="guest")) == (409, "full")
        assert with_webrtc(world, caller).name == "desk-1"
        ended(world, caller, centre)

    def test_who_joins_and_leaves_all_the_time_does_not_take_the_ports_of_the_voice(self, world: World) -> None:
        caller, centre = connected(world)
        opened = 0
        for _ in range(300):
            try:
                admitted = told(world, caller, join("phone", "", kind="guest"))
            except Denial as denial:
                assert (denial.status, denial.code) == (429, "too-many")
                world.run(0.1)
            else:
                opened += 1
                assert isinstance(admitted, Admitted)
                told(world, caller, Remove(admitted.name, "guest"))
        assert opened < 30
        assert with_webrtc(world, caller).name == "desk-1", "agents are not kept out by that"
        world.run(20.0)
        told(world, caller, join("phone", "", kind="guest"))
        ended(world, caller, centre)

    def test_nobody_waits_for_it_any_more(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.delay = lambda: 0.05
        task = asking(world, caller, join())
        world.run(0.07)
        task.cancel()
        world.run(1)
        assert set(room_of(world, caller).members) == {"caller"} and party(world, caller) == "left"
        ended(world, caller, centre)

    def test_a_worker_that_never_answers(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.stuck = {"join_secure"}
        world.engine.limit_s = 30.0
        assert denied(world, caller, join()) == (504, "timeout")
        caller.bye()
        centre.expect("BYE")
        world.settle()


class TestVoiceFirst:
    def test_a_slow_worker_holds_up_nothing_of_the_voice(self, world: World) -> None:
        caller, centre = connected(world)
        world.engine.limit_s = 5.0
        world.engine.stuck = {"join_secure", "snapshot", "show", "restart_ice", "join"}
        tasks = [asking(world, caller, ask) for ask in (join(), TakeSnapshot(), Show("slate", "x"))]
        world.desk.invite(world.call_of(caller).talk.call_id, seat=True)
        world.run(0.1)
        before = world.now
        caller.reinvite(audio="sendonly")
        caller.expect("200 re-INVITE")
        assert world.now - before < 0.2
        world.run_until(lambda: all(task.done() for task in tasks))
        assert all(isinstance(task.exception(), Exception) for task in tasks)
        world.run(1)
        if centre.unread:
            centre.unread.clear()
        caller.bye()
        caller.expect("200 BYE")
        world.settle()

    def test_hang_up_in_the_middle_answers_everybody(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.stuck = {"join_secure", "snapshot"}
        world.engine.limit_s = 5.0
        tasks = [asking(world, caller, ask) for ask in (join(), TakeSnapshot())]
        world.run(0.2)
        before = world.now
        caller.bye()
        centre.expect("BYE")
        world.run_until(lambda: all(task.done() for task in tasks))
        assert world.now - before < 1
        assert [task.exception().code for task in tasks] == ["call-ended"] * 2
        world.settle()

    def test_a_fault_in_an_ask_does_not_end_the_call(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        broken = Join(Desk("tab-1"), None, "desks")  # type: ignore[arg-type]
        task = asking(world, caller, broken)
        world.run_until(task.done)
        assert task.exception().status == 500
        assert world.call_of(caller).talk.state == "connected"
        assert [entry["event"] for entry in world.logs if entry["log_level"] == "error"] == ["an ask failed"]
        world.logs.clear()
        ended(world, caller, centre)

    def test_more_asks_than_a_call_takes(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.stuck = {"join_secure"}
        tasks = [asking(world, caller, join(f"tab-{number}")) for number in range(40)]
        world.run(0.1)
        busy = [task for task in tasks if task.done() and task.exception().code == "busy"]
        assert len(busy) == 8
        world.run(15)
        ended(world, caller, centre)
        assert all(task.exception() is not None for task in tasks)


class TestComingBack:
    def test_the_same_client_takes_its_old_place_at_once(self, world: World) -> None:
        caller, centre = connected(world)
        first = with_webrtc(world, caller)
        before = room_of(world, caller).local["desk-1"]
        second = with_webrtc(world, caller)
        assert first.name == second.name == "desk-1"
        assert room_of(world, caller).local["desk-1"] != before
        assert party(world, caller) == "connected" and len(world.call_of(caller).view().parties) == 1
        assert world.notices[-1].text == "desk-1 is back"
        world.run(100)
        assert party(world, caller) == "connected"
        ended(world, caller, centre)

    @pytest.mark.parametrize("other", [join("tab-2"), join("tab-1", "7002"), join("tab-1", kind="guest")])
    def test_another_one_is_another_party(self, other: Join, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with_webrtc(world, caller)
        admitted = told(world, caller, other)
        assert isinstance(admitted, Admitted) and admitted.name != "desk-1"
        ended(world, caller, centre)

    def test_twice_at_the_same_time(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        tasks = [asking(world, caller, join()) for _ in range(3)]
        world.run_until(lambda: all(task.done() for task in tasks))
        results = [task.exception() or task.result() for task in tasks]
        assert [getattr(result, "code", "") for result in results] == ["replaced", "replaced", ""]
        world.run(0.5)
        room = room_of(world, caller)
        last = results[-1]
        assert isinstance(last, Admitted) and last.name == "desk-1"
        assert line(last.answer, "video").port == room.local["desk-1"].rtp_port
        assert set(room.members) == {"caller", "desk-1"}
        ended(world, caller, centre)

    def test_interrupted_and_back_by_itself(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with_webrtc(world, caller)
        room = room_of(world, caller)
        world.engine.transport(room, "desk-1", "interrupted", "nothing came for 5 s")
        world.run(10)
        assert party(world, caller) == "interrupted"
        world.engine.transport(room, "desk-1", "connected", "the browser is back")
        world.run(100)
        assert party(world, caller) == "connected"
        assert codes(world) == ["bound", "party-joined", "party-interrupted", "party-joined"]
        ended(world, caller, centre)

    @pytest.mark.parametrize("states", [["interrupted"], ["failed"], ["interrupted", "failed"]])
    def test_it_has_its_time_and_no_more(self, states: list[str]) -> None:
        with World(settings=CallSettings(rejoin_window_s=30)) as world:
            caller, centre = connected(world)
            with_webrtc(world, caller)
            for state in states:
                world.engine.transport(room_of(world, caller), "desk-1", state, "gone")
                world.run(10)
            world.run(15 if len(states) == 1 else 5)
            assert party(world, caller) == "interrupted"
            world.run(6)
            assert party(world, caller) == "left" and set(room_of(world, caller).members) == {"caller"}
            assert codes(world)[-1] == "party-removed" and world.call_of(caller).talk.video.showing == "slate"
            assert world.call_of(caller).talk.state == "connected"
            ended(world, caller, centre)

    def test_one_that_never_connects_is_taken_out(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.transport = lambda *event: None  # type: ignore[method-assign]
        with_webrtc(world, caller)
        assert party(world, caller) == "joining"
        world.run(61)
        assert party(world, caller) == "left"
        assert world.notices[-1].text == "desk-1 never connected within 60 s"
        ended(world, caller, centre)

    def test_what_is_late_of_the_old_transport_is_not_of_the_new_one(self, world: World) -> None:
        caller, centre = connected(world)
        with_webrtc(world, caller)
        world.engine.delay = lambda: 0.05
        task = asking(world, caller, join())
        world.run(0.01)
        world.engine.transport(room_of(world, caller), "desk-1", "failed", "closed")
        world.run_until(task.done)
        world.run(0.5)
        assert party(world, caller) == "connected" and "party-interrupted" not in codes(world)
        ended(world, caller, centre)


class TestIce:
    def test_more_candidates(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with_webrtc(world, caller)
        remote = line(browser_offer(), "video")
        ufrag, password = remote.get("ice-ufrag") or "", remote.get("ice-pwd") or ""
        for number in range(60):
            candidate = HOST.replace("36250", str(36250 + number))
            assert told(world, caller, Restart("desk-1", ufrag, password, (candidate, "junk"))) is None
        media = room_of(world, caller).members["desk-1"]
        assert media is not None and media.secure is not None
        assert len(media.secure.candidates) == 32 and media.secure.candidates[0] == HOST
        assert "restart_ice" not in world.engine.asked
        ended(world, caller, centre)

    def test_a_restart(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with_webrtc(world, caller)
        before = room_of(world, caller).secure["desk-1"]
        local = told(world, caller, Restart("desk-1", "anew", "p" * 22, (HOST,)))
        assert isinstance(local, SecureLocal) and local.ufrag != before.ufrag
        media = room_of(world, caller).members["desk-1"]
        assert media is not None and media.secure is not None
        assert (media.secure.ufrag, media.secure.candidates) == ("anew", (HOST,))
        assert media.secure.fingerprints == tuple(line(browser_offer(), "video").get_all("fingerprint"))
        late = line(browser_offer(), "video").get("ice-ufrag") or ""
        assert told(world, caller, Restart("desk-1", late, "q" * 22, (HOST,))) is None
        assert world.engine.asked["restart_ice"] == 1
        assert party(world, caller) == "connected"
        ended(world, caller, centre)

    @pytest.mark.parametrize(
        ("ask", "expected"),
        [
            (Restart("desk-9", "anew", "p" * 22), (404, "no-such-party")),
            (Restart("desk-1", "x", "p" * 22), (422, "bad-fragment")),
            (Restart("desk-1", "x" * 9999, "p" * 22), (422, "bad-fragment")),
            (Restart("caller", "anew", "p" * 22), (404, "no-such-party")),
            (Restart("desk-2", "anew", "p" * 22), (404, "no-such-party")),  # it speaks plain RTP
        ],
    )
    def test_what_cannot_be_restarted(self, ask: Restart, expected: tuple[int, str], world: World) -> None:
        caller, centre = connected(world)
        with_webrtc(world, caller)
        joined(world, caller)
        assert denied(world, caller, ask) == expected
        ended(world, caller, centre)

    def test_restarts_without_end(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with_webrtc(world, caller)
        denials = 0
        for number in range(60):
            try:
                told(world, caller, Restart("desk-1", f"anew{number:04}", "p" * 22, (HOST,)))
            except Denial as denial:
                assert (denial.status, denial.code) == (429, "too-many")
                denials += 1
        assert denials > 20 and world.engine.asked["restart_ice"] < 40
        assert party(world, caller) == "connected"
        ended(world, caller, centre)

    def test_a_transport_that_has_failed(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with_webrtc(world, caller)
        world.engine.transport(room_of(world, caller), "desk-1", "failed", "ICE")
        world.run(0.1)
        assert denied(world, caller, Restart("desk-1", "anew", "p" * 22)) == (409, "media-lost")
        assert with_webrtc(world, caller).name == "desk-1"
        ended(world, caller, centre)


class TestLeaving:
    @pytest.mark.parametrize(("by", "code"), [("agent 7001", "party-left"), ("supervisor", "party-removed")])
    def test_by_itself_or_by_another(self, by: str, code: str, world: World) -> None:
        caller, centre = connected(world)
        with_webrtc(world, caller)
        assert told(world, caller, Remove("desk-1", by)) is None
        world.run(0.1)
        assert codes(world)[-1] == code and party(world, caller) == "left"
        assert set(room_of(world, caller).members) == {"caller"} and world.call_of(caller).talk.video.showing == "slate"
        assert denied(world, caller, Remove("desk-1", by)) == (404, "no-such-party")
        ended(world, caller, centre)

    def test_a_seat_by_sip_gets_bye(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat = joined(world, caller)
        told(world, caller, Remove("seat-1", "supervisor"))
        seat.expect("BYE")
        world.run(0.1)
        assert not world.call_of(caller).legs.seats and set(room_of(world, caller).members) == {"caller"}
        assert codes(world)[-1] == "party-removed"
        ended(world, caller, centre)

    def test_while_it_joins(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.delay = lambda: 0.05
        task = asking(world, caller, join())
        world.run(0.07)
        told(world, caller, Remove("desk-1", "supervisor"))
        world.run(1)
        assert task.exception().code == "replaced"
        assert set(room_of(world, caller).members) == {"caller"}
        ended(world, caller, centre)

    def test_the_caller_is_no_party(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        assert denied(world, caller, Remove("caller", "x")) == (404, "no-such-party")
        ended(world, caller, centre)


def live_id(world: World) -> str:
    (call_id,) = world.views
    return call_id
