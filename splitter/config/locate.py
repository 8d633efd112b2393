"""Where each key of a TOML document stands (TOML 1.0). Pure.

`tomllib` gives values without line numbers. This scanner reads the same text again and only notes lines; it relies on
`tomllib` having accepted the document before, so it never reports an error itself.
"""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
_SKIP = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}\r\n#]*")
# Longest delimiter first: ''' also begins with '. A multi-line string may end in up to two quotes of its own.
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|\'{3}.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)


class Locator:
    """Line numbers of keys, counted from 1.

    Args:
        text: a document that `tomllib` accepts.
    """

    def __init__(self, text: str) -> None:
        self._lines = _Scanner(text).scan()

    def line(self, path: Path) -> int:
        """The line where the value at `path` begins; for a value that is not there, the nearest table around it."""
        while path:
            found = self._lines.get(path)
            if found is not None:
                return found
            path = path[:-1]
        return 1


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._pos = 0
        self._counted_to = 0
        self._line = 1
        self._lines: dict[Path, int] = {}
        self._lengths: dict[Path, int] = {}  # how often each [[array of tables]] was opened

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_SKIP)
        while self._pos < len(self._text):
            table = self._header() if self._peek() == "[" else self._pair(table)
            self._skip(_SKIP)
        return self._lines

    def _header(self) -> Path:
        """`[a.b]` or `[[a.b]]`: the path of the table that begins here."""
        line = self._here()
        brackets = 2 if self._text.startswith("[[", self._pos) else 1
        self._pos += brackets
        *parents, last = self._key()
        self._pos += brackets
        path: Path = ()
        for part in parents:
            path = self._newest((*path, part))
            self._lines.setdefault(path, line)
        path = (*path, last)
        if brackets == 1:
            path = self._newest(path)
        else:
            self._lines.setdefault(path, line)
            self._lengths[path] = self._lengths.get(path, 0) + 1
            path = self._newest(path)
        self._lines[path] = line  # an implicit parent that is opened later belongs where it is opened
        return path

    def _newest(self, path: Path) -> Path:
        """Of an array of tables its newest element; any other path as it is."""
        length = self._lengths.get(path)
        return path if length is None else (*path, length - 1)

    def _pair(self, table: Path) -> Path:
        """`key = value`; returns the table it stands in."""
        line = self._here()
        path = table
        for part in self._key():
            path = (*path, part)
            self._lines.setdefault(path, line)
        self._pos += 1  # the equals sign
        self._skip(_BLANK)
        self._value(path)
        return table

    def _key(self) -> list[str]:
        """A dotted key, its quotes removed; leaves the position at what follows it."""
        parts = []
        while True:
            self._skip(_BLANK)
            if self._peek() in "\"'":
                parts.append(str(tomllib.loads(f"key = {self._skip(_STRING)}")["key"]))
            else:
                parts.append(self._skip(_BARE_KEY))
            self._skip(_BLANK)
            if self._peek() != ".":
                return parts
            self._pos += 1

    def _value(self, path: Path) -> None:
        self._lines.setdefault(path, self._here())
        match self._peek():
            case '"' | "'":
                self._skip(_STRING)
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case _:
                self._skip(_SCALAR)

    def _array(self, path: Path) -> None:
        self._pos += 1
        index = 0
        self._skip(_SKIP)
        while self._peek() != "]":
            self._value((*path, index))
            index += 1
            self._skip(_SKIP)
            if self._peek() == ",":
                self._pos += 1
            self._skip(_SKIP)
        self._pos += 1

    def _inline_table(self, path: Path) -> None:
        self._pos += 1
        self._skip(_SKIP)
        while self._peek() != "}":
            self._pair(path)
            self._skip(_SKIP)
            if self._peek() == ",":
                self._pos += 1
            self._skip(_SKIP)
        self._pos += 1

    def _peek(self) -> str:
        return self._text[self._pos : self._pos + 1]

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._pos)
        if match is None:
            raise ValueError(f"not TOML at line {self._here()}")  # tomllib accepted it, so this is our bug
        self._pos = match.end()
        return match.group()

    def _here(self) -> int:
        self._line += self._text.count("\n", self._counted_to, self._pos)
        self._counted_to = self._pos
        return self._line
