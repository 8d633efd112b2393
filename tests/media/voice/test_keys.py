"""Digits as they are heard: told once each, however long they last and however their packets come."""

from __future__ import annotations

from splitter.media.voice.keys import KeyListener, KeyPressed


def event(digit: int, duration: int, end: bool = False) -> bytes:
    return bytes((digit, 0x8A if end else 0x0A)) + duration.to_bytes(2)


class TestDigits:
    def test_of_ten_seconds_are_one(self) -> None:
        """RFC 4733 §2.5.1.3: a duration has 16 bits, 8.2 s at 8 kHz; a longer event comes in segments."""
        keys, told = KeyListener(8000), []
        for start in (1000, 1000 + 0xFFFF):
            for duration in range(800, 0xFFFF, 800):
                told += keys.take(start, event(5, duration), 1.0)
            told += keys.take(start, event(5, 0xFFFF), 1.0)
        assert told == []
        assert keys.take(1000 + 2 * 0xFFFF, event(5, 8000, end=True), 1.0) == [KeyPressed(5, 17_383)]

    def test_that_follow_each_other_at_once_are_two(self) -> None:
        keys = KeyListener(8000)
        assert keys.take(1000, event(5, 800), 1.0) == []
        assert keys.take(1800, event(5, 800), 1.1) == [KeyPressed(5, 100)]

    def test_whose_last_packets_are_overtaken_by_the_next_digit_are_not_told_again(self) -> None:
        keys = KeyListener(8000)
        assert keys.take(1000, event(5, 800, end=True), 1.0) == [KeyPressed(5, 100)]
        assert keys.take(3000, event(6, 800, end=True), 1.2) == [KeyPressed(6, 100)]
        assert keys.take(1000, event(5, 800, end=True), 1.25) == []
        assert keys.take(5000, event(5, 800, end=True), 1.5) == [KeyPressed(5, 100)]
