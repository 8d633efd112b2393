"""Sessions as values: inheritance between levels, addresses, codecs."""

from __future__ import annotations

import pytest

from splitter.sdp.codec import Codec
from splitter.sdp.model import Attribute, Connection, Media, MediaPort, Origin, Session
from splitter.sdp.parse import parse

HEAD = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"


def audio(*attributes: str, formats: str = "0") -> Media:
    lines = "".join(f"a={text}\n" for text in attributes)
    return parse(f"{HEAD}m=audio 4000 RTP/AVP {formats}\n{lines}").media[0]


class TestCodecs:
    def test_static_types_need_no_rtpmap(self) -> None:
        names = [(codec.payload_type, codec.name, codec.clock) for codec in audio(formats="8 0 18 13").codecs]
        assert names == [(8, "PCMA", 8000), (0, "PCMU", 8000), (18, "G729", 8000), (13, "CN", 8000)]

    def test_rtpmap_overrides_a_static_type(self) -> None:
        assert audio("rtpmap:0 AMR/8000", formats="0").codecs[0].name == "AMR"

    def test_parameters(self) -> None:
        codec = audio("rtpmap:98 EVS/16000/1", "fmtp:98 br=9.6-24.4; BW=swb;;dtx", formats="98").codecs[0]
        assert codec == Codec(98, "EVS", 16000, 1, "br=9.6-24.4; BW=swb;;dtx")
        assert codec.parameters == {"br": "9.6-24.4", "bw": "swb", "dtx": ""}

    def test_channels_default_to_one(self) -> None:
        one, other = audio("rtpmap:98 AMR/8000", "rtpmap:99 amr/8000/1", formats="98 99").codecs
        assert one.key == other.key

    @pytest.mark.parametrize(
        ("rtpmap", "clock", "channels"),
        [("G722/16000", 8000, 1), ("g722/8000/1", 8000, 1), ("opus/48000", 48000, 2), ("OPUS/48000/1", 48000, 2)],
    )
    def test_clock_and_channels_are_those_of_the_packets(self, rtpmap: str, clock: int, channels: int) -> None:
        """RFC 3551 §4.5.2, RFC 7587 §7: whatever a peer writes."""
        codec = audio(f"rtpmap:98 {rtpmap}", formats="98").codecs[0]
        assert (codec.clock, codec.channels) == (clock, channels)

    @pytest.mark.parametrize(
        "rtpmap", ["98", "98 AMR", "98 AMR/x", "98 AMR/8000/²", "98 /8000", "98 AMR/" + "9" * 5000]
    )
    def test_what_cannot_be_read_is_left_out(self, rtpmap: str) -> None:
        assert [codec.name for codec in audio(f"rtpmap:{rtpmap}", formats="98 0").codecs] == ["PCMU"]

    def test_a_format_named_twice_is_one_codec(self) -> None:
        assert [codec.payload_type for codec in audio(formats="8 0 8").codecs] == [8, 0]

    def test_formats_that_are_no_numbers(self) -> None:
        assert audio(formats="x 1000 99").codecs == ()


class TestDirection:
    def test_default(self) -> None:
        assert parse(f"{HEAD}m=audio 4000 RTP/AVP 0\n").direction_of(0) == "sendrecv"

    def test_inherited_from_the_session(self) -> None:
        session = parse(f"{HEAD}a=inactive\nm=audio 4000 RTP/AVP 0\nm=video 5000 RTP/AVP 99\na=sendonly\n")
        assert [session.direction_of(0), session.direction_of(1)] == ["inactive", "sendonly"]
        assert session.media[0].direction == "sendrecv"

    def test_replaced_in_its_place(self) -> None:
        media = audio("x", "sendonly", "y").with_direction("inactive")
        assert media.attributes == (Attribute("x"), Attribute("inactive"), Attribute("y"))

    def test_sendrecv_is_not_added_where_there_was_none(self) -> None:
        assert audio("x").with_direction("sendrecv").attributes == (Attribute("x"),)
        assert audio("sendonly").with_direction("sendrecv").attributes == (Attribute("sendrecv"),)

    @pytest.mark.parametrize(
        ("written", "meant"),
        [("sendrecv", "sendonly"), ("recvonly", "inactive"), ("sendonly", "sendonly"), ("inactive", "inactive")],
    )
    @pytest.mark.parametrize("address", ["IP4 0.0.0.0", "IP6 ::", "IP4 hold.invalid"])
    def test_a_null_address_is_hold(self, written: str, meant: str, address: str) -> None:
        session = parse(f"{HEAD}m=audio 4000 RTP/AVP 0\nc=IN {address}\na={written}\n")
        assert session.is_hold(0)
        assert session.flow_of(0) == meant


