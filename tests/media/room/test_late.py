"""Packets that come late, twice, changed or with nothing in them: each viewer gets every number once, and no gap stays."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

import pylibsrtp
import pytest

from splitter.media.wire.plain import PlainWire
from splitter.media.wire.srtp import Cipher
from splitter.rtp import packet
from splitter.rtp.feedback import Nack
from tests.media.room.kit import Camera, Peer, Stage, about


class Narrow(PlainWire):
    """As a browser's: less fits into a packet than a trunk carries."""

    packet_limit = 1200


def narrow(stage: Stage, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Peer:
    monkeypatch.setattr(PlainWire, "packet_limit", Narrow.packet_limit)
    peer = stage.join("seat-1", **changes)
    monkeypatch.undo()
    return peer


def once(peer: Peer) -> None:
    """No number has two contents; none is sent twice but in answer to a NACK; none is missing."""
    numbers = peer.numbers()
    assert len(set(numbers)) == len(numbers), "a number went out twice"
    assert set(numbers) == set(range(min(numbers), max(numbers) + 1)), "a gap stays"


def padding(peer: Peer, payload_type: int | None = None) -> bytes:
    """A packet with the peer's next number that shows nothing: padding alone, or of another payload type."""
    own = peer.media.receive_format.payload_type
    number = own if payload_type is None else payload_type
    one = packet.Packet(False, number, peer.sequence, peer.timestamp - 6000, peer.ssrc, b"xx" if number != own else b"")
    peer.sequence = (peer.sequence + 1) & 0xFFFF
    data = packet.build(one)
    return bytes((data[0] | 0x20,)) + data[1:] + b"\0\0\0\4" if number == own else data


def play(peer: Peer, packets: Iterable[bytes]) -> None:
    for data in packets:
        peer.deliver(data)
    peer.stage.loop.advance(1 / 15)


class TestPacketsOverTheLimit:
    """A packet that is larger than the viewer's path carries is divided, also when it comes late."""

    @pytest.mark.parametrize("late", [1, 2, 3, 8])
    @pytest.mark.parametrize("limit", [1100, 1180, 1181, 1240, 1380])
    def test_a_late_one_is_delivered(self, monkeypatch: pytest.MonkeyPatch, limit: int, late: int) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150, (640, 480))), narrow(stage, monkeypatch)
        caller.limit = limit
        caller.show(5)
        for _ in range(5):
            packets = caller.packets() + caller.packets()
            held = packets.pop(1)
            play(caller, [*packets[: 1 + late], held, *packets[1 + late :]])
        once(seat)
        assert all(about(luma, 150) for luma in seat.pictures()[-10:])
        assert max(len(data) for data, _, _ in seat.pair.rtp) <= 1200

    def test_repairs_at_two_percent_loss_keep_the_picture(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stage, random = Stage(), Random(2)
        caller, seat = stage.join("caller", Camera(150, (640, 480))), narrow(stage, monkeypatch)
        caller.limit = 1300
        caller.show(5)
        sent: dict[int, bytes] = {}
        answered: set[int] = set()
        for _ in range(100):
            packets = caller.packets()
            sent.update((int.from_bytes(data[2:4]), data) for data in packets)
            for data in packets:
                if random.random() >= 0.02:
                    caller.deliver(data)
            stage.loop.advance(1 / 15)
            for sequence in {number for one in caller.told(Nack) for number in one.lost} - answered:
                answered.add(sequence)
                caller.deliver(sent[sequence])
        assert answered
        stage.loop.advance(0.2)
        assert sum(about(luma, 150) for luma in seat.pictures(_known(seat))) >= 100


def _known(peer: Peer) -> list[packet.Packet]:
    """What came, without what was not repaired at the very end."""
    got = dict(zip(peer.numbers(), peer.got(), strict=True))
    end = next(number for number in range(min(got), max(got) + 2) if number not in got)
    return [one for number, one in got.items() if number < end]


class TestPacketsThatShowNothing:
    @pytest.mark.parametrize("kind", [None, 111])
    @pytest.mark.parametrize("order", [[0, 2, 1], [0, 1, 2], [1, 0, 2], [2, 1, 0], [0, 2, 1, 1], [0, 1, 2, 1]])
    def test_overtaken_or_not_take_no_number_of_others(self, kind: int | None, order: list[int]) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150, (176, 144))), stage.join("seat-1")
        caller.show(5)
        packets = caller.packets()
        assert len(packets) == 1
        packets += [padding(caller, kind), *caller.packets()[:1]]
        play(caller, [packets[index] for index in order])
        caller.show(3)
        once(seat)
        assert len(seat.pictures()) >= 10

    def test_a_repair_behind_padding_gets_its_number(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150, (176, 144))), stage.join("seat-1")
        caller.show(5)
        lost = caller.packets()
        play(caller, [padding(caller), padding(caller), *caller.packets(), *lost])
        once(seat)
        assert sum(about(luma, 150) for luma in seat.pictures()) == 7


