"""The voice half of a call: its relay and where the relay's two sides point.

Nobody waits for the media engine here: a flow says what it wants, the newest wish of a side wins, and what came of a
request enters the call's inbox (`VoiceOpened`, `VoiceUnavailable`, `VoicePointed`, `VoiceCounted`). What it means is
taken into the call there, by `adopt`, `pointed` and those of `VoiceState`.
"""

from __future__ import annotations

from functools import partial

from splitter.calls.events import VoiceCounted, VoiceDoubt, VoiceOpened, VoicePointed, VoiceUnavailable
from splitter.calls.jobs import FAULT, Jobs
from splitter.calls.talk.voice import CALLER, CENTRE, SIDES, VoiceState, remote_end
from splitter.core.errors import MediaError, MediaUnavailable
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.events import MediaListener
from splitter.media.ports.voice import Capability, RelayHandle, RelayReport, SideSpec, VoiceEngine
from splitter.rtp.telephone_event import Digit
from splitter.sdp.model import Session


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
        self._asking = [False, False]
        self._relearning = [False, False]  # to be told where it points though it does already

    @property
    def is_open(self) -> bool:
        """True while there is a relay; False while one is being opened."""
        return self.state.relay is not None

    @property
    def at_rest(self) -> bool:
        """True where there is a relay whose sides point to where they should."""
        state = self.state
        return state.relay is not None and not any(self._asking) and state.wanted == state.pointed

    def local(self, side: int) -> LocalEnd:
        """Our ports towards the caller (0) or the centre (1); the last ones, while the relay is being replaced."""
        return self.state.ours(side)

    # ---- the relay ----

    def open(self, networks: tuple[str, str] | None = None) -> None:
        """Ask for a relay in place of the present one; ends in VoiceOpened or VoiceUnavailable.

        Args:
            networks: where the next route lies in another network; there is nothing to point to there yet.
        """
        former, self.state.relay = self.state.relay, None
        if networks is not None:
            for side, before in enumerate(self.state.networks):
                if before != networks[side]:
                    self.state.wanted[side] = None
            self.state.networks = networks
        self.state.turn += 1
        if former is not None:
            self._jobs.start("the former relay", partial(self._give_back, former))
        self._jobs.start("the relay", partial(self._open, self.state.turn), VoiceUnavailable(self.state.turn, FAULT, 5))

    def adopt(self, event: VoiceOpened) -> bool:
        """The relay that was asked for is there: it points to where the sides are. False where it is of no use."""
        self._opened.remove(event.relay)
        if event.turn != self.state.turn or event.relay.relay_id in self.state.lost:
            self._jobs.start("the former relay", partial(self._give_back, event.relay))
            if event.turn == self.state.turn:
                self.open()
            return False
        self.state.relay, self.state.local = event.relay, event.relay.local
        self.state.pointed, self._asking = [None, None], [False, False]
        self._relearning = [False, False]
        self.state.lost.clear()
        self.state.failed_moves = 0
        self.state.heard = [0, 0]
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
        self, side: int, session: Session, index: int, sources: tuple[str, ...] = (), *, relearn: bool = True
    ) -> None:
        """Send to where this description says the peer receives, and take what comes from there, or from `sources`.

        Args:
            relearn: it was agreed on just now, so the peer may send from another port of its host from now on, even
                where the description is what it was; False where it only says again what is known.
        """
        self.point_to(side, remote_end(session, index, sources), relearn=relearn)

    def point_to(self, side: int, remote: RemoteEnd | None, *, relearn: bool = True) -> None:
        """Point a side there; see `point`."""
        self.state.wanted[side] = remote
        self._relearning[side] = remote is not None and (relearn or self._relearning[side])
        self._follow(side)

    def hush(self, side: int) -> None:
        """Let this side hear nothing, until it is pointed to again."""
        self.state.wanted[side], self._relearning[side] = None, False
        self._follow(side)

    def follow(self) -> None:
        """Ask once more for what was not carried out."""
        self._follow(CALLER)
        self._follow(CENTRE)

    def pointed(self, event: VoicePointed) -> bool:
        """The engine has answered; False where a side still does not point to where it should, and nobody is asked."""
        if self.state.relay is None or event.relay_id != self.state.relay.relay_id:
            return True
        self._asking[event.side] = False
        if event.fault:
            self._relearning[event.side] |= self.state.wanted[event.side] is not None
            return False
        self.state.pointed[event.side] = event.remote
        self._follow(event.side)
        return True

    # ---- what flows through it ----

    async def report(self) -> RelayReport | None:
        """The counters of the relay now; None where there is none, or its engine does not answer."""
        relay = self.state.relay
        try:
            return await self._engine.report(relay) if relay is not None else None
        except MediaError:
            return None

    def count(self, side: int, about: VoiceDoubt | None) -> None:
        """Look whether voice comes from a side; ends in VoiceCounted."""
        self._jobs.start(
            f"the voice of side {side}", partial(self._count, side, about), VoiceCounted(side, None, about)
        )

    @property
    def takes_digits(self) -> bool:
        """Whether a digit can be put into the voice."""
        relay = self.state.relay
        return Capability.DIGITS in (self._engine.can if relay is None else self._engine.can_on(relay))

    async def send_digit(self, side: int, digit: Digit) -> None:
        """Let this side hear a digit in the voice that it gets. For a job.

        Raises:
            MediaError: there is no relay now, or too many digits wait.
        """
        if self.state.relay is None:
            raise MediaUnavailable("the relay is being replaced")
        await self._engine.send_digit(self.state.relay, side, digit)

    # ---- jobs ----

    def _follow(self, side: int) -> None:
        relay = self.state.relay
        known = self.state.wanted[side] == self.state.pointed[side] and not self._relearning[side]
        if relay is None or self._asking[side] or known:
            return
        self._asking[side], self._relearning[side] = True, False
        # A side that is stuck must not hold up the other one, nor the relay that follows.
        key = f"side {side} of {relay.relay_id}"
        remote = self.state.wanted[side]
        failed = VoicePointed(relay.relay_id, side, remote, FAULT)
        self._jobs.start(key, partial(self._point, relay, side, remote), failed)

    async def _point(self, relay: RelayHandle, side: int, remote: RemoteEnd | None) -> VoicePointed:
        try:
            await self._engine.point(relay, side, remote)
        except MediaError as error:
            return VoicePointed(relay.relay_id, side, remote, str(error))
        return VoicePointed(relay.relay_id, side, remote)

    async def _open(self, turn: int) -> VoiceOpened | VoiceUnavailable:
        try:
            sides = tuple(map(SideSpec, SIDES, self.state.networks))
            relay = await self._engine.open(self._call_id, sides, self._on_event)
        except MediaError as error:
            pause_s = error.retry_after_s if isinstance(error, MediaUnavailable) else 5
            return VoiceUnavailable(turn, str(error), pause_s)
        self._opened.append(relay)
        return VoiceOpened(turn, relay)

    async def _give_back(self, relay: RelayHandle) -> None:
        await self._closed(relay)

    async def _closed(self, relay: RelayHandle) -> RelayReport | None:
        try:
            return await self._engine.close(relay)
        except MediaError:
            return None  # the worker is gone, and the relay with it

    async def _count(self, side: int, about: VoiceDoubt | None) -> VoiceCounted:
        report = await self.report()
        return VoiceCounted(side, report.sides[side].packets_in if report is not None else None, about)
