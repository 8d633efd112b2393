"""A voice call centre on pjsua2: an independent SIP stack for the other side of every test. Does I/O.

It runs as a process of its own (`python -m splitter.lab.centre --listen 127.0.0.1:5070`), because pjsua2 owns its
threads and its wheel allows four calls per process. It speaks JSON, one object a line: commands on stdin, events on
stdout; the end of stdin ends it.

    commands  {"do": "plan", ...}            how the next calls are treated: any field of Plan
              {"do": "hangup" | "hold" | "resume", "call": N}
              {"do": "report"}               answered by a "report" event
              {"do": "stop"}
    events    {"event": "ready", "port": N}
              {"event": "planned"}                     the plan holds from the next call on
              {"event": "invite" | "reinvite", "call": N, "video": bool, "media": [...], "raw": "..."}
              {"event": "state", "call": N, "state": "EARLY" | "CONFIRMED" | ..., "status": N}
              {"event": "ended", "call": N, "status": N, "reason": "...", "heard": {"1000": seconds}}
              {"event": "report", "calls": [{"call": N, "state": "...", "heard": {...}}]}
              {"event": "error", "text": "..."}

A caller hears queue music (a tone) before the answer and the agent (another tone) after it; what the caller says is
listened to with a Goertzel filter per expected frequency.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO, Any

import numpy as np
import pjsua2 as pj

from splitter.lab.tone import FRAME_SAMPLES, RATE, Hearing, Tone, silence

_POLL_MS = 10
_REFUSAL = 300


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to a call.

    Attributes:
        extension: the agent that answers; named in P-Asserted-Identity.
        ring_s: 180 for this long before anything else.
        queue_s: early media with the queue tone (183) for this long; 0 for none.
        status: the final answer: 200, or a refusal such as 486; 0 never answers.
        queue_hz, agent_hz: what the caller hears before and after the answer.
        listen_hz: the frequencies that callers may speak in.
    """

    extension: str = "2001"
    ring_s: float = 0.0
    queue_s: float = 1.0
    status: int = 200
    queue_hz: float = 440.0
    agent_hz: float = 660.0
    listen_hz: tuple[float, ...] = (1000.0, 1200.0, 1400.0, 1600.0)


class _Ear(pj.AudioMediaPort):  # type: ignore[misc]
    """Mouth and ear of one call on the conference bridge; its callbacks come from pjsua2's media thread."""

    def __init__(self, name: str, listen_hz: tuple[float, ...]) -> None:
        super().__init__()
        self.speaking: Tone | None = None
        self.hearing = Hearing(listen_hz)
        audio = pj.MediaFormatAudio()
        audio.type = pj.PJMEDIA_TYPE_AUDIO
        audio.clockRate, audio.channelCount, audio.bitsPerSample = RATE, 1, 16
        audio.frameTimeUsec = FRAME_SAMPLES * 1_000_000 // RATE
        audio.avgBps = audio.maxBps = RATE * 16
        self.createPort(name, audio)

    def onFrameRequested(self, frame: Any) -> None:
        speaking = self.speaking
        samples = speaking.frame() if speaking else silence()
        frame.type = pj.PJMEDIA_FRAME_TYPE_AUDIO
        frame.buf = pj.ByteVector(samples.tobytes())

    def onFrameReceived(self, frame: Any) -> None:
        if frame.size:
            self.hearing.samples(np.frombuffer(bytes(frame.buf), dtype=np.int16))


