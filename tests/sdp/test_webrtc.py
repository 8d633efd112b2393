"""Browsers' offers: what is read out of them, what is answered, and what is refused with which words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from splitter.core.errors import PeerError
from splitter.sdp import webrtc
from splitter.sdp.h264 import family_of
from splitter.sdp.model import Attribute, Media, MediaPort, Origin, Session
from splitter.sdp.offer_answer import answer_direction, check_answer
from splitter.sdp.parse import parse
from splitter.sdp.video import MID
from splitter.sdp.webrtc import SecureLocal, choose_secure, read_secure, resolved, tagged, usable_candidates
from splitter.sdp.write import write
from tests.sdp.edits import replace_attributes

FILES = sorted((Path(__file__).parent / "webrtc").glob("*.sdp"))
PORT = MediaPort("203.0.113.30", 40000, 40000)
LOCAL = SecureLocal(
    "Ours",
    "b" * 22,
    "sha-256 " + ":".join(["3C"] * 32),
    ("1 1 udp 2130706431 203.0.113.30 40000 typ host",),
    51966,
    "video-1",
)
SHA1 = "sha-1 " + ":".join(["AB"] * 20)
HOST = "1 1 udp 2113937151 192.0.2.40 36250 typ host"


def read(path: Path) -> tuple[str, str]:
    lines = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith("#")]
    offer, answer = "".join(lines).split("----\n")
    return offer, answer


def chromium() -> Session:
    return parse(read(next(path for path in FILES if path.stem == "chromium"))[0])


def answered(offer: Session, direction: str = "sendrecv") -> Session:
    """Our whole answer, proven legal."""
    index, chosen = choose_secure(offer)
    bounded = answer_direction(offer.direction_of(index), direction)
    answer = webrtc.answer(
        offer,
        index,
        webrtc.answer_line(offer, index, chosen, PORT, LOCAL, bounded, 960),
        Origin.of(PORT.host, 2001),
    )
    check_answer(offer, answer)
    return answer


def changed(name: str, *values: str | None, offer: Session | None = None) -> Session:
    """Chromium's offer with another attribute on its video line."""
    offer = offer or chromium()
    return replace(offer, media=(replace_attributes(offer.media[0], name, *values),))


def only(keep: str, offer: Session) -> Session:
    """The offer with those video formats alone whose fmtp holds a text."""
    media = offer.media[0]
    kept = tuple(str(codec.payload_type) for codec in media.codecs if keep in codec.fmtp)
    assert kept
    return replace(offer, media=(media.with_(formats=kept),))


def fault(offer: Session) -> str:
    with pytest.raises(PeerError) as caught:
        index, _ = choose_secure(offer)
        read_secure(offer, index)
    assert caught.value.status == 488
    return caught.value.reason


def test_the_files_are_there() -> None:
    assert len(FILES) >= 7


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
class TestGolden:
    def test_is_answered(self, path: Path) -> None:
        offer, answer = read(path)
        assert write(answered(resolved(parse(offer)))).decode().replace("\r\n", "\n") == answer

    def test_has_a_transport(self, path: Path) -> None:
        offer = resolved(parse(read(path)[0]))
        index, chosen = choose_secure(offer)
        remote = read_secure(offer, index)
        assert len(remote.fingerprints) == 1 and remote.setup == "actpass" and not remote.lite
        assert (chosen.packetization_mode, family_of(chosen.profile_level_id)) == (1, "constrained baseline")
        assert chosen.feedback >= {"nack pli", "ccm fir"} and chosen.avpf

    def test_no_line_is_refused_and_all_share_one_transport(self, path: Path) -> None:
        """RFC 9725 §4.4.3, RFC 8843 §7.3."""
        offer = resolved(parse(read(path)[0]))
        index, _ = choose_secure(offer)
        answer = answered(offer)
        assert {media.port for media in answer.media} == {PORT.rtp_port}
        assert answer.get("group") == offer.get("group")
        assert {media.get("ice-ufrag") for media in answer.media} == {LOCAL.ufrag}
        for at, media in enumerate(answer.media):
            assert media.direction == ("sendrecv" if at == index else "inactive")
            assert media.codecs[0].key in {codec.key for codec in offer.media[at].codecs}
            assert media.has("candidate") == (media is tagged(answer))

    def test_our_stream_is_named(self, path: Path) -> None:
        offer = resolved(parse(read(path)[0]))
        index, chosen = choose_secure(offer)
        line = answered(offer).media[index]
        assert line.get("ssrc") == "51966 cname:video-1"
        named = f"{chosen.mid_id} {MID}" in line.get_all("extmap")
        assert named == (MID in write(offer).decode()) == bool(chosen.mid)


