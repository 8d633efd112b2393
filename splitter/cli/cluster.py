"""splitter cluster: the gateways that stand in for each other, and what would be lost now."""

from __future__ import annotations

import click
import msgspec

from splitter.cli.door import RefusedByGateway, open_door
from splitter.cli.text import counted, fail, fitted, say, say_json
from splitter.cluster.nodes import NodeView


class ShownCluster(msgspec.Struct):
    """The answer to /v1/cluster; see splitter.web.shapes.Cluster."""

    node: str
    nodes: list[NodeView]


@click.command()
@click.argument("action", required=False, type=click.Choice(["hand-over"]))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def cluster(ctx: click.Context, action: str | None, as_json: bool) -> None:
    """Show the nodes: where each is, who stands by, its calls, and those whose last change would be lost now.

    `hand-over` gives the node of this gateway, with its calls, to a host that stands by. Exit code 1 where a node is
    away, alone, or has nobody who stands by.
    """
    door = open_door(ctx)
    try:
        if action is not None:
            door.read("POST", "hand-over")
            say("handing over; calls go on")
            return
        found = door.get(ShownCluster, "cluster")
    except RefusedByGateway as error:
        fail(str(error))
    if as_json:
        say_json(found)
    elif not found.node:
        say("this gateway is the only one: [cluster] is not in its configuration")
        return
    else:
        _print(found)
    if any(node.state in ("away", "alone") or not node.standby for node in found.nodes):
        raise click.exceptions.Exit(1)


def _print(found: ShownCluster) -> None:
    titles = ("NODE", "STATE", "HOST", "STANDBY", "CALLS", "WOULD BE LOST", "LAG", "FENCE", "VERSION", "API")
    say(fitted(titles, [_row(node, node.node == found.node) for node in found.nodes]))
    for node in found.nodes:
        if node.state == "away":
            say(f"nobody is {node.node} now: its calls wait for a host", fg="red")
        elif node.state == "alone":
            say(f"{node.node} does not reach Valkey: {counted(node.calls, 'call')} would end with its host", fg="red")
        elif not node.standby:
            say(f"nobody stands by for {node.node}: its calls would end with its host", fg="red")


def _row(node: NodeView, own: bool) -> tuple[str, ...]:
    where = (f"{node.node}{' *' if own else ''}", node.state, node.host or "-", ", ".join(node.standby) or "-")
    risk = (str(node.calls), str(node.at_risk), f"{node.lag_s:.1f} s" if node.lag_s else "-")
    return (*where, *risk, str(node.fence or "-"), node.version or "-", node.api_url or "-")
