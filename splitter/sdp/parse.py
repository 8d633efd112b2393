"""Reading session descriptions (RFC 8866 §5, §9). Pure.

Strict where a mistake would send media astray (m= of the audio, c=), lenient where real endpoints are careless: what
was overlooked is in `Session.oddities`, how careless lines are read in `careless`. Only PeerError leaves this module.
"""

from __future__ import annotations

from ipaddress import IPv6Address

from splitter.core.errors import PeerError
from splitter.core.net import numeric
from splitter.sdp.careless import (
    Oddities,
    attribute,
    is_tidy,
    origin_number,
    seen,
    stand_in,
    tidied,
    unnamed_digits,
    without_nul,
)
from splitter.sdp.model import Attribute, Bandwidth, Connection, Media, Origin, Session, shown

MAX_BYTES = 65_536
MAX_LINES = 1_000
MAX_MEDIA = 32
"""Bounds against floods: some ten times what the largest honest offer needs."""

_MAX_FORMATS = 128
_MAX_DIGITS = 9
_KINDS = frozenset({"audio", "video", "text", "application", "message", "image"})  # RFC 8866 §8.2.2, RFC 6466
_BANDWIDTHS = frozenset({"CT", "AS", "TIAS", "RS", "RR"})  # RFC 8866 §5.8, RFC 3890, RFC 3556: their values are numbers
_ADDRESS_TYPES = {"IP4": "IP4", "IP6": "IP6", "IPV4": "IP4", "IPV6": "IP6"}

_new = tuple.__new__  # a named tuple's own constructor costs three times as much, sixty times per offer


def parse(data: bytes | str) -> Session:
    """Read a session description.

    Args:
        data: the body as it came. Bytes that are not UTF-8 survive to `write` unharmed.
    Returns: the session; port and protocol are checked, attribute values are not (they are read when needed).
    Raises:
        PeerError: status 400 and the line that cannot be used.
    """
    odd = Oddities()
    sections = _sections(data, odd)
    return _session(sections[0], tuple([_media(lines, odd) for lines in sections[1:]]), odd)


def _sections(data: bytes | str, odd: Oddities) -> list[list[str]]:
    """Split into the session's lines and those of each m-line."""
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    if len(data) > MAX_BYTES:
        raise PeerError(f"SDP of {len(data)} bytes; at most {MAX_BYTES} are read")
    if b"\0" in data:
        data = without_nul(data, odd)
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n").removeprefix("\ufeff")
    # A lone CR ends a line too: kept inside a value it could become a line of its own at the next reader.
    text = text.replace("\r", "\n") if "\r" in text else text
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        raise PeerError(f"SDP of {len(lines)} lines; at most {MAX_LINES} are read")
    current: list[str] = []
    sections, anew = [current], False
    for line in lines if is_tidy("\n" + text) else tidied(lines, odd):
        if line:
            letter = line[0]
            if letter == "m":
                current = []
                sections.append(current)
            elif letter == "v" and current:
                anew = True
            current.append(line)
    if len(sections) > MAX_MEDIA + 1:
        raise PeerError(f"SDP of {len(sections) - 1} m-lines; at most {MAX_MEDIA} are read")
    return _once(sections, odd) if anew else sections


def _once(sections: list[list[str]], odd: Oddities) -> list[list[str]]:
    """The sections of one description; there are peers that write theirs twice, one below the other.

    Raises:
        PeerError: another one begins: whoever reads that has other media than who reads the first.
    """
    for at, lines in enumerate(sections):
        again = next((i for i, line in enumerate(lines) if at and line[:2] == "v="), 0)
        if again:
            first, second = [*sections[:at], lines[:again]], [lines[again:], *sections[at + 1 :]]
            if _places(first) != _places(second):
                raise PeerError("SDP begins anew with a second v= line (RFC 8866 §5)")
            odd.note("the description twice; the first one counts")
            return first
    return sections


def _places(sections: list[list[str]]) -> list[str]:
    """Where the media go."""
    return [line for lines in sections for line in lines if line[0] in "mc"]


