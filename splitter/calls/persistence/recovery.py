"""Calls of a former process, taken up again at the start: their dialogs, their media, and what was under way.

Media went on meanwhile, in workers that outlive the process. What a record says is carried on as it stands; only where
something was under way when the process died are both sides offered what stands now, so that all agree again, and what
a peer had asked is answered. A call that was not answered yet is ended on both sides. One whose record cannot be used
is lost: the log and its trace say why, and its peers hear nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import structlog

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.call import Call
from splitter.calls.events import PlacesLost, TimeUp
from splitter.calls.flows.keys import owe_keys, spend_keys
from splitter.calls.legs.leg import SipLeg
from splitter.calls.persistence.claims import VoiceClaim
from splitter.calls.persistence.frame import VERSION, RecordKind, unframed
from splitter.calls.persistence.undertaker import CSEQ_GAP
from splitter.calls.registry import Calls
from splitter.calls.services import Services
from splitter.calls.states import CallState
from splitter.calls.talk import record as talks
from splitter.calls.talk import unfinished
from splitter.calls.talk.doubt import Doubt
from splitter.calls.talk.outline import Outline
from splitter.calls.talk.room import RoomState
from splitter.calls.talk.state import Talk
from splitter.calls.talk.unfinished import Unfinished
from splitter.core.errors import LocalError, MediaError, PeerError
from splitter.media.ports.events import RelayLost, RoomLost
from splitter.media.ports.rooms import CarriedRoom, RoomHandle
from splitter.sip.message import Request, Response
from splitter.sip.parse import parse_message
from splitter.telemetry import metrics

AT_ONCE = 100
"""So many calls claim their media at a time."""

ASKED_WITHIN_MS = 10_000
"""Peers are asked over so long a time: there may be thousands."""

HEAD_START_S = 1.0
"""So long the rest of all calls waits for their voices at most."""

PATIENCE_S = 1.0
"""So long those whose media are there wait for those whose media are not, before anybody hears what peers say."""

IN_A_ROW = 20
"""So many calls are made anew without a pause for what else there is to do."""

TEST_LEFT_S = 120.0
"""So long may a test call go on whose loan of a trunk ended with the process before: its probe may be gone."""

HELD_S = 32.0
"""So long may the answer that ended a call have to be repeated (RFC 3261 §17.2.1), by the next process if need be."""

log = structlog.get_logger(__name__)


class Row(Protocol):
    """A record as the store found it; see `splitter.store.gathering.LiveRow`."""

    @property
    def call_id(self) -> str: ...

    @property
    def record(self) -> bytes: ...

    @property
    def doubt(self) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class _Left:
    """A call that is to be carried on.

    Attributes:
        doubt: what was under way; None where nothing was.
        voice: its relay, if it had one.
    """

    row: Row
    talk: Talk
    doubt: Doubt | None
    voice: VoiceClaim | None


@dataclass(slots=True)
class Recovered:
    """What became of the calls of a former process."""

    taken_up: int = 0
    ended: int = 0
    refused: int = 0


class Recovery:
    """Takes up the calls of a former process: after the media engine has found its workers, before the driver hears."""

    def __init__(self, services: Services, calls: Calls) -> None:
        self._services = services
        self._calls = calls
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._ready: list[asyncio.Future[None]] = []

    async def take_up(self, rows: Sequence[Row]) -> Recovered:
        """Take up what these records hold, the oldest first.

        At the end their media are claimed or known to be gone. Calls whose engine is silent go on waiting alone; see
        `settled`.
        """
        found, began = Recovered(), time.monotonic()
        left: list[_Left] = []
        for row in rows:
            with self._border(row, found):
                left.extend(self._read(row, found))
        asking = {one.voice.asking for one in left if one.voice is not None}
        if asking:  # an engine that is silent for longer keeps its own calls waiting alone
            await asyncio.wait(asking, timeout=HEAD_START_S)
        for number, one in enumerate(left, 1):
            refused = found.refused
            with self._border(one.row, found):
                self._one(one, found)
            if found.refused > refused and one.voice is not None:
                self._ready.append(asyncio.ensure_future(one.voice.drop()))
            if number % IN_A_ROW == 0:  # voices that are still asked for go on being asked for
                await asyncio.sleep(0)
        if self._ready:
            await asyncio.wait(self._ready, timeout=PATIENCE_S)
        if rows:
            spent_s = round(time.monotonic() - began, 3)
            counts = {"taken_up": found.taken_up, "ended": found.ended, "refused": found.refused}
            log.info("calls of before", **counts, seconds=spent_s)
        return found

    async def settled(self) -> None:
        """Wait until the media of every call are claimed or known to be gone: until then nothing is nobody's."""
        if self._ready:
            await asyncio.wait(self._ready)
        self._ready.clear()

    @contextmanager
    def _border(self, row: Row, found: Recovered) -> Iterator[None]:
        """The border of one call: where something fails it is refused, and the others are taken up all the same."""
        try:
            yield
        except (ValueError, LocalError) as error:
            self._refuse(row, str(error), found)
        except Exception:
            log.exception("a call of before could not be taken up", call_id=row.call_id)
            self._refuse(row, "a fault in the gateway; see the log", found)

    def _read(self, row: Row, found: Recovered) -> list[_Left]:
        """Read a record, and ask for the voice of its call; nothing where it is not carried on: it is ended.

        Raises:
            ValueError: it cannot be used.
        """
        frame = unframed(row.record)
        if frame.kind is RecordKind.UNFINISHED:
            self._end(_with_doubt(unfinished.read(frame.body), _doubt_of(row)), found)
            return []
        if not frame.readable:
            raise ValueError(
                f"it was written by version {frame.version} of records; this program reads up to {VERSION}"
            )
        talk, doubt = talks.read(frame.body), _doubt_of(row)
        if talk.state is not CallState.CONNECTED:  # both have answered, and not agreed yet
            self._end(_with_doubt(Unfinished(row.call_id, dialogs=_outline_of(row).dialogs), doubt), found)
            return []
        if doubt is not None:
            doubt.follow_sent(talk)
        talk.forget_questions()
        relay = talk.voice.relay
        voice = VoiceClaim(self._services.voice, talk, relay, self._turns) if relay is not None else None
        return [_Left(row, talk, doubt, voice)]

    def _one(self, left: _Left, found: Recovered) -> None:
        row, doubt = left.row, left.doubt
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        call = self._calls.restore(left.talk, CSEQ_GAP, partial(self._take_up_media, ready, left.voice))
        self._ready.append(ready)
        self._services.records.resume(row.call_id, call)
        call.note("taken up again after a restart of the gateway", kind="state")
        metrics.records.CALLS_RECOVERED.labels("taken-up").inc()
        found.taken_up += 1
        self._ask_over_streams(call)
        if left.talk.test:
            reason = "its probe has had its time, over a restart of the gateway"
            asyncio.get_running_loop().call_later(TEST_LEFT_S, self._calls.hangup, row.call_id, reason)
        if doubt is not None:  # said before the flow of the call begins to run
            self._go_on(call, doubt)

    def _end(self, left: Unfinished, found: Recovered) -> None:
        """Tell both sides of a call that is not carried on."""
        self._calls.undertaker.end(left)
        self._services.records.hold(replace(left, ended=True), HELD_S)
        if left.caller is not None or not left.ended:  # else it was over
            metrics.records.CALLS_RECOVERED.labels("ended").inc()
            found.ended += 1

    def _ask_over_streams(self, call: Call) -> None:
        """Ask peers whether the session still stands whose words may be lost: nobody repeats a BYE that came over a
        connection, and was read or still waited to be read when the process died (RFC 3261 §17.1.2.2)."""
        for leg in (call.caller, call.centre):
            if leg is not None and leg.flow.transport in (
                "tcp",
                "tls",
            ):  # a WebSocket has to come back first
                wait_s = 1.0 + self._services.ids.number(ASKED_WITHIN_MS) / 1000
                call.after(wait_s, Alarm(AlarmKind.REFRESH, leg.name))

    def _go_on(self, call: Call, doubt: Doubt) -> None:
        """Go on with what was under way."""
        if not doubt.at_rest:
            call.note("something was under way at the restart: both sides are offered what stands now")
            call.live.owe(call.caller, call.centre, *call.live.phones.values())
        for one in doubt.outstanding:
            message = self._calls.undertaker.repeat(call.talk.call_id, one)
            leg = call.legs.in_dialog(message) if message is not None else None
            if leg is None:
                continue  # one that has left, or was refused
            if isinstance(message, Request) and message.method == "BYE":
                leg.end_by(message)
            elif isinstance(message, Response) and message.status < 300 and message.cseq[1] == "INVITE":
                leg.await_ack(one.txn, one.txn in doubt.answers_due)
        self._calls.undertaker.part(call.talk.call_id, doubt.unwanted)
        if (referral := doubt.referral) is not None:
            record = call.talk.legs.get(referral.leg)
            asked = call.legs.all.get(record.key) if record is not None else None
            if isinstance(asked, SipLeg):
                call.note("a transfer was under way at the restart: nothing comes of it", asked.name)
                asked.tell_referral(referral.subscription, 503, "Service Unavailable")
        for waiting in doubt.requests:  # as if it came again
            with suppress(PeerError):
                request = parse_message(waiting.invite)
                if isinstance(request, Request) and (leg := call.legs.in_dialog(request, from_peer=True)) is not None:
                    leg.expect_again(request)
            self._services.driver.received(waiting.flow, waiting.invite)

    async def _take_up_media(self, ready: asyncio.Future[None], voice: VoiceClaim | None, call: Call) -> None:
        """Take the media of a call, in its own task; so many at a time, since an engine may not answer."""
        try:
            await self._take_up_voice(call, voice)
            async with self._turns:
                await self._take_up_room(call)
        except Exception:  # of the media alone: the call lives by now
            log.exception("media of before could not be taken up", call_id=call.talk.call_id)
        finally:
            ready.set_result(None)
        call.tell()

    async def _take_up_voice(self, call: Call, claim: VoiceClaim | None) -> None:
        """Hear of the relay again; one that is gone is replaced as if its worker had died."""
        voice = call.talk.voice
        if claim is None or voice.relay is None:  # it was moving when the process died
            spend_keys(call.live, "audio")
            call.post(TimeUp(Alarm(AlarmKind.MOVE_VOICE)))
            return
        try:
            carried = await claim.come_for(call.post)
        except MediaError as error:
            call.note(f"the voice has to move: {error}", kind="media")
            call.post(RelayLost(call.talk.call_id, voice.relay.relay_id, str(error)))
            return
        if claim.why_again:
            call.note(f"the voice has its ports again: {claim.why_again}", kind="media")
            spend_keys(call.live, "audio")
            owe_keys(call.live)
        for number in voice.note_carried(carried):  # it may have been changed after the record was written
            call.audio.remove(number)
        call.audio.follow()

    async def _take_up_room(self, call: Call) -> None:
        """Hear of the video room again; one that is gone is replaced as if its worker had died."""
        room = call.talk.room
        if room.room is None:
            if room.homeless:  # it was moving when the process died
                call.post(TimeUp(Alarm(AlarmKind.MOVE_VIDEO)))
            return
        try:
            carried = await self._room_again(call, room, room.room)
        except MediaError as error:
            call.note(f"the video has to move: {error}", kind="media")
            call.post(RoomLost(call.talk.call_id, room.room.room_id, str(error)))
            return
        there = {participant.handle.name: participant.handle for participant in carried.participants}
        for name in room.secure_members:  # after an ICE restart that nobody has heard of it has other credentials
            if (handle := there.get(name)) is not None and handle.secure is not None:
                room.members[name].handle = handle
        known = {name: member.handle for name, member in room.members.items()}
        missing = {name for name, handle in known.items() if there.get(name) != handle}
        lost = tuple(name for name in room.secure_members if name in missing)
        if missing.difference(lost):
            # It was about to change when the process died: a new one holds whoever the call says is in it.
            call.note(f"the video has to move: {', '.join(sorted(missing))} has no place in it", kind="media")
            call.post(RoomLost(call.talk.call_id, room.room.room_id, "it was about to change at a restart"))
            await self._services.rooms.close_room(room.room)
            return
        if lost or len(carried.pictures) < len(room.images):
            call.post(PlacesLost(lost))
        for participant in carried.participants:
            if known.get(participant.handle.name) != participant.handle:
                await self._services.rooms.leave(participant.handle)

    async def _room_again(self, call: Call, room: RoomState, handle: RoomHandle) -> CarriedRoom:
        """The room of before; where its worker is gone, it is opened again as it was. Raises MediaError."""
        engine = self._services.rooms
        try:
            return await engine.adopt_room(handle, call.post)
        except MediaError as error:
            networks = {name: member.network for name, member in room.members.items()}
            carried = await engine.restore_room(room.to_restore(handle), networks, call.post)
            call.note(f"the video has its ports again: {error}", kind="media")
            spend_keys(call.live, "video")
            owe_keys(call.live)
            return carried

    def _refuse(self, row: Row, reason: str, found: Recovered) -> None:
        """A call that cannot be carried on is ended on both sides, and operators are told."""
        found.refused += 1
        metrics.records.CALLS_RECOVERED.labels("refused").inc()
        dialogs = _outline_of(row).dialogs
        log.error("a call of before is lost", call_id=row.call_id, reason=reason, told=[one.leg for one in dialogs])
        reason = f"lost at the restart of the gateway: {reason}"
        left = _with_doubt(Unfinished(row.call_id, dialogs=dialogs, reason=reason), _doubt_of(row))
        self._calls.undertaker.end(left)
        if dialogs:
            self._services.records.hold(replace(left, ended=True), HELD_S)
        else:
            self._services.records.forget(row.call_id)


def _with_doubt(left: Unfinished, doubt: Doubt | None) -> Unfinished:
    """What is left of a call, with what was under way in it."""
    if doubt is None:
        return left
    return replace(left, outstanding=(*left.outstanding, *doubt.outstanding), requests=doubt.requests)


def _doubt_of(row: Row) -> Doubt | None:
    """What was under way; where that cannot be read, something unknown was."""
    if row.doubt is None:
        return None
    try:
        return talks.read_doubt(row.doubt)
    except ValueError as error:
        log.warning("what was under way in a call of before cannot be read", call_id=row.call_id, reason=str(error))
        return Doubt()


def _outline_of(row: Row) -> Outline:
    """The dialogs that a call has left; none where that cannot be read either."""
    try:
        return talks.read_outline(unframed(row.record).outline)
    except ValueError:
        return Outline()
