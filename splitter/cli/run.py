"""splitter run: the gateway itself."""

from __future__ import annotations

import click

from splitter.cli.text import fail
from splitter.config.load import load
from splitter.config.model import Settings
from splitter.core.errors import ConfigError, LocalError


@click.command()
@click.option("-c", "--config", "file", required=True, type=click.Path(), help="Configuration file.")
def run(file: str) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; then drain and stop."""
    try:
        settings = load(file)
    except ConfigError as error:
        click.echo("\n".join(error.problems), err=True)
        fail(f"not started: {file} has {len(error.problems)} problems")
    try:
        serve(settings)
    except LocalError as error:
        fail(f"not started: {error}")


def serve(settings: Settings) -> None:
    """Run until told to stop, and keep the service manager informed."""
    import asyncio

    import uvloop

    from splitter import app
    from splitter.telemetry import log
    from splitter.telemetry.notify import Notifier

    log.configure(settings.telemetry)
    notifier = Notifier()

    async def main() -> None:
        watchdog = asyncio.create_task(notifier.keep_alive(), name="watchdog")
        try:
            await app.run(settings, ready=lambda: notifier.ready(f"{len(settings.trunks)} trunks"))
        finally:
            notifier.stopping()
            watchdog.cancel()

    uvloop.run(main())
