"""`splitter demo`: the gateway with a handset, a voice centre and a seat around it, all on this machine. Does I/O."""

from __future__ import annotations

import sys

import click


@click.command()
@click.option("--once", is_flag=True, help="Play two calls, print what was measured; exit 0 only if all is right.")
@click.option("--desk", is_flag=True, help="Be the agent yourself, in a browser: prints where, and with which login.")
@click.option("--json", "as_json", is_flag=True, help="With --once: the measurements as JSON.")
def demo(once: bool, desk: bool, as_json: bool) -> None:
    """Start the gateway and simulated neighbours on loopback and let calls run between them.

    A handset behind an SBC calls with audio and video; a voice centre on a SIP stack of others gets the voice; an
    agent's SIP client gets the video, and with --once a browser's desk too. Without --once this goes on until Ctrl-C.
    """
    if as_json and not once:
        raise click.UsageError("--json goes with --once")
    if desk and once:
        raise click.UsageError("--desk needs a person, and --once needs none")
    from splitter.lab.centre.stacks import REMEDY, usual

    if usual() is None:
        raise click.ClickException(REMEDY)
    # Imported here: it brings PyAV and numpy, which no other command needs.
    from splitter.lab import demo as stage

    sys.exit(stage.once(as_json) if once else stage.on(desk))
