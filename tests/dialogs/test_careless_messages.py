"""Messages as careless peers really wrote them, byte for byte: none of them costs its call."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitter.calls.states import Side
from splitter.sdp.model import Session
from splitter.sdp.write import write
from splitter.sip.message import Request
from splitter.sip.parse import parse_message
from tests.calls.kit import arrived, relay_target
from tests.world import PeerCall, World
from tests.world.user_agent import session_of
from tests.world.wire import label
from tests.world.world import SBC

CASES = Path(__file__).parent.parent / "sip" / "careless"
ALL = sorted(path.stem for path in CASES.glob("*.sip"))
HELD = "w07-direction-with-trailing-blank"
EARLY = b"v=0\r\no=- 1 1 IN IP4 10.2.0.5\r\ns=-\r\nc=IN IP4 10.2.0.5\r\nt=0 0\r\nm=audio 39990 RTP/AVP 8\r\n"


def sent(world: World, name: str) -> None:
    """The SBC sends this case."""
    world.driver.received(world.driver.flow_to("access", "udp", SBC), (CASES / f"{name}.sip").read_bytes())


def call_id(name: str) -> str:
    return parse_message((CASES / f"{name}.sip").read_bytes()).call_id


def offer_of(centre: PeerCall) -> Session:
    """What the centre is offered."""
    assert centre.invite is not None
    offer = session_of(centre.invite)
    assert offer is not None
    return offer


def heard(world: World, name: str) -> list[str]:
    """What the gateway said in the call of this case."""
    return [label(one.message) for one in world.wire.sent[call_id(name)]]


@pytest.mark.parametrize("name", ALL)
class TestByteForByte:
    def test_the_call_reaches_the_centre_and_is_answered(self, name: str, world: World) -> None:
        sent(world, name)
        if name.startswith("w10"):  # nobody has this number
            world.run(1)
            assert "404 INVITE" in heard(world, name)
            return
        centre = world.pbx.take()
        offer = offer_of(centre)
        assert [media.kind for media in offer.media] == ["audio"]
        assert offer.direction_of(0) == ("sendonly" if name == HELD else "sendrecv")
        centre.answer()
        world.run(1)
        assert "200 INVITE" in heard(world, name)

    def test_what_we_send_in_its_dialog_is_legal(self, name: str, world: World) -> None:
        if name.startswith("w10"):
            return
        sent(world, name)
        centre = world.pbx.take()
        centre.answer()
        world.run(1)
        ok = next(one.message for one in world.wire.sent[call_id(name)] if label(one.message) == "200 INVITE")
        data = (
            f"ACK sip:x@10.1.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.0.5:5060;branch=z9hG4bKack\r\n"
            f"From: {ok.headers.get('from')}\r\nTo: {ok.headers.get('to')}\r\nCall-ID: {ok.call_id}\r\n"
            "CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
        )
        world.driver.received(world.driver.flow_to("access", "udp", SBC), data.encode())
        centre.bye()
        world.run(1)
        bye = next(one.message for one in world.wire.sent[call_id(name)] if label(one.message) == "BYE")
        assert isinstance(bye, Request)
        assert bye.uri == "sip:sbc@127.0.20.10", "RFC 3261 §19.1.1: a Request-URI has no headers"
        routes = bye.headers.values("route")
        if name.startswith("w09"):
            assert routes == ["<sip:127.0.20.10;lr>", "<sip:scscf.ims.example;lr>"]
        else:
            assert routes == []


def multipart(*parts: tuple[str, bytes]) -> bytes:
    return (
        b"".join(b"--b\r\nContent-Type: application/sdp\r\n%b\r\n%b\r\n" % (d.encode(), p) for d, p in parts) + b"--b--"
    )


class TestEarlySession:
    """RFC 3959: a description of another session lies beside that of the session."""

    def test_the_answer_is_that_of_the_session(self, monkeypatch: pytest.MonkeyPatch, world: World) -> None:
        def with_early(session: Session) -> bytes:
            return multipart(
                ("Content-Disposition: early-session\r\n", EARLY), ("Content-Disposition: session\r\n", write(session))
            )

        caller, centre = arrived(world)
        monkeypatch.setattr("tests.world.user_agent.write", with_early)
        monkeypatch.setattr("tests.world.user_agent.SDP", "multipart/mixed;boundary=b")
        centre.answer()
        monkeypatch.undo()
        caller.expect("200")
        centre.expect("ACK")
        world.run(0.1)
        target = relay_target(world, caller, Side.CENTRE.place)
        assert target is not None and target.port != 39990


class TestOptions:
    """RFC 3261 §8.2: a request is judged by its method, its Request-URI, then by what it requires."""

    def options(self, world: World, uri: str, *lines: str) -> list[str]:
        data = "\r\n".join(
            [
                f"OPTIONS {uri} SIP/2.0",
                "Via: SIP/2.0/UDP 10.1.0.5:5060;branch=z9hG4bKo",
                "From: <sip:a@h>;tag=1",
                "To: <sip:b@h>",
                "Call-ID: options",
                "CSeq: 1 OPTIONS",
                *lines,
                "Content-Length: 0",
                "",
                "",
            ]
        )
        world.driver.received(world.driver.flow_to("access", "udp", SBC), data.encode())
        world.run(0.1)
        answer = world.wire.sent["options"][-1].message
        return [label(answer), ", ".join(answer.headers.get_all("unsupported"))]

    @pytest.mark.parametrize(
        ("uri", "require", "status", "unsupported"),
        [
            ("sip:gw@10.1.0.1", "", "200", ""),
            ("tel:+4930", "", "200", ""),
            ("sip:gw@10.1.0.1", "Require: 100rel, timer, precondition", "200", ""),
            ("sip:gw@10.1.0.1", "Require: nothingSupportsThis, 100rel", "420", "nothingSupportsThis"),
            ("http://10.1.0.1/", "", "416", ""),
            ("nobodyKnowsThisScheme:totallyopaquecontent", "", "416", ""),
            ("nobodyKnowsThisScheme:totallyopaquecontent", "Require: nothing", "416", ""),
        ],
    )
    def test_is_judged(self, uri: str, require: str, status: str, unsupported: str, world: World) -> None:
        assert self.options(world, uri, *([require] if require else [])) == [f"{status} OPTIONS", unsupported]