class TestChoosingH264:
    def test_constrained_baseline_in_mode_1_comes_first_wherever_it_stands(self) -> None:
        assert choose_secure(chromium())[1].payload_type == 108

    @pytest.mark.parametrize(
        ("formats", "chosen"),
        [
            (("96", "102", "104", "114"), "102"),  # baseline in mode 1 before constrained baseline in mode 0
            (("96", "104", "114"), "114"),
            (("96", "104", "116"), "104"),
        ],
    )
    def test_then_what_there_is_of_baseline(self, formats: tuple[str, ...], chosen: str) -> None:
        offer = chromium()
        offer = replace(offer, media=(offer.media[0].with_(formats=formats),))
        assert str(choose_secure(offer)[1].payload_type) == chosen

    def test_other_codecs_alone_are_refused_by_name(self) -> None:
        offer = chromium()
        offer = replace(offer, media=(offer.media[0].with_(formats=("96", "97", "98", "100", "118")),))
        assert fault(offer) == "video has no H.264 baseline; it offers VP8, VP9"

    def test_a_higher_profile_is_no_baseline(self) -> None:
        assert fault(only("4d001f", chromium())) == "video has no H.264 baseline; it offers H264 main"

    def test_a_line_that_is_off(self) -> None:
        offer = chromium()
        assert "port 0" in fault(replace(offer, media=(offer.media[0].with_(port=0),)))

    def test_plain_rtp_is_no_webrtc(self) -> None:
        offer = chromium()
        assert "UDP/TLS/RTP/SAVPF" in fault(replace(offer, media=(offer.media[0].with_(proto="RTP/AVPF"),)))

    @pytest.mark.parametrize(
        "proto", ["RTP/SAVPF", "RTP/SAVP", "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF", "udp/tls/rtp/savpf"]
    )
    def test_other_spellings_of_its_protocol(self, proto: str) -> None:
        """RFC 8829 §5.1.2; the answer repeats the offer's."""
        offer = chromium()
        offer = replace(offer, media=(offer.media[0].with_(proto=proto),))
        assert answered(offer).media[0].proto == proto

    @pytest.mark.parametrize("of_the_session", [True, False])
    def test_rtp_savpf_is_webrtc_by_its_fingerprint(self, of_the_session: bool) -> None:
        offer = chromium()
        fingerprint = Attribute("fingerprint", offer.media[0].get("fingerprint"))
        bare = replace(offer, media=(offer.media[0].without(("fingerprint",)).with_(proto="RTP/SAVPF"),))
        if of_the_session:
            assert choose_secure(replace(bare, attributes=(*bare.attributes, fingerprint)))[0] == 0
        else:
            assert "no WebRTC video" in fault(bare)

    def test_no_video_at_all(self) -> None:
        assert "no WebRTC video" in fault(replace(chromium(), media=()))

    def test_tmmbr_is_not_for_browsers(self) -> None:
        offer = changed("rtcp-fb", "108 ccm tmmbr", "108 goog-remb")
        assert choose_secure(offer)[1].feedback == {"goog-remb"}


