"""A browser's offer of a call: what of it gets through to a centre, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.core.errors import PeerError
from splitter.media.ports.ends import LocalEnd
from splitter.sdp.model import Origin, Session
from splitter.sdp.parse import parse
from splitter.sdp.webcaller import (
    BrowserOffer,
    answer_browser,
    numbering,
    plain_answer,
    plain_offer,
    read_call,
    transcoded,
)
from splitter.sdp.webrtc import SecureLocal
from splitter.sdp.webvoice import VOICES
from splitter.sdp.write import write

_TRANSPORT = (
    "c=IN IP4 0.0.0.0",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:abcdefghijklmnopqrstuv",
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
    "a=setup:actpass",
    "a=rtcp-mux",
)


def offer(audio: dict[int | str, str], video: int = 0) -> Session:
    """An offer with these rtpmaps, each with its fmtp behind a blank, and H.264 as that payload type."""
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0 1"]
    lines += [f"m=audio 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, audio))}", *_TRANSPORT, "a=mid:0"]
    for number, about in audio.items():
        name, _, parameters = about.partition(" ")
        lines += [f"a=rtpmap:{number} {name}", *([f"a=fmtp:{number} {parameters}"] if parameters else [])]
    if video:
        lines += [f"m=video 9 UDP/TLS/RTP/SAVPF {video}", *_TRANSPORT, "a=mid:1", f"a=rtpmap:{video} H264/90000"]
        lines += [f"a=fmtp:{video} profile-level-id=42e01f;packetization-mode=1"]
    return parse("\r\n".join([*lines, ""]).encode())


ENDS = LocalEnd("10.0.0.1", 4000, 4001)
OURS = Origin.of("10.0.0.1", 1)


def told(call: BrowserOffer) -> str:
    """What a centre would be offered."""
    return write(plain_offer(call, ENDS, None, OURS)).decode()


class TestTheCentreIsOffered:
    def test_one_codec_of_digits_for_each_clock_and_never_the_browsers_words_for_it(self) -> None:
        digits: dict[int | str, str] = dict.fromkeys(range(96, 127), f"telephone-event/8000 {'0' * 1500}")
        call = read_call(offer({8: "PCMA/8000", **digits, 127: "opus/48000/2"}), ("PCMA",))
        text = told(call)
        assert len(text) < 400
        assert [codec.payload_type for codec in call.voices] == [8, 96]
        assert "a=fmtp:96 0-15\r\n" in text

    def test_no_parameters_but_short_ones_of_opus(self) -> None:
        known = "minptime=10;useinbandfec=1"
        text = told(read_call(offer({111: f"opus/48000/2 {known}", 8: f"PCMA/8000 {'x' * 60_000}"}), VOICES))
        assert f"a=fmtp:111 {known}\r\n" in text and "fmtp:8" not in text
        assert "fmtp" not in told(read_call(offer({111: f"opus/48000/2 {'x' * 60_000}"}), VOICES))

    def test_each_payload_type_once(self) -> None:
        call = read_call(offer({8: "PCMA/8000", "08": "PCMU/8000", "008": "telephone-event/8000"}), ("PCMA", "PCMU"))
        assert [codec.payload_type for codec in call.voices] == [8]


class TestLines:
    @pytest.mark.parametrize("group", ["", "a=group:BUNDLE 0\r\n"])
    def test_a_picture_with_a_transport_of_its_own_costs_the_picture_alone(self, group: str) -> None:
        """Proxies strip a=group and leave a=mid; some clients know no bundles."""
        text = write(offer({8: "PCMA/8000"}, video=96)).decode().replace("a=group:BUNDLE 0 1\r\n", group)
        call = read_call(parse(text), ("PCMA",))
        assert call.video is None and "does not share" in call.fault
        secure = SecureLocal("u", "p" * 22, "sha-256 AB", ())
        answer = answer_browser(call, ENDS, secure, OURS, 500)
        assert [media.port for media in answer.media] == [ENDS.rtp_port, 0]
        # RFC 8843 §7.3: a browser refuses an answer with a group that it has not offered.
        assert answer.get("group") == ("BUNDLE 0" if group else None)

    def test_the_voice_may_stand_below_one_that_is_off(self) -> None:
        live = offer({8: "PCMA/8000"})
        off = live.media[0].with_(port=0).without(("mid", "fingerprint"))
        assert read_call(replace(live, media=(off, *live.media)), ("PCMA",)).audio == 1
        with pytest.raises(PeerError, match="no WebRTC audio"):
            read_call(replace(live, media=(off,)), ("PCMA",))


class TestPayloadTypes:
    @pytest.mark.parametrize("number", [64, 72, 95, 128, 300, 999])
    def test_that_rtp_has_no_place_for_are_not_taken(self, number: int) -> None:
        """Seven bits (RFC 3550 §5.1), and without those that RTCP has on the same port (RFC 5761 §4)."""
        with pytest.raises(PeerError) as caught:
            read_call(offer({number: "PCMA/8000"}), ("PCMA",))
        assert caught.value.status == 488
        call = read_call(offer({8: "PCMA/8000", number: "telephone-event/8000"}, video=number), ("PCMA",))
        assert [codec.payload_type for codec in call.voices] == [8]
        assert call.video is None and call.fault

    @pytest.mark.parametrize("number", [35, 63, 96, 127])
    def test_that_rtp_has_a_place_for_are_taken(self, number: int) -> None:
        call = read_call(offer({8: "PCMA/8000"}, video=number), ("PCMA",))
        assert call.picture is not None and call.picture.payload_type == number

    def test_of_a_centre_are_bounded_as_well(self) -> None:
        call = read_call(offer({8: "PCMA/8000", 0: "PCMU/8000"}, video=96), ("PCMA", "PCMU"))
        lines = ["v=0", "o=- 1 1 IN IP4 10.0.0.9", "s=-", "c=IN IP4 10.0.0.9", "t=0 0", "m=audio 6000 RTP/AVP 300 0"]
        lines += ["a=rtpmap:300 PCMA/8000", "m=video 6002 RTP/AVP 301", "a=rtpmap:301 H264/90000"]
        lines += ["a=fmtp:301 profile-level-id=42e01f;packetization-mode=1", ""]
        theirs = parse("\r\n".join(lines).encode())
        voice, picture = plain_answer(call, theirs, ENDS, ENDS, OURS, 500).media
        assert voice.formats == ("0",) and picture.port == 0
        assert numbering(call, theirs) == (((8, 8), (0, 0)), ((96, 96),))


CHROMIUM: dict[int | str, str] = {
    111: "opus/48000/2 minptime=10;useinbandfec=1",
    63: "red/48000/2 111/111",
    0: "PCMU/8000",
    8: "PCMA/8000",
    110: "telephone-event/48000",
    126: "telephone-event/8000",
}


def spoken(*rtpmaps: str) -> Session:
    """Our description on the plain side, once a centre has chosen."""
    numbers = [rtpmap.split()[0] for rtpmap in rtpmaps]
    lines = ["v=0", "o=- 1 1 IN IP4 10.0.0.9", "s=-", "c=IN IP4 10.0.0.9", "t=0 0"]
    lines += [f"m=audio 6000 RTP/AVP {' '.join(numbers)}", *(f"a=rtpmap:{one}" for one in rtpmaps), ""]
    return parse("\r\n".join(lines).encode())


G711 = ("8 PCMA/8000", "101 telephone-event/8000")


def answered(call: BrowserOffer, ours: Session | None = None) -> str:
    """The line of voice that a browser is answered."""
    secure = SecureLocal("u", "p" * 22, "sha-256 AB", ())
    return write(answer_browser(call, ENDS, secure, OURS, 500, ours)).decode()


class TestOpusAndG711:
    def test_a_centre_is_offered_what_can_be_made_of_opus(self) -> None:
        text = told(read_call(offer({111: CHROMIUM[111], 110: CHROMIUM[110]}), ("opus",)))
        assert "m=audio 4000 RTP/AVP 111 8 0 110 101\r\n" in text
        assert "a=rtpmap:101 telephone-event/8000\r\n" in text and "red" not in text
        text = told(read_call(offer(CHROMIUM), ("opus", "PCMU")))
        assert "RTP/AVP 111 0 8 110 126\r\n" in text, "in the order of the operator, and the rest behind it"

    def test_a_browsers_numbers_are_left_alone(self) -> None:
        """A payload type is never given another meaning: RTP/AVP 8 is this browser's Opus."""
        text = told(read_call(offer({8: "opus/48000/2", 101: "telephone-event/48000"}), ("opus",)))
        assert "RTP/AVP 8 0 101 96\r\n" in text

    def test_a_browser_whose_first_codec_is_opus_sends_that_and_red(self) -> None:
        call, ours = read_call(offer(CHROMIUM), ("opus", "PCMA")), spoken(*G711)
        plan = transcoded(call, ours)
        assert plan is not None
        assert (plan.browser.payload_type, plan.browser.digits_payload_type, plan.red_type) == (111, 110, 63)
        assert (plan.inside.encoding, plan.inside.payload_type, plan.inside.digits_payload_type) == ("PCMA", 8, 101)
        text = answered(call, ours)
        assert "RTP/SAVPF 63 111 8 110 126\r\n" in text and "a=fmtp:63 111/111\r\n" in text
        assert "a=fmtp:111 minptime=10;useinbandfec=1;maxplaybackrate=8000" in text
        voice, _ = numbering(call, ours)
        assert (63, 63) in voice and (126, 101) in voice

    @pytest.mark.parametrize(
        ("codecs", "ours"),
        [
            (("PCMA", "opus"), spoken(*G711)),  # it has what the centre speaks, and the operator prefers that
            (("opus", "PCMA"), spoken("111 opus/48000/2", "110 telephone-event/48000")),
            (("opus", "G722"), spoken("9 G722/8000")),
            (("PCMA",), spoken(*G711)),
        ],
    )
    def test_all_else_goes_straight_through_without_red(self, codecs: tuple[str, ...], ours: Session) -> None:
        call = read_call(offer(CHROMIUM | {9: "G722/8000"}), codecs)
        assert transcoded(call, ours) is None
        assert "red" not in answered(call, ours) and "red" not in answered(call)
        assert 63 not in dict(numbering(call, ours)[0])

    def test_a_browser_that_lacks_what_the_centre_speaks_is_transcoded_all_the_same(self) -> None:
        call = read_call(offer({8: "PCMA/8000", 111: "opus/48000/2"}), ("PCMA", "opus"))
        plan = transcoded(call, spoken("0 PCMU/8000"))
        assert plan is not None and plan.red_type is None and plan.inside.encoding == "PCMU"

    def test_red_that_stands_for_something_else_is_none(self) -> None:
        call = read_call(offer({8: "PCMA/8000", "08": "red/48000/2", 111: "opus/48000/2"}), ("PCMA", "opus"))
        assert call.red is None
