"""Offers in UPDATE and PRACK before the answer that repeat the codec in other words (RFC 3312, TS 24.229 §6.1.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from splitter.sdp.model import Attribute, Session
from splitter.sdp.write import write
from splitter.sip.message import Response
from tests.calls.kit import ended, header, picked_up, sdp
from tests.dialogs.kit import invite_with_qos, narrowed, notes, nothing_left, response, with_qos
from tests.world import PeerCall, World

ANSWER = "mode-set=0,1,2;mode-change-period=2;max-red=0"
WORDS = {
    "of the answer": ANSWER,
    "of the offer": "mode-change-capability=2;max-red=0",
    "in another order": "max-red=0;mode-change-period=2;mode-set=0,1,2",
    "with blanks": "mode-set=0,1,2; mode-change-period=2; max-red=0",
    "of both": "mode-change-capability=2;mode-set=0,1,2;mode-change-period=2;max-red=0",
    "in capitals": "Mode-Set=0,1,2;Mode-Change-Period=2;Max-Red=0",
    "with defaults": f"octet-align=0;{ANSWER};crc=0",
    "a list in another order": "mode-set=2,0,1;mode-change-period=2;max-red=0",
    "less": "mode-set=0,1,2;mode-change-period=2",
    "none": "",
}
SAID = pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)


def spoken(session: Session, words: str, number: str = "107") -> Session:
    """The description with other parameters of the codec in use."""
    audio = session.media[0]
    kept = [item for item in audio.attributes if not (item.name == "fmtp" and (item.value or "").startswith(number))]
    fmtp = [Attribute("fmtp", f"{number} {words}")] if words else []
    line = audio.with_(attributes=(*kept, *fmtp))
    return replace(session, media=(line, *session.media[1:]))


def rings(world: World, caller: PeerCall, reliable: bool = False) -> tuple[PeerCall, Response]:
    """The centre has answered early, in its own words; and what the caller heard."""
    centre = world.pbx.take()
    centre.ring(183, spoken(centre.terminal.answer(centre.offered_session()), ANSWER), reliable=reliable)
    return centre, response(caller.expect("183"))


def ready(caller: PeerCall, words: str) -> Session:
    """What the terminal says when it has its resources."""
    return caller.terminal.given(write(with_qos(spoken(narrowed(caller), words), "sendrecv")))


@SAID
class TestResourcesAreThere:
    def test_by_update(self, words: str, world: World) -> None:
        caller = invite_with_qos(world)
        centre, _ = rings(world, caller)
        world.run(0.1)
        centre.ring(180)
        caller.update(ready(caller, words))
        answer = sdp(caller.expect("200 UPDATE"))
        assert "mode-set=0,1,2" in " ".join(answer.media[0].get_all("fmtp"))
        caller.expect("180")
        picked_up(caller, centre)
        world.run(1)
        assert not centre.unread and not caller.unread
        ended(world, caller, centre)

    def test_by_prack(self, words: str, world: World) -> None:
        caller = invite_with_qos(world)
        caller.pracks = False
        centre, progress = rings(world, caller)
        centre.ring(180)
        caller.prack(progress, ready(caller, words))
        assert sdp(caller.expect("200 PRACK")).media[0].port
        caller.expect("180")
        picked_up(caller, centre)
        world.run(1)
        assert not centre.unread and not caller.unread
        ended(world, caller, centre)

    def test_while_the_200_waits_for_them(self, words: str, world: World) -> None:
        caller = invite_with_qos(world)
        centre, _ = rings(world, caller)
        centre.answer()
        centre.expect("ACK")
        caller.hears_nothing(1)
        caller.update(ready(caller, words))
        caller.expect("200 UPDATE")
        caller.expect("200")
        world.run(1)
        assert not centre.unread and not caller.unread, "the centre is not asked"
        ended(world, caller, centre)

    def test_a_refresh_in_the_call(self, words: str, world: World) -> None:
        """Other words are no other codec, whoever reads them later."""
        caller = invite_with_qos(world)
        centre, _ = rings(world, caller)
        world.run(0.1)
        caller.update(ready(caller, ANSWER))
        caller.expect("200 UPDATE")
        picked_up(caller, centre)
        assert caller.terminal.ours is not None
        if words in (ANSWER, *list(WORDS.values())[2:4], *list(WORDS.values())[5:8]):
            caller.reinvite(caller.terminal.given(write(spoken(caller.terminal.ours, words))))
            caller.expect("200 re-INVITE")
            centre.hears_nothing(1)
        ended(world, caller, centre)


class TestTheCentresUpdate:
    @pytest.mark.parametrize("words", [ANSWER, "max-red=0; mode-set=0,1,2; mode-change-period=2"])
    def test_in_other_words(self, words: str, world: World) -> None:
        caller = world.sbc.invite(reliable="supported")
        centre, _ = rings(world, caller, reliable=True)
        centre.expect("PRACK")
        assert centre.terminal.ours is not None
        centre.update(centre.terminal.given(write(spoken(centre.terminal.ours, words))))
        centre.expect("200 UPDATE")
        picked_up(caller, centre)
        ended(world, caller, centre)


class TestAnotherFormat:
    def test_by_update_waits_for_the_answer(self, world: World) -> None:
        caller = invite_with_qos(world)
        _, _ = rings(world, caller)
        world.run(0.1)
        caller.update(ready(caller, "octet-align=1"))
        assert header(caller.expect("500 UPDATE").message, "retry-after")
        caller.cancel()
        caller.expect("487")
        world.settle()


OTHER: dict[str, Callable[[PeerCall], bytes]] = {
    "octet-align": lambda caller: write(spoken(narrowed(caller), "octet-align=1")),
    "another codec": lambda caller: write(_with_codec(caller, "105", "102")),
    "garbage": lambda caller: b"garbage",
    "no audio": lambda caller: write(_without_audio(narrowed(caller))),
}


def _with_codec(caller: PeerCall, *formats: str) -> Session:
    assert caller.open_offer is not None
    line = caller.open_offer.media[0].with_(formats=formats)
    return replace(narrowed(caller), media=(line, *narrowed(caller).media[1:]))


def _without_audio(session: Session) -> Session:
    return replace(session, media=(session.media[0].with_(port=0), *session.media[1:]))


class TestAPrackThatMatches:
    """RFC 3262 §3: it gets a 2xx, whatever it offers."""

    @pytest.mark.parametrize("kind", OTHER)
    def test_gets_one(self, kind: str, world: World) -> None:
        caller = world.sbc.invite(reliable="supported")
        caller.pracks = False
        centre, progress = rings(world, caller)
        body = OTHER[kind](caller)
        dialog = caller.early_dialogs[progress.to_tag or ""]
        number, method = progress.cseq
        headers = [("RAck", f"{progress.headers.get('rseq')} {number} {method}")]
        caller.peer.driver.request(
            dialog.request("PRACK", headers=headers, body=body, content_type="application/sdp"),
            caller.way(dialog),
            lambda event: caller.hear(f"{event.response.status} PRACK", event.response),
        )
        caller.expect("200 PRACK")
        centre.answer()
        caller.expect("200")
        world.run(5)
        assert caller.state == centre.state == "confirmed", notes(world, caller)
        caller.bye()
        world.run(1)
        nothing_left(world, caller, centre)

    def test_gets_one_when_the_call_is_over(self, world: World) -> None:
        caller = world.sbc.invite(reliable="supported")
        caller.pracks = False
        centre, progress = rings(world, caller)
        caller.cancel()
        caller.prack(progress, caller.terminal.given(write(narrowed(caller))))
        world.run(1)
        heard = {one.what for one in caller.unread}
        assert "487" in heard and heard <= {"487", "200 PRACK", "481 PRACK", "200 CANCEL"}
        nothing_left(world, caller, centre)

    def test_but_one_that_does_not_match_gets_481(self, world: World) -> None:
        caller = world.sbc.invite(reliable="supported")
        caller.pracks = False
        centre, progress = rings(world, caller)
        caller.prack(progress, caller.terminal.given(write(narrowed(caller))), rack="77 1 INVITE")
        caller.expect("481 PRACK")
        caller.prack(progress)
        caller.expect("200 PRACK")
        picked_up(caller, centre)
        ended(world, caller, centre)
