"""The centre on pjsua2: a stack of others for signalling, offers and answers, and media. Does I/O."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pjsua2 as pj

from splitter.lab.centre.front import Front
from splitter.lab.centre.plan import RefusedByStack
from splitter.lab.tone import FRAME_SAMPLES, RATE, Hearing, Tone, silence

_POLL_MS = 10
_GOODBYE_S = 1.0


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


class _PjsuaCall(pj.Call):  # type: ignore[misc]
    """One call from its INVITE to its end."""

    def __init__(self, account: _Account, call_id: int, front: Front) -> None:
        super().__init__(account, call_id)
        self.number = call_id
        self.over = False
        self._front = front
        self._ear = _Ear(f"call-{call_id}", front.plan.listen_hz)

    def state(self) -> str:
        return str(self.getInfo().stateText)

    def heard(self) -> dict[str, float]:
        hearing = self._ear.hearing
        return {f"{tone:g}": round(hearing.seconds(tone), 2) for tone in hearing.order}

    def speak(self, tone: Tone) -> None:
        self._ear.speaking = tone

    def answer(self, status: int, identity: str | None) -> None:
        operation = pj.CallOpParam()
        operation.statusCode = status
        if identity:
            header = pj.SipHeader()
            header.hName, header.hValue = "P-Asserted-Identity", identity
            operation.txOption.headers.append(header)
        try:
            super().answer(operation)
        except pj.Error as error:
            raise RefusedByStack(error.info()) from error

    def hang_up(self) -> None:
        self._do(self.hangup, pj.CallOpParam(True))

    def hold(self) -> None:
        self._do(self.setHold, pj.CallOpParam(True))

    def resume(self) -> None:
        operation = pj.CallOpParam(True)
        operation.opt.flag = pj.PJSUA_CALL_UNHOLD
        operation.opt.audioCount, operation.opt.videoCount = 1, 0
        self._do(self.reinvite, operation)

    def _do(self, verb: Any, operation: Any) -> None:
        try:
            verb(operation)
        except pj.Error as error:
            raise RefusedByStack(error.info()) from error

    # ---- what pjsua2 tells ----

    def onCallState(self, prm: Any) -> None:
        info = self.getInfo()
        if info.state != pj.PJSIP_INV_STATE_DISCONNECTED:
            self._front.changed(self, info.stateText, info.lastStatusCode)
            return
        self.over = True
        self._front.ended(self, info.lastStatusCode, info.lastReason)

    def onCallMediaState(self, prm: Any) -> None:
        info = self.getInfo()  # keeps its list of media alive: the elements are not copied
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                audio = self.getAudioMedia(index)
                self._ear.startTransmit(audio)
                audio.startTransmit(self._ear)

    def onCallTsxState(self, prm: Any) -> None:
        """Report each re-INVITE as it came (the first INVITE is reported by the account)."""
        state = prm.e.body.tsxState
        if state.tsx.role != pj.PJSIP_ROLE_UAS or state.tsx.method != "INVITE":
            return
        if state.type == pj.PJSIP_EVENT_RX_MSG and state.tsx.state == pj.PJSIP_TSX_STATE_TRYING:
            self._front.reinvited(self, state.src.rdata.wholeMsg)


class _Account(pj.Account):  # type: ignore[misc]
    """Takes the calls."""

    def __init__(self, front: Front) -> None:
        super().__init__()
        self.calls: dict[int, _PjsuaCall] = {}
        self._front = front

    def onIncomingCall(self, prm: Any) -> None:
        call = self.calls[prm.callId] = _PjsuaCall(self, prm.callId, self._front)
        self._front.invited(call, prm.rdata.wholeMsg)


class Pjsua:
    """The endpoint and its account. One per process.

    Attributes:
        port: where it listens.
    """

    def __init__(self, host: str, port: int, front: Front, log_level: int = 0) -> None:
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
        self._account = _Account(front)
        account = pj.AccountConfig()
        account.idUri = f"sip:{front.plan.extension}@{host}:{self.port}"
        account.mediaConfig.transportConfig.boundAddress = host
        account.mediaConfig.transportConfig.publicAddress = host
        account.mediaConfig.transportConfig.port = 0
        self._account.create(account)

    def step(self) -> None:
        """Handle what has come."""
        self._endpoint.libHandleEvents(_POLL_MS)
        self._account.calls = {number: call for number, call in self._account.calls.items() if not call.over}

    def close(self) -> None:
        """Hang up everything and shut the library down, its ports first."""
        self._endpoint.hangupAllCalls()
        deadline = time.monotonic() + _GOODBYE_S
        while any(not call.over for call in self._account.calls.values()) and time.monotonic() < deadline:
            self._endpoint.libHandleEvents(_POLL_MS)
        self._account.calls.clear()
        self._account.shutdown()
        self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)


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
