"""A call through the real gateway, recorded by a recorder of somebody else's: tones, frames and names are there."""

from __future__ import annotations

import io
from contextlib import suppress
from itertools import pairwise

import av
import numpy as np
import pytest

from splitter.core.net import Address
from splitter.lab.handset import HandsetSettings
from splitter.lab.party import Dialect
from splitter.lab.picture import read
from splitter.lab.places import free_ports
from splitter.lab.recorder_stand import HeardLine, RecorderStand
from splitter.lab.seat import SeatSettings
from splitter.lab.stage import CALLED, HOST, Stage, call_id_in
from splitter.lab.video import VideoSettings
from splitter.media.voice import amr
from splitter.rtp import feedback, rtcp
from splitter.sdp.codec import Codec
from splitter.sdp.model import Media
from tests.patience import until

pytestmark = pytest.mark.interop

CALLER, SEAT, CALLER_HZ, AGENT_HZ = 1, 7, 1000.0, 660.0
TABLES = """
[trunk.archive]
role = "recorder"
network = "core"
address = "{address}"
peers = ["{address}"]

[recording]
recorders = ["archive"]
all = true
"""


async def test_voices_and_pictures_reach_the_recorder_over_a_restart() -> None:
    address = Address(HOST, free_ports(HOST, 1)[0])
    stand = RecorderStand(address)
    await stand.start()
    try:
        async with Stage(queue_s=0.3, tables=TABLES.format(address=address)) as stage:
            handset = await stage.handset(HandsetSettings(video=VideoSettings(CALLER), tone_hz=CALLER_HZ))
            seat = await stage.seat(SeatSettings(dialect=Dialect(seat=True, mode=1)))
            assert (await handset.dial(CALLED, stage.gateway.access).answered()).accepted
            call_id = call_id_in(await stage.centre.wait_for("invite"))
            assert (await seat.join(call_id or "", stage.gateway.desk).answered()).accepted
            await until(lambda: len(stand.lines) == 4 and all(len(one.packets) > 150 for one in stand.lines.values()))
            call = await stage.gateway.get(f"/v1/calls/{call_id}")
            assert call["recording"]["elsewhere"] == "recorded by archive"
            (session,) = stand.server.live
            offers = session.offers
            await stage.gateway.kill()
            await stage.gateway.start()
            counts = {label: len(line.packets) for label, line in stand.lines.items()}
            await until(lambda: all(len(line.packets) > counts[label] + 50 for label, line in stand.lines.items()))
            await until(lambda: session.offers > offers)  # it was taken up, and refreshed
            await handset.hang_up()
            await until(lambda: session.ended)
        assert stand.server.faults == [] and len(stand.server.sessions) == 1
        lines = {line.get("label") or "": line for line in (session.offer.media if session.offer else ())}
        people = {label: who.aor for who in session.said.people.values() for label in who.sends}
        tones, senders = {}, {}
        for label, heard in stand.lines.items():
            if lines[label].kind == "audio":
                tones[people[label]] = pitch(voice(heard, lines[label]))
            else:
                senders[people[label]] = frames(heard)
            steps = [(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(heard.packets)]
            assert len({one.ssrc for one in heard.packets}) == 1, f"line {label}"
            assert steps.count(1) > 0.9 * len(steps), f"line {label}"  # a busy machine may lose some
        assert sorted(round(tone, -1) for tone in tones.values()) == [AGENT_HZ, CALLER_HZ]
        assert sorted(senders.values(), key=min) == [{CALLER}, {SEAT}]
        reports = [rtcp.parse(data)[0] for line in stand.lines.values() for data in line.reports]
        assert reports and all(isinstance(one, rtcp.SenderReport) for one in reports)
    finally:
        await stand.stop()


async def test_a_recorder_that_wants_a_key_frame_gets_one() -> None:
    address = Address(HOST, free_ports(HOST, 1)[0])
    stand = RecorderStand(address)
    await stand.start()
    try:
        async with Stage(queue_s=0.3, tables=TABLES.format(address=address)) as stage:
            handset = await stage.handset(HandsetSettings(video=VideoSettings(CALLER), tone_hz=CALLER_HZ))
            assert (await handset.dial(CALLED, stage.gateway.access).answered()).accepted
            await until(lambda: any(_key_frames(line) for line in stand.lines.values()))
            (picture,) = [line for line in stand.lines.values() if _key_frames(line)]
            asked = rtcp.build((rtcp.ReceiverReport(1), feedback.Fir(1, ((picture.packets[0].ssrc, 1),))))
            before = _key_frames(picture)
            await until(lambda: picture.ask(asked) or _key_frames(picture) > before + 1)
    finally:
        await stand.stop()


def _key_frames(line: HeardLine) -> int:
    return sum(1 for one in line.packets if _kind(one.payload) == 7)


def _kind(payload: bytes) -> int:
    """The type of the first NAL unit, whether it stands alone or in a STAP-A."""
    kind = payload[0] & 0x1F
    return payload[3] & 0x1F if kind == 24 and len(payload) > 3 else kind


def voice(heard: HeardLine, line: Media) -> tuple[np.ndarray, int]:
    """The samples of a voice, and their rate."""
    codecs: dict[int, Codec] = {codec.payload_type: codec for codec in line.codecs}
    codec = codecs[heard.packets[-1].payload_type]
    payloads = [one.payload for one in heard.packets if one.payload_type == codec.payload_type]
    name = codec.name.upper()
    if name in ("AMR", "AMR-WB"):
        wide, aligned = name == "AMR-WB", codec.parameters.get("octet-align") == "1"
        head = b"#!AMR-WB\n" if wide else b"#!AMR\n"
        data = head + b"".join(frame for payload in payloads for frame in amr.frames(payload, aligned, wide))
        with av.open(io.BytesIO(data), format="amr") as file:
            return np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)]), 16_000 if wide else 8000
    with av.open(
        io.BytesIO(b"".join(payloads)),
        format={"PCMA": "alaw", "PCMU": "mulaw"}[name],
        options={"ar": "8000", "sample_rate": "8000"},
    ) as file:
        return np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)]), 8000


def pitch(heard: tuple[np.ndarray, int]) -> float:
    """The loudest tone, in Hz."""
    samples, rate = heard
    samples = samples[-2 * rate :].astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


def frames(heard: HeardLine) -> set[int]:
    """The senders that can be read in the frames of a picture; they must be many."""
    stream, found = bytearray(), []
    for one in heard.packets:
        payload, kind = one.payload, one.payload[0] & 0x1F
        if kind == 28:  # FU-A
            if payload[1] & 0x80:
                stream += b"\0\0\0\1" + bytes((payload[0] & 0xE0 | payload[1] & 0x1F,))
            stream += payload[2:]
        elif kind == 24:  # STAP-A
            at = 1
            while at + 2 <= len(payload):
                size = int.from_bytes(payload[at : at + 2])
                stream += b"\0\0\0\1" + payload[at + 2 : at + 2 + size]
                at += 2 + size
        else:
            stream += b"\0\0\0\1" + payload
    codec = av.CodecContext.create("h264", "r")
    for chunk in (*codec.parse(bytes(stream)), *codec.parse(b"")):
        decoded = []
        with suppress(av.error.InvalidDataError):  # it begins before the first key frame
            decoded = codec.decode(chunk)
        for frame in decoded:
            luma = np.ascontiguousarray(frame.to_ndarray()[: frame.height, : frame.width].astype(np.uint8))
            if (reading := read(luma)) is not None:
                found.append(reading.sender)
    assert len(found) > 30
    return set(found)
