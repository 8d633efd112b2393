"""bpf(2) by ctypes: the map of flows, the program, its links. Does I/O.

No compiler, library or type information is needed at run time. Each call takes some 5 µs and waits for nothing.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
_MAP_CREATE, _LOOKUP, _UPDATE, _DELETE, _PROG_LOAD = 0, 1, 2, 3, 5
_INFO_BY_FD, _LOOKUP_AND_DELETE, _LINK_CREATE = 15, 21, 28
_HASH, _SCHED_CLS, _TCX_INGRESS = 1, 3, 46
_NEW = 1  # BPF_NOEXIST
_ATTRIBUTES_BYTES = 144
_LOG_BYTES = 1 << 16
_INFO_BYTES = 128
_NAME = b"splitter_voice"
_ENTRY = struct.Struct("=I4xQQQ")
_EINVAL_BEFORE_5_14 = (errno.EINVAL, errno.EOPNOTSUPP, 524)  # 524: ENOTSUPP, which has no name outside the kernel

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command: int, attributes: bytes) -> int:
    number = _NUMBERS.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"bpf(2) has no known number on {platform.machine()}")
    memory = ctypes.create_string_buffer(attributes, _ATTRIBUTES_BYTES)
    done: int = _libc.syscall(number, command, memory, _ATTRIBUTES_BYTES)
    if done < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return done


class FlowMap:
    """A hash map in the kernel.

    Args:
        key_size, value_size: in bytes.
        limit: entries at most; memory is had for all of them at once.

    Raises:
        OSError: the system does not let us, or has no memory.
    """

    def __init__(self, key_size: int, value_size: int, limit: int) -> None:
        self._key = ctypes.create_string_buffer(key_size)
        self._value = ctypes.create_string_buffer(value_size)
        self._places = ctypes.addressof(self._key), ctypes.addressof(self._value)
        self._and_delete = True
        kind = struct.pack("=IIIIIII16s", _HASH, key_size, value_size, limit, 0, 0, 0, _NAME)
        self.fd = _bpf(_MAP_CREATE, kind)

    def _do(self, command: int, key: bytes, flags: int = 0) -> None:
        self._key.raw = key
        _bpf(command, _ENTRY.pack(self.fd, *self._places, flags))

    def add(self, key: bytes, value: bytes) -> None:
        """Put in what must not be there yet. Raises OSError."""
        self._value.raw = value
        self._do(_UPDATE, key, _NEW)

    def read(self, key: bytes) -> bytes | None:
        """Look a value up; None where it is gone."""
        try:
            self._do(_LOOKUP, key)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            return None
        return self._value.raw

    def take(self, key: bytes) -> bytes | None:
        """Take a value out, with the last that it counted; None where it is gone."""
        if self._and_delete:
            try:
                self._do(_LOOKUP_AND_DELETE, key)
                return self._value.raw
            except OSError as error:
                if error.errno == errno.ENOENT:
                    return None
                if error.errno not in _EINVAL_BEFORE_5_14:
                    raise
                self._and_delete = False
        value = self.read(key)
        if value is not None:
            self._do(_DELETE, key)
        return value

    def close(self) -> None:
        """Give it up; it is gone with the last program that uses it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def load(code: bytes) -> int:
    """Have the kernel verify and compile a program for the entrance of interfaces. Returns: its descriptor.

    Raises:
        OSError: it is not allowed, or was refused; then with the end of what the verifier said.
    """
    program, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
    report = ctypes.create_string_buffer(_LOG_BYTES)
    head = struct.pack("=IIQQ", _SCHED_CLS, len(code) // 8, ctypes.addressof(program), ctypes.addressof(licence))
    name = struct.pack("=II16s", 0, 0, _NAME)
    try:
        return _bpf(_PROG_LOAD, head + struct.pack("=IIQ", 0, 0, 0) + name)
    except OSError as error:
        if error.errno == errno.EPERM:
            raise
    try:  # once more, for the reason
        return _bpf(_PROG_LOAD, head + struct.pack("=IIQ", 1, _LOG_BYTES, ctypes.addressof(report)) + name)
    except OSError as error:
        said = report.value.decode(errors="replace").strip()[-400:]
        raise OSError(error.errno, f"{error.strerror} {said}".strip()) from error


def link(program: int, interface: int) -> int:
    """Put a program at the entrance of an interface, as long as the returned descriptor is open (Linux 6.6).

    Raises:
        OSError: EINVAL where the kernel is older; not allowed; no such interface.
    """
    return _bpf(_LINK_CREATE, struct.pack("=IIIIIIQ", program, interface, _TCX_INGRESS, 0, 0, 0, 0))


def linked_to(link_fd: int) -> int:
    """The index of the interface that a link is at; 0 where it was taken off, or the interface is gone."""
    info = ctypes.create_string_buffer(_INFO_BYTES)
    _bpf(_INFO_BY_FD, struct.pack("=IIQ", link_fd, _INFO_BYTES, ctypes.addressof(info)))
    return int(struct.unpack_from("=I", info.raw, 16)[0])
