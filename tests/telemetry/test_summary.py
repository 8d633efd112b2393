from __future__ import annotations

import pytest

from splitter.sdp.parse import parse
from splitter.telemetry.summary import Summariser, describe_session
from splitter.telemetry.trace import TraceEvent
from tests.telemetry.kit import AUDIO, INVITE, VIDEO, data


def event(raw: bytes, text: str = "") -> TraceEvent:
    return TraceEvent("call1", 0.0, "caller", "message", "in", "peer", text, raw)


def words(raw: bytes) -> str:
    return str(Summariser().summarise(event(raw)))


class TestMessages:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            (data("BYE sip:x SIP/2.0", cseq="2 BYE"), "BYE"),
            (data("SIP/2.0 200 OK", cseq="2 BYE"), "200 OK (BYE)"),
            (data("SIP/2.0 180 Ringing"), "180 Ringing (INVITE)"),
            (data("INVITE tel:+8610110 SIP/2.0"), "INVITE +8610110; no offer"),
            (data(INVITE, to=";tag=2"), "INVITE; no offer"),
            (
                data("BYE sip:x SIP/2.0", cseq="2 BYE", more='Reason: Q.850;cause=16;text="Bye"\n'),
                'BYE; reason: Q.850;cause=16;text="Bye"',
            ),
            (
                data("SIP/2.0 503 Service Unavailable", more="Retry-After: 5\n"),
                "503 Service Unavailable (INVITE); retry-after: 5",
            ),
            (
                data("SIP/2.0 488 Not Acceptable Here", more='Warning: 399 splitter "no audio"\n'),
                '488 Not Acceptable Here (INVITE); warning: 399 splitter "no audio"',
            ),
            (
                data("SIP/2.0 420 Bad Extension", more="Unsupported: 100rel\n"),
                "420 Bad Extension (INVITE); unsupported: 100rel",
            ),
            (
                data("REFER sip:2@y SIP/2.0", cseq="2 REFER", more="Refer-To: <sip:9@z>\n"),
                "REFER 2; refer-to: <sip:9@z>",
            ),
            (
                data(
                    "NOTIFY sip:2@y SIP/2.0", cseq="3 NOTIFY", more="Content-Type: message/sipfrag;version=2.0\n"
                ).replace(b"Content-Length: 0", b"Content-Length: 21")
                + b"SIP/2.0 180 Ringing\r\n",
                "NOTIFY; told: SIP/2.0 180 Ringing",
            ),
        ],
    )
    def test_in_plain_words(self, raw: bytes, expected: str) -> None:
        assert words(raw) == expected

    def test_an_offer_names_codecs_and_addresses(self) -> None:
        assert words(data(INVITE, sdp=AUDIO + VIDEO)) == (
            "INVITE 110; offer: audio AMR-WB/107 PCMA/8 dtmf/101 → 10.0.0.1:31018, "
            "video H264/123 42c01f mode 1 → :37058"
        )

    def test_what_cannot_be_read_is_shown_by_its_first_line(self) -> None:
        summary = Summariser().summarise(event(b"INVITE sip:x SIP/2.0\r\nnonsense\r\n\r\n", "INVITE"))
        assert (summary.label, summary.line) == ("INVITE", "INVITE sip:x SIP/2.0")
        assert summary.details.startswith("cannot be read: ")

    def test_what_was_overlooked_in_sdp_is_told(self) -> None:
        careless = (
            "v=0\no=- 1 1 IN IP4 10.0.0.1\nc=IN IP4 10.0.0.1\nm=audio 4000 RTP/AVP 8\na=sendonly \nm=video 0 RTP/AVP\n"
        )
        assert words(data("INVITE sip:110@10.0.0.9 SIP/2.0", sdp=careless)) == (
            "INVITE 110; offer: audio PCMA/8 sendonly → 10.0.0.1:4000, video off; overlooked: "
            "blanks or upper case where none belong: a=sendonly ; an m= line without a format: m=video 0 RTP/AVP"
        )

    def test_sdp_that_cannot_be_read_does_not_hide_the_message(self) -> None:
        assert words(data(INVITE, sdp="v=0\nm=audio\n")).startswith("INVITE 110; SDP cannot be read: ")

    def test_sdp_inside_a_multipart_is_found(self) -> None:
        body = f"--b\nContent-Type: application/sdp\n\n{AUDIO}\n--b--\n"
        raw = data(INVITE, sdp=body).replace(
            b"Content-Type: application/sdp\r\nContent-Length", b"c: multipart/mixed;boundary=b\r\nContent-Length"
        )
        assert "offer: audio AMR-WB/107" in words(raw)

    def test_other_events_stay_as_they_are(self) -> None:
        note = TraceEvent("call1", 0.0, "", "note", "", "", "hello")
        assert Summariser().describe(note) is note

    def test_a_described_message_carries_no_bytes(self) -> None:
        described = Summariser().describe(event(data("SIP/2.0 180 Ringing")))
        assert (described.text, described.data) == ("180 Ringing (INVITE)", b"")


