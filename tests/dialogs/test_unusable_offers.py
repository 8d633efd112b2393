"""Offers of a centre whose voice cannot be used: they are refused, and the voice that stands goes on (RFC 3264 §8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from splitter.calls.states import Side
from splitter.lab.offers import VideoLine
from splitter.sdp.parse import parse
from splitter.sdp.write import write
from tests.calls.kit import arrived, connected, ended, hung_up, relay_target, sdp
from tests.dialogs.kit import notes, nothing_left
from tests.dialogs.test_replaces import naming
from tests.world import PeerCall, World
from tests.world.user_agent import session_of

Spoil = Callable[[str], str]


def without_address(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if line[:2] != "c=")


# name → (what becomes of the centre's offer, what it is told)
UNUSABLE: dict[str, tuple[Spoil, str]] = {
    "a host name": (lambda text: text.replace("c=IN IP4 10.2.0.5", "c=IN IP4 pbx.example"), "488"),
    "zeros before the digits": (lambda text: text.replace("c=IN IP4 10.2.0.5", "c=IN IP4 010.002.000.005"), "488"),
    "a group of hosts": (lambda text: text.replace("c=IN IP4 10.2.0.5", "c=IN IP4 239.1.1.1"), "488"),
    "another family": (lambda text: text.replace("c=IN IP4 10.2.0.5", "c=IN IP6 2001:db8::5"), "488"),
    "no address": (without_address, "400"),
    "keys": (lambda text: text.replace("RTP/AVP", "RTP/SAVP") + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n", "488"),
    "TCP": (lambda text: text.replace("RTP/AVP", "TCP/RTP/AVP"), "488"),
}  # fmt: skip
MANY = pytest.mark.parametrize("name", UNUSABLE)


def offers(centre: PeerCall, text: str) -> None:
    centre.reinvite(parse(text))


def changed(centre: PeerCall) -> str:
    """A hold, as the centre would offer it."""
    return write(centre.terminal.change(audio="sendonly")).decode()


@MANY
class TestInACall:
    def test_a_hold_is_refused_and_both_go_on(self, name: str, world: World) -> None:
        spoil, status = UNUSABLE[name]
        caller, centre = connected(world)
        offers(centre, spoil(changed(centre)))
        centre.expect(f"{status} re-INVITE")
        caller.hears_nothing(1)
        centre.terminal.wish = "sendrecv"
        ended(world, caller, centre)

    def test_so_is_a_move(self, name: str, world: World) -> None:
        spoil, status = UNUSABLE[name]
        caller, centre = connected(world)
        offers(centre, spoil(write(centre.terminal.change(move=True)).decode()))
        centre.expect(f"{status} re-INVITE")
        ended(world, caller, centre)


@MANY
class TestReplaces:
    def test_another_leg_does_not_take_the_place(self, name: str, world: World) -> None:
        spoil, status = UNUSABLE[name]
        caller, centre = connected(world)
        offer = write(centre.peer.terminal().first_offer(picture=VideoLine.NONE)).decode()
        second = centre.peer.invite("anything", offer=spoil(offer).encode(), headers=[naming(centre)])
        second.expect(status)
        centre.hears_nothing(1)
        ended(world, caller, centre)


@MANY
class TestBeforeTheAnswer:
    def test_an_update_is_refused(self, name: str, world: World) -> None:
        spoil, status = UNUSABLE[name]
        caller, centre = arrived(world, reliable="supported")
        centre.ring(183, media=True, reliable=True)
        caller.expect("183")
        centre.expect("PRACK")
        world.run(0.1)
        centre.update(parse(spoil(write(centre.terminal.change(move=True)).decode())))
        centre.expect(f"{status} UPDATE")
        centre.answer()
        caller.expect("200")
        centre.expect("ACK")
        ended(world, caller, centre)

    def test_an_offer_in_the_200_ends_the_call(self, name: str, world: World) -> None:
        """Who called without an offer is told so before it has answered the other's."""
        spoil, _ = UNUSABLE[name]
        caller, centre = arrived(world, offer=b"")
        offer = write(centre.terminal.first_offer(picture=VideoLine.NONE)).decode()
        centre.respond_first(200, parse(spoil(offer)), "", ())
        caller.expect("488")
        nothing_left(world, caller, centre)


class TestTwoVoices:
    """Stacks that know keys offer each voice twice, one after the other (rtpengine#1489)."""

    def test_the_one_over_rtp_is_taken(self, world: World) -> None:
        caller, centre = connected(world)
        plain = changed(centre)
        head, _, line = plain.partition("m=audio ")
        port = line.split()[0]
        keys = line.replace("RTP/AVP", "RTP/SAVP").replace(port, "39000", 1)
        offers(centre, f"{head}m=audio {keys}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\nm=audio {line}")
        caller.expect("INVITE")
        answer = sdp(centre.expect("200 re-INVITE"))
        assert [(media.proto, media.port > 0) for media in answer.media] == [("RTP/SAVP", False), ("RTP/AVP", True)]
        world.run(0.1)
        assert str(relay_target(world, caller, Side.CENTRE.place)) == f"10.2.0.5:{port}"
        caller.unread.clear()
        hung_up(world, caller, centre)


class TestAnswersWithoutNames:
    """An answer names the numbers alone: they stand for what they were offered for (RFC 3264 §6.1)."""

    def test_by_the_centre(self, world: World) -> None:
        caller, centre = arrived(world)
        assert centre.invite is not None
        offer = session_of(centre.invite)
        assert offer is not None
        answer = centre.terminal.answer(offer)
        line = answer.media[0]
        bare = line.with_(attributes=tuple(item for item in line.attributes if item.name not in ("rtpmap", "fmtp")))
        centre.answer(replace(answer, media=(bare,)))
        codecs = sdp(caller.expect("200")).media[0].codecs
        assert codecs[0] == offer.media[0].codecs[0]
        centre.expect("ACK")
        world.run(0.1)
        assert "without a=rtpmap" in notes(world, caller)
        ended(world, caller, centre)