class _Call(pj.Call):  # type: ignore[misc]
    """One call from its INVITE to its end."""

    def __init__(self, centre: _Account, call_id: int, plan: Plan) -> None:
        super().__init__(centre, call_id)
        self.number = call_id
        self.plan = plan
        self.ear = _Ear(f"call-{call_id}", plan.listen_hz)
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.over = False
        self._emit = centre.emit
        self._invites = 0

    def begin(self) -> None:
        """Ring, play the queue, answer: each at its time."""
        now = time.monotonic()
        self._answer(180)
        ringing_ends = now + self.plan.ring_s
        if self.plan.queue_s > 0:
            self.due.append((ringing_ends, self._queue))
        if self.plan.status:
            self.due.append((ringing_ends + self.plan.queue_s, self._final))

    def heard(self) -> dict[str, float]:
        """Seconds of each tone that the caller spoke."""
        hearing = self.ear.hearing
        return {f"{tone:g}": round(hearing.seconds(tone), 2) for tone in hearing.order}

    def _queue(self) -> None:
        self.ear.speaking = Tone(self.plan.queue_hz)
        self._answer(183)

    def _final(self) -> None:
        if self.plan.status < _REFUSAL:
            self.ear.speaking = Tone(self.plan.agent_hz)
        self._answer(self.plan.status)

    def _answer(self, status: int) -> None:
        operation = pj.CallOpParam()
        operation.statusCode = status
        if 200 <= status < _REFUSAL:
            identity = pj.SipHeader()
            identity.hName = "P-Asserted-Identity"
            identity.hValue = f'"Agent {self.plan.extension}" <sip:{self.plan.extension}@centre.invalid>'
            operation.txOption.headers.append(identity)
        self.answer(operation)

    # ---- what pjsua2 tells ----

    def onCallState(self, prm: Any) -> None:
        info = self.getInfo()
        if info.state != pj.PJSIP_INV_STATE_DISCONNECTED:
            self._emit("state", call=self.number, state=info.stateText, status=info.lastStatusCode)
            return
        self.over = True
        heard = self.heard()
        self._emit("ended", call=self.number, status=info.lastStatusCode, reason=info.lastReason, heard=heard)

    def onCallMediaState(self, prm: Any) -> None:
        info = self.getInfo()  # keeps its list of media alive: the elements are not copied
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                audio = self.getAudioMedia(index)
                self.ear.startTransmit(audio)
                audio.startTransmit(self.ear)

    def onCallTsxState(self, prm: Any) -> None:
        """Report each re-INVITE as it came (the first INVITE is reported by the account)."""
        state = prm.e.body.tsxState
        if state.tsx.role != pj.PJSIP_ROLE_UAS or state.tsx.method != "INVITE":
            return
        if state.type == pj.PJSIP_EVENT_RX_MSG and state.tsx.state == pj.PJSIP_TSX_STATE_TRYING:
            raw = state.src.rdata.wholeMsg
            self._invites += 1
            self._emit("reinvite", call=self.number, video="m=video" in raw, media=_media_of(raw), raw=raw)


class _Account(pj.Account):  # type: ignore[misc]
    """Takes the calls."""

    def __init__(self, emit: Callable[..., None], plan: Plan) -> None:
        super().__init__()
        self.emit = emit
        self.plan = plan
        self.calls: dict[int, _Call] = {}

    def onIncomingCall(self, prm: Any) -> None:
        raw = prm.rdata.wholeMsg
        call = self.calls[prm.callId] = _Call(self, prm.callId, self.plan)
        self.emit("invite", call=prm.callId, video="m=video" in raw, media=_media_of(raw), raw=raw)
        call.begin()


