"""structlog, set up once for the process. Does I/O: lines go to standard error, where journald picks them up."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from splitter.telemetry.settings import TelemetrySettings

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
FORMATS = ("console", "json")


def configure(settings: TelemetrySettings, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging behind it.

    Levels below the configured one cost a no-op call: the filter is a class without those methods, made once.

    Args:
        settings: format and level.
        stream: where lines go; standard error by default.
    """
    out = stream or sys.stderr
    level = LEVELS[settings.log_level]
    structlog.configure(
        processors=[*_shared(settings), *_renderers(settings, out)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    _configure_standard(settings, out, level)


def _shared(settings: TelemetrySettings) -> list[Processor]:
    local = settings.log_format == "console"  # people read local time, machines read UTC
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S.%f" if local else "iso", utc=not local)
    return [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, stamp]


def _renderers(settings: TelemetrySettings, out: TextIO) -> list[Processor]:
    if settings.log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    return [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)]


def _configure_standard(settings: TelemetrySettings, out: TextIO, level: int) -> None:
    """Lines of libraries (asyncio, aiohttp) take the same shape; they are of interest from warnings on."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_add_logger_name, *_shared(settings)],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(settings, out)],
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))


def _add_logger_name(logger: logging.Logger | None, method: str, event: Any) -> Any:
    record = event.get("_record")
    if record is not None:
        event["logger"] = record.name
    return event
