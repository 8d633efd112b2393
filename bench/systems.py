"""What `bench.rate` and `bench.growth` compare: each a B2BUA between caller and centre, held to one core. Does I/O.

Each listens for the caller at `desk.access` and calls the centre at `desk.centre`; each yields its process id.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from bench.split import sippy
from tests.interop.addresses import Desk
from tests.interop.asterisk import Asterisk
from tests.interop.gateway import Gateway

MEASURED_CORE, PLAYING_CORE = 0, 1
FIRST_PORT, LAST_PORT = 10_000, 59_999  # of media, for our gateway and for Asterisk
PORTS_PER_CALL = 4
_DESCRIPTORS_LEFT = 500  # of a worker, for what is no relay

# Load must cost calls time here, not turn them away: no threshold within reach.
_OVERLOAD = "\n[overload]\nvideo_lag_s = 60\nrefuse_lag_s = 60\nvideo_cpu = 2\nrefuse_cpu = 2\n"

_QUIET_LOG = "[general]\n[logfiles]\nmessages => warning,error\n"
_ENDS = """
[bench](!)
type = endpoint
transport = transport-udp
context = bench
disallow = all
allow = alaw,ulaw
direct_media = no
media_address = {asterisk}
bind_rtp_to_media_address = yes

[caller](bench)

[caller]
type = identify
endpoint = caller
match = {caller}

[centre](bench)
aors = centre

[centre]
type = aor
contact = sip:{centre}:5060

[centre]
type = identify
endpoint = centre
match = {centre}
"""
_DIAL_PLAN = "\n[bench]\nexten => _X.,1,Dial(PJSIP/${EXTEN}@centre)\n same => n,Hangup()\n"


@dataclass(frozen=True, slots=True)
class System:
    """One of those compared.

    Attributes:
        name: in the table.
        start: runs it on a desk for as long as the context lives; yields its process id.
    """

    name: str
    start: Callable[[Desk], AbstractContextManager[int]]


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """What is started within runs on this core alone, all its threads and children with it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core} & before or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class _OpenGateway(Gateway):
    """The gateway that refuses nobody."""

    def configuration(self) -> str:
        return super().configuration() + _OVERLOAD


def workers_for(calls: int, descriptors: int) -> int:
    """How many media workers hold so many voice calls: each call is four sockets of one of them."""
    return max(1, -(-calls * PORTS_PER_CALL // (descriptors - _DESCRIPTORS_LEFT)))


@contextmanager
def splitter(desk: Desk, workers: int = 1) -> Iterator[int]:
    """The gateway as an operator runs it, with a store, for voice calls; ended without a drain."""
    most = (LAST_PORT - FIRST_PORT + 1) // PORTS_PER_CALL
    ports = {"first_port": FIRST_PORT, "last_port": LAST_PORT, "max_calls": most}
    # SIPp alone on the other core may be late with an answer; no other route is to be tried then.
    limits = {"answer_limit_s": 30, "quarantine_s": 0.5, "log_level": "error"}
    gateway = _OpenGateway(desk, {**ports, **limits, "workers": workers})
    pids: list[int] = []
    try:
        with pinned(MEASURED_CORE):
            gateway.start()
        pids = gateway.workers()
        yield gateway.process.pid
    finally:
        gateway.process.kill()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        gateway.remove()


class _PlainAsterisk(Asterisk):
    """Asterisk as a B2BUA between two pjsip endpoints, at `desk.access`, with nothing in its log."""

    def _here(self, text: str) -> str:
        desk = self._desk
        if "[transport-udp]" in text:
            text += _ENDS.format(asterisk=desk.access, caller=desk.caller, centre=desk.centre)
        elif "[from-splitter]" in text:
            text += _DIAL_PLAN
        text = text.replace("rtpstart = 10000", f"rtpstart = {FIRST_PORT}").replace("19999", str(LAST_PORT))
        return super()._here(text.replace("10.1.0.20", desk.access))

    def start(self) -> Asterisk:
        super().start()
        (self.folder / "etc" / "logger.conf").write_text(_QUIET_LOG)
        self.command("logger reload")
        return self

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid


@contextmanager
def asterisk(desk: Desk) -> Iterator[int]:
    """Asterisk, each call a Dial from one endpoint to the other."""
    system = _PlainAsterisk(desk)
    try:
        with pinned(MEASURED_CORE):
            system.start()
        yield system.pid
    finally:
        system.stop()


@contextmanager
def sippy_quiet(desk: Desk) -> Iterator[int]:
    """sippy's b2bua_simple without its log, which costs it a tenth."""
    with contextlib.ExitStack() as stack:
        with pinned(MEASURED_CORE):
            pid = stack.enter_context(sippy(desk, "none"))
        yield pid
