"""baresip as a handset: real G.711 and H.264 of another make, judged where they arrive: at the centre and at the seat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from splitter.core.net import Address
from splitter.lab.picture import read
from splitter.lab.seat import Seat, SeatSettings
from tests.interop.addresses import Desk
from tests.interop.baresip import HANDSET_TONE, SENDER, Baresip
from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import CENTRE_TONE, Scene, until

pytestmark = pytest.mark.interop

SEAT = SeatSettings().video.sender
FRAMES = 20


@pytest.fixture
def handset(gateway: Gateway, desk: Desk, tmp_path: Path) -> Iterator[Baresip]:
    """A baresip behind the gateway."""
    with Baresip(desk, tmp_path) as handset:
        yield handset
        assert "\x1b[31m" not in handset.text(), f"baresip complained:\n{handset.text()}"


async def happens(true: Callable[[], object], what: str, usual_s: float = 10.0) -> None:
    """Wait for it while the seat goes on in this loop."""
    await asyncio.to_thread(eventually, true, what, usual_s)


class TestVoice:
    def test_both_are_heard(self, gateway: Gateway, handset: Baresip, scene: Scene) -> None:
        _, theirs = scene.voices()
        centre = scene.centre("centre-answers")
        handset.call("12345")
        invite = until(centre, "INVITE")
        assert invite.sdp.kinds == ("audio",)
        theirs.talk_to(invite.sdp.address_of(0))
        eventually(lambda: theirs.hears(HANDSET_TONE, 1.0), "the centre hears baresip", 8, theirs.in_words)
        eventually(
            lambda: handset.heard().seconds(CENTRE_TONE) > 1.0,
            "baresip hears the centre", 8, lambda: handset.heard().in_words(),
        )  # fmt: skip
        handset.hang_up()
        centre.finish()


class TestPicture:
    def test_is_decoded_at_the_seat_and_the_seats_by_baresip(
        self, gateway: Gateway, handset: Baresip, scene: Scene, tmp_path: Path
    ) -> None:
        _, theirs = scene.voices()
        centre = scene.centre("centre-answers")
        handset.call("12345")
        theirs.talk_to(until(centre, "INVITE").sdp.address_of(0))
        until(centre, "ACK")
        [call] = gateway.calls()
        asyncio.run(self._seat(gateway, handset, call["call_id"], tmp_path))
        theirs.forget()
        eventually(lambda: theirs.hears(HANDSET_TONE), "the voice went on all the time", 5, theirs.in_words)
        handset.hang_up()
        centre.finish()

    async def _seat(self, gateway: Gateway, handset: Baresip, call_id: str, folder: Path) -> None:
        assert shown(handset, folder / "before.png") is None, "before the seat comes baresip shows the slate"
        seat = Seat(SeatSettings(), gateway.desk.seat)
        await seat.start()
        try:
            outcome = await seat.join(call_id, Address(gateway.desk.access, 5060)).answered()
            assert outcome.accepted, outcome
            sight = seat.video.sight
            await happens(lambda: sight.rising(SENDER) >= FRAMES, "the seat sees baresip's picture move")
            seen = sight.senders[SENDER]
            assert not seen.backward and not seen.rotated and not sight.black
            await happens(lambda: shown(handset, folder / "now.png") == SEAT, "baresip sees the seat's picture")
            await seat.leave()
            await happens(lambda: shown(handset, folder / "after.png") is None, "and the slate again")
        finally:
            await seat.stop()


def shown(handset: Baresip, file: Path) -> int | None:
    """Whose picture baresip shows now: the sender in it, None for one that is no test picture (the slate)."""
    file.unlink(missing_ok=True)
    handset.command("snapshot_recv", str(file))
    eventually(lambda: file.exists() and b"IEND" in file.read_bytes()[-12:], "baresip writes a snapshot", 5)
    with av.open(str(file)) as picture:
        luma = next(picture.decode(video=0)).reformat(format="gray").to_ndarray()
    assert luma.std() > 3, "black or blank"
    reading = read(luma)  # type: ignore[arg-type]
    return reading.sender if reading else None
