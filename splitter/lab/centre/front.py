"""The centre's process whatever stack it stands on: commands in, events out, calls through their plans. Does I/O."""

from __future__ import annotations

import json
import os
import select
import time
from typing import IO, Protocol

from splitter.lab.centre.plan import CentreCall, CentrePlan, RefusedByStack, Treatment


class SipStack(Protocol):
    """What a stack does for the front."""

    port: int

    def step(self) -> None:
        """Handle what has come, and wait some milliseconds for it."""

    def close(self) -> None:
        """Hang up everything and shut the library down."""


class Front:
    """Keeps the calls of one centre.

    Attributes:
        plan: of the next call.
    """

    def __init__(self, plan: CentrePlan, out: IO[str]) -> None:
        self.plan = plan
        self._out = out
        self._calls: dict[int, Treatment] = {}

    # ---- what the stack tells ----

    def invited(self, call: CentreCall, raw: str) -> None:
        """A new call; it begins with the next turn."""
        self._calls[call.number] = Treatment(call, self.plan, time.monotonic())
        self._emit("invite", call=call.number, **_offer(raw))

    def reinvited(self, call: CentreCall, raw: str) -> None:
        """A later offer in a call."""
        self._emit("reinvite", call=call.number, **_offer(raw))

    def changed(self, call: CentreCall, state: str, status: int) -> None:
        """A call has another state."""
        self._emit("state", call=call.number, state=state, status=status)

    def ended(self, call: CentreCall, status: int, reason: str) -> None:
        """A call is over."""
        self._emit("ended", call=call.number, status=status, reason=reason, heard=call.heard())

    def failed(self, text: str) -> None:
        """Something went wrong that is no call's end."""
        self._emit("error", text=text)

    # ---- the loop ----

    def serve(self, stack: SipStack, name: str, commands: int) -> None:
        """Serve until told to stop or the descriptor `commands` ends."""
        self._emit("ready", port=stack.port, stack=name)
        rest = b""
        while True:
            stack.step()
            self._turn()
            if not select.select([commands], [], [], 0)[0]:
                continue
            data = os.read(commands, 65536)
            *lines, rest = (rest + data).split(b"\n")
            if not data or not all(self._command(line) for line in lines if line.strip()):
                return

    def _turn(self) -> None:
        """Let each call have its turn, and forget those that are over."""
        now = time.monotonic()
        for number, treatment in list(self._calls.items()):
            if treatment.call.over:
                del self._calls[number]
                continue
            try:
                treatment.turn(now)
            except RefusedByStack as error:  # e.g. the caller has just hung up
                self.failed(str(error))

    def _command(self, line: bytes) -> bool:
        """Carry out one command; False for "stop"."""
        command = json.loads(line)
        match command.pop("do"):
            case "stop":
                return False
            case "plan":
                self.plan = CentrePlan.read(command, self.plan)
                self._emit("planned")
            case "report":
                calls = [treatment.call for treatment in self._calls.values()]
                told = [{"call": call.number, "state": call.state(), "heard": call.heard()} for call in calls]
                self._emit("report", calls=told)
            case verb:
                self._act(verb, command["call"])
        return True

    def _act(self, verb: str, number: int) -> None:
        treatment = self._calls.get(number)
        if treatment is None:
            self.failed(f"{verb}: no call {number}")
            return
        verbs = {"hangup": treatment.call.hang_up, "hold": treatment.call.hold, "resume": treatment.call.resume}
        try:
            verbs[verb]()
        except RefusedByStack as error:
            self.failed(str(error))

    def _emit(self, event: str, **fields: object) -> None:
        self._out.write(json.dumps({"event": event, **fields}) + "\n")
        self._out.flush()


def _offer(raw: str) -> dict[str, object]:
    """What an INVITE offers, e.g. media ["audio 30000 RTP/AVP 8 0 101"]."""
    media = [line[2:].strip() for line in raw.splitlines() if line.startswith("m=")]
    return {"video": any(line.startswith("video") for line in media), "media": media, "raw": raw}
