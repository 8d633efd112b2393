"""One world full of calls, and what must be true of every one of them, whatever the network does."""

from __future__ import annotations

import asyncio
import hashlib
import random
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from splitter.calls.call import Call
from splitter.calls.settings import CallSettings, Srtp, Transfers
from splitter.calls.states import CallState, LegState
from splitter.calls.talk.record import read, written
from splitter.core.errors import MediaUnavailable
from splitter.telemetry import metrics
from tests.alike import alike
from tests.counted import value
from tests.sim.browsers import astray
from tests.sim.phones import is_phone, mix_faults, phones, phones_desk, voices
from tests.sim.plans import mixed, mixed_centre, plain, plain_centre
from tests.sim.scripts import Script, caller, centre
from tests.sim.transfers import transferring_centre, transfers
from tests.world import PeerCall, Weather, World
from tests.world.secure import secure

SPREAD_S = 60.0
PATIENCE_S = 4000.0
LEFT_S = 120.0


@dataclass(frozen=True, slots=True)
class Setting:
    """One run.

    Attributes:
        loss: of datagrams; duplication, jitter and lateness grow with it.
        plain: every call is wanted by everybody; else anything may happen.
        mishaps: media workers die, and requests about video fail.
        deaths: how often the gateway's process is killed and begun again.
        phones: desks invite some, mute them, leave. transfers: centres hand callers on by REFER.
        srtp: every neighbour speaks SRTP alone, with keys in SDP.
        amnesia: now and then a call at rest is written down and goes on with what was read; nobody may notice.
    """

    seed: int
    calls: int = 50
    loss: float = 0.05
    plain: bool = False
    mishaps: bool = True
    amnesia: bool = True
    deaths: int = 0
    phones: bool = False
    transfers: bool = False
    srtp: bool = False

    @property
    def weather(self) -> Weather:
        loss = self.loss
        return Weather(loss=loss, duplication=loss / 2, delay_s=0.02, jitter_s=loss and 0.1, late=loss / 4)

    @property
    def command(self) -> str:
        """How to play it again."""
        flags = " --plain" * self.plain + " --no-mishaps" * (not self.mishaps) + " --no-amnesia" * (not self.amnesia)
        flags += f" --deaths {self.deaths}" * bool(self.deaths) + " --phones" * self.phones
        flags += " --transfers" * self.transfers + " --srtp" * self.srtp
        return f"python -m tests.sim --seed {self.seed} --calls {self.calls} --loss {self.loss:g}{flags}"


@dataclass(slots=True)
class Result:
    """What came of a run.

    Attributes:
        outcomes: calls by the caller's final status.
        ghosts: phones of the centre that rang on for long after the call had gone elsewhere.
        wanted, connected: calls that only the network could keep from being set up, and those that were.
        forgotten: how often a call went on with what was written down of it.
        taken_up: calls that went on after a death.
        faults: what must not be, each with the ladder of its call.
        digest: of every datagram that was sent, in order: equal for equal behaviour of everybody.
    """

    setting: Setting
    outcomes: Counter[int] = field(default_factory=Counter)
    ghosts: int = 0
    wanted: int = 0
    connected: int = 0
    datagrams: int = 0
    lost: int = 0
    virtual_s: float = 0.0
    forgotten: int = 0
    taken_up: int = 0
    faults: list[str] = field(default_factory=list)
    digest: str = ""


