"""What the kernel lets this user do: capabilities, modules and the version that the configuration needs. Does I/O."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from splitter.cli.examination.observation import Observation, doubt, good
from splitter.config.model import Settings
from splitter.media.settings import KernelUse

MODULES = Path("/lib/modules")
_BITS = {"CAP_NET_BIND_SERVICE": 10, "CAP_NET_ADMIN": 12, "CAP_BPF": 39}  # capability.h
_OLDEST, _WITH_LINKS = (5, 10), (6, 6)  # of docs/offload.md
_NEEDED = ("sch_ingress", "cls_bpf")  # before links of programs to interfaces
_UNIT = "systemctl edit splitter: AmbientCapabilities and CapabilityBoundingSet"


def examine_kernel(
    settings: Settings, proc: Path, modules: Path = MODULES, release: str = os.uname().release
) -> Iterator[Observation]:
    """Look at what the kernel allows.

    Args:
        proc: where the kernel tells of itself. modules: where its modules are. release: its own name.
    """
    yield from _capabilities(settings, proc)
    if settings.media.offload is not KernelUse.OFF:
        yield _version(release)
        yield from _modules(proc, modules / release, release)


def _capabilities(settings: Settings, proc: Path) -> Iterator[Observation]:
    low, offload = _low_ports(settings, proc), settings.media.offload is not KernelUse.OFF
    wanted = {"CAP_NET_BIND_SERVICE": f"port {min(low)} is below 1024"} if low else {}
    if offload:
        wanted |= dict.fromkeys(("CAP_BPF", "CAP_NET_ADMIN"), "the kernel is to carry voice (media.offload)")
    if not wanted:
        yield good("capabilities", "none is needed")
        return
    held = _held(proc)
    if held is None:
        yield good("capabilities", "not to be seen here")
        return
    lacking = [name for name in wanted if not held >> _BITS[name] & 1]
    for name in lacking:
        refuge = ", and PrivateUsers=no" if name == "CAP_NET_BIND_SERVICE" else '; docs/offload.md, or offload = "off"'
        yield doubt("capabilities", f"{name} is missing: {wanted[name]}", f"{_UNIT} = {name}{refuge}")
    if not lacking:
        root = "; the service needs them from its unit" if os.geteuid() == 0 else ""
        yield good("capabilities", f"{', '.join(wanted)} are here{root}")


def _low_ports(settings: Settings, proc: Path) -> list[int]:
    """The ports of ours that not everybody may listen at."""
    text = _text(proc / "sys/net/ipv4/ip_unprivileged_port_start").strip()
    first = int(text) if text.isdigit() else 1024
    ports = [one.address.port for network in settings.networks.values() for one in network.listeners]
    ports += [address.port for address in settings.api.listen]
    ports += [settings.media.tcp_port] if settings.media.tcp_port else []
    ports += [settings.telemetry.metrics.port] if settings.telemetry.metrics is not None else []
    return [port for port in ports if port < first]


def _held(proc: Path) -> int | None:
    """The capabilities that this process has in effect (proc_pid_status)."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", _text(proc / "self/status"), re.M)
    return int(found[1], 16) if found else None


def _version(release: str) -> Observation:
    if _numbers(release) < _OLDEST:
        return doubt("kernel", f"{release} is too old to carry voice", 'Linux 5.10 or later, or media.offload = "off"')
    return good("kernel", f"{release} can carry voice")


def _modules(proc: Path, folder: Path, release: str) -> Iterator[Observation]:
    """An older kernel carries voice by a filter, which needs two modules."""
    if _numbers(release) >= _WITH_LINKS:
        return
    lists = [_text(folder / name) for name in ("modules.builtin", "modules.dep")]
    loaded = {line.split()[0] for line in _text(proc / "modules").splitlines() if line.strip()}
    if not any(lists):
        yield good("kernel modules", "not to be seen here")
        return
    there = {re.sub(r"\.ko.*", "", Path(line.partition(":")[0]).name) for text in lists for line in text.splitlines()}
    lacking = [name for name in _NEEDED if name not in there | loaded]
    if lacking:
        what = f"{', '.join(lacking)} cannot be loaded: no voice goes into the kernel"
        yield doubt("kernel modules", what, 'install the modules of this kernel, or set media.offload = "off"')
    else:
        yield good("kernel modules", f"{', '.join(_NEEDED)} can be loaded")


def _numbers(release: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
