"""One agent and a peer who knows the password and means no good (RFC 8445 §19)."""

from __future__ import annotations

import asyncio

import pytest
from aioice import stun

from splitter.core.net import Address
from splitter.media.wire.ice import PAIRS_LIMIT, Agent
from tests.patience import PATIENCE_S

UFRAG, PASSWORD = "peer", "p" * 24
HOME = Address("127.0.0.1", 50_000)


class Port:
    """Answers our checks as the peer would, from the addresses where it listens."""

    number = 40_000

    def __init__(self) -> None:
        self.agent: Agent | None = None
        self.sent = 0

    def send(self, data: bytes | bytearray | memoryview, to: Address) -> None:
        self.sent += 1
        message = stun.parse_message(bytes(data))
        if message.message_class is not stun.Class.REQUEST or to != HOME or self.agent is None:
            return
        answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, message.transaction_id)
        answer.attributes["XOR-MAPPED-ADDRESS"] = ("127.0.0.1", self.number)
        answer.add_message_integrity(PASSWORD.encode())
        asyncio.get_running_loop().call_soon(self.agent.receive, bytes(answer), to)

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


async def connected() -> tuple[Agent, Port]:
    """An agent whose path leads home."""
    port = Port()
    agent = port.agent = Agent(port, "127.0.0.1", lambda agent: None, lambda: None)  # type: ignore[arg-type]
    agent.meet(UFRAG, PASSWORD, False)
    connecting = asyncio.ensure_future(agent.connect())
    await asyncio.sleep(0)
    agent.receive(check(agent, nominates=True), HOME)
    async with asyncio.timeout(PATIENCE_S):
        await connecting
    assert agent.path == HOME
    return agent, port


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
        await asyncio.sleep(0.01)
        assert not agent._protocol.transactions and len(asyncio.all_tasks()) == 1

    async def test_without_a_priority_are_none(self) -> None:
        """RFC 8445 §7.1.1: it is mandatory; nothing is kept of who leaves it out."""

        agent, _ = await connected()
        before = len(agent.known), agent.checks
        for number in range(600):
            agent.receive(check(agent, priority=False), Address("127.0.0.1", 51_000 + number))
        assert (len(agent.known), agent.checks) == before
        assert agent.malformed == 600
        agent.shut()