class Centre:
    """The endpoint, its account and its calls. One per process."""

    def __init__(self, host: str, port: int, plan: Plan, out: IO[str], log_level: int = 0) -> None:
        self._out = out
        self._endpoint = pj.Endpoint()
        self._endpoint.libCreate()
        self._endpoint.libInit(_endpoint_config(log_level))
        transport = pj.TransportConfig()
        transport.port, transport.boundAddress, transport.publicAddress = port, host, host
        self._udp = self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        self._endpoint.libStart()
        self._endpoint.audDevManager().setNullDev()
        for codec in self._endpoint.codecEnum2():
            if not codec.codecId.startswith(("PCMA/8000", "PCMU/8000")):
                self._endpoint.codecSetPriority(codec.codecId, 0)
        self.port = int(self._endpoint.transportGetInfo(self._udp).localName.rpartition(":")[2])
        self._account = _Account(self.emit, plan)
        account = pj.AccountConfig()
        account.idUri = f"sip:{plan.extension}@{host}:{self.port}"
        account.mediaConfig.transportConfig.boundAddress = host
        account.mediaConfig.transportConfig.publicAddress = host
        account.mediaConfig.transportConfig.port = 0
        self._account.create(account)

    def emit(self, event: str, **fields: object) -> None:
        """Write one event."""
        self._out.write(json.dumps({"event": event, **fields}) + "\n")
        self._out.flush()

    def run(self, commands: int) -> None:
        """Serve until told to stop or the descriptor `commands` ends."""
        self.emit("ready", port=self.port)
        rest = b""
        while True:
            self._endpoint.libHandleEvents(_POLL_MS)
            self._turn()
            if not select.select([commands], [], [], 0)[0]:
                continue
            data = os.read(commands, 65536)
            *lines, rest = (rest + data).split(b"\n")
            if not data or not all(self._command(line) for line in lines if line.strip()):
                return

    def close(self) -> None:
        """Hang up everything and shut the library down, its ports first."""
        self._endpoint.hangupAllCalls()
        deadline = time.monotonic() + 1.0
        while any(not call.over for call in self._account.calls.values()) and time.monotonic() < deadline:
            self._endpoint.libHandleEvents(_POLL_MS)
        self._account.calls.clear()
        self._account.shutdown()
        self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)

    def _turn(self) -> None:
        """Do what is due and forget calls that are over."""
        now = time.monotonic()
        for number, call in list(self._account.calls.items()):
            if call.over:
                del self._account.calls[number]
                continue
            due = [step for at, step in call.due if at <= now]
            call.due = [(at, step) for at, step in call.due if at > now]
            for step in due:
                self._guarded(step)

    def _command(self, line: bytes) -> bool:
        """Carry out one command; False for "stop"."""
        command = json.loads(line)
        match command.pop("do"):
            case "stop":
                return False
            case "plan":
                if "listen_hz" in command:
                    command["listen_hz"] = tuple(command["listen_hz"])
                self._account.plan = replace(self._account.plan, **command)
                self.emit("planned")
            case "report":
                self.emit("report", calls=[self._report(call) for call in self._account.calls.values()])
            case verb:
                call = self._account.calls.get(command["call"])
                if call is None:
                    self.emit("error", text=f"{verb}: no call {command['call']}")
                else:
                    self._guarded(lambda: _act(call, verb))
        return True

    def _report(self, call: _Call) -> dict[str, object]:
        return {"call": call.number, "state": call.getInfo().stateText, "heard": call.heard()}

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except pj.Error as error:  # e.g. the caller has just hung up
            self.emit("error", text=error.info())


def _act(call: _Call, verb: str) -> None:
    operation = pj.CallOpParam(True)
    match verb:
        case "hangup":
            call.hangup(operation)
        case "hold":
            call.setHold(operation)
        case "resume":
            operation.opt.flag = pj.PJSUA_CALL_UNHOLD
            operation.opt.audioCount, operation.opt.videoCount = 1, 0
            call.reinvite(operation)
        case _:
            raise ValueError(f"unknown command {verb!r}")


def _endpoint_config(log_level: int) -> Any:
    config = pj.EpConfig()
    config.uaConfig.userAgent = "lab-centre"
    config.uaConfig.threadCnt = 0  # we poll; everything but media runs in one thread
    config.uaConfig.mainThreadOnly = True
    config.logConfig.level = config.logConfig.consoleLevel = log_level
    config.medConfig.clockRate = config.medConfig.sndClockRate = RATE
    config.medConfig.channelCount = 1
    config.medConfig.audioFramePtime = config.medConfig.ptime = 20
    config.medConfig.ecTailLen = 0
    config.medConfig.noVad = True
    return config


def _media_of(raw: str) -> list[str]:
    """The m-lines of a message, e.g. ["audio 30000 RTP/AVP 8 0 101"]."""
    return [line[2:].strip() for line in raw.splitlines() if line.startswith("m=")]


def _private_stdout() -> IO[str]:
    """Keep stdout for events: the library's C code prints there too, so descriptor 1 becomes stderr."""
    ours = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(ours, "w")


def main() -> None:
    """Run until stdin ends."""
    parser = argparse.ArgumentParser(description="A voice call centre for tests, on pjsua2")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    parser.add_argument("--plan", default="{}", help="JSON: fields of Plan")
    parser.add_argument("--log-level", type=int, default=0)
    arguments = parser.parse_args()
    host, _, port = arguments.listen.rpartition(":")
    fields = json.loads(arguments.plan)
    if "listen_hz" in fields:
        fields["listen_hz"] = tuple(fields["listen_hz"])
    out = _private_stdout()
    centre = Centre(host, int(port), replace(Plan(), **fields), out, arguments.log_level)
    try:
        centre.run(sys.stdin.fileno())
    except KeyboardInterrupt:
        pass
    finally:
        centre.close()
    # Python objects that wrap library ports must not be collected after the library is gone.
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
