"""The voice of a call as the media engine was told it: which relay, and where its sides point. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from splitter.calls.states import Side
from splitter.core.errors import LocalError
from splitter.core.net import Address
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.voice import CarriedRelay, Hearing, RelayHandle, SideHandle, SideSpec
from splitter.sdp.model import Session


def remote_end(session: Session, index: int, sources: tuple[str, ...] = ()) -> RemoteEnd | None:
    """Where an m-line of the peer receives; None where nothing may be sent to it.

    Args:
        sources: see `Trunk.sources`.
    """
    if session.media[index].port == 0 or session.is_hold(index):
        return None
    host, rtp, rtcp = session.address_of(index)
    return RemoteEnd(Address(host, rtp), Address(host, rtcp), sources, keys=session.media[index].keys)


_PLACES = {side.value: side.place for side in Side}  # of the two that talk, in their order


@dataclass(slots=True)
class AddedVoice:
    """A side of the relay besides the two that talk: a phone that was invited.

    Attributes:
        network: that it lies in.
        number: what the engine calls it. local: our ports towards it; None before it has any.
        wanted: where it is to point. pointed: where it does.
        heard: packets that had come from it when they were last counted.
    """

    network: str
    number: int = -1
    local: LocalEnd | None = None
    wanted: RemoteEnd | None = None
    pointed: RemoteEnd | None = None
    heard: int = 0


@dataclass(slots=True)
class VoiceState:
    """The relay of one call; lists have an element for each Side, by its place.

    Attributes:
        networks: that the two sides lie in.
        relay: the one in use; None while one is being opened.
        local: our ports; the last ones while there is no relay.
        wanted: where each side is to point. pointed: where it does.
        heard: packets that had come from each side when they were last counted.
        failed_moves: how often in a row no relay could be had.
        turn: counts the requests for a relay. lost: relays that died before they were in use.
        encrypted: a side has keys, or may get some: only some engines can do that.
        left: the mix that died, as long as it may be opened again where it was.
        added: further sides by name, such as "phone-1".
        numbers: what the engine calls the two sides. given: how many numbers it has given.
        opened: the sides that the relay was opened with; () for the two of `networks`.
        hearing: who is to hear whom; () for everybody everybody. set_hearing: as the engine was told it.
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
    added: dict[str, AddedVoice] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=lambda: [0, 1])
    given: int = 2
    opened: tuple[SideSpec, ...] = ()
    hearing: Hearing = ()
    set_hearing: Hearing = ()
    left: RelayHandle | None = None
    encrypted: bool = False

    # ---- its sides ----

    @property
    def names(self) -> tuple[str, ...]:
        """The sides, the two that talk first."""
        return (*_PLACES, *self.added)

    @property
    def specs(self) -> tuple[SideSpec, ...]:
        """The sides that a relay for all of them is opened with."""
        more = (SideSpec(name, voice.network) for name, voice in self.added.items())
        return (*(SideSpec(name, network) for name, network in zip(_PLACES, self.networks, strict=True)), *more)

    @property
    def opened_with(self) -> tuple[SideSpec, ...]:
        """The sides that the present relay was opened with, whatever has become of them."""
        return self.opened or tuple(SideSpec(*side) for side in zip(_PLACES, self.networks, strict=True))

    def ours(self, name: str) -> LocalEnd:
        """Our ports towards a side; the last ones, while the relay is being replaced. Raises LocalError before any."""
        found = self.local[_PLACES[name]] if name in _PLACES and self.local is not None else None
        if (voice := self.added.get(name)) is not None:
            found = voice.local
        if found is None:
            raise LocalError("the voice of a call was used before it has ports")
        return found

    def number(self, name: str) -> int:
        """The number by which the engine calls a side; -1 for one that it does not know."""
        if (place := _PLACES.get(name)) is not None:
            return self.numbers[place]
        voice = self.added.get(name)
        return voice.number if voice is not None else -1

    def wish(self, name: str) -> RemoteEnd | None:
        """The end that a side is to point to."""
        if (place := _PLACES.get(name)) is not None:
            return self.wanted[place]
        voice = self.added.get(name)
        return voice.wanted if voice is not None else None

    def set_wish(self, name: str, remote: RemoteEnd | None) -> None:
        """A side is to point there from now on; nothing for one that is gone."""
        if (place := _PLACES.get(name)) is not None:
            self.wanted[place] = remote
        elif (voice := self.added.get(name)) is not None:
            voice.wanted = remote

    def points_to(self, name: str) -> RemoteEnd | None:
        """The end that a side points to, as far as the engine has said so."""
        if (place := _PLACES.get(name)) is not None:
            return self.pointed[place]
        voice = self.added.get(name)
        return voice.pointed if voice is not None else None

    def set_pointed(self, name: str, remote: RemoteEnd | None) -> None:
        """A side points there; nothing for one that is gone."""
        if (place := _PLACES.get(name)) is not None:
            self.pointed[place] = remote
        elif (voice := self.added.get(name)) is not None:
            voice.pointed = remote

    # ---- sides come and go ----

    def note_added(self, name: str, handle: SideHandle) -> bool:
        """A side has its ports; False where nobody wants it any more."""
        self.given = max(self.given, handle.number + 1)
        if (voice := self.added.get(name)) is None:
            return False
        voice.number, voice.local = handle.number, handle.local
        return True

    def promote(self, name: str) -> int:
        """Let an added side be the one that faces the centre. Returns: the number of the side before, to be removed."""
        voice, here = self.added.pop(name), Side.CENTRE.place
        if self.local is None or voice.local is None:
            raise LocalError("a voice without ports was to take the place of the centre")
        before, self.numbers[here] = self.numbers[here], voice.number
        self.opened = self.opened_with
        self.networks = (self.networks[0], voice.network)
        self.local = (self.local[0], voice.local)
        self.wanted[here], self.pointed[here], self.heard[here] = voice.wanted, voice.pointed, voice.heard
        return before

    def note_relay(self, relay: RelayHandle) -> None:
        """A relay that was opened for all `specs` is in use from now on; nothing of it is pointed yet."""
        self.relay, self.local, self.opened = relay, relay.local[:2], self.specs if self.added else ()
        self.numbers, self.given = [0, 1], len(relay.local)
        for number, voice in enumerate(self.added.values(), 2):
            voice.number, voice.local = number, relay.local[number]
            voice.pointed, voice.heard = None, 0
        self.pointed, self.heard = [None, None], [0, 0]
        self.hearing = self.set_hearing = ()  # by numbers that are no more
        self._note_in_use()

    def note_again(self, carried: CarriedRelay) -> tuple[int, ...]:
        """The relay that died is there again, as it was. Returns: sides that nobody wants any more, to be removed."""
        self.relay, self.heard = carried.handle, [0, 0]
        for voice in self.added.values():
            voice.heard = 0
        self._note_in_use()
        return self.note_carried(carried)

    def _note_in_use(self) -> None:
        self.left, self.failed_moves = None, 0
        self.lost.clear()

    # ---- what the engine has, and had ----

    def carried(self, relay: RelayHandle) -> CarriedRelay:
        """The relay as it is to be, for an engine that opens it again."""
        remotes: list[RemoteEnd | None] = [None] * self.given
        for name in self.names:
            if (number := self.number(name)) >= 0:
                remotes[number] = self.points_to(name)
        first = len(relay.local)
        added = tuple(
            SideHandle(number, SideSpec(name, network), local)
            for name, number, network, local in self._known()
            if number >= first
        )
        present = {self.number(name) for name in self.names}
        removed = frozenset(number for number in range(self.given) if number not in present)
        return CarriedRelay(relay, tuple(remotes), added, removed, self.hearing)

    def note_carried(self, carried: CarriedRelay) -> tuple[int, ...]:
        """The relay that was taken up is so. Returns: sides that nobody knows, to be removed."""
        remotes, known = carried.remotes, {self.number(name) for name in self.names}
        for name in self.names:
            number = self.number(name)
            self.set_pointed(name, remotes[number] if 0 <= number < len(remotes) else None)
        self.given = max(self.given, len(remotes))
        self.set_hearing = carried.hearing
        there = set(range(len(remotes))) - carried.removed
        return tuple(sorted(there - known))

    def _known(self) -> Sequence[tuple[str, int, str, LocalEnd]]:
        """The sides that have ports: name, number, network, ports."""
        two = zip(_PLACES, self.numbers, self.networks, self.local or (), strict=False)
        more = (
            (name, voice.number, voice.network, voice.local)
            for name, voice in self.added.items()
            if voice.local is not None and voice.number >= 0
        )
        return (*two, *more)

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
