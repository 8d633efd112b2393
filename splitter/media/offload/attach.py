"""The program's place at the entrance of interfaces. Does I/O.

Linux 6.6 has links (TCX), which end with the process that made them. Before that a filter of tc on the clsact qdisc
does the same, and stays when its process dies: its name says whose it is, and whoever comes next removes it.
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from splitter.media.offload import bpf
from splitter.media.offload.rtnetlink import Netlink

_PREFIX = "splitter_voice"


class Attachment(Protocol):
    """The program at one interface."""

    def is_there(self) -> bool:
        """Whether it is still in its place."""
        ...

    def take_off(self) -> None:
        """Take it off; again is no error."""
        ...


class LinkAttachment:
    """A link of TCX. Raises OSError; EINVAL where the kernel has none."""

    def __init__(self, program: int, interface: int) -> None:
        self._fd = bpf.link(program, interface)
        self._interface = interface

    def is_there(self) -> bool:
        try:
            return self._fd >= 0 and bpf.linked_to(self._fd) == self._interface
        except OSError:
            return False

    def take_off(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class FilterAttachment:
    """A filter of tc. Raises OSError."""

    def __init__(self, program: int, interface: int) -> None:
        self._interface = interface
        self._name = name_of(os.getpid())
        with Netlink() as netlink:
            netlink.put_filter(interface, program, self._name)

    def is_there(self) -> bool:
        try:
            with Netlink() as netlink:
                return any(one.name == self._name for one in netlink.filters(self._interface))
        except OSError:
            return False

    def take_off(self) -> None:
        with suppress(OSError), Netlink() as netlink:  # the interface is gone
            for one in netlink.filters(self._interface):
                if one.name == self._name:
                    netlink.take_filter_off(one)


def name_of(pid: int) -> str:
    """The name of a process's filters: no later process has the same one."""
    return f"{_PREFIX}:{pid}:{_born(pid)}"


def _born(pid: int) -> str:
    """When a process began, in ticks since the machine did (proc_pid_stat(5)); "" where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def attach(program: int, interface: int) -> Attachment:
    """Put the program at the entrance of an interface. It takes some 20 ms: for a thread. Raises OSError."""
    try:
        return LinkAttachment(program, interface)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
    return FilterAttachment(program, interface)


def remove_dead() -> int:
    """Take off filters whose process is gone. Returns: how many that were. Raises OSError."""
    removed = 0
    with Netlink() as netlink:
        for interface, _ in socket.if_nameindex():
            with suppress(OSError):  # this interface is gone, or not ours to look at
                for one in netlink.filters(interface):
                    if _is_dead(one.name):
                        netlink.take_filter_off(one)
                        removed += 1
    return removed


def _is_dead(name: str) -> bool:
    """Whether a filter of this name is one of ours, of a process that is gone."""
    prefix, _, rest = name.partition(":")
    pid = rest.partition(":")[0]
    if prefix != _PREFIX or not pid.isdigit() or name == name_of(int(pid)):
        return False
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return False  # another user's, whose /proc we may not see
    except OSError:
        pass
    return True
