"""A phone's voice beside SIPp: sends a tone as G.711 over RTP and says what it hears. Does I/O, in a thread of its own.

SIPp does the signalling; its SDP names this voice's port.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections import deque
from types import TracebackType

import numpy as np

from splitter.lab.tone import FRAME_S, PCMA, RATE, Hearing, Samples, Tone, decode, encode

TONES = (350.0, 440.0, 550.0, 660.0, 770.0, 880.0, 990.0)
_BLOCK = 800  # samples: a whole number of periods of each of them


def chord(samples: Samples) -> set[float]:
    """The tones that these samples are made of: each has a tenth of the power at least."""
    signal = samples.astype(np.float64)
    energy, at = float(np.dot(signal, signal)), np.arange(len(signal))
    if energy < 1e4 * max(1, len(signal)):
        return set()
    shares = {tone: abs(np.dot(signal, np.exp(-2j * np.pi * tone / RATE * at))) ** 2 for tone in TONES}
    return {tone for tone, power in shares.items() if power / (energy * len(signal) / 2) > 0.1}


def levels_db(samples: Samples) -> dict[float, float]:
    """The level of each of TONES against that of `Tone`, in that tenth of a second in which it was loudest."""
    blocks = samples[len(samples) % _BLOCK :].reshape(-1, _BLOCK).astype(np.float64)
    at = np.arange(_BLOCK)
    found = {}
    for tone in TONES:
        amplitudes = 2 * np.abs(blocks @ np.exp(-2j * np.pi * tone / RATE * at)) / _BLOCK
        found[tone] = float(20 * np.log10(max(1.0, *amplitudes, 1.0) / 8000))
    return found


class Voice:
    """One end of a voice stream.

    Args:
        host, port: where it receives and from where it sends; the port is even.
        tone: what it says, one of TONES.
        law: payload type, PCMA or PCMU.
    """

    def __init__(self, host: str, port: int, tone: float, law: int = PCMA) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self._socket.settimeout(FRAME_S)
        self._tone, self._law = Tone(tone), law
        self._hearing = Hearing(TONES)
        self._lock = threading.Lock()
        self._latest: deque[Samples] = deque(maxlen=100)  # two seconds
        self._to: tuple[str, int] | None = None
        self._over = threading.Event()
        self.received = 0
        self.sources: set[tuple[str, int]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def talk_to(self, address: tuple[str, int] | None) -> None:
        """Send there from now on; None for silence on the wire."""
        self._to = address

    def forget(self) -> None:
        """Forget what was heard until now."""
        with self._lock:
            self._hearing = Hearing(TONES)
            self.received = 0

    def seconds(self, tone: float) -> float:
        """For how long that tone was heard."""
        with self._lock:
            return self._hearing.seconds(tone)

    def hears(self, tone: float, for_s: float = 0.5) -> bool:
        """True once that tone was heard for so long."""
        return self.seconds(tone) >= for_s

    def chord(self) -> set[float]:
        """The tones that are in what it hears now, several at a time."""
        return chord(self.latest()[-4000:])

    def latest(self) -> Samples:
        """What it has heard in the last two seconds."""
        with self._lock:
            return np.concatenate(self._latest) if self._latest else np.zeros(0, dtype=np.int16)

    def in_words(self) -> str:
        """What was heard."""
        with self._lock:
            return f"{self.received} packets from {sorted(self.sources)}: {self._hearing.in_words()}"

    def _run(self) -> None:
        rng = random.Random()
        sequence, stamp, ssrc = rng.randrange(65536), rng.randrange(1 << 31), rng.randrange(1 << 32)
        due = time.monotonic()
        while not self._over.is_set():
            now = time.monotonic()
            if now >= due:
                due = max(due + FRAME_S, now - 0.1)
                sequence, stamp = (sequence + 1) & 0xFFFF, (stamp + 160) & 0xFFFFFFFF
                packet = struct.pack("!BBHII", 0x80, self._law, sequence, stamp, ssrc)
                if self._to:
                    self._socket.sendto(packet + encode(self._tone.frame(), self._law), self._to)
                continue
            self._socket.settimeout(max(0.001, due - now))
            try:
                data, source = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            self._hear(data, source)

    def _hear(self, data: bytes, source: tuple[str, int]) -> None:
        if len(data) < 12 or data[0] >> 6 != 2 or data[1] & 0x7F != self._law:
            return
        with self._lock:
            self.received += 1
            self.sources.add(source)
            samples = decode(data[12 + 4 * (data[0] & 15) :], self._law)
            self._hearing.samples(samples)
            self._latest.append(samples)

    def close(self) -> None:
        """Stop and give the port back."""
        self._over.set()
        self._thread.join(1.0)
        self._socket.close()

    def __enter__(self) -> Voice:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
