"""Each rule of RFC 3264, kept and broken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.core.errors import PeerError
from splitter.sdp.model import DIRECTIONS, Attribute, Session
from splitter.sdp.offer_answer import (
    PayloadHistory,
    answer_direction,
    answer_faults,
    check_answer,
    check_peer_answer,
    check_reoffer,
    reoffer_faults,
)
from splitter.sdp.parse import parse

HEAD = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
AUDIO = "m=audio 4000 RTP/AVP 8 96\na=rtpmap:96 AMR/8000\n"
VIDEO = "m=video 5000 RTP/AVP 99\na=rtpmap:99 H264/90000\n"
OFFER = parse(HEAD + AUDIO + VIDEO)


def faults(answer: str, offer: Session = OFFER) -> str:
    return "; ".join(answer_faults(offer, parse(HEAD + answer)))


LEGAL = {
    "sendrecv": {"sendrecv", "sendonly", "recvonly", "inactive"},
    "sendonly": {"recvonly", "inactive"},
    "recvonly": {"sendonly", "inactive"},
    "inactive": {"inactive"},
}


class TestSection6Answer:
    def test_legal(self) -> None:
        check_answer(OFFER, parse(HEAD + "m=audio 1 RTP/AVP 8\n" + VIDEO))
        check_answer(OFFER, parse(HEAD + "m=audio 1 RTP/AVP 8\nm=video 0 RTP/AVP 99\n"))

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (AUDIO, "1 m-lines answer 2"),
            (AUDIO + VIDEO + VIDEO, "3 m-lines answer 2"),
            (VIDEO + AUDIO, "m-line 0 (audio): answered as video"),
            (AUDIO.replace("AVP", "SAVP") + VIDEO, "RTP/SAVP answers RTP/AVP"),
            (AUDIO + VIDEO.replace("AVP", "AVPF"), "RTP/AVPF answers RTP/AVP"),
            (AUDIO + VIDEO.replace("AVP", "AVPF") + "a=acfg:1 t=1\n", "RTP/AVPF answers RTP/AVP"),
            ("m=audio 1 RTP/AVP 0\n" + VIDEO, "none of the offered formats"),
            ("m=audio 1 RTP/AVP 8 0\n" + VIDEO, "PCMU was not offered"),
            ("m=audio 1 RTP/AVP 8 96\na=rtpmap:96 opus/48000/2\n" + VIDEO, "payload type 96 is opus, offered as amr"),
            (AUDIO + "a=rtcp-mux\n" + VIDEO, "a=rtcp-mux that was not offered"),
        ],
    )
    def test_broken(self, answer: str, words: str) -> None:
        assert words in faults(answer)
        with pytest.raises(PeerError) as caught:
            check_answer(OFFER, parse(HEAD + answer))
        assert caught.value.status == 488
        assert "RFC" in caught.value.reason

    def test_port_0_stays_0(self) -> None:
        assert "offered with port 0" in faults(AUDIO + VIDEO, parse(HEAD + AUDIO + VIDEO.replace("5000", "0")))

    def test_refused_line_needs_a_format(self) -> None:
        answer = replace(OFFER, media=(OFFER.media[0], replace(OFFER.media[1], port=0, formats=())))
        assert "no format" in "; ".join(answer_faults(OFFER, answer))

    def test_time(self) -> None:
        assert "t=" in "; ".join(answer_faults(OFFER, replace(OFFER, times=("t=1 2",))))

    def test_address(self) -> None:
        assert "no c= line" in "; ".join(answer_faults(OFFER, replace(OFFER, connection=None)))

    def test_every_fault_is_named(self) -> None:
        found = list(answer_faults(OFFER, parse(HEAD + "m=audio 1 RTP/AVP 0\nm=video 1 RTP/SAVP 34\n")))
        assert [fault[:8] for fault in found].count("m-line 1") >= 2

    def test_rfc5939_actual_configuration(self) -> None:
        offer = parse(HEAD + AUDIO + VIDEO + "a=tcap:1 RTP/AVPF\na=pcfg:1 t=1\n")
        assert faults(AUDIO + VIDEO.replace("AVP", "AVPF") + "a=acfg:1 t=1\n", offer) == ""
        assert "RTP/AVPF answers" in faults(AUDIO + VIDEO.replace("AVP", "AVPF"), offer)

    def test_data_channel(self) -> None:
        offer = parse(HEAD + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n")
        assert faults("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n", offer) == ""
        assert "none of the offered" in faults("m=application 9 UDP/DTLS/SCTP other\n", offer)


class TestCarelessPeers:
    @pytest.mark.parametrize(
        "answer",
        [
            AUDIO + VIDEO,
            "m=audio 1 RTP/AVP 8 3\na=sendrecv\n" + VIDEO,
            "m=audio 1 RTP/AVPF 8\n" + VIDEO.replace("5000", "0"),
            AUDIO + "m=video 1 RTP/AVP 100\na=rtpmap:100 H264/90000\n",
        ],
    )
    def test_can_be_worked_with(self, answer: str) -> None:
        offer = parse(HEAD + "a=sendonly\n" + AUDIO + VIDEO)
        check_peer_answer(offer, replace(parse(HEAD + answer), times=("t=1 2",)))

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (AUDIO, "1 m-lines answer 2"),
            (VIDEO + AUDIO, "video answers audio"),
            ("m=audio 1 RTP/AVP 3\n" + VIDEO, "m-line 0: none of the offered"),
            (AUDIO + VIDEO.replace("H264", "VP8"), "m-line 1: none of the offered"),
        ],
    )
    def test_cannot(self, answer: str, words: str) -> None:
        with pytest.raises(PeerError, match=words) as caught:
            check_peer_answer(OFFER, parse(HEAD + answer))
        assert caught.value.status == 488


class TestSection61Direction:
    @pytest.mark.parametrize("offered", DIRECTIONS)
    @pytest.mark.parametrize("wanted", DIRECTIONS)
    def test_table(self, offered: str, wanted: str) -> None:
        offer, answer = (parse(f"{HEAD}m=audio 1 RTP/AVP 8\na={word}\n") for word in (offered, wanted))
        legal = wanted in LEGAL[offered]
        assert (not list(answer_faults(offer, answer))) == legal
        given = answer_direction(offered, wanted)
        assert given in LEGAL[offered]
        assert (given == wanted) == legal

    def test_of_the_session_counts(self) -> None:
        offer = parse(HEAD + "a=sendonly\n" + AUDIO)
        assert "sendrecv answers sendonly" in faults(AUDIO, offer)
        assert faults("a=recvonly\n" + AUDIO, offer) == ""


class TestSection8LaterDescriptions:
    def test_identical_keeps_its_version(self) -> None:
        check_reoffer(OFFER, parse(HEAD + AUDIO + VIDEO))

    def test_changed_goes_one_up(self) -> None:
        changed = replace(OFFER, attributes=(Attribute("x"),))
        check_reoffer(OFFER, replace(changed, origin=OFFER.origin.next()))
        assert "under the same o= version" in "; ".join(reoffer_faults(OFFER, changed))
        jumped = replace(changed, origin=replace(OFFER.origin, version=5))
        assert "version 5 follows 1" in "; ".join(reoffer_faults(OFFER, jumped))

    @pytest.mark.parametrize("change", [{"session_id": 2}, {"username": "x"}, {"address": "192.0.2.2"}])
    def test_origin_else_stays(self, change: dict[str, object]) -> None:
        moved = replace(OFFER, origin=replace(OFFER.origin.next(), **change))  # type: ignore[arg-type]
        with pytest.raises(PeerError, match="more than the version"):
            check_reoffer(OFFER, moved)

    def later(self, lines: str) -> str:
        later = parse(HEAD + lines)
        return "; ".join(reoffer_faults(OFFER, replace(later, origin=OFFER.origin.next())))

    def test_lines_are_never_removed(self) -> None:
        assert "1 m-lines follow 2" in self.later(AUDIO)
        assert self.later(AUDIO + VIDEO + VIDEO) == ""

    def test_a_line_keeps_its_kind_while_it_is_on(self) -> None:
        assert "turned from video to text" in self.later(AUDIO + "m=text 1 RTP/AVP 98\n")
        off = parse(HEAD + AUDIO + "m=video 0 RTP/AVP 99\n")
        new = replace(parse(HEAD + AUDIO + "m=text 1 RTP/AVP 98\n"), origin=off.origin.next())
        assert list(reoffer_faults(off, new)) == []

    def test_payload_types_are_never_rebound(self) -> None:
        assert "payload type 96 turned from amr to EVS" in self.later(AUDIO.replace("AMR/8000", "EVS/16000") + VIDEO)


class TestPayloadHistory:
    def test_remembers_over_gaps(self) -> None:
        history = PayloadHistory().after(OFFER).after(parse(HEAD + "m=audio 1 RTP/AVP 8\nm=video 0 RTP/AVP 99\n"))
        with pytest.raises(PeerError, match="m-line 0: payload type 96 turned from amr to opus") as caught:
            history.after(parse(HEAD + "m=audio 1 RTP/AVP 96\na=rtpmap:96 opus/48000/2\n"))
        assert caught.value.status == 488

    def test_a_refused_line_binds_nothing(self) -> None:
        history = PayloadHistory().after(parse(HEAD + AUDIO + VIDEO.replace("5000", "0")))
        assert history.after(parse(HEAD + AUDIO + VIDEO.replace("H264", "VP8")))

    def test_a_reused_slot_starts_anew(self) -> None:
        history = PayloadHistory().after(OFFER)
        assert history.after(parse(HEAD + AUDIO + "m=text 1 RTP/AVP 99\na=rtpmap:99 t140/1000\n"))

    def test_is_a_value(self) -> None:
        first = PayloadHistory()
        first.after(OFFER)
        assert first == PayloadHistory()