def _session(lines: list[str], media: tuple[Media, ...], odd: Oddities) -> Session:
    attributes: list[Attribute] = []
    bandwidths: list[Bandwidth] = []
    times: list[str] = []
    emails: list[str] = []
    phones: list[str] = []
    single: dict[str, str] = {}
    for line in lines:
        kind = line[0]
        if kind == "a":
            if found := seen(line):
                attributes.append(found)
            else:
                attributes += attribute(line, odd)
        elif kind == "b":
            name, _, value = line[2:].partition(":")
            if name in _BANDWIDTHS and value.isascii() and value.isdigit():
                bandwidths.append(_new(Bandwidth, (name, value)))
            else:
                bandwidths += _bandwidth(line, odd)
        elif kind in "trz":
            times += [line] if kind != "t" or _is_time(line, odd) else []
        elif kind == "e":
            emails.append(line[2:])
        elif kind == "p":
            phones.append(line[2:])
        elif single.setdefault(kind, line[2:]) != line[2:]:
            odd.note("a second line of its kind", line)
    _check_version(single.get("v"), bool(media) or "o" in single, odd)
    connection = None
    if "c" in single:
        needed = any(line.port and line.connection is None for line in media)
        connection = _connection(single["c"], needed, odd)
    return Session(
        origin=_origin(single.get("o", ""), connection, odd),
        media=media,
        connection=connection,
        name=single.get("s", "-"),
        attributes=tuple(attributes),
        bandwidths=tuple(bandwidths),
        times=tuple(times) if times else ("t=0 0",),
        info=single.get("i"),
        uri=single.get("u"),
        emails=tuple(emails),
        phones=tuple(phones),
        key=single.get("k"),
        oddities=odd.told(),
    )


def _media(lines: list[str], odd: Oddities) -> Media:
    attributes: list[Attribute] = []
    bandwidths: list[Bandwidth] = []
    single: dict[str, str] = {}
    for line in lines[1:]:
        kind = line[0]
        if kind == "a":
            if found := seen(line):
                attributes.append(found)
            else:
                attributes += attribute(line, odd)
        elif kind == "b":
            name, _, value = line[2:].partition(":")
            if name in _BANDWIDTHS and value.isascii() and value.isdigit():
                bandwidths.append(_new(Bandwidth, (name, value)))
            else:
                bandwidths += _bandwidth(line, odd)
        elif kind in "ick":
            # Several c= lines are for layered multicast only (RFC 8866 §5.7); a call uses the first.
            if single.setdefault(kind, line[2:]) != line[2:]:
                odd.note("a second line of its kind", line)
        else:
            odd.note("a line of the session below an m= line", line)
    kind, port, port_count, proto, formats = _media_line(lines[0], odd)
    if kind == "audio":
        attributes += unnamed_digits(formats, attributes, odd)
    return Media(
        kind=kind,
        port=port,
        proto=proto,
        formats=formats,
        port_count=port_count,
        title=single.get("i"),
        connection=_connection(single["c"], port != 0, odd) if "c" in single else None,
        bandwidths=tuple(bandwidths),
        key=single.get("k"),
        attributes=tuple(attributes),
    )


def _media_line(line: str, odd: Oddities) -> tuple[str, int, int, str, tuple[str, ...]]:
    """Kind, port, number of ports, protocol and formats.

    Voice first: an m-line of anything but audio that cannot be read counts as off, and is answered so.
    """
    kind, *rest = line[2:].split() or [""]
    if kind not in _KINDS and kind.lower() in _KINDS:
        odd.note("upper case where none belongs", line)
        kind = kind.lower()
    proto = rest[1] if len(rest) > 1 else "RTP/AVP"
    if rest[:1] == ["0"] and len(rest) < 3 and kind:
        odd.note("an m= line without a format", line)
        return kind, 0, 1, proto, ()
    try:
        port, port_count = _ports(rest, line)
        return kind, port, port_count, proto, _formats(rest[2:], proto, line, odd)
    except PeerError as error:
        if kind in ("audio", ""):
            raise
        odd.note(f"{error.reason}; it counts as off")
        return kind, 0, 1, proto, ()


def _ports(words: list[str], line: str) -> tuple[int, int]:
    if len(words) < 3:
        raise PeerError(f"m= line needs a port, a protocol and a format (RFC 8866 §5.14): {shown(line)}")
    port, slash, count = words[0].partition("/")
    number, port_count = _number(port, line), _number(count, line) if slash else 1
    if number > 65535 or not 0 < port_count <= 65535:
        raise PeerError(f"m= line with an impossible port (RFC 8866 §5.14): {shown(line)}")
    return number, port_count


