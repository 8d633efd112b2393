"""Calls that a program or a desk begins: the agent's phone rings first, then the number; and what any of it leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.calls.asks import Denial, PlacedCall
from splitter.calls.settings import CallSettings
from splitter.calls.view import CallView
from tests.calls.kit import line, redirecting, sdp
from tests.world import PeerCall, World

EXTENSION, NUMBER = "8001", "13900001111"


def placed(world: World, *, video: bool = False) -> PeerCall:
    """The agent's phone, which rings."""
    world.calls.place(PlacedCall(EXTENSION, NUMBER, "cti", video))
    return world.pbx.take()


def put_through(world: World, *, video: bool = False) -> tuple[PeerCall, PeerCall]:
    """The agent has answered, and so has the network; (agent, phone)."""
    agent = placed(world, video=video)
    agent.ring(180)
    agent.answer()
    agent.expect("ACK")
    phone = world.sbc.take()
    phone.ring(180)
    phone.answer()
    phone.expect("ACK")
    world.run(0.2)
    return agent, phone


def view(world: World) -> CallView:
    [found] = world.calls.list()
    return found


def ended(world: World) -> CallView:
    """How the only call ended."""
    world.settle()
    [found] = world.views.values()
    assert found.state == "ended"
    return found


class TestACall:
    def test_rings_the_agent_first_and_is_then_one_like_any_other(self, world: World) -> None:
        agent = placed(world)
        assert agent.invite.uri.startswith(f"sip:{EXTENSION}@") and agent.invite.from_.user == NUMBER
        assert not world.sbc.arrived, "nobody is called for an agent who is not there"
        agent.answer()
        agent.expect("ACK")
        phone = world.sbc.take()
        assert phone.invite.uri.startswith(f"sip:{NUMBER}@") and phone.invite.from_.user == EXTENSION
        offered = line(phone.offered_session(), "audio")
        assert [codec.name for codec in offered.codecs] == ["PCMA", "telephone-event"], "what the agent speaks"
        phone.answer()
        phone.expect("ACK")
        world.run(0.2)
        assert world.voice_faults(phone) == []
        shown = view(world)
        assert (shown.state, shown.direction, shown.number) == ("connected", "out", NUMBER)
        assert (shown.extension, shown.route) == (EXTENSION, "pbx")
        phone.reinvite(audio="sendonly")
        assert sdp(agent.expect("INVITE")).media[0].direction == "sendonly"
        phone.expect("200 re-INVITE")
        phone.bye()
        agent.expect("BYE")
        world.settle()

    def test_shows_the_number_that_is_configured(self) -> None:
        with World(settings=CallSettings(own_number="110")) as world:
            _, phone = put_through(world)
            assert phone.invite.from_.user == "110"
            phone.bye()
            world.settle()

    def test_asks_for_video_at_once_where_that_is_wanted(self, world: World) -> None:
        agent, phone = put_through(world, video=True)
        asked = sdp(phone.expect("INVITE"))
        assert line(asked, "video").port
        world.run(1.0)
        assert view(world).video.state == "on"
        agent.bye()
        phone.expect("BYE")
        world.settle()

    def test_passes_announcements_of_the_network_on(self, world: World) -> None:
        agent = placed(world)
        agent.answer()
        agent.expect("ACK")
        phone = world.sbc.take()
        phone.ring(183, media=True)
        world.run(0.2)
        relay = world.engine.relay_of(view(world).call_id)
        assert relay is not None and all(relay.remote)
        phone.answer()
        phone.expect("ACK")
        agent.bye()
        phone.expect("BYE")
        world.settle()


