"""The first INVITE of a ViLTE handset as networks deliver it: long, compact, folded, in pieces, with more lines than ours."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.sdp.model import MediaPort, Origin, Session
from splitter.sdp.offer_answer import check_answer
from splitter.sdp.parse import parse
from splitter.sdp.split import centre_offer, plan
from splitter.sip.endpoint import Endpoint
from splitter.sip.events import RequestArrived, Transmit
from splitter.sip.message import Headers, Request
from splitter.sip.multipart import find_part, parts
from splitter.sip.parse import StreamFramer, parse_message
from splitter.sip.timers import Timers
from tests.sdp.playing import split_and_merge

GOLDEN = Path(__file__).parent.parent / "sip" / "golden" / "vilte_compact_folded.sip"
OFFERS = Path(__file__).parent.parent / "sdp" / "golden"
SBC = Address("192.0.2.5", 5060)
FLOW = Flow("access", "udp", Address("203.0.113.10", 5060), SBC)
CENTRE = "v=0\no=- 7 1 IN IP4 198.51.100.20\ns=-\nc=IN IP4 198.51.100.20\nt=0 0\n"


def invite() -> Request:
    message = parse_message(GOLDEN.read_bytes())
    assert isinstance(message, Request)
    return message


def offer_of(name: str) -> Session:
    lines = [line for line in (OFFERS / name).read_text().splitlines(keepends=True) if not line.startswith("#")]
    return parse("".join(lines).partition("----\n")[0])


class TestThreeViasCompactAndFolded:
    def test_everything_is_found(self) -> None:
        request = invite()
        assert [via.host for via in request.vias] == ["192.0.2.5", "198.51.100.7", "2001:db8::7"]
        assert request.from_tag == "h7g4Esbg"
        assert request.headers.values("supported") == ["100rel", "timer", "precondition"]
        assert request.headers.get("session-expires") == "1800;refresher=uac"
        assert request.contact is not None
        assert "video" in request.contact.params
        assert [media.kind for media in parse(request.body).media] == ["audio", "video"]

    @pytest.mark.parametrize("status", [100, 183, 200, 488])
    def test_every_response_carries_all_vias_in_order(self, status: int) -> None:
        endpoint = Endpoint(Timers(), IdSource(), "splitter")
        *_, arrived = endpoint.receive(invite(), FLOW, 0.0)
        assert isinstance(arrived, RequestArrived)
        response = arrived.request.respond(status, to_tag="ours")
        again = parse_message(response.serialize())
        assert [via.branch for via in again.vias] == ["z9hG4bK5f0a1d6c7e", "z9hG4bKg3Zqkv7i8", "z9hG4bKhandset"]
        assert (again.via.received, again.via.rport) == (SBC.host, SBC.port)
        assert again.vias[1].received == "198.51.100.7"  # of another hop: not ours to touch
        assert again.vias[2].received is None


class TestInFragments:
    """Over TCP an INVITE of more than one segment; over UDP the kernel joins what IP fragmented."""

    @pytest.mark.parametrize("size", [1, 2, 7, 100, 536, 1460])
    def test_pieces_of_any_size(self, size: int) -> None:
        data = GOLDEN.read_bytes()
        framer = StreamFramer()
        found = [one for at in range(0, len(data), size) for one in framer.feed(data[at : at + size])]
        assert found == [data]
        assert framer.pending == 0

    def test_two_in_one_segment_with_a_ping_between(self) -> None:
        data = GOLDEN.read_bytes()
        framer = StreamFramer()
        assert framer.feed(data[:900]) == []
        assert framer.feed(data[900:] + b"\r\n\r\n" + data[:10]) == [data]
        assert framer.feed(data[10:]) == [data]
        assert framer.pings == 1


class TestOtherLines:
    def answer_to(self, name: str) -> tuple[Session, Session, Session]:
        offer = offer_of(name)
        audio = offer.media[plan(offer).audio]
        chosen = audio.codecs[0]
        rtpmap = f"a=rtpmap:{chosen.payload_type} {chosen.name}/{chosen.clock}\n"
        centre = parse(f"{CENTRE}m=audio 20000 RTP/AVP {chosen.payload_type}\n{rtpmap}")
        _, asked, answer = split_and_merge(offer, centre)
        check_answer(offer, answer)
        return offer, asked, answer

    def test_an_application_line_between_audio_and_video_keeps_its_index(self) -> None:
        offer, asked, answer = self.answer_to("data_channel_between.sdp")
        kinds = [media.kind for media in offer.media]
        assert kinds.index("audio") < kinds.index("application") < kinds.index("video")
        assert [media.kind for media in answer.media] == kinds
        used = [index for index, media in enumerate(answer.media) if media.port]
        assert used == [kinds.index("audio"), kinds.index("video")], "slides and text are refused as well"
        assert [media.kind for media in asked.media] == ["audio"]

    def test_inactive_video_without_an_address(self) -> None:
        offer, _, answer = self.answer_to("inactive_video_without_address.sdp")
        index = [media.kind for media in offer.media].index("video")
        assert offer.direction_of(index) == "inactive"
        assert answer.direction_of(index) == "inactive" or not answer.media[index].port

    def test_preconditions_of_both_lines_end_at_the_gateway(self) -> None:
        offer = offer_of("vilte.sdp")
        asked = centre_offer(offer, plan(offer), MediaPort("203.0.113.20", 2, 3), Origin.of("203.0.113.20", 1))
        assert all(media.has("curr") for media in offer.media)
        assert not any(media.has(name) for media in asked.media for name in ("curr", "des", "conf"))

    def test_fmtp_of_every_voice_format_crosses_unchanged(self) -> None:
        offer = offer_of("vilte.sdp")
        asked = centre_offer(offer, plan(offer), MediaPort("203.0.113.20", 2, 3), Origin.of("203.0.113.20", 1))
        assert asked.media[0].get_all("fmtp") == offer.media[0].get_all("fmtp")
        assert asked.media[0].formats == offer.media[0].formats


class TestLocationBeforeTheDescription:
    """A PIDF-LO part before the SDP part (RFC 6442), with a boundary that has to be quoted."""

    def request(self, end: bytes = b"\r\n") -> Request:
        lines = [
            b"--=_ (1)/x:?",
            b"Content-Type: application/pidf+xml",
            b"Content-ID: <loc@192.0.2.5>",
            b"",
            b"<presence>--=_ (1)/x:</presence>",
            b"--=_ (1)/x:?",
            b"content-disposition:session;handling=required",
            b"c:application/sdp",
            b"",
            b"v=0",
            b"o=- 1 1 IN IP4 192.0.2.33",
            b"--=_ (1)/x:?--",
        ]
        headers = [("Content-Type", 'multipart/mixed; boundary="=_ (1)/x:?"; charset=utf-8')]
        return Request("INVITE", "sip:110@203.0.113.10", Headers(headers), end.join(lines))

    @pytest.mark.parametrize("end", [b"\r\n", b"\n"])
    def test_both_parts_are_found(self, end: bytes) -> None:
        request = self.request(end)
        assert [part.content_type for part in parts(request)] == ["application/pidf+xml", "application/sdp"]
        assert find_part(request, "application/sdp") == end.join([b"v=0", b"o=- 1 1 IN IP4 192.0.2.33"])

    def test_order_and_case_do_not_matter(self) -> None:
        body = find_part(self.request(), "application/pidf+xml")
        assert body == b"<presence>--=_ (1)/x:</presence>"


class TestRepeatedOnABadNetwork:
    def test_each_repetition_gets_the_latest_answer_and_the_call_begins_once(self) -> None:
        endpoint = Endpoint(Timers(), IdSource(), "splitter")
        *_, arrived = endpoint.receive(invite(), FLOW, 0.0)
        assert isinstance(arrived, RequestArrived)
        seen = []
        for status in (180, 183, 200):
            (sent,) = endpoint.respond(arrived.txn, arrived.request.respond(status, to_tag="ours"), 1.0)
            seen.append([out for out in endpoint.receive(invite(), FLOW, 1.1) if isinstance(out, Transmit)])
            assert seen[-1] in ([sent], [])  # a 2xx comes by its own timer (RFC 6026)
        assert all(one != other for one, other in pairwise(seen))
