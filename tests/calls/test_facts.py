"""What is read of a caller beside the call: never trusted from strangers, never a reason to fail."""

from __future__ import annotations

import pytest

from splitter.calls.peers.facts import CallerFacts, facts_of
from splitter.sip.headers import Headers
from splitter.sip.message import Request

PIDF = b"""<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10"
  xmlns:gml="http://www.opengis.net/gml" xmlns:gs="http://www.opengis.net/pidflo/1.0"
  xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr" entity="pres:13800000000@ims.example">
 <tuple id="a"><status><gp:geopriv><gp:location-info>
  <gs:Circle srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>39.9042 116.4074</gml:pos>
   <gs:radius uom="urn:ogc:def:uom:EPSG::9001">50</gs:radius></gs:Circle>
  <ca:civicAddress><ca:country>CN</ca:country><ca:A1>Beijing</ca:A1><ca:RD>Chang'an</ca:RD></ca:civicAddress>
 </gp:location-info></gp:geopriv></status></tuple>
</presence>
"""


def invite(*headers: tuple[str, str], body: bytes = b"") -> Request:
    lines = (("From", "<sip:13800138000@ims.example>;tag=1"), *headers)
    return Request("INVITE", "sip:110@gateway.example", Headers(lines), body)


def with_pidf(pidf: bytes) -> Request:
    parts = (
        b"--b 1\r\nContent-Type: application/pidf+xml\r\n\r\n"
        + pidf
        + b"\r\n--b 1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b 1--\r\n"
    )
    return invite(("Content-Type", 'multipart/mixed; boundary="b 1"'), body=parts)


class TestTrust:
    def test_a_trusted_network_is_believed(self) -> None:
        request = invite(
            ("P-Access-Network-Info", "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=460001234567"),
            ("P-Charging-Vector", 'orig-ioi=a.example;icid-value="abc 1";icid-generated-at=10.0.0.1'),
        )
        facts = facts_of(request, trusted=True)
        assert facts.access_network == "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=460001234567"
        assert facts.charging_id == "abc 1"

    def test_a_stranger_is_not(self) -> None:
        request = with_pidf(PIDF)
        request.headers.add("P-Access-Network-Info", "3GPP-E-UTRAN-FDD")
        request.headers.add("P-Charging-Vector", "icid-value=abc")
        assert facts_of(request, trusted=False) == CallerFacts()