class TestOfferOrAnswer:
    """RFC 3261 §13.2.1."""

    def told(self, *raws: bytes) -> list[str]:
        summariser = Summariser()
        return [summariser.summarise(event(raw)).details.split(":")[0] for raw in raws]

    def test_the_offer_is_in_the_invite(self) -> None:
        assert self.told(
            data(INVITE, sdp=AUDIO),
            data("SIP/2.0 183 Session Progress", sdp=AUDIO),
            data("ACK sip:x SIP/2.0", cseq="1 ACK"),
        ) == ["offer", "answer", ""]

    def test_the_offer_is_in_the_response_to_an_invite_without(self) -> None:
        assert self.told(
            data(INVITE), data("SIP/2.0 200 OK", sdp=AUDIO), data("ACK sip:x SIP/2.0", cseq="1 ACK", sdp=AUDIO)
        ) == ["no offer", "offer", "answer"]

    def test_each_transaction_is_judged_by_itself(self) -> None:
        assert self.told(
            data(INVITE),
            data(INVITE, cseq="2 INVITE", sdp=AUDIO),
            data("SIP/2.0 200 OK", cseq="2 INVITE", sdp=AUDIO),
            data("SIP/2.0 200 OK", cseq="1 INVITE", sdp=AUDIO),
            data("UPDATE sip:x SIP/2.0", cseq="3 UPDATE", sdp=AUDIO),
        ) == ["no offer", "offer", "answer", "offer", "offer"]


class TestSessions:
    def shown(self, text: str) -> str:
        return describe_session(parse(text))

    def test_a_refused_line_is_off(self) -> None:
        assert self.shown(AUDIO + "m=video 0 RTP/AVP 99\n").endswith(":31018, video off")

    def test_a_direction_other_than_both_is_told_wherever_it_stands(self) -> None:
        assert "dtmf/101 sendonly → " in self.shown(AUDIO + "a=sendonly\n")
        assert "dtmf/101 inactive → " in self.shown(AUDIO.replace("t=0 0\n", "t=0 0\na=inactive\n"))

    def test_a_second_host_is_told(self) -> None:
        assert self.shown(AUDIO + VIDEO + "c=IN IP4 10.0.0.2\n").endswith("→ 10.0.0.2:37058")

    def test_many_codecs_are_counted(self) -> None:
        text = AUDIO.replace("107 8 101", "107 8 0 3 9 18 101")
        assert "AMR-WB/107 PCMA/8 PCMU/0 GSM/3 +2 dtmf/101" in self.shown(text)

    def test_h264_twice_and_h264_without_parameters(self) -> None:
        text = AUDIO + VIDEO.replace("120 123", "123 124") + "a=rtpmap:124 H264/90000\n"
        assert "H264/123 42c01f mode 1 H264/124 no profile mode 0" in self.shown(text)

    def test_video_without_h264(self) -> None:
        assert "video H265" in self.shown(AUDIO + "m=video 9 RTP/AVP 120\na=rtpmap:120 H265/90000\n")

    def test_other_media(self) -> None:
        assert "application webrtc-datachannel →" in self.shown(
            AUDIO + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n"
        )

    def test_no_media(self) -> None:
        assert self.shown(AUDIO.split("m=")[0]) == "no media"
