"""splitter media: one media worker, for a unit of its own."""

from __future__ import annotations

from pathlib import Path

import click

from splitter.cli.text import counted, fail
from splitter.config.load import load
from splitter.core.errors import ConfigError, LocalError


@click.command()
@click.option("-c", "--config", "file", required=True, type=click.Path(), help="Configuration file.")
@click.option("--index", required=True, type=click.IntRange(0, 255), help="Which worker: 0 to media.workers - 1.")
def media(file: str, index: int) -> None:
    """Run one media worker, which carries voice and video while the gateway is restarted.

    The gateway finds it where its configuration says [media] spawn = false. See systemd/splitter-media@.service.
    """
    from splitter.media.worker.main import main
    from splitter.media.worker.place import socket_of

    try:
        settings = load(file)
        path = socket_of(Path(settings.media.socket_dir), index)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except ConfigError as error:
        click.echo("\n".join(error.problems), err=True)
        fail(f"not started: {file} has {counted(len(error.problems), 'problem')}")
    except (LocalError, OSError) as error:
        fail(f"not started: {error}")
    logs = settings.telemetry
    words = ["--socket", str(path), "--name", f"media-{index}", "--stay"]
    main([*words, "--log-format", logs.log_format, "--log-level", logs.log_level])
