"""A gate in the kernel: a socket that takes packets from one source alone (classic BPF on the socket). Does I/O.

What it keeps away wakes nobody, costs next to nothing, and is counted. It takes no privilege. A `Line` shuts it while
its short cut is not connected yet, and to everybody while strays flood the port.
"""

from __future__ import annotations

import socket
import struct
from array import array

from splitter.media.wire.strangers import Source

# linux/filter.h, linux/sock_diag.h
_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27
_SO_MEMINFO = 55
_MEMINFO_DROPS = 8
_MEMINFO_WORDS = 9

_LOAD_HALF, _LOAD_WORD, _JUMP_EQUAL, _RETURN = 0x28, 0x20, 0x15, 0x06
_NETWORK_HEADER = -0x100000 & 0xFFFFFFFF  # SKF_NET_OFF: offsets from here count from the IP header
_ACCEPT, _DROP = 0xFFFFFFFF, 0
_INSTRUCTION = struct.Struct("HBBI")
_PROGRAM = struct.Struct("HP")

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


def program(family: int, source: Source) -> list[Instruction]:
    """Compare the source port (the first field of the UDP header) and address, then accept or drop. Pure."""
    address = socket.inet_pton(family, source[0] or ("0.0.0.0" if family == socket.AF_INET else "::"))
    first_at = 12 if family == socket.AF_INET else 8  # of the source address in the IP header
    checks = [(_LOAD_HALF, 0, source[1])]
    for at in range(0, len(address), 4):
        checks.append((_LOAD_WORD, _NETWORK_HEADER + first_at + at, int.from_bytes(address[at : at + 4], "big")))
    code: list[Instruction] = []
    for index, (load, offset, wanted) in enumerate(checks):
        to_drop = 2 * (len(checks) - index - 1) + 1
        code += [(load, 0, 0, offset), (_JUMP_EQUAL, 0, to_drop, wanted)]
    return [*code, (_RETURN, 0, 0, _ACCEPT), (_RETURN, 0, 0, _DROP)]


NOBODY: Source = ("", 0)
"""A source that no packet has."""


def shut(sock: socket.socket, source: Source) -> bool:
    """Let packets from `source` alone into the socket's queue, from now on.

    Returns: False where the system does not offer this.
    """
    code = b"".join(_INSTRUCTION.pack(*instruction) for instruction in program(sock.family, source))
    memory = array("B", code)
    try:
        length = len(code) // _INSTRUCTION.size
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, _PROGRAM.pack(length, memory.buffer_info()[0]))
    except OSError:
        return False
    return True


def reopen(sock: socket.socket) -> None:
    """Let packets of any source in again."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
    except OSError:
        pass  # it was not shut


def drops(sock: socket.socket) -> int:
    """Packets that the kernel kept from this socket: at the gate, and any it had no room for."""
    try:
        memory = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * _MEMINFO_WORDS)
    except OSError:
        return 0
    return int(struct.unpack_from("I", memory, 4 * _MEMINFO_DROPS)[0]) if len(memory) == 4 * _MEMINFO_WORDS else 0
