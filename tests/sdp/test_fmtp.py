"""a=fmtp lines compared by what they mean."""

from __future__ import annotations

import pytest

from splitter.sdp.carry import essence
from splitter.sdp.codec import Codec
from splitter.sdp.fmtp import agrees, meaning_of
from splitter.sdp.parse import parse


def amr(fmtp: str, number: int = 107) -> Codec:
    return Codec(number, "AMR-WB", 16000, 1, fmtp)


OFFERED = amr("mode-change-capability=2;max-red=0")
ANSWERED = amr("mode-set=0,1,2;mode-change-period=2;max-red=0")


class TestMeaning:
    @pytest.mark.parametrize(
        "fmtp",
        [
            "mode-set=0,1,2;mode-change-period=2;max-red=0",
            "max-red=0;mode-change-period=2;mode-set=0,1,2",
            " mode-set=0,1,2 ; mode-change-period=2 ;max-red=0;",
            "Mode-Set=0,1,2;MODE-CHANGE-PERIOD=2;max-red=0",
            "mode-set = 2, 1, 0;mode-change-period=2;max-red=0",
            "octet-align=0;mode-set=0,1,2;mode-change-period=2;max-red=0;crc=0;robust-sorting=0",
        ],
    )
    def test_order_blanks_case_and_defaults_change_nothing(self, fmtp: str) -> None:
        assert meaning_of(amr(fmtp)) == meaning_of(ANSWERED)

    @pytest.mark.parametrize("fmtp", ["octet-align=1", "mode-set=0,1", "crc=1", "interleaving=30", "mode-set=0,1,2,3"])
    def test_what_is_meant_otherwise_differs(self, fmtp: str) -> None:
        assert meaning_of(amr(fmtp)) != meaning_of(amr("")) != meaning_of(ANSWERED)

    def test_events_are_a_list_without_a_name(self) -> None:
        events = [Codec(101, "telephone-event", 8000, 1, text) for text in ("0-15", " 0-15 ", "16,0-15", "0-15,16")]
        meanings = [meaning_of(one) for one in events]
        assert meanings[0] == meanings[1] != meanings[2] == meanings[3]

    @pytest.mark.parametrize("fmtp", ["", ";", "=", ";;=;", "mode-set=", "a=b=c", "0-", "-1,2", "é=ü", "9999999999,1"])
    def test_anything_can_be_read(self, fmtp: str) -> None:
        meaning_of(amr(fmtp))

    @pytest.mark.parametrize("name", ["G729", "g729a"])
    def test_the_default_of_one_codec_is_not_anothers(self, name: str) -> None:
        assert meaning_of(Codec(18, name, 8000, 1, "annexb=yes")) == {}
        assert meaning_of(amr("annexb=yes")) == {"annexb": "yes"}


class TestAgrees:
    @pytest.mark.parametrize(
        "fmtp",
        [
            OFFERED.fmtp,
            ANSWERED.fmtp,
            "mode-set=0,1,2;mode-change-period=2;mode-change-capability=2;max-red=0",
            "mode-set=0,1,2;mode-change-period=2",
            "max-red=220;mode-set=2,1,0;mode-change-period=2",
            "",
        ],
    )
    def test_with_what_either_side_named(self, fmtp: str) -> None:
        assert agrees(amr(fmtp), OFFERED, ANSWERED)

    @pytest.mark.parametrize("fmtp", ["octet-align=1", "mode-set=0,1,2,3,4", "mode-change-neighbor=1;mode-set=0,1,2"])
    def test_not_with_what_neither_did(self, fmtp: str) -> None:
        assert not agrees(amr(fmtp), OFFERED, ANSWERED)

    def test_not_with_another_codec(self) -> None:
        assert not agrees(Codec(107, "AMR", 8000, 1, OFFERED.fmtp), OFFERED, ANSWERED)


class TestEssence:
    """What concerns the other leg: not how a line is written."""

    def session(self, *lines: str) -> tuple[object, ...]:
        body = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", *lines]
        return essence(parse("\r\n".join([*body, ""])), 0)

    def test_of_another_spelling_is_the_same(self) -> None:
        one = self.session(
            "m=audio 4000 RTP/AVP 107 8", "a=rtpmap:107 AMR-WB/16000/1", "a=fmtp:107 mode-set=0,1,2;max-red=0"
        )
        other = self.session(
            "m=audio 4000 RTP/AVP 107 8",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:107 amr-wb/16000",
            "a=fmtp:107 max-red=0; mode-set=0,1,2; octet-align=0",
        )
        assert one == other

    def test_of_other_parameters_is_not(self) -> None:
        lines = ("m=audio 4000 RTP/AVP 107", "a=rtpmap:107 AMR-WB/16000")
        assert self.session(*lines) != self.session(*lines, "a=fmtp:107 octet-align=1")
        assert self.session(*lines) != self.session(*lines, "a=fmtp:107 max-red=0")

    def test_of_a_format_that_nobody_knows_is_its_text(self) -> None:
        lines = ("m=audio 4000 RTP/AVP 8 99",)
        assert self.session(*lines, "a=fmtp:99 a=1;b=2") != self.session(*lines, "a=fmtp:99 b=2;a=1")
