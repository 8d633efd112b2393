"""Whose call it is: what the centre says of the connected line, and what follows for desks."""

from __future__ import annotations

import re

import pytest

from splitter.calls.asks import Bind
from splitter.calls.peers.binding import ConnectedLine, LineMemory, Named, Unclear
from splitter.calls.settings import CallSettings, Role, Trunk
from splitter.sip.headers import Headers
from splitter.sip.message import Request, Response
from tests.calls.kit import arrived, connected, ended, told, with_webrtc
from tests.dialogs.test_replaces import replacing
from tests.world import PeerCall, World

NO_AGENT = "the centre named no agent (p-asserted-identity, remote-party-id)"
DIALOG = [("From", "<sip:13800138000@gw>;tag=a"), ("To", "<sip:600@pbx>;tag=b"), ("CSeq", "1 INVITE")]


def line(*sources: str, pattern: str = "", known: tuple[str, ...] = (), others: tuple[str, ...] = ()) -> ConnectedLine:
    wanted = {"bind_from": sources} if sources else {}
    look = re.compile(pattern) if pattern else None
    trunk = Trunk("pbx", Role.CENTRE, "core", (), extension_pattern=look, **wanted)  # type: ignore[arg-type]
    return ConnectedLine(trunk, known.__contains__, LineMemory(frozenset(others)))


def response(status: int, *headers: tuple[str, str], tag: str = "b") -> Response:
    lines = [(name, value.replace("tag=b", f"tag={tag}")) for name, value in DIALOG]
    return Response(status, "", Headers([*lines, *headers]))


def request(method: str, *headers: tuple[str, str], sender: str = "600") -> Request:
    lines = [("From", f"<sip:{sender}@pbx>;tag=b"), ("To", "<sip:13800138000@gw>;tag=a"), ("CSeq", f"2 {method}")]
    return Request(method, "sip:splitter@gw", Headers([*lines, *headers]))


def pai(user: str) -> tuple[str, str]:
    return "P-Asserted-Identity", f'"Agent" <sip:{user}@pbx>'


def rpid(user: str, *params: str) -> tuple[str, str]:
    return "Remote-Party-ID", ";".join((f'"Agent" <sip:{user}@pbx>', *params))


def bound(*users: str) -> list[tuple[str, str]]:
    return [pai(user) for user in users]


