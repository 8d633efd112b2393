"""The ledger, time-stamped while it grows: at most once an hour, and when its day is over. Does I/O, in a thread.

The stamp is asked for in this thread, and noted by the one that writes: an authority that is slow holds up nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from splitter.core.errors import LocalError
from splitter.core.pauses import doubled_s
from splitter.media.record.ledger import RecordingLedger
from splitter.media.record.stamps import Authority, stamp_file, stamped
from splitter.media.record.turns import InTurn

_LOOK_S, _EVERY_S = 60.0, 3600.0
_FIRST_AGAIN_S, _LAST_AGAIN_S = 5.0, 600.0

log = structlog.get_logger(__name__)


class LedgerStamper:
    """The time stamps of a ledger.

    Args:
        ledger: only the thread that writes touches it. authority: stamps.
        trouble: told why there are no stamps now; "" where they go on.
    """

    def __init__(
        self,
        ledger: RecordingLedger,
        authority: Authority,
        in_turn: InTurn,
        trouble: Callable[[str], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._ledger, self._authority, self._in_turn = ledger, authority, in_turn
        self._trouble, self._wall = trouble, wall
        self._end = threading.Event()
        self._fault, self._failed = "", 0
        self._at, self._number = float("-inf"), ledger.stamped
        self._thread = threading.Thread(target=self._run, name="stamper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._end.set()

    def _run(self) -> None:
        while not self._end.wait(self.step()):
            pass

    def step(self) -> float:
        """Have the end of the ledger stamped where it is time. Returns: seconds to the next look."""
        try:
            self._stamp()
        except Exception as error:
            if not isinstance(error, (LocalError, OSError)):
                log.exception("the stamper of the ledger failed")
            self._say(str(error) or type(error).__name__)
            self._failed += 1
            return doubled_s(_FIRST_AGAIN_S, _LAST_AGAIN_S, self._failed - 1)
        self._failed = 0
        return _LOOK_S

    def _stamp(self) -> None:
        number, hash = self._ledger.end
        now = self._wall()
        another_day = int(now // 86_400) != int(self._at // 86_400) if self._at > 0 else True
        if number <= self._number or (now - self._at < _EVERY_S and not another_day):
            return
        stamp = stamped(hash, self._authority)
        self._in_turn.do(lambda: self._note(number, hash, stamp))
        self._at = now
        self._say("")

    def _note(self, number: int, hash: str, stamp: bytes) -> None:
        file = stamp_file(self._ledger.recordings, number)
        unfinished = file.with_suffix(".part")  # half a stamp would be called a forged one
        unfinished.write_bytes(stamp)
        unfinished.chmod(0o600)
        unfinished.replace(file)
        noted = self._ledger.add("stamped", {"number": number, "of": hash, "file": file.name}).number
        self._number = noted if noted == number + 1 else number  # what came in between waits for the next stamp

    def _say(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            log.error("the ledger is not time-stamped", reason=fault) if fault else log.info("it is time-stamped again")
            self._trouble(fault)
