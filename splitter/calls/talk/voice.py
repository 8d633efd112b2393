"""The voice of a call as the media engine was told it: which relay, and where its sides point. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from splitter.calls.states import Side
from splitter.core.errors import LocalError
from splitter.core.net import Address
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.voice import RelayHandle
from splitter.sdp.model import Session


def remote_end(session: Session, index: int, sources: tuple[str, ...] = ()) -> RemoteEnd | None:
    """Where an m-line of the peer receives; None where nothing may be sent to it.

    Args:
        sources: see `Trunk.sources`.
    """
    if session.media[index].port == 0 or session.is_hold(index):
        return None
    host, rtp, rtcp = session.address_of(index)
    return RemoteEnd(Address(host, rtp), Address(host, rtcp), sources)


@dataclass(slots=True)
class VoiceState:
    """The relay of one call; lists have an element for each Side, by its place.

    Attributes:
        networks: that the sides lie in.
        relay: the one in use; None while one is being opened.
        local: our ports; the last ones while there is no relay.
        wanted: where each side is to point. pointed: where it does.
        heard: packets that had come from each side when they were last counted.
        failed_moves: how often in a row no relay could be had.
        turn: counts the requests for a relay. lost: relays that died before they were in use.
    """

    networks: tuple[str, str] = ("", "")
    relay: RelayHandle | None = None
    local: tuple[LocalEnd, ...] | None = None
    wanted: list[RemoteEnd | None] = field(default_factory=lambda: [None, None])
    pointed: list[RemoteEnd | None] = field(default_factory=lambda: [None, None])
    heard: list[int] = field(default_factory=lambda: [0, 0])
    failed_moves: int = 0
    turn: int = 0
    lost: set[str] = field(default_factory=set)

    def ours(self, side: Side) -> LocalEnd:
        """Our ports towards a side; the last ones, while the relay is being replaced. Raises LocalError before any."""
        if self.local is None:
            raise LocalError("the voice of a call was used before it has ports")
        return self.local[side.place]

    def note_heard(self, side: Side, packets: int | None) -> bool:
        """Take in a count; True if voice has come from this side since the one before. When in doubt, it has."""
        if packets is None:
            return True
        before, self.heard[side.place] = self.heard[side.place], packets
        return packets != before

    def note_unavailable(self, turn: int) -> bool:
        """Note that no relay is to be had; False where that was said of an earlier request than the last one."""
        missed = turn == self.turn
        self.failed_moves += missed
        return missed

    def note_lost(self, relay_id: str) -> bool:
        """A relay has died; True if it is the one that the call runs on."""
        if self.relay is None:
            self.lost.add(relay_id)
        return self.relay is not None and self.relay.relay_id == relay_id
