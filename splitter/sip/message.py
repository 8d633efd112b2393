"""SIP requests and responses (RFC 3261 §7). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from splitter.core.errors import PeerError
from splitter.sip.grammar import integer, remembered, shown, split_outside_quotes
from splitter.sip.headers import NAMES, HeaderLine, Headers
from splitter.sip.uri import NameAddr, parse_name_addr
from splitter.sip.via import Via

__all__ = ["MAX_FORWARDS", "REASONS", "Headers", "Message", "Request", "Response"]

MAX_FORWARDS = 70
"""What requests begin with (§8.1.1.6)."""

REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    424: "Bad Location Information",
    425: "Bad Alert Message",
    428: "Use Identity Header",
    429: "Provide Referrer Identity",
    430: "Flow Failed",
    433: "Anonymity Disallowed",
    436: "Bad Identity Info",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
    439: "First Hop Lacks Outbound Support",
    440: "Max-Breadth Exceeded",
    469: "Bad Info Package",
    470: "Consent Needed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    555: "Push Notification Service Not Supported",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
    608: "Rejected",
}

_ECHOED_AS_THEY_ARE = ("via", "from", "call-id", "cseq")  # §8.2.6.2
_ECHOED = frozenset((*_ECHOED_AS_THEY_ARE, "to"))
_MAX_CSEQ = 2**31 - 1  # §8.1.1.5


class _Common:
    """What requests and responses share: typed access to the headers, and writing.

    Typed accessors raise PeerError (400) on a missing or malformed value. They are asked at each step of a message, so
    they look for themselves first whether it is known.
    """

    __slots__ = ()

    headers: Headers
    body: bytes

    @property
    def call_id(self) -> str:
        known = self.headers.known
        found: str = known["call-id"] if "call-id" in known else self.headers.typed("call-id", _call_id)
        return found

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method."""
        known = self.headers.known
        found: tuple[int, str] = known["cseq"] if "cseq" in known else self.headers.typed("cseq", _cseq)
        return found

    @property
    def from_(self) -> NameAddr:
        known = self.headers.known
        found: NameAddr = known["from"] if "from" in known else self.headers.typed("from", parse_name_addr)
        return found

    @property
    def to(self) -> NameAddr:
        known = self.headers.known
        found: NameAddr = known["to"] if "to" in known else self.headers.typed("to", parse_name_addr)
        return found

    @property
    def from_tag(self) -> str | None:
        known = self.headers.known
        found: NameAddr = known["from"] if "from" in known else self.headers.typed("from", parse_name_addr)
        return found.tag

    @property
    def to_tag(self) -> str | None:
        known = self.headers.known
        found: NameAddr = known["to"] if "to" in known else self.headers.typed("to", parse_name_addr)
        return found.tag

    @property
    def names(self) -> tuple[str, str, str]:
        """Call-ID, From tag and To tag, empty where there is none: what names its dialog, or that to be (§12)."""
        known = self.headers.known
        if NAMES not in known:
            known[NAMES] = (self.call_id, self.from_.tag or "", self.to.tag or "")
        found: tuple[str, str, str] = known[NAMES]
        return found

    @property
    def via(self) -> Via:
        """The topmost Via."""
        known = self.headers.known
        found: Via = known["via"] if "via" in known else self.headers.typed("via", _top_via)
        return found

    @property
    def vias(self) -> list[Via]:
        """All Vias, topmost first."""
        return self.headers.typed_all("via", Via.parse)

    @property
    def contacts(self) -> list[NameAddr]:
        return self.headers.typed_all("contact", NameAddr.parse)

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact; None where there is none."""
        return found[0] if (found := self.contacts) else None

    @property
    def content_type(self) -> str:
        """`type/subtype` in lower case, without parameters; empty where there is no Content-Type."""
        return self.headers.media_type

    def serialize(self) -> bytes:
        """The message as it goes on the wire; its Content-Length is put right first."""
        headers = self.headers
        size = str(len(self.body))
        written = headers.get("content-length")
        if written != size and (written is None or written.lstrip("0") != size):
            headers.set("Content-Length", size)
        head = f"{self._start_line()}\r\n{headers}\r\n"
        try:
            return head.encode(headers.encoding) + self.body
        except UnicodeEncodeError:  # a latin-1 head may have been given a header that latin-1 lacks; then UTF-8 it is
            return head.encode("utf-8", "replace") + self.body

    def _start_line(self) -> str:
        raise NotImplementedError


@dataclass(slots=True)
class Request(_Common):
    """A SIP request.

    Attributes:
        method: as written; methods are case-sensitive.
        uri: the Request-URI as written, of any scheme.
    """

    method: str
    uri: str
    headers: Headers
    body: bytes = b""

    @property
    def max_forwards(self) -> int:
        """Max-Forwards; 70 where it is missing, as the standard lets a lenient receiver assume (§16.3)."""
        known = "max-forwards" in self.headers
        return self.headers.typed("max-forwards", _max_forwards) if known else MAX_FORWARDS

    def respond(
        self,
        status: int,
        reason: str | None = None,
        *,
        to_tag: str | None = None,
        headers: Headers | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Response:
        """A response to this request (§8.2.6): Vias, From, To, Call-ID and CSeq echoed as they were written.

        Args:
            to_tag: added to To where that has no tag yet; not for 100.
            headers: put after the echoed ones.
            content_type: of `body`.
        Returns: the response; Record-Route is echoed in 101–299 (§12.1.1), Timestamp in 100 (§8.2.6.1).
        """
        more = "timestamp" if status == 100 else "record-route" if status < 300 else ""
        lines = [line for line in self.headers.lines() if line[0] in _ECHOED or line[0] == more]
        if to_tag and status > 100:
            lines = [self._tagged(line, to_tag) if line[0] == "to" else line for line in lines]
        echoed = Headers.of_lines(lines, self.headers.encoding)
        echoed.know(self.headers, _ECHOED_AS_THEY_ARE)
        echoed.extend(headers.items() if isinstance(headers, Headers) else headers)
        if content_type is not None:
            echoed.set("Content-Type", content_type)
        return Response(status, REASONS.get(status, "Unknown") if reason is None else reason, echoed, body)

    def _tagged(self, line: HeaderLine, tag: str) -> HeaderLine:
        """The To line with a tag, unless it has one or cannot be read (then it is echoed as it came)."""
        key, name, raw = line
        try:
            return line if self.to_tag else (key, name, f"{raw};tag={tag}")
        except PeerError:
            return line

    def _start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"


@dataclass(slots=True)
class Response(_Common):
    """A SIP response.

    Attributes:
        status: 100–699.
        reason: the phrase; may be empty.
    """

    status: int
    reason: str
    headers: Headers
    body: bytes = b""

    def _start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"


Message = Request | Response


def _call_id(text: str) -> str:
    if not text or " " in text:
        raise PeerError(f"not a Call-ID: {shown(text)}")
    return text


@remembered
def _cseq(text: str) -> tuple[int, str]:
    parts = text.split()
    if len(parts) != 2:
        raise PeerError(f"CSeq is not a number and a method: {shown(text)}")
    return integer(parts[0], "CSeq", _MAX_CSEQ), parts[1]


def _top_via(text: str) -> Via:
    """The first of the Vias that one line may hold; those beside it have to be Vias too."""
    if "," not in text:
        return Via.parse(text)
    top, *_ = [Via.parse(element) for element in split_outside_quotes(text, ",")]
    return top


def _max_forwards(text: str) -> int:
    """As if it were missing where it cannot be read: that needs not cost a call (§8.2.2)."""
    try:
        return integer(text, "Max-Forwards", 255)
    except PeerError:
        return MAX_FORWARDS
