"""Choosing, answering, offering and refusing video."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from splitter.sdp.model import Attribute, Connection, Media, MediaPort
from splitter.sdp.parse import parse
from splitter.sdp.video import (
    ORIENTATION,
    Limits,
    VideoFormat,
    answer_video,
    choose_video,
    limits_of,
    offer_video,
    received_as,
    refuse,
    video_fault,
)

HEAD = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
ROOM = MediaPort("203.0.113.11", 30000, 30001)
CAPABLE = ("tcap:1 RTP/AVPF", "pcfg:1 t=1", "rtcp-fb:* nack pli")


def video(*attributes: str, formats: str = "99", proto: str = "RTP/AVP", port: int = 5000) -> Media:
    lines = "".join(f"a={text}\n" for text in attributes)
    return parse(f"{HEAD}m=video {port} {proto} {formats}\n{lines}").media[0]


def h264(*fmtps: str, more: tuple[str, ...] = (), proto: str = "RTP/AVP") -> Media:
    """One H.264 format per fmtp, numbered from 99 on."""
    attributes = []
    for i, fmtp in enumerate(fmtps):
        attributes.append(f"rtpmap:{99 + i} H264/90000")
        if fmtp:
            attributes.append(f"fmtp:{99 + i} {fmtp}")
    formats = " ".join(str(99 + i) for i in range(len(fmtps)))
    return video(*attributes, *more, formats=formats, proto=proto)


def chosen(media: Media) -> VideoFormat:
    found = choose_video(media)
    assert found is not None
    return found


class TestChoice:
    @pytest.mark.parametrize("identity", ["42C01F", "42e01f", "42C00C", "424016", "4D801F"])
    def test_constrained_baseline_under_any_spelling(self, identity: str) -> None:
        assert chosen(h264(f"profile-level-id={identity};packetization-mode=1")).profile_level_id == identity.lower()

    @pytest.mark.parametrize("identity", ["4D001F", "64001F", "58001F", "nonsense", "42E01"])
    def test_other_profiles_are_not_used(self, identity: str) -> None:
        assert choose_video(h264(f"profile-level-id={identity};packetization-mode=1")) is None

    def test_mode_1_before_mode_0_whatever_the_order(self) -> None:
        found = chosen(h264("profile-level-id=42C016", "profile-level-id=42C00C;packetization-mode=1"))
        assert (found.payload_type, found.packetization_mode, found.level_idc) == (100, 1, 12)

    def test_constrained_before_plain_baseline(self) -> None:
        found = chosen(
            h264("profile-level-id=42001F;packetization-mode=1", "profile-level-id=42E01F;packetization-mode=1")
        )
        assert found.payload_type == 100

    def test_the_first_of_equals(self) -> None:
        found = chosen(
            h264("profile-level-id=42C01F;packetization-mode=1", "profile-level-id=42E01F;packetization-mode=1")
        )
        assert found.payload_type == 99

    def test_absent_mode_is_0_and_absent_profile_is_level_1(self) -> None:
        found = chosen(h264(""))
        assert (found.packetization_mode, found.profile_level_id, found.level_idc) == (0, "42000a", 10)
        assert (found.max_macroblocks, found.max_macroblocks_per_s, found.bitrate_kbps) == (99, 1485, 64)

    def test_interleaved_mode_is_not_used(self) -> None:
        assert choose_video(h264("profile-level-id=42C01F;packetization-mode=2")) is None

    @pytest.mark.parametrize("proto", ["RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF", "TCP/RTP/AVP"])
    def test_other_transports_are_not_used(self, proto: str) -> None:
        media = h264("profile-level-id=42C01F;packetization-mode=1", proto=proto)
        assert choose_video(media) is None
        assert proto in video_fault(media)

    def test_port_0(self) -> None:
        media = video("rtpmap:99 H264/90000", port=0)
        assert choose_video(media) is None
        assert "port 0" in video_fault(media)

    def test_no_h264(self) -> None:
        media = video("rtpmap:99 H265/90000", "rtpmap:100 VP8/90000", formats="99 100")
        assert choose_video(media) is None
        assert video_fault(media).endswith("it offers H265, VP8")

    def test_no_fault_in_what_can_be_used(self) -> None:
        assert video_fault(h264("")) == ""

    def test_limits_may_be_raised_but_not_lowered(self) -> None:
        found = chosen(h264("profile-level-id=42C00C;max-fs=1620;max-mbps=10"))
        assert (found.max_macroblocks, found.max_macroblocks_per_s) == (1620, 6000)

    def test_parameter_sets(self) -> None:
        found = chosen(h264("profile-level-id=42C01F;sprop-parameter-sets=Z0LAHtoHgUSAeEAhUA==,aM48gA==,???,AAAA,"))
        assert [unit[0] & 31 for unit in found.parameter_sets] == [7, 8]
        assert found.parameter_sets[1] == bytes.fromhex("68ce3c80")

    def test_parameter_sets_without_padding(self) -> None:
        assert len(chosen(h264("sprop-parameter-sets=Z0LAHtoHgUSAeEAhUA,aM48gA")).parameter_sets) == 2

    def test_bandwidth_of_the_line(self) -> None:
        body = f"{HEAD}m=video 5000 RTP/AVP 99\nb={{}}\na=rtpmap:99 H264/90000\n"
        assert chosen(parse(body.format("AS:512")).media[0]).bitrate_kbps == 512
        assert chosen(parse(body.format("TIAS:512000")).media[0]).bitrate_kbps == 512


class TestRfc6236ImageSize:
    @pytest.mark.parametrize(
        ("value", "size"),
        [
            ("99 send [x=480,y=640] recv [x=640,y=480]", (640, 480)),
            ("99 recv [x=640,y=480] send [x=480,y=640]", (640, 480)),
            ("* recv [x=320,y=240,sar=1.1] [x=640,y=480]", (320, 240)),
            ("99 send * recv [x=176, y=144, q=0.5]", (176, 144)),
            ("99 send [x=480,y=640]", None),
            ("99 recv *", None),
            ("99 recv * send [x=480,y=640]", None),
            ("99 recv [x=[128:16:352],y=[96:16:288]]", None),
            ("99 recv [x=0,y=0]", None),
            ("100 recv [x=640,y=480]", None),
        ],
    )
    def test_what_the_peer_wants_to_receive(self, value: str, size: tuple[int, int] | None) -> None:
        assert chosen(h264("", more=(f"imageattr:{value}",))).size == size


class TestFeedback:
    def test_for_all_formats_or_for_this_one(self) -> None:
        found = chosen(
            h264("", more=("rtcp-fb:* nack", "rtcp-fb:99 ccm  FIR", "rtcp-fb:98 nack pli", "rtcp-fb:* trr-int 5000"))
        )
        assert found.feedback == {"nack", "ccm fir"}
        assert not found.avpf

    def test_what_a_peer_can_do_with_it_is_of_no_matter(self) -> None:
        assert chosen(h264("", more=("rtcp-fb:99 ccm tmmbr smaxpr=120",))).feedback == {"ccm tmmbr"}

    def test_avpf_at_once(self) -> None:
        assert chosen(h264("", proto="RTP/AVPF")).avpf

    @pytest.mark.parametrize(
        ("capabilities", "config"),
        [
            (("tcap:1 RTP/AVPF", "pcfg:1 t=1"), "1 t=1"),
            (("pcfg:1 t=1", "tcap:1 RTP/AVPF"), "1 t=1"),
            (("tcap:1 RTP/SAVPF RTP/AVPF", "pcfg:1 t=1", "pcfg:2 t=2"), "2 t=2"),
            (("tcap:4 RTP/SAVPF RTP/AVPF", "pcfg:7 t=4|5"), "7 t=5"),
            (("tcap:1 RTP/AVPF",), None),
            (("pcfg:1 t=1",), None),
            (("tcap:1 RTP/AVPF", "pcfg:1 a=1 t=1"), None),
            (("tcap:1 RTP/AVPF", "pcfg:1 t=1", "creq:med-v0"), None),
            (("tcap:1 RTP/AVPF", "pcfg:1 t=1", "creq:cap-v0"), "1 t=1"),
            (("tcap:x RTP/AVPF", "pcfg: t=1", "pcfg:", "tcap:"), None),
        ],
    )
    def test_rfc5939_capability(self, capabilities: tuple[str, ...], config: str | None) -> None:
        media = h264("", more=(*capabilities, "rtcp-fb:* nack pli"))
        assert chosen(media).avpf is (config is not None)
        answer = answer_video(media, chosen(media), ROOM, "sendrecv", 500)
        assert answer.get("acfg") == config
        assert answer.proto == ("RTP/AVPF" if config else "RTP/AVP")

    def test_capability_at_session_level(self) -> None:
        media = h264("", more=("pcfg:1 t=1", "rtcp-fb:* nack"))
        session_attributes = (Attribute("tcap", "1 RTP/AVPF"), Attribute("extmap", "3 urn:3gpp:video-orientation"))
        found = choose_video(media, session_attributes)
        assert found is not None and found.avpf and found.orientation_id == 3
        answer = answer_video(media, found, ROOM, "sendrecv", 500, session_attributes=session_attributes)
        assert answer.proto == "RTP/AVPF"

    def test_no_feedback_wanted_no_configuration(self) -> None:
        media = h264("", more=("tcap:1 RTP/AVPF", "pcfg:1 t=1"))
        answer = answer_video(media, chosen(media), ROOM, "sendrecv", 500)
        assert (answer.proto, answer.get("acfg")) == ("RTP/AVP", None)


class TestOrientation:
    @pytest.mark.parametrize(
        ("value", "number"),
        [
            ("7 urn:3gpp:video-orientation", 7),
            ("7/sendrecv urn:3gpp:video-orientation", 7),
            ("7 urn:3gpp:video-orientation:6", None),
            ("4096 urn:3gpp:video-orientation", None),
            ("15 urn:3gpp:video-orientation", None),
            ("0 urn:3gpp:video-orientation", None),
            ("urn:3gpp:video-orientation", None),
        ],
    )
    def test_header_extension(self, value: str, number: int | None) -> None:
        assert chosen(h264("", more=(f"extmap:{value}",))).orientation_id == number

    @pytest.mark.parametrize(
        ("offered", "answered"),
        [
            ("7", "7"),
            ("7/sendrecv", "7"),
            ("7/sendonly", "7/recvonly"),
            ("7/recvonly", "7/sendonly"),
            ("7/INACTIVE", "7/inactive"),
        ],
    )
    def test_direction_is_mirrored(self, offered: str, answered: str) -> None:
        """RFC 8285 §6: the answer to sendonly is recvonly, and the other way round."""
        media = h264("", more=(f"extmap:{offered} {ORIENTATION}",))
        answer = answer_video(media, chosen(media), ROOM, "sendrecv", 500)
        assert answer.get_all("extmap") == [f"{answered} {ORIENTATION}"]

    @pytest.mark.parametrize(
        ("flow", "to_peer", "from_peer"),
        [("sendrecv", 7, 7), ("sendonly", None, 7), ("recvonly", 7, None), ("inactive", None, None)],
    )
    def test_it_goes_no_other_way(self, flow: str, to_peer: int | None, from_peer: int | None) -> None:
        found = chosen(h264("", more=(f"extmap:7/{flow} {ORIENTATION}",)))
        assert (found.to_peer.orientation_id, found.from_peer.orientation_id) == (to_peer, from_peer)

    def test_without_a_direction_that_is_one_it_is_left_out(self) -> None:
        assert chosen(h264("", more=(f"extmap:7/up {ORIENTATION}",))).orientation_id is None


class TestAnswer:
    def test_one_format_spelled_as_offered(self) -> None:
        media = h264("profile-level-id=42C01F;packetization-mode=1;level-asymmetry-allowed=1", "packetization-mode=0")
        answer = answer_video(media, chosen(media), ROOM, "sendonly", 500)
        assert answer.formats == ("99",)
        assert answer.get("fmtp") == "99 profile-level-id=42C01F;packetization-mode=1;level-asymmetry-allowed=1"
        assert answer.direction == "sendonly"

    def test_our_end(self) -> None:
        media = h264("")
        answer = answer_video(media, chosen(media), MediaPort("2001:db8::1", 30000, 40000), "sendrecv", 500)
        assert (answer.port, answer.connection) == (30000, Connection("IP6", "2001:db8::1"))
        assert answer.get("rtcp") == "40000"

    def test_parameter_sets_of_ours(self) -> None:
        media = h264("")
        answer = answer_video(media, chosen(media), ROOM, "sendrecv", 500, parameter_sets=(b"\x67\x42", b"\x68\xce"))
        assert (answer.get("fmtp") or "").endswith(";sprop-parameter-sets=Z0I=,aM4=")

    def test_feedback_is_echoed_as_it_was_offered(self) -> None:
        media = h264("", more=("rtcp-fb:* nack pli", "rtcp-fb:99 ccm fir", "rtcp-fb:99 goog-remb"), proto="RTP/AVPF")
        assert answer_video(media, chosen(media), ROOM, "sendrecv", 500).get_all("rtcp-fb") == [
            "* nack pli",
            "99 ccm fir",
        ]

    def test_bandwidth_is_the_lesser(self) -> None:
        media = h264("profile-level-id=42C00C")  # 384 kbit/s by its level
        assert answer_video(media, chosen(media), ROOM, "sendrecv", 500).bandwidth("AS") == 384
        assert answer_video(media, chosen(media), ROOM, "sendrecv", 300).bandwidth("AS") == 300

    def test_it_can_be_read_as_a_format_again(self) -> None:
        media = h264("profile-level-id=42C01F;packetization-mode=1", more=CAPABLE)
        again = chosen(answer_video(media, chosen(media), ROOM, "sendrecv", 500))
        assert (again.profile_level_id, again.packetization_mode) == ("42c01f", 1)
        assert again.feedback == {"nack pli"}

    def test_refusal_keeps_the_kind_and_the_formats_alone(self) -> None:
        media = h264("", "", more=("mid:v",))
        assert refuse(media) == Media("video", 0, "RTP/AVP", ("99", "100"))


class TestOffer:
    def test_new_line(self) -> None:
        line = offer_video(None, ROOM, payload_type=110, direction="sendrecv")
        found = chosen(line)
        assert (line.proto, found.payload_type, found.packetization_mode, found.level_idc) == ("RTP/AVP", 110, 1, 31)
        assert found.avpf and found.orientation_id == 7
        assert found.feedback == {"nack", "nack pli", "ccm fir", "ccm tmmbr"}

    def test_running_line_keeps_its_formats_and_drops_the_old_outcome(self) -> None:
        offered = h264("profile-level-id=42C01F;packetization-mode=1", more=CAPABLE)
        ours = answer_video(offered, chosen(offered), ROOM, "sendrecv", 500)
        line = offer_video(ours, MediaPort("203.0.113.99", 31000, 31001), direction="inactive")
        assert (line.formats, line.port, line.proto, line.get("acfg")) == (("99",), 31000, "RTP/AVPF", None)
        assert line.direction == "inactive"
        assert line.get("fmtp") == ours.get("fmtp")

    def test_slot_of_a_refused_line_is_filled_anew(self) -> None:
        line = offer_video(refuse(h264("")), ROOM, payload_type=111)
        assert (line.port, line.formats) == (30000, ("111",))


NOISE = st.sampled_from(["rtpmap", "fmtp", "tcap", "pcfg", "creq", "imageattr", "extmap", "rtcp-fb", "rtcp", "content"])
TEXT = st.one_of(
    st.text(max_size=30), st.sampled_from(["99 H264/90000", "1 t=1|", "99 recv [x=1,y=1]", "² a/²", "99 max-fs=²"])
)


class TestNumbers:
    """RFC 3264 §6.1: an answer should have the numbers of the offer, and need not."""

    OURS = h264("profile-level-id=42e01f;packetization-mode=1", "profile-level-id=42e01f;packetization-mode=0")

    @pytest.mark.parametrize(("mode", "number"), [("1", 99), ("0", 100)])
    def test_of_an_answer_with_its_own_are_ours_for_what_comes(self, mode: str, number: int) -> None:
        fmtp = f"120 profile-level-id=42801f;packetization-mode={mode}"
        chosen = choose_video(video("rtpmap:120 H264/90000", f"fmtp:{fmtp}", formats="120"))
        assert chosen is not None and chosen.payload_type == 120
        received = received_as(self.OURS, chosen)
        assert (received.payload_type, received.other_number) == (number, 120)

    def test_that_agree_stay_what_they_are(self) -> None:
        chosen = choose_video(h264("packetization-mode=1;profile-level-id=42c01f"))
        assert chosen is not None and received_as(self.OURS, chosen) is chosen

    def test_of_nothing_that_was_offered_stay_what_they_are(self) -> None:
        chosen = choose_video(h264("packetization-mode=1;profile-level-id=42c01f"))
        assert chosen is not None and received_as(video("rtpmap:99 VP8/90000"), chosen) is chosen


class TestLimits:
    """What an encoder must keep to: the least of level (H.264 table A-1), a=imageattr (RFC 6236) and b=AS."""

    @pytest.mark.parametrize(
        ("fmtp", "more", "expected"),
        [
            # the offer of a handset: upright, and it stays so
            ("profile-level-id=42C01F", ("imageattr:99 recv [x=480,y=640]",), Limits(480, 640, 30, 14000)),
            ("profile-level-id=42C01F", ("imageattr:99 recv [x=1280,y=720]",), Limits(1280, 720, 30, 14000)),
            ("profile-level-id=42C01F", ("imageattr:99 recv [x=1920,y=1080]",), Limits(1280, 720, 30, 14000)),
            ("profile-level-id=42C01F", ("imageattr:99 recv [x=1080,y=1920]",), Limits(720, 1280, 30, 14000)),
            ("profile-level-id=42C01F", ("imageattr:99 recv [x=360,y=640]",), Limits(352, 640, 30, 14000)),
            # the level bounds size and rate
            ("profile-level-id=42e016", ("imageattr:99 recv [x=480,y=640]",), Limits(480, 640, 16, 4000)),
            ("profile-level-id=42e00c", ("imageattr:99 recv [x=480,y=640]",), Limits(272, 368, 15, 384)),
            ("profile-level-id=42e00c", (), Limits(320, 240, 20, 384)),
            ("profile-level-id=42e01f", (), Limits(1280, 720, 30, 14000)),
            ("profile-level-id=42e01e", (), Limits(640, 480, 30, 10000)),
            ("", (), Limits(176, 144, 15, 64)),
        ],
    )
    def test_of_level_and_size(self, fmtp: str, more: tuple[str, ...], expected: Limits) -> None:
        chosen = choose_video(h264(fmtp, more=more))
        assert chosen is not None
        assert limits_of(chosen) == expected

    @pytest.mark.parametrize(
        ("kbps", "size"), [(2000, (1280, 720)), (960, (640, 480)), (128, (320, 240)), (64, (176, 144))]
    )
    def test_a_narrow_line_gets_a_small_picture_where_none_was_asked_for(
        self, kbps: int, size: tuple[int, int]
    ) -> None:
        limits = limits_of(VideoFormat(99, bitrate_kbps=kbps))
        assert ((limits.width, limits.height), limits.bitrate_kbps) == (size, kbps)

    def test_a_picture_that_is_nearly_square_keeps_its_orientation(self) -> None:
        limits = limits_of(VideoFormat(99, size=(672, 737), max_macroblocks=99, max_macroblocks_per_s=1485))
        assert (limits.width, limits.height) == (144, 160)

    def test_a_generous_b_line_does_not_raise_the_level(self) -> None:
        assert limits_of(VideoFormat(99, profile_level_id="42c00c", bitrate_kbps=5000)).bitrate_kbps == 384

    @given(
        size=st.none() | st.tuples(st.integers(1, 99_999), st.integers(1, 99_999)),
        macroblocks=st.integers(99, 40_000),
        per_s=st.integers(1485, 2_100_000),
        kbps=st.integers(1, 300_000),
    )
    def test_nothing_is_ever_exceeded(
        self, size: tuple[int, int] | None, macroblocks: int, per_s: int, kbps: int
    ) -> None:
        wanted = VideoFormat(99, size=size, max_macroblocks=macroblocks, max_macroblocks_per_s=per_s, bitrate_kbps=kbps)
        limits = limits_of(wanted)
        assert limits.width % 16 == limits.height % 16 == 0
        count = limits.width * limits.height // 256
        assert 0 < count <= macroblocks
        assert limits.frame_rate == 1 or limits.frame_rate * count <= per_s
        assert 1 <= limits.frame_rate <= 30
        assert limits.bitrate_kbps <= kbps
        if size is not None and min(size) >= 16:
            assert limits.width <= size[0] and limits.height <= size[1]
            if max(limits.width, limits.height) > 16 * 4 and max(size) < 4 * min(size) and abs(size[0] - size[1]) > 64:
                assert (limits.width > limits.height) == (size[0] > size[1]) or limits.width == limits.height


class TestAnything:
    @given(st.lists(st.tuples(NOISE, TEXT)), st.sampled_from(["RTP/AVP", "RTP/AVPF"]))
    @example([("tcap", " ")], "RTP/AVP")
    def test_never_raises_and_what_is_chosen_can_be_answered(
        self, attributes: list[tuple[str, str]], proto: str
    ) -> None:
        items = (Attribute("rtpmap", "99 H264/90000"), *(Attribute(name, value) for name, value in attributes))
        media = Media("video", 5000, proto, ("99", "²", "100"), attributes=items)
        found = choose_video(media)
        if found is None:
            assert video_fault(media)
        else:
            assert choose_video(answer_video(media, found, ROOM, "sendrecv", 500)) is not None
