"""Session timers of each leg (RFC 4028): who refreshes, by what, and what comes of a refresh that fails or never comes."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from splitter.calls.settings import CallSettings
from tests.dialogs.kit import arrived, header, lose, notes, nothing_left, picked_up, relay_target, request, said, sdp
from tests.world import PeerCall, World
from tests.world.peer import session_of

Talk = tuple[PeerCall, PeerCall]


def talking(world: World, *, caller_s: int = 0, centre: tuple[tuple[str, str], ...] = (), allow: str = "") -> Talk:
    """An answered call.

    Args:
        caller_s: the interval that the caller asks for, and keeps.
        centre: what the centre's 200 says. allow: its Allow, where it is another.
    """
    caller, called = arrived(world, timer_s=caller_s)
    called.allow = allow or called.allow
    called.answer(headers=centre)
    caller.expect("200")
    called.expect("ACK")
    world.run(0.1)
    return caller, called


def timer(seconds: int, refresher: str) -> tuple[tuple[str, str], ...]:
    return (("Session-Expires", f"{seconds};refresher={refresher}"), ("Require", "timer"))


def hang_up(world: World, caller: PeerCall, centre: PeerCall) -> None:
    caller.bye()
    world.run(0.5)
    nothing_left(world, caller, centre)


class TestSection7UacTowardsTheCentre:
    def test_the_invite_asks_for_our_interval(self) -> None:
        with World(settings=CallSettings(session_expires_s=600, min_session_expires_s=120)) as world:
            caller, centre = talking(world)
            assert header(centre.invite, "session-expires") == "600"
            assert header(centre.invite, "min-se") == "120"
            assert "timer" in header(centre.invite, "supported")
            world.run(700)
            assert "UPDATE" not in centre.heard, "it agreed to none"
            hang_up(world, caller, centre)

    def test_422_raises_it(self) -> None:
        with World(settings=CallSettings(session_expires_s=100)) as world:
            caller, first = arrived(world)
            first.refuse(422, headers=[("Min-SE", "300")])
            again = world.pbx.take()
            assert header(again.invite, "session-expires") == header(again.invite, "min-se") == "300"
            assert again.invite.call_id == first.invite.call_id and again.invite.cseq[0] == 2
            again.answer(headers=timer(300, "uac"))
            caller.expect("200")
            again.expect("ACK")
            hang_up(world, caller, again)

    @pytest.mark.parametrize("minimum", ["", "50", "rubbish"])
    def test_a_422_that_asks_for_nothing_new_is_a_refusal(self, minimum: str) -> None:
        with World(settings=CallSettings(session_expires_s=100)) as world:
            caller = world.sbc.invite("12345")
            world.pbx.take().refuse(422, headers=[("Min-SE", minimum)] if minimum else [])
            caller.expect("480")
            world.settle()

    def test_422_for_ever_is_given_up(self, world: World) -> None:
        caller = world.sbc.invite("12345")
        for minimum in (2000, 3000, 4000):
            world.pbx.take().refuse(422, headers=[("Min-SE", str(minimum))])
        caller.expect("480")
        assert not world.pbx.arrived
        world.settle()


class TestSection9UasTowardsTheCaller:
    def test_it_is_granted_and_the_caller_refreshes(self, world: World) -> None:
        caller, centre = talking(world, caller_s=100)
        granted = said(world, caller, "200 INVITE")[0]
        assert header(granted, "session-expires") == "100;refresher=uac" and "timer" in header(granted, "require")
        world.run(1000)
        assert caller.heard.count("200 UPDATE") >= 18 and caller.state == "confirmed"
        assert "UPDATE" not in caller.heard
        hang_up(world, caller, centre)

    def test_too_small_is_422_and_no_call(self) -> None:
        with World(settings=CallSettings(min_session_expires_s=180)) as world:
            caller = world.sbc.invite(timer_s=90)
            refused = caller.expect("422")
            assert header(refused, "min-se") == "180"
            assert not world.pbx.arrived
            world.settle()

    def test_too_small_of_a_caller_that_does_not_know_timers_is_raised(self, world: World) -> None:
        caller, centre = arrived(world, headers=[("Session-Expires", "30")])
        centre.answer()
        assert header(caller.expect("200"), "session-expires") == "90;refresher=uas"
        centre.expect("ACK")
        hang_up(world, caller, centre)

    @pytest.mark.parametrize("name", ["Session-Expires", "Min-SE"])
    def test_what_cannot_be_read_counts_as_missing(self, name: str, world: World) -> None:
        caller, centre = arrived(world, headers=[(name, "soon"), ("Supported", "timer")])
        centre.answer()
        assert header(caller.expect("200"), "session-expires") == "1800;refresher=uac"
        centre.expect("ACK")
        hang_up(world, caller, centre)

    def test_a_refresh_that_asks_for_too_little_is_422_and_the_old_one_stands(self, world: World) -> None:
        caller, centre = talking(world, caller_s=200)
        caller.request("UPDATE", [*caller.own_headers(), ("Supported", "timer"), ("Session-Expires", "60")])
        assert header(caller.expect("422 UPDATE"), "min-se") == "90"
        caller.extra = [("Supported", "timer"), ("Session-Expires", "60")]
        caller.reinvite()
        assert header(caller.expect("422 re-INVITE"), "min-se") == "90"
        caller.extra = []
        world.run(400)
        assert caller.state == "confirmed" and "200 UPDATE" in caller.heard
        hang_up(world, caller, centre)


class TestWeRefresh:
    def test_by_update_without_sdp(self, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uac"))
        target = relay_target(world, caller, 1)
        centre.extra = [*timer(120, "uac")]
        world.run(61)
        refresh = request(centre.expect("UPDATE"))
        assert not refresh.body and header(refresh, "session-expires") == "120;refresher=uac"
        assert refresh.contact is not None and "timer" in header(refresh, "supported")
        world.run(600)
        assert 9 <= centre.heard.count("UPDATE") <= 12
        assert relay_target(world, caller, 1) == target and not caller.unread
        hang_up(world, caller, centre)

    @pytest.mark.parametrize("allow", ["INVITE, ACK, CANCEL, BYE", "none said"])
    def test_by_a_reinvite_where_the_peer_has_no_update(self, allow: str, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uac"), allow=allow)
        centre.extra = [*timer(120, "uac")]
        before = session_of(centre.invite)
        world.run(61)
        refresh = centre.expect("INVITE")
        assert sdp(refresh) == before, "the same description, under the same version"
        world.run(600)
        assert centre.heard.count("INVITE") >= 9 and "UPDATE" not in centre.heard
        assert world.voice_faults(caller) == [] and not caller.unread
        hang_up(world, caller, centre)

    def test_the_caller_by_a_reinvite_that_changes_nothing(self, world: World) -> None:
        caller, centre = arrived(world, headers=[("Session-Expires", "100;refresher=uas"), ("Supported", "timer")])
        centre.answer()
        answer = sdp(caller.expect("200"))
        centre.expect("ACK")
        call = world.call_of(caller)
        call.caller.record.allows = frozenset({"INVITE"})
        world.run(51)
        refresh = caller.expect("INVITE")
        offer = sdp(refresh)
        assert [(m.kind, m.port, m.formats) for m in offer.media] == [(m.kind, m.port, m.formats) for m in answer.media]
        assert world.voice_faults(caller) == [] and not centre.unread
        hang_up(world, caller, centre)

    def test_it_does_not_bring_video_back(self, world: World) -> None:
        caller, centre = arrived(world, headers=[("Session-Expires", "100;refresher=uas"), ("Supported", "timer")])
        picked_up(caller, centre)
        caller.reinvite(video="off")
        caller.expect("200 re-INVITE")
        call = world.call_of(caller)
        call.caller.record.allows = frozenset({"INVITE"})
        world.run(60)
        offer = sdp(caller.expect("INVITE", 60))
        assert [media.port > 0 for media in offer.media] == [True, False]
        hang_up(world, caller, centre)

    def test_a_hold_stays(self, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uac"), allow="INVITE")
        centre.extra = [*timer(120, "uac")]
        caller.reinvite(audio="sendonly")
        caller.expect("200 re-INVITE")
        centre.expect("INVITE")
        world.run(61)
        assert sdp(centre.expect("INVITE")).direction_of(0) == "sendonly"
        assert not caller.unread
        hang_up(world, caller, centre)

    @pytest.mark.parametrize("status", [405, 501])
    def test_update_that_was_allowed_and_is_refused_is_a_reinvite_then(self, status: int, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uac"))
        centre.answers = {"UPDATE": (status, ())}
        world.run(61)
        centre.expect("UPDATE")
        centre.expect("INVITE")
        assert centre.state == "confirmed"
        hang_up(world, caller, centre)

    def test_422_to_the_refresh(self, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uac"))
        centre.answers = {"UPDATE": (422, [("Min-SE", "400")])}
        world.run_until(lambda: "UPDATE" in centre.heard, 70)
        centre.answers = {}
        centre.extra = [*timer(400, "uac")]
        world.run(1)
        asked = [request(heard) for heard in centre.unread if heard.what == "UPDATE"]
        assert [header(one, "session-expires").partition(";")[0] for one in asked] == ["120", "400"]
        world.run(190)
        assert centre.heard.count("UPDATE") == 2
        hang_up(world, caller, centre)

    @pytest.mark.parametrize("minimum", ["", "90"])
    def test_422_for_ever_does_not_loop(self, minimum: str, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uac"))
        centre.answers = {"UPDATE": (422, [("Min-SE", minimum)] if minimum else [])}
        world.run(120)
        assert 1 <= centre.heard.count("UPDATE") < 8
        assert caller.state == centre.state == "confirmed"
        hang_up(world, caller, centre)

    def test_422_that_wants_ever_more_does_not_loop(self, world: World) -> None:
        class More(dict[str, tuple[int, Iterable[tuple[str, str]]]]):
            def __getitem__(self, method: str) -> tuple[int, Iterable[tuple[str, str]]]:
                return 422, [("Min-SE", str(200 + 10 * centre.heard.count("UPDATE")))]

        caller, centre = talking(world, centre=timer(120, "uac"))
        centre.answers = More(UPDATE=(422, ()))
        world.run(62)
        assert centre.heard.count("UPDATE") == 3
        hang_up(world, caller, centre)

    def test_422_to_the_reinvite(self, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uac"), allow="INVITE")
        centre.on_reinvite = lambda call: call.decline(422, [("Min-SE", "400")])
        world.run_until(lambda: "INVITE" in centre.heard[1:], 70)
        centre.on_reinvite = PeerCall.accept
        centre.extra = [*timer(400, "uac")]
        world.run(2)
        asked = [header(heard, "session-expires") for heard in centre.unread if heard.what == "INVITE"]
        assert asked == ["120;refresher=uac", "400;refresher=uac"]
        assert world.voice_faults(caller) == []
        hang_up(world, caller, centre)

    def test_422_to_a_relayed_hold_is_between_us_and_the_centre(self, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uac"))
        first = [True]

        def judge(call: PeerCall) -> None:
            if first.pop() if first else False:
                call.decline(422, [("Min-SE", "500")])
            else:
                call.accept()

        centre.on_reinvite = judge
        caller.reinvite(audio="sendonly")
        assert sdp(caller.expect("200 re-INVITE")).direction_of(0) == "recvonly"
        hang_up(world, caller, centre)

    def test_481_ends_the_call(self, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uac"))
        centre.answers = {"UPDATE": (481, ())}
        caller.expect("BYE", 70)
        assert "no longer answers: 481" in notes(world, caller)
        centre.expect("UPDATE")
        nothing_left(world, caller, centre)

    @pytest.mark.parametrize("voice", [True, False])
    def test_no_answer(self, voice: bool, world: World) -> None:
        """With voice the call goes on, and the refresh is tried again."""
        caller, centre = talking(world, centre=timer(120, "uac"))
        call = world.call_of(caller)
        if not voice:
            world.engine.silent.add((call.talk.call_id, 1))
        lose(world, "UPDATE")
        world.run(62 + 33 + 40 + 33)
        if voice:
            assert caller.state == "confirmed"
            lose(world)
            centre.extra = [*timer(120, "uac")]
            world.run(60)
            assert centre.heard.count("UPDATE") >= 1
            hang_up(world, caller, centre)
        else:
            assert caller.state == "ended"
            world.settle()

    def test_while_a_reinvite_is_open_it_waits(self, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uac"))
        centre.extra = [*timer(120, "uac")]
        world.run(59)
        centre.on_reinvite = lambda call: None
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        centre.hears_nothing(4)
        centre.accept()
        caller.expect("200 re-INVITE")
        world.run(70)
        assert centre.state == "confirmed" and "UPDATE" in centre.heard
        hang_up(world, caller, centre)


class TestThePeerRefreshes:
    def test_by_update(self, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uas"))
        target = relay_target(world, caller, 1)
        for _ in range(5):
            world.run(60)
            centre.request(
                "UPDATE", [*centre.own_headers(), ("Supported", "timer"), ("Session-Expires", "120;refresher=uac")]
            )
            granted = centre.expect("200 UPDATE")
            assert header(granted, "session-expires") == "120;refresher=uac" and granted.session is None
        assert "UPDATE" not in centre.heard and relay_target(world, caller, 1) == target
        assert not caller.unread
        hang_up(world, caller, centre)

    def test_by_a_reinvite_with_the_same_description(self, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uas"))
        centre.extra = [("Supported", "timer"), ("Session-Expires", "120;refresher=uac")]
        versions = set()
        for _ in range(5):
            world.run(60)
            centre.reinvite()
            granted = centre.expect("200 re-INVITE")
            versions.add(sdp(granted).origin.version)
            assert header(granted, "session-expires") == "120;refresher=uac"
        assert len(versions) == 1 and not caller.unread
        centre.extra = []
        hang_up(world, caller, centre)

    def test_the_roles_stay_where_it_leaves_them_open(self, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uac"))
        centre.request("UPDATE", [*centre.own_headers(), ("Supported", "timer"), ("Session-Expires", "120")])
        assert header(centre.expect("200 UPDATE"), "session-expires") == "120;refresher=uas", "still us"
        centre.extra = [*timer(120, "uac")]
        world.run(61)
        assert header(centre.expect("UPDATE"), "session-expires") == "120;refresher=uac"
        hang_up(world, caller, centre)

    def test_it_takes_over(self, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uac"))
        lines = [*centre.own_headers(), ("Supported", "timer"), ("Session-Expires", "120;refresher=uac")]
        for _ in range(4):
            world.run(40)
            centre.request("UPDATE", lines)
            centre.expect("200 UPDATE")
        assert "UPDATE" not in centre.heard
        hang_up(world, caller, centre)

    def test_missed_with_voice(self, world: World) -> None:
        """We ask ourselves, with an alarm; a peer that answers stays."""
        caller, centre = talking(world, centre=timer(120, "uas"))
        centre.extra = [*timer(120, "uas")]
        asked = request(centre.expect("UPDATE", 100))
        assert header(asked, "session-expires") == "120;refresher=uas"
        assert "no session refresh in time" in notes(world, caller)
        world.run(300)
        assert centre.state == "confirmed"
        hang_up(world, caller, centre)

    def test_missed_without_voice_and_without_an_answer(self, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uas"))
        call = world.call_of(caller)
        world.engine.silent.add((call.talk.call_id, 1))
        centre.vanish()
        caller.expect("BYE", 140)
        world.settle()

    def test_missed_where_the_operator_wants_it_ended(self) -> None:
        with World(settings=CallSettings(end_on_missed_refresh=True)) as world:
            caller, centre = talking(world, centre=timer(120, "uas"))
            centre.expect("BYE", 100)
            caller.expect("BYE")
            nothing_left(world, caller, centre)

    def test_missed_by_the_caller_with_voice(self, world: World) -> None:
        caller, centre = talking(world, caller_s=100)
        assert caller.refreshing is not None
        caller.refreshing.cancel()
        caller.expect("UPDATE", 80)
        world.run(20)
        assert caller.state == "confirmed"
        hang_up(world, caller, centre)


class TestBothLegs:
    def test_each_has_its_own(self) -> None:
        with World(settings=CallSettings(session_expires_s=400)) as world:
            caller, centre = talking(world, caller_s=100, centre=timer(400, "uac"))
            centre.extra = [*timer(400, "uac")]
            world.run(1000)
            assert caller.heard.count("200 UPDATE") >= 18 and 4 <= centre.heard.count("UPDATE") <= 6
            hang_up(world, caller, centre)

    def test_off(self) -> None:
        with World(settings=CallSettings(session_expires_s=0)) as world:
            caller, centre = talking(world)
            assert not header(centre.invite, "session-expires")
            assert not header(said(world, caller, "200 INVITE")[0], "session-expires")
            world.run(4000)
            assert caller.state == "confirmed"
            hang_up(world, caller, centre)

    def test_a_seat_that_does_not_refresh_leaves(self) -> None:
        with World(settings=CallSettings(session_expires_s=200)) as world:
            caller, centre = talking(world)
            call = world.call_of(caller)
            seat = world.desk.invite(call.talk.call_id, seat=True, timer_s=100)
            seat.expect("200")
            assert seat.refreshing is not None
            seat.refreshing.cancel()
            seat.expect("BYE", 100)
            assert caller.state == "confirmed" and not call.legs.seats
            hang_up(world, caller, centre)

    @pytest.mark.parametrize("who", ["caller", "centre"])
    def test_bye_crosses_the_refresh(self, who: str, world: World) -> None:
        caller, centre = talking(world, centre=timer(120, "uac"))
        world.run(59.897)
        (caller if who == "caller" else centre).bye()
        world.run(2)
        nothing_left(world, caller, centre)
