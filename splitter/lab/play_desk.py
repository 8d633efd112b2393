"""The desk's part of the demo's play: a browser's seat, a picture, a snapshot, a call raised to video. Does I/O.

The desk does by itself what an agent's browser does: whatever call the centre gives to its extension it joins.
"""

from __future__ import annotations

import asyncio
import io

import numpy as np
from PIL import Image, ImageDraw

from splitter.lab.consent import Consent, Reaction
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.picture import Plane, difference, draw, luma_of, luma_of_rgb, read
from splitter.lab.rows import (
    AGENT_HZ,
    CALLER_ID,
    DESK_ID,
    FRAMES,
    HEARD_S,
    SAME_PICTURE,
    SECOND_CALLER_ID,
    STEP_LIMIT_S,
    Deadline,
    Play,
    clean,
    pictures,
    until,
)
from splitter.lab.sight import STILL
from splitter.lab.stage import CALLED
from splitter.lab.video import VideoSettings
from splitter.lab.whip import Place, WebSeat, WebSeatSettings

_THINKS_S = 0.6
_STILLS = 2


async def desk_takes_over(play: Play, handset: Handset) -> None:
    """Let a desk join a call that has lost its seat, show a picture, take a snapshot, and leave."""
    play.progress("an agent logs in with a browser; the call is its own, since the centre named it")
    desk = await play.stage.web_seat(WebSeatSettings(sender=DESK_ID))
    place = await _joined(play, desk, "a browser's desk joins the call that the centre gave it")
    if place is not None:
        sight = handset.video.sight
        await until(lambda: sight.rising(DESK_ID) >= FRAMES and place.sight.rising(CALLER_ID) >= FRAMES)
        play.row("the caller sees the agent's browser", *pictures(sight, DESK_ID))
        play.row("the browser sees the caller", *clean(place.sight, CALLER_ID))
        await _snapshot(play, desk, place, handset)
        await _picture(play, desk, place, handset)
    await play.stage.leave(desk)


async def raised_to_video(play: Play) -> None:
    """A voice call whose caller is asked for video, shows it, and goes back to voice; the desk hangs up."""
    await play.stage.centre.ask("planned", do="plan", ring_s=0.2, queue_s=0.0)
    await _call_before_is_over(play)
    desk = await play.stage.web_seat(WebSeatSettings(sender=DESK_ID))
    handset = await play.stage.handset(
        HandsetSettings(
            number="13800000001",
            listen_hz=(AGENT_HZ,),
            video=VideoSettings(sender=SECOND_CALLER_ID, orientation_id=7),
            consent=Consent(Reaction.ACCEPT, after_s=_THINKS_S),
        )
    )
    handset.party.with_video = False
    play.progress(f"calling {CALLED} again, with voice alone; the desk is there before the call")
    call = handset.dial(CALLED, play.stage.gateway.access)
    place = await _joined(play, desk, "a voice call reaches the desk")
    if place is None:
        return
    hearing, counts = handset.audio.hearing, handset.audio.counts
    spoken, lacked = hearing.seconds(AGENT_HZ), counts.lost + counts.late
    await _ask_for_video(play, desk, place, handset)
    await _back_to_voice(play, desk, place, handset)
    until_now = hearing.seconds(AGENT_HZ)
    goes_on = await until(lambda: hearing.seconds(AGENT_HZ) >= until_now + HEARD_S)
    missing = counts.lost + counts.late - lacked  # no measure of time: a slow machine is no fault of the gateway
    words = f"{hearing.seconds(AGENT_HZ) - spoken:.1f} s of the agent, {missing} packets missing"
    play.row("the voice went on all the while", goes_on and not missing, words)
    play.progress("the agent hangs up at the desk")
    reply = await desk.ask("DELETE", f"/v1/calls/{place.call_id}")
    over = await until(lambda: call.state == "ended" and desk.calls[place.call_id]["state"] == "ended")
    why = desk.calls[place.call_id]["end_reason"]
    play.row("the desk hangs up", over and not handset.video.sight.black, f"{reply.in_words()}; {why}")


async def _call_before_is_over(play: Play) -> None:
    """A desk that logs in while it ends would be given it, and be refused."""
    deadline = Deadline(STEP_LIMIT_S)
    while (await play.stage.gateway.get("/v1/status"))["calls"] and not deadline.passed:  # noqa: ASYNC110 — of another process
        await asyncio.sleep(0.05)


async def _joined(play: Play, desk: WebSeat, name: str) -> Place | None:
    await until(lambda: desk.place is not None or bool(desk.refusals))
    place = desk.place
    if place is None:
        play.row(name, False, "; ".join(desk.refusals) or f"it was told of {len(desk.calls)} calls, and joined none")
        return None
    call = desk.calls[place.call_id]
    words = f"extension {call['extension']}, named by the {call['bound_by']}; {place.name} after "
    play.row(name, bool(call["bound_by"]), f"{words}{place.took_s * 1000:.0f} ms, sealed with {place.cipher}")
    return place


