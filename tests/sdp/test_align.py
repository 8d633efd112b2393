"""Answers and later offers of peers that count their m-lines otherwise than we do."""

from __future__ import annotations

import pytest

from splitter.sdp.align import aligned, lengthened, shortened, without_foreign_video
from splitter.sdp.model import Session
from splitter.sdp.parse import parse
from splitter.sdp.write import write


def session(*lines: str) -> Session:
    """A description out of "kind port" words."""
    head = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
    return parse(head + "".join(f"m={line} RTP/AVP 8\n" for line in lines))


def shape(one: Session) -> list[str]:
    return [f"{media.kind} {media.port}" for media in one.media]


class TestAligned:
    """RFC 3264 §6: as many lines as were offered, in the same order."""

    @pytest.mark.parametrize("answer", [("audio 40", "video 42"), ("audio 40", "video 0"), ("audio 0", "video 42")])
    def test_an_answer_in_order_stays_what_it_is(self, answer: tuple[str, ...]) -> None:
        said = session(*answer)
        assert aligned(session("audio 20", "video 22"), said) is said

    @pytest.mark.parametrize(
        ("offer", "answer", "read"),
        [
            (("audio 20", "video 22"), ("audio 40",), ("audio 40", "video 0")),
            (("audio 20", "video 22"), ("video 42", "audio 40"), ("audio 40", "video 42")),
            (("audio 20", "video 22"), ("audio 40", "image 0"), ("audio 40", "video 0")),
            (("audio 20", "video 22"), ("audio 40", "image 44", "video 42"), ("audio 40", "video 42")),
            (("audio 20",), ("audio 40", "video 42"), ("audio 40",)),
            (("audio 20",), ("video 0", "audio 40"), ("audio 40",)),
            (("audio 20",), ("audio 0", "audio 40"), ("audio 40",)),
            (("audio 20", "video 0", "video 22"), ("audio 40", "video 42"), ("audio 40", "video 0", "video 42")),
            (("video 0", "audio 20"), ("audio 40",), ("video 0", "audio 40")),
        ],
    )
    def test_lines_are_told_by_their_kind(
        self, offer: tuple[str, ...], answer: tuple[str, ...], read: tuple[str, ...]
    ) -> None:
        assert shape(aligned(session(*offer), session(*answer))) == list(read)

    def test_without_the_voice_there_is_nothing_to_mend(self) -> None:
        said = session("video 42")
        assert aligned(session("audio 20", "video 22"), said) is said


class TestForeignVideo:
    """RFC 3264 §6.1: an answer takes of the formats that were offered."""

    def test_is_off_and_the_voice_stays(self) -> None:
        offer, answer = session("audio 20", "video 22"), session("audio 40", "video 42")
        assert without_foreign_video(offer, answer) is answer
        other = parse(write(answer).replace(b"video 42 RTP/AVP 8", b"video 42 RTP/AVP 0"))
        assert shape(without_foreign_video(offer, other)) == ["audio 40", "video 0"]

    def test_the_voice_is_not_judged_here(self) -> None:
        offer = session("audio 20", "video 0")
        other = parse(write(session("audio 40", "video 0")).replace(b"RTP/AVP 8", b"RTP/AVP 0"))
        assert without_foreign_video(offer, other) is other


class TestLaterOffers:
    """RFC 3264 §8: a later offer never has fewer lines."""

    def test_lines_left_out_are_off_and_the_answer_has_as_many_as_came(self) -> None:
        ours, offer = session("audio 20", "video 22", "video 0"), session("audio 40")
        read = lengthened(offer, ours)
        assert shape(read) == ["audio 40", "video 0", "video 0"]
        assert shape(shortened(read, offer)) == ["audio 40"]

    @pytest.mark.parametrize("ours", [None, session("audio 20"), session("audio 20", "video 22")])
    def test_an_offer_with_all_its_lines_stays_what_it_is(self, ours: Session | None) -> None:
        offer = session("audio 40", "video 42")
        assert lengthened(offer, ours) is offer
        assert shortened(offer, offer) is offer
