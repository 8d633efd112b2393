"""A relay without packets: where its sides point and who hears whom, as `FakeEngine` keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field

from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.events import MediaListener
from splitter.media.ports.voice import CarriedRelay, Hearing, RelayHandle, SideHandle, SideSpec
from splitter.media.standing import Standing
from splitter.media.voice.mode import RelayMode, mode_of
from splitter.sdp.voice import VoiceFormat


def can_mix(format: VoiceFormat) -> bool:
    """Formats that every engine mixes which mixes at all."""
    return format.is_g711


@dataclass(slots=True)
class Relay:
    """An open relay.

    `listener`: None from the gateway's death until somebody takes the relay up. `names`, `local`: of the sides that are
    there, by number. `remote`, `packets`: of all that ever were, where they point and what came from there.
    `added`: who was added, and is there. `hearing`: who hears whom. `mixed`: it has mixed once.
    `typed`: by side, when the digits that it has yet to hear will be over.
    """

    handle: RelayHandle
    names: dict[int, str]
    worker: int
    listener: MediaListener | None
    standing: Standing = field(default_factory=Standing)
    remote: list[RemoteEnd | None] = field(default_factory=list)
    packets: list[int] = field(default_factory=list)
    local: dict[int, LocalEnd] = field(default_factory=dict)
    added: dict[int, SideHandle] = field(default_factory=dict)
    hearing: Hearing = ()
    mixed: bool = False
    typed: dict[int, list[float]] = field(default_factory=dict)

    @classmethod
    def made(
        cls, carried: CarriedRelay, sides: tuple[SideSpec, ...], worker: int, listener: MediaListener | None
    ) -> Relay:
        """As it is to be."""
        handle, count = carried.handle, len(carried.remotes)
        names = {number: side.name for number, side in enumerate(sides)}
        names.update((one.number, one.spec.name) for one in carried.added)
        local = dict(enumerate(handle.local)) | {one.number: one.local for one in carried.added}
        there = set(local) - carried.removed
        return cls(
            handle,
            {number: names[number] for number in sorted(there)},
            worker,
            listener,
            remote=list(carried.remotes),
            packets=[0] * count,
            local={number: local[number] for number in sorted(there)},
            added={one.number: one for one in carried.added},
            hearing=carried.hearing,
            mixed=count > len(handle.local) or bool(carried.hearing),
        )

    @property
    def pointed(self) -> dict[int, RemoteEnd]:
        """The sides that point somewhere."""
        return {number: end for number in self.local if (end := self.remote[number]) is not None}

    @property
    def mode(self) -> RelayMode:
        """Whether it copies or mixes."""
        return mode_of(self.pointed, self.hearing, self.mixed, can_mix)

    def hears(self, side: int) -> set[int]:
        """The sides whose voices a side gets."""
        said = next((one.voices for one in self.hearing if one.side == side), None)
        others = set(self.pointed) - {side}
        return (others if said is None else others & said) if side in self.pointed else set()

    def change(self, remote: list[RemoteEnd | None], hearing: Hearing) -> None:
        """Point sides, and say who hears whom. Raises MediaUnavailable; nothing is changed then."""
        pointed = {number: end for number in self.local if (end := remote[number]) is not None}
        mixes = mode_of(pointed, hearing, self.mixed, can_mix) is RelayMode.MIXES
        self.remote, self.hearing, self.mixed = remote, hearing, self.mixed or mixes

    def carried(self) -> CarriedRelay:
        """As the port says."""
        removed = frozenset(range(len(self.remote))) - frozenset(self.local)
        return CarriedRelay(self.handle, tuple(self.remote), tuple(self.added.values()), removed, self.hearing)