class Run:
    """A run in progress."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.result = Result(setting)
        self._rng = random.Random(f"{setting.seed} sim")
        settings, trunk = CallSettings(), dict[str, Any]()
        if not setting.plain:
            settings = CallSettings(session_expires_s=self._rng.choice((90, 180, 1800)))
            trunk = {"delayed_offer": self._rng.random() < 0.2, "reliable_provisional": self._rng.random() < 0.8}
        if setting.transfers:
            trunk["transfers"] = Transfers.REFER
        if setting.srtp:
            trunk |= {"srtp": Srtp.REQUIRED, "srtp_in_clear": True}
        self.world = World(setting.seed, setting.weather, settings=settings, trunk=trunk)
        if setting.srtp:
            for peer in (self.world.sbc, self.world.pbx, self.world.pbx2, self.world.desk):
                secure(peer)
        self._joined_before = value(metrics.calls.SEATS_JOINED)
        self._excused: set[str] = set()  # numbers of callers whose voice somebody else has spoilt
        self._broken_since: dict[str, float] = {}
        self._lost_since: dict[str, float] = {}
        self._astray_since: dict[str, float] = {}
        self._answered: set[str] = set()
        self._blamed: set[str] = set()
        self._tasks: list[asyncio.Task[PeerCall]] = []
        self._storm: asyncio.Task[None] | None = None
        self._others: set[asyncio.Task[None]] = set()
        self._forgetting = random.Random(f"{self.setting.seed} forgetting")

    def play(self) -> Result:
        """From the first call to the last timer."""
        digest = hashlib.sha256()
        with self.world as world:
            world.wire.watchers.append(
                lambda sent: digest.update(f"{sent.source} {sent.target}\n".encode() + sent.data)
            )
            world.pbx.on_call = world.pbx2.on_call = self._on_call
            if self.setting.phones:
                world.sbc.on_call = self._on_call
            if self.setting.mishaps:
                world.engine.fault = self._fault
                self._storm = world.loop.create_task(self._mishaps())
            if self.setting.deaths:
                self._begin(self._deaths())
            roll = plain if self.setting.plain else mixed
            for number in range(self.setting.calls):
                name = f"138{number:08d}"
                plan = roll(random.Random(f"{self.setting.seed} call {number}"), SPREAD_S)
                task = world.loop.create_task(caller(world, plan, name, self._begin), name=name)
                task.add_done_callback(self._note_error)
                self._tasks.append(task)
                self._begin(self._watch(name))
                if self.setting.phones:
                    self._begin(self._desk_with_phones(name, number))
                if self.setting.transfers:
                    self._begin(self._transferring(name, number))
            if not world.loop.run_until(self._over, PATIENCE_S):
                self._blame_unended()
            if self._storm is not None:
                self._storm.cancel()
            world.loop.run_until(lambda: not world.leftovers() and not world.rows, LEFT_S)
            self._judge_end()
        self.result.digest = digest.hexdigest()
        return self.result

    # ---- what happens besides the callers ----

    def _begin(self, script: Script) -> None:
        task = self.world.loop.create_task(script)
        self._others.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._others.discard(task)
        self._note_error(task)

    def _note_error(self, task: asyncio.Task[Any]) -> None:
        """A script that fails is a fault too, of the simulation or of what it met."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.result.faults.append("script failed:\n" + "".join(traceback.format_exception(error)))

    def _on_call(self, call: PeerCall) -> None:
        roll = plain_centre if self.setting.plain else mixed_centre
        who = call.invite.uri if is_phone(call) else call.number
        plan = roll(random.Random(f"{self.setting.seed} {call.peer.name} {who}"))
        self._begin(centre(self.world, call, plan))

    async def _desk_with_phones(self, name: str, number: int) -> None:
        while (call := self._call(name)) is None:  # noqa: ASYNC110 - not told
            await asyncio.sleep(0.5)
        await phones_desk(self.world, call, phones(self.setting.seed, number))

    async def _transferring(self, name: str, number: int) -> None:
        while (call := self._call(name)) is None:  # noqa: ASYNC110 - not told
            await asyncio.sleep(0.5)
        await transferring_centre(self.world, call, transfers(self.setting.seed, number), number)

    async def _mishaps(self) -> None:
        """A media worker dies now and then."""
        while True:
            await asyncio.sleep(self._rng.uniform(5, 40))
            self.world.engine.kill(self._rng.randrange(2), self._rng.uniform(0.1, 3))

    async def _deaths(self) -> None:
        """The gateway's process is killed while calls are at whatever they are at."""
        dice = random.Random(f"{self.setting.seed} deaths")
        for at_s in sorted(dice.uniform(5, 2 * SPREAD_S) for _ in range(self.setting.deaths)):
            await asyncio.sleep(max(0.0, at_s - self.world.now))
            answered = {call.talk.call_id for call in self.world.live_calls() if _is_answered(call)}
            before = {call_id: len(self.world.traces[call_id]) for call_id in answered}
            found = await self.world.die_for(dice.uniform(0.1, 2))
            lost = [call_id for call_id in sorted(answered) if not self._went_on(call_id, before[call_id])]
            self.result.taken_up += found.taken_up
            self.result.faults += [f"the answered call {call_id} was lost by a death" for call_id in lost]
            self.result.faults += [f"{found.refused} calls were refused after a death"] * bool(found.refused)

    def _went_on(self, call_id: str, since: int) -> bool:
        """A call was taken up after a death, whatever became of it then, or was ending when the process died."""
        told = [event.text for event in self.world.traces[call_id][since:]]
        return any(text.startswith(("taken up again", "ended: the caller", "ended: the centre")) for text in told)

    def _fault(self, operation: str, call_id: str) -> Exception | None:
        """Requests about video fail sometimes; that must never show in the voice."""
        video = ("open_room", "join", "join_secure", "restart_ice", "set_participant", "show", "snapshot")
        if operation in video and self._rng.random() < 0.02:
            return MediaUnavailable("as the dice fell")
        return None

    async def _watch(self, number: str) -> None:
        """Look at one call's voice from its answer to its end."""
        world = self.world
        while True:
            await asyncio.sleep(0.5)
            call = self._call(number)
            if call is None or call.state == "early":
                continue
            if call.state == "ended" and world.find_call(call) is None:
                return
            if self.setting.amnesia:
                self._forget(call)
            self._judge_voice(call)
            self._judge_picture(call)
            self._judge_room(call)

    def _forget(self, caller_call: PeerCall) -> None:
        """The gateway's call goes on with what can be written down of it, and with nothing else."""
        live = self.world.find_call(caller_call)
        if live is None or not live.at_rest or self._forgetting.random() < 0.5:
            return
        talk = read(written(live.talk))
        if not alike(talk, live.talk):
            self._blame(caller_call, "what was read is not what was written")
        live.take_up(talk)
        self.result.forgotten += 1

    # ---- judging ----

    def _over(self) -> bool:
        return all(task.done() for task in self._tasks) and not self._others and not len(self.world.calls)

    def _call(self, number: str) -> PeerCall | None:
        return next((call for call in self.world.sbc.calls.values() if call.number == number), None)

    def _judge_voice(self, caller_call: PeerCall) -> None:
        """Voice that is not connected, while nothing is being negotiated, is wrong if it stays so."""
        world, number = self.world, caller_call.number
        inside = world.centre_of(caller_call)
        if inside is None or number in self._blamed:
            return
        live = world.find_call(caller_call)
        if live is None:
            return
        for side, one in enumerate((caller_call, inside)):
            if one.vanished:
                world.engine.silent.add((live.talk.call_id, side))
                self._excused.add(number)
        if live.talk.phones:
            if any(call.vanished for call in voices(world, live)):
                self._excused.add(number)
            inside = next((call for call in voices(world, live) if not call.settled), inside)
        quiet = caller_call.settled and inside.settled
        if number in self._excused or not quiet or inside.state != "confirmed":
            self._broken_since.pop(number, None)
            return
        faults = mix_faults(world, live) if live.talk.phones else world.voice_faults(caller_call)
        if not faults:
            self._broken_since.pop(number, None)
            return
        since = self._broken_since.setdefault(number, world.now)
        if world.now - since > self._patience_s(caller_call, inside):
            self._blame(caller_call, f"voice is not connected since {since:.1f} s: " + "; ".join(faults))

    def _judge_picture(self, caller_call: PeerCall) -> None:
        """What desks are shown of the caller's video is what its phone does; while nothing is being negotiated."""
        number, live = caller_call.number, self.world.find_call(caller_call)
        if live is None or number in self._blamed or number in self._excused:
            return
        state, runs = live.talk.video.view.state, caller_call.terminal.way("video") is not None
        steady = caller_call.state == "confirmed" and caller_call.settled and live.talk.state == "connected"
        if not steady or state in ("asking", "dropping") or (state == "on") == runs:
            self._astray_since.pop(number, None)
        elif self.world.now - self._astray_since.setdefault(number, self.world.now) > self._patience_s(caller_call):
            self._blame(caller_call, f"desks see that video is {state}, and it {'runs' if runs else 'does not run'}")

    def _judge_room(self, caller_call: PeerCall) -> None:
        """Who is a party is in the room, and nobody else; what has just happened is still on its way to the call."""
        number, live = caller_call.number, self.world.find_call(caller_call)
        fault = astray(self.world, live) if live is not None and live.talk.state != "ended" else ""
        if not fault:
            self._lost_since.pop(number, None)
        elif self.world.now - self._lost_since.setdefault(number, self.world.now) > 2.0:
            self._blame(caller_call, fault)

    def _patience_s(self, *calls: PeerCall) -> float:
        """A peer that refuses to hear of a change is asked again, more and more seldom; one that does not acknowledge a
        200 cannot be asked before 64*T1 have passed (RFC 3261 §14.1).
        """
        if any(call.declined for call in calls):
            return 100.0
        slow = self.setting.loss or not all(call.acks for call in calls)
        return 45.0 + 200 * max(0.0, self.setting.loss - 0.2) if slow else 8.0

    def _blame_unended(self) -> None:
        for task in self._tasks:
            call = self._call(task.get_name())
            if call is not None and (not task.done() or self.world.find_call(call) is not None):
                self._blame(call, "the call does not end")

    def _judge_end(self) -> None:
        world, result = self.world, self.result
        for peer in world.peers:
            for call in peer.calls.values():
                if call.state != "ended":
                    self._blame(call, f"{peer.name} still thinks it is in the call ({call.state})")
                for fault in world.monitor.faults.get(call.sip_call_id, ()):
                    self._blame(call, f"illegal: {fault}")
        result.faults += [f"left behind: the record of {call_id}" for call_id in world.rows]
        result.faults += [*world.leftovers(), *world.faults(wire=False)]
        if joined := value(metrics.calls.SEATS_JOINED) - self._joined_before:
            result.faults.append(f"left behind: {joined:g} seats that are counted as joined")
        rang = [call for peer in (world.pbx, world.pbx2) for call in peer.calls.values()]
        result.ghosts = sum("ghost" in call.heard for call in rang)
        for task in self._tasks:
            call = self._call(task.get_name())  # type: ignore[assignment]
            if call is None:
                continue
            if not call.status and not call.vanished:
                self._blame(call, "the INVITE never got a final response")
            result.outcomes[call.status] += 1
            result.wanted += self.setting.plain
            result.connected += self.setting.plain and call.status == 200
        result.datagrams, result.virtual_s = world.wire.count, world.now
        result.lost = sum("lost" in sent.fate for sents in world.wire.sent.values() for sent in sents)

    def _blame(self, call: PeerCall, text: str) -> None:
        if call.number in self._blamed:
            return
        self._blamed.add(call.number)
        self.result.faults.append(f"{call}: {text}\n{self.world.ladder(call)}")


def _is_answered(call: Call) -> bool:
    """Both sides have been told; a 200 may still wait for a PRACK or for resources."""
    told = all(leg.state is LegState.CONFIRMED for leg in (call.caller, call.centre) if leg is not None)
    return call.talk.state is CallState.CONNECTED and told
