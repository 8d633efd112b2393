"""Offers that raise a voice call to video and drop it again: RFC 3264 §8.1, §8.2, §8.3.2."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.core.errors import PeerError
from splitter.sdp.model import MediaPort, Session
from splitter.sdp.offer_answer import PayloadHistory, check_reoffer
from splitter.sdp.parse import parse
from splitter.sdp.upgrade import dropped, new_line, raised, video_slot, without_refused

HEAD = "v=0\no=- 7 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
AUDIO = "m=audio 4000 RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=ptime:20\na=sendrecv\n"
H264 = "m=video {} RTP/AVP 99\na=rtpmap:99 H264/90000\n"
H265 = "m=video {} RTP/AVP 99 100\na=rtpmap:99 H265/90000\na=rtpmap:100 H265/90000\n"
HERE = MediaPort("192.0.2.1", 5000, 5001)


def session(*lines: str) -> Session:
    return parse(HEAD + "".join(lines))


class TestSlot:
    @pytest.mark.parametrize(
        ("ours", "theirs", "preferred", "slot"),
        [
            ((AUDIO,), (AUDIO,), None, 1),
            ((AUDIO, H264.format(0)), (AUDIO, H264.format(0)), None, 1),
            ((AUDIO, H264.format(6000)), (AUDIO, H264.format(0)), None, 1),
            ((AUDIO, H264.format(0), H264.format(0)), (AUDIO, H264.format(0), H264.format(0)), 2, 2),
            ((AUDIO, "m=application 0 UDP/DTLS/SCTP x\n"), (AUDIO, "m=application 9 UDP/DTLS/SCTP x\n"), None, 2),
        ],
    )
    def test_is_reused_before_one_is_appended(
        self, ours: tuple[str, ...], theirs: tuple[str, ...], preferred: int | None, slot: int
    ) -> None:
        assert video_slot(session(*ours), session(*theirs), preferred) == slot


class TestLine:
    def test_offers_both_packetization_modes(self) -> None:
        line = new_line(1, HERE, 960)
        assert [codec.parameters["packetization-mode"] for codec in line.codecs] == ["1", "0"]
        assert line.formats == ("99", "100") and line.port == 5000

    def test_keeps_clear_of_what_either_side_gave_a_meaning(self) -> None:
        ours = PayloadHistory().after(session(AUDIO, H264.format(6000)))
        theirs = PayloadHistory().after(session(AUDIO, H265.format(6000)))
        assert not {"99", "100"} & set(new_line(1, HERE, 960, ours, theirs).formats)

    def test_without_a_number_left_there_is_none(self) -> None:
        numbers = " ".join(str(number) for number in range(96, 128))
        maps = "".join(f"a=rtpmap:{number} VP8/90000\n" for number in range(96, 128))
        full = PayloadHistory().after(session(AUDIO, f"m=video 6000 RTP/AVP {numbers}\n{maps}"))
        with pytest.raises(PeerError, match="no payload type left"):
            new_line(1, HERE, 960, full)


class TestRaisedAndDropped:
    def test_everything_else_stays_as_it_is(self) -> None:
        before = session(AUDIO)
        after = raised(before, 1, new_line(1, HERE, 960))
        assert after.media[0] == before.media[0] and len(after.media) == 2
        check_reoffer(before, replace(after, origin=before.origin.next()))

    def test_a_dropped_line_stays_in_its_place(self) -> None:
        before = session(AUDIO, H264.format(6000))
        after = dropped(before)
        assert [(media.kind, media.port) for media in after.media] == [("audio", 4000), ("video", 0)]
        check_reoffer(before, replace(after, origin=before.origin.next()))

    def test_what_the_peer_refused_is_off_on_our_side_too(self) -> None:
        ours = session(AUDIO, H264.format(6000))
        assert without_refused(ours, session(AUDIO, H264.format(0))).media[1].port == 0
        assert without_refused(ours, session(AUDIO, H264.format(7000))) == ours
        assert without_refused(ours, session(AUDIO)) == ours


class TestAfterARefusedOffer:
    """Its o= version counts, its lines do not."""

    def test_the_next_one_has_the_lines_of_the_session(self) -> None:
        standing = session(AUDIO)
        refused = replace(raised(standing, 1, new_line(1, HERE, 960)), origin=standing.origin.next())
        later = replace(standing, origin=refused.origin.next())
        with pytest.raises(PeerError, match="m-lines follow"):
            check_reoffer(refused, later)
        check_reoffer(refused, later, standing)
        with pytest.raises(PeerError, match="version"):
            check_reoffer(refused, replace(later, origin=standing.origin), standing)
