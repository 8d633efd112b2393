"""What requests and answers of web callers look like in JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from splitter.calls.browsers.view import WebCallView
from splitter.web.http.routes import SDP_BYTES
from splitter.web.shapes import IceServer, Name, Number

# "$(?!\n)": to Python "$" alone lets a line end through; "\Z" is nothing to other readers of the OpenAPI document.
_Language = Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{0,35}$(?!\n)")]


class WebCallWish(Struct, forbid_unknown_fields=True):
    """A browser's call. `sdp`: its offer; `camera`: whether it shows pictures from the beginning."""

    number: Number
    sdp: Annotated[str, Meta(min_length=1, max_length=SDP_BYTES)]
    camera: bool = False
    language: _Language = ""
    captcha: Annotated[str, Meta(max_length=8192)] = ""
    client: Name = ""


class WebPathWish(Struct, forbid_unknown_fields=True):
    """A browser's offer of video that nobody will see, to find out whether a call would find a way."""

    sdp: Annotated[str, Meta(min_length=1, max_length=SDP_BYTES)]


class WebPathCheck(Struct):
    """A check that began. `check`: its id; `answer`: our SDP answer.

    `ice_servers`: relays to try where there is no other way; for those alone who may call.
    """

    check: str
    answer: str
    ice_servers: list[IceServer] = []


class WebOffer(Struct, forbid_unknown_fields=True):
    """Another offer of a browser whose network has changed, or that was reloaded. `client`: which of its tabs."""

    sdp: Annotated[str, Meta(min_length=1, max_length=SDP_BYTES)]
    client: Name = ""


class WebCall(Struct):
    """A call that began: `token` is for it alone, and `call.answer` is our SDP answer.

    `ice_servers`: relays, for networks without UDP. They are named to those alone who may call.
    """

    token: str
    call: WebCallView
    ice_servers: list[IceServer] = []


class CameraWish(Struct, forbid_unknown_fields=True):
    """Whether the agent may see pictures: also the answer to its question."""

    on: bool


class CustomerWish(Struct, forbid_unknown_fields=True):
    """A customer who may call. `number`: the only one; `language` and `name` are told to the centre and the desk."""

    customer: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\w.@+-]+$(?!\n)")]
    name: Name = ""
    language: _Language = ""
    number: Number | Literal[""] = ""
    expires_in_s: Annotated[int, Meta(ge=1, le=86_400)] | None = None
