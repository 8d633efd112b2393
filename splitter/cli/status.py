"""splitter status: how the gateway is doing, at a glance."""

from __future__ import annotations

import time

import click
import msgspec

from splitter.cli.door import RefusedByGateway, open_door
from splitter.cli.text import clock, counted, fail, say, say_json, span
from splitter.media.ports.health import InstanceStatus


class DaemonStatus(msgspec.Struct):
    """The answer to /v1/status; see splitter.web.ports.GatewayStatus."""

    name: str
    version: str
    state: str
    started_at: float
    calls: int
    max_calls: int
    transactions: int
    workers: tuple[int, int]
    pictures: tuple[str, ...]
    networks: list[str]
    alarms: list[str]
    api: list[str] = []
    dialogs: int = 0
    relays: int = 0
    rooms: int = 0
    ports: int = 0
    tasks: int = 0
    rtpengines: list[InstanceStatus] = []
    draining_since: float | None = None
    node: str = ""
    in_kernel: int = 0
    no_offload: str = ""
    mosaics: tuple[int, int] = (0, 0)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show how the gateway is doing. Exit code 1 while there is an alarm."""
    try:
        found = open_door(ctx).get(DaemonStatus, "status")
    except RefusedByGateway as error:
        fail(str(error))
    if as_json:
        say_json(found)
    else:
        _print(found)
    if found.alarms:
        raise click.exceptions.Exit(1)


def _print(found: DaemonStatus) -> None:
    say(f"{found.name} {found.version}: {found.state}")
    if found.draining_since is not None:
        left = counted(found.calls, "call")
        say(f"{'draining':<14}since {clock(found.draining_since)}: no new calls are taken; {left} left")
    if found.node:
        say(f"{'node':<14}{found.node}; see splitter cluster")
    say(f"{'up':<14}{span(time.time() - found.started_at)}, since {clock(found.started_at)}")
    say(f"{'calls':<14}{found.calls} of {found.max_calls}")
    say(f"{'SIP':<14}{counted(found.dialogs, 'dialog')}, {counted(found.transactions, 'transaction')}")
    media = (counted(found.relays, "relay"), counted(found.rooms, "room"), counted(found.ports, "port"))
    say(f"{'media':<14}{', '.join(media)}")
    if found.in_kernel:
        say(f"{'kernel':<14}forwards {counted(found.in_kernel, 'direction')} of voice")
    if found.no_offload:
        say(f"{'kernel':<14}cannot forward voice: {found.no_offload}")
    say(f"{'workers':<14}{found.workers[0]} of {found.workers[1]} up")
    if any(found.mosaics):
        say(f"{'mosaics':<14}{found.mosaics[0]} of {found.mosaics[1]} made")
    for form in found.pictures:
        say(f"{'pictures':<14}{form}")
    for one in found.rtpengines:
        say(f"{'rtpengine':<14}{one.name} at {one.address}: {one.state}, {counted(one.relays, 'relay')}")
    for network in found.networks:
        say(f"{'listens':<14}{network}")
    for address in found.api:
        say(f"{'API':<14}{address}")
    for alarm in found.alarms:
        say(f"{'ALARM':<14}{alarm}", fg="red")