class TestSources:
    """Which headers name the agent."""

    def test_p_asserted_identity_of_a_2xx(self) -> None:
        assert line().learn_from(response(200, pai("8001"))) == Named("8001", "p-asserted-identity")

    def test_sip_and_tel_of_the_same_agent_are_one(self) -> None:
        both = ("P-Asserted-Identity", '"Agent" <sip:8001@pbx>, <tel:80-01>')
        assert line().learn_from(response(200, both)) == Named("8001", "p-asserted-identity")

    @pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
    def test_requests_in_the_dialog(self, method: str) -> None:
        assert line().learn_from(request(method, pai("8001"))) == Named("8001", "p-asserted-identity")

    @pytest.mark.parametrize("method", ["BYE", "INFO", "PRACK"])
    def test_other_requests_say_nothing_of_it(self, method: str) -> None:
        assert line().learn_from(request(method, pai("8001"))) is None

    def test_a_refusal_says_nothing_of_it(self) -> None:
        assert line().learn_from(response(486, pai("8001"))) is None

    def test_remote_party_id_of_a_response_is_the_called_party(self) -> None:
        """draft-ietf-sip-privacy-04 §9.1."""
        assert line().learn_from(response(200, rpid("8001", "party=called"))) == Named("8001", "remote-party-id")
        assert line().learn_from(response(200, rpid("8001"))) == Named("8001", "remote-party-id")

    def test_freeswitch_calls_whom_it_has_reached_calling(self) -> None:
        """mod_sofia writes party=calling into its responses, for the callee."""
        said = response(200, rpid("8001", "party=calling", "privacy=off", "screen=no"))
        assert line().learn_from(said) == Named("8001", "remote-party-id")

    def test_our_own_caller_is_nobody_whom_the_centre_has_reached(self) -> None:
        """Not even one who is an agent: a call from desk to desk."""
        caller = rpid("8001", "party=calling")
        assert line(known=("8001",), others=("8001",)).learn_from(response(200, caller)) is None
        again = line(pattern="8[0-9]{3}")
        assert again.learn_from(response(200, pai("8002"))) == Named("8002", "p-asserted-identity")
        otherwise = response(200, rpid("+8613800138000", "party=calling"))
        assert again.learn_from(otherwise) is None, "written otherwise than we know it: the call is still 8002's"
        both = response(200, caller, rpid("8002", "party=called"))
        assert line().learn_from(both) == Named("8002", "remote-party-id")

    @pytest.mark.parametrize("party", ["called", "calling", "CALLED"])
    def test_remote_party_id_of_a_request_by_either_word(self, party: str) -> None:
        """Asterisk says "called" in its UPDATE, others "calling"."""
        said = line().learn_from(request("UPDATE", rpid("8001", f"party={party}", "privacy=off", "screen=no")))
        assert said == Named("8001", "remote-party-id")

    def test_contact_and_to_where_the_trunk_says_so(self) -> None:
        contact = ("Contact", "<sip:8001@10.1.0.31:5060>")
        assert line().learn_from(response(200, contact)) is None
        assert line("contact").learn_from(response(200, contact)) == Named("8001", "contact")
        assert line("to").learn_from(response(200)) == Named("600", "to")

    def test_from_of_a_request_where_the_trunk_says_so(self) -> None:
        """RFC 4916: the connected identity is in From of an UPDATE."""
        assert line().learn_from(request("UPDATE", sender="8001")) is None
        assert line("from").learn_from(request("UPDATE", sender="8001")) == Named("8001", "from")

    def test_no_source_no_agent(self) -> None:
        trunk = Trunk("pbx", Role.CENTRE, "core", (), bind_from=())
        assert ConnectedLine(trunk, lambda _: True, LineMemory()).learn_from(response(200, pai("8001"))) is None

    @pytest.mark.parametrize("value", ['"Agent <sip:8001@pbx>', "<>", "<sip:@pbx>", "\x00", "<sip:80%30", "," * 50])
    def test_what_cannot_be_read_names_nobody(self, value: str) -> None:
        assert line().learn_from(response(200, ("P-Asserted-Identity", value))) is None

    def test_a_thousand_values_are_not_all_read(self) -> None:
        many = ("P-Asserted-Identity", ", ".join(f"<sip:{8000 + n}@pbx>" for n in range(1000)))
        said = line().learn_from(response(200, many))
        assert isinstance(said, Unclear) and len(said.text) < 500


class TestWhoIsAnAgent:
    def test_without_a_pattern_two_to_six_digits(self) -> None:
        fits = [user for user in ("1", "12", "123456", "1234567", "+8610", "queue", "80 01") if self.named(user)]
        assert fits == ["12", "123456"]

    def test_the_number_that_was_called_is_a_queue_or_service(self) -> None:
        assert line(others=("600", "")).learn_from(response(200, pai("600"))) is None
        assert line(others=("600",), known=("600",)).learn_from(response(200, pai("600"))) is not None

    def test_the_extension_of_a_desk_whatever_it_looks_like(self) -> None:
        assert line(known=("agent-wang",)).learn_from(response(200, pai("agent-wang"))) is not None

    def test_with_a_pattern_what_fits_it_whole(self) -> None:
        assert line(pattern=r"8\d{3}").learn_from(response(200, pai("8001"))) == Named("8001", "p-asserted-identity")
        for user in ("600", "80011", "18001"):
            assert line(pattern=r"8\d{3}", known=("600",)).learn_from(response(200, pai(user))) is None

    def test_a_name_without_end_is_nobody(self) -> None:
        assert line(pattern=".*").learn_from(response(200, pai("8" * 65))) is None

    def named(self, user: str) -> bool:
        return (
            line().learn_from(response(200, ("P-Asserted-Identity", f"<sip:{user.replace(' ', '%20')}@pbx>")))
            is not None
        )


