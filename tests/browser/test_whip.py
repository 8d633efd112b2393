"""WHIP with nothing of ours in the page: what a browser itself makes of the gateway's answers."""

from __future__ import annotations

from collections.abc import Callable

from tests.browser import whip
from tests.browser.camera import SENDER
from tests.browser.checks import Wanted, judge
from tests.browser.desk import CALLER, Desk, phone_sees, saw_nothing_but, sight_of
from tests.browser.eyes import flawless


async def test_pictures_both_ways(make_desk: Callable[..., Desk]) -> None:
    async with make_desk() as desk:
        handset, call_id = await desk.call()
        page = await whip.open_page(await desk.context())
        own, caller = await desk.eye(page, "#own"), await desk.eye(page, "#caller")
        answer = await whip.join(page, desk.gateway, call_id, client="a-tab")
        assert answer["status"] == 201, answer["body"]
        assert answer["location"] == f"/v1/calls/{call_id}/parties/desk-1"
        assert answer["limits"] and "width=480;height=640" in answer["limits"]

        await caller.rising(CALLER, 10)
        await flawless(lambda: caller.rising(CALLER, 30), lambda seen: judge(seen, Wanted(CALLER)))
        await desk.caller_sees(handset, SENDER, 10)
        await phone_sees(desk, own, handset, 40)
        saw_nothing_but(sight_of(handset), SENDER)
        assert len(handset.video.counts.sources) == 1, "one source on the phone's wire"
        assert not handset.video.counts.backward and not handset.video.counts.lost
        await desk.voice_goes_on(handset)


async def test_no_h264_is_told(make_desk: Callable[..., Desk]) -> None:
    async with make_desk() as desk:
        handset, call_id = await desk.call()
        page = await whip.open_page(await desk.context())
        answer = await whip.join(page, desk.gateway, call_id, codec="video/VP8")
        assert answer["status"] == 406 and '"no-h264"' in answer["body"] and "H.264" in answer["body"]
        await desk.voice_goes_on(handset)
