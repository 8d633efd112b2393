"""Rows of the header table about requests and dialogs: what each leg says for itself, bodies, and what may be called."""

from __future__ import annotations

import pytest

from splitter.calls.settings import CallSettings
from splitter.sip.message import Request, Response
from tests.calls.kit import arrived, ended
from tests.calls.table import header, view
from tests.world import PeerCall, World


class TestRetryAfterAnd503:
    """A 503 would make the SBC take this gateway for dead: neither it nor its Retry-After crosses."""

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    @pytest.mark.parametrize("untrusted", [(), ("sbc", "pbx")])
    def test_of_a_refusal(self, status: int, untrusted: tuple[str, ...]) -> None:
        with World(untrusted=untrusted) as world:
            caller = world.sbc.invite()
            for peer in (world.pbx, world.pbx2):
                peer.take().refuse(status, headers=[("Retry-After", "1800")])
            refusal = caller.expect("480")
            assert header(refusal, "retry-after") == []
            world.settle()

    def test_in_a_call(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        centre.on_reinvite = lambda call: call.decline(503, [("Retry-After", "1800")])
        caller.reinvite(audio="sendonly")
        assert header(caller.expect("500 re-INVITE"), "retry-after") == ["3"]
        centre.unread.clear()
        ended(world, caller, centre)


class TestAllowSupportedRequire:
    """Generated for each leg: what is implemented, and nothing of what the other side said."""

    @pytest.mark.parametrize("untrusted", [(), ("sbc", "pbx")])
    def test_the_legs_know_nothing_of_each_other(self, untrusted: tuple[str, ...]) -> None:
        with World(untrusted=untrusted) as world:
            lines = [("Supported", "path, gruu, histinfo, outbound"), ("Allow-Events", "presence"), ("Accept", "x/y")]
            caller, centre = arrived(world, headers=lines)
            centre.allow = "INVITE, ACK, CANCEL, BYE, REFER"
            centre.answer(headers=[("Supported", "path, norefersub")])
            answer = caller.expect("200")
            for message in (centre.invite, answer.message):
                assert message is not None
                assert set(message.headers.values("allow")) == {
                    "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK",
                }  # fmt: skip
                assert set(message.headers.values("supported")) <= {"100rel", "timer", "precondition", "replaces"}
                assert not header(message, "require") and not header(message, "allow-events")
            ended(world, caller, centre)

    @pytest.mark.parametrize("name", ["path", "sec-agree", "100rel, gruu"])
    def test_what_is_not_known_and_required_gets_420(self, name: str, world: World) -> None:
        caller = world.sbc.invite(headers=[("Require", name)])
        assert header(caller.expect("420"), "unsupported") == [name.rpartition(" ")[2]]
        world.settle()

    def test_nor_in_the_call(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        caller.request("INFO", [("Require", "gruu")])
        assert header(caller.expect("420 INFO"), "unsupported") == ["gruu"]
        ended(world, caller, centre)

    def test_what_is_known_is_not_required_of_the_centre(self, world: World) -> None:
        caller, centre = arrived(world, reliable="require")
        assert not header(centre.invite, "require")
        centre.answer()
        caller.expect("200")
        ended(world, caller, centre)


class TestReliabilityAndTimers:
    """RFC 3262, RFC 4028: counted and agreed on each leg for itself."""

    def test_rseq_and_rack_are_the_legs_own(self, world: World) -> None:
        caller, centre = arrived(world, reliable="supported")
        centre.ring(183, media=True, reliable=True)
        heard = caller.expect("183")
        prack = centre.expect("PRACK")
        assert header(prack, "rack") == [f"1 {centre.invite.cseq[0]} INVITE"]
        (number,) = header(heard, "rseq")
        assert number != "1" and header(heard, "require") == ["100rel"]
        centre.answer()
        caller.expect("200")
        ended(world, caller, centre)

    def test_intervals_are_the_legs_own(self) -> None:
        with World(settings=CallSettings(session_expires_s=1200)) as world:
            caller, centre = arrived(world, timer_s=600, headers=[("Min-SE", "300")])
            assert header(centre.invite, "session-expires")[0].partition(";")[0] == "1200"
            assert header(centre.invite, "min-se") != ["300"]
            centre.answer(headers=[("Session-Expires", "900;refresher=uas"), ("Require", "timer")])
            assert header(caller.expect("200"), "session-expires")[0].partition(";")[0] == "600"
            ended(world, caller, centre)

    @pytest.mark.parametrize("interval", [1, 89])
    def test_too_short_an_interval_gets_422_with_ours(self, interval: int, world: World) -> None:
        caller = world.sbc.invite(timer_s=interval)
        assert header(caller.expect("422"), "min-se") == ["90"]
        world.settle()


class TestMaxForwards:
    """RFC 3261 §16.3, §20.22: one hop less, and none left is 483."""

    @pytest.mark.parametrize(("received", "sent"), [(["70"], "69"), (["1"], "0"), ([], "69"), (["255"], "254")])
    def test_is_one_less(self, received: list[str], sent: str, world: World) -> None:
        world.sbc.invite(headers=[("Max-Forwards", value) for value in received])
        assert header(world.pbx.take().invite, "max-forwards") == [sent]

    def test_used_up(self, world: World) -> None:
        caller = world.sbc.invite(headers=[("Max-Forwards", "0")])
        caller.expect("483")
        assert not world.pbx.calls
        world.settle()

    def test_of_our_own_requests_in_the_call_is_fresh(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        caller.bye()
        assert header(centre.expect("BYE"), "max-forwards") == ["70"]
        world.settle()


class TestRecordRoute:
    """RFC 3261 §12.1, §12.2: the route set is that of the first exchange; Contact alone moves the target."""

    PROXIES = ("<sip:10.1.0.5:5060;lr>", "<sip:edge.example;lr;x=1>")

    def test_the_route_set_is_frozen(self, world: World) -> None:
        caller = world.sbc.invite(headers=[("Record-Route", ", ".join(self.PROXIES))])
        centre = world.pbx.take()
        assert not header(centre.invite, "record-route") and not header(centre.invite, "route")
        centre.answer(headers=[("Record-Route", "<sip:10.2.0.5:5060;lr>")])
        answer = caller.expect("200")
        assert [value for line in header(answer, "record-route") for value in line.split(", ")] == [*self.PROXIES]
        ack = centre.expect("ACK")
        assert header(ack, "route") == ["<sip:10.2.0.5:5060;lr>"]
        caller.extra = [("Record-Route", "<sip:10.1.0.77;lr>")]
        caller.reinvite()
        caller.expect("200 re-INVITE")
        centre.bye()
        bye = caller.expect("BYE")
        assert isinstance(bye.message, Request)
        assert [value for line in header(bye, "route") for value in line.split(", ")] == [*self.PROXIES]
        assert bye.message.uri == f"sip:sbc@{world.sbc.address}"
        world.settle()


class TestBodies:
    """RFC 5621, RFC 3261 §8.2.3: the description is found wherever it is, and goes to the centre alone."""

    UNKNOWN = b"Content-Type: application/x-unknown\r\nContent-Disposition: %b\r\n\r\nwhatever"

    @pytest.mark.parametrize("disposition", [b"render;handling=optional", b"signal; Handling = OPTIONAL", b"render"])
    def test_an_unknown_part_that_is_not_required_is_ignored(self, disposition: bytes, world: World) -> None:
        caller, centre = arrived(world, parts=[self.UNKNOWN % disposition])
        assert centre.invite.content_type == "application/sdp"
        assert b"unknown" not in centre.invite.serialize()
        centre.answer()
        caller.expect("200")
        ended(world, caller, centre)

    def test_one_that_is_required_gets_415_with_accept(self, world: World) -> None:
        caller = world.sbc.invite(parts=[self.UNKNOWN % b"signal;handling=required"])
        assert header(caller.expect("415"), "accept") == ["application/sdp"]
        assert not world.pbx.calls
        world.settle()

    def test_a_known_one_may_be_required(self, world: World) -> None:
        pidf = b"Content-Type: application/pidf+xml\r\nContent-Disposition: render;handling=required\r\n\r\n<presence/>"
        caller = world.sbc.invite(parts=[pidf])
        world.pbx.take().answer()
        caller.expect("200")


class TestCalled:
    """What a Request-URI may be: a number in a sip: or tel: URI, or a service (RFC 3966, RFC 5031)."""

    @pytest.mark.parametrize(
        ("uri", "called", "shown"),
        [
            ("tel:110", "110", "110"),
            ("tel:1-10;phone-context=+86;cpc=emergency", "110", "110"),
            ("TEL:110;phone-context=ims.mnc001.mcc460.3gppnetwork.org", "110", "110"),
            ("sip:110;phone-context=%2B86@10.1.0.1;user=phone", "110", "110"),
            ("sip:1.1.0@10.1.0.1:5060;transport=udp", "110", "110"),
            ("urn:service:sos", "urn:service:sos", "sos"),
            ("urn:service:sos.police", "urn:service:sos.police", "sos.police"),
            ("URN:Service:SOS.Fire", "urn:service:sos.fire", "sos.fire"),
        ],
    )
    def test_is_routed(self, uri: str, called: str, shown: str, world: World) -> None:
        caller, centre = arrived(world, uri=uri)
        assert view(world, caller).called == called
        assert centre.invite.uri == f"sip:{shown}@10.2.0.5:5060"
        centre.answer()
        answer = caller.expect("200")
        assert isinstance(answer.message, Response)
        ended(world, caller, centre)

    @pytest.mark.parametrize(
        ("uri", "status"),
        [
            ("tel:999", "404"),
            ("urn:service:counseling", "404"),
            ("urn:service:", "416"),
            ("urn:nena:service:sos", "416"),
            ("http://10.1.0.1/110", "416"),
            ("mailto:110@10.1.0.1", "416"),
        ],
    )
    def test_or_refused(self, uri: str, status: str, world: World) -> None:
        world.sbc.invite(uri=uri).expect(status)
        world.settle()