class TestRfc8839Ice:
    def test_credentials_of_the_session_count_for_the_line(self) -> None:
        offer = changed("ice-ufrag", offer=changed("ice-pwd"))
        offer = replace(
            offer, attributes=(*offer.attributes, Attribute("ice-ufrag", "abcd"), Attribute("ice-pwd", "e" * 22))
        )
        remote = read_secure(offer, 0)
        assert (remote.ufrag, remote.password) == ("abcd", "e" * 22)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("ice-ufrag", ""),
            ("ice-ufrag", "abc"),
            ("ice-ufrag", "a" * 257),
            ("ice-ufrag", "a" * 60_000),
            ("ice-ufrag", "ab cd"),
            ("ice-pwd", "a" * 21),
            ("ice-pwd", "é" * 22),
        ],
    )
    def test_credentials_that_are_none(self, name: str, value: str) -> None:
        assert "ICE credential" in fault(changed(name, value))

    @pytest.mark.parametrize("ufrag", ["a-b_", "ab==", "#abc", "Ab+/", "~{|}"])
    def test_credentials_of_more_letters_than_the_standard_has(self, ufrag: str) -> None:
        offer = changed("ice-ufrag", ufrag, offer=changed("ice-pwd", "p-_=#" * 5))
        assert (read_secure(offer, 0).ufrag, read_secure(offer, 0).password) == (ufrag, "p-_=#" * 5)

    def test_a_blank_behind_a_value(self) -> None:
        text = write(chromium()).decode()
        for name in ("rtcp-mux", "setup:actpass", "sendrecv"):
            assert f"a={name}\r\n" in text
            text = text.replace(f"a={name}\r\n", f"a={name} \r\n")
        assert read_secure(parse(text), 0) == read_secure(chromium(), 0)
        assert parse(text).direction_of(0) == "sendrecv"

    def test_lite_is_seen(self) -> None:
        offer = chromium()
        offer = replace(offer, attributes=(*offer.attributes, Attribute("ice-lite")))
        assert read_secure(offer, 0).lite

    def test_names_that_hide_an_address_are_left_out(self) -> None:
        assert read_secure(chromium(), 0).candidates == ()

    def test_candidates_that_can_be_checked_are_kept(self) -> None:
        assert read_secure(changed("candidate", HOST, HOST.replace("192.0.2.40", "2001:db8::1")), 0).candidates == (
            HOST,
            HOST.replace("192.0.2.40", "2001:db8::1"),
        )

    @pytest.mark.parametrize(
        "candidate",
        [
            "",
            "1 1 udp 2113937151 192.0.2.40 36250 host",
            HOST.replace("udp", "tcp"),
            HOST.replace("1 1 udp", "1 2 udp"),  # RTCP of its own: it is muxed
            HOST.replace("36250", "0"),
            HOST.replace("36250", "65536"),
            HOST.replace("36250", "٣"),
            HOST.replace("192.0.2.40", "0.0.0.0"),
            HOST.replace("192.0.2.40", "224.0.0.1"),
            HOST.replace("192.0.2.40", "example.org"),
            HOST.replace("2113937151", "-1"),
            HOST.replace("1 1 udp", "a;b 1 udp"),
            HOST + " x" * 200,
            HOST.replace("192.0.2.40", "fe80::1%eth0"),
        ],
    )
    def test_others_are_not(self, candidate: str) -> None:
        assert usable_candidates([candidate, HOST]) == (HOST,)

    def test_a_flood_of_candidates_is_bounded(self) -> None:
        flood = [HOST.replace("192.0.2.40", f"10.{i >> 8}.{i & 255}.1") for i in range(10_000)]
        assert usable_candidates(flood) == tuple(flood[: webrtc.MAX_CANDIDATES])
        with pytest.raises(PeerError, match="at most"):
            parse(write(changed("candidate", *flood)))


class TestRfc8842Dtls:
    @pytest.mark.parametrize(("theirs", "ours"), [("actpass", "passive"), ("passive", "active"), ("active", "passive")])
    def test_roles(self, theirs: str, ours: str) -> None:
        offer = changed("setup", theirs)
        assert read_secure(offer, 0).setup == theirs
        assert answered(offer).media[0].get("setup") == ours

    @pytest.mark.parametrize("setup", ["holdconn", "", "x" * 500])
    def test_other_roles_are_refused(self, setup: str) -> None:
        assert "a=setup" in fault(changed("setup", setup))

    def test_no_role(self) -> None:
        assert fault(changed("setup")) == "a=setup is missing (RFC 8842 §5.1)"

    def test_a_fingerprint_of_the_session_counts_for_the_line(self) -> None:
        offer = chromium()
        print_of = offer.media[0].get("fingerprint")
        offer = replace(changed("fingerprint"), attributes=(*offer.attributes, Attribute("fingerprint", print_of)))
        assert read_secure(offer, 0).fingerprints == (print_of,)

    def test_no_fingerprint(self) -> None:
        assert "no a=fingerprint" in fault(changed("fingerprint"))

    def test_sha_1_alone_is_too_weak(self) -> None:
        assert "only sha-1, which is too weak" in fault(changed("fingerprint", SHA1))

    def test_sha_1_beside_a_better_one_is_left_out(self) -> None:
        good = "sha-384 " + ":".join(["ab"] * 48)
        assert read_secure(changed("fingerprint", SHA1, good), 0).fingerprints == (good.upper().replace("SHA", "sha"),)

    @pytest.mark.parametrize("value", ["sha-256", "sha-256 AB", "sha-256 " + "AB" * 47 + "A", "sha-256 " + "zz:" * 32])
    def test_what_is_no_fingerprint(self, value: str) -> None:
        assert "no sha-256 value" in fault(changed("fingerprint", value))


