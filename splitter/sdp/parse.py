"""Reading session descriptions (RFC 8866 §5, §9). Pure.

Strict where a mistake would send media astray (o=, c=, m=), lenient where real handsets are careless: bare LF, no final
line end, no s= or t=, lines of one section out of order, unknown letters. Only PeerError leaves this module.
"""

from __future__ import annotations

from splitter.core.errors import PeerError
from splitter.sdp.model import Attribute, Bandwidth, Connection, Media, Origin, Session, shown

MAX_BYTES = 65_536
MAX_LINES = 1_000
MAX_MEDIA = 32
"""Bounds against floods: some ten times what the largest honest offer needs."""

_MAX_FORMATS = 128
_MAX_DIGITS = 20  # a 64-bit number (RFC 3264 §5) has at most 20

_new = tuple.__new__  # a named tuple's own constructor costs three times as much, sixty times per offer


def parse(data: bytes | str) -> Session:
    """Read a session description.

    Args:
        data: the body as it came. Bytes that are not UTF-8 survive to `write` unharmed.
    Returns: the session; port and protocol are checked, attribute values are not (they are read when needed).
    Raises:
        PeerError: status 400 and the line that cannot be used.
    """
    sections = _sections(data)
    return _session(sections[0], tuple([_media(lines) for lines in sections[1:]]))


def _sections(data: bytes | str) -> list[list[str]]:
    """Split into the session's lines and those of each m-line."""
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    if len(data) > MAX_BYTES:
        raise PeerError(f"SDP of {len(data)} bytes; at most {MAX_BYTES} are read")
    if b"\0" in data:
        raise PeerError("SDP holds a NUL byte (RFC 8866 §9)")
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    # A lone CR ends a line too: kept inside a value it could become a line of its own at the next reader.
    lines = text.replace("\r", "\n").split("\n") if "\r" in text else text.split("\n")
    if len(lines) > MAX_LINES:
        raise PeerError(f"SDP of {len(lines)} lines; at most {MAX_LINES} are read")
    current: list[str] = []
    sections = [current]
    for line in lines:
        if line[1:2] == "=":
            if line[0] == "m":
                current = []
                sections.append(current)
            current.append(line)
        elif line and not line.isspace():
            raise PeerError(f"SDP line is not <letter>=<value>: {shown(line)}")
    if len(sections) > MAX_MEDIA + 1:
        raise PeerError(f"SDP of {len(sections) - 1} m-lines; at most {MAX_MEDIA} are read")
    return sections


def _session(lines: list[str], media: tuple[Media, ...]) -> Session:
    attributes: list[Attribute] = []
    bandwidths: list[Bandwidth] = []
    times: list[str] = []
    emails: list[str] = []
    phones: list[str] = []
    single: dict[str, str] = {}
    for line in lines:
        kind = line[0]
        if kind == "a":
            name, colon, value = line[2:].partition(":")
            attributes.append(_new(Attribute, (name, value if colon else None)))
        elif kind == "b":
            bandwidths.append(_bandwidth(line))
        elif kind in "trz":
            times.append(line)
        elif kind == "e":
            emails.append(line[2:])
        elif kind == "p":
            phones.append(line[2:])
        elif kind in "vosiuck":
            single.setdefault(kind, line[2:])
    if single.get("v", "").strip() != "0":
        raise PeerError("SDP does not begin with v=0 (RFC 8866 §5.1)")
    if "o" not in single:
        raise PeerError("SDP has no o= line (RFC 8866 §5.2)")
    return Session(
        origin=_origin(single["o"]),
        media=media,
        connection=_connection(single["c"]) if "c" in single else None,
        name=single.get("s", "-"),
        attributes=tuple(attributes),
        bandwidths=tuple(bandwidths),
        times=tuple(times) if times else ("t=0 0",),
        info=single.get("i"),
        uri=single.get("u"),
        emails=tuple(emails),
        phones=tuple(phones),
        key=single.get("k"),
    )


def _media(lines: list[str]) -> Media:
    attributes: list[Attribute] = []
    bandwidths: list[Bandwidth] = []
    single: dict[str, str] = {}
    for line in lines:
        kind = line[0]
        if kind == "a":
            name, colon, value = line[2:].partition(":")
            attributes.append(_new(Attribute, (name, value if colon else None)))
        elif kind == "b":
            bandwidths.append(_bandwidth(line))
        elif kind in "ick":
            # Several c= lines are for layered multicast only (RFC 8866 §5.7); a call uses the first.
            single.setdefault(kind, line[2:])
    kind, port, port_count, proto, formats = _media_line(lines[0][2:])
    return Media(
        kind=kind,
        port=port,
        proto=proto,
        formats=formats,
        port_count=port_count,
        title=single.get("i"),
        connection=_connection(single["c"]) if "c" in single else None,
        bandwidths=tuple(bandwidths),
        key=single.get("k"),
        attributes=tuple(attributes),
    )


def _media_line(value: str) -> tuple[str, int, int, str, tuple[str, ...]]:
    kind, *rest = value.split() or [""]
    if len(rest) < 3:
        raise PeerError(f"m= line needs a port, a protocol and a format (RFC 8866 §5.14): {shown(value)}")
    port, slash, count = rest[0].partition("/")
    port_count = _number(count, "m=", value) if slash else 1
    formats = tuple(rest[2:])
    if len(formats) > _MAX_FORMATS:
        raise PeerError(f"m= line of {len(formats)} formats; at most {_MAX_FORMATS} are read")
    number = _number(port, "m=", value)
    if number > 65535 or not 0 < port_count <= 65535:
        raise PeerError(f"m= line with an impossible port (RFC 8866 §5.14): {shown(value)}")
    return kind, number, port_count, rest[1], formats


def _origin(value: str) -> Origin:
    fields = value.split()
    if len(fields) == 5:  # some handsets leave the user out instead of writing "-"
        fields.insert(0, "-")
    if len(fields) != 6 or fields[3] != "IN":
        raise PeerError(f"o= line is not <user> <id> <version> IN <type> <address> (RFC 8866 §5.2): {shown(value)}")
    user, session_id, version, _, address_type, address = fields
    return Origin(user, _number(session_id, "o=", value), _number(version, "o=", value), address_type, address)


def _connection(value: str) -> Connection:
    fields = value.split()
    if len(fields) != 3 or fields[0] != "IN" or fields[1] not in ("IP4", "IP6"):
        raise PeerError(f"c= line is not IN IP4|IP6 <address> (RFC 8866 §5.7): {shown(value)}")
    return Connection(fields[1], fields[2])


def _bandwidth(line: str) -> Bandwidth:
    kind, colon, value = line[2:].partition(":")
    if not colon:
        raise PeerError(f"b= line has no colon (RFC 8866 §5.8): {shown(line)}")
    return Bandwidth(kind, value)


def _number(digits: str, letter: str, value: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
        raise PeerError(f"{letter} line with something else than a number: {shown(value)}")
    return int(digits)
