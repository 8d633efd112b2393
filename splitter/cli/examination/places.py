"""What the configuration names on this machine: addresses, ports, folders, certificates. Does I/O: binds."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from splitter.cli.examination.machine import usable
from splitter.cli.examination.observation import Observation, bad, doubt, good
from splitter.config.advice import advice
from splitter.config.exposure import warnings
from splitter.config.model import Settings
from splitter.core.net import Address
from splitter.transport.x509 import validity

_NET = Path("/proc/net")
_LISTEN = "0A"  # TCP_LISTEN, as /proc/net/tcp writes it


def examine_places(file: str, settings: Settings, running: bool) -> Iterator[Observation]:
    """Look at what the configuration names.

    Args:
        running: the gateway runs, and has the ports and folders.
    """
    told = [*warnings(file, settings), *advice(settings)]
    for warning in told:
        what, _, remedy = warning.partition("; ")
        yield doubt("configuration", what, remedy)
    if not told:
        yield good("configuration", f"{file} says nothing that will not do")
    yield from _certificates(settings)
    yield good("firewall", f"is to let in: {', '.join(let_in(settings))}")
    if running:
        yield good("ports", "the gateway runs, and has them")
        yield from _entrance(settings)
        return
    yield from _listeners(settings)
    yield _media(settings)
    yield from _folders(settings)


def _certificates(settings: Settings) -> Iterator[Observation]:
    files = {network.tls.certificate for network in settings.networks.values() if network.tls}
    files |= {settings.api.certificate}
    for file in sorted(filter(None, files)):
        try:
            warning = validity(Path(file).read_text(encoding="ascii")).warning(time.time())
        except (OSError, ValueError) as error:
            yield bad("certificate", f"{file} cannot be read: {error}", "correct the path or the file")
            continue
        if warning:
            yield doubt("certificate", f"{file} {warning}", "renew it, then: splitter reload")
        else:
            yield good("certificate", f"{file} holds")


def _listeners(settings: Settings) -> Iterator[Observation]:
    wanted = [
        (f"SIP {listener.transport} {listener.address}", listener.transport == "udp", listener.address)
        for network in settings.networks.values()
        for listener in network.listeners
    ]
    wanted += [(f"API {address}", False, address) for address in settings.api.listen]
    wanted += [(f"media.tcp_port {address}", False, address) for address in _tcp(settings)]
    if settings.telemetry.metrics is not None:
        wanted.append((f"metrics {settings.telemetry.metrics}", False, settings.telemetry.metrics))
    faults = [(name, fault) for name, udp, address in wanted if (fault := _taken(udp, address))]
    for name, fault in faults:
        remedy = "see who has it: ss -lnp" if fault == "somebody has it" else "correct the address, or what forbids it"
        yield bad("ports", f"{name}: {fault}", remedy)
    if not faults:
        yield good("ports", f"{len(wanted)} listeners can be opened")


def _tcp(settings: Settings) -> list[Address]:
    """Where browsers come in that have no UDP; they are not listened for where there is no port."""
    port = settings.media.tcp_port
    return [Address(host, port) for host in settings.browser_hosts] if port else []


def let_in(settings: Settings) -> list[str]:
    """What a firewall before the gateway has to let in, in words; from outside alone what browsers and callers need."""
    media = settings.media
    found = [f"{at} UDP {media.first_port}–{media.last_port}" for at in _media_hosts(settings)]
    for at in _tcp(settings):
        told = media.tcp_advertised_port
        passed = f" (which your router has as TCP {told})" if told not in (0, at.port) else ""
        found.append(f"{at.host} TCP {at.port}{passed}")
    for network in settings.networks.values():
        kinds = ((one, "UDP" if one.transport == "udp" else "TCP") for one in network.listeners)
        found += [f"{one.address.host} {kind} {one.address.port}" for one, kind in kinds]
    found += [f"{address.host} TCP {address.port}" for address in settings.api.listen]
    return list(dict.fromkeys(found))


def _media_hosts(settings: Settings) -> list[str]:
    return list(dict.fromkeys(network.media_address for network in settings.networks.values()))


def _entrance(settings: Settings) -> Iterator[Observation]:
    """Is the workers' TCP port open? It has no other way to tell that it could not be opened."""
    wanted = {address.port for address in _tcp(settings)}
    listening = {port for name in ("tcp", "tcp6") for port in _ports_in(_NET / name, _LISTEN)}
    if wanted and not wanted <= listening:
        what = f"nobody listens at TCP {settings.media.tcp_port} (media.tcp_port), though the gateway runs"
        yield bad("ports", what, "see the log of the workers: the port is somebody else's, or below 1024")


def _taken(udp: bool, address: Address) -> str:
    """Why we cannot listen there; "" where we can."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)) as end:
        if not udp:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            end.bind((address.host, address.port))
        except OSError as error:
            return "somebody has it" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
    return ""


def _media(settings: Settings) -> Observation:
    """How many of the ports for media other programs have."""
    media = settings.media
    taken = {port for name in ("udp", "udp6") for port in _ports_in(_NET / name)}
    used = [port for port in taken if media.first_port <= port <= media.last_port]
    if not used:
        return good("media", f"no port of {media.first_port}–{media.last_port} is taken")
    what = f"{len(used)} ports of {media.first_port}–{media.last_port} are taken, such as {min(used)}"
    return doubt("media", what, "see who has them: ss -lnpu; or move media.first_port and last_port")


def _ports_in(path: Path, state: str = "") -> Iterator[int]:
    """The local ports in one of the kernel's tables of sockets (proc_net_udp); of those in this state alone, if any."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if state in ("", fields[3]):
            yield int(fields[1].rpartition(":")[2], 16)


def _folders(settings: Settings) -> Iterator[Observation]:
    folders = {
        "gateway.control_socket": Path(settings.control_socket).parent,
        "media.socket_dir": Path(settings.media.socket_dir),
    }
    if settings.store.path != ":memory:":
        folders["store.path"] = Path(settings.store.path).parent
    faults = [(key, fault) for key, folder in folders.items() if (fault := usable(folder))]
    for key, fault in faults:
        yield bad("folders", f"{key}: {fault}", "run it as the service's user, or name folders of your own")
    if not faults:
        yield good("folders", "can be written to")
