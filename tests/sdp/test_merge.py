"""What the caller is answered and offered, and the way back to the centre."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.core.errors import PeerError
from splitter.sdp.merge import (
    caller_answer,
    caller_offer,
    centre_answer,
    in_sequence,
    same_content,
    standing_answer,
    standing_offer,
    with_audio_at,
    with_origin,
    without_rebound,
)
from splitter.sdp.model import Connection, Media, MediaPort, Origin, Session
from splitter.sdp.offer_answer import PayloadHistory, check_answer, check_reoffer
from splitter.sdp.parse import parse
from splitter.sdp.split import centre_offer, plan
from splitter.sdp.video import answer_video, choose_video, offer_video, refuse
from splitter.sdp.write import write
from tests.sdp.playing import ROOM, TO_CALLER, TO_CENTRE, split_and_merge
from tests.sdp.strategies import audio_lines, centre_answers, directions, offers

HEAD = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
CENTRE = "v=0\no=pbx 1 1 IN IP4 198.51.100.7\ns=-\nc=IN IP4 198.51.100.7\nt=0 0\n"
AMR = "m=audio 4000 RTP/AVP 107 8 101 102\na=rtpmap:107 AMR-WB/16000\na=fmtp:107 octet-align=1;max-red=0\n"
EVENTS = "a=rtpmap:101 telephone-event/16000\na=rtpmap:102 telephone-event/8000\n"
H264 = "m=video 5000 RTP/AVP 99\na=rtpmap:99 H264/90000\na=fmtp:99 profile-level-id=42C01F;packetization-mode=1\n"
CAPABLE = "a=tcap:1 RTP/AVPF\na=pcfg:1 t=1\na=rtcp-fb:* nack pli\n"
OFFER = parse(HEAD + AMR + EVENTS + H264 + CAPABLE)
ORIGIN = Origin.of(TO_CALLER.host, 7)


def centre(formats: str, *attributes: str, port: int = 9000) -> Session:
    return parse(CENTRE + f"m=audio {port} RTP/AVP {formats}\n" + "".join(f"a={text}\n" for text in attributes))


def answered(centre_sdp: Session, offer: Session = OFFER) -> Session:
    return split_and_merge(offer, centre_sdp)[2]


class TestAudioIsDecidedByTheCentre:
    def test_formats_fmtp_and_unknown_attributes_pass(self) -> None:
        line = answered(centre("8 102", "rtpmap:102 telephone-event/8000", "fmtp:102 0-11", "x-y:z", "ptime:40")).media[
            0
        ]
        assert line.formats == ("8", "102")
        assert (line.get("fmtp"), line.get("x-y"), line.get("ptime")) == ("102 0-11", "z", "40")

    def test_its_transport_does_not(self) -> None:
        line = answered(centre("8", "rtcp:7", "ssrc:1 cname:a", "candidate:1", "rtcp-xr:x")).media[0]
        assert line.attributes == ()
        assert (line.port, line.connection) == (TO_CALLER.rtp_port, None)

    def test_what_was_not_offered_is_dropped_with_its_lines(self) -> None:
        line = answered(centre("3 8 110", "rtpmap:3 GSM/8000", "rtpmap:110 opus/48000/2", "fmtp:110 x=1")).media[0]
        assert line.formats == ("8",)
        assert line.attributes == ()

    def test_a_number_bound_anew_is_dropped(self) -> None:
        assert answered(centre("107 8", "rtpmap:107 opus/48000/2")).media[0].formats == ("8",)

    def test_a_codec_under_another_number_is_kept(self) -> None:
        line = answered(centre("110 101", "rtpmap:110 AMR-WB/16000", "rtpmap:101 telephone-event/16000")).media[0]
        assert line.formats == ("110", "101")

    def test_events_only_at_the_clock_of_the_codec(self) -> None:
        events = ("rtpmap:101 telephone-event/16000", "rtpmap:102 telephone-event/8000")
        assert answered(centre("107 101 102", "rtpmap:107 AMR-WB/16000", *events)).media[0].formats == ("107", "101")
        assert answered(centre("8 101 102", *events)).media[0].formats == ("8", "102")
        both = answered(centre("107 8 101 102", "rtpmap:107 AMR-WB/16000", *events)).media[0]
        assert both.formats == ("107", "8", "101", "102")

    def test_events_of_another_clock_are_better_than_none(self) -> None:
        sdp = centre("107 102", "rtpmap:107 AMR-WB/16000", "rtpmap:102 telephone-event/8000")
        assert answered(sdp).media[0].formats == ("107", "102")

    @pytest.mark.parametrize(
        ("sdp", "words"),
        [
            (centre("8", port=0), "refused"),
            (centre("3"), "none of the offered"),
            (centre("101", "rtpmap:101 telephone-event/16000"), "none of the offered"),
            (parse(CENTRE), "no m=audio"),
            (replace(centre("8"), connection=Connection.to("pbx.example.com")), "names a host"),
            (replace(centre("8"), connection=None), "no c= line"),
        ],
    )
    def test_no_audio_is_488(self, sdp: Session, words: str) -> None:
        with pytest.raises(PeerError, match=words) as caught:
            answered(sdp)
        assert caught.value.status == 488

    @pytest.mark.parametrize(
        ("offered", "said", "told"),
        [
            ("sendrecv", "sendrecv", "sendrecv"),
            ("sendonly", "sendrecv", "recvonly"),
            ("sendonly", "inactive", "inactive"),
            ("recvonly", "sendrecv", "sendonly"),
            ("inactive", "sendrecv", "inactive"),
            ("sendrecv", "sendonly", "sendonly"),
        ],
    )
    def test_direction_is_bounded_by_the_offer(self, offered: str, said: str, told: str) -> None:
        offer = parse(HEAD + AMR + EVENTS + f"a={offered}\n")
        assert answered(centre("8", said), offer).direction_of(0) == told

    def test_null_address_of_the_centre_is_its_hold(self) -> None:
        sdp = replace(centre("8"), connection=Connection.to("0.0.0.0"))
        answer = answered(sdp)
        assert answer.direction_of(0) == "sendonly"
        assert answer.connection == Connection.to(TO_CALLER.host)

    def test_refused_without_a_line(self) -> None:
        chosen = plan(OFFER)
        answer = caller_answer(OFFER, chosen, centre("8"), TO_CALLER, None, ORIGIN)
        assert [media.port for media in answer.media] == [TO_CALLER.rtp_port, 0]
        check_answer(OFFER, answer)

    def test_video_for_a_plan_without_video_is_not_put_anywhere(self) -> None:
        offer = parse(HEAD + AMR + EVENTS + "m=text 5 RTP/AVP 98\n")
        answer = caller_answer(offer, plan(offer), centre("8"), TO_CALLER, OFFER.media[1], ORIGIN)
        assert [media.port for media in answer.media] == [TO_CALLER.rtp_port, 0]


class TestDigitsUnderAnotherClockRate:
    """Stacks that know telephone-event at 8000 Hz alone say so under whatever number was offered."""

    WIDE = parse(
        "v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 107 101 102\na=rtpmap:107 AMR-WB/16000\n"
        "a=rtpmap:101 telephone-event/16000\na=fmtp:101 0-15\na=rtpmap:102 telephone-event/8000\n"
    )

    def test_an_answer_keeps_them_under_the_number_and_rate_offered(self) -> None:
        said = centre("107 101", "rtpmap:107 AMR-WB/16000", "rtpmap:101 telephone-event/8000", "fmtp:101 0-15")
        line = answered(said, self.WIDE).media[0]
        assert line.formats == ("107", "101")
        assert line.get_all("rtpmap") == ["107 AMR-WB/16000", "101 telephone-event/16000"]
        assert line.get_all("fmtp") == ["101 0-15"]

    def test_a_number_that_stood_for_a_voice_does_not_stand_for_digits(self) -> None:
        said = centre("8 107", "rtpmap:107 telephone-event/8000")
        offer = replace(self.WIDE, media=(self.WIDE.media[0].with_(formats=("8", "107", "101")),))
        assert answered(said, offer).media[0].formats == ("8",)

    def test_nor_is_an_offer_of_the_centre_without_them(self) -> None:
        history = PayloadHistory().after(self.WIDE)
        offer = centre("107 101", "rtpmap:107 AMR-WB/16000", "rtpmap:101 telephone-event/8000")
        line = without_rebound(offer, 0, history).media[0]
        assert line.get_all("rtpmap") == ["107 AMR-WB/16000", "101 telephone-event/16000"]


class TestACodecOfAnotherSpelling:
    """The answer names an offered codec as its own vendor does: it is that codec, and goes back as it was offered."""

    @pytest.mark.parametrize(
        ("number", "offers", "answers"),
        [
            ("9", "G722/8000", "G722/16000"),
            ("9", "G722/16000", "G722/8000"),
            ("9", "G722/8000", "g722/16000/1"),
            ("18", "G729/8000", "G729A/8000"),
            ("4", "G723/8000", "G723.1/8000"),
            ("111", "opus/48000/2", "opus/48000"),
            ("111", "opus/48000", "OPUS/48000/2"),
        ],
    )
    def test_is_the_one_that_was_offered(self, number: str, offers: str, answers: str) -> None:
        offer = parse(
            f"{HEAD}m=audio 4000 RTP/AVP {number} 101\na=rtpmap:{number} {offers}\na=rtpmap:101 telephone-event/8000\n"
        )
        said = centre(f"{number} 101", f"rtpmap:{number} {answers}", "rtpmap:101 telephone-event/8000")
        line = answered(said, offer).media[0]
        assert line.formats == (number, "101")
        assert line.get_all("rtpmap")[0] == f"{number} {offers}"

    @pytest.mark.parametrize(
        ("answers", "read"), [("9 G722/16000", "9 G722/8000"), ("10 L16/44100/2", "10 L16/44100/2")]
    )
    def test_is_known_though_it_was_offered_without_a_name(self, answers: str, read: str) -> None:
        number = answers.partition(" ")[0]
        offer = parse(f"{HEAD}m=audio 4000 RTP/AVP {number}\n")
        assert answered(centre(number, f"rtpmap:{answers}"), offer).media[0].get_all("rtpmap") == [read]

    def test_another_codec_is_another(self) -> None:
        offer = parse(f"{HEAD}m=audio 4000 RTP/AVP 96\na=rtpmap:96 G726-32/8000\n")
        with pytest.raises(PeerError, match="none of the offered"):
            answered(centre("96", "rtpmap:96 AAL2-G726-32/8000"), offer)


class TestHold:
    """Either side holds; the other is told, video stays as it is."""

    def test_the_centre_holds_and_resumes(self) -> None:
        first = answered(centre("8"))
        offer = centre("8", "sendonly")
        held = in_sequence(first, caller_offer(first, plan(OFFER), offer, TO_CALLER, ORIGIN))
        assert [held.direction_of(0), held.direction_of(1)] == ["sendonly", "sendrecv"]
        check_reoffer(first, held)

        caller = parse(HEAD + "m=audio 4000 RTP/AVP 8\na=recvonly\n" + H264.replace("RTP/AVP", "RTP/AVPF"))
        check_answer(held, caller)
        told = centre_answer(offer, caller, plan(OFFER), TO_CENTRE, Origin.of(TO_CENTRE.host, 8))
        check_answer(offer, told)
        assert told.direction_of(0) == "recvonly"

        resumed = in_sequence(held, caller_offer(held, plan(OFFER), centre("8"), TO_CALLER, ORIGIN))
        assert resumed.direction_of(0) == "sendrecv"
        assert resumed.origin.version == first.origin.version + 2
        check_reoffer(held, resumed)

    def test_the_centre_holds_in_the_old_way(self) -> None:
        first = answered(centre("8"))
        offer = replace(centre("8"), connection=Connection.to("0.0.0.0"))
        held = caller_offer(first, plan(OFFER), offer, TO_CALLER, ORIGIN)
        assert held.direction_of(0) == "sendonly"
        assert held.connection == Connection.to(TO_CALLER.host)

    def test_the_caller_holds(self) -> None:
        offer = parse(HEAD + AMR + EVENTS + "a=sendonly\n" + H264 + "a=inactive\n")
        asked = centre_offer(offer, plan(offer), TO_CENTRE, ORIGIN)
        assert asked.direction_of(0) == "sendonly"
        answer = answered(centre("8", "recvonly"), offer)
        assert [answer.direction_of(0), answer.direction_of(1)] == ["recvonly", "inactive"]


class TestAnswerToTheCentre:
    def test_video_of_the_centre_is_refused_in_its_place(self) -> None:
        offer = parse(CENTRE + H264 + "m=audio 9000 RTP/AVP 8\n")
        told = centre_answer(offer, parse(HEAD + AMR + EVENTS), plan(OFFER), TO_CENTRE, ORIGIN)
        assert [(media.kind, media.port) for media in told.media] == [("video", 0), ("audio", TO_CENTRE.rtp_port)]
        check_answer(offer, told)

    def test_time_is_the_offers(self) -> None:
        offer = replace(centre("8"), times=("t=1 2", "r=1 2 3"))
        assert centre_answer(offer, OFFER, plan(OFFER), TO_CENTRE, ORIGIN).times == ("t=1 2",)


class TestOfferToTheCaller:
    FIRST = answered(centre("8"))

    def test_other_lines_stay_as_they_were(self) -> None:
        offer = parse(HEAD + "m=application 6 UDP/DTLS/SCTP webrtc-datachannel\n" + AMR + EVENTS + H264)
        first = answered(centre("8"), offer)
        again = caller_offer(first, plan(offer), centre("8 0"), TO_CALLER, first.origin.next())
        assert [media.port for media in again.media] == [0, TO_CALLER.rtp_port, ROOM.rtp_port]
        assert again.media[2] == first.media[2]
        check_reoffer(first, again)

    def test_the_outcome_of_an_old_negotiation_is_not_offered(self) -> None:
        assert self.FIRST.media[1].has("acfg")
        again = caller_offer(self.FIRST, plan(OFFER), centre("8"), TO_CALLER, ORIGIN)
        assert not again.media[1].has("acfg")
        assert again.media[1].proto == "RTP/AVPF"

    def test_downgrade_and_video_again_in_the_same_slot(self) -> None:
        down = caller_offer(self.FIRST, plan(OFFER), centre("8"), TO_CALLER, ORIGIN, refuse(self.FIRST.media[1]))
        assert [media.port for media in down.media] == [TO_CALLER.rtp_port, 0]
        assert standing_offer(down, ORIGIN).media[1].port == 0
        without = replace(plan(OFFER), video=None, video_format=None)
        up = caller_offer(down, without, centre("8"), TO_CALLER, ORIGIN, offer_video(down.media[1], ROOM))
        assert [(media.kind, media.port) for media in up.media] == [
            ("audio", TO_CALLER.rtp_port),
            ("video", ROOM.rtp_port),
        ]

    def test_video_for_the_first_time_is_appended(self) -> None:
        offer = parse(HEAD + AMR + EVENTS + "m=text 5 RTP/AVP 98\n")
        first = answered(centre("8"), offer)
        up = in_sequence(
            first, caller_offer(first, plan(offer), centre("8"), TO_CALLER, ORIGIN, offer_video(None, ROOM))
        )
        assert [media.kind for media in up.media] == ["audio", "text", "video"]
        assert up.media[:2] == first.media
        check_reoffer(first, up)

    def test_direction_of_our_choice(self) -> None:
        again = caller_offer(self.FIRST, plan(OFFER), centre("8", "recvonly"), TO_CALLER, ORIGIN, direction="sendrecv")
        assert again.direction_of(0) == "sendrecv"


class TestStanding:
    FIRST = answered(centre("8 102", "rtpmap:102 telephone-event/8000"))

    def test_an_offer_out_of_the_current_state(self) -> None:
        offer = standing_offer(self.FIRST, self.FIRST.origin.next())
        assert offer.media[0] == self.FIRST.media[0]
        check_reoffer(self.FIRST, offer)

    def test_the_same_offer_again_gets_the_same_answer(self) -> None:
        answer = standing_answer(OFFER, self.FIRST, ORIGIN, {1: self.FIRST.media[1]})
        assert in_sequence(self.FIRST, answer) is self.FIRST

    def test_a_moved_address_is_answered_without_the_centre(self) -> None:
        offer = replace(OFFER, connection=Connection.to("192.0.2.77"))
        answer = standing_answer(offer, self.FIRST, ORIGIN)
        check_answer(offer, answer)
        assert answer.media[0] == self.FIRST.media[0]

    def test_new_and_switched_off_lines_are_refused(self) -> None:
        offer = parse(HEAD + AMR + EVENTS + "m=video 0 RTP/AVP 99\nm=text 5 RTP/AVP 98\n")
        answer = standing_answer(offer, self.FIRST, ORIGIN)
        assert [media.port for media in answer.media] == [TO_CALLER.rtp_port, 0, 0]
        check_answer(offer, answer)

    def test_a_line_that_lost_its_codecs(self) -> None:
        offer = parse(HEAD + AMR + EVENTS + "m=video 5000 RTP/AVP 120\na=rtpmap:120 H265/90000\n")
        assert standing_answer(offer, self.FIRST, ORIGIN).media[1].port == 0
        with pytest.raises(PeerError, match="none of the audio codecs"):
            standing_answer(parse(HEAD + "m=audio 4000 RTP/AVP 3\n"), self.FIRST, ORIGIN)

    def test_direction_is_bounded(self) -> None:
        offer = parse(HEAD + AMR + EVENTS + "a=recvonly\n" + H264 + "a=sendonly\n")
        answer = standing_answer(offer, self.FIRST, ORIGIN)
        assert [answer.direction_of(0), answer.direction_of(1)] == ["sendonly", "recvonly"]


class TestOrigin:
    def test_version_goes_up_with_each_change_only(self) -> None:
        first = answered(centre("8"))
        assert in_sequence(first, with_origin(first, Origin.of("203.0.113.9", 99))) is first
        changed = with_audio_at(first, 0, MediaPort("203.0.113.12", 12000, 12003))
        second = in_sequence(first, changed)
        assert second.origin == first.origin.next()
        assert not same_content(first, second)
        assert second.media[0].get("rtcp") == "12003"
        assert second.connection_of(0) == Connection.to("203.0.113.12")
        check_reoffer(first, second)

    def test_moved_twice_has_one_rtcp_line(self) -> None:
        first = answered(centre("8"))
        moved = with_audio_at(with_audio_at(first, 0, MediaPort("a", 2, 9)), 0, MediaPort("a", 4, 8))
        assert moved.media[0].get_all("rtcp") == ["8"]


class TestAnyLegalOffer:
    @given(st.data(), offers())
    def test_gets_a_legal_answer(self, data: st.DataObject, offer: Session) -> None:
        sdp = data.draw(centre_answers(offer.media[plan(offer).audio]))
        try:
            chosen, asked, answer = split_and_merge(offer, sdp)  # which proves the answer legal
        except PeerError as error:
            # only if the centre took nothing but events
            assert error.status == 488 and "none of the offered" in error.reason
            return
        assert len(asked.media) == 1
        assert [media.kind for media in answer.media] == [media.kind for media in offer.media]
        allowed = {chosen.audio, chosen.video}
        assert all(media.port == 0 for i, media in enumerate(answer.media) if i not in allowed)
        assert parse(write(answer)) == answer

        again = in_sequence(answer, caller_offer(answer, chosen, sdp, TO_CALLER, answer.origin))
        check_reoffer(answer, again)
        check_answer(offer, standing_answer(offer, answer, answer.origin))

    @given(audio_lines(), directions)
    def test_the_way_back_is_legal_too(self, line: Media, direction: str) -> None:
        offer = Session(Origin.of("198.51.100.7", 1), (line,), Connection.to("198.51.100.7"))
        said = Session(Origin.of("192.0.2.1", 1), (line.with_direction(direction),), Connection.to("192.0.2.1"))
        check_answer(offer, centre_answer(offer, said, plan(said), TO_CENTRE, ORIGIN))


def test_our_video_answer_is_what_a_peer_would_choose() -> None:
    found = choose_video(OFFER.media[1])
    assert found is not None
    assert choose_video(answer_video(OFFER.media[1], found, ROOM, "sendrecv", 800)) is not None
