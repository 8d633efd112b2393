"""The centre on Sofia-SIP: a stack of others for signalling, offers and answers. Does I/O.

The library has no media; the lab's own audio stream speaks and listens, as a handset does.
"""

from __future__ import annotations

import asyncio
import re
import time
import traceback

from splitter.core.net import Address
from splitter.lab.audio import AudioStream
from splitter.lab.centre.front import Front
from splitter.lab.centre.nua import Nua, NuaEvent, Tags
from splitter.lab.centre.plan import RefusedByStack
from splitter.lab.places import free_ports
from splitter.lab.tone import PCMA, PCMU, Tone

_POLL_S = 0.005
_GOODBYE_S = 2.0
_COMMON = 1  # soatag_rtp_select: all that both sides have, so that digits are among them
_SENDS = 1  # a bit of soatag_active_audio
# The states of nua in the words of pjsip, which the centre's events use.
_STATES = {"received": "INCOMING", "early": "EARLY", "completed": "CONNECTING", "ready": "CONFIRMED"}


class _SofiaCall:
    """One call from its INVITE to its end."""

    def __init__(self, number: int, handle: int, nua: Nua, audio: AudioStream) -> None:
        self.number = number
        self.handle = handle
        self.audio = audio
        self.over = False
        self.word = "NULL"
        self._nua = nua
        self._remote = self._local = ""  # the last descriptions

    def state(self) -> str:
        return self.word

    def heard(self) -> dict[str, float]:
        hearing = self.audio.hearing
        return {f"{tone:g}": round(hearing.seconds(tone), 2) for tone in hearing.order}

    def speak(self, tone: Tone) -> None:
        self.audio.tone = tone

    def answer(self, status: int, identity: str | None) -> None:
        ports = self.audio.ports
        tags: Tags = {"siptag_header_str": f"P-Asserted-Identity: {identity}"} if identity else {}
        if 183 <= status < 300:
            tags |= {
                "nutag_early_answer": 1,
                "soatag_rtp_select": _COMMON,
                "soatag_user_sdp_str": _capabilities(ports.host, ports.rtp_port),
            }
        self._nua.respond(self.handle, status, tags)

    def hang_up(self) -> None:
        self._nua.bye(self.handle)

    def hold(self) -> None:
        self._offer("*")

    def resume(self) -> None:
        self._offer(None)

    async def follow(self, told: NuaEvent) -> None:
        """Do with the media what was agreed."""
        self._remote = told.text("soatag_remote_sdp_str") or self._remote
        self._local = told.text("soatag_local_sdp_str") or self._local
        active, peer, law = told.number("soatag_active_audio") or 0, _peer(self._remote), _law(self._local)
        if peer is not None and law is not None and active > 0 and active & _SENDS:
            self.audio.connect(peer, Address(peer.host, peer.port + 1), law)
        else:
            self.audio.disconnect()

    def _offer(self, hold: str | None) -> None:
        if self.word != "CONFIRMED":
            raise RefusedByStack(f"call {self.number} is {self.word}")
        self._nua.invite(self.handle, {"soatag_hold": hold})


class Sofia:
    """The user agent and its calls. One per process.

    Attributes:
        port: where it listens.
    """

    def __init__(self, host: str, port: int, front: Front) -> None:
        self.port = port or free_ports(host, 1)[0]
        self._host = host
        self._front = front
        self._loop = asyncio.new_event_loop()
        self._calls: dict[int, _SofiaCall] = {}
        self._count = 0
        self._shut_down = False
        self._nua = Nua(
            f"sip:{host}:{self.port};transport=udp",
            self._on_event,
            {
                "siptag_user_agent_str": "lab-centre",
                "nutag_media_enable": 1,
                "nutag_autoalert": 0,
                "soatag_address": host,
            },
        )

    def step(self) -> None:
        """Handle what has come; media meanwhile."""
        self._loop.run_until_complete(asyncio.sleep(_POLL_S))
        self._nua.step()

    def close(self) -> None:
        """Hang up everything and shut the library down."""
        self._nua.shut_down()
        deadline = time.monotonic() + _GOODBYE_S
        while not self._shut_down and time.monotonic() < deadline:
            self.step()
        for call in self._calls.values():
            self._loop.run_until_complete(call.audio.close())
        if self._shut_down:
            self._nua.close()

    # ---- what the library tells ----

    def _on_event(self, name: str, status: int, phrase: str, handle: int, told: NuaEvent) -> None:
        try:
            self._handle(name, status, phrase, handle, told)
        except Exception as error:  # an exception cannot cross the library
            traceback.print_exc()
            self._front.failed(f"{name}: {error!r}")

    def _handle(self, name: str, status: int, phrase: str, handle: int, told: NuaEvent) -> None:
        call = self._calls.get(handle)
        match name:
            case "r_shutdown":
                self._shut_down = status >= 200
            case "i_invite" if call is None:
                self._invited(handle, told.request())
            case "i_invite" if call is not None:
                self._front.reinvited(call, told.request())
            case "i_state" if call is not None:
                self._changed(call, status, phrase, told)

    def _invited(self, handle: int, raw: str) -> None:
        plan = self._front.plan
        opening = AudioStream.open(self._host, Tone(plan.queue_hz), plan.listen_hz)
        call = _SofiaCall(self._count, handle, self._nua, self._loop.run_until_complete(opening))
        self._count += 1
        self._calls[handle] = call
        self._front.invited(call, raw)

    def _changed(self, call: _SofiaCall, status: int, phrase: str, told: NuaEvent) -> None:
        state = told.call_state()
        if state == "terminated":
            call.over = True
            self._front.ended(call, status, phrase)
            self._loop.run_until_complete(call.audio.close())
            del self._calls[call.handle]
            self._nua.forget(call.handle)
            return
        self._loop.run_until_complete(call.follow(told))
        word = _STATES.get(state, call.word)
        if word != call.word:
            call.word = word
            self._front.changed(call, word, status)


def _capabilities(host: str, port: int) -> str:
    """What we can, from which the library makes offers and answers."""
    version = "IP6" if ":" in host else "IP4"
    return f"v=0\r\nc=IN {version} {host}\r\nm=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"


def _peer(sdp: str) -> Address | None:
    """Where the peer takes its audio; None if it takes none."""
    media = re.search(r"^m=audio (\d+) [^\r\n]*((?:\r?\n(?!m=)[^\r\n]*)*)", sdp, re.MULTILINE)
    if media is None or media[1] == "0":
        return None
    host = re.search(r"^c=IN IP[46] (\S+)", media[2], re.MULTILINE) or re.search(
        r"^c=IN IP[46] (\S+)", sdp, re.MULTILINE
    )
    return Address(host[1], int(media[1])) if host else None


def _law(sdp: str) -> int | None:
    """The law that our description names first."""
    media = re.search(r"^m=audio \d+ \S+ ([\d ]+)", sdp, re.MULTILINE)
    laws = [int(number) for number in media[1].split() if int(number) in (PCMA, PCMU)] if media else []
    return laws[0] if laws else None
