"""What a refusal of video means, and what an INVITE says of the handset."""

from __future__ import annotations

import pytest

from splitter.calls.peers.capability import at_first, in_words, outcome_of
from splitter.calls.peers.facts import CallerFacts
from splitter.sdp.split import Plan
from splitter.sdp.video import VideoFormat


class TestAtFirst:
    @pytest.mark.parametrize("tag", [None, True, False])
    def test_feature_tags_are_all_that_is_known_of_a_voice_call(self, tag: bool | None) -> None:
        assert at_first(CallerFacts(video_capable=tag), Plan(0)) is tag

    def test_a_video_that_can_be_used_says_more_than_any_tag(self) -> None:
        assert at_first(CallerFacts(video_capable=False), Plan(0, 1, VideoFormat(99))) is True


class TestOutcome:
    @pytest.mark.parametrize(
        ("status", "outcome"),
        [
            *((status, "unsupported") for status in (415, 488)),
            *((status, "refused") for status in (480, 486, 600, 603, 606)),
            (487, "withdrawn"),
        ],
    )
    def test_of_the_profile(self, status: int, outcome: str) -> None:
        assert outcome_of(status) == outcome and str(status) in in_words(status, "whatever")

    @pytest.mark.parametrize("status", [302, 403, 408, 420, 481, 500, 503, 604])
    def test_everything_else_has_failed(self, status: int) -> None:
        assert outcome_of(status) == "failed"

    def test_words_of_a_peer_are_bounded(self) -> None:
        assert len(in_words(599, "x" * 10_000)) <= 200
