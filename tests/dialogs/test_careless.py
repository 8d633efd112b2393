"""Whole calls whose peers write every description carelessly: nothing of it costs the call, a hold or the picture."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from splitter.calls.asks import RaiseVideo
from splitter.lab.offers import VideoLine
from splitter.sdp.model import Session
from splitter.sdp.write import write
from splitter.telemetry.summary import Summariser
from tests.calls.kit import arrived, connected, ended, joined, line, sdp, told
from tests.calls.test_escalate_voice import flows
from tests.dialogs.kit import narrowed
from tests.world import PeerCall, World
from tests.world.user_agent import session_of

SPOILED: dict[str, Callable[[str], str]] = {
    "a blank at the end of each line": lambda text: text.replace("\r\n", " \r\n").replace("s=- ", "s=-"),
    "tabs at the end of each line": lambda text: text.replace("\r\n", "\t\r\n"),
    "two blanks between the words": lambda text: text.replace("a=fmtp", "a =fmtp").replace(" ", "  "),
    "a blank after each colon": lambda text: text.replace("rtpmap:", "rtpmap: ").replace("fmtp:", "fmtp: "),
    "upper case attributes": lambda text: text.replace("a=rtpmap", "a=RTPMAP").replace("a=sen", "a=SEN"),
    "lower case networks": lambda text: text.replace("IN IP4", "in ip4"),
    "bare CR": lambda text: text.replace("\r\n", "\r"),
    "bare LF": lambda text: text.replace("\r\n", "\n"),
    "no line end at the end": lambda text: text.removesuffix("\r\n"),
    "NUL at the end": lambda text: text + "\0\r\n",
    "junk after a NUL": lambda text: text + "\0junk\x01",
    "a junk line at the end": lambda text: text + "--end--\r\n",
    "a junk line before the m-lines": lambda text: text.replace("m=", "junk\r\nm="),
    "bytes that are not UTF-8": lambda text: text.replace("s=-", "s=\udcff\udcfe").replace("m=", "a=x-\udcff\r\nm="),
    "no s=": lambda text: text.replace("s=-\r\n", ""),
    "no t=": lambda text: text.replace("t=0 0\r\n", ""),
    "an unreadable t=": lambda text: text.replace("t=0 0\r\n", "t=\r\n"),
    "no o=": lambda text: "".join(line for line in text.splitlines(keepends=True) if line[0] != "o"),
    "o= of letters": lambda text: text.replace("o=- ", "o=- x"),
    "o= of many digits": lambda text: text.replace("o=- ", "o=- " + "9" * 60),
    "o= with a user of two words": lambda text: text.replace("o=-", "o=ACME SBC"),
    "o= below zero": lambda text: text.replace("o=- ", "o=- -"),
    "b= without a colon": lambda text: text + "b=AS\r\n",
    "b= of words": lambda text: text.replace("m=", "b=AS:lots\r\nm="),
    "a= of nothing": lambda text: text + "a=\r\n",
    "lines twice": lambda text: text.replace("t=0 0\r\n", "t=0 0\r\nt=0 0\r\n").replace("s=-\r\n", "s=-\r\ns=-\r\n"),
    "an unknown line": lambda text: text.replace("t=0 0\r\n", "t=0 0\r\ny=1\r\n"),
}  # fmt: skip


Spoil = Callable[[Callable[[str], str]], None]


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Spoil:
    """Let all peers write their descriptions so."""

    def begin(change: Callable[[str], str]) -> None:
        def spoiled(session: Session) -> bytes:
            return change(write(session).decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

        monkeypatch.setattr("tests.world.peer_call.write", spoiled)
        monkeypatch.setattr("tests.world.user_agent.write", spoiled)

    return begin


def overlooked(world: World, call: PeerCall) -> list[str]:
    """What the trace says was overlooked in messages of this call."""
    summariser = Summariser()
    texts = [summariser.describe(event).text for event in world.trace_of(call)]
    return [text.partition("overlooked: ")[2] for text in texts if "overlooked: " in text]


SILENT = {"bare CR", "bare LF", "no line end at the end", "no s=", "no t=", "lines twice", "bytes that are not UTF-8"}


@pytest.mark.parametrize("name", SPOILED)
class TestEveryDescription:
    def test_a_call_with_hold_and_update(self, name: str, spoil: Spoil, world: World) -> None:
        spoil(SPOILED[name])
        caller, centre = connected(world)
        joined(world, caller)
        assert flows(caller) == ["both", "both"]
        for method in (PeerCall.reinvite, PeerCall.update):
            for audio, there in (("sendonly", "hears"), ("sendrecv", "both")):
                method(caller, audio=audio)
                assert caller.expect("200 re-INVITE" if method is PeerCall.reinvite else "200 UPDATE")
                world.run(1)
                centre.unread.clear()
                assert flows(centre)[0] == there, world.ladder(caller)
        centre.reinvite(audio="sendonly")
        centre.expect("200 re-INVITE")
        world.run(1)
        caller.unread.clear()
        assert flows(caller)[0] == "hears"
        centre.reinvite(audio="sendrecv")
        centre.expect("200 re-INVITE")
        world.run(1)
        caller.unread.clear()
        assert world.voice_faults(caller) == []
        assert bool(overlooked(world, caller)) == (name not in SILENT), overlooked(world, caller)
        caller.bye()
        world.run(1)
        world.settle()

    def test_early_media_prack_and_update(self, name: str, spoil: Spoil, world: World) -> None:
        spoil(SPOILED[name])
        caller, centre = arrived(world, reliable="supported")
        centre.ring(183, media=True, reliable=True)
        caller.expect("183")
        centre.expect("PRACK")
        world.run(0.1)
        caller.update(caller.terminal.given(write(narrowed(caller))))
        caller.expect("200 UPDATE")
        centre.answer()
        caller.expect("200")
        world.run(1)
        caller.bye()
        world.run(1)
        world.settle()

    def test_video_that_we_ask_for(self, name: str, spoil: Spoil, world: World) -> None:
        spoil(SPOILED[name])
        caller, centre = connected(world, picture=VideoLine.NONE)
        told(world, caller, RaiseVideo("desk"))
        assert len(sdp(caller.expect("INVITE")).media) == 2
        world.run(1)
        assert flows(caller) == ["both", "both"]
        caller.reinvite(video="inactive")
        caller.expect("200 re-INVITE")
        ended(world, caller, centre)


def off_without_format(text: str) -> str:
    """m-lines that are off name no format (pjproject#1233 and others)."""
    lines = text.split("\r\n")
    return "\r\n".join(" ".join(one.split()[:3]) if one[:2] == "m=" and one.split()[1] == "0" else one for one in lines)


class TestLinesThatAreOff:
    """`m=video 0 RTP/AVP`: who is off needs no format, and RFC 8866 §9 wants one all the same."""

    def test_in_the_first_offer_and_answer(self, spoil: Spoil, world: World) -> None:
        spoil(lambda text: text + "m=video 0 RTP/AVP\r\n")
        caller, centre = connected(world, picture=VideoLine.NONE)
        ended(world, caller, centre)

    def test_before_the_audio(self, world: World) -> None:
        plain = write(world.sbc.terminal().first_offer(picture=VideoLine.NONE))
        caller, centre = arrived(world, offer=plain.replace(b"m=audio", b"m=video 0 RTP/AVP\r\nm=audio"))
        assert centre.invite is not None
        offer = session_of(centre.invite)
        assert offer is not None and [media.kind for media in offer.media] == ["audio"]
        centre.answer()
        answer = sdp(caller.expect("200"))
        assert [(media.port > 0, bool(media.formats)) for media in answer.media] == [(False, True), (True, True)]
        centre.expect("ACK")
        ended(world, caller, centre)

    def test_a_downgrade_by_the_caller(self, spoil: Spoil, world: World, caller: PeerCall, centre: PeerCall) -> None:
        joined(world, caller)
        spoil(off_without_format)
        caller.reinvite(video="off")
        answer = sdp(caller.expect("200 re-INVITE"))
        assert (line(answer, "video").port, bool(line(answer, "video").formats)) == (0, True)
        world.run(1)
        assert flows(caller) == ["both", "off"]
        ended(world, caller, centre)

    def test_no_to_video_that_we_ask_for(self, spoil: Spoil, world: World) -> None:
        spoil(off_without_format)
        caller, centre = connected(world, picture=VideoLine.NONE)
        caller.on_reinvite = lambda call: call.accept(video="off")
        told(world, caller, RaiseVideo("desk"))
        caller.expect("INVITE")
        world.run(1)
        call = world.call_of(caller)
        assert call.talk.video.view.outcome == "refused"
        assert flows(caller) == ["both", "off"]
        centre.reinvite(audio="sendonly")
        centre.expect("200 re-INVITE")
        assert len(sdp(caller.expect("INVITE")).media) == 2, "RFC 3264 §8: no line is removed"
        caller.unread.clear()
        ended(world, caller, centre)

    def test_an_answer_with_one_more_than_was_offered(self, spoil: Spoil, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        spoil(lambda text: text + "m=video 0 RTP/AVP\r\n")
        caller.reinvite(caller.terminal.change(audio="sendonly"))
        centre.expect("INVITE")
        caller.expect("200 re-INVITE")
        world.run(1)
        assert flows(centre)[0] == "hears"
        centre.unread.clear()
        ended(world, caller, centre)
