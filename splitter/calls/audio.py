"""The voice half of a call: its relay and where the relay's two sides point. Asks the media engine."""

from __future__ import annotations

from splitter.core.errors import MediaError, MediaUnavailable
from splitter.core.net import Address
from splitter.media.engine import LocalEnd, MediaEngine, MediaListener, RelayHandle, RelayReport, RemoteEnd
from splitter.rtp.telephone_event import Digit
from splitter.sdp.model import Session

CALLER, CENTRE = 0, 1


def remote_end(session: Session, index: int) -> RemoteEnd | None:
    """Where an m-line of the peer receives; None where nothing may be sent to it."""
    if session.media[index].port == 0 or session.is_hold(index):
        return None
    host, rtp, rtcp = session.address_of(index)
    return RemoteEnd(Address(host, rtp), Address(host, rtcp))


class Audio:
    """One call's audio relay.

    Args:
        networks: of the caller's and of the centre's side.

    Attributes:
        failed_moves: how often in a row no other relay could be had.
    """

    def __init__(self, engine: MediaEngine, call_id: str, networks: tuple[str, str], on_event: MediaListener) -> None:
        self._engine = engine
        self._call_id = call_id
        self._networks = networks
        self._on_event = on_event
        self._relay: RelayHandle | None = None
        self._heard = [0, 0]
        self.failed_moves = 0
        self._local: tuple[LocalEnd, LocalEnd] | None = None
        self._wanted: list[RemoteEnd | None] = [None, None]
        self._pointed: list[RemoteEnd | None] = [None, None]

    async def open(self) -> None:
        """Bind the ports.

        Raises:
            MediaError: no ports or no worker: the call cannot be carried.
        """
        self._relay = await self._engine.open_relay(self._call_id, self._networks, self._on_event)
        self._local = self._relay.local

    def local(self, side: int) -> LocalEnd:
        """Our ports towards the caller (0) or the centre (1); the last ones, while the relay is being replaced."""
        assert self._local is not None
        return self._local[side]

    def is_on(self, relay_id: str) -> bool:
        """True if the call runs on this relay now."""
        return self._relay is not None and self._relay.relay_id == relay_id

    async def point(self, side: int, session: Session, index: int) -> None:
        """Send to where this description says the peer receives.

        Raises:
            MediaError: the engine did not take it; a relay that is opened later will.
        """
        remote = self._wanted[side] = remote_end(session, index)
        if self._relay is not None and remote != self._pointed[side]:
            await self._engine.set_remote(self._relay, side, remote)
            self._pointed[side] = remote

    async def hush(self, side: int) -> None:
        """Let this side hear nothing, until it is pointed to again.

        Raises:
            MediaError: the engine did not take it.
        """
        self._wanted[side] = None
        if self._relay is not None and self._pointed[side] is not None:
            await self._engine.set_remote(self._relay, side, None)
            self._pointed[side] = None

    async def move(self, networks: tuple[str, str] | None = None) -> None:
        """Open a fresh relay in place of the present one, pointing to the same remotes.

        Args:
            networks: where the next route lies in another network; there is nothing to point to there yet.
        Raises:
            MediaError: no ports or no worker.
        """
        await self.close()
        if networks is not None:
            self._networks = networks
            self._wanted[CENTRE] = None
        self.failed_moves += 1
        await self.open()
        assert self._relay is not None
        self.failed_moves = 0
        self._pointed = [None, None]
        for side, remote in enumerate(self._wanted):
            if remote is not None:
                await self._engine.set_remote(self._relay, side, remote)
                self._pointed[side] = remote

    async def send_digit(self, side: int, digit: Digit) -> None:
        """Let this side hear a digit in the voice that it gets.

        Raises:
            MediaError: there is no relay now, or too many digits wait.
        """
        if self._relay is None:
            raise MediaUnavailable("the relay is being replaced")
        await self._engine.send_digit(self._relay, side, digit)

    async def heard(self, side: int) -> bool:
        """True if voice has come from this side since this was last asked; when in doubt, it has."""
        try:
            report = await self._engine.report_relay(self._relay) if self._relay else None
        except MediaError:
            return True
        if report is None:
            return True
        before, self._heard[side] = self._heard[side], report.sides[side].packets_in
        return self._heard[side] != before

    @property
    def networks(self) -> tuple[str, str]:
        return self._networks

    async def close(self) -> RelayReport | None:
        """Give the ports back. Never raises: a call that ends must end."""
        relay, self._relay = self._relay, None
        if relay is None:
            return None
        try:
            return await self._engine.close_relay(relay)
        except MediaError:
            return None  # the worker is gone, and the relay with it
