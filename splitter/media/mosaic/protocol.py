"""Words between the gateway and a mosaic's process: one line of JSON each, over a pair of sockets.

The process says `Ready` once, then `Late` or nothing; what it hears is always the whole arrangement. It ends when the
pair is closed.
"""

from __future__ import annotations

import msgspec

from splitter.core.errors import LocalError

PAYLOAD_TYPE = 97
"""Of H.264, both ways."""
INPUTS = 4
"""How many pictures a mosaic has at most."""
ORIENTATION_ID = 1
"""Of the header extension that says how the pictures are turned that come from the room."""
LINE_LIMIT_BYTES = 1 << 16


class Tile(msgspec.Struct, frozen=True):
    """A picture: the port at which it comes, the room's ports that it comes from, and what is written in it.

    `otherwise` is written where no font has the name.
    """

    input: int
    rtp_port: int
    rtcp_port: int
    name: str
    otherwise: str


class Arrange(msgspec.Struct, frozen=True, tag=True):
    """Make this of it from now on: so large, so many pictures in a second and kbit/s, to these ports of the room."""

    rtp_port: int
    rtcp_port: int
    width: int
    height: int
    rate: int
    kbps: int
    tiles: tuple[Tile, ...]


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Say that it may begin: its port towards the room, and those at which pictures come."""

    output: int
    inputs: tuple[int, ...]


class Late(msgspec.Struct, frozen=True, tag=True):
    """Say that it cannot keep up, and ends."""

    reason: str


Said = Ready | Late

_encoder = msgspec.json.Encoder()
_arrangements = msgspec.json.Decoder(Arrange)
_said: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)


def write(message: Arrange | Said) -> bytes:
    """A message as a line."""
    return _encoder.encode(message) + b"\n"


def read_arrangement(line: bytes) -> Arrange:
    """Raises LocalError."""
    try:
        return _arrangements.decode(line)
    except msgspec.MsgspecError as error:
        raise LocalError(f"no arrangement of a mosaic: {error}") from error


def read_said(line: bytes) -> Said:
    """Raises LocalError."""
    try:
        return _said.decode(line)
    except msgspec.MsgspecError as error:
        raise LocalError(f"not from a mosaic: {error}") from error
