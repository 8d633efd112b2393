"""splitter run: the gateway itself."""

from __future__ import annotations

from collections.abc import Callable

import click

from splitter.cli.text import counted, fail
from splitter.config.exposure import warnings, writable
from splitter.config.load import load
from splitter.config.model import Settings
from splitter.core.errors import ConfigError, LocalError


@click.command()
@click.option("-c", "--config", "file", type=click.Path(), help="Configuration file; by default the service's.")
@click.pass_context
def run(ctx: click.Context, file: str | None) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; then drain and stop. SIGUSR1 leaves the calls to the next process."""
    path = file or str(ctx.obj[1])
    try:
        settings = load(path)
    except ConfigError as error:
        click.echo("\n".join(error.problems), err=True)
        fail(f"not started: {path} has {counted(len(error.problems), 'problem')}")
    try:
        exposed = [writable(path), *warnings(path, settings)]
        serve(settings, tuple(filter(None, exposed)), lambda: load(path))
    except LocalError as error:
        fail(f"not started: {error}")


def serve(settings: Settings, exposed: tuple[str, ...] = (), reread: Callable[[], Settings] | None = None) -> None:
    """Run until told to stop, and keep the service manager informed.

    Args:
        exposed: what others can read, change or know; for the log.
        reread: reads the configuration again, for a restart in place; None where it stands in no file.
    """
    import asyncio
    import gc
    import os
    import sys

    gc.disable()  # nothing of what is loaded now goes again; the run enables it. Calls of before wait for us

    import structlog
    import uvloop

    from splitter.running import Ending
    from splitter.running import run as run_gateway
    from splitter.telemetry import log
    from splitter.telemetry.notify import Notifier

    log.configure(settings.telemetry)
    for text in exposed:
        structlog.get_logger(__name__).warning("others can use what must be kept", reason=text)
    notifier = Notifier()

    async def main() -> None:
        watchdog = asyncio.create_task(notifier.keep_alive(), name="watchdog")
        try:
            ending = await run_gateway(settings, reread or (lambda: settings), notifier.ready)
            if ending is not Ending.STOPPED:
                log.close()
            # Nothing else is unwound: what ends in order would end the calls with it.
            if ending is Ending.LEFT:
                os._exit(0)
            if ending is not Ending.STOPPED:
                os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
        finally:
            notifier.stopping()
            watchdog.cancel()

    uvloop.run(main())
