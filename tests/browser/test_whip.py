"""WHIP with nothing of ours in the page: what a browser itself makes of the gateway's answers."""

from __future__ import annotations

from collections.abc import Callable

from splitter.lab.sight import STILL
from tests.browser import whip
from tests.browser.camera import FRAMES, SENDER
from tests.browser.checks import Wanted, first_seen, in_words, judge
from tests.browser.desk import CALLER, Desk, sight_of


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
        seen = await caller.rising(CALLER, 30)
        faults = judge(seen, Wanted(CALLER))
        assert not faults, in_words(faults)
        await desk.caller_sees(handset, SENDER, 10)
        seen = await desk.caller_sees(handset, SENDER, 40)
        await own.rising(SENDER, 5)  # now what was sent is known
        wanted = Wanted(SENDER, direct=first_seen(own.seen), film=FRAMES, torn_db=0)
        faults = judge(seen, wanted)
        assert not faults, in_words(faults)
        scenes = [scene.what for scene in sight_of(handset).scenes]
        assert scenes == [STILL, f"sender {SENDER}"], "the slate first, never black"
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
