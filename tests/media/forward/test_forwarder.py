"""What the forwarder makes of copies: one even stream a line, for whoever has agreed to take it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from splitter.media.forward import protocol as f
from splitter.media.record.batch import Described, Kind
from splitter.rtp import rtcp
from tests.media.forward.kit import Hall, HandPorts

ALAW = (8, "PCMA", 8000, 1, "")
AMR = (96, "AMR", 8000, 1, "octet-align=1")
WIDE = (96, "AMR-WB", 16000, 1, "octet-align=1")
TO = f.LineTarget("192.0.2.9", 7000, 7001, {8: 8, 96: 100, 97: 101})


@pytest.fixture
def hall() -> Hall:
    return Hall()


def carried(
    hall: Hall, *encodings: tuple[int, str, int, int, str], digits: tuple[int, ...] = ()
) -> tuple[str, HandPorts]:
    """A voice that is sent on; (its tap, its ports)."""
    hall.ask(f.CarryRecording("c-1"))
    tap = hall.describe(Described("c-1", "caller", "voice", encodings[0][2], encodings, digits))
    hall.ask(f.SendLines("c-1", {0: TO}))
    return tap, hall.ports[0]


class TestVoice:
    def test_goes_on_over_another_source(self, hall: Hall) -> None:
        tap, ports = carried(hall, ALAW)
        for source, first, stamp in ((1, 65_534, 4_294_967_000), (2, 500, 7)):
            for index in range(3):
                hall.now += 0.02
                hall.voice(tap, (first + index) & 0xFFFF, (stamp + 160 * index) & 0xFFFF_FFFF, source)
        packets = ports.packets
        assert {one.ssrc for one in packets} == {packets[0].ssrc}
        steps = [(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(packets)]
        times = [(b.timestamp - a.timestamp) & 0xFFFF_FFFF for a, b in pairwise(packets)]
        assert steps == [1] * 5 and times == [160] * 5

    def test_shows_what_was_lost_and_not_what_was_left_out(self, hall: Hall) -> None:
        tap, ports = carried(hall, ALAW, digits=(101,))
        for sequence, kind in ((1, 8), (2, 101), (3, 101), (4, 8), (6, 8)):
            hall.voice(tap, sequence, 160 * sequence, payload_type=kind)
        numbers = [one.sequence - ports.packets[0].sequence for one in ports.packets]
        assert numbers == [0, 1, 3], "a key is heard as a loss, or a loss is hidden"

    def test_never_gives_a_payload_type_another_meaning(self, hall: Hall) -> None:
        tap, ports = carried(hall, AMR)
        hall.voice(tap, 1, 160, payload_type=96)
        hall.describe(Described("c-1", "caller", "voice", 16000, (WIDE,)))
        hall.voice(tap, 2, 320, payload_type=96)
        (line,) = hall.told[-1].lines or ()
        assert [one[:3] for one in line.encodings] == [(97, "AMR-WB", 16000), (96, "AMR", 8000)]
        assert [one.payload_type for one in ports.packets] == [100, 101]

    def test_goes_nowhere_without_a_target(self, hall: Hall) -> None:
        tap, ports = carried(hall, ALAW)
        hall.ask(f.SendLines("c-1", {}))
        hall.voice(tap, 1, 160)
        assert not ports.sent

    def test_is_dropped_where_the_kernel_takes_nothing(self, hall: Hall) -> None:
        tap, ports = carried(hall, ALAW)
        ports.full = True
        hall.voice(tap, 1, 160)
        ports.full = False
        hall.voice(tap, 2, 320)
        assert len(ports.packets) == 1


class TestReports:
    def test_tie_the_lines_to_one_clock(self, hall: Hall) -> None:
        tap, ports = carried(hall, ALAW)
        hall.voice(tap, 1, 160)
        hall.now += 2.0
        hall.forwarder.send_reports()
        data, host, port, is_rtcp = ports.sent[-1]
        report, named = rtcp.parse(data)
        assert (host, port, is_rtcp) == ("192.0.2.9", 7001, True) and named.cname == "splitter"
        assert isinstance(report, rtcp.SenderReport) and report.packets == 1 and report.octets == 5
        assert (report.rtp - ports.packets[0].timestamp) & 0xFFFF_FFFF == 16_000


class TestLines:
    def test_are_opened_for_what_was_there_before(self, hall: Hall) -> None:
        hall.describe(Described("c-1", "caller", "voice", 8000, (ALAW,)))
        hall.describe(Described("other", "caller", "voice", 8000, (ALAW,)))
        answer = hall.ask(f.CarryRecording("c-1"))
        assert [line.name for line in answer.lines or ()] == ["caller"] and len(hall.ports) == 1

    def test_are_closed_with_their_recording(self, hall: Hall) -> None:
        tap, ports = carried(hall, ALAW)
        hall.ask(f.ForgetRecording("c-1"))
        hall.voice(tap, 1, 160)
        assert ports.closed and not ports.sent

    def test_are_not_opened_without_end(self, hall: Hall) -> None:
        hall.ask(f.CarryRecording("c-1"))
        for number in range(100):
            hall.describe(Described("c-1", f"phone-{number}", "voice", 8000, (ALAW,)))
        assert len(hall.ports) == 32

    def test_outlive_whatever_taps_send(self, hall: Hall) -> None:
        tap, ports = carried(hall, ALAW)
        hall.forwarder.take(b"nonsense")
        hall.piece(tap, Kind.RTP, b"\x80\x08")
        hall.voice(tap, 1, 160)
        assert len(ports.packets) == 1
