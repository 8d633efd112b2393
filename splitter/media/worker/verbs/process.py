"""What is asked of the worker itself: to begin, to tell how it is, to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from splitter.core.errors import LocalError
from splitter.media.worker.verbs.verb import Done, Message, Need, Verb

if TYPE_CHECKING:
    from splitter.media.worker.dispatch import Dispatcher

PROTOCOL = 10


class Status(Message, frozen=True):
    """How a worker is.

    Attributes:
        outdated: it was greeted before with other settings; the answer to Hello alone says so.
        in_kernel: flows that the kernel carries; two for each relay.
        no_offload: why it can carry none though it is to; "" where it can, or is not to.
        mixes: the encodings of voice that it can mix; empty for one from before there were mixes.
        form: of the short way of pictures: "native", or "python" and why.
        tcp: connections of browsers by TCP. tcp_refused: those that were closed, by the reason, since it began.
        tcp_unsent: packets that found theirs full.
        resting: pairs that rest after use, and would be taken where no other is free.
        for_pictures: pairs that pictures could have now; -1 where the worker is from before that was told.
        hurried: how often a pair was taken before it had rested, since it began.
    """

    protocol: int
    pid: int
    relays: int
    rooms: int
    free_ports: int
    outdated: bool = False
    in_kernel: int = 0
    no_offload: str = ""
    mixes: tuple[str, ...] = ()
    form: str = ""
    tcp: int = 0
    tcp_refused: dict[str, int] = msgspec.field(default_factory=dict)
    tcp_unsent: int = 0
    resting: int = 0
    for_pictures: int = -1
    hurried: int = 0


class Hello(Verb[Status], frozen=True):
    """The first verb: who we are and what the worker may use. It makes a worker of the process.

    Attributes:
        protocol: a worker of another version answers Failed and is of no use.
        ports: first and last of its slice of the range.
        resting: pairs of a predecessor that must not be used yet, each with the seconds that are left.
        native: pictures may take the short way in C.
        freebind: sockets may be bound to addresses that this machine is still to get.
        offload: the kernel is to carry what it can of the voice.
        index: of the worker.
        tcp: where browsers come in by TCP: the port, 0 for nowhere; the one that they are told instead; our addresses.
        reserved: pairs that pictures leave to voice.
    """

    answer = Status

    protocol: int
    ports: tuple[int, int]
    quarantine_s: float
    resting: list[tuple[int, float]]
    slate_text: str
    slate_picture: str
    latch_window_s: float
    freebind: bool = False
    offload: bool = False
    native: bool = True
    index: int = 0
    tcp: tuple[int, int, tuple[str, ...]] = (0, 0, ())
    reserved: int = 0

    def run(self, worker: Dispatcher) -> Status:
        raise LocalError("the worker is at work already")


class DrawSlate(Verb[Done], frozen=True):
    """Draw another slate and keep it ready for `Renew`; answered once that is done, or cannot be."""

    answer = Done

    text: str
    picture: str

    def run(self, worker: Dispatcher) -> Done:
        raise LocalError("the process draws it")


class Renew(Verb[Done], frozen=True):
    """Go by these from now on, with the slate that was drawn; rooms that are open keep theirs.

    Attributes:
        reserved: pairs that pictures leave to voice; -1: as many as before.
    """

    answer = Done

    slate_text: str
    slate_picture: str
    log_level: str
    reserved: int = -1

    def run(self, worker: Dispatcher) -> Done:
        raise LocalError("the process goes by them")


class Ping(Verb[Status], frozen=True):
    """Are you alive, and how busy?"""

    answer = Status

    def run(self, worker: Dispatcher) -> Status:
        return worker.status()


class Shutdown(Verb[Done], frozen=True):
    """Close everything and exit. The process sees to it."""

    answer = Done

    def run(self, worker: Dispatcher) -> Done:
        raise LocalError("the worker ends")


class AwaitVideo(Verb[Done], frozen=True):
    """Answer Done once rooms open as quickly as ever."""

    answer = Done
    needs: ClassVar[Need] = Need.ALL_STILLS

    def run(self, worker: Dispatcher) -> Done:
        if worker.slate is None:
            raise LocalError("no waiting picture: no video in this worker")
        return Done()
