"""A live call written down: its value as bytes, and back (MessagePack, with the names of the fields)."""

from __future__ import annotations

import msgspec

from splitter.calls.talk.state import Talk

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Talk)


def written(talk: Talk) -> bytes:
    """A call that is at rest, as bytes."""
    return _ENCODER.encode(talk)


def read(data: bytes) -> Talk:
    """The call that was written.

    Raises:
        ValueError: these bytes are not one.
    """
    return _DECODER.decode(data)
