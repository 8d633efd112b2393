"""baresip as a handset with real encoders, with the files of sipconf/baresip: their addresses become the desk's. Does I/O.

Its picture is a film of the lab's test pictures, so that whoever decodes it can read who sent it and which frame it is.
"""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from splitter.lab.picture import draw
from splitter.lab.tone import Hearing, Samples
from tests.interop.addresses import Desk
from tests.interop.process import Process, eventually
from tests.interop.voice import TONES, chord

CONFIGURATION = Path(__file__).parents[2] / "sipconf" / "baresip"
HANDSET_TONE = 440.0
SENDER = 3
WIDTH, HEIGHT, RATE = 320, 240, 15


class Baresip:
    """A handset at `desk.caller`, or at another host.

    Args:
        secure: it speaks SRTP alone, with keys in SDP.
    """

    def __init__(self, desk: Desk, folder: Path, host: str = "", *, secure: bool = False) -> None:
        self._secure = secure
        self.folder = folder / "baresip"
        self._desk = desk
        self._host = host or desk.caller
        self._process: Process | None = None
        self._control: socket.socket | None = None

    def start(self) -> Baresip:
        """Write its files, start it and open its console."""
        self.folder.mkdir()
        for name in ("config", "accounts"):
            (self.folder / name).write_text(self._here((CONFIGURATION / name).read_text()))
        (self.folder / "contacts").write_text("")
        if self._secure:
            account, config = self.folder / "accounts", self.folder / "config"
            account.write_text(account.read_text().replace(";regint=0", ";regint=0;mediaenc=srtp-mand"))
            config.write_text(config.read_text() + "module srtp.so\n")
        write_film(self.folder / "picture.avi", seconds=60)
        self._process = Process("baresip", ["baresip", "-4", "-v", "-f", str(self.folder)], self.folder)
        eventually(self._connect, "baresip's console opens", 10, self._process.tail)
        return self

    def call(self, number: str) -> None:
        """Dial."""
        self.command("dial", f"sip:{number}@{self._desk.access}")

    def hang_up(self) -> None:
        """End the call."""
        self.command("hangup")

    def command(self, name: str, argument: str = "") -> str:
        """One command on its console; what it says."""
        assert self._control
        body = json.dumps({"command": name, "params": argument, "token": "t"}).encode()
        self._control.sendall(f"{len(body)}:".encode() + body + b",")
        with contextlib.suppress(TimeoutError):
            return self._control.recv(65536).decode(errors="replace")
        return ""

    def text(self) -> str:
        """What it has printed."""
        assert self._process
        return self._process.text()

    def chord(self) -> set[float]:
        """The tones that came out of its decoder in the last half second."""
        return chord(self.latest()[-4000:])

    def latest(self) -> Samples:
        """The samples that came out of its decoder in the last two seconds."""
        files = sorted(self.folder.glob("dump-*-dec.wav"))
        data = files[-1].read_bytes()[44:] if files else b""
        return np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.int16)[-16000:]

    def heard(self) -> Hearing:
        """What came out of its decoder so far."""
        hearing = Hearing(TONES)
        for file in sorted(self.folder.glob("dump-*-dec.wav")):
            data = file.read_bytes()[44:]  # the lengths in its header are written only when the call ends
            hearing.samples(np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.int16))
        return hearing

    def stop(self) -> None:
        """End it; it says BYE first."""
        if self._control:
            self._control.close()
        if self._process:
            self._process.stop()

    def _here(self, text: str) -> str:
        # baresip binds its media to any address, so on loopback it sends from 127.0.0.1; its SDP must say so.
        text = text.replace("net_interface           10.0.0.10", "net_interface           127.0.0.1")
        text = text.replace("10.0.0.10", self._host).replace("10.0.0.5", self._desk.access)
        return text.replace("/var/lib/baresip", str(self.folder))

    def _connect(self) -> bool:
        assert self._process and self._process.running, f"baresip ended:\n{self._process and self._process.tail()}"
        try:
            self._control = socket.create_connection((self._host, 4444), 1.0)
        except OSError:
            return False
        self._control.settimeout(2.0)
        return True

    def __enter__(self) -> Baresip:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()


def write_film(file: Path, seconds: int) -> None:
    """Test pictures with rising counters, as Motion JPEG."""
    with av.open(str(file), "w") as film:
        stream = film.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        for counter in range(seconds * RATE):
            picture = draw(SENDER, counter, counter * 1000 // RATE, WIDTH, HEIGHT)
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            film.mux(stream.encode(frame.reformat(format="yuvj420p")))
        film.mux(stream.encode(None))
