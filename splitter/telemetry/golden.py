"""A trace as a file that people read and tests replay, without loss.

`splitter trace ID --raw` prints this format, so a fault in the field becomes a test by copying a file:

    # splitter trace 1
    @ 1767225600.120000 | caller | message | in | access/udp 10.0.0.1:5060 | INVITE
      INVITE sip:110@10.9.0.1 SIP/2.0
      Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1

      v=0
    @ 1767225600.121000 |  | state |  |  | routing to pbx

An event begins with "@": Unix time, leg, kind, direction, peer, text. The lines of a message follow, two spaces before
each; they were divided by CRLF on the wire. A byte that is not printable UTF-8 stands as \\xNN, a backslash as \\\\.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from splitter.core.errors import LocalError
from splitter.telemetry.trace import TraceEvent

FIRST_LINE = "# splitter trace 1"
_INDENT = "  "
_ESCAPED = re.compile(r"\\(\\|x[0-9a-f]{2})")


def dump_event(event: TraceEvent) -> str:
    """One event as text, its message below it."""
    fields = (f"{event.at:.6f}", event.leg, event.kind, event.direction, event.peer, event.text)
    head = "@ " + " | ".join(_escape(field.encode(errors="surrogateescape")) for field in fields)
    lines = event.data.split(b"\r\n") if event.data else []
    return "\n".join([head.rstrip(), *map(_body_line, lines)]) + "\n"


def load(text: str, call_id: str = "golden") -> list[TraceEvent]:
    """The events of a file, numbered from 1.

    Raises:
        LocalError: the text is not in this format; names the line.
    """
    events: list[TraceEvent] = []
    for seq, (number, head, body) in enumerate(_blocks(text), 1):
        fields = [_unescape(field.strip()).decode(errors="surrogateescape") for field in head[1:].split("|", 5)]
        try:
            at, leg, kind, direction, peer, words = fields
            data = b"\r\n".join(_unescape(line.removeprefix(_INDENT)) for line in body)
            events.append(TraceEvent(call_id, float(at), leg, kind, direction, peer, words, data, seq))
        except ValueError:
            raise LocalError(f"line {number}: not an event of a golden trace: {head}") from None
    return events


def _blocks(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Line number and head of each event, with the lines below it."""
    block: tuple[int, str, list[str]] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("@"):
            if block:
                yield block
            block = (number, line, [])
        elif block and (line.startswith(_INDENT) or not line):
            block[2].append(line)
        elif not line.startswith("#") and line:
            raise LocalError(f"line {number}: neither an event (@) nor part of a message (two spaces): {line}")
    if block:
        yield block


def _body_line(line: bytes) -> str:
    """Editors strip spaces at the end of a line; SDP has some that matter ("s= ")."""
    text = _escape(line)
    return _INDENT + (f"{text[:-1]}\\x20" if text.endswith(" ") else text) if text else ""


def _escape(data: bytes) -> str:
    text = data.decode(errors="surrogateescape").replace("\\", "\\\\")
    return "".join(char if char.isprintable() else _hex(char) for char in text)


def _hex(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode(errors="surrogateescape"))


def _unescape(text: str) -> bytes:
    def byte(match: re.Match[str]) -> str:
        code = match[1]
        return "\\" if code == "\\" else bytes([int(code[1:], 16)]).decode("latin-1").translate(_AS_BYTE)

    return _ESCAPED.sub(byte, text).encode(errors="surrogateescape")


# \xNN stands for one byte, also above 7f: such a byte travels through str as the surrogate that encodes to it.
_AS_BYTE = {code: 0xDC00 + code for code in range(0x80, 0x100)}
