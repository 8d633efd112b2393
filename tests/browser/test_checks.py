"""Each check finds its fault on bad video, and none on good."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from splitter.lab.codec import Decoder, Encoder, VideoShape
from splitter.lab.picture import Plane, draw, luma_of, read
from tests.browser.checks import Seen, Wanted, drawn, first_seen, judge, psnr, skewed

START, EVERY, COUNT = 1_800_000_000_000.0, 1000 / 15, 45
END = START + COUNT * EVERY
WANTED = Wanted(sender=1)


def good(sender: int = 1, delay_ms: float = 80.0, count: int = COUNT, size: tuple[int, int] = (480, 640)) -> list[Seen]:
    """Three seconds of sound video as a receiver sees it."""
    width, height = size
    shown = []
    for number in range(count):
        taken = START + number * EVERY
        luma = luma_of(draw(sender, number, int(taken), width, height))
        shown.append(look(luma, taken + delay_ms))
    return shown


def look(luma: Plane, at_ms: float) -> Seen:
    return Seen(at_ms, luma, read(luma), (luma.shape[1], luma.shape[0]))


def kinds(seen: list[Seen], wanted: Wanted = WANTED) -> set[str]:
    return {fault.kind for fault in judge(seen, wanted, START, END)}


def changed(seen: list[Seen], luma: Plane, first: int = 20, count: int = 5) -> list[Seen]:
    """The same with some frames that show something else."""
    return [look(luma, one.at_ms) if first <= at < first + count else one for at, one in enumerate(seen)]


class TestGood:
    def test_has_no_faults(self) -> None:
        assert not kinds(good())

    def test_landscape(self) -> None:
        assert not kinds(good(size=(640, 480)))

    def test_coded_coarsely(self) -> None:
        """H.264 at 150 kbit/s, decoded and shrunk as the page does it."""
        encoder, decoder = Encoder(VideoShape(480, 640, 15, 150)), Decoder()
        seen = []
        for number in range(COUNT):
            taken = START + number * EVERY
            units = encoder.encode(draw(1, number, int(taken), 480, 640), number * 6000)
            for luma in decoder.decode(units):
                seen.append(look(luma, taken + 80))
        assert len(seen) == COUNT and not kinds(seen)

    def test_a_film_that_begins_anew(self) -> None:
        seen = [
            replace(one, reading=replace(one.reading, counter=one.reading.counter % 20))
            for one in good()
            if one.reading
        ]
        wanted = replace(WANTED, torn_db=0)
        assert kinds(seen, replace(wanted, film=20)) == set()
        assert "backward" in kinds(seen, wanted)


class TestBad:
    def test_black(self) -> None:
        assert kinds(changed(good(), np.full((640, 480), 16, np.uint8))) == {"black"}

    def test_flat(self) -> None:
        assert kinds(changed(good(), np.full((640, 480), 128, np.uint8))) == {"flat"}

    def test_a_still_instead(self) -> None:
        still = np.random.default_rng(1).integers(0, 255, (640, 480), np.uint8)
        assert kinds(changed(good(), still)) == {"unreadable"}

    def test_nothing_at_all(self) -> None:
        assert kinds([]) == {"frozen", "late"}

    def test_frozen_in_the_middle(self) -> None:
        seen = good()
        stuck = [replace(seen[10], at_ms=one.at_ms) if 10 < at < 30 else one for at, one in enumerate(seen)]
        assert kinds(stuck) == {"frozen"}

    def test_no_frames_in_the_middle(self) -> None:
        seen = good()
        assert kinds(seen[:10] + seen[30:]) == {"frozen"}

    def test_stops(self) -> None:
        assert kinds(good()[:20]) == {"frozen"}

    def test_begins_too_late(self) -> None:
        assert kinds(good()[25:]) == {"frozen"}

    def test_rotated(self) -> None:
        seen = [look(np.rot90(one.luma).copy(), one.at_ms) for one in good()]
        assert kinds(seen) == {"rotated"}

    def test_upside_down(self) -> None:
        seen = [look(np.rot90(one.luma, 2).copy(), one.at_ms) for one in good()]
        assert kinds(seen) == {"rotated"}

    def test_mirrored_cannot_be_read(self) -> None:
        assert "unreadable" in kinds([look(one.luma[:, ::-1].copy(), one.at_ms) for one in good()])

    def test_late_by_its_clock(self) -> None:
        assert kinds(good(delay_ms=450), replace(WANTED, first_ms=2000)) == {"late"}

    def test_late_against_direct(self) -> None:
        """The clock in the picture says nothing: what counts is when it was seen where it was taken."""
        near = first_seen(good(delay_ms=60))
        assert kinds(good(delay_ms=300), replace(WANTED, direct=near)) == set()
        assert kinds(good(delay_ms=520), replace(WANTED, direct=near)) == {"late"}

    def test_never_seen_at_both_ends(self) -> None:
        assert kinds(good(), replace(WANTED, direct={})) == {"late"}

    def test_foreign(self) -> None:
        assert kinds(good(sender=2)) == {"foreign"}

    def test_backward(self) -> None:
        seen = good()
        seen[20], seen[24] = replace(seen[24], at_ms=seen[20].at_ms), replace(seen[20], at_ms=seen[24].at_ms)
        assert kinds(seen) == {"backward"}

    def test_torn(self) -> None:
        """The lower third is that of another picture, or grey: the counter can still be read."""
        seen = good()
        grey = seen[20].luma.copy()
        grey[440:] = 235
        assert kinds(changed(seen, grey, 20, 1)) == {"torn"}

    def test_torn_in_the_cells(self) -> None:
        seen = good()
        broken = seen[20].luma.copy()
        broken[100:200, 100:300] = 128
        assert kinds(changed(seen, broken, 20, 1)) & {"torn", "unreadable"}

    def test_lost_slices_of_h264(self) -> None:
        """A key frame of which half the slices are missing, and a decoder that goes on with what it has."""
        encoder, decoder = Encoder(VideoShape(480, 640, 15, 400)), Decoder()
        seen = []
        for number in range(COUNT):
            taken = START + number * EVERY
            units = encoder.encode(draw(1, number, int(taken), 480, 640), number * 6000)
            if number == 0:
                units = units[: len(units) * 2 // 3]
            for luma in decoder.decode(units):
                seen.append(look(luma, taken + 80))
        assert kinds(seen) & {"torn", "unreadable"}


class TestDirect:
    def test_every_counter_has_its_time(self) -> None:
        assert first_seen(good(delay_ms=60)) == {number: START + number * EVERY + 60 for number in range(COUNT)}

    def test_frames_that_were_not_presented_lie_between(self) -> None:
        every = good()
        times = first_seen([every[0], every[4], every[5]])
        assert sorted(times) == [0, 1, 2, 3, 4, 5]
        assert abs(times[3] - every[3].at_ms) < 1

    def test_but_not_in_a_long_break(self) -> None:
        every = good()
        assert sorted(first_seen([every[0], every[40]])) == [0, 40]


class TestSkew:
    def test_together(self) -> None:
        assert not skewed([90, 100, 110], [20, 30, 40])

    def test_the_picture_is_late(self) -> None:
        faults = skewed([450, 460, 470], [20, 30, 40])
        assert [fault.kind for fault in faults] == ["skewed"] and "the picture is 430 ms late" in faults[0].text

    def test_the_voice_is_late(self) -> None:
        assert "the voice is 300 ms late" in skewed([50], [350])[0].text

    def test_nothing_to_compare(self) -> None:
        assert skewed([], [1.0]) and skewed([1.0], [])


class TestLikeness:
    def test_of_a_picture_with_itself(self) -> None:
        assert psnr(good(count=1)[0].luma, good(count=1)[0].luma) == 99.0

    def test_drawn_as_it_was_turned(self) -> None:
        turned = look(np.rot90(good(count=1)[0].luma, -1).copy(), START)
        assert turned.reading and psnr(turned.luma, drawn(turned.reading, turned.size)) == 99.0