class TestNeverGuessed:
    def test_sources_that_disagree(self) -> None:
        said = line().learn_from(response(200, pai("8001"), rpid("8002", "party=called")))
        assert said == Unclear("the centre names several agents: 8001 (p-asserted-identity), 8002 (remote-party-id)")

    def test_sources_of_which_one_is_no_agent_do_not_disagree(self) -> None:
        said = line(pattern=r"8\d{3}").learn_from(response(200, pai("600"), rpid("8001", "party=called")))
        assert said == Named("8001", "remote-party-id")

    def test_the_same_doubt_is_told_once(self) -> None:
        heard = line()
        assert isinstance(heard.learn_from(response(200, *bound("8001", "8002"))), Unclear)
        assert heard.learn_from(request("UPDATE", *bound("8002", "8001"))) is None

    def test_after_a_doubt_the_next_clear_word_counts(self) -> None:
        heard = line()
        heard.learn_from(response(200, *bound("8001", "8002")))
        assert heard.learn_from(request("UPDATE", pai("8001"))) == Named("8001", "p-asserted-identity")

    def test_two_phones_that_ring_at_once(self) -> None:
        """A fork: each early dialog names its own phone; the one that answers has the call."""
        heard = line()
        assert heard.learn_from(response(180, pai("8001"), tag="one")) == Named("8001", "p-asserted-identity")
        assert isinstance(heard.learn_from(response(180, pai("8002"), tag="two")), Unclear)
        assert heard.learn_from(response(200, tag="two")) == Named("8002", "p-asserted-identity")

    def test_early_dialogs_without_number(self) -> None:
        heard = line(pattern=r"\d+")
        for number in range(500):
            heard.learn_from(response(180, pai(str(8000 + number)), tag=f"t{number}"))
        assert heard.learn_from(response(200, pai("9000"), tag="t499")) == Named("9000", "p-asserted-identity")


class TestOverTime:
    def test_what_is_repeated_is_nothing_new(self) -> None:
        """So that CTI, which says otherwise meanwhile, is not overruled by a session refresh."""
        heard = line()
        heard.learn_from(response(200, pai("8001")))
        assert heard.learn_from(request("UPDATE", pai("8001"))) is None

    def test_a_message_without_a_word_of_it_changes_nothing(self) -> None:
        heard = line()
        heard.learn_from(response(183, pai("8001")))
        assert heard.learn_from(response(200)) is None
        assert heard.learn_from(request("INVITE")) is None

    def test_a_transfer(self) -> None:
        heard = line()
        heard.learn_from(response(200, pai("8001")))
        assert heard.learn_from(request("UPDATE", pai("8002"))) == Named("8002", "p-asserted-identity")

    def test_back_to_the_queue(self) -> None:
        heard = line(pattern=r"8\d{3}")
        heard.learn_from(response(200, pai("8001")))
        assert heard.learn_from(request("UPDATE", pai("600"))) == Named("", "p-asserted-identity")
        assert heard.learn_from(request("UPDATE", pai("600"))) is None
        assert heard.learn_from(request("UPDATE", pai("8001"))) == Named("8001", "p-asserted-identity")

    def test_without_a_pattern_nobody_can_say_that_it_went_back(self) -> None:
        heard = line(others=("600",))
        heard.learn_from(response(200, pai("8001")))
        assert heard.learn_from(request("UPDATE", pai("600"))) is None

    def test_an_agent_who_hides_is_still_the_agent(self) -> None:
        heard = line(pattern=r"8\d{3}")
        heard.learn_from(response(200, pai("8001")))
        assert heard.learn_from(request("UPDATE", ("P-Asserted-Identity", "<sip:anonymous@anonymous.invalid>"))) is None


# ---- in a call -----------------------------------------------------------------------------------------------------


def codes(world: World) -> list[str]:
    return [notice.code for notice in world.notices]


def shown(world: World, caller: PeerCall) -> tuple[str, str]:
    view = world.call_of(caller).view()
    return view.extension, view.bound_by


def passes_on(world: World, centre: PeerCall, *headers: tuple[str, str]) -> None:
    """The centre's UPDATE with the connected line."""
    centre.update(bare=True, headers=headers)
    centre.expect("200 UPDATE")
    world.run(0.2)