async def _snapshot(play: Play, desk: WebSeat, place: Place, handset: Handset) -> None:
    """The still is the very frame that the handset drew: it is drawn once more and compared."""
    play.progress("the agent takes a snapshot of the caller")
    name = "a snapshot is a frame that the handset sent"
    earliest, asked_at = handset.video.counts.frames_out, desk.clock.now()
    reply = await desk.ask("POST", f"/v1/calls/{place.call_id}/snapshots")
    if not reply.accepted:
        play.row(name, False, reply.in_words())
        return
    took_ms, latest = (desk.clock.now() - asked_at) * 1000, handset.video.counts.frames_out
    luma = luma_of_rgb(np.asarray(Image.open(io.BytesIO(reply.body)).convert("RGB")))
    reading = read(luma)
    if reading is None:
        play.row(name, False, f"a PNG of {len(reply.body)} bytes that is no test picture")
        return
    height, width = luma.shape
    drawn = luma_of(draw(CALLER_ID, reading.counter, reading.clock_ms, width, height))
    away = difference(luma, drawn)
    words = f"counter {reading.counter}, while {earliest} to {latest} were sent; {away:.1f} levels away"
    right = reading.sender == CALLER_ID and not reading.rotation and earliest - 2 <= reading.counter <= latest
    play.row(name, right and away < SAME_PICTURE, f"{words}; {took_ms:.0f} ms; PNG of {width}x{height}")


async def _picture(play: Play, desk: WebSeat, place: Place, handset: Handset) -> None:
    """A picture instead of the camera, and the camera again; never black between them."""
    play.progress("the agent shows a picture instead of the camera, and the camera again")
    name = "a picture instead of the agent's camera, and back"
    sight, card, call = handset.video.sight, _card(), f"/v1/calls/{place.call_id}"
    data = io.BytesIO()
    Image.fromarray(card).save(data, "PNG")
    put_up = await desk.ask(
        "POST", f"/v1/pictures?call={place.call_id}", data=data.getvalue(), headers={"Content-Type": "image/png"}
    )
    if not put_up.accepted:
        play.row(name, False, f"it was not taken: {put_up.in_words()}")
        return
    await desk.ask("PUT", f"{call}/display", json={"source": f"picture:{put_up.body['id']}"})
    shown = await until(lambda: sight.now_showing == STILL and sight.still is not None and _like(sight.still, card))
    stills = sight.stills
    await until(lambda: sight.stills >= stills + _STILLS)
    away = difference(sight.still, luma_of_rgb(card)) if sight.still is not None else 255.0
    before = sight.rising(DESK_ID)
    await desk.ask("PUT", f"{call}/display", json={"source": ""})
    back = await until(lambda: sight.rising(DESK_ID) >= before + FRAMES)
    words = f"{away:.1f} levels away from the picture put up; {sight.black} black frames; saw {sight.in_words()}"
    play.row(name, shown and back and not sight.black, words)


async def _ask_for_video(play: Play, desk: WebSeat, place: Place, handset: Handset) -> None:
    play.progress("the agent asks the caller for video; the caller thinks, and accepts")
    reply = await desk.ask("POST", f"/v1/calls/{place.call_id}/video")
    on = await until(lambda: desk.calls[place.call_id]["video"]["state"] == "on")
    video, states = desk.calls[place.call_id]["video"], " → ".join(desk.states[place.call_id])
    words = f"{reply.in_words()}; video {states}; the caller {video['outcome'] or 'said nothing'} after {_THINKS_S} s"
    play.row("the caller is asked for video, and accepts", on and video["outcome"] == "accepted", words)
    sight, own = handset.video.sight, place.sight
    await until(lambda: sight.rising(DESK_ID) >= FRAMES and own.rising(SECOND_CALLER_ID) >= FRAMES)
    at_caller, caller_words = clean(sight, DESK_ID)
    at_desk, desk_words = clean(own, SECOND_CALLER_ID)
    play.row("then both see each other", at_caller and at_desk, f"caller: {caller_words}; desk: {desk_words}")


async def _back_to_voice(play: Play, desk: WebSeat, place: Place, handset: Handset) -> None:
    play.progress("back to voice")
    reply = await desk.ask("DELETE", f"/v1/calls/{place.call_id}/video")
    off = await until(lambda: desk.calls[place.call_id]["video"]["state"] == "off")
    frames, spoken = handset.video.sight.frames, handset.audio.hearing.seconds(AGENT_HZ)
    await until(lambda: handset.audio.hearing.seconds(AGENT_HZ) >= spoken + HEARD_S)
    more = handset.video.sight.frames - frames
    states = " → ".join(desk.states[place.call_id])
    play.row("back to voice", off and not more, f"{reply.in_words()}; video {states}; {more} more frames at the caller")


def _card() -> Plane:
    """What an agent might show: large letters, and shapes, on a light ground. RGB."""
    image = Image.new("RGB", (320, 240), (236, 232, 214))
    pen = ImageDraw.Draw(image)
    pen.rectangle((20, 20, 300, 70), fill=(24, 84, 132))
    pen.polygon(((60, 210), (160, 90), (260, 210)), fill=(196, 74, 48))
    pen.ellipse((225, 85, 285, 145), fill=(240, 190, 40))
    return np.asarray(image)


def _like(still: Plane, card: Plane) -> bool:
    return difference(still, luma_of_rgb(card)) < SAME_PICTURE