class TestANumberWithTwoContents:
    def test_the_first_one_went_out(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150, (176, 144))), stage.join("seat-1")
        caller.show(5)
        (one,) = caller.packets()
        play(caller, [one, one[:-20] + bytes(20), one])
        caller.show(2)
        once(seat)
        assert len([luma for luma in seat.pictures() if about(luma, 150)]) == 8


class TestAnyNetwork:
    """Loss, repair, reordering, duplicates, padding and foreign payload types, all seeded."""

    @pytest.mark.parametrize("seed", range(8))
    def test_numbers_go_out_once_and_all_decodes(self, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        random = Random(seed)
        stage = Stage()
        caller = stage.join("caller", Camera(150, (320, 240), slices=random.choice([0, 500])))
        seat, other = narrow(stage, monkeypatch), stage.join("seat-2")
        caller.limit = random.choice([400, 1150, 1340])
        caller.sequence = random.choice([5000, 65_500])
        caller.show(6)
        for _ in range(25):
            packets = caller.packets()
            for _ in range(random.randrange(3)):
                packets.append(padding(caller, random.choice([None, 111])))
            first = packets.pop(0)
            packets += random.choices(packets, k=random.randrange(3)) if packets else []
            packets = sorted(packets, key=lambda _: random.random())
            play(caller, [first, *packets])
        for viewer in (seat, other):
            once(viewer)
            assert sum(about(luma, 150) for luma in viewer.pictures()) >= 28


class TestNoKeyStreamTwice:
    """Whatever happens to a stream, the cipher of its viewer is never asked for an index again (RFC 3711 §9.1)."""

    @pytest.mark.parametrize("seed", range(12))
    def test_over_restarts_switches_repairs_and_wraps(self, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        cipher = Cipher(pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM, bytes(28), bytes(range(28)))

        def seal(_: PlainWire, data: bytes) -> memoryview:
            assert cipher.seal_rtp(data) is not None
            return memoryview(data)

        monkeypatch.setattr(PlainWire, "seal_rtp", seal)
        random, stage = Random(seed), Stage()
        mode = random.choice([0, 1, 1])
        caller = stage.join("caller", Camera(150, (320, 240), slices=random.choice([0, 500]) if mode else 500))
        seat = stage.join("seat-1", answered=False, packetization_mode=mode)
        switch = stage.room.participant("seat-1").view.out.switch
        switch.numbers.sequence += 65_500 - switch.numbers.sequence % 65_536  # the numbers wrap under way
        stage.room.set_participant("seat-1", seat.media)
        caller.limit = random.choice([400, 1150, 1450])
        past: list[bytes] = []
        for _ in range(60):
            what = random.choice(["", "", "", "ssrc", "jump", "back", "slate", "caller", "nack", "changed", "pause"])
            if what == "ssrc":
                caller.ssrc += 1
            elif what in ("jump", "back"):
                caller.sequence = (caller.sequence + (4000 if what == "jump" else -300)) & 0xFFFF
            elif what in ("slate", "caller"):
                stage.room.show("seat-1", what)
            elif what == "nack" and seat.got():
                lost = random.sample([one.sequence for one in seat.got()], min(20, len(seat.got())))
                seat.feed(Nack(seat.ssrc, switch.ssrc, tuple(lost)))
            elif what == "pause":
                stage.loop.advance(3.5)
            caller.heed()
            packets = caller.packets()
            past = [*past[-300:], *packets]
            packets += [padding(caller, random.choice([None, 111]))] * random.randrange(2)
            packets += [data[:-1] + b"!" if what == "changed" else data for data in random.choices(past, k=5)]
            random.shuffle(packets)
            play(caller, packets[random.randrange(2) :])
        assert cipher.counts.reused == cipher.counts.unprotected == 0
        assert switch.numbers.sequence >= 2 * 65_536
        contents: dict[bytes, bytes] = {}
        for data, _, _ in seat.pair.rtp[-30_000:]:
            assert contents.setdefault(data[2:4], data) == data, "one number, two contents"