def names(world: World, caller: PeerCall) -> list[str]:
    return [party.name for party in world.call_of(caller).view().parties if party.state != "left"]


class TestTheCall:
    def test_is_bound_while_it_rings_and_the_desk_is_told_before_the_answer(self, world: World) -> None:
        world.desks.attach("k", "8001", "tab-1", "webrtc", 0.0)
        caller, centre = arrived(world)
        centre.ring(180, headers=[pai("8001")])
        caller.expect("180")
        world.run(0.1)
        assert shown(world, caller) == ("8001", "centre p-asserted-identity")
        assert world.call_of(caller).talk.state == "ringing" and codes(world) == ["bound"]
        centre.answer()
        caller.expect("200")
        ended(world, caller, centre)

    def test_is_bound_before_it_is_shown_as_connected(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.answer(headers=[pai("8001")])
        caller.expect("200")
        world.run(0.1)
        assert world.views[world.call_of(caller).talk.call_id].extension == "8001"
        centre.expect("ACK")
        ended(world, caller, centre)

    @pytest.mark.parametrize("way", ["UPDATE", "re-INVITE"])
    def test_is_bound_by_the_connected_line(self, way: str, world: World, caller: PeerCall, centre: PeerCall) -> None:
        if way == "UPDATE":
            passes_on(world, centre, pai("8001"))
        else:
            centre.reinvite(headers=[pai("8001")])
            centre.expect("200 re-INVITE")
            world.run(0.2)
        assert shown(world, caller) == ("8001", "centre p-asserted-identity")
        ended(world, caller, centre)

    @pytest.mark.parametrize(("named", "leg"), [("8001", []), ("+862112345678", ["centre"])])
    def test_says_that_the_centre_named_no_agent(self, named: str, leg: list[str], world: World) -> None:
        caller, centre = arrived(world)
        centre.answer(headers=[pai(named)])
        caller.expect("200")
        world.run(0.1)
        assert [event.leg for event in world.trace_of(caller) if NO_AGENT in event.text] == leg
        ended(world, caller, centre)

    def test_says_that_the_agent_has_no_video(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        passes_on(world, centre, pai("8001"))
        assert codes(world) == ["bound", "no-video-client"]
        assert "8001" in world.notices[-1].text
        ended(world, caller, centre)

    def test_says_what_is_unclear_and_stays_as_it_was(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        passes_on(world, centre, pai("8001"))
        passes_on(world, centre, *bound("8002", "8003"))
        assert shown(world, caller)[0] == "8001"
        assert codes(world)[-1] == "binding-unclear" and "8002" in world.notices[-1].text
        ended(world, caller, centre)

    def test_cti_stands_against_what_the_centre_only_repeats(self, world: World) -> None:
        caller, centre = connected(world)
        passes_on(world, centre, pai("8001"))
        told(world, caller, Bind("8002", "cti"))
        passes_on(world, centre, pai("8001"))
        assert shown(world, caller) == ("8002", "cti")
        ended(world, caller, centre)

    def test_a_route_that_gave_up_has_nobody_any_more(self, world: World) -> None:
        caller, first = arrived(world)
        first.ring(180, headers=[pai("8001")])
        caller.expect("180")
        first.refuse(503)
        second = world.pbx2.take()
        world.run(0.1)
        assert shown(world, caller) == ("", "")
        second.answer(headers=[pai("9001")])
        caller.expect("200")
        world.run(0.1)
        assert shown(world, caller)[0] == "9001"
        second.expect("ACK")
        ended(world, caller, second)

    def test_with_a_delayed_offer(self) -> None:
        with World(trunk={"delayed_offer": True}) as world:
            caller, centre = arrived(world)
            centre.answer(headers=[pai("8001")])
            caller.expect("200")
            centre.expect("ACK")
            world.run(0.1)
            assert shown(world, caller)[0] == "8001"
            passes_on(world, centre, pai("8002"))
            assert shown(world, caller)[0] == "8002"
            ended(world, caller, centre)

    def test_a_newcomer_brings_its_agent(self, world: World) -> None:
        """RFC 3891: the phone that takes the call over names itself in its INVITE."""
        caller, first = connected(world)
        passes_on(world, first, pai("8001"))
        second = replacing(world, first, headers=[pai("8002")])
        second.expect("200")
        first.expect("BYE")
        world.run(0.2)
        assert shown(world, caller)[0] == "8002"
        second.update(bare=True, headers=[pai("8003")])
        second.expect("200 UPDATE")
        world.run(0.1)
        assert shown(world, caller)[0] == "8003"
        ended(world, caller, second)

    def test_a_header_that_cannot_be_read_harms_nothing(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        passes_on(world, centre, ("P-Asserted-Identity", '"broken <sip:8001@pbx'), ("Remote-Party-ID", ";;;<"))
        assert shown(world, caller) == ("", "")
        ended(world, caller, centre)


class TestTransfer:
    def test_the_former_agents_video_ends(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        passes_on(world, centre, pai("7001"))
        with_webrtc(world, caller, "tab-1", "7001")
        with_webrtc(world, caller, "tab-2", "7002")
        passes_on(world, centre, pai("7002"))
        assert names(world, caller) == ["desk-2"]
        [removed] = [notice for notice in world.notices if notice.code == "party-removed"]
        assert removed.party == "desk-1" and "7002" in removed.text
        ended(world, caller, centre)

    def test_unless_it_is_to_stay(self) -> None:
        with World(settings=CallSettings(leave_on_transfer=False)) as world:
            caller, centre = connected(world)
            passes_on(world, centre, pai("7001"))
            with_webrtc(world, caller, "tab-1", "7001")
            passes_on(world, centre, pai("7002"))
            assert names(world, caller) == ["desk-1"] and shown(world, caller)[0] == "7002"
            ended(world, caller, centre)

    def test_a_sip_seat_is_hung_up(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        passes_on(world, centre, pai("7001"))
        seat = world.desk.invite(world.call_of(caller).talk.call_id, seat=True, number="7001")
        seat.expect("200")
        world.run(0.2)
        assert names(world, caller) == ["seat-1"]
        passes_on(world, centre, pai("7002"))
        seat.expect("BYE")
        assert names(world, caller) == []
        ended(world, caller, centre)

    def test_back_to_the_queue_takes_the_call_from_the_desk(self) -> None:
        with World(trunk={"extension_pattern": re.compile(r"7\d{3}")}) as world:
            caller, centre = connected(world)
            passes_on(world, centre, pai("7001"))
            with_webrtc(world, caller, "tab-1", "7001")
            passes_on(world, centre, pai("600"))
            assert names(world, caller) == [] and shown(world, caller) == ("", "")
            ended(world, caller, centre)


class TestFromChange:
    """RFC 4916, on a trunk with "from" in bind_from."""

    @pytest.mark.parametrize("declared", [True, False])
    def test_is_declared_where_it_is_wanted(self, declared: bool) -> None:
        with World(trunk={"bind_from": ("from",)} if declared else {}) as world:
            caller, centre = connected(world)
            assert ("from-change" in centre.invite.headers.values("supported")) is declared
            ended(world, caller, centre)

    def test_handsets_are_told_nothing_of_it(self) -> None:
        with World(trunk={"bind_from": ("from",)}) as world:
            caller, centre = arrived(world)
            centre.answer()
            assert "from-change" not in caller.expect("200").message.headers.values("supported")
            centre.expect("ACK")
            ended(world, caller, centre)

    @pytest.mark.parametrize("declared", [True, False])
    def test_a_new_from_is_our_next_to(self, declared: bool) -> None:
        """§4.4.1; who does not declare it goes on with the old one (RFC 3261 §12.2.1.1)."""
        with World(trunk={"bind_from": ("from",)} if declared else {}) as world:
            caller, centre = connected(world)
            assert centre.dialog is not None
            tag = centre.dialog.local_tag
            centre.dialog.local = f"<sip:8001@10.2.0.5>;tag={tag}"
            passes_on(world, centre)
            assert shown(world, caller)[0] == ("8001" if declared else "")
            caller.reinvite(audio="sendonly")
            to = centre.expect("INVITE").message.to
            assert (to.user, to.tag) == ("8001" if declared else "110", tag)
            caller.expect("200 re-INVITE")
            ended(world, caller, centre)
