"""A web caller in the world: its browser's line, the centre, and what the adapter was told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from splitter.calls.browsers.door import WebDoor
from splitter.calls.browsers.invite import WebCaller
from splitter.calls.browsers.line import BrowserLine, BrowserSaid
from splitter.calls.browsers.view import WebCallView
from splitter.calls.call import Call
from splitter.calls.legs.browser import WebLeg
from splitter.core.net import Address
from splitter.media.ports.adapters import AdapterSetting
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.sdp.model import Session
from splitter.sdp.parse import parse
from tests.world import PeerCall, World

_CANDIDATE = "1 1 udp 2130706431 127.0.0.1 5060 typ host"


def offer(fingerprint: str = "", ufrag: str = "") -> Session:
    """What Chromium offers with audio and video; `fingerprint`: another first byte of it, as after a reload."""
    text = (Path(__file__).parents[2] / "sdp" / "webrtc" / "chromium_audio_and_video.sdp").read_text()
    text = "".join(line for line in text.split("----\n")[0].splitlines(keepends=True) if not line.startswith("#"))
    text = re.sub(r"(a=ice-pwd:\S+)", rf"\g<1>\na=candidate:{_CANDIDATE}", text)
    if fingerprint:
        text = re.sub(r"(a=fingerprint:sha-256 )[0-9A-F]{2}", rf"\g<1>{fingerprint}", text)
    if ufrag:
        text = re.sub(r"(a=ice-ufrag:)\S+", rf"\g<1>{ufrag}", text)
    return parse(text)


@dataclass
class Caller:
    """A web caller. Made by `calling`."""

    world: World
    line: BrowserLine
    door: WebDoor = field(repr=False)

    @property
    def view(self) -> WebCallView:
        return self.line.view

    @property
    def call_id(self) -> str:
        return self.view.call_id

    @property
    def call(self) -> Call:
        [found] = [call for call in self.world.calls.live if call.talk.call_id == self.call_id]
        return found

    @property
    def leg(self) -> WebLeg:
        return cast(WebLeg, self.call.caller)

    @property
    def setting(self) -> AdapterSetting:
        """What its adapter does."""
        return self.world.adapters.of(self.call_id).setting

    def say(self, said: BrowserSaid) -> None:
        self.line.say(said)
        self.world.run(0.2)

    def come_back(self, session: Session) -> str:
        task = self.world.loop.create_task(self.door.take_back(self.line, session))
        self.world.run_until(task.done, 5.0)
        self.world.run(0.2)
        return task.result()

    def voice_faults(self) -> list[str]:
        """Why its voice does not reach the relay, or the relay's not it."""
        relay = self.world.engine.relay_of(self.call_id)
        assert relay is not None
        handle, faults = self.world.adapters.of(self.call_id).handle, []
        if self.setting.voice != end_of(relay.handle.local[0]):
            faults.append(f"the adapter sends to {self.setting.voice}, the relay is at {relay.handle.local[0]}")
        if relay.remote[0] != end_of(handle.voice):
            faults.append(f"the relay sends to {relay.remote[0]}, the adapter is at {handle.voice}")
        return faults

    def picture_faults(self) -> list[str]:
        """The same of its picture and the room."""
        room = self.world.engine.room_of(self.call_id)
        if room is None or (media := room.members.get("caller")) is None:
            return ["the caller has no picture in the room"]
        handle, faults = self.world.adapters.of(self.call_id).handle, []
        if self.setting.picture != end_of(room.local["caller"]):
            faults.append(f"the adapter sends to {self.setting.picture}, the room is at {room.local['caller']}")
        if media.remote != end_of(handle.picture):
            faults.append(f"the room sends to {media.remote}, the adapter is at {handle.picture}")
        return faults


def end_of(local: LocalEnd) -> RemoteEnd:
    return RemoteEnd(Address(local.host, local.rtp_port), Address(local.host, local.rtcp_port))


def calling(world: World, camera: bool = True, **changes: Any) -> Caller:
    """A browser that calls 12345; nobody has heard of it yet."""
    door = WebDoor(world.calls, world.browsers)
    who = replace(WebCaller("12345", "C-4711", "Mrs. Wang", "zh", "203.0.113.9"), **changes)
    task = world.loop.create_task(door.begin(who, offer(), camera))
    world.run_until(task.done, 5.0)
    return Caller(world, task.result(), door)


def arrived(world: World, camera: bool = True, **changes: Any) -> tuple[Caller, PeerCall]:
    """A web call that has come to the centre; (caller, centre)."""
    caller = calling(world, camera, **changes)
    return caller, world.pbx.take()


def connected(world: World, camera: bool = True) -> tuple[Caller, PeerCall]:
    """An answered web call; (caller, centre)."""
    caller, centre = arrived(world, camera)
    centre.answer()
    centre.expect("ACK")
    world.run(0.3)
    assert caller.voice_faults() == []
    return caller, centre


def over(world: World, caller: Caller) -> None:
    """Nothing is left of it, the adapter included."""
    world.settle()
    assert not world.adapters.open and caller.line.ended
