"""A call that is not answered yet, or is over, written down: what is needed to end it on both sides. Pure."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from splitter.calls.states import Side
from splitter.calls.talk.outline import OpenDialog
from splitter.calls.talk.outstanding import Outstanding
from splitter.core.frozen import frozen
from splitter.core.net import Flow


@frozen
class Waiting:
    """An INVITE without a final response.

    Attributes:
        flow: where it came from, or went to.
        invite: the message, with its Via.
    """

    flow: Flow
    invite: bytes


@frozen
class Unfinished:
    """A call that is not answered yet, or is over, as it is written down.

    Attributes:
        caller, centre: the INVITE of each side: the one that came, and the one that we have sent for it, if there is
            one. A browser sends no INVITE.
        tag: the To tag of our provisional responses; "" where there was none.
        near: the side that called.
        dialogs: of a side that has answered when the one that called has not been told yet.
        ended: a process has told both sides that it is over; they may not have heard.
        reason: why, of a call that was over, and whose trace does not say so yet.
        outstanding: messages of ours that their peers have not confirmed.
        requests: of peers, beside the INVITE of the side that called, that have no final response.
    """

    call_id: str
    caller: Waiting | None = None
    tag: str = ""
    centre: Waiting | None = None
    near: str = Side.CALLER.value
    dialogs: tuple[OpenDialog, ...] = ()
    ended: bool = False
    reason: str = ""
    outstanding: tuple[Outstanding, ...] = ()
    requests: tuple[Waiting, ...] = ()

    def beside(self, outstanding: tuple[Outstanding, ...]) -> Unfinished:
        """The same, with these messages too."""
        return replace(self, outstanding=(*self.outstanding, *outstanding)) if outstanding else self


_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Unfinished)


def written(call: Unfinished) -> bytes:
    """Write down a call that is not answered yet, or is over."""
    return _ENCODER.encode(call)


def read(data: bytes) -> Unfinished:
    """The call that was written.

    Raises:
        ValueError: these bytes are not one.
    """
    return _DECODER.decode(data)