class TestRfc8843Bundle:
    def test_rtcp_mux_is_needed(self) -> None:
        assert "rtcp-mux" in fault(changed("rtcp-mux"))

    def test_no_group_without_one(self) -> None:
        offer = replace(chromium(), attributes=())
        assert answered(offer).get("group") is None

    def test_no_mid_is_made_up(self) -> None:
        answer = answered(replace(changed("mid"), attributes=()))
        assert answer.media[0].get("mid") is None and answer.get("group") is None

    def test_an_unbundled_line_of_port_0_stays_refused(self) -> None:
        path = next(path for path in FILES if path.stem == "firefox_bundle_only")
        text = read(path)[0].replace("a=bundle-only\n", "")
        assert "port 0" in fault(resolved(parse(text)))

    def test_a_bundle_of_refused_lines_gives_nothing_away(self) -> None:
        path = next(path for path in FILES if path.stem == "firefox_bundle_only")
        text = read(path)[0].replace("m=audio 54400", "m=audio 0")
        assert "port 0" in fault(resolved(parse(text)))

    @pytest.mark.parametrize("group", ["", "BUNDLE", "BUNDLE 0 0 0", "BUNDLE " + "x " * 5000, "LS 0", "bundle 0"])
    def test_strange_groups_do_no_harm(self, group: str) -> None:
        offer = resolved(replace(chromium(), attributes=(Attribute("group", group),)))
        assert answered(offer).media[0].port == PORT.rtp_port

    def test_a_data_channel_is_refused_and_a_second_picture_is_idle(self) -> None:
        offer = chromium()
        data = Media("application", 9, "UDP/DTLS/SCTP", ("webrtc-datachannel",), attributes=(Attribute("mid", "d"),))
        more = replace_attributes(offer.media[0], "mid", "2")
        group = (Attribute("group", "BUNDLE 0 d 2"),)
        answer = answered(replace(offer, attributes=group, media=(*offer.media, data, more)))
        assert [media.port for media in answer.media] == [PORT.rtp_port, 0, PORT.rtp_port]
        assert [media.get("mid") for media in answer.media] == ["0", "d", "2"]
        assert [media.direction for media in answer.media][::2] == ["sendrecv", "inactive"]
        assert answer.get("group") == "BUNDLE 0 2"

    def test_lines_outside_the_bundle_are_refused_and_keep_what_their_format_is(self) -> None:
        """There are peers that look up each payload type of an answer, also with port 0."""
        path = next(path for path in FILES if path.stem == "pion")
        offer = parse(read(path)[0])
        for attributes in ((), (Attribute("group", "BUNDLE 1"),), (Attribute("group", "LS 0 1"),)):
            audio, video = answered(replace(offer, attributes=(*offer.attributes[1:2], *attributes))).media
            assert (audio.port, video.port) == (0, PORT.rtp_port)
            assert [codec.name for codec in audio.codecs] == ["opus"] and audio.get("mid") == "0"
            assert video.has("candidate")

    def test_a_line_that_the_peer_gave_up_stays_refused(self) -> None:
        path = next(path for path in FILES if path.stem == "werift")
        offer = parse(read(path)[0])
        answer = answered(replace(offer, media=(offer.media[0].with_(port=0), offer.media[1])))
        assert [media.port for media in answer.media] == [0, PORT.rtp_port]
        assert answer.get("group") == "BUNDLE 1" and answer.media[1].has("candidate")

    def test_an_idle_line_has_a_format_that_is_media(self) -> None:
        path = next(path for path in FILES if path.stem == "werift")
        offer = parse(read(path)[0])
        audio = offer.media[0].with_(formats=("97", "98", "96"))
        audio = replace_attributes(audio, "rtpmap", "97 telephone-event/8000", "98 red/48000/2", "96 opus/48000/2")
        assert answered(replace(offer, media=(audio, offer.media[1]))).media[0].formats == ("96",)

    @pytest.mark.parametrize(
        ("mid", "extmap"),
        [
            ("0", "15 " + MID),
            ("0", "16 " + MID),
            ("0", "4/sendonly " + MID),
            ("0", "4/inactive " + MID),
            ("m" * 17, "4 " + MID),
            ("é", "4 " + MID),
        ],
    )
    def test_a_name_that_packets_cannot_carry_is_not_agreed_on(self, mid: str, extmap: str) -> None:
        offer = changed("extmap", extmap, offer=changed("mid", mid))
        assert choose_secure(offer)[1].mid_id is None
        assert not answered(offer).media[0].has("extmap")


class TestAnswer:
    @pytest.mark.parametrize(
        ("offered", "given"), [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly")]
    )
    def test_direction(self, offered: str, given: str) -> None:
        offer = chromium()
        offer = replace(offer, media=(offer.media[0].with_direction(offered),))
        assert answered(offer).media[0].direction == given

    def test_nothing_of_what_is_not_done_is_in_it(self) -> None:
        text = write(answered(chromium())).decode()
        for word in ("rtx", "red", "ulpfec", "transport-cc", "rsize", "tmmbr", "ice-lite", "VP8"):
            assert word not in text

    def test_a_source_is_named_where_there_is_one(self) -> None:
        offer = chromium()
        offer = replace(offer, media=(offer.media[0].with_direction("sendonly"),))
        assert not answered(offer).media[0].has("ssrc")

    def test_the_bitrate_is_the_least(self) -> None:
        assert answered(chromium()).media[0].bandwidth("AS") == 960
        offer = parse(write(chromium()).replace(b"c=IN IP4 0.0.0.0\r\n", b"c=IN IP4 0.0.0.0\r\nb=AS:400\r\n"))
        assert answered(offer).media[0].bandwidth("AS") == 400
