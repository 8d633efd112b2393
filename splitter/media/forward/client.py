"""The gateway's end of the forwarder: finds it or starts it, asks it, and hears what it sees. Does I/O (asyncio)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from splitter.media.forward import protocol as f
from splitter.media.record import protocol as p
from splitter.media.record.client import GRACE_S, RecorderLink
from splitter.media.record.settings import RecordingSettings
from splitter.telemetry.settings import TelemetrySettings


class ForwarderLink(RecorderLink):
    """The forwarder, and its successors.

    Args:
        host: the address that media are sent from; `avoided`: the first and the last port that are others'.
        on_lines, on_wanted: told the lines of a recording; and the one whose receiver wants a key frame.

    Attributes:
        notes: by recording, what a gateway before this one has had noted.
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
        super().__init__(settings, sockets, logs, on_back, on_trouble, grace_s)
        self._host, self._avoided = host, avoided
        self._on_lines, self._on_wanted = on_lines, on_wanted
        self.notes: dict[str, bytes] = {}

    def _arguments(self) -> list[str]:
        words = {
            "--sockets": str(self._sockets),
            "--host": self._host,
            "--avoid": "-".join(str(port) for port in self._avoided),
            "--grace": str(self._grace_s),
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
            return
        super()._heard(answer)
