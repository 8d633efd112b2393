"""splitter doctor asks relays (TURN) with the passwords that browsers get, and connects to other services."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from aioice import stun

from splitter.calls.logins.access import ApiSettings
from splitter.cli.examination.observation import Grade, Observation
from splitter.cli.examination.outsiders import examine_outsiders, services
from splitter.config.load import parse
from splitter.config.model import Settings
from tests.browser.relay import SECRET, Relay
from tests.config.test_load import GOOD

MORE = """
[[webhook]]
name = "crm"
url = "https://crm.example.org/hook"
secret = "a secret of sixteen letters and more"
[sms]
carrier = "smsc"
[sms.smpp.smsc]
host = "smpp.example.com"
system_id = "u"
password = "p"
[api]
listen = ["127.0.0.1:8443"]
insecure = true
guest_url = "https://desk.example.org/guest"
[openid]
issuer = "https://login.example.org:8443/realms/a"
client_id = "splitter"
client_secret = "s"
agents = ["*"]
url = "https://desk.example.org"
"""


class TurnServer(asyncio.DatagramProtocol):
    """What a server answers to an Allocate and its Refresh, to whom has the right password."""

    def __init__(self, secret: str, refusal: tuple[int, str] | None = None) -> None:
        self.secret, self.refusal = secret, refusal
        self.lifetimes: list[int] = []
        self.keeps = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = stun.parse_message(data)
        if self.keeps and asked.message_method is stun.Method.REFRESH:
            return
        answer = stun.Message(asked.message_method, stun.Class.ERROR, asked.transaction_id)
        user, key = str(asked.attributes.get("USERNAME", "")), b""
        if user:
            password = base64.b64encode(hmac.digest(self.secret.encode(), user.encode(), "sha1")).decode()
            key = hashlib.md5(f"{user}:here:{password}".encode()).digest()
        if not user or not asked.check_message_integrity(key):
            answer.attributes |= {"ERROR-CODE": (401, "Unauthorized"), "REALM": "here", "NONCE": b"n"}
            key = b""
        elif self.refusal:
            answer.attributes["ERROR-CODE"] = self.refusal
        else:
            answer.message_class = stun.Class.RESPONSE
            self.lifetimes.append(int(asked.attributes["LIFETIME"]))
            answer.attributes |= {
                "LIFETIME": self.lifetimes[-1],
                "XOR-RELAYED-ADDRESS": ("192.0.2.9", 50_000),
                "XOR-MAPPED-ADDRESS": addr,
            }
        if key:
            answer.add_message_integrity(key)
        self.transport.sendto(bytes(answer), addr)  # type: ignore[attr-defined]


@asynccontextmanager
async def turn_server(secret: str, refusal: tuple[int, str] | None = None) -> AsyncIterator[tuple[TurnServer, str]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: TurnServer(secret, refusal), local_addr=("127.0.0.1", 0)
    )
    with closing(transport):
        yield server, f"turn:127.0.0.1:{transport.get_extra_info('sockname')[1]}"


def settings(*urls: str) -> Settings:
    return replace(parse(GOOD), api=ApiSettings(turn_servers=urls, turn_secret=SECRET))


class TestRelays:
    async def test_that_take_our_passwords_give_an_address_and_get_it_back(self) -> None:
        async with turn_server(SECRET) as (server, url):
            [found] = await examine_outsiders(settings(url))
        assert found == Observation(
            f"relay {url}", Grade.GOOD, "it takes our passwords, and relays from 192.0.2.9:50000"
        )
        assert len(server.lifetimes) == 2 and server.lifetimes[1] == 0

    async def test_that_do_not_take_it_back_work_all_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("splitter.cli.examination.outsiders._BACK_S", 0.01)
        async with turn_server(SECRET) as (server, url):
            server.keeps = True
            [found] = await examine_outsiders(settings(url))
        assert found.grade is Grade.GOOD and server.lifetimes == [60]

    async def test_with_another_secret_are_a_fault(self) -> None:
        async with turn_server("another") as (_, url):
            [found] = await examine_outsiders(settings(url))
        assert found.grade is Grade.BAD and "401" in found.what and "turn_secret" in found.remedy

    async def test_that_are_full_say_so(self) -> None:
        async with turn_server(SECRET, (486, "Allocation Quota Reached")) as (_, url):
            [found] = await examine_outsiders(settings(url))
        assert found.what == "it refuses: 486 Allocation Quota Reached" and found.grade is Grade.BAD

    async def test_that_are_not_there_are_a_fault(self) -> None:
        with closing(socket.socket()) as end:
            end.bind(("127.0.0.1", 0))
            url = f"turn:127.0.0.1:{end.getsockname()[1]}?transport=tcp"
            [found] = await examine_outsiders(settings(url))
        assert found.grade is Grade.BAD and "refused" in found.what.lower()

    async def test_over_dtls_are_not_examined(self) -> None:
        [found] = await examine_outsiders(settings("turns:127.0.0.1?transport=udp"))
        assert found.grade is Grade.DOUBT


@pytest.mark.interop
class TestCoturn:
    def test_takes_our_passwords(self, tmp_path: Path) -> None:
        with Relay("127.0.0.1", tmp_path) as relay:
            [found] = asyncio.run(examine_outsiders(settings(relay.url)))
            other = replace(settings(relay.url), api=ApiSettings(turn_servers=(relay.url,), turn_secret="no"))
            [wrong] = asyncio.run(examine_outsiders(other))
        assert found.grade is Grade.GOOD, found
        assert "401" in wrong.what


class TestServices:
    def test_are_those_that_the_configuration_names(self) -> None:
        found = {one.key: (one.place, one.tls) for one in services(parse(GOOD + MORE))}
        assert found == {
            "webhook crm": ("crm.example.org:443", True),
            "openid.issuer": ("login.example.org:8443", True),
            "sms.smpp smsc": ("smpp.example.com:2775", False),
        }

    async def test_whose_port_is_none_are_a_fault(self) -> None:
        hook = '[[webhook]]\nname = "crm"\nurl = "https://127.0.0.1:99999/"\nsecret = "a secret of sixteen letters"\n'
        [found] = await examine_outsiders(parse(GOOD + hook))
        assert (found.subject, found.grade) == ("webhook crm", Grade.BAD) and "port" in found.what

    async def test_are_connected_to_and_told_nothing(self) -> None:
        heard: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read())
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with closing(socket.socket()) as gone:
            gone.bind(("127.0.0.1", 0))
            ports = {"smpp.example.com": port, "crm.example.org": gone.getsockname()[1]}
            text = MORE.replace("https://crm.example.org", f"https://127.0.0.1:{ports['crm.example.org']}")
            text = text.replace('"smpp.example.com"', f'"127.0.0.1"\nport = {port}').split("[openid]")[0]
            found = {one.subject: one for one in await examine_outsiders(parse(GOOD + text))}
        server.close()
        await server.wait_closed()
        assert found["sms.smpp smsc"].grade is Grade.GOOD and "nothing was said" in found["sms.smpp smsc"].what
        assert found["webhook crm"].grade is Grade.BAD and "cannot be reached" in found["webhook crm"].what
        assert heard in ([], [b""])
