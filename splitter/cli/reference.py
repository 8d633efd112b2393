"""splitter reference: a configuration to begin with, in which every key is explained."""

from __future__ import annotations

import click

from splitter.config.reference import reference as text


@click.command()
def reference() -> None:
    """Print a configuration file that explains every key: its meaning, bounds and default, as of this version.

    A good start: splitter reference > splitter.toml
    """
    click.echo(text(), nl=False)
