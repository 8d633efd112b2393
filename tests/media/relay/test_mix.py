"""Relays that become mixes and relays again: what their sides hear."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.events import RelayLost, SpeakerChanged
from splitter.media.ports.voice import Hears
from splitter.media.voice.codecs import can_mix
from splitter.media.voice.mode import RelayMode
from splitter.rtp import rtcp
from splitter.sdp.voice import VoiceFormat
from tests.media.relay.phones import ALAW_FORMAT, ULAW_FORMAT, Phone, Stage, decibels, level, steepest

TONES = {"caller": 400.0, "centre": 700.0, "expert": 1100.0, "colleague": 1500.0}
LOUD = 6000.0


def steepest_of(*hertz: float) -> float:
    """The largest step that so many tones make, and a little for G.711."""
    return sum(LOUD * 2 * math.sin(math.pi * one / 8000) for one in hertz) + 500


def heard(phone: Phone, seconds: float = 1.0) -> dict[str, float]:
    """How loud each tone was of late, in dB of what it was when it was said."""
    wave = phone.wave(since=phone.stage.loop.time - seconds)
    return {name: decibels(level(wave, hertz), LOUD) for name, hertz in TONES.items()}


def hears(phone: Phone) -> set[str]:
    """Whom it hears; every one of them as loud as it spoke, and others not at all."""
    levels = heard(phone)
    assert all(abs(one) < 1 or one < -30 for one in levels.values()), levels
    return {name for name, one in levels.items() if one > -30}


class TestEverybody:
    @pytest.mark.parametrize("format", [ALAW_FORMAT, ULAW_FORMAT])
    def test_hears_all_others_and_not_itself(self, format: object) -> None:
        stage = Stage.of()
        stage.join("expert", 1100.0, ULAW_FORMAT if format is ULAW_FORMAT else ALAW_FORMAT)
        stage.join("colleague", 1500.0)
        stage.run(2.0)
        for name, phone in stage.phones.items():
            assert hears(phone) == set(TONES) - {name}
            assert phone.faults() == []

    @pytest.mark.parametrize(
        "format",
        [
            VoiceFormat("OPUS", 111, 48_000, 2, digits_payload_type=110),
            VoiceFormat("AMR", 96, digits_payload_type=101, fmtp="octet-align=1"),
            VoiceFormat("G722", 9, digits_payload_type=101),
        ],
        ids=lambda one: one.encoding,
    )
    def test_may_speak_what_the_codec_library_knows(self, format: VoiceFormat) -> None:
        if not can_mix(format):
            pytest.skip("the codec library has none")
        stage = Stage.of()
        expert = stage.join(format=format)
        stage.run(2.0)
        levels = heard(stage.phones["caller"])
        assert abs(levels["expert"]) < 3 and abs(levels["centre"]) < 1 and levels["caller"] < -30
        levels = heard(expert)  # a codec of speech has its difficulties with two tones
        assert abs(levels["caller"]) < 6 and abs(levels["centre"]) < 6 and levels["expert"] < -20
        assert expert.faults() == stage.phones["caller"].faults() == []
        press(stage.phones["caller"], 3)
        assert stage.relay.report().mixed[2].discarded == 0

    def test_gets_packets_as_long_as_it_asks_for(self) -> None:
        stage = Stage.of()
        expert = stage.join(format=replace(ALAW_FORMAT, ptime_ms=60))
        stage.run(2.0)
        assert {len(one.payload) for one, _ in expert.voice()} == {480}
        assert [one for one in expert.faults() if "nothing for" not in one] == []
        assert hears(expert) == {"caller", "centre"}

    def test_may_change_what_it_speaks(self) -> None:
        stage = Stage.of()
        expert = stage.join()
        stage.run(1.0)
        expert.format = ULAW_FORMAT
        stage.relay.set_remote(2, expert.remote)
        stage.run(2.0)
        assert hears(expert) == {"caller", "centre"} and hears(stage.phones["caller"]) == {"centre", "expert"}
        assert stage.phones["caller"].faults() == []

    def test_may_change_that_in_the_middle_of_a_packet(self) -> None:
        stage = Stage.of()
        expert = stage.join(format=replace(ALAW_FORMAT, ptime_ms=60))
        stage.run(1.03)
        expert.format = ULAW_FORMAT
        stage.relay.set_remote(2, expert.remote)
        since = stage.loop.time
        stage.run(1.5)
        assert {len(one.payload) for one, at in expert.voice() if at > since} == {160}
        assert steepest(expert.wave(since)) < steepest_of(400.0, 700.0)

    def test_is_told_how_our_time_goes(self) -> None:
        stage = Stage.of()
        expert = stage.join()
        stage.run(11.0)
        reports = [rtcp.parse(data) for data, _, _ in expert.pair.rtcp]
        assert len(reports) == 2
        [sender, _] = reports[-1]
        assert isinstance(sender, rtcp.SenderReport) and sender.ssrc == expert.voice()[0][0].ssrc
        assert 490 <= sender.packets <= 510 and sender.octets == 160 * sender.packets

    def test_is_limited_together_without_a_click(self) -> None:
        stage = Stage.of()
        for name in ("expert", "colleague"):
            stage.join(name, TONES[name])
        for phone in stage.phones.values():
            phone.level = 20_000.0
        stage.run(3.0)
        wave = stage.phones["caller"].wave(since=stage.loop.time - 2.0)
        assert abs(wave).max() < 32_768
        said = sum(20_000.0 * 2 * math.sin(math.pi * TONES[name] / 8000) for name in ("centre", "expert", "colleague"))
        assert steepest(wave) < said
        loud = [level(wave, TONES[name]) for name in ("centre", "expert", "colleague")]
        assert max(loud) / min(loud) < 1.1 and min(loud) > 8000, "all of them are as much softer"


class TestTheTwoThatTalk:
    def test_notice_nothing(self) -> None:
        stage = Stage.of()
        stage.run(1.0)
        ports = [side.ports for side in stage.relay.sides.values()]
        for _ in range(3):
            expert = stage.join()
            expert.level = 0.0
            assert stage.relay.mode is RelayMode.MIXES
            stage.run(1.5)
            stage.leave("expert")
            assert stage.relay.mode is RelayMode.COPIES
            stage.run(1.5)
        assert [side.ports for side in stage.relay.sides.values()] == ports
        for name, other in (("caller", 700.0), ("centre", 400.0)):
            phone = stage.phones[name]
            assert phone.faults() == []
            wave = phone.wave()
            pieces = [level(wave[at : at + 80], other) for at in range(160, len(wave) - 160, 80)]
            assert max(abs(one / LOUD - 1) for one in pieces) < 0.1, "no 10 ms are missing, or made up"
            assert steepest(wave) < steepest_of(other)

    def test_notice_nobody_who_comes_and_goes_while_it_speaks(self) -> None:
        stage = Stage.of()
        stage.run(1.0)
        stage.join()
        stage.run(1.013)
        stage.leave("expert")
        stage.run(1.0)
        for name, other in (("caller", 700.0), ("centre", 400.0)):
            assert steepest(stage.phones[name].wave()) < steepest_of(other, 1100.0)

    def test_need_not_begin_at_once(self) -> None:
        stage = Stage.of()
        caller = stage.phones["caller"]
        caller.speaks = False
        stage.run(0.5)
        stage.join()
        stage.run(1.0)
        caller.begin()
        stage.run(1.5)
        assert hears(stage.phones["centre"]) == {"caller", "expert"}
        assert stage.phones["centre"].faults() == [] or caller.number, "its stream begins with the mix"

    def test_go_on_where_one_of_them_is_left_with_the_third(self) -> None:
        stage = Stage.of()
        expert = stage.join()
        stage.run(1.0)
        stage.leave("centre")
        assert stage.relay.mode is RelayMode.COPIES
        stage.run(2.0)
        assert hears(expert) == {"caller"} and hears(stage.phones["caller"]) == {"expert"}
        assert expert.faults() == [] and stage.phones["caller"].faults() == []

    def test_are_copied_with_each_ones_payload_types(self) -> None:
        stage = Stage.of()
        expert = stage.join(format=replace(ALAW_FORMAT, payload_type=100, digits_payload_type=110))
        stage.run(1.0)
        stage.leave("caller")
        stage.run(1.0)
        assert stage.relay.mode is RelayMode.COPIES
        stage.phones["centre"].send(9000, b"\x05\x0a\x00\xa0", kind=101, timestamp=7)
        assert hears(expert) == {"centre"}
        assert [one.payload for one, _ in expert.heard if one.payload_type == 110] == [b"\x05\x0a\x00\xa0"]

    def test_are_copied_on_where_one_calls_its_format_otherwise(self) -> None:
        stage = Stage.of()
        expert = stage.join()
        stage.run(1.0)
        stage.leave("centre")
        stage.run(1.0)
        expert.format = replace(ALAW_FORMAT, payload_type=100)
        stage.relay.set_remote(2, expert.remote)
        stage.run(1.5)
        assert stage.relay.mode is RelayMode.COPIES
        assert hears(expert) == {"caller"} and hears(stage.phones["caller"]) == {"expert"}
        assert expert.faults() == stage.phones["caller"].faults() == []

    def test_are_heard_under_the_numbers_of_our_own_description(self) -> None:
        """RFC 3264 §5.1: a phone that has answered with other numbers sends by those of the offer, or by its own."""
        stage = Stage.of()
        expert = stage.join(format=replace(ALAW_FORMAT, named_here=((100, 8),)))
        expert.format = replace(ALAW_FORMAT, payload_type=100)
        stage.run(2.0)
        assert hears(stage.phones["caller"]) == {"centre", "expert"}
        stage.leave("centre")
        stage.run(1.5)
        assert stage.relay.mode is RelayMode.COPIES and hears(stage.phones["caller"]) == {"expert"}

    def test_stay_mixed_where_they_do_not_speak_alike(self) -> None:
        stage = Stage.of(centre=ALAW_FORMAT)
        stage.join(format=ULAW_FORMAT)
        stage.run(1.0)
        stage.leave("centre")
        assert stage.relay.mode is RelayMode.MIXES
        stage.run(1.5)
        assert hears(stage.phones["caller"]) == {"expert"}


class TestWhoHearsWhom:
    def test_is_a_matter_of_what_was_said(self) -> None:
        stage = Stage.of()
        supervisor = stage.join("expert", 1100.0)
        stage.run(0.5)
        caller, centre = stage.phones["caller"], stage.phones["centre"]
        for hearing, wanted in (
            ((Hears(0, frozenset({1})), Hears(1, frozenset({0}))), ({"centre"}, {"caller"}, {"caller", "centre"})),
            ((Hears(0, frozenset({1})),), ({"centre"}, {"caller", "expert"}, {"caller", "centre"})),
            ((Hears(1, frozenset({2})), Hears(2, frozenset({1}))), ({"centre", "expert"}, {"expert"}, {"centre"})),
            ((), ({"centre", "expert"}, {"caller", "expert"}, {"caller", "centre"})),
        ):
            stage.relay.set_hearing(hearing)
            stage.run(1.5)
            assert (hears(caller), hears(centre), hears(supervisor)) == wanted
        assert caller.faults() == centre.faults() == supervisor.faults() == []
        assert steepest(caller.wave()) < steepest_of(700.0, 1100.0)

    def test_mutes_one_of_two(self) -> None:
        stage = Stage.of()
        stage.run(1.0)
        stage.relay.set_hearing((Hears(1, frozenset()),))
        assert stage.relay.mode is RelayMode.MIXES
        stage.run(1.5)
        assert (hears(stage.phones["caller"]), hears(stage.phones["centre"])) == ({"centre"}, set())
        stage.relay.set_hearing(())
        assert stage.relay.mode is RelayMode.COPIES
        stage.run(1.5)
        assert (hears(stage.phones["caller"]), hears(stage.phones["centre"])) == ({"centre"}, {"caller"})
        assert stage.phones["centre"].faults() == []

    def test_leaves_out_who_is_held(self) -> None:
        stage = Stage.of()
        expert = stage.join()
        stage.run(1.0)
        stage.relay.set_remote(1, None)
        stage.run(1.5)
        assert hears(stage.phones["caller"]) == {"expert"} and hears(expert) == {"caller"}
        stage.relay.set_remote(1, stage.phones["centre"].remote)
        stage.run(1.5)
        assert hears(stage.phones["caller"]) == {"expert", "centre"}
        assert hears(expert) == {"caller", "centre"}


def press(phone: Phone, event: int, ends: int = 3, packets: int = 5) -> None:
    """Press a key for 100 ms: the voice pauses, as most phones have it."""
    loop, kind = phone.stage.loop, phone.format.digits_payload_type
    phone.speaks = False
    start = phone.number * 160
    for step in range(packets + ends):
        over = step >= packets
        duration = 160 * min(step + 1, packets)
        phone.send(phone.number, bytes((event, (0x80 if over else 0) | 10)) + duration.to_bytes(2, "big"), kind, start)
        phone.number += 1
        loop.advance(0.02)
    phone.begin()


class TestDigits:
    def events(self, phone: Phone) -> list[int]:
        """The digits that it was sent, one by one."""
        kind = phone.format.digits_payload_type
        found: list[tuple[int, int]] = []
        for one, _ in phone.heard:
            if one.payload_type == kind and (one.timestamp, one.payload[0]) not in found:
                found.append((one.timestamp, one.payload[0]))
        return [event for _, event in found]

    def test_of_the_caller_are_for_the_centre_alone(self) -> None:
        stage = Stage.of(centre=replace(ALAW_FORMAT, digits_payload_type=97))
        expert = stage.join()
        stage.run(1.0)
        for event in (7, 7, 11):
            press(stage.phones["caller"], event)
            stage.run(0.3)
        stage.run(1.0)
        assert self.events(stage.phones["centre"]) == [7, 7, 11]
        assert self.events(expert) == self.events(stage.phones["caller"]) == []

    def test_go_to_whom_they_are_said_to_go(self) -> None:
        stage = Stage.of()
        expert = stage.join()
        stage.relay.set_hearing((Hears(2, frozenset({0, 1}), frozenset({0})), Hears(1, frozenset({0}), frozenset())))
        stage.run(1.0)
        press(stage.phones["caller"], 3)
        press(stage.phones["centre"], 4)
        stage.run(1.0)
        assert (self.events(expert), self.events(stage.phones["centre"])) == ([3], [])
        assert self.events(stage.phones["caller"]) == [4]

    def test_are_heard_under_the_number_of_our_own_description(self) -> None:
        stage = Stage.of()
        named = replace(ALAW_FORMAT, digits_payload_type=97, named_here=((101, 97),))
        expert = stage.join(format=named)
        expert.format = ALAW_FORMAT
        stage.relay.set_hearing((Hears(0, frozenset({1, 2}), frozenset({2})),))
        stage.run(1.0)
        press(expert, 4)
        stage.run(1.0)
        assert self.events(stage.phones["caller"]) == [4]

    def test_are_heard_though_their_end_is_lost(self) -> None:
        stage = Stage.of()
        stage.join()
        stage.run(1.0)
        press(stage.phones["caller"], 9, ends=0)
        stage.run(1.0)
        assert self.events(stage.phones["centre"]) == [9]

    def test_make_no_sound(self) -> None:
        stage = Stage.of()
        expert = stage.join()
        stage.phones["centre"].level = 0.0
        stage.run(1.0)
        since = stage.loop.time
        press(stage.phones["caller"], 9, packets=20)
        wave = expert.wave(since + 0.15, stage.loop.time)
        assert abs(wave).max() < 300, "nothing is made up for a voice that pauses"

    def test_of_the_call_go_into_the_mix(self) -> None:
        from splitter.rtp.telephone_event import Digit

        stage = Stage.of()
        expert = stage.join()
        stage.run(1.0)
        stage.relay.send_digit(2, Digit(5, 100, 101, 8000))
        stage.run(1.0)
        assert self.events(expert) == [5]
        assert self.events(stage.phones["centre"]) == []


class TestLoss:
    @pytest.mark.parametrize("fraction", [0.05, 0.2])
    def test_is_made_up_for_and_not_heard_as_clicks(self, fraction: float) -> None:
        stage = Stage.of()
        expert, random = stage.join(), Random(7)
        expert.level = 0.0
        stage.phones["centre"].level = 0.0
        stage.phones["caller"].loses = lambda number: random.random() < fraction
        stage.run(10.0)
        report = stage.relay.report().mixed[0]
        assert 0.7 * fraction * 500 < report.concealed < 2 * fraction * 500
        assert report.delay_ms < 60, "what is lost is not waited for"
        wave = expert.wave(since=stage.loop.time - 9)
        assert steepest(wave) < 1.35 * steepest_of(400.0)
        assert decibels(level_of(wave), LOUD / math.sqrt(2)) > (-1 if fraction < 0.1 else -2)
        assert expert.faults() == []

    def test_of_a_line_that_is_dead_ends_in_silence(self) -> None:
        stage = Stage.of()
        expert = stage.join()
        stage.run(1.0)
        stage.phones["caller"].speaks = stage.phones["centre"].speaks = False
        stage.run(3.0)
        assert abs(expert.wave(since=stage.loop.time - 1)).max() < 100
        assert expert.faults() == []


def level_of(wave: object) -> float:
    import numpy as np

    return float(np.sqrt(np.mean(np.square(np.asarray(wave)))))


class TestJitter:
    def test_is_evened_out(self) -> None:
        stage = Stage.of()
        expert, random = stage.join(), Random(3)
        stage.phones["centre"].level = 0.0
        expert.level = 0.0
        stage.phones["caller"].late = lambda number: random.random() * 0.03
        stage.run(20.0)
        report = stage.relay.report().mixed[0]
        assert report.concealed < 25 and report.delay_ms < 90
        assert steepest(expert.wave(since=stage.loop.time - 10)) < 1.3 * steepest_of(400.0)
        before = report.concealed
        stage.run(10.0)
        assert stage.relay.report().mixed[0].concealed - before < 8, "it has learned how late they are"

    def test_that_is_over_costs_no_delay_any_more(self) -> None:
        stage = Stage.of()
        stage.join()
        caller = stage.phones["caller"]
        caller.late = lambda number: 0.1 if number % 10 == 5 else 0.0
        stage.run(30.0)
        before = stage.relay.report().mixed[0]
        assert before.delay_ms > 80
        stage.run(10.0)
        assert stage.relay.report().mixed[0].concealed - before.concealed < 10
        caller.late = lambda number: 0.0
        stage.run(60.0)
        assert stage.relay.report().mixed[0].delay_ms < 60

    def test_of_a_line_that_stood_still_is_left_out(self) -> None:
        stage = Stage.of()
        stage.join()
        caller = stage.phones["caller"]
        stage.run(1.0)
        begun = stage.loop.time
        caller.late = lambda number: max(0.0, begun + 0.5 - stage.loop.time)  # half a second comes at once
        stage.run(2.0)
        assert stage.relay.report().mixed[0].delay_ms < 170


class TestClocks:
    @pytest.mark.parametrize("drift", [200e-6, -200e-6])
    def test_that_differ_do_no_harm(self, drift: float) -> None:
        """Ten minutes of that are in tests/media/voice/test_playout.py."""
        stage = Stage.of()
        expert = stage.join()
        stage.phones["centre"].level = expert.level = 0.0
        stage.phones["caller"].drift = drift
        stage.run(60.0)
        report = stage.relay.report().mixed[0]
        assert report.concealed <= 3 and 0 < report.delay_ms < 45
        assert steepest(expert.wave()) < steepest_of(400.0)

    def test_that_stand_still_leave_no_debt(self) -> None:
        """The worker had no CPU for half a second."""
        stage = Stage.of()
        expert = stage.join()
        stage.run(1.0)
        stage.loop.time += 0.5
        stage.run(2.0)
        assert hears(expert) == {"caller", "centre"}
        numbers = [one.sequence for one, _ in expert.voice()]
        assert all((one + 1) & 0xFFFF == other for one, other in pairwise(numbers))
        assert len(expert.wave()) == pytest.approx(3.5 * 8000, rel=0.03), "time went on"


class TestTheSpeaker:
    def told(self, stage: Stage) -> list[str]:
        return [event.end for event in stage.events if isinstance(event, SpeakerChanged)]

    def test_is_the_loudest_after_a_moment(self) -> None:
        stage = Stage.of()
        stage.join()
        caller, centre, expert = stage.phones.values()
        for who, others in ((caller, (centre, expert)), (expert, (caller, centre))):
            who.level = 6000.0
            for other in others:
                other.level = 40.0
            stage.run(2.0)
        assert self.told(stage) == ["caller", "expert"]
        centre.level = 7000.0
        stage.run(0.2)
        centre.level = 40.0
        stage.run(0.5)
        assert self.told(stage) == ["caller", "expert"], "a cough"
        expert.level = 10.0
        stage.run(6.0)
        assert self.told(stage) == ["caller", "expert", ""]

    def test_is_nobody_whom_nobody_hears(self) -> None:
        stage = Stage.of()
        stage.join()
        stage.phones["centre"].level = stage.phones["caller"].level = 20.0
        stage.relay.set_hearing((Hears(0, frozenset({1})), Hears(1, frozenset({0}))))
        stage.run(3.0)
        assert self.told(stage) == []

    def test_is_nobody_once_two_are_left(self) -> None:
        stage = Stage.of()
        stage.join()
        stage.run(1.0)
        stage.leave("expert")
        stage.run(1.0)
        assert self.told(stage)[-1] == "" and len(self.told(stage)) == 2


class TestTheEnd:
    def test_leaves_no_timer_and_no_port(self) -> None:
        stage = Stage.of()
        stage.join()
        for phone in stage.phones.values():
            phone.speaks = False
        stage.run(1.0)
        stage.relay.close()
        stage.run(1.0)
        assert stage.loop.armed == 0 and all(pair.closed for pair in stage.loop.pairs)

    def test_of_all_sides_leaves_nothing_that_ticks(self) -> None:
        stage = Stage.of()
        stage.join()
        stage.run(1.0)
        for name in ("caller", "expert", "centre"):
            stage.leave(name)
        stage.run(1.0)
        assert stage.loop.armed == 0
        assert len(stage.relay.close().sides) == 3


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.sampled_from([ALAW_FORMAT, ULAW_FORMAT])),
        st.tuples(st.just("leave"), st.integers(0, 9)),
        st.tuples(st.just("hear"), st.integers(0, 255)),
        st.tuples(st.just("wait"), st.floats(0.001, 0.1)),
        st.tuples(st.just("again"), st.integers(0, 9)),
    ),
    max_size=25,
)


class TestAnything:
    @settings(max_examples=25, deadline=None)
    @given(OPERATIONS)
    def test_may_come_and_go(self, operations: list[tuple[str, object]]) -> None:
        """Whoever is there hears one stream without a break, and whom it should."""
        stage, names = Stage.of(), iter(range(1000))
        stage.run(0.3)
        for what, value in operations:
            there = sorted(stage.relay.sides)
            if what == "join" and len(there) < 6:
                stage.join(f"party-{next(names)}", 1100.0, value)  # type: ignore[arg-type]
                stage.loop.advance(0.021)  # who is gone before a packet has come takes the numbers with it
            elif what == "leave" and len(there) > 2:
                stage.leave(stage.relay.sides[there[int(str(value)) % len(there)]].name)
            elif what == "hear":
                mask = int(str(value))
                voices = frozenset(side for at, side in enumerate(there) if mask >> at & 1)
                stage.relay.set_hearing((Hears(there[mask % len(there)], voices),))
            elif what == "again":
                side = stage.relay.sides[there[int(str(value)) % len(there)]]
                stage.relay.set_remote(side.number, stage.phones[side.name].remote)
            elif what == "wait":
                stage.loop.advance(float(str(value)))
        stage.run(0.5)
        for phone in stage.phones.values():
            assert phone.faults() == []
            assert phone.voice(), "nobody is left without a stream"
        assert not [event for event in stage.events if isinstance(event, RelayLost)]
        report = stage.relay.report()
        assert len(report.sides) == stage.relay.report().sides.__len__() and stage.relay.close().sides == report.sides


class TestWhatCannotBeMixed:
    def test_changes_nothing(self) -> None:
        stage = Stage.of()
        side = stage.relay.add_side("expert", "192.0.2.3")
        strange = replace(stage.phones["caller"].remote, voice=replace(ALAW_FORMAT, encoding="X-STRANGE"))
        with pytest.raises(MediaUnavailable, match="X-STRANGE"):
            stage.relay.set_remote(side.number, strange)
        assert stage.relay.mode is RelayMode.COPIES and side.remote is None
        stage.run(1.0)
        assert stage.phones["caller"].faults() == []
