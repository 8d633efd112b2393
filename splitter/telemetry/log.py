"""structlog, set up once for the process. Does I/O: lines go to standard error, where journald picks them up.

No log call waits or raises, whatever becomes of standard error and whatever is to be logged: rendering is guarded, and
a thread of its own does the writing (see splitter.telemetry.sink). So nobody has to think of where to log.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from splitter.core.text import plain
from splitter.telemetry.settings import TelemetrySettings
from splitter.telemetry.sink import Sink, keep_standard_descriptors

_STDERR = 2
_LINES, _TRACEBACKS = (500.0, 100.0), (10.0, 0.5)  # of one event: at once, and per second; calls have two lines each
_EVENTS = 500  # that are remembered; a text of our own, or of a library, names each
_LEVELS = logging.getLevelNamesMapping()
_level = logging.INFO  # the least that this process writes
_sink: Sink | None = None  # of this process; loggers that were made before a new `configure` use the new one


def configure(settings: TelemetrySettings, fd: int = _STDERR) -> Sink:
    """Set up structlog and the standard library's logging behind it, and give Python's own complaints the same way out.

    Args:
        settings: format and level.
        fd: where lines go.
    Returns: where they go through, which knows whether lines are lost.
    """
    global _sink
    close()
    keep_standard_descriptors()
    _sink = Sink(fd, _tell_missing)
    structlog.configure(
        processors=[_Guarded([_above_level, Moderator(), *_shared(settings), *_renderers(settings, fd)])],
        logger_factory=_Writer,
        cache_logger_on_first_use=True,
    )
    _configure_standard(settings, fd)
    set_level(settings.log_level)
    return _sink


def set_level(name: str) -> None:
    """Write lines of this level and above from now on, whoever has a logger already."""
    global _level
    _level = _LEVELS[name.upper()]
    logging.getLogger().setLevel(max(_level, logging.WARNING))


def _above_level(logger: Any, method: str, event: EventDict) -> EventDict:
    if _LEVELS.get(method.upper(), logging.ERROR) < _level:
        raise structlog.DropEvent
    return event


def alarm() -> str:
    """The alarm of this process's log; "" for nothing."""
    return _sink.alarm() if _sink is not None else ""


def dropped() -> int:
    """Lines of this process that were lost, since the start."""
    return _sink.dropped if _sink is not None else 0


def close() -> None:
    """Write what waits, within a second."""
    if _sink is not None:
        _sink.close()


def _tell_missing(lines: int) -> None:
    structlog.get_logger(__name__).warning("lines of the log were dropped", lines=lines)


class _Writer:
    """structlog's end of the sink; each level has its method."""

    def __init__(self, *_: Any) -> None:
        pass

    def msg(self, line: str) -> None:
        if _sink is not None:
            _sink.put(line)

    debug = info = warning = error = critical = exception = msg


class Moderator:
    """A processor that lets so many lines of one event through, and counts what it holds back: what causes a line may
    come from the network a thousand times a second. Whoever logs may know better, and log less.

    Args:
        now: monotonic time.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._budgets: OrderedDict[tuple[str, bool], tuple[float, float, int]] = OrderedDict()  # left, at, held back

    def __call__(self, logger: Any, method: str, event: EventDict) -> EventDict:
        held = self.permit(event.get("event"), bool(event.get("exc_info")))
        if held is None:
            raise structlog.DropEvent
        if held:
            event["held_back"] = held
        return event

    def permit(self, event: object, traceback: bool) -> int | None:
        """Permit a line: how many of its event were held back before it, or None for no."""
        burst, per_s = _TRACEBACKS if traceback else _LINES
        name = event[:200] if isinstance(event, str) else type(event).__name__
        key, now = (name, traceback), self._now()
        left, at, held = self._budgets.pop(key, (burst, now, 0))
        left = min(burst, left + (now - at) * per_s)
        allowed = left >= 1.0
        self._budgets[key] = (left - 1.0, now, 0) if allowed else (left, now, held + 1)
        if len(self._budgets) > _EVENTS:
            self._budgets.popitem(last=False)
        return held if allowed else None


class _Guarded:
    """Processors of which none raises: a line that cannot be rendered says that much.

    Args:
        processors: the last one returns the text.
    """

    def __init__(self, processors: Sequence[Processor]) -> None:
        self._processors = processors

    def __call__(self, logger: Any, method: str, event: EventDict) -> str:
        name = event.get("event")
        try:
            line: Any = event
            for processor in self._processors:
                line = processor(logger, method, line)
            return str(line)
        except structlog.DropEvent:
            raise  # it stops inside structlog
        except Exception as error:
            return f"a line of the log could not be rendered: {name!s:.200} ({type(error).__name__})"


def _shared(settings: TelemetrySettings) -> list[Processor]:
    local = settings.log_format == "console"  # people read local time, machines read UTC
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S.%f" if local else "iso", utc=not local)
    return [structlog.contextvars.merge_contextvars, harmless, structlog.processors.add_log_level, stamp]


def harmless(logger: Any, method: str, event: EventDict) -> EventDict:
    """Write what strangers wrote so that it does nothing to the terminal of whoever reads the log."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            event[key] = plain(value)
    return event


def _renderers(settings: TelemetrySettings, fd: int) -> list[Processor]:
    if settings.log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    colours = os.isatty(fd)
    return [structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)]


class _Handler(logging.Handler):
    """Lines of libraries, through the sink; without a lock, which a destructor that logs might find taken."""

    def __init__(self) -> None:
        super().__init__()
        self._moderator = Moderator()

    def createLock(self) -> None:
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """As the base class does, which from Python 3.13 on enters the lock without a look whether there is one."""
        wanted = bool(self.filter(record))
        if wanted:
            self.emit(record)
        return wanted

    def emit(self, record: logging.LogRecord) -> None:
        held = self._moderator.permit(record.msg, bool(record.exc_info))
        if held is None:
            return
        try:
            line = self.format(record)
        except Exception as error:
            line = f"a line of {record.name} could not be rendered: {record.msg!s:.200} ({type(error).__name__})"
        if held:
            line += f" ({held} of these were held back)"
        if _sink is not None:
            _sink.put(line)


def _configure_standard(settings: TelemetrySettings, fd: int) -> None:
    """Lines of libraries (asyncio, aiohttp) take the same shape; they are of interest from warnings on.

    Python itself would write what nobody caught, and its warnings, straight to standard error.
    """
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_add_logger_name, *_shared(settings)],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(settings, fd)],
    )
    handler = _Handler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    logging.captureWarnings(True)
    threading.excepthook = _thread_failed
    sys.unraisablehook = _unraisable
    atexit.register(close)


def _thread_failed(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread is not None else ""
    structlog.get_logger(__name__).error("a thread failed", thread=name, exc_info=args.exc_value)


def _unraisable(args: sys.UnraisableHookArgs) -> None:
    message = args.err_msg or "an exception could not be raised"
    structlog.get_logger(__name__).error(message, where=f"{args.object!r:.200}", exc_info=args.exc_value)


def _add_logger_name(logger: logging.Logger | None, method: str, event: Any) -> Any:
    record = event.get("_record")
    if record is not None:
        event["logger"] = record.name
    return event