class TestAddress:
    def test_of_the_session(self) -> None:
        assert parse(f"{HEAD}m=audio 4000 RTP/AVP 0\n").address_of(0) == MediaPort("192.0.2.1", 4000, 4001)

    def test_of_the_line(self) -> None:
        session = parse(f"{HEAD}m=audio 4000 RTP/AVP 0\nc=IN IP6 2001:db8::5\n")
        assert session.address_of(0) == MediaPort("2001:db8::5", 4000, 4001)

    def test_multicast_suffix_is_no_part_of_it(self) -> None:
        session = parse(f"{HEAD}m=audio 4000 RTP/AVP 0\nc=IN IP4 233.252.0.1/127\n")
        assert session.address_of(0).host == "233.252.0.1"

    @pytest.mark.parametrize("value", ["4711", "4711 IN IP4 192.0.2.1"])
    def test_rtcp_attribute(self, value: str) -> None:
        session = parse(f"{HEAD}m=audio 4000 RTP/AVP 0\na=rtcp:{value}\n")
        assert session.address_of(0).rtcp_port == 4711

    @pytest.mark.parametrize("value", ["", "0", "x", "70000", "-1", "9" * 5000])
    def test_bad_rtcp_attribute_is_ignored(self, value: str) -> None:
        session = parse(f"{HEAD}m=audio 4000 RTP/AVP 0\na=rtcp:{value}\n")
        assert session.address_of(0).rtcp_port == 4001

    def test_an_offer_of_rtcp_mux_alone_changes_nothing(self) -> None:
        session = parse(f"{HEAD}m=audio 4000 RTP/AVP 0\na=rtcp-mux\n")
        assert session.address_of(0).rtcp_port == 4001
        assert session.address_of(0, muxed=True).rtcp_port == 4000

    def test_none_at_all(self) -> None:
        session = parse("v=0\no=- 1 1 IN IP4 192.0.2.1\nm=video 5000 RTP/AVP 99\na=inactive\n")
        assert session.address_of(0).host == "0.0.0.0"
        assert session.is_hold(0)

    @pytest.mark.parametrize(
        ("address", "sent"),
        [
            ("IP4 192.0.2.1", True),
            ("IP4 233.252.0.1/127", False),
            ("IP6 2001:db8::1", True),
            ("IP4 media.example.com", False),
            ("IP4 999.0.2.1", False),
            ("IP4 0.0.0.0", False),
        ],
    )
    def test_only_addresses_of_one_host_are_sent_to(self, address: str, sent: bool) -> None:
        session = parse(f"{HEAD}m=audio 4000 RTP/AVP 0\nc=IN {address}\n")
        assert session.is_hold(0) is not sent

    def test_ports_at_the_edge(self) -> None:
        session = parse(f"{HEAD}m=audio 0 RTP/AVP 0\nm=audio 65535 RTP/AVP 0\n")
        assert [session.address_of(i).rtcp_port for i in (0, 1)] == [0, 65535]


class TestCopies:
    def test_get(self) -> None:
        media = audio("a:1", "a:2", "b")
        assert (media.get("a"), media.get("b"), media.get("c"), media.get("c", "x")) == ("1", "", None, "x")
        assert media.get_all("a") == ["1", "2"]
        assert media.has("b") and not media.has("c")

    def test_bandwidth(self) -> None:
        media = parse(f"{HEAD}m=audio 1 RTP/AVP 0\nb=AS:64\nb=RR:x\n").media[0]
        assert (media.bandwidth("AS"), media.bandwidth("RR"), media.bandwidth("RS")) == (64, None, None)

    def test_origin_goes_one_up(self) -> None:
        first = Origin.of("2001:db8::1", 7)
        assert first == Origin("-", 7, 1, "IP6", "2001:db8::1")
        assert first.next() == Origin("-", 7, 2, "IP6", "2001:db8::1")

    def test_sessions_are_values(self) -> None:
        one = Session(Origin.of("192.0.2.1", 1), (audio("x"),), Connection.to("192.0.2.1"))
        assert one == Session(Origin.of("192.0.2.1", 1), (audio("x"),), Connection.to("192.0.2.1"))
        assert hash(one) == hash(Session(Origin.of("192.0.2.1", 1), (audio("x"),), Connection.to("192.0.2.1")))
