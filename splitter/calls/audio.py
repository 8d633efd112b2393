"""The voice half of a call: its relay, where the relay's sides point, and who hears whom.

Nobody waits for the media engine here: a flow says what it wants, the newest wish of a side wins, and what came of a
request enters the call's inbox (`VoiceOpened`, `VoiceUnavailable`, `VoicePointed`, `VoiceAdded`, `HearingSet`,
`VoiceCounted`). What it means is taken into the call there, by `adopt`, `pointed` and those of `VoiceState`.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from splitter.calls.events import (
    DigitInserted,
    HearingSet,
    VoiceAdded,
    VoiceCounted,
    VoiceDoubt,
    VoiceOpened,
    VoicePointed,
    VoiceUnavailable,
)
from splitter.calls.jobs import FAULT, Jobs
from splitter.calls.leg_events import DigitPressed
from splitter.calls.states import Side
from splitter.calls.talk.voice import VoiceState, remote_end
from splitter.core.errors import MediaError, MediaUnavailable
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.events import MediaListener
from splitter.media.ports.voice import (
    Capability,
    CarriedRelay,
    Hearing,
    RelayHandle,
    RelayReport,
    SideSpec,
    VoiceEngine,
)
from splitter.rtp.telephone_event import Digit
from splitter.sdp.model import Session
from splitter.sdp.voice import VoiceFormat

_HEARING = "who hears whom"  # among what the engine is asked; no side has this name


class Audio:
    """The voice relay of one call.

    Args:
        state: what is known of it; see VoiceState.
        on_event: the call's inbox, for what the engine says of the relay.
    """

    def __init__(
        self, engine: VoiceEngine, call_id: str, state: VoiceState, on_event: MediaListener, jobs: Jobs
    ) -> None:
        self.state = state
        self._engine = engine
        self._call_id = call_id
        self._on_event = on_event
        self._jobs = jobs
        self._opened: list[RelayHandle] = []  # not adopted yet
        self._asking: set[str] = set()
        self._relearning: set[str] = set()  # to be told where it points though it does already

    @property
    def is_open(self) -> bool:
        """True while there is a relay; False while one is being opened."""
        return self.state.relay is not None

    @property
    def at_rest(self) -> bool:
        """True where there is a relay whose sides point to where they should."""
        state = self.state
        settled = all(state.wish(name) == state.points_to(name) for name in state.names)
        return state.relay is not None and not self._asking and settled and state.hearing == state.set_hearing

    def local(self, side: Side) -> LocalEnd:
        """Our ports towards a side; the last ones, while the relay is being replaced."""
        return self.state.ours(side)

    # ---- the relay ----

    def open(self, networks: tuple[str, str] | None = None) -> None:
        """Ask for a relay in place of the present one; ends in VoiceOpened or VoiceUnavailable.

        Args:
            networks: where the next route lies in another network; there is nothing to point to there yet.
        """
        former, self.state.relay, self.state.left = self.state.relay or self.state.left, None, None
        if networks is not None:
            for index, before in enumerate(self.state.networks):
                if before != networks[index]:
                    self.state.wanted[index] = None
            self.state.networks = networks
        self.state.turn += 1
        if former is not None:
            self._jobs.start("the former relay", partial(self._give_back, former))
        self._jobs.start("the relay", partial(self._open, self.state.turn), VoiceUnavailable(self.state.turn, FAULT, 5))

    def move(self) -> None:
        """Ask for a relay in place of one that died: a mix as it was, at the ports that it had, where that can be.

        Ends as `open`. Where no peer has to be told anything, voices are connected again the soonest.
        """
        state, lost = self.state, self.state.relay
        if lost is not None and state.added and Capability.RESTORE in self._engine.can_on(lost):
            state.relay, state.left = None, lost
        if state.left is None:
            self.open()
            return
        state.turn += 1
        again = partial(self._open_again, state.turn, state.carried(state.left), state.opened_with)
        self._jobs.start("the relay", again, VoiceUnavailable(state.turn, FAULT, 5))

    def adopt(self, event: VoiceOpened) -> bool:
        """The relay that was asked for is there: it points to where the sides are. False where it is of no use."""
        self._opened.remove(event.relay)
        stale = event.relay.relay_id in self.state.lost or (event.again is None and event.sides != self.state.specs)
        if event.turn != self.state.turn or stale:
            self._jobs.start("the former relay", partial(self._give_back, event.relay))
            if event.turn == self.state.turn:
                self.open()
            return False
        unwanted: tuple[int, ...] = ()
        if event.again is None:
            self.state.note_relay(event.relay)
        else:
            unwanted = self.state.note_again(event.again)
        for number in unwanted:
            self.remove(number)
        self._asking.clear()
        self._relearning.clear()
        self.follow()
        return True

    async def close(self) -> RelayReport | None:
        """Give the ports back, after the jobs were ended. Never raises: a call that ends must end."""
        relay, self.state.relay = self.state.relay, None
        for unused in self._opened:
            await self._give_back(unused)
        return await self._closed(relay) if relay is not None else None

    # ---- where it points ----

    def point(
        self, side: Side, session: Session, index: int, sources: tuple[str, ...] = (), *, relearn: bool = True
    ) -> None:
        """Send to where this description says the peer receives, and take what comes from there, or from `sources`.

        Args:
            relearn: it was agreed on just now, so the peer may send from another port of its host from now on, even
                where the description is what it was; False where it only says again what is known.
        """
        self.point_to(side, remote_end(session, index, sources), relearn=relearn)

    def point_to(self, side: str, remote: RemoteEnd | None, *, relearn: bool = True) -> None:
        """Point a side there; see `point`."""
        self.state.set_wish(side, remote)
        if remote is None:
            self._relearning.discard(side)
        elif relearn:
            self._relearning.add(side)
        if remote is not None and remote.keys is not None and self._lacks_srtp:
            self.state.encrypted = True
            self.open()
        self._follow(side)

    @property
    def _lacks_srtp(self) -> bool:
        """Whether the relay in use cannot encrypt, and another one could."""
        relay, able = self.state.relay, Capability.SRTP in self._engine.can
        return able and relay is not None and Capability.SRTP not in self._engine.can_on(relay)

    def hush(self, side: Side) -> None:
        """Let this side hear nothing, until it is pointed to again."""
        self.point_to(side, None)

    def follow(self) -> None:
        """Ask once more for what was not carried out."""
        for name in self.state.names:
            self._follow(name)
        self._follow_hearing()

    def pointed(self, event: VoicePointed) -> bool:
        """The engine has answered; False where a side still does not point to where it should, and nobody is asked."""
        if self.state.relay is None or event.relay_id != self.state.relay.relay_id:
            return True
        self._asking.discard(event.side)
        if event.fault:
            if self.state.wish(event.side) is not None:
                self._relearning.add(event.side)
            return event.side not in self.state.names
        self.state.set_pointed(event.side, event.remote)
        self._follow(event.side)
        return True

    # ---- further sides, and who hears whom ----

    def add(self, name: str) -> None:
        """Ask for ports of a side that the state has; ends in VoiceAdded."""
        relay = self.state.relay
        if relay is None:
            self._jobs.start("the sides", partial(_at_once, VoiceAdded("", name, None, "the voice is moving")))
            return
        network = self.state.added[name].network
        failed = VoiceAdded(relay.relay_id, name, None, FAULT)
        self._jobs.start("the sides", partial(self._add, relay, SideSpec(name, network)), failed)

    def remove(self, number: int) -> None:
        """Give back a side that the state has no more."""
        if (relay := self.state.relay) is not None and number >= 0:
            self._jobs.start("the sides", partial(self._remove, relay, number))

    def hear(self, hearing: Hearing) -> None:
        """Let sides hear each other so; ends in HearingSet. The newest wish wins."""
        self.state.hearing = hearing
        self._follow_hearing()

    def hearing_set(self, event: HearingSet) -> bool:
        """The engine has answered; False where it has not taken it, and nobody is asked."""
        if self.state.relay is None or event.relay_id != self.state.relay.relay_id:
            return True
        self._asking.discard(_HEARING)
        if event.fault:
            return False
        self.state.set_hearing = event.hearing
        self._follow_hearing()
        return True

    def can_mix(self, format: VoiceFormat) -> bool:
        """Tell whether a side that speaks this can be in a mix."""
        return self._engine.can_mix(format)

    @property
    def may_mix(self) -> bool:
        """Tell whether this relay, or another one, can connect more than two."""
        return Capability.MIX in self._engine.can

    @property
    def mixes(self) -> bool:
        """Tell whether the relay in use can connect more than two."""
        relay = self.state.relay
        return relay is not None and Capability.MIX in self._engine.can_on(relay)

    # ---- what flows through it ----

    async def report(self) -> RelayReport | None:
        """The counters of the relay now; None where there is none, or its engine does not answer."""
        relay = self.state.relay
        try:
            return await self._engine.report(relay) if relay is not None else None
        except MediaError:
            return None

    def count(self, side: Side, about: VoiceDoubt | None) -> None:
        """Look whether voice comes from a side; ends in VoiceCounted."""
        self._jobs.start(f"the voice of the {side}", partial(self._count, side, about), VoiceCounted(side, None, about))

    @property
    def takes_digits(self) -> bool:
        """Whether a digit can be put into the voice."""
        relay = self.state.relay
        return Capability.DIGITS in (self._engine.can if relay is None else self._engine.can_on(relay))

    def insert(self, side: Side, name: str, digit: Digit, pressed: DigitPressed) -> None:
        """Let a side hear a digit in the voice that it gets; ends in DigitInserted. `name`: of the leg there."""
        failed = DigitInserted(pressed, name, FAULT)
        self._jobs.start("digits", partial(self._insert, side, name, digit, pressed), failed)

    # ---- jobs ----

    def _follow(self, side: str) -> None:
        state, relay = self.state, self.state.relay
        remote = state.wish(side)
        known = remote == state.points_to(side) and side not in self._relearning
        if relay is None or side in self._asking or known or state.number(side) < 0:
            return
        self._asking.add(side)
        self._relearning.discard(side)
        # A side that is stuck must not hold up the other one, nor the relay that follows.
        key = f"the {side} on {relay.relay_id}"
        failed = VoicePointed(relay.relay_id, side, remote, FAULT)
        self._jobs.start(key, partial(self._point, relay, side, state.number(side), remote), failed)

    def _follow_hearing(self) -> None:
        relay, hearing = self.state.relay, self.state.hearing
        if relay is None or _HEARING in self._asking or hearing == self.state.set_hearing:
            return
        self._asking.add(_HEARING)
        failed = HearingSet(relay.relay_id, hearing, FAULT)
        self._jobs.start("the sides", partial(self._hear, relay, hearing), failed)

    async def _add(self, relay: RelayHandle, spec: SideSpec) -> VoiceAdded:
        try:
            return VoiceAdded(relay.relay_id, spec.name, await self._engine.add_side(relay, spec))
        except MediaError as error:
            return VoiceAdded(relay.relay_id, spec.name, None, str(error))

    async def _remove(self, relay: RelayHandle, number: int) -> None:
        with suppress(MediaError):  # the worker is gone, and the side with it
            await self._engine.remove_side(relay, number)

    async def _hear(self, relay: RelayHandle, hearing: Hearing) -> HearingSet:
        try:
            await self._engine.set_hearing(relay, hearing)
        except MediaError as error:
            return HearingSet(relay.relay_id, hearing, str(error))
        return HearingSet(relay.relay_id, hearing)

    async def _point(self, relay: RelayHandle, side: str, number: int, remote: RemoteEnd | None) -> VoicePointed:
        try:
            await self._engine.point(relay, number, remote)
        except MediaError as error:
            return VoicePointed(relay.relay_id, side, remote, str(error))
        return VoicePointed(relay.relay_id, side, remote)

    async def _insert(self, side: Side, name: str, digit: Digit, pressed: DigitPressed) -> DigitInserted:
        try:
            if self.state.relay is None:
                raise MediaUnavailable("the relay is being replaced")
            await self._engine.send_digit(self.state.relay, self.state.number(side), digit)
        except MediaError as error:
            return DigitInserted(pressed, name, str(error))
        return DigitInserted(pressed, name)

    async def _open(self, turn: int) -> VoiceOpened | VoiceUnavailable:
        sides = self.state.specs
        needs = frozenset({Capability.MIX}) if len(sides) > len(Side) else frozenset()
        if self.state.encrypted:
            needs |= {Capability.SRTP}
        try:
            relay = await self._engine.open(self._call_id, sides, self._on_event, needs)
        except MediaError as error:
            pause_s = error.retry_after_s if isinstance(error, MediaUnavailable) else 5
            return VoiceUnavailable(turn, str(error), pause_s)
        self._opened.append(relay)
        return VoiceOpened(turn, relay, sides)

    async def _open_again(
        self, turn: int, carried: CarriedRelay, sides: tuple[SideSpec, ...]
    ) -> VoiceOpened | VoiceUnavailable:
        try:
            await self._engine.restore(carried, sides, self._on_event)
        except MediaError:
            return await self._open(turn)
        self._opened.append(carried.handle)
        return VoiceOpened(turn, carried.handle, sides, carried)

    async def _give_back(self, relay: RelayHandle) -> None:
        await self._closed(relay)

    async def _closed(self, relay: RelayHandle) -> RelayReport | None:
        try:
            return await self._engine.close(relay)
        except MediaError:
            return None  # the worker is gone, and the relay with it

    async def _count(self, side: Side, about: VoiceDoubt | None) -> VoiceCounted:
        report = await self.report()
        number = self.state.number(side)
        counted = report is not None and number < len(report.sides)
        return VoiceCounted(side, report.sides[number].packets_in if report and counted else None, about)


async def _at_once(event: VoiceAdded) -> VoiceAdded:
    return event
