"""The tables of the file: what reading them takes beyond what their keys declare."""

from __future__ import annotations

import re
from dataclasses import replace

from splitter.calls.settings import CallSettings, OverloadSettings, Role, Route, Trunk, parse_peer
from splitter.config.fields import read, read_fields
from splitter.config.model import Settings
from splitter.config.reader import Table
from splitter.core.net import Address
from splitter.media.forward.settings import ForkSettings
from splitter.sip.digest import ALGORITHMS
from splitter.transport.settings import default_port
from splitter.transport.targets import AUTO, HostName

SOCKET_PATH_BYTES = 107  # sun_path of unix(7), less its final zero
_LEAST_INTERVAL_S = 1.0


def read_gateway(table: Table, calls: Table) -> tuple[CallSettings, str]:
    """[gateway] and [calls].

    Returns: the settings of calls, and the path of the control socket.
    """
    settings = read(calls, CallSettings, **read_fields(table, CallSettings, "gateway"))
    control_socket = str(read_fields(table, Settings, "gateway")["control_socket"])
    if len(control_socket.encode()) > SOCKET_PATH_BYTES:
        table.problem("control_socket", f"is longer than {SOCKET_PATH_BYTES} bytes", "use a shorter path")
    table.finish()
    return settings, control_socket


def read_trunk(table: Table) -> Trunk:
    """Read a table [trunk.NAME]."""
    trunk = read(table, Trunk, _check_trunk, name=table.name)
    address, transport, peers = trunk.address, trunk.transport, trunk.peers
    if isinstance(address, HostName) and "transport" not in table:
        transport = AUTO
    if isinstance(address, Address) and not address.port:
        address = Address(address.host, default_port(transport))
    if isinstance(address, Address) and "peers" not in table:
        peers = (parse_peer(address.host),)
    return replace(trunk, address=address, transport=transport, peers=peers)


def _check_trunk(table: Table, trunk: Trunk) -> None:
    if "algorithms" in table and not table.listed("algorithms"):
        table.problem("algorithms", "is empty", f"name at least one of {', '.join(ALGORITHMS)}")
    if 0 < trunk.options_interval_s < _LEAST_INTERVAL_S:
        what = f"{trunk.options_interval_s:g} is too often"
        table.problem("options_interval_s", what, "use 0 for never, or 1 or more")
    if trunk.role is Role.SEAT and trunk.max_calls:
        table.problem("max_calls", "does not count seats, which join calls that have their place", "leave it out")
    for key in ("bind_from", "extension_pattern", "transfers"):
        if trunk.role is not Role.CENTRE and key in table:
            table.problem(key, "is for trunks of role centre", "leave it out")


def check_route(table: Table, route: Route) -> None:
    """Check that a route leads somewhere, and that the groups of its number exist."""
    if not table.listed("to"):
        table.problem("to", "names no trunk", 'add the centres to try, in order, such as to = ["pbx"]')
    groups = [int(group) for group in re.findall(r"\\(\d+)", route.number)]
    known = route.called.groups
    if any(group > known for group in groups) and not table.problems.within((*table.path, "called")):
        what = f'"{route.number}" uses group {max(groups)}, but "called" has {known}'
        table.problem("number", what, "put (…) around it there")


def check_overload(table: Table, settings: OverloadSettings) -> None:
    """Video is refused before voice."""
    for video, refuse in (("video_lag_s", "refuse_lag_s"), ("video_cpu", "refuse_cpu")):
        if getattr(settings, video) > getattr(settings, refuse):
            table.problem(video, f"is more than {refuse}", "video is to be refused before voice: lower it")


def check_fork(table: Table, settings: ForkSettings) -> None:
    """Voices go in clear only where that is said."""
    if settings.url.startswith("ws:") and not settings.insecure:
        table.problem("url", "is not encrypted: others on the way could listen", "use wss://, or insecure = true")
    if settings.url and settings.voices == settings.pictures == "none":
        table.problem("voices", "neither voices nor pictures are sent", "name some of them, or remove the url")
    if settings.url and settings.pictures == "none" and settings.stills != "none":
        table.problem("stills", "no pictures are sent that they could be of", 'add pictures = "caller", or "all"')
