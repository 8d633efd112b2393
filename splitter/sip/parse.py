"""From bytes to SIP messages (RFC 3261 §7, §18.3), and the framing of streams. Pure.

What every message needs to find its transaction is read at once: start line, header names, Via, From, To, Call-ID,
CSeq, Content-Length. All other values are read when somebody asks for them.
"""

from __future__ import annotations

import re

from splitter.core.errors import PeerError
from splitter.sip.grammar import TOKEN, integer, quote, shown
from splitter.sip.headers import HeaderLine, Headers, canonical
from splitter.sip.message import Message, Request, Response
from splitter.sip.uri import parse_uri

MAX_LINES = 2_048
"""More header lines than this are a flood, not a message; `MAX_SIZE` is what really bounds the work."""
MAX_SIZE = 65_535
"""Bytes of one message; also the most that a datagram can carry."""

_MANDATORY = frozenset(("via", "from", "to", "call-id", "cseq"))
_SINGLE = frozenset(("from", "to", "call-id", "cseq", "content-length", "max-forwards", "content-type"))
_METHODS = frozenset(
    ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE", "PRACK", "INFO", "REGISTER", "MESSAGE", "REFER", "NOTIFY")
)
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_CONTENT_LENGTH = re.compile(rb"\n(?:content-length|l)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.IGNORECASE)
_PING = b"\r\n\r\n"
_NO_URI = re.compile(r"[\x00-\x20\x7f<>\"]")


class MalformedRequest(PeerError):
    """A request that breaks the rules, but of which enough was read to answer it.

    Attributes:
        request: what could be read.
    """

    def __init__(self, reason: str, status: int, request: Request) -> None:
        super().__init__(reason, status)
        self.request = request

    def response(self, to_tag: str | None = None) -> Response | None:
        """The answer; None for an ACK, or where a header is missing that it must echo."""
        if self.request.method == "ACK" or not self.request.headers.keys() >= _MANDATORY:
            return None
        return self.request.respond(
            self.status, to_tag=to_tag, headers=[("Warning", f"399 splitter {quote(self.reason)}")]
        )


def parse_message(data: bytes) -> Message:
    """Read one message: a whole datagram, or what `StreamFramer` cut out of a stream.

    Bytes after the body that Content-Length announces are ignored; without Content-Length the body reaches to the
    end (§18.3). Lines may end in LF alone; those that are no header are passed over (§8.2.2).

    Raises:
        MalformedRequest: a request of which enough was read to answer it.
        PeerError: anything else that is no SIP message.
    """
    if data[:1] in (b"\r", b"\n", b"\0"):
        data = data.lstrip(b"\r\n\0")  # §7.5: empty lines before the start line are ignored; NULs are stray ends
    lines, encoding, body = _cut(data)
    try:
        return _message(lines, encoding, body)
    except PeerError as error:
        # Folds and stray lines are rare, so looked for only now; neither reads as a header.
        kept = [line for at, line in enumerate(_joined(lines)) if not at or not _is_stray(line)]
        if len(kept) == len(lines):
            raise _answerable(error, lines, encoding) from error
    try:
        return _message(kept, encoding, body)
    except PeerError as error:
        raise _answerable(error, kept, encoding) from error


def _cut(data: bytes) -> tuple[list[str], str, bytes]:
    """Divide at the blank line: the lines before it, their encoding, what follows it."""
    end = data.find(b"\r\n\r\n")
    head, body = data[: max(end, 0)], data[end + 4 :]
    if len(head) > MAX_SIZE:
        raise PeerError(f"a header block of {len(head)} bytes; the limit is {MAX_SIZE}", 513)
    try:
        text, encoding = head.decode(), "utf-8"
    except UnicodeDecodeError:
        text, encoding = head.decode("latin-1"), "latin-1"
    lines = text.split("\r\n")
    breaks = len(lines) - 1
    if end < 0 or text.count("\n") != breaks:  # a bare LF somewhere: the blank line may come earlier
        return _cut(_with_crlf(data))
    if text.count("\r") != breaks:
        raise PeerError("a carriage return without a line feed in the header block")
    if breaks > MAX_LINES:
        raise PeerError(f"{breaks} header lines; the limit is {MAX_LINES}", 513)
    return lines, encoding, body


def _with_crlf(data: bytes) -> bytes:
    """The same message with CRLF after each line of its header block."""
    blank = _BLANK_LINE.search(data)
    if blank is None:
        raise PeerError("the header block never ends" if data else "an empty message")
    head = data[: blank.start()].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return head + b"\r\n\r\n" + data[blank.end() :]


def _joined(lines: list[str]) -> list[str]:
    """Folded lines put together again, their line breaks kept (§7.3.1)."""
    joined = lines[:1]
    for line in lines[1:]:
        if line.startswith((" ", "\t")) and len(joined) > 1:
            joined[-1] += "\r\n" + line
        else:
            joined.append(line)
    return joined


def _is_stray(line: str) -> bool:
    """True for a line that is no header, nor goes on with one."""
    name, colon, _ = line.partition(":")
    try:
        canonical(name)
    except PeerError:
        return not line.startswith((" ", "\t"))
    return not colon


def _message(lines: list[str], encoding: str, body: bytes) -> Message:
    """The message, or PeerError for the first rule that is broken."""
    start = lines[0]
    found: list[HeaderLine] = []
    first: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, raw = line.partition(":")
        if not colon:
            raise PeerError(f"a header line without a colon: {shown(line)}")
        key = canonical(name)
        found.append((key, name, raw))
        if key not in first:
            first[key] = raw
        elif key in _SINGLE:
            raise PeerError(f"more than one {key} header")
    if not first.keys() >= _MANDATORY:
        raise PeerError(f"missing: {', '.join(sorted(_MANDATORY - first.keys()))}")
    headers = Headers.of_lines(found, encoding, first)
    message: Message
    if start[:4].upper() == "SIP/":
        status, reason = _status_line(start)
        message = Response(status, reason, headers)
    else:
        method, uri = _request_line(start)
        message = Request(method, uri, headers)
    _, of_method = message.cseq
    if isinstance(message, Request) and of_method != message.method:
        raise PeerError(f"CSeq names {shown(of_method)} in a request {shown(message.method)}")
    _ = message.names, message.via  # read now, kept for the one who asks
    message.body = _body(headers, body)
    return message


def _request_line(line: str) -> tuple[str, str]:
    """Method and Request-URI, one space between the parts and none around them (§7.1)."""
    parts = line.split(" ")
    if len(parts) != 3 or not all(parts):
        raise PeerError(f"not a request line: {shown(line)}")
    method, uri, version = parts
    _check_version(version)
    if method not in _METHODS and not TOKEN.fullmatch(method):
        raise PeerError(f"not a method: {shown(method)}")
    if ":" not in uri or _NO_URI.search(uri):
        raise PeerError(f"the Request-URI is not a URI: {shown(uri)}")
    if uri[:4].lower() in ("sip:", "sips") and parse_uri(uri).headers:  # §19.1.1: not allowed here
        raise PeerError(f"a Request-URI with headers: {shown(uri)}")
    return method, uri


def _status_line(line: str) -> tuple[int, str]:
    """Status and reason phrase; the phrase may be empty, with or without the space before it (§7.2)."""
    version, _, rest = line.partition(" ")
    _check_version(version)
    code, _, reason = rest.partition(" ")
    if len(code) != 3 or not 100 <= (status := integer(code, "status code")) <= 699:
        raise PeerError(f"not a status line: {shown(line)}")
    return status, reason


def _check_version(version: str) -> None:
    if version != "SIP/2.0" and version.upper() != "SIP/2.0":  # §7.1: case does not matter, but we send upper case
        status = 505 if version[:4].upper() == "SIP/" else 400
        raise PeerError(f"not SIP/2.0: {shown(version)}", status)


def _body(headers: Headers, rest: bytes) -> bytes:
    """The body that Content-Length announces (§18.3)."""
    announced = headers.get("content-length")
    if announced is None:
        return rest
    size = integer(announced, "Content-Length")
    if size > len(rest):
        raise PeerError(f"Content-Length is {size}, but only {len(rest)} bytes follow")
    return rest[:size]


def _answerable(error: PeerError, lines: list[str], encoding: str) -> PeerError:
    """The error together with what can be read of the request; without it where it does not look like one.

    It is a new one in any case: an error that is raised from itself is a ring, with every frame that it came through.
    """
    method, _, rest = lines[0].partition(" ")
    if "SIP/" not in rest or method[:4].upper() == "SIP/" or not TOKEN.fullmatch(method):
        return PeerError(error.reason, error.status)
    found: list[HeaderLine] = []
    seen = set()
    for line in lines[1:]:
        name, colon, raw = line.partition(":")
        try:
            key = canonical(name)
        except PeerError:
            continue
        if colon and not (key in _SINGLE and key in seen):
            seen.add(key)
            found.append((key, name, raw))
    request = Request(method, rest.rpartition(" ")[0], Headers.of_lines(found, encoding))
    return MalformedRequest(error.reason, error.status, request)


class StreamFramer:
    """Cuts a stream into messages by their Content-Length (§18.3, §7.5).

    Attributes:
        pings: how many double CRLFs came between messages; each asks for a CRLF in return (RFC 5626 §4.4.1).
    """

    __slots__ = ("_buffer", "_limit", "_needed", "_scanned", "pings")

    def __init__(self, limit: int = MAX_SIZE) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._scanned = 0  # no blank line begins before this index
        self._needed = 0  # size of the message at the head of the buffer; 0 while it is unknown
        self.pings = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was received.

        Returns: the messages it completed, in order. Where what follows them cannot be cut, the next call says so.
        Raises:
            PeerError: the stream can no longer be cut; the connection has to be closed. Status 513 for a message
                over the limit, 400 for a missing or unreadable Content-Length. A `MalformedRequest` where enough was
                read of a request to answer it.
        """
        buffer = self._buffer
        buffer += data
        messages: list[bytes] = []
        while buffer:
            try:
                if not self._needed and not self._measure():
                    break
            except PeerError:
                if messages:
                    break
                raise
            if len(buffer) < self._needed:
                break
            messages.append(bytes(buffer[: self._needed]))
            del buffer[: self._needed]
            self._needed = self._scanned = 0
        return messages

    @property
    def pending(self) -> int:
        """Bytes of a message that has not come to its end."""
        return len(self._buffer)

    def _measure(self) -> bool:
        """Find the size of the message at the head of the buffer; False where more bytes are needed for that."""
        self._skip_pings()
        buffer = self._buffer
        blank = _BLANK_LINE.search(buffer, self._scanned)
        if blank is None:
            if len(buffer) > self._limit:
                raise PeerError(f"no end of the headers within {self._limit} bytes", 513)
            self._scanned = max(0, len(buffer) - 3)
            return False
        try:
            size = _announced(buffer, blank.start())
            if blank.end() + size > self._limit:
                raise PeerError(f"a message of {blank.end() + size} bytes; the limit is {self._limit}", 513)
        except PeerError as error:
            lines, encoding, _ = _cut(bytes(buffer[: blank.end()]))
            raise _answerable(error, _joined(lines), encoding) from error
        self._needed = blank.end() + size
        return True

    def _skip_pings(self) -> None:
        """Take away what stands between messages: empty lines, and the NULs of peers that count one byte too many."""
        if self._scanned:
            return
        buffer = self._buffer
        at = 0
        while at < len(buffer):
            if buffer.startswith(_PING, at):
                self.pings += 1
                at += len(_PING)
            elif len(buffer) - at < len(_PING) and _PING.startswith(buffer[at:]):
                break  # half a ping, perhaps
            elif buffer[at] in b"\r\n\0":
                at += 1
            else:
                break
        del buffer[:at]


def _announced(buffer: bytearray, end: int) -> int:
    """The Content-Length of the headers that reach to `end` (§18.3: a stream needs it)."""
    lengths = {value.strip() for value in _CONTENT_LENGTH.findall(buffer, 0, end)}
    if len(lengths) != 1:
        raise PeerError("several different Content-Length" if lengths else "no Content-Length in a stream")
    return integer(lengths.pop().decode("latin-1"), "Content-Length")