class TestWhatDoesNotCome:
    @pytest.mark.parametrize("status", [486, 480, 603])
    def test_an_agent_who_refuses_has_nobody_called(self, world: World, status: int) -> None:
        placed(world).refuse(status)
        assert ended(world).end_status == status and not world.sbc.calls

    def test_a_number_that_refuses_ends_the_agents_phone_with_the_reason(self, world: World) -> None:
        agent = placed(world)
        agent.answer()
        agent.expect("ACK")
        world.sbc.take().refuse(486)
        bye = agent.expect("BYE")
        assert bye.message is not None and "cause=486" in (bye.message.headers.get("reason") or "")
        assert ended(world).end_status == 486

    def test_an_agent_who_hangs_up_meanwhile_takes_the_call_back(self, world: World) -> None:
        agent = placed(world)
        agent.answer()
        agent.expect("ACK")
        phone = world.sbc.take()
        phone.ring(180)
        agent.bye()
        phone.expect("CANCEL")
        assert "hung up before the answer" in ended(world).end_reason

    @pytest.mark.parametrize("answered", [False, True])
    def test_an_operator_may_end_it_at_any_time(self, world: World, answered: bool) -> None:
        agent = placed(world)
        if answered:
            agent.answer()
            agent.expect("ACK")
            world.sbc.take().ring(180)
        else:
            agent.ring(180)
        world.run(0.2)
        assert world.calls.hangup(view(world).call_id, "no longer wanted")
        agent.expect("BYE" if answered else "CANCEL")
        assert ended(world).end_reason == "no longer wanted"

    def test_an_answer_without_a_voice_is_none(self, world: World) -> None:
        agent = placed(world)
        agent.answer()
        agent.expect("ACK")
        phone = world.sbc.take()
        answer = phone.terminal.answer(phone.offered_session())
        phone.answer(replace(answer, media=tuple(one.with_(port=0) for one in answer.media)))
        world.run(1.0)
        agent.expect("BYE")
        assert ended(world).end_status == 488

    def test_an_agent_whose_calls_are_forwarded_is_called_there(self, world: World) -> None:
        redirecting(world, (302, "<sip:8005@pbx>"))
        agent, phone = put_through(world)
        assert agent.invite.uri.startswith("sip:8005@") and view(world).extension == EXTENSION
        agent.bye()
        phone.expect("BYE")
        world.settle()

    def test_the_next_trunk_is_tried_where_the_first_is_out_of_order(self, world: World) -> None:
        placed(world).refuse(503)
        agent = world.pbx2.take()
        agent.answer()
        agent.expect("ACK")
        phone = world.sbc.take()
        phone.answer()
        phone.expect("ACK")
        world.run(0.2)
        assert view(world).route == "pbx2"
        agent.bye()
        phone.expect("BYE")
        world.settle()


class TestWhoMayBeCalled:
    @pytest.mark.parametrize(("extension", "number"), [("9999", NUMBER), (EXTENSION, "900123456"), (NUMBER, NUMBER)])
    def test_is_who_a_route_names(self, world: World, extension: str, number: str) -> None:
        with pytest.raises(Denial) as denied:
            world.calls.place(PlacedCall(extension, number, "cti"))
        assert (denied.value.status, denied.value.code) == (403, "not-allowed")
        world.settle()

    def test_is_nobody_while_the_gateway_drains(self, world: World) -> None:
        world.calls.refuse_new(True)
        with pytest.raises(Denial) as denied:
            world.calls.place(PlacedCall(EXTENSION, NUMBER, "cti"))
        assert denied.value.status == 503


class TestADeath:
    def test_while_the_agents_phone_rings(self, world: World) -> None:
        agent = placed(world)
        agent.ring(180)
        world.run(0.5)
        world.restart()
        agent.expect("CANCEL")
        world.settle()

    def test_while_the_number_rings_ends_both(self, world: World) -> None:
        agent = placed(world)
        agent.answer()
        agent.expect("ACK")
        phone = world.sbc.take()
        phone.ring(180)
        world.run(0.5)
        world.restart()
        phone.expect("CANCEL")
        agent.expect("BYE")
        world.settle()

    def test_between_the_two_ends_the_agents_phone(self, world: World) -> None:
        """It has answered, and the number was not called yet."""
        agent = placed(world)
        world.sbc.vanish()
        agent.answer()
        agent.expect("ACK")
        assert world.restart().refused == 0
        agent.expect("BYE")
        world.sbc.come_back()
        world.settle()

    def test_of_the_gateway_costs_no_call_that_both_have_answered(self, world: World) -> None:
        agent, phone = put_through(world)
        world.run(0.5)
        assert world.restart().taken_up == 1
        world.run(0.5)
        assert world.voice_faults(phone) == []
        phone.bye()
        agent.expect("BYE")
        world.settle()

    def test_of_the_worker_moves_the_voice_of_those_who_have_answered(self, world: World) -> None:
        agent = placed(world)
        agent.answer()
        agent.expect("ACK")
        phone = world.sbc.take()
        phone.ring(180)
        world.run(0.2)
        relay = world.engine.relay_of(view(world).call_id)
        assert relay is not None
        world.engine.kill(relay.worker)
        world.run(1.0)
        phone.answer()
        phone.expect("ACK")
        world.run(3.0)
        assert world.voice_faults(phone) == []
        agent.unread.clear()
        phone.bye()
        agent.expect("BYE")
        world.settle()
