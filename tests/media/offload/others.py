"""What other programs of a machine do to ours at its interfaces. Does I/O."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import subprocess

_BPF = {"x86_64": 321, "aarch64": 280}
_QUERY, _LINK_BY_ID, _DETACH = 16, 30, 34
_TCX_INGRESS = 46
_AT_MOST = 16

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command: int, attributes: bytes) -> tuple[int, bytes]:
    memory = ctypes.create_string_buffer(attributes, 144)
    done = _libc.syscall(_BPF[platform.machine()], command, memory, 144)
    if done < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return done, memory.raw


def links_at(interface: str) -> list[int] | None:
    """The links of programs at the entrance of an interface; None where the kernel knows no links there (before 6.6)."""
    found = (ctypes.c_uint32 * _AT_MOST)()
    room = ctypes.create_string_buffer(4 * _AT_MOST)
    asked = struct.pack(
        "=IIIIQI4xQQ", socket.if_nametoindex(interface), _TCX_INGRESS, 0, 0, ctypes.addressof(room), _AT_MOST, 0,
        ctypes.addressof(found),
    )  # fmt: skip
    try:
        _, answer = _bpf(_QUERY, asked)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return None
    return list(found[: struct.unpack_from("=I", answer, 24)[0]])


def take_programs_off(interface: str) -> None:
    """Take every program off the entrance of an interface, as `bpftool link detach` and tc do."""
    links = links_at(interface)
    if links is None:
        subprocess.run(["tc", "qdisc", "del", "dev", interface, "clsact"], check=True, capture_output=True)
    for number in links or ():
        link, _ = _bpf(_LINK_BY_ID, struct.pack("=I", number))
        _bpf(_DETACH, struct.pack("=I", link))
        os.close(link)
