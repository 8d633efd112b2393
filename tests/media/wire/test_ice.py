"""One agent and a peer who knows the password and means no good (RFC 8445 §19)."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from types import MethodType

import pytest
from aioice import stun
from aioice.candidate import Candidate
from aioice.ice import CandidatePair, Connection, StunProtocol

from splitter.core.net import Address
from splitter.media.wire import ice
from splitter.media.wire.ice import PAIRS_LIMIT, Agent
from splitter.media.wire.pairs import PortPairs
from splitter.media.worker.loop import PacketHost, RoomLoop
from tests.patience import PATIENCE_S, until

UFRAG, PASSWORD = "peer", "p" * 24
HOME = Address("127.0.0.1", 50_000)


class Port:
    """Answers our checks as the peer would, from the addresses where it listens."""

    number = 40_000

    def __init__(self) -> None:
        self.agent: Agent | None = None
        self.home = HOME
        self.sent, self.last = 0, b""

    def send(self, data: bytes | bytearray | memoryview, to: Address) -> bool:
        self.sent, self.last = self.sent + 1, bytes(data)
        message = stun.parse_message(bytes(data))
        if message.message_class is not stun.Class.REQUEST or to != self.home or self.agent is None:
            return True
        answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, message.transaction_id)
        answer.attributes["XOR-MAPPED-ADDRESS"] = ("127.0.0.1", self.number)
        answer.add_message_integrity(PASSWORD.encode())
        asyncio.get_running_loop().call_soon(self.agent.receive, bytes(answer), to)
        return True

    def close(self) -> None:
        pass


def check(agent: Agent, *, nominates: bool = False, priority: bool = True) -> bytes:
    """An authentic check of the peer."""
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{agent.local_username}:{UFRAG}"
    request.attributes["ICE-CONTROLLING"] = 1
    if priority:
        request.attributes["PRIORITY"] = 100
    if nominates:
        request.attributes["USE-CANDIDATE"] = None
    request.add_message_integrity(agent.local_password.encode())
    return bytes(request)


def raise_fault(fault: Exception) -> None:
    raise fault


async def connected(
    on_path: Callable[[Agent], None] = lambda agent: None, on_fault: Callable[[Exception], None] = raise_fault
) -> tuple[Agent, Port]:
    """An agent whose path leads home."""
    port = Port()
    loop = RoomLoop(PacketHost(asyncio.get_running_loop(), PortPairs(30_000, 30_001, 0)), on_fault)
    agent = port.agent = Agent(loop, port.send, 30_000, "127.0.0.1", on_path, lambda: None)
    agent.meet(UFRAG, PASSWORD, False)
    connecting = asyncio.ensure_future(agent.connect())
    await asyncio.sleep(0)
    agent.receive(check(agent, nominates=True), HOME)
    async with asyncio.timeout(PATIENCE_S):
        await connecting
    assert agent.path == HOME
    return agent, port


class TestWhoeverIsTold:
    async def test_breaks_its_own_room_and_is_no_fault_of_the_peer(self) -> None:
        def broken(agent: Agent) -> None:
            raise RuntimeError("a fault of ours")

        faults: list[Exception] = []
        agent, _ = await connected(broken, faults.append)
        await until(lambda: faults)
        assert [str(fault) for fault in faults] == ["a fault of ours"] and agent.malformed == 0
        agent.shut()


class TestChecksFromManyPorts:
    @pytest.mark.parametrize("renominates", [False, True], ids=["", "and the path is nominated again and again"])
    async def test_leave_no_more_than_a_peer_may_have(self, renominates: bool) -> None:
        agent, _ = await connected()
        for number in range(600):
            agent.receive(check(agent), Address("127.0.0.1", 51_000 + number))
            if renominates:
                agent.receive(check(agent, nominates=True), HOME)
            if number % 7 == 0:
                await asyncio.sleep(0)
        assert len(agent.known) <= PAIRS_LIMIT + 1
        assert len(agent.remote_candidates) <= PAIRS_LIMIT
        assert len(agent._check_list) <= PAIRS_LIMIT
        assert agent.path == HOME and HOME in agent.known
        agent.receive(check(agent), Address("127.0.0.1", 52_000))
        assert ("127.0.0.1", 52_000) in agent.known, "the newest is always heard: the peer may have moved"
        agent.shut()
        await until(lambda: not agent._protocol.transactions and len(asyncio.all_tasks()) == 1)

    async def test_without_a_priority_are_none(self) -> None:
        """RFC 8445 §7.1.1: it is mandatory; nothing is kept of who leaves it out."""

        agent, _ = await connected()
        before = len(agent.known), agent.checks
        for number in range(600):
            agent.receive(check(agent, priority=False), Address("127.0.0.1", 51_000 + number))
        assert (len(agent.known), agent.checks) == before
        assert agent.malformed == 600
        agent.shut()


class TestARepeatedCheck:
    """What a browser sends every few seconds is dealt with as bytes once it has been judged in full."""

    async def test_is_counted_answered_and_heard_as_the_first_was(self) -> None:
        agent, port = await connected()
        agent.receive(check(agent, nominates=True), HOME)
        parsed: list[object] = []
        agent.request_received = lambda *request: parsed.append(request)  # type: ignore[method-assign]
        checks, sent = agent.checks, port.sent
        for _ in range(3):
            agent.receive(check(agent, nominates=True), HOME)
        assert (agent.checks, port.sent, parsed) == (checks + 3, sent + 3, [])
        agent.shut()

    async def test_from_elsewhere_or_with_other_words_is_judged_in_full(self) -> None:
        agent, _ = await connected()
        agent.receive(check(agent, nominates=True), HOME)
        elsewhere = Address(HOME.host, HOME.port + 1)
        agent.receive(check(agent, nominates=True), elsewhere)
        assert elsewhere in agent.known
        rejected = agent.rejected
        forged = check(agent, nominates=True)
        agent.receive(forged[:-32] + b"\x00\x08\x00\x14" + bytes(20) + forged[-8:], HOME)
        assert agent.malformed == 1 and agent.rejected == rejected, "the fingerprint is wrong: no message at all"
        agent.shut()

    async def test_on_another_path_is_answered_with_the_new_address(self) -> None:
        """A NAT has given the browser another port: it repeats the same words, and the answer says where from."""
        agent, port = await connected()
        agent.receive(check(agent, nominates=True), HOME)
        port.home = elsewhere = Address(HOME.host, HOME.port + 1)
        agent.receive(check(agent, nominates=True), elsewhere)
        await until(lambda: agent.path == elsewhere)
        for _ in range(2):
            agent.receive(check(agent, nominates=True), elsewhere)
            assert stun.parse_message(port.last).attributes["XOR-MAPPED-ADDRESS"] == tuple(elsewhere)
        agent.shut()

    async def test_after_a_change_of_role_is_judged_in_full(self) -> None:
        agent, _ = await connected()
        agent.receive(check(agent, nominates=True), HOME)
        agent.switch_role(True)
        checks = agent.checks
        agent.receive(check(agent, nominates=True), HOME)
        assert agent.checks == checks, "both say that they control: it is told so (RFC 8445 §7.3.1.1)"
        agent.shut()


class TestConsent:
    """RFC 7675 §5.1: asked for every five seconds or so, and twice more where no answer comes."""

    async def asked(self) -> tuple[Agent, list[bytes]]:
        """An agent that has just asked, and what it sends; nobody answers."""
        agent, _ = await connected()
        questions: list[bytes] = []
        agent._send = lambda data, to: not questions.append(bytes(data))
        agent._ask_consent()
        agent.consent_at = 0.0
        return agent, questions

    def answer(self, question: bytes, password: str = PASSWORD, kind: stun.Class = stun.Class.RESPONSE) -> stun.Message:
        told = stun.Message(stun.Method.BINDING, kind, question[8:20])
        told.attributes["XOR-MAPPED-ADDRESS"] = ("127.0.0.1", 40_000)
        told.add_message_integrity(password.encode())
        return told

    async def test_the_question_is_one_of_ours(self) -> None:
        agent, (question,) = await self.asked()
        read = stun.parse_message(question)
        assert read.message_class is stun.Class.REQUEST and read.check_message_integrity(PASSWORD.encode())
        assert read.attributes["USERNAME"] == f"{UFRAG}:{agent.local_username}"
        assert {"PRIORITY", "ICE-CONTROLLED"} <= read.attributes.keys() and "USE-CANDIDATE" not in read.attributes
        agent.shut()

    async def test_an_authentic_answer_is_consent(self) -> None:
        agent, (question,) = await self.asked()
        asked_at = agent._asked_at
        agent.receive(bytes(self.answer(question)), HOME)
        assert agent.consent_at == asked_at
        agent.consent_at = 0.0
        agent.receive(bytes(self.answer(question)), HOME)
        assert agent.consent_at == 0.0, "one question, one answer"
        agent.shut()

    async def test_so_is_one_without_a_fingerprint(self) -> None:
        agent, (question,) = await self.asked()
        told = self.answer(question)
        del told.attributes["FINGERPRINT"]
        agent.receive(bytes(told), HOME)
        assert agent.consent_at == agent._asked_at
        agent.shut()

    async def test_no_other_is(self) -> None:
        agent, (question,) = await self.asked()
        agent.receive(bytes(self.answer(question, "x" * 24)), HOME)
        agent.receive(bytes(self.answer(question, kind=stun.Class.ERROR)), HOME)
        agent.receive(bytes(self.answer(bytes(20))), HOME)
        agent.receive(bytes(self.answer(question))[:-40], HOME)
        assert agent.consent_at == 0.0
        agent.receive(bytes(self.answer(question)), HOME)
        assert agent.consent_at, "and the right one still counts"
        agent.shut()

    async def test_it_is_asked_three_times_with_the_same_words_then_anew(self) -> None:
        agent, questions = await self.asked()
        agent._ask_consent()
        agent._ask_consent()
        assert len(set(questions)) == 1 and len(questions) == 3
        agent._ask_consent()  # given up
        agent._ask_consent()
        assert len(questions) == 4 and questions[3] != questions[0]
        agent.shut()


PRIVATE: dict[str, type] = {
    "_add_remote_candidate": MethodType,  # `add_remote_candidate` is a coroutine, for the sake of names
    "_check_list": list,
    "_local_candidates": list,
    "_local_candidates_end": bool,
    "_nominated": dict,
    "_protocols": list,
    "_remote_candidates": list,
}
"""What `Agent` uses of aioice that aioice promises to nobody, and what it is before anything happens."""


class TestWhatAioicePromisesToNobody:
    """An upgrade of aioice that fails here wants `splitter.media.wire.ice` looked through."""

    async def test_is_there(self) -> None:
        bare = Connection(ice_controlling=False)
        there = {name: type(getattr(bare, name, None)) for name in PRIVATE}
        assert there == PRIVATE
        assert {"task", "state", "remote_candidate", "remote_addr"} <= {*dir(CandidatePair), *vars(_pair())}
        assert "receiver" in vars(StunProtocol(bare))

    async def test_is_used_as_said_and_in_one_module(self) -> None:
        names = _private_names(Path(ice.__file__)) & {*vars(Connection(ice_controlling=False)), *dir(Connection)}
        assert names == set(PRIVATE)
        package = Path(ice.__file__).parents[2]
        users = [
            path for path in package.rglob("*.py") if re.search(r"^\s*(from|import) aioice", path.read_text(), re.M)
        ]
        turn = package / "cli/examination/outsiders.py"  # a customer of TURN servers, by what aioice does promise
        assert {path for path in users if "lab" not in path.parts} == {Path(ice.__file__), turn}
        assert not _private_names(turn) & {*vars(Connection(ice_controlling=False)), *dir(Connection)}


def _pair() -> CandidatePair:
    candidate = Candidate("1", 1, "udp", 1, "127.0.0.1", 9, "host")
    return CandidatePair(StunProtocol(Connection(ice_controlling=False)), candidate)


def _private_names(path: Path) -> set[str]:
    """Attributes with one underscore that a module's code names."""
    found = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    return {name for name in found if name.startswith("_") and not name.startswith("__")}
