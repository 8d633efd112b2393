"""What the machine allows: descriptors, buffers, port ranges, the clock, the disk. Does I/O: reads /proc."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from splitter.cli.examination.kernel import examine_kernel
from splitter.cli.examination.observation import Observation, bad, doubt, good
from splitter.config.model import Settings
from splitter.media.record.settings import RecordingSettings
from splitter.transport.udp import BUFFER_BYTES

PROC = Path("/proc")
_SOCKETS_PER_CALL = 8  # RTP and RTCP of two streams, each towards two sides
_FLOWS_PER_CALL = 8
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_MB = 1_000_000


def examine_machine(settings: Settings, proc: Path = PROC) -> Iterator[Observation]:
    """Look at the machine.

    Args:
        proc: where the kernel tells of itself.
    """
    yield from examine_kernel(settings, proc)
    yield _descriptors(settings)
    yield _buffers(proc)
    yield _ephemeral(settings, proc)
    yield from _tracking(settings, proc)
    yield _clock()
    yield _disk(settings)
    yield from _recordings(settings.recording)


def _descriptors(settings: Settings) -> Observation:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.calls.max_calls * _SOCKETS_PER_CALL + settings.transport.tcp_connections
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        return good("open files", f"{'without limit' if hard == resource.RLIM_INFINITY else hard} allowed")
    what = f"{hard} are allowed here; {settings.calls.max_calls} calls need up to {wanted}"
    return doubt("open files", what, "raise LimitNOFILE of the service (ulimit -n), or lower gateway.max_calls")


def _buffers(proc: Path) -> Observation:
    most = _number(proc / "sys/net/core/rmem_max")
    if most is None or most >= BUFFER_BYTES:
        return good("receive buffer", "large enough" if most else "not to be seen here")
    what = f"net.core.rmem_max is {most}: a burst of requests, or of a picture's packets, may get lost"
    return doubt("receive buffer", what, f"sysctl -w net.core.rmem_max={BUFFER_BYTES}, and keep it in /etc/sysctl.d")


def _ephemeral(settings: Settings, proc: Path) -> Observation:
    """Other programs get the ports of this range when they ask for any."""
    media = settings.media
    ours = f"{media.first_port}-{media.last_port}"
    text = _text(proc / "sys/net/ipv4/ip_local_port_range").split()
    if len(text) == 2 and int(text[0]) <= media.last_port and int(text[1]) >= media.first_port:
        reserved = _ports(_text(proc / "sys/net/ipv4/ip_local_reserved_ports"))
        shared = range(max(int(text[0]), media.first_port), min(int(text[1]), media.last_port) + 1)
        if not reserved.issuperset(shared):
            what = f"other programs may be given ports of ours ({ours}): the kernel hands out {text[0]}-{text[1]}"
            return doubt("media ports", what, f"sysctl -w net.ipv4.ip_local_reserved_ports={ours}")
    return good("media ports", f"{ours} are ours")


def _ports(text: str) -> frozenset[int]:
    """A list of the kernel's, such as "30000-39999,50000"."""
    found = set[int]()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _tracking(settings: Settings, proc: Path) -> Iterator[Observation]:
    """A firewall that follows connections forgets new ones when its table is full, and drops their packets."""
    most = _number(proc / "sys/net/netfilter/nf_conntrack_max")
    if most is None:
        return
    wanted = settings.calls.max_calls * _FLOWS_PER_CALL
    if most >= wanted:
        yield good("firewall", f"follows up to {most} flows")
    else:
        what = f"it follows {most} flows at most (nf_conntrack_max); {settings.calls.max_calls} calls are {wanted}"
        yield doubt("firewall", what, f"sysctl -w net.netfilter.nf_conntrack_max={2 * wanted}")


def _clock() -> Observation:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        state = libc.adjtimex(ctypes.create_string_buffer(512))  # struct timex is smaller; modes 0 changes nothing
    except (OSError, AttributeError):
        return good("clock", "not to be asked here")
    if state == _UNSYNCHRONISED:
        what = "nobody sets it: times in traces, logins and certificates go wrong"
        return doubt("clock", what, "install chrony or systemd-timesyncd")
    return good("clock", "is set by the network")


def _disk(settings: Settings) -> Observation:
    if settings.store.path == ":memory:":
        return doubt("disk", "nothing is kept: the store is in memory", "set store.path")
    place = _existing(Path(settings.store.path))
    free_mb = shutil.disk_usage(place).free // _MB
    if free_mb < 100:
        return bad("disk", f"{free_mb} MB are free at {place}", "make room: calls go on, but without traces")
    if free_mb < settings.store.max_size_mb:
        what = f"{free_mb} MB are free at {place}; the store may grow to {settings.store.max_size_mb}"
        return doubt("disk", what, "make room, or lower store.max_size_mb")
    return good("disk", f"{free_mb} MB free at {place}")


def _recordings(recording: RecordingSettings) -> Iterator[Observation]:
    if not recording.folder:
        return
    place = _existing(Path(recording.folder))
    disk, quota_mb = shutil.disk_usage(place), recording.quota_gb * 1000
    free_mb = disk.free // _MB
    if free_mb < recording.least_free_mb:
        what = f"{free_mb} MB are free at {place}, less than recording.least_free_mb: nothing is recorded"
        yield bad("recordings", what, "make room, or delete recordings")
    elif quota_mb > disk.total // _MB - recording.least_free_mb:
        what = (
            f"recording.quota_gb is {recording.quota_gb:g}, and the disk at {place} has {disk.total // 1000 // _MB} GB"
        )
        yield doubt("recordings", what, "lower it, or there is no alarm before the disk is full")
    else:
        yield good("recordings", f"{free_mb} MB free at {place}")


def _existing(path: Path) -> Path:
    """The nearest folder above that is there."""
    while not path.is_dir():
        path = path.parent
    return path


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def usable(folder: Path) -> str:
    """Why we cannot write there; "" where we can."""
    place = _existing(folder)
    if os.access(place, os.W_OK | os.X_OK):
        return ""
    return f"user {_user()} may not write to {place}"


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
