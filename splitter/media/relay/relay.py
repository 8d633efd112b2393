"""A relay: the voice of a call between its sides, packet by packet, payload untouched as long as there are two.

Each side has two *lanes*, one per port: RTP and RTCP. Of two sides, what a lane takes in goes out of the port of its
peer lane, from our port to that side's remote: symmetric in both directions. Of more, RTP goes into the mix (`mix`),
which is loaded when the first one is needed.

Each packet costs one receive, one send, and no object of ours. While a lane learns its source, each packet's is
compared; once that is settled, they come by the short cut of the port (`splitter.media.wire.line`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import structlog

from splitter.core.errors import LocalError, MediaUnavailable
from splitter.core.net import Address
from splitter.media.fast.way import Form
from splitter.media.offload.ports import Offload
from splitter.media.ports.ends import RemoteEnd, StreamCount
from splitter.media.ports.events import KeysDoubted, MediaEvent, MediaStarted, SpeakerChanged, StrangerHeard
from splitter.media.ports.recording import RecordingTap
from splitter.media.ports.voice import SIDES_LIMIT, Hearing, MixedSide, RelayReport
from splitter.media.record.outlets import TapOutlet
from splitter.media.relay.beneath import Beneath
from splitter.media.relay.copy import copy
from splitter.media.relay.lane import Lane
from splitter.media.relay.side import RelaySide, checked, open_side
from splitter.media.relay.taps import VoiceTaps
from splitter.media.relay.watch import SilenceWatch
from splitter.media.voice.keys import KeyPressed
from splitter.media.voice.mode import RelayMode, among, mode_of
from splitter.media.wire.host import Host, Pair
from splitter.media.wire.latch import LatchRules
from splitter.media.wire.sources import NONE, Sources
from splitter.rtp.telephone_event import Digit
from splitter.sdp.voice import VoiceFormat

if TYPE_CHECKING:
    from splitter.media.relay.mix import Mix

log = structlog.get_logger(__name__)

_CENTRE, _CALLER = 1, 0  # the first two sides, whatever comes later


def _can_mix(format: VoiceFormat) -> bool:
    from splitter.media.voice.codecs import can_mix

    return can_mix(format)


class Relay:
    """The sides of one relay and the packets between them.

    Args:
        call_id, relay_id: for events and reports.
        sides: what events call each, and the local address to bind on, by number; None for one that was removed.
        host: what the worker gives; told what a lane raised: the relay is of no use then and wants closing.
        rules: of latching RTP.
        emit: takes MediaStarted, StrangerHeard, SpeakerChanged, VoiceMissed and VoiceReturned events.
        ports: the even port that each side had, where the relay is opened again.
        form: of the short way, which may deal with settled voice.
        offload: the kernel, to be given the voice of the first two once it is settled; None: it stays here.

    Attributes:
        sides: those that are there, by number.
        mode: whether it copies or mixes.
        hearing: who hears whom.

    Raises:
        MediaUnavailable: no ports, or not these, or too few or too many sides.
    """

    def __init__(
        self,
        call_id: str,
        relay_id: str,
        sides: tuple[tuple[str, str] | None, ...],
        host: Host,
        rules: LatchRules,
        emit: Callable[[MediaEvent], None],
        ports: tuple[int, ...] = (),
        offload: Offload | None = None,
        form: Form | None = None,
    ) -> None:
        self.call_id = call_id
        self.relay_id = relay_id
        self._host = host
        self._rules = rules
        self._emit = emit
        self._offload, self._form = offload, form
        self._beneath: Beneath | None = None
        self._wired: tuple[RelaySide, ...] = ()  # the pair that is copied
        self._mix: Mix | None = None
        self._taps = VoiceTaps()
        self._removed: dict[int, StreamCount] = {}
        self.sides: dict[int, RelaySide] = {}
        self._watch = SilenceWatch(call_id, host, self.sides, emit)
        self.mode = RelayMode.COPIES
        self.hearing: Hearing = ()
        if not ports and not 2 <= len(sides) <= SIDES_LIMIT:
            raise MediaUnavailable(f"a relay has two sides, not {len(sides)}")
        self._next = len(sides)
        self._mixed = self._next > 2  # its sides may have agreed on something with us, and not with each other
        for number, side in enumerate(sides):
            if side is None:
                self._removed[number] = StreamCount()
                continue
            try:
                self.sides[number] = self._open(number, *side, ports[number] if ports else 0)
            except Exception:
                for opened in self.sides.values():
                    opened.pair.close(())
                raise
        self._copy()

    def _open(self, number: int, name: str, at: str, port: int = 0) -> RelaySide:
        short = self._form.lane() if self._form is not None else None
        side = open_side(number, name, at, port, self._host, self._rules, self, short)
        side.rtp.settle = partial(self._on_settled, side.pair)
        return side

    def _side_of(self, lane: Lane) -> RelaySide:
        return next(side for side in self.sides.values() if lane is side.rtp)

    # ---- what lanes tell -----------------------------------------------------------------------------------------

    def _on_settled(self, pair: Pair, source: Address) -> None:
        """A side sends from there, for now."""
        pair.settle(source)
        if self._beneath is not None:
            self._beneath.settled()

    def on_started(self, lane: Lane, source: Address) -> None:
        """A side is heard."""
        self._emit(MediaStarted(self.call_id, "audio", self._side_of(lane).name, source, self._host.wall()))

    def on_found(self, lane: Lane, source: Address) -> None:
        """A side sends from elsewhere: so may its RTCP."""
        self.take_back(f"{self._side_of(lane).name} sends from {source}")
        self._side_of(lane).rtcp.latch.believe(source.host)

    def on_stranger(self, lane: Lane, source: Address, packets: int) -> None:
        """Nothing of a side comes, but this."""
        self._emit(StrangerHeard(self.call_id, "audio", self._side_of(lane).name, source, packets))

    def on_doubt(self, lane: Lane, source: Address) -> None:
        """Packets of a side come, and its keys do not open them."""
        side = self._side_of(lane)
        log.warning("packets of a side cannot be decrypted", call=self.call_id, side=side.name, source=str(source))
        self._emit(KeysDoubted(self.call_id, "audio", side.name, source))

    # ---- who is connected with whom ------------------------------------------------------------------------------

    def _mode_with(self, remotes: Mapping[int, RemoteEnd | None], hearing: Hearing) -> RelayMode:
        """How it would have to work. Raises MediaUnavailable where it cannot."""
        pointed = {number: remote for number, remote in remotes.items() if remote is not None}
        return mode_of(pointed, hearing, self._mixed, _can_mix)

    @property
    def _remotes(self) -> dict[int, RemoteEnd | None]:
        return {number: side.remote for number, side in self.sides.items()}

    def _connect(self, mode: RelayMode) -> None:
        """Connect the sides as they are to be."""
        self.mode = mode
        if mode is RelayMode.MIXES:
            self._mix_all()
        elif self._mix is None:
            self._copy()
        else:
            self._dismiss_the_others(self._mix)
            self._mix.end(self._hand_over)

    def _dismiss_the_others(self, mix: Mix) -> None:
        """Leave in a mix those who point somewhere."""
        for number in mix.members:
            if self.sides[number].remote is None:
                mix.dismiss(number)

    @property
    def _pointed(self) -> list[int]:
        return [number for number, side in self.sides.items() if side.remote is not None]

    def _pair(self) -> tuple[RelaySide, ...]:
        """The two who hear each other: those that point somewhere come first."""
        order = sorted(self.sides.values(), key=lambda side: (side.remote is None, side.number))
        return tuple(sorted(order[:2], key=lambda side: side.number))

    def _unwire(self, side: RelaySide) -> None:
        """Copy nothing to this side, nor from it, until it is said anew."""
        if side in self._wired:
            self._leave_kernel("it goes elsewhere")
            for one in self._wired:
                one.hold()
            self._wired = ()

    def _leave_kernel(self, reason: str = "") -> None:
        """The first two no longer have each other's packets as they come. `reason`: to be told."""
        beneath, self._beneath = self._beneath, None
        if beneath is not None:
            if reason:
                beneath.take_back(reason)
            beneath.close()

    def _copy(self) -> None:
        """Let two sides have each other's packets."""
        pair = self._pair()
        if pair == self._wired:
            return
        self._leave_kernel("it goes elsewhere")
        for side in self.sides.values():
            side.hold()
        self._wired = pair
        if len(pair) < 2:
            return
        agreed = not self._mixed and {side.number for side in pair} == {_CALLER, _CENTRE}
        for one, other in (pair, pair[::-1]):
            if not agreed:
                copy(one, other)
                continue
            other.copy_from(one)
            one.exchange_reports(other)
        if agreed and self._offload is not None:
            ways = pair[0].towards(pair[1]), pair[1].towards(pair[0])
            self._beneath = Beneath(self.call_id, ways, self._offload, self._host, self._emit)

    def _mix_all(self) -> None:
        from splitter.media.relay.mix import Mix

        wired, self._wired = self._wired, ()
        self._leave_kernel("it is mixed")
        mix = self._mix
        if mix is None:
            cname = f"voice-{self.relay_id}"
            mix = self._mix = Mix(self._host, cname, self._on_speaker, self._on_key)
            mix.let_hear(self.hearing)
        mix.go_on()
        self._dismiss_the_others(mix)
        pointed = self._pointed
        for number in pointed:
            side = self.sides[number]
            assert side.remote is not None and side.remote.voice is not None  # or it would be no mix
            mix.admit(side, side.remote.voice)
        if len(wired) == 2 and {side.number for side in wired} <= set(pointed):
            mix.follow(wired[0].number, wired[1].number)
        self._mixed = True

    def _hand_over(self) -> None:
        """The mix has come to its end: two are left."""
        mix, self._mix = self._mix, None
        if mix is None:
            return
        pair = self._pair()
        for side in self.sides.values():
            if side not in pair:
                side.hold()
        self._wired = pair
        if len(pair) == 2:
            for one, other in (pair, pair[::-1]):
                copy(one, other, mix.rest(one, other))
        mix.stop()
        if mix.speaker_told:
            self._emit(SpeakerChanged(self.call_id, ""))

    def _on_speaker(self, number: int) -> None:
        side = self.sides.get(number)
        self._emit(SpeakerChanged(self.call_id, side.name if side is not None else ""))

    def _on_key(self, number: int, key: KeyPressed) -> None:
        """A key is for those who are to have it, where their voice has digits at all."""
        for ear, side in self.sides.items():
            voice = side.remote.voice if side.remote is not None else None
            if voice is None or voice.digits_payload_type is None or not self._gets_digits(ear, number):
                continue
            digit = Digit(key.event, key.duration_ms, voice.digits_payload_type, voice.clock_rate)
            with suppress(LocalError):  # too many wait: whoever types faster than that is no human being
                self.send_digit(ear, digit)

    def _gets_digits(self, ear: int, number: int) -> bool:
        said = next((one.digits for one in self.hearing if one.side == ear), None)
        if said is not None:
            return number in said
        return number != ear and (ear == _CENTRE or (ear, number) == (_CALLER, _CENTRE))

    # ---- what calls ask for --------------------------------------------------------------------------------------

    def add_side(self, name: str, at: str, ticket: str = "") -> RelaySide:
        """Bind the ports of one side more. `ticket`: finds it without its number. Raises MediaUnavailable."""
        if len(self.sides) >= SIDES_LIMIT:
            raise MediaUnavailable(f"a relay has {SIDES_LIMIT} sides at most")
        if any(side.name == name for side in self.sides.values()):
            raise MediaUnavailable(f"{name!r} is there already")
        side = self._open(self._next, name, at)
        side.ticket = ticket
        self.sides[side.number] = side
        self._next += 1
        self._taps.follow(self.sides)
        return side

    def remove_side(self, number: int) -> StreamCount | None:
        """Close a side; None where it is not there."""
        side = self.sides.pop(number, None)
        if side is None:
            return None
        self.hearing = among(self.hearing, set(self.sides))
        if self._mix is not None:
            self._mix.dismiss(number)
            self._mix.let_hear(self.hearing)
        self._unwire(side)
        self._connect(self._mode_with(self._remotes, self.hearing))
        self._taps.follow(self.sides)
        self._removed[number] = side.close()
        return self._removed[number]

    def set_hearing(self, hearing: Hearing) -> None:
        """Say who hears whom. Raises MediaUnavailable; nothing is changed then."""
        wanted = among(hearing, set(self.sides))
        mode = self._mode_with(self._remotes, wanted)
        self.hearing = wanted
        if self._mix is not None:
            self._mix.let_hear(wanted)
        self._connect(mode)

    def set_remote(self, number: int, remote: RemoteEnd | None) -> None:
        """Name a side's remote and open its latching window; None: nobody.

        Raises:
            LocalError: an address that the side's network cannot reach; nothing is changed then.
            MediaUnavailable: it would have to mix what it cannot; nothing is changed then.
        """
        side, now = self.sides[number], self._host.now()
        rtp = rtcp = None
        sources = NONE
        if remote is not None:
            sources = Sources(remote.sources)
            rtp, rtcp = checked(remote.rtp, side.host), checked(remote.rtcp, side.host)
        mode = self._mode_with({**self._remotes, number: remote}, self.hearing)
        self.take_back(f"the signalling says where {side.name} is")
        if remote is not None and side.remote is not None and remote.voice != side.remote.voice:
            self._unwire(side)  # another name for what is copied, perhaps
        side.set_keys(remote.keys if remote is not None else side.keys)
        side.remote = remote
        side.rtp.signal(rtp, now, sources)
        side.rtcp.signal(rtcp, now)
        if side.rtp.latch.current is not None:
            side.rtcp.latch.believe(side.rtp.latch.current.host)
        if remote is not None:
            self._watch.expect(side)
        self._taps.follow(self.sides)
        self._connect(mode)

    def send_digit(self, number: int, digit: Digit) -> None:
        """Let a side hear a digit.

        Raises:
            LocalError: no digit of DTMF, or too many wait.
        """
        if not (0 <= digit.event < 16 and 0 <= digit.payload_type < 128 and digit.clock >= 8000):
            raise LocalError(f"{digit} cannot be sent")
        self.take_back("a digit is sent")
        self.sides[number].rtp.send_digit(digit, self._host.now)

    def take_back(self, reason: str) -> None:
        """Have every packet of the voice come by here, until all is settled again."""
        if self._beneath is not None:
            self._beneath.take_back(reason)

    def record(self, tap: RecordingTap | None, line: TapOutlet | None = None) -> None:
        """Copy what its sides send to a recorder; None: no longer."""
        self.take_back("it is recorded")
        self._taps.set(tap, line, self.sides)

    def report(self) -> RelayReport:
        """The counters now."""
        if self._beneath is not None:
            self._beneath.count()
        mix = self._mix if self.mode is RelayMode.MIXES else None
        return self._counted(() if mix is None else tuple(mix.report(number) for number in range(self._next)))

    def _counted(self, mixed: tuple[MixedSide, ...] = ()) -> RelayReport:
        counts = {number: side.count() for number, side in self.sides.items()} | self._removed
        return RelayReport(self.relay_id, tuple(counts[number] for number in range(self._next)), mixed)

    def close(self) -> RelayReport:
        """Give the ports back and say what was carried."""
        self._leave_kernel()
        self._watch.close()
        self.record(None)
        mix, self._mix = self._mix, None
        if mix is not None:
            mix.stop()
        report = self._counted()  # without a mix that may be broken
        for side in self.sides.values():
            side.close()
        return report
