"""Rooms that differ in the form of the short way alone, and the same fate for all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

from splitter.core.net import Address
from splitter.media.fast.plain import PlainForm, PlainWay
from splitter.media.fast.way import Form, Outlet
from splitter.rtp import h264
from splitter.rtp.feedback import Nack, Pli
from splitter.rtp.packet import Packet, build
from tests.media.room.kit import Camera, Peer, Stage
from tests.rtp.payloads import packetise

FEEDBACK = frozenset(("nack", "nack pli", "ccm fir", "goog-remb"))
OWN = ("generation", "settled", "admitted", "playing")  # what a form keeps for itself, or is compared apart


class LongWay(PlainWay):
    """Nothing is ever settled."""

    def settle(self, outlets: Any) -> None: ...


class LongForm(PlainForm):
    """Every packet takes the long way."""

    def way(self) -> PlainWay:
        return LongWay()


class CountingWay(PlainWay):
    """Counts what takes the short way."""

    taken = 0

    def settle(self, outlets: Any) -> None:
        chosen: list[Outlet] = list(outlets)
        super().settle(chosen)

    def take(self, data: Any, now: float) -> bool:
        took = super().take(data, now)
        CountingWay.taken += took
        return took


@cache
def key_frame(number: int) -> tuple[list[bytes], ...]:
    """Payloads of a real key frame with its sets: whole, in small packets."""
    units = Camera(60 + 40 * number, (160, 120)).picture()
    return packetise(units, 1, 1100), packetise(units, 1, 90)


class Source:
    """A peer that sends what cameras, and worse ones, send."""

    def __init__(self, name: str, number: int, chance: Random, calm: float) -> None:
        self.name, self.number, self.chance, self.calm = name, number, chance, calm
        self.sequence = chance.choice((100, 65_500, 0xFFFF, 0))
        self.timestamp = chance.choice((9000, 0xFFFF_F000, 0x7FFF_F000))
        self.ssrc = 0x1000 + number
        self.payload_type = 96 + number

    def packet(self, payload: bytes, marker: bool, **other: Any) -> bytes:
        fields = {"marker": marker, "payload_type": self.payload_type, "ssrc": self.ssrc, "payload": payload}
        made = build(Packet(**{**fields, "sequence": self.sequence, "timestamp": self.timestamp, **other}))
        self.sequence = self.sequence + 1 & 0xFFFF
        return made

    def picture(self) -> list[bytes]:
        """One picture, of whatever kind."""
        chance = self.chance
        match chance.choice(("slices",) * 6 + ("fragments",) * 6 + ("key", "key in pieces", "sei", "large", "tiny")):
            case "slices":
                payloads = [b"\x41" + chance.randbytes(chance.randrange(1, 400)) for _ in range(chance.randrange(1, 4))]
            case "fragments":
                unit = b"\x41\x9a" + chance.randbytes(chance.randrange(400, 5000))
                payloads = packetise([unit], 1, chance.choice((300, 1100, 1200)))
            case "key":
                payloads = key_frame(self.number % 2)[0]
            case "key in pieces":
                payloads = key_frame(self.number % 2)[1]
            case "sei":
                payloads = [bytes((h264.SEI, 5, 1, 0x80)), b"\x41\x9a" + chance.randbytes(60)]
            case "large":
                payloads = [b"\x41\x9a" + chance.randbytes(chance.choice((1300, 1335, 1338, 1400, 2040, 2100)))]
            case _:
                payloads = [b"\x41", b"", b"\x5c", b"\x5c\x81", b"\x5c\x05"][chance.randrange(5) :][:2]
        markers = [index == len(payloads) - 1 for index in range(len(payloads))]
        if chance.random() > self.calm + 0.05:
            markers = [chance.random() < 0.5 for _ in payloads]  # a camera that does not know when it has done
        made = [self.packet(bytes(one), marker) for one, marker in zip(payloads, markers, strict=True)]
        odd = chance.random() > self.calm
        self.timestamp = (
            self.timestamp + (chance.choice((3000, 0, -6000, 900_000, 1 << 30)) if odd else 6000) & 0xFFFF_FFFF
        )
        return made

    def spoil(self, packets: list[bytes]) -> list[bytes]:
        """What a bad network, or a bad peer, makes of it."""
        chance, made = self.chance, list(packets)
        if chance.random() < self.calm:
            return made
        match chance.choice(("lose", "swap", "again", "type", "ssrc", "first", "cut", "jump", "restart")):
            case "lose":
                del made[chance.randrange(len(made))]
            case "swap":
                chance.shuffle(made)
            case "again":
                made.append(chance.choice(made))
            case "type":
                made.append(self.packet(b"\x41\x9aother", False, payload_type=chance.choice((0, 13, 127))))
            case "ssrc":
                made.insert(0, self.packet(b"\x41\x9aother", True, ssrc=chance.randrange(1 << 32)))
            case "first":
                made[0] = bytes((chance.choice((0x90, 0xA0, 0x81, 0x40, 0xB0)),)) + made[0][1:]
            case "cut":
                made[-1] = made[-1][: chance.randrange(20)]
            case "jump":
                self.sequence = chance.randrange(1 << 16)
            case "restart":
                self.ssrc = chance.randrange(1 << 32)
        return made


class Match:
    """Several rooms, and one fate."""

    def __init__(self, seed: int, forms: list[Form], quiet: bool = False) -> None:
        self.chance = Random(seed)
        self.quiet = quiet
        self.calm = 1.0 if quiet else self.chance.choice((0.5, 0.8, 0.95))
        self.stages = [Stage(form=form) for form in forms]
        self.peers: dict[str, list[Peer]] = {}
        self.sources: dict[str, Source] = {}
        self._seen = 0
        for name in ("caller", "seat-1"):
            self.join(name)

    def join(self, name: str) -> None:
        number = len(self.sources) + 1
        changes: dict[str, Any] = {"feedback": FEEDBACK if self.chance.random() < 0.8 else frozenset(("nack pli",))}
        if self.chance.random() < 0.3:
            changes["orientation_id"] = 3
        if not self.quiet and self.chance.random() < 0.3:
            changes["mid_id"], changes["mid"] = 4, "video0"
        self.peers[name] = [stage.join(name, None, **changes) for stage in self.stages]
        self.sources[name] = Source(name, number, self.chance, self.calm)

    def do(self, act: Callable[[Stage, Peer], object], name: str) -> None:
        """Do the same in each room, and see that the same comes of it."""
        for stage, peer in zip(self.stages, self.peers[name], strict=True):
            act(stage, peer)
        self.compare()

    def compare(self) -> None:
        first, *others = (self._sent(stage) for stage in self.stages)
        for other in others:
            assert other == first
        numbers, *more = (self._numbers(stage) for stage in self.stages)
        for other_numbers in more:
            assert other_numbers == numbers
        for stage in self.stages:
            for pair in stage.loop.pairs:
                pair.rtp.clear()
                pair.rtcp.clear()
            stage.events.clear()

    def _sent(self, stage: Stage) -> list[Any]:
        return [(pair.rtp[:], pair.rtcp[:]) for pair in stage.loop.pairs] + stage.events

    def _numbers(self, stage: Stage) -> list[Any]:
        found: list[Any] = [stage.room.report()]
        for name in self.peers:
            way = stage.room.participant(name).way
            plain = PlainWay()
            for record, names in (
                (way.coming, fields(plain.coming)),
                (way.going, fields(plain.going)),
                (way.going.playing, fields(plain.going.playing)),
            ):
                found.append({one: getattr(record, one) for one in names if one not in OWN})
        return found

    def step(self) -> None:
        """One thing happens."""
        chance = self.chance
        name = chance.choice(list(self.peers))
        act = chance.choice(
            ("picture",) * round(12 / (1 - self.calm))
            + ("time", "time", "nack", "pli", "show", "pause", "join", "again", "stray")
        )
        match act:
            case "picture":
                source = self.sources[name]
                for data in source.spoil(source.picture()):
                    self.do(lambda _, peer, data=data: peer.deliver(data), name)  # type: ignore[misc]
                self.do(lambda stage, _: stage.loop.advance(1 / 15), name)
            case "time":
                length_s = chance.choice((0.005, 0.3, 2.0, 6.0))
                self.do(lambda stage, _: stage.loop.advance(length_s), name)
            case "nack":
                lost = tuple(chance.randrange(1 << 16) for _ in range(2))
                self.do(lambda stage, peer: peer.feed(Nack(peer.ssrc, _ours(peer), (*lost, *_recent(peer)))), name)
            case "pli":
                self.do(lambda stage, peer: peer.feed(Pli(peer.ssrc, _ours(peer))), name)
            case "show":
                shown = chance.choice(("slate", "", *self.peers))
                self.do(lambda stage, _: stage.room.show(name, shown), name)
            case "pause":
                self.do(lambda stage, _: stage.room.set_participant(name, None), name)
                self.do(lambda stage, peer: stage.room.set_participant(name, peer.media), name)
            case "again":
                self.do(lambda stage, peer: stage.room.set_participant(name, peer.media), name)
            case "join" if len(self.peers) < 5:
                self.join(f"seat-{len(self.peers)}")
            case "stray":
                data = self.sources[name].picture()[0]
                self.do(lambda _, peer: peer.deliver(data, Address("192.0.2.9", 9)), name)


def _ours(peer: Peer) -> int:
    return peer.stage.room.participant(peer.name).view.out.switch.ssrc


def _recent(peer: Peer) -> tuple[int, ...]:
    highest = peer.stage.room.participant(peer.name).view.out.going.sequence
    return tuple(highest - back & 0xFFFF for back in (0, 1, 5, 40))


def fields(record: Any) -> list[str]:
    """Names of a record's numbers."""
    return list(type(record).__dataclass_fields__)
