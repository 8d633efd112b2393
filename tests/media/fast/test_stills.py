"""Stills that the native form plays by itself, on real sockets; and what makes Python play instead."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from splitter.media.fast.native import NativeForm
from splitter.media.room.outgoing import Outgoing
from splitter.media.slate.slate import Slate
from splitter.rtp import packet
from splitter.rtp.feedback import Nack, Pli
from tests.media.room.kit import SLATE, Camera
from tests.media.wire.stand import BROWSER, Browser, Stand, both_show, seated
from tests.patience import until

STILL = replace(SLATE.still(BROWSER, for_seat=True), interval_s=0.02)


@pytest.fixture(autouse=True)
def quick(native: NativeForm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The native form is there, and the slate is ten times as lively as ever."""
    monkeypatch.setattr(Slate, "still", lambda *_, **__: STILL)


def told(s: Stand) -> Any:
    """Counters of the native form."""
    assert s.host.poller.short_cuts is not None
    return s.host.poller.short_cuts.told


def out(s: Stand) -> Outgoing:
    """What goes to the seat."""
    return s.room.participant("seat-1").view.out


async def playing(s: Stand, browser: Browser, pictures: int = 3) -> None:
    """Until so many more pictures of a still have come from the native form."""
    await until(lambda: out(s).way.plays())
    begin = told(s).played
    got = len(browser.rtp)
    await until(lambda: told(s).played >= begin + pictures and len(browser.rtp) >= got + pictures)


def seen(browser: Browser) -> list[packet.Packet]:
    """What came, of which nothing may be missing."""
    packets = [packet.parse(data) for data in browser.rtp]
    first = packets[0].sequence
    assert [one.sequence - first & 0xFFFF for one in packets] == list(range(len(packets)))
    return packets


def pictures(packets: list[packet.Packet]) -> list[tuple[bytes, ...]]:
    """Whole pictures, by timestamp, each of which ends with a marker."""
    found: dict[int, list[packet.Packet]] = {}
    for one in packets:
        found.setdefault(one.timestamp, []).append(one)
    whole = [one for one in found.values() if one[-1].marker]
    assert all([one.marker for one in picture] == [False] * (len(picture) - 1) + [True] for picture in whole)
    assert sorted(found) == list(found)
    return [tuple(bytes(one.payload) for one in picture) for picture in whole]


class TestTheNativeForm:
    async def test_plays_both_groups_in_turn_without_a_gap(self) -> None:
        async with seated(Camera(120)) as (s, browser):
            await playing(s, browser, 150)
            came = pictures(seen(browser))
            keys = [group[0] for group in STILL.groups]
            begins = [index for index, one in enumerate(came) if one in keys][2:]  # the first may be repeated soon
            assert len(begins) > 2
            for begin, end in pairwise(begins):
                assert tuple(came[begin:end]) == STILL.groups[keys.index(came[begin])]
            assert [keys.index(came[begin]) for begin in begins[:2]] in ([0, 1], [1, 0])

    async def test_says_that_the_picture_is_upright(self) -> None:
        async with seated(Camera(120)) as (s, browser):
            await playing(s, browser, 12)
            keys = [group[0][-1] for group in STILL.groups]
            ends = [one for one in seen(browser) if bytes(one.payload) in keys]
            assert ends and all(one.extensions == ((3, b"\0"),) for one in ends)

    async def test_answers_nacks_and_requests_for_a_key_frame(self) -> None:
        async with seated(Camera(120)) as (s, browser):
            await playing(s, browser)
            lost = seen(browser)[-1]
            await browser.report(Nack(browser.ssrc, lost.ssrc, (lost.sequence,)))
            await until(lambda: out(s).resent)
            browser.rtp.clear()
            await browser.report(Pli(browser.ssrc, lost.ssrc))
            keys = [group[0][0] for group in STILL.groups]
            await until(lambda: any(bytes(packet.parse(one).payload) in keys for one in browser.rtp))

    async def test_ends_when_a_stream_is_shown_and_begins_again_after_it(self) -> None:
        async with seated(Camera(120), Camera(200)) as (s, browser):
            await playing(s, browser)
            await both_show(s, browser)
            assert not out(s).way.plays()
            before = told(s).played
            s.phone.show()
            await asyncio.sleep(0)
            assert told(s).played == before
            s.room.show("seat-1", "slate")
            await playing(s, browser)
            seen(browser)


class TestPythonPlays:
    async def test_while_what_is_sent_is_recorded(self) -> None:
        async with seated(Camera(120)) as (s, browser):
            await playing(s, browser)
            taken: list[int] = []
            out(s).tap = lambda sequence, *_: taken.append(sequence)
            assert not out(s).way.plays()
            before = told(s).played
            await until(lambda: len(taken) > 3)
            assert told(s).played == before
            out(s).tap = None
            await playing(s, browser)
            seen(browser)

    async def test_while_there_is_no_short_cut(self) -> None:
        async with seated(Camera(120)) as (s, browser):
            await playing(s, browser)
            way = out(s).way
            port: Any = s.wire().paths.current.port
            way.leave(port)
            before, got = told(s).played, len(browser.rtp)
            assert not way.plays()
            await until(lambda: len(browser.rtp) > got + 3)
            assert told(s).played == before
            way.ride(port)
            await playing(s, browser)
            seen(browser)
