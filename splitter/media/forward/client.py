"""The gateway's end of the forwarder: finds it or starts it, asks it, and hears what it sees. Does I/O (asyncio)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from splitter.media.forward import protocol as f
from splitter.media.record import protocol as p
from splitter.media.record.client import GRACE_S, RecorderLink
from splitter.media.record.settings import RecordingSettings
from splitter.telemetry.settings import TelemetrySettings


class ForkWatch(Protocol):
    """A listener to what becomes of forks."""

    def see(self, recording: str, seen: f.ForkSeen) -> None:
        """The fork of a recording is so now."""
        ...

    def want(self, recording: str, name: str) -> None:
        """The picture that comes from there wants a key frame."""
        ...

    def lose(self, reason: str) -> None:
        """The forwarder is gone."""
        ...

    def go_on(self) -> None:
        """The forwarder can be asked, and may know nothing of before."""
        ...


class ForwarderLink(RecorderLink):
    """The forwarder, and its successors.

    Args:
        host: the address that media are sent from; `avoided`: the first and the last port that are others'.
        on_lines, on_wanted: told the lines of a recording; and the one whose receiver wants a key frame.

    Attributes:
        notes: by recording, what a gateway before this one has had noted.
        forks: told of forks; None where there are none.
    """

    NAME = "forwarder"
    MODULE = "splitter.media.forward"
    SOCKETS = f.CONTROL, f.TAPS

    def __init__(
        self,
        settings: RecordingSettings,
        sockets: Path,
        logs: TelemetrySettings,
        host: str,
        on_back: Callable[[], None],
        on_trouble: Callable[[str, str], None],
        on_lines: Callable[[str, tuple[f.SeenLine, ...]], None],
        on_wanted: Callable[[str, int], None],
        grace_s: float = GRACE_S,
        avoided: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__(settings, sockets, logs, self._back, on_trouble, grace_s)
        self._on_there = on_back
        self._host, self._avoided = host, avoided
        self._on_lines, self._on_wanted = on_lines, on_wanted
        self.notes: dict[str, bytes] = {}
        self.forks: ForkWatch | None = None

    def _arguments(self) -> list[str]:
        words = {
            "--sockets": str(self._sockets),
            "--host": self._host,
            "--avoid": "-".join(str(port) for port in self._avoided),
            "--grace": str(self._grace_s),
            "--protocol": str(p.PROTOCOL),
            "--log-format": self._logs.log_format,
            "--log-level": self._logs.log_level,
        }
        return [word for pair in words.items() for word in pair]

    def _read(self, line: bytes) -> p.RecorderAnswer:
        return f.read_answer(line)

    def _take_up(self, answer: p.RecorderAnswer) -> None:
        super()._take_up(answer)
        if isinstance(answer, f.ForwarderAnswer):
            self.notes = answer.notes

    def _heard(self, answer: p.RecorderAnswer) -> None:
        if isinstance(answer, f.ForwarderAnswer) and not answer.id:
            if answer.lines is not None:
                self._on_lines(answer.recording, answer.lines)
            elif answer.wanted >= 0:
                self._on_wanted(answer.recording, answer.wanted)
            elif self.forks is not None and answer.fork is not None:
                self.forks.see(answer.recording, answer.fork)
            elif self.forks is not None and answer.key_frame_of:
                self.forks.want(answer.recording, answer.key_frame_of)
            return
        super()._heard(answer)

    def _back(self) -> None:
        self._on_there()
        if self.forks is not None:
            self.forks.go_on()
        else:  # a gateway before this one may have had some
            for recording in self.left:
                self.tell(f.EndFork(recording, "calls are no longer forked"))

    def _trouble(self, recording: str, reason: str) -> None:
        super()._trouble(recording, reason)
        if self.forks is not None and reason and not recording:
            self.forks.lose(reason)
