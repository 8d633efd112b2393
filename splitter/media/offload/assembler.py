"""eBPF instructions from readable text: the notation of the kernel's verifier, of LLVM and bpftool. Pure.

    r2 = *(u16 *)(r8 + 36)              load; u8, u16, u32, u64
    *(u32 *)(r10 - 16) = r2             store
    lock *(u64 *)(r7 + 0) += r1         add, seen by all processors
    r2 += 8                             also -= *= &= |= ^= <<= >>= and =, of a register or a number
    r2 = be16 r2                        to or from the order of the network
    r1 = flows ll                       a map
    if r2 > 3 goto leave                also == != >= < <= &, of a register or a number
    call map_lookup_elem                a helper (bpf-helpers(7))
    goto leave, leave:, exit

A word in place of a number is looked up among `names`; numbers may be added. What follows `;` is a comment. Encoding:
RFC 9669.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from splitter.core.errors import LocalError

_LITTLE = struct.Struct("<BBhi")
_SIZES = {"u32": 0x00, "u16": 0x08, "u8": 0x10, "u64": 0x18}
_ARITHMETIC = {"+": 0x00, "-": 0x10, "*": 0x20, "|": 0x40, "&": 0x50, "<<": 0x60, ">>": 0x70, "^": 0xA0, "": 0xB0}
_JUMPS = {"==": 0x10, ">": 0x20, ">=": 0x30, "&": 0x40, "!=": 0x50, "<": 0xA0, "<=": 0xB0}
_HELPERS = {
    "map_lookup_elem": 1,
    "ktime_get_ns": 5,
    "skb_store_bytes": 9,
    "l4_csum_replace": 11,
    "skb_pull_data": 39,
    "redirect_neigh": 152,
}
_LD_IMM64, _LDX, _STX, _ALU64, _JMP = (
    0x18,
    0x61,
    0x63,
    0x07,
    0x05,
)  # classes, with the mode of memory where they have one
_ATOMIC, _REGISTER, _MAP_FD = 0xC3, 0x08, 1

_REG = r"r(\d+)"
_MEMORY = r"\*\((u8|u16|u32|u64) \*\)\(r(\d+) ([+-] .+?)\)"


@dataclass(slots=True)
class _Instruction:
    """One of 8 bytes. `target`: the label that its offset leads to."""

    code: int
    dst: int = 0
    src: int = 0
    offset: int = 0
    operand: int = 0
    target: str = ""


class Assembler:
    """One program on its way from text to bytes.

    Args:
        names: numbers by name.
        maps: descriptors by name.
    """

    def __init__(self, names: Mapping[str, int], maps: Mapping[str, int]) -> None:
        self._names, self._maps = names, maps
        self._code: list[_Instruction] = []
        self._labels: dict[str, int] = {}
        self._forms: tuple[tuple[re.Pattern[str], Callable[..., None]], ...] = tuple(
            (re.compile(pattern), write)
            for pattern, write in (
                (r"(\w+):", self._label),
                (r"exit", self._exit),
                (r"goto (\w+)", self._goto),
                (r"call (\w+)", self._call),
                (rf"if {_REG} (==|!=|>=|<=|>|<|&) (\S+) goto (\w+)", self._branch),
                (rf"{_REG} = {_MEMORY}", self._load),
                (rf"{_MEMORY} = {_REG}", self._store),
                (rf"lock {_MEMORY} \+= {_REG}", self._add),
                (rf"{_REG} = be(16|32) r\d+", self._swap),
                (rf"{_REG} = (\w+) ll", self._map),
                (rf"{_REG} (\+|-|\*|\||&|<<|>>|\^|)= (.+)", self._compute),
            )
        )

    def assemble(self, text: str) -> bytes:
        """The program in bytes, for this machine. Raises LocalError."""
        for number, line in enumerate(text.splitlines(), 1):
            statement = " ".join(line.partition(";")[0].split())
            if statement:
                try:
                    self._write(statement)
                except (KeyError, ValueError) as error:
                    raise LocalError(f"line {number}: {statement!r}: {error}") from error
        return b"".join(map(self._encode, range(len(self._code)), self._code))

    def _write(self, statement: str) -> None:
        for pattern, write in self._forms:
            found = pattern.fullmatch(statement)
            if found:
                write(*found.groups())
                return
        raise ValueError("no instruction")

    def _encode(self, at: int, one: _Instruction) -> bytes:
        offset = one.offset
        if one.target:
            if one.target not in self._labels:
                raise LocalError(f"no label {one.target!r}")
            offset = self._labels[one.target] - at - 1
        return _LITTLE.pack(one.code, one.dst | one.src << 4, offset, one.operand)

    # ---- forms ---------------------------------------------------------------------------------------------------

    def _label(self, name: str) -> None:
        if name in self._labels:
            raise ValueError("the label is there already")
        self._labels[name] = len(self._code)

    def _exit(self) -> None:
        self._code.append(_Instruction(_JMP | 0x90))

    def _goto(self, label: str) -> None:
        self._code.append(_Instruction(_JMP, target=label))

    def _call(self, helper: str) -> None:
        self._code.append(_Instruction(_JMP | 0x80, operand=_HELPERS[helper]))

    def _branch(self, left: str, relation: str, right: str, label: str) -> None:
        self._operate(_JMP | _JUMPS[relation], left, right, label)

    def _compute(self, left: str, operation: str, right: str) -> None:
        self._operate(_ALU64 | _ARITHMETIC[operation], left, right)

    def _operate(self, code: int, left: str, right: str, label: str = "") -> None:
        if re.fullmatch(_REG, right):
            self._code.append(_Instruction(code | _REGISTER, int(left), int(right[1:]), target=label))
        else:
            self._code.append(_Instruction(code, int(left), operand=self._number(right), target=label))

    def _load(self, to: str, size: str, base: str, offset: str) -> None:
        self._code.append(_Instruction(_LDX | _SIZES[size], int(to), int(base), self._number(offset)))

    def _store(self, size: str, base: str, offset: str, what: str) -> None:
        self._code.append(_Instruction(_STX | _SIZES[size], int(base), int(what), self._number(offset)))

    def _add(self, size: str, base: str, offset: str, what: str) -> None:
        self._code.append(_Instruction(_ATOMIC | _SIZES[size], int(base), int(what), self._number(offset)))

    def _swap(self, register: str, bits: str) -> None:
        self._code.append(_Instruction(0xDC, int(register), operand=int(bits)))

    def _map(self, to: str, name: str) -> None:
        self._code += [_Instruction(_LD_IMM64, int(to), _MAP_FD, operand=self._maps[name]), _Instruction(0)]

    def _number(self, text: str) -> int:
        """A sum of numbers and names, each with its sign."""
        total, sign = 0, 1
        for word in text.split():
            if word in "+-":
                sign = -1 if word == "-" else 1
            else:
                total += sign * (self._names[word] if word in self._names else int(word, 0))
                sign = 1
        return total
