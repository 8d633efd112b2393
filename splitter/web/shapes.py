"""What any request or answer may have in it, in JSON; the rest is in `shapes` of each package."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

# "$(?!\n)": to Python "$" alone lets a line end through; "\Z" is nothing to other readers of the OpenAPI document.
Word = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(max_length=64)]
Title = Annotated[str, Meta(max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
Number = Annotated[str, Meta(pattern=r"^\+?[0-9*#]{2,32}$(?!\n)")]


class Fault(Struct):
    """A fault of a request: `code` is stable, for programs; `message` is for people."""

    status: int
    code: str
    message: str


class ErrorBody(Struct):
    """The one shape of an error."""

    error: Fault


class IceServer(Struct):
    """A relay that a browser may use, as its RTCPeerConnection takes it."""

    urls: list[str]
    username: str
    credential: str
