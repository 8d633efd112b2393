"""An SBC and a centre that hold many calls at a time, with descriptions alone: nobody sends media. Does I/O."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass, field

from splitter.core.errors import PeerError
from splitter.core.net import Address
from splitter.lab.agent import UserAgent
from splitter.lab.agent_call import AgentCall, Outcome
from splitter.sip.message import Request
from splitter.transport.driver import Driver

HOST = "127.0.0.1"
CALLED = "12345"
_CALL_ID = "x-splitter-call"


class PatientDriver(Driver):
    """A neighbour's SIP that does not give up because nobody listens for a moment, as one that sees no ICMP."""

    def bounced(self, quoted: bytes, remote: Address, reason: str) -> None:
        pass


class Crowd(UserAgent):
    """A user agent of a neighbour with many calls."""

    driver_type = PatientDriver


class Phone:
    """The descriptions of one call: G.711 and digits.

    Attributes:
        held: it offers and answers sendonly.
        heard: the direction of the peer's latest description. remote: where it wants to hear.
        local: where this one would hear, if anybody listened there.
    """

    def __init__(self, local: Address) -> None:
        self.held = False
        self.heard = ""
        self.remote: Address | None = None
        self.local = local
        self._version = 0

    def offer(self) -> bytes:
        return self._description("sendonly" if self.held else "sendrecv", [])

    def answer(self, offer: bytes) -> bytes:
        text = offer.decode()
        self._hear(text)
        if "m=audio 0" in text or "m=audio" not in text:
            raise PeerError("no voice is offered", 488)
        theirs = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}.get(self.heard, "sendrecv")
        ours = "sendonly" if self.held and theirs == "sendrecv" else theirs
        return self._description(ours, [line for line in text.splitlines() if line.startswith("m=")][1:])

    def answered(self, answer: bytes) -> None:
        self._hear(answer.decode())

    def information(self, content_type: str, body: bytes) -> None:
        pass

    def consented(self, video: bool) -> None:
        pass

    def _hear(self, text: str) -> None:
        found = [line[2:] for line in text.splitlines() if line[2:] in ("sendrecv", "sendonly", "recvonly", "inactive")]
        self.heard = found[0] if found else "sendrecv"
        where = re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE), re.search(r"^m=audio (\d+)", text, re.MULTILINE)
        if where[0] and where[1]:
            self.remote = Address(where[0][1], int(where[1][1]))

    def _description(self, direction: str, others: list[str]) -> bytes:
        self._version += 1
        host, port = self.local.host, self.local.port
        lines = [
            *("v=0", f"o=- {port} {self._version} IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"),
            *(f"m=audio {port} RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000"),
            f"a={direction}",
        ]
        for line in others:
            kind, _, proto, *formats = line[2:].split()
            lines.append(f"m={kind} 0 {proto} {formats[0]}")
        return ("\r\n".join(lines) + "\r\n").encode()


@dataclass
class Conversation:
    """A call as both neighbours know it.

    Attributes:
        inside: the call at the centre; None before it is there.
        wanted: nobody has hung up.
        byes: the answers to whoever hung up.
    """

    caller: AgentCall
    phone: Phone
    inside: AgentCall | None = None
    desk_phone: Phone | None = None
    wanted: bool = True
    byes: list[Outcome] = field(default_factory=list)

    @property
    def connected(self) -> bool:
        return self.caller.state == "confirmed" and self.inside is not None and self.inside.state == "confirmed"

    @property
    def over(self) -> bool:
        return self.caller.state == "ended" and (self.inside is None or self.inside.state == "ended")

    def __str__(self) -> str:
        inside = f"{self.inside.state} ({self.inside.end_reason})" if self.inside is not None else "not there"
        return f"{self.caller.sip_call_id}: caller {self.caller.state} ({self.caller.end_reason}), centre {inside}"


class Town:
    """The neighbours of one gateway, and their calls.

    Args:
        dice: how long the centre rings.
        ring_s: at most.
        host: where both are.

    Attributes:
        answers: the centre does; else it rings on.
    """

    def __init__(self, dice: random.Random, ring_s: float = 0.0, host: str = HOST) -> None:
        self.sbc, self.centre = Crowd("sbc", host), Crowd("centre", host)
        self._host = host
        self.calls: list[Conversation] = []
        self.answers = True
        self._by_number: dict[str, Conversation] = {}
        self._dice, self._ring_s = dice, ring_s
        self._ports = 40_000
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self.centre.new_party = lambda: Phone(self._place())
        self.centre.on_call = self._on_call
        await self.sbc.start()
        await self.centre.start()

    async def stop(self) -> None:
        """Listen no more."""
        for task in tuple(self._tasks):
            task.cancel()
        await self.sbc.stop()
        await self.centre.stop()

    def call(self, gateway: Address) -> Conversation:
        """Begin a call."""
        number = f"138{len(self.calls):08d}"
        phone = Phone(self._place())
        headers = [("P-Asserted-Identity", f"<sip:{number}@{self._host}>")]
        placed = self.sbc.place(f"sip:{CALLED}@{gateway}", gateway, phone, headers=headers)
        self.calls.append(made := Conversation(placed, phone))
        self._by_number[number] = made
        return made

    def _place(self) -> Address:
        self._ports = 40_000 + (self._ports - 40_000 + 2) % 20_000
        return Address(self._host, self._ports)

    def _on_call(self, call: AgentCall, invite: Request) -> None:
        asserted = (invite.headers.get("p-asserted-identity") or "") + str(invite.from_)
        found = next((made for number, made in self._by_number.items() if number in asserted), None)
        if found is not None:
            found.inside = call
            found.desk_phone = call.party if isinstance(call.party, Phone) else None
        task = asyncio.create_task(self._answer(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, call: AgentCall) -> None:
        if self._ring_s or not self.answers:
            call.ring()
        if not self.answers:
            return
        if self._ring_s:
            await asyncio.sleep(self._dice.uniform(0, self._ring_s))
        if call.state != "ended":
            call.accept()
