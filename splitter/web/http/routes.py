"""What a route of the API is: what it asks of those who use it, what it takes and gives; see `openapi`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from splitter.calls.logins.access import Scope
from splitter.web.http.errors import Handler

JSON = "application/json"
JSON_BYTES = 16_384
SDP = "application/sdp"
SDP_BYTES = 65_536
PICTURE_BYTES = 8_000_000
CALL = "/v1/calls/{ref}"
NO_BODY = ""  # the content type of answers that carry nothing


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter. `kind`: of its JSON schema."""

    name: str
    about: str
    kind: str = "string"


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries: one of these content types, at most `limit_bytes` of it, within
    `arrival_s`, 0 for the usual time; `shape` of JSON.
    """

    types: tuple[str, ...]
    limit_bytes: int
    shape: Any = None
    needed: bool = True
    arrival_s: float = 0.0


@dataclass(frozen=True, slots=True)
class GoodAnswer:
    """A good answer. `shape`: of its JSON; `kind`: its content type, empty for no body; `or_kind`: another one
    that it may have; `headers`: that it has."""

    status: int
    about: str
    shape: Any = None
    kind: str = JSON
    headers: tuple[str, ...] = ()
    or_kind: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the API: a method on a path.

    Attributes:
        scopes: one of them is needed; empty: everybody may.
        handler: of aiohttp.
        about: one line for the document.
        answers: the good ones.
        faults: status → code of refusals that are this operation's own.
        hidden: not of the API proper: pages, other methods of a path.
        from_protocol: the token comes in Sec-WebSocket-Protocol, since scripts cannot set headers of a WebSocket.
        cookie: the token may come in this one, since scripts cannot set headers of what a media element asks for. It is
            for GET alone, of this site alone (SameSite).
    """

    method: str
    path: str
    scopes: frozenset[Scope]
    handler: Handler
    about: str = ""
    answers: tuple[GoodAnswer, ...] = ()
    query: tuple[Query, ...] = ()
    body: Body | None = None
    faults: tuple[tuple[int, str], ...] = ()
    hidden: bool = False
    from_protocol: bool = False
    cookie: str = ""
    kept: bool = False


LIMIT = Query("limit", "how many at most; 50 where it is left out", "integer")