def _formats(words: list[str], proto: str, line: str, odd: Oddities) -> tuple[str, ...]:
    if "," in line and "RTP/" in proto.upper() and (split := " ".join(words).replace(",", " ").split()):
        odd.note("commas between the formats", line)
        words = split
    if len(words) > _MAX_FORMATS:
        raise PeerError(f"m= line of {len(words)} formats; at most {_MAX_FORMATS} are read")
    return tuple(words)


def _number(digits: str, line: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
        raise PeerError(f"m= line with something else than a number: {shown(line)}")
    return int(digits)


def _check_version(value: str | None, has_more: bool, odd: Oddities) -> None:
    if value is None and has_more:
        odd.note("no v= line")
    elif value is None or value.strip() not in ("0", ""):
        raise PeerError("SDP does not begin with v=0 (RFC 8866 §5.1)")


def _origin(value: str, connection: Connection | None, odd: Oddities) -> Origin:
    """The o= line. Nothing that a call needs stands in it: what cannot be read gets a stand-in."""
    words = value.split()
    if len(words) < 5 or words[-3].upper() != "IN":
        odd.note("an o= line that cannot be read" if value else "no o= line", value)
        return Origin.of(connection.host if connection else "0.0.0.0", stand_in(value), 0)
    *users, session_id, version, network, address_type, address = words
    if len(users) != 1:
        odd.note("an o= line whose user is missing or has blanks", value)
    if network != "IN" or address_type not in ("IP4", "IP6"):
        odd.note("an address type in a spelling of its own", value)
        address_type = _ADDRESS_TYPES.get(address_type.upper(), address_type)
    user = " ".join(users) or "-"
    return Origin(user, origin_number(session_id, odd), origin_number(version, odd), address_type, address)


def _connection(value: str, needed: bool, odd: Oddities) -> Connection | None:
    """A c= line; one that cannot be read is no matter where no line that is on needs it."""
    words = value.split()
    address_type = _ADDRESS_TYPES.get(words[1].upper()) if len(words) == 3 else None
    if address_type is None or words[0].upper() != "IN":
        if needed:
            raise PeerError(f"c= line is not IN IP4|IP6 <address> (RFC 8866 §5.7): {shown(value)}")
        odd.note("a c= line that cannot be read, and need not be", value)
        return None
    address = words[2]
    if len(address) > 2 and address[0] == "[" and address[-1] == "]":  # as in a URI
        odd.note("an address in brackets", value)
        address = address[1:-1]
    if words[0] != "IN" or words[1] != address_type:
        odd.note("an address type in a spelling of its own", value)
    if address_type == "IP6" and (mapped := _mapped(address)):
        odd.note("an IPv4 address as IPv6", value)
        return Connection("IP4", mapped)
    return Connection(address_type, address)


def _mapped(address: str) -> str:
    """The IPv4 address in an IPv6 one, as sockets of both families call a host (RFC 4291 §2.5.5.2); "" for none."""
    if "ffff:" not in address.lower():
        return ""
    try:
        found = numeric(address)
    except ValueError:
        return ""
    return str(found.ipv4_mapped or "") if isinstance(found, IPv6Address) else ""


def _bandwidth(line: str, odd: Oddities) -> tuple[Bandwidth, ...]:
    """A b= line; none for one that says nothing."""
    kind, colon, value = line[2:].partition(":")
    if kind not in _BANDWIDTHS and kind.strip().upper() in _BANDWIDTHS:
        odd.note("lower case or blanks where none belong", line)
        kind = kind.strip().upper()
    if kind in _BANDWIDTHS and not (value.isascii() and value.isdigit()):
        value = value.strip()
        colon = colon if value.isascii() and value.isdigit() else ""
    if not colon or not kind:
        odd.note("a b= line that says nothing", line)
        return ()
    return (_new(Bandwidth, (kind, value)),)


def _is_time(line: str, odd: Oddities) -> bool:
    """True for a t= line that an answer can repeat (RFC 3264 §6)."""
    if line == "t=0 0":
        return True
    words = line[2:].split()
    if len(words) == 2 and all(word.isascii() and word.isdigit() for word in words):
        return True
    odd.note("a t= line that is not two numbers", line)
    return False