class TestPrivacy:
    """RFC 3323 §4.1, RFC 3325 §7: who hides is not shown to desks, whatever the network told us."""

    @pytest.mark.parametrize(
        ("headers", "private"),
        [
            ((), False),
            ((("Privacy", "none"),), False),
            ((("Privacy", "id"),), True),
            ((("Privacy", "header;user"),), True),
        ],
    )
    def test_is_what_the_caller_asks_for(self, headers: tuple[tuple[str, str], ...], private: bool) -> None:
        assert facts_of(invite(*headers), trusted=True).private is private

    def test_is_also_a_from_that_says_nothing(self) -> None:
        lines = [("From", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1')]
        assert facts_of(Request("INVITE", "sip:110@gateway.example", Headers(lines), b""), trusted=False).private


class TestLocation:
    def test_point_radius_and_address_are_found_in_a_multipart_body(self) -> None:
        facts = facts_of(with_pidf(PIDF), trusted=True)
        assert (facts.latitude, facts.longitude, facts.radius_m) == (39.9042, 116.4074, 50.0)
        assert facts.civic_address == "CN Beijing Chang'an"

    @pytest.mark.parametrize(
        ("shape", "expected"),
        [
            (b"<gml:Point><gml:pos>39.9 116.4 43.5</gml:pos></gml:Point>", (39.9, 116.4, None)),
            (
                b"<gs:Ellipse><gml:pos>39.9 116.4</gml:pos><gs:semiMajorAxis>77</gs:semiMajorAxis>"
                b"<gs:semiMinorAxis>11</gs:semiMinorAxis></gs:Ellipse>",
                (39.9, 116.4, 77.0),
            ),
            (
                b"<gs:ArcBand><gml:pos>39.9 116.4</gml:pos><gs:innerRadius>3594</gs:innerRadius>"
                b"<gs:outerRadius>4148</gs:outerRadius></gs:ArcBand>",
                (39.9, 116.4, 4148.0),
            ),
            (
                b"<gml:Polygon><gml:exterior><gml:LinearRing><gml:pos>39 116</gml:pos><gml:pos>39 118</gml:pos>"
                b"<gml:pos>41 118</gml:pos><gml:pos>41 116</gml:pos><gml:pos>39 116</gml:pos></gml:LinearRing>"
                b"</gml:exterior></gml:Polygon>",
                (40.0, 117.0, 140228.9),
            ),
            (
                b"<gml:Polygon><gml:exterior><gml:LinearRing><gml:posList>39 116 39 118 41 118 41 116 39 116</gml:posList>"
                b"</gml:LinearRing></gml:exterior></gml:Polygon>",
                (40.0, 117.0, 140228.9),
            ),
            (
                b'<gs:Prism srsName="urn:ogc:def:crs:EPSG::4979"><gs:base><gml:Polygon><gml:exterior><gml:LinearRing>'
                b"<gml:posList>39 116 30 39 118 30 41 118 30 41 116 30 39 116 30</gml:posList></gml:LinearRing>"
                b"</gml:exterior></gml:Polygon></gs:base><gs:height>3</gs:height></gs:Prism>",
                (40.0, 117.0, 140228.9),
            ),
        ],
    )
    def test_every_shape_has_a_middle(self, shape: bytes, expected: tuple[float, float, float | None]) -> None:
        """RFC 5491 §5.2: what networks say of cells and sectors."""
        start, end = PIDF.index(b"  <gs:Circle"), PIDF.index(b"  <ca:civic")
        facts = facts_of(with_pidf(PIDF[:start] + shape + PIDF[end:]), trusted=True)
        assert (facts.latitude, facts.longitude, facts.radius_m) == expected
        assert facts.civic_address

    def test_another_version_of_the_markup(self) -> None:
        facts = facts_of(with_pidf(PIDF.replace(b"opengis.net/gml", b"opengis.net/gml/3.2")), trusted=True)
        assert (facts.latitude, facts.radius_m) == (39.9042, 50.0)

    @pytest.mark.parametrize(
        "pidf",
        [
            b"",
            b"<presence",
            PIDF.replace(b"39.9042 116.4074", b"north east"),
            PIDF.replace(b"39.9042 116.4074", b"139.9 16.4"),
            PIDF.replace(b"39.9042 116.4074", b"39.9"),
            b"\xff\xfe" + PIDF,
            b'<?xml version="1.0" encoding="nonsense"?><a/>',
        ],
    )
    def test_a_bad_one_is_left_out(self, pidf: bytes) -> None:
        facts = facts_of(with_pidf(pidf), trusted=True)
        assert facts.latitude is None
        assert facts.longitude is None

    def test_a_comment_is_no_entity(self) -> None:
        assert facts_of(with_pidf(PIDF + b"<!-- fixed at noon -->"), trusted=True).latitude

    def test_entities_are_not_expanded(self) -> None:
        bomb = b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]>' + PIDF.replace(b"Beijing", b"&c;")
        assert facts_of(with_pidf(bomb), trusted=True) == CallerFacts()


class TestVideoFeature:
    @pytest.mark.parametrize(
        ("contact", "capable"),
        [
            ("<sip:a@10.0.0.1>;audio;video", True),
            ('<sip:a@10.0.0.1>;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"', False),
            ("<sip:a@10.0.0.1>", None),
            ("<sip:a@10.0.0.1", None),
        ],
    )
    def test_is_read_from_the_contact(self, contact: str, capable: bool | None) -> None:
        assert facts_of(invite(("Contact", contact)), trusted=False).video_capable is capable
