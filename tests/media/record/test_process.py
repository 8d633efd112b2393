"""The recorder's process beside real workers: what is killed is replaced, and nobody who talks notices."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from splitter.media.forward.client import ForwarderLink
from splitter.media.ports.events import RelayLost
from splitter.media.record import protocol as p
from splitter.media.record.client import RecorderLink
from splitter.media.record.keys import public_of, read_public
from splitter.media.record.ledger import lines, read_line
from splitter.media.record.settings import RecordingSettings
from splitter.media.record.verify import examine
from splitter.media.voice.g711 import ALAW
from splitter.telemetry.settings import TelemetrySettings
from tests.media.record.kit import ABOUT, BLOCK, RATE, pitch, played
from tests.media.worker.stand import Talk, engine, rtp, talk, waiting, worker_pid
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.slow

CREDENTIALS = "[default]\naws_access_key_id = one\naws_secret_access_key = other\n"
ANYBODY = {"aws_access_key_id": "one", "aws_secret_access_key": "other"}
MOVES = "recordings are not moved to their store"
TONE = (8000 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.int16)


class Recorded:
    """A recorder, and what it said."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder = folder / "recordings"
        self.backs = 0
        self.troubles: list[tuple[str, str]] = []
        settings = RecordingSettings(folder=str(self.folder), least_free_mb=0, **more)  # type: ignore[arg-type]
        self.link = RecorderLink(
            settings, folder, TelemetrySettings(), self._on_back, lambda *what: self.troubles.append(what), grace_s=5.0
        )

    def _on_back(self) -> None:
        self.backs += 1

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*/*.mkv"))

    @property
    def ended(self) -> list[str]:
        entries = [read_line(line) for _, line in lines(self.folder)]
        return [entry.about["file"] for entry in entries if entry is not None and entry.kind == "ended"]


@asynccontextmanager
async def recorder() -> AsyncIterator[Recorded]:
    with tempfile.TemporaryDirectory() as name:
        made = Recorded(Path(name))
        made.link.start()
        await until(lambda: made.backs)
        try:
            yield made
        finally:
            await made.link.stop()


class Phones:
    """Two phones that talk by a relay, by one clock."""

    def __init__(self, talking: Talk) -> None:
        self.talking = talking
        self.said = 0

    async def say(self, packets: int) -> int:
        """Say so many packets each; returns how many came to the other one."""
        heard, talking = 0, self.talking
        for _ in range(packets):
            self.said += 1
            at = self.said * BLOCK % RATE
            payload = ALAW.encode(TONE[at : at + BLOCK])
            for peer, local in zip((talking.caller, talking.centre), talking.relay.local, strict=True):
                peer.rtp.sendto(rtp(self.said, local.rtp_port, payload), (talking.host(local), local.rtp_port))
            await asyncio.sleep(BLOCK / RATE)
            heard += self._heard()
        end = time.monotonic() + PATIENCE_S
        while heard < 2 * packets and time.monotonic() < end:
            await asyncio.sleep(0.01)
            heard += self._heard()
        return heard

    def _heard(self) -> int:
        return len(waiting(self.talking.caller.rtp)) + len(waiting(self.talking.centre.rtp))


@pytest.fixture
async def made() -> AsyncIterator[Recorded]:
    async with recorder() as made:
        yield made


async def begun(made: Recorded, talking: Talk) -> None:
    await made.link.ask(p.BeginRecording(ABOUT))
    await talking.engine.taps.tap(talking.relay.relay_id, made.link.tap("call-1"))


async def written(made: Recorded) -> None:
    """Wait until no file grows any more: what was said is in them."""
    before = [-1]
    while (now := [path.stat().st_size for path in made.files]) != before:
        before = now
        await asyncio.sleep(0.5)


def heard_in(made: Recorded) -> list[float]:
    """Seconds of each voice in all files; each is checked for its tone."""
    totals: dict[str, float] = {}
    for path in made.files:
        for name, seen in played(path).items():
            if len(seen.samples) > RATE / 2:
                assert abs(pitch(seen.samples) - 440) < 5, (path, name)
            totals[name] = totals.get(name, 0.0) + len(seen.samples) / RATE
    return sorted(totals.values())


class TestKilled:
    async def test_the_recorder_is_replaced_and_no_packet_of_the_voice_is_lost(self, made: Recorded) -> None:
        async with engine() as media, talk(media) as talking:
            phones = Phones(talking)
            assert await phones.say(20) == 40  # by the short way, which is left now
            await begun(made, talking)
            assert await phones.say(75) == 150
            pid = made.link.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            assert await phones.say(75) == 150
            await until(lambda: made.backs == 2)
            assert made.troubles and made.troubles[0][0] == ""
            await made.link.ask(p.BeginRecording(ABOUT))  # as the call does
            await phones.say(75)
            await written(made)
            await made.link.ask(p.EndRecording("call-1"))
            assert [path.name for path in made.files] == ["call-1.1.mkv", "call-1.2.mkv"]
            await until(lambda: len(made.ended) == 2)
            seconds = heard_in(made)
            assert len(seconds) == 2 and 2.3 < seconds[0] <= seconds[1] <= 4.5
            found = examine(made.folder, read_public(public_of(made.folder.parent / "recordings.key")))
            assert (found.wrong, found.unended) == ([], [])

    async def test_a_worker_leaves_the_file_to_the_one_that_has_the_call_next(self, made: Recorded) -> None:
        async with engine(workers=2) as media:
            async with talk(media) as talking:
                await begun(made, talking)
                await Phones(talking).say(50)
                await written(made)
                os.kill(worker_pid(media, media.worker_of(talking.relay.relay_id) or 0), signal.SIGKILL)
                await talking.events.next(RelayLost)
            async with talk(media) as talking:
                await media.taps.tap(talking.relay.relay_id, made.link.tap("call-1"))
                await Phones(talking).say(50)
                await written(made)
            await made.link.ask(p.EndRecording("call-1"))
        assert len(made.files) == 1
        seen = played(made.files[0])
        assert sorted(seen) == ["caller", "centre"]
        assert all(len(one.times) >= 95 for one in seen.values())

    async def test_a_recorder_of_other_settings_ends_its_files_and_another_one_goes_on(self, made: Recorded) -> None:
        """Else a key that seals, or a store, would be taken by none before the machine starts anew."""
        await made.link.ask(p.BeginRecording(ABOUT))
        before = made.link.pid
        made.link.leave()
        sealed = Recorded(made.folder.parent, seal_key=str(made.folder.parent / "seal.key"))
        sealed.link.start()
        try:
            await until(lambda: sealed.backs)
            assert sealed.link.pid != before and len(made.ended) == 1
            await sealed.link.ask(p.BeginRecording(ABOUT))
            await sealed.link.ask(p.EndRecording(ABOUT.id))
            await sealed.link.ask(p.AskHow())
            assert [path.read_bytes()[:8] == b"SPLSEAL1" for path in sealed.files] == [False, True]
        finally:
            await sealed.link.stop()

    @pytest.mark.parametrize("kind", ["recorder", "forwarder"])
    async def test_one_that_speaks_another_protocol_is_replaced(
        self, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It would pass over what it does not know, such as that one voice alone is to be sent."""
        backs: list[str] = []

        def link() -> RecorderLink:
            around = RecordingSettings(folder=str(tmp_path / "recordings")), tmp_path, TelemetrySettings()
            back, trouble = lambda: backs.append(""), lambda recording, reason: None
            if kind == "recorder":
                return RecorderLink(*around, back, trouble)
            return ForwarderLink(*around, "127.0.0.1", back, trouble, lambda id, lines: None, lambda id, number: None)

        pids: list[int | None] = []
        for protocol in (1, 2):
            monkeypatch.setattr(p, "PROTOCOL", protocol)
            one = link()
            one.start()
            await until(lambda protocol=protocol: len(backs) == protocol)  # type: ignore[misc]
            pids.append(one.pid)
            await one.stop() if protocol == 2 else one.leave()
        assert None not in pids and len(set(pids)) == 2

    async def test_the_gateway_is_followed_by_one_that_finds_it_at_work(self, made: Recorded) -> None:
        await made.link.ask(p.BeginRecording(ABOUT))
        pid = made.link.pid
        made.link.leave()
        next_one = Recorded(made.folder.parent)
        next_one.link.start()
        await until(lambda: next_one.backs)
        assert next_one.link.pid == pid and next_one.link.left == {"call-1"}
        await next_one.link.ask(p.BeginRecording(ABOUT))
        await next_one.link.ask(p.EndRecording("call-1"))
        assert len(made.files) == 1
        await next_one.link.stop()
        assert not (made.folder.parent / "recorder.sock").exists()


class TestStore:
    async def test_one_that_comes_back_gets_what_has_ended_meanwhile_even_after_a_kill(self) -> None:
        with tempfile.TemporaryDirectory() as name, socket.socket() as port:
            port.bind(("127.0.0.1", 0))  # nobody listens: it is down
            where = port.getsockname()[1]
            (Path(name) / "credentials").write_text(CREDENTIALS)
            made = Recorded(
                Path(name),
                store="s3://evidence/one",
                store_endpoint=f"http://127.0.0.1:{where}",
                store_region="us-east-1",
                store_credentials=str(Path(name) / "credentials"),
            )
            made.link.start()
            await until(lambda: made.backs)
            await made.link.ask(p.BeginRecording(ABOUT))
            await made.link.ask(p.EndRecording("call-1"))
            await until(lambda: MOVES in made.link.warnings)
            assert len(made.files) == 1 and made.link.pid is not None
            os.kill(made.link.pid, signal.SIGKILL)
            await until(lambda: made.backs == 2)
            port.close()
            server = ThreadedMotoServer("127.0.0.1", where, verbose=False)
            server.start()
            try:
                client = boto3.client(
                    "s3", endpoint_url=f"http://127.0.0.1:{where}", region_name="us-east-1", **ANYBODY
                )
                client.create_bucket(Bucket="evidence")
                await until(lambda: not made.files and not made.link.warnings)
                stored = [one["Key"] for one in client.list_objects_v2(Bucket="evidence")["Contents"]]
                assert [key for key in stored if key.endswith("/call-1.1.mkv")]
            finally:
                server.stop()
                await made.link.stop()


class TestDisk:
    async def test_a_file_that_may_not_grow_stops_the_recording_alone(self, made: Recorded) -> None:
        """As a full disk does: the limit is that of the recorder's process (RLIMIT_FSIZE)."""
        async with engine() as media, talk(media) as talking:
            phones = Phones(talking)
            await begun(made, talking)
            assert made.link.pid is not None
            _, hard = resource.prlimit(made.link.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(made.link.pid, resource.RLIMIT_FSIZE, (30_000, hard))
            assert await phones.say(100) == 200
            await until(lambda: ("call-1", "it cannot be written: File too large") in made.troubles)
            resource.prlimit(made.link.pid, resource.RLIMIT_FSIZE, (hard, hard))
            assert await phones.say(25) == 50
            assert heard_in(made)[0] > 0.3
