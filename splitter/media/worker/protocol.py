"""What the gateway and its media workers say to each other.

A frame is a length (4 bytes, big endian) and that many bytes of MessagePack. Towards the worker: VerbCall(id, verb),
see `verbs`. Back: VerbReply(id, answer), in any order, and MediaNotice(owner, event) at any time. Verbs, answers and
events are encoded inside their envelope, so that one that cannot be understood spoils nothing but itself and is still
answered.

Ids of relays and rooms are chosen by the gateway. Verbs take effect in the order they are sent: whoever gives up
waiting for an Open sends the Close after it, and nothing is left open.
"""

from __future__ import annotations

from typing import Any, Union

import msgspec

from splitter.media.ports.events import MediaEvent
from splitter.media.worker.notices import MediaNotice, ProtocolError, notice_of
from splitter.media.worker.verbs.table import ANSWERS, VERBS
from splitter.media.worker.verbs.verb import Message, Verb

FRAME_LIMIT_BYTES = 1 << 23  # a snapshot of 1920x1080 fits, however little it can be compressed
_LENGTH_BYTES = 4


# ---- envelopes and frames ----------------------------------------------------------------------------------------


class VerbCall(msgspec.Struct, frozen=True):
    id: int
    verb: msgspec.Raw


class VerbReply(msgspec.Struct, frozen=True, tag=True):
    id: int
    answer: msgspec.Raw


class _Said(msgspec.Struct, frozen=True):
    """A `VerbCall` that is written: the same bytes in one step."""

    id: int
    verb: Verb[Any]


class _Answered(msgspec.Struct, frozen=True, tag=VerbReply.__name__):
    """A `VerbReply` that is written."""

    id: int
    answer: Message


_encoder = msgspec.msgpack.Encoder()
_calls = msgspec.msgpack.Decoder(VerbCall)
_verbs: msgspec.msgpack.Decoder[Verb[Any]] = msgspec.msgpack.Decoder(Union[VERBS])  # noqa: UP007 — made of a tuple
_messages: msgspec.msgpack.Decoder[VerbReply | MediaNotice] = msgspec.msgpack.Decoder(VerbReply | MediaNotice)
_answers: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Union[ANSWERS])  # noqa: UP007


def _frame(envelope: _Said | _Answered | MediaNotice) -> bytes:
    body = _encoder.encode(envelope)
    if len(body) > FRAME_LIMIT_BYTES:
        raise ProtocolError(f"a message of {len(body)} bytes is over the limit")
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def write_call(id: int, verb: Verb[Any]) -> bytes:
    return _frame(_Said(id, verb))


def write_reply(id: int, answer: Message) -> bytes:
    return _frame(_Answered(id, answer))


def write_event(owner: str, event: MediaEvent) -> bytes:
    return _frame(notice_of(owner, event))


def read_call(body: bytes) -> VerbCall:
    """The envelope alone. Raises ProtocolError."""
    try:
        return _calls.decode(body)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"not a call: {error}") from error


def read_verb(call: VerbCall) -> Verb[Any]:
    """Raises ProtocolError."""
    try:
        return _verbs.decode(call.verb)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"not a verb: {error}") from error


def read_message(body: bytes) -> VerbReply | MediaNotice:
    """The envelope alone. Raises ProtocolError."""
    try:
        return _messages.decode(body)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"not a message: {error}") from error


def read_answer(reply: VerbReply) -> Message:
    """Raises ProtocolError."""
    try:
        return _answers.decode(reply.answer)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"not an answer: {error}") from error


class Framer:
    """Cuts a byte stream into the bodies of frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came; return the bodies that are complete.

        Raises:
            ProtocolError: a length beyond the limit. The stream cannot be read any further.
        """
        self._data += data
        bodies: list[bytes] = []
        at = 0
        while len(self._data) - at >= _LENGTH_BYTES:
            length = int.from_bytes(self._data[at : at + _LENGTH_BYTES], "big")
            if length > FRAME_LIMIT_BYTES:
                raise ProtocolError(f"a frame of {length} bytes is over the limit")
            end = at + _LENGTH_BYTES + length
            if len(self._data) < end:
                break
            bodies.append(bytes(self._data[at + _LENGTH_BYTES : end]))
            at = end
        del self._data[:at]
        return bodies
