"""H.264 payloads of the lab (RFC 6184)."""

from splitter.lab.payload import Depayloader, payloads_of, units_of

SPS = b"\x67\x42\xc0\x0d"
PPS = b"\x68\xce\x3c\x80"
IDR = b"\x65" + bytes(range(256)) * 12


def _through(payloads: list[bytes]) -> list[bytes]:
    depayloader = Depayloader()
    for payload in payloads:
        depayloader.payload(payload)
    assert depayloader.broken == 0
    return depayloader.take()


class TestUnits:
    def test_both_start_codes(self) -> None:
        assert units_of(b"\0\0\0\1" + SPS + b"\0\0\1" + PPS + b"\0\0\0\1" + IDR[:9]) == [SPS, PPS, IDR[:9]]

    def test_nothing(self) -> None:
        assert units_of(b"") == []


class TestMode0:
    def test_one_unit_a_payload(self) -> None:
        assert payloads_of([SPS, PPS, IDR], 0) == [SPS, PPS, IDR]
        assert _through(payloads_of([SPS, PPS, IDR], 0)) == [SPS, PPS, IDR]


class TestMode1:
    def test_sets_in_one_aggregate_and_long_units_in_fragments(self) -> None:
        payloads = payloads_of([SPS, PPS, IDR], 1, limit=1000)
        assert payloads[0] == b"\x78\0\4" + SPS + b"\0\4" + PPS
        assert [p[:2] for p in payloads[1:]] == [b"\x7c\x85", b"\x7c\x05", b"\x7c\x05", b"\x7c\x45"]
        assert max(map(len, payloads)) <= 1000
        assert _through(payloads) == [SPS, PPS, IDR]

    def test_short_units_stay_single(self) -> None:
        assert payloads_of([IDR[:100]], 1) == [IDR[:100]]


class TestDamage:
    def test_a_fragment_without_its_start_is_dropped(self) -> None:
        depayloader = Depayloader()
        for payload in payloads_of([IDR], 1, limit=1000)[1:]:
            depayloader.payload(payload)
        assert depayloader.take() == []
        assert depayloader.broken == 3

    def test_a_hole_spoils_the_open_fragment_alone(self) -> None:
        depayloader = Depayloader()
        first, _, *rest = payloads_of([IDR], 1, limit=1000)
        depayloader.payload(SPS)
        depayloader.payload(first)
        depayloader.lost()
        for payload in rest:
            depayloader.payload(payload)
        assert depayloader.take() == [SPS]

    def test_an_aggregate_that_lies_about_its_sizes(self) -> None:
        depayloader = Depayloader()
        depayloader.payload(b"\x78\0\4" + SPS + b"\0\x50" + PPS)
        assert depayloader.take() == [SPS]
        assert depayloader.broken == 1

    def test_kinds_of_other_modes(self) -> None:
        depayloader = Depayloader()
        for kind in (25, 26, 27, 29, 30, 0):
            depayloader.payload(bytes((kind, 1, 2, 3)))
        depayloader.payload(b"")
        assert depayloader.take() == []
        assert depayloader.broken == 6
