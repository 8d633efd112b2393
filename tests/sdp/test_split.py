"""The plan of an offer, and what the centre is offered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.core.errors import PeerError
from splitter.sdp.carry import ENDS_HERE
from splitter.sdp.model import Connection, Media, MediaPort, Origin, Session
from splitter.sdp.parse import parse
from splitter.sdp.split import Plan, audio_line, centre_offer, plan
from splitter.sdp.video import refuse
from splitter.sdp.write import write
from tests.sdp.strategies import offers

BARE = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\n"
HEAD = BARE + "c=IN IP4 192.0.2.1\n"
G711 = "m=audio 4000 RTP/AVP 8 0\n"
H264 = "m=video 5000 RTP/AVP 99\na=rtpmap:99 H264/90000\na=fmtp:99 profile-level-id=42C01F;packetization-mode=1\n"
LOCAL = MediaPort("203.0.113.20", 20000, 20001)
ORIGIN = Origin.of("203.0.113.20", 5)


def asked(offer: Session, local: MediaPort = LOCAL, previous: Session | None = None) -> Session:
    return centre_offer(offer, plan(offer), local, ORIGIN, previous)


class TestPlan:
    def test_audio_and_video(self) -> None:
        chosen = plan(parse(HEAD + G711 + H264))
        assert (chosen.audio, chosen.video, chosen.video_fault) == (0, 1, "")
        assert chosen.video_format is not None and chosen.video_format.payload_type == 99

    def test_audio_alone(self) -> None:
        assert plan(parse(HEAD + G711)) == Plan(0)

    def test_video_before_audio(self) -> None:
        chosen = plan(parse(HEAD + H264 + G711))
        assert (chosen.audio, chosen.video) == (1, 0)

    def test_the_second_usable_audio_when_the_first_needs_keys(self) -> None:
        assert plan(parse(HEAD + "m=audio 4000 RTP/SAVP 8\n" + G711)).audio == 1

    def test_slides_come_after_the_speaker(self) -> None:
        offer = parse(HEAD + G711 + H264 + "a=content:slides\n" + H264 + "a=content:main\n")
        assert plan(offer).video == 2

    def test_the_second_video_when_the_first_cannot_be_used(self) -> None:
        chosen = plan(parse(HEAD + G711 + "m=video 5000 RTP/AVP 34\n" + H264))
        assert (chosen.video, chosen.video_fault) == (2, "")

    def test_a_later_offer_keeps_the_lines(self) -> None:
        offer = parse(HEAD + G711 + G711 + H264 + H264)
        assert plan(offer, Plan(1, 3)).audio == 1
        assert plan(offer, Plan(1, 3)).video == 3

    def test_a_later_offer_without_the_old_lines_uses_others(self) -> None:
        offer = parse(HEAD + G711 + "m=audio 0 RTP/AVP 8\n" + H264 + "m=video 0 RTP/AVP 99\n")
        chosen = plan(offer, Plan(1, 3))
        assert (chosen.audio, chosen.video) == (0, 2)

    @pytest.mark.parametrize(
        ("lines", "words"),
        [
            ("", "no m=audio"),
            (H264, "no m=audio"),
            ("m=audio 0 RTP/AVP 8\n", "port 0"),
            ("m=audio 4000 RTP/SAVP 8\n", "RTP/SAVP is not supported"),
            ("m=audio 4000 UDP/TLS/RTP/SAVPF 8\n", "not supported"),
            ("m=audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n", "without a voice codec"),
            ("m=audio 4000 RTP/AVP 13\n", "without a voice codec"),
            ("m=audio 4000 RTP/AVP 99\n", "without a voice codec"),
        ],
    )
    def test_no_usable_audio_is_488(self, lines: str, words: str) -> None:
        with pytest.raises(PeerError, match=words) as caught:
            plan(parse(HEAD + lines))
        assert caught.value.status == 488

    def test_audio_without_address_is_400(self) -> None:
        with pytest.raises(PeerError, match="no c= line") as caught:
            plan(parse(BARE + G711))
        assert caught.value.status == 400

    def test_audio_at_a_host_name_is_488(self) -> None:
        with pytest.raises(PeerError, match="names a host") as caught:
            plan(parse(BARE + "c=IN IP4 media.example.com\n" + G711))
        assert caught.value.status == 488

    @pytest.mark.parametrize("group", ["IP4 224.2.1.1/127", "IP4 239.0.0.1", "IP4 255.255.255.255", "IP6 ff15::101/3"])
    def test_a_group_of_hosts_is_488_and_off(self, group: str) -> None:
        """A call has two ends; what is sent to a group reaches everybody in our own network."""
        with pytest.raises(PeerError, match="names a group of hosts") as caught:
            plan(parse(BARE + f"c=IN {group}\n" + G711))
        assert caught.value.status == 488
        chosen = plan(parse(HEAD + G711 + H264 + f"c=IN {group}\n"))
        assert chosen.video is None and "a group of hosts" in chosen.video_fault
        assert parse(BARE + f"c=IN {group}\n" + G711).is_hold(0)


class TestBadVideoNeverCostsTheAudio:
    @pytest.mark.parametrize(
        ("lines", "words"),
        [
            (H264.replace("RTP/AVP", "RTP/SAVP"), "RTP/SAVP is not supported"),
            (H264.replace("H264", "VP8"), "it offers VP8"),
            ("m=video 5000 RTP/AVP 99\n", "nothing known"),
            ("m=video 5000 RTP/AVP x\na=rtpmap:\na=fmtp\na=imageattr:\n", "nothing known"),
        ],
    )
    def test_the_reason_is_kept(self, lines: str, words: str) -> None:
        chosen = plan(parse(HEAD + G711 + lines))
        assert (chosen.audio, chosen.video, chosen.video_format) == (0, None, None)
        assert words in chosen.video_fault

    def test_video_without_address(self) -> None:
        chosen = plan(parse(BARE + G711 + "c=IN IP4 192.0.2.1\n" + H264))
        assert chosen.video is None
        assert "no c= line" in chosen.video_fault

    def test_video_at_a_host_name(self) -> None:
        chosen = plan(parse(HEAD + G711 + H264 + "c=IN IP4 media.example.com\n"))
        assert chosen.video is None
        assert "names a host (media.example.com)" in chosen.video_fault

    def test_inactive_video_needs_none(self) -> None:
        chosen = plan(parse(BARE + G711 + "c=IN IP4 192.0.2.1\n" + H264 + "a=inactive\n"))
        assert chosen.video == 1

    def test_video_that_is_off_is_no_fault(self) -> None:
        assert plan(parse(HEAD + G711 + H264.replace("5000", "0"))) == Plan(0)


class TestCentreOffer:
    def test_one_line_at_our_address(self) -> None:
        session = asked(parse(HEAD + H264 + G711 + "c=IN IP6 2001:db8::7\na=ptime:20\n"))
        assert (session.origin, session.connection) == (ORIGIN, Connection("IP4", "203.0.113.20"))
        assert [(media.kind, media.port, media.formats) for media in session.media] == [("audio", 20000, ("8", "0"))]
        assert session.media[0].connection is None
        assert session.media[0].get("ptime") == "20"

    def test_ipv6(self) -> None:
        session = asked(parse(HEAD + G711), MediaPort("2001:db8::20", 20000, 20001))
        assert session.connection == Connection("IP6", "2001:db8::20")

    def test_rtcp_port_that_is_not_the_next(self) -> None:
        assert asked(parse(HEAD + G711), MediaPort("203.0.113.20", 20000, 30000)).media[0].get("rtcp") == "30000"

    def test_direction_of_the_session(self) -> None:
        assert asked(parse(HEAD + "a=recvonly\n" + G711)).media[0].direction == "recvonly"

    def test_who_called_does_not_show(self) -> None:
        offer = parse(
            HEAD.replace("o=-", "o=alice").replace("s=-", "s=alice's phone") + "i=x\ne=alice@example.com\n" + G711
        )
        session = asked(offer)
        assert (session.origin.username, session.name, session.info, session.emails) == ("-", "-", None, ())

    @pytest.mark.parametrize("name", sorted(ENDS_HERE))
    def test_what_ends_here_does_not_cross(self, name: str) -> None:
        assert not asked(parse(f"{HEAD}{G711}a={name}:1\na=kept\n")).media[0].has(name)

    @pytest.mark.parametrize("name", ["x-new", "cpar", "acap"])
    def test_no_key_crosses_whatever_stands_around_it(self, name: str) -> None:
        key = "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"
        assert "inline" not in write(asked(parse(f"{HEAD}{G711}a={name}:1 {key}\na=kept\n"))).decode()

    @pytest.mark.parametrize(
        "line",
        [
            "a=x-new:1",
            "a=label:1",
            "a=silenceSupp:off - - - -",
            "a=ptime:20",
            "a=extmap:1 urn:x",
            "a=cpar:a",
            "a=lang:de",
        ],
    )
    def test_the_rest_does_unchanged(self, line: str) -> None:
        name, _, value = line[2:].partition(":")
        assert asked(parse(f"{HEAD}{G711}{line}\n")).media[0].get(name) == value

    def test_lines_that_the_centre_once_added_stay_off(self) -> None:
        previous = Session(ORIGIN, (Media("video", 0, "RTP/AVP", ("99",)), Media("audio", 4, "RTP/AVP", ("8",))))
        session = asked(parse(HEAD + G711), previous=previous)
        assert [(media.kind, media.port) for media in session.media] == [("video", 0), ("audio", 20000)]

    @given(offers())
    def test_the_centre_never_sees_anything_but_audio(self, offer: Session) -> None:
        session = asked(offer)
        (line,) = session.media
        source = offer.media[plan(offer).audio]
        assert (line.kind, line.proto, line.formats) == ("audio", "RTP/AVP", source.formats)
        assert line.codecs == source.codecs
        assert {item.name for item in line.attributes}.isdisjoint(ENDS_HERE)
        assert not session.attributes and not session.bandwidths


class TestAudioLine:
    def test_the_one_with_a_port(self) -> None:
        assert audio_line(parse(HEAD + "m=audio 0 RTP/AVP 8\n" + G711)) == 1

    def test_else_the_first(self) -> None:
        off = refuse(parse(HEAD + G711).media[0])
        assert audio_line(Session(ORIGIN, (refuse(parse(HEAD + H264).media[0]), off, off))) == 1

    def test_else_488(self) -> None:
        with pytest.raises(PeerError) as caught:
            audio_line(parse(HEAD + H264))
        assert caught.value.status == 488


NAMES = st.sampled_from(["rtpmap", "fmtp", "rtcp", "sendonly", "content", "tcap", "pcfg", "extmap", "rtcp-fb", "x"])
BODY = st.lists(
    st.one_of(
        st.sampled_from(
            ["m=audio 1 RTP/AVP 0", "m=video 1 RTP/AVP 99", "m=video 1 RTP/AVPF *", "m=x 0 y z", "c=IN IP4 0.0.0.0"]
        ),
        st.tuples(NAMES, st.text(max_size=12) | st.just("99 H264/90000")).map(lambda pair: f"a={pair[0]}:{pair[1]}"),
    )
)


class TestAnything:
    @given(BODY)
    def test_is_planned_or_refused(self, lines: list[str]) -> None:
        try:
            offer = parse(HEAD + "\n".join(lines))
            centre_offer(offer, plan(offer), LOCAL, ORIGIN)
        except PeerError as error:
            assert error.status in (400, 488)
