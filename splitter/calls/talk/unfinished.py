"""A call that is not answered yet, written down: what is needed to end it, for it cannot be carried on. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from splitter.core.net import Flow


@dataclass(frozen=True, slots=True)
class Waiting:
    """An INVITE without a final response.

    Attributes:
        flow: where it came from, or went to.
        invite: the message, with its Via.
    """

    flow: Flow
    invite: bytes


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A call that is not answered yet, as it is written down.

    Attributes:
        caller: its INVITE, as it came.
        tag: the To tag of our provisional responses; "" where there was none.
        centre: the INVITE to the centre, if there is one.
    """

    call_id: str
    caller: Waiting
    tag: str = ""
    centre: Waiting | None = None


_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Unfinished)


def written(call: Unfinished) -> bytes:
    """A call that is not answered yet, as bytes."""
    return _ENCODER.encode(call)


def read(data: bytes) -> Unfinished:
    """The call that was written.

    Raises:
        ValueError: these bytes are not one.
    """
    return _DECODER.decode(data)
