"""Tones, G.711 and the ear that tells them apart."""

import numpy as np
import pytest

from splitter.lab.tone import FRAME_SAMPLES, PCMA, PCMU, Hearing, Tone, decode, encode, heard, silence

TONES = (350.0, 440.0, 660.0, 1000.0)


class TestG711:
    @pytest.mark.parametrize(("law", "code", "level"), [(PCMA, 0xD5, 8), (PCMA, 0x55, -8), (PCMA, 0xAA, 32256), (PCMA, 0x2A, -32256),
                                                        (PCMU, 0xFF, 0), (PCMU, 0x00, -32124), (PCMU, 0x80, 32124), (PCMU, 0xFE, 8)])  # fmt: skip
    def test_table_values(self, law: int, code: int, level: int) -> None:
        assert int(decode(bytes([code]), law)[0]) == level

    @pytest.mark.parametrize("law", [PCMA, PCMU])
    def test_every_code_survives_decoding_and_coding(self, law: int) -> None:
        codes = bytes(range(256))
        again = encode(decode(codes, law), law)
        # mu-law has two codes for zero; their level is the same
        assert np.array_equal(decode(again, law), decode(codes, law))

    @pytest.mark.parametrize("law", [PCMA, PCMU])
    def test_error_stays_below_a_thirtieth_of_the_level(self, law: int) -> None:
        values = np.arange(-32000, 32000, 7, dtype=np.int16)
        error = np.abs(decode(encode(values, law), law).astype(int) - values)
        assert (error <= np.abs(values.astype(int)) / 30 + 9).all()

    def test_the_laws_differ(self) -> None:
        frame = Tone(440).frame()
        assert encode(frame, PCMA) != encode(frame, PCMU)


class TestTone:
    def test_phase_goes_on_over_frames(self) -> None:
        one = Tone(440)
        parts = np.concatenate([one.frame() for _ in range(60)])
        assert np.abs(parts.astype(int) - Tone(440).frame(60 * FRAME_SAMPLES)).max() <= 1


class TestHeard:
    @pytest.mark.parametrize("law", [PCMA, PCMU])
    @pytest.mark.parametrize("frequency", TONES)
    def test_each_tone_after_coding(self, law: int, frequency: float) -> None:
        assert heard(decode(encode(Tone(frequency).frame(), law), law), TONES) == frequency

    def test_silence_is_nothing(self) -> None:
        assert heard(silence(), TONES) is None

    def test_noise_is_nothing(self) -> None:
        noise = np.random.default_rng(1).integers(-8000, 8000, FRAME_SAMPLES).astype(np.int16)
        assert heard(noise, TONES) is None

    def test_another_tone_is_nothing(self) -> None:
        assert heard(Tone(2000).frame(), TONES) is None

    def test_the_wrong_law_is_still_no_other_tone(self) -> None:
        assert heard(decode(encode(Tone(440).frame(), PCMA), PCMU), (660.0, 1000.0)) is None


class TestHearing:
    def test_durations_and_order(self) -> None:
        ear = Hearing(TONES)
        queue, agent = Tone(440), Tone(660)
        for _ in range(50):
            ear.samples(queue.frame())
        for _ in range(10):
            ear.samples(silence())
        for _ in range(25):
            ear.samples(agent.frame())
        assert ear.order == (440.0, 660.0)
        assert ear.seconds(440.0) == pytest.approx(1.0, abs=0.05)
        assert ear.seconds(660.0) == pytest.approx(0.5, abs=0.05)
        assert ear.seconds(350.0) == 0
        assert ear.in_words() == "440 Hz 1.0 s, 660 Hz 0.5 s"

    def test_odd_pieces_are_joined_to_frames(self) -> None:
        ear, tone = Hearing(TONES), Tone(1000)
        for _ in range(100):
            ear.samples(tone.frame(37))
        assert ear.seconds(1000.0) == pytest.approx(100 * 37 / 8000, abs=0.02)

    def test_one_odd_frame_does_not_cut_a_tone(self) -> None:
        ear, tone = Hearing(TONES), Tone(440)
        for number in range(30):
            ear.samples(silence() if number == 15 else tone.frame())
        assert [s.tone for s in ear.stretches] == [440.0]

    def test_nothing_heard(self) -> None:
        assert Hearing(TONES).in_words() == "nothing"
