"""The gateway as operators and neighbours meet it: calls over TLS, a seat over WebSocket, reload, bans."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from splitter.core.net import Address
from splitter.sip.dialog import Dialog
from splitter.sip.message import Message, Request, Response
from tests.patience import PATIENCE_S, wait
from tests.transport.pki import Paper, authority, client, paper
from tests.transport.process import Gateway, gateway
from tests.transport.scene import TcpListener, TcpPeer, wire
from tests.transport.test_websocket import browser, message, ws_wire

pytestmark = pytest.mark.slow

AUDIO = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 31000 RTP/AVP 8\r\n"
VIDEO = (
    "m=video 31002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\na=fmtp:99 profile-level-id=42c01f;packetization-mode=1\r\n"
)
SEAT = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" + VIDEO


def with_session(request: bytes, session: str) -> bytes:
    """The request with a session description."""
    head = request.replace(
        b"Content-Length: 0", f"Content-Type: application/sdp\r\nContent-Length: {len(session)}".encode()
    )
    return head + session.encode()


async def final(peer: TcpPeer) -> Response:
    while True:
        found = await peer.message()
        if isinstance(found, Response) and found.status >= 200:
            return found


async def asked(peer: TcpPeer, method: str) -> Request:
    """The next request of this method; whatever comes before it is passed over."""
    while True:
        found: Message = await peer.message()
        if isinstance(found, Request) and found.method == method:
            return found


class TestOpenssl:
    def test_s_client_verifies_us_and_gets_its_answer(self, tmp_path: Path) -> None:
        with gateway(tmp_path) as running, socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            command = [
                "openssl",
                "s_client",
                "-connect",
                str(running.places["tls"]),
                "-CAfile",
                str(authority().certificate),
            ]
            strict = ["-verify_return_error", "-verify_ip", "127.0.0.1", "-quiet", "-no_ign_eof"]
            talk = subprocess.Popen(
                [*command, *strict],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            assert talk.stdin is not None and talk.stdout is not None
            talk.stdin.write(wire(via=Address(*free.getsockname()), transport="TLS"))
            talk.stdin.flush()
            assert talk.stdout.readline() == b"SIP/2.0 200 OK\r\n"
            talk.kill()
            talk.communicate()


class TestACallOverTls:
    async def test_with_a_seat_over_websocket(self, tmp_path: Path) -> None:
        pbx = await TcpListener.open(tls=paper("DNS:pbx.example").server(demand=True))
        with gateway(tmp_path, pbx=pbx.address) as running:
            await asyncio.wait_for(self._call(running, pbx), PATIENCE_S)

    async def _call(self, running: Gateway, pbx: TcpListener) -> None:
        caller = await TcpPeer.connect(running.places["tls"], client())
        invite = with_session(wire("INVITE", via=caller.address, transport="TLS"), AUDIO + VIDEO)
        await caller.send(invite.replace(b">\r\nContent", b";transport=tls>\r\nContent"))
        centre = await pbx.peer()
        offered = await asked(centre, "INVITE")
        assert offered.via.transport == "TLS"
        assert offered.uri.endswith(";transport=tls")
        assert b"m=video" not in offered.body
        assert offered.contact is not None
        assert f"{running.places['core']};transport=tls" in str(offered.contact)
        leg = Dialog.as_uas(offered, "centre")
        contact = [("Contact", f"<sip:agent@{pbx.address};transport=tls>")]
        answer = AUDIO.replace("31000", "31010").encode()
        await centre.send(
            offered.respond(
                200, to_tag="centre", headers=contact, body=answer, content_type="application/sdp"
            ).serialize()
        )
        await asked(centre, "ACK")
        answered = await final(caller)
        assert answered.status == 200
        assert answered.contact is not None
        assert f"{running.places['tls']};transport=tls" in str(answered.contact)
        tag = answered.to_tag or ""
        await caller.send(
            wire("ACK", via=caller.address, transport="TLS", to_tag=tag, branch="z9hG4bKack", cseq="1 ACK")
        )
        code = (await asyncio.to_thread(running.command, "calls"))[1].splitlines()[1].split()[1]
        async with browser(running.places["ws"], source="127.5.0.1") as seat:
            await seat.send_bytes(
                with_session(ws_wire("INVITE", call_id="seat").replace(b"sip:12345@", f"sip:{code}@".encode()), SEAT)
            )
            joined = await message(seat)
            while isinstance(joined, Response) and joined.status < 200:
                joined = await message(seat)
            assert isinstance(joined, Response)
            assert joined.status == 200, joined.headers.get("warning")
            await seat.send_bytes(
                ws_wire("ACK", call_id="seat", to_tag=joined.to_tag or "", branch="z9hG4bKs", cseq="1 ACK")
            )
            await centre.send(_on_the_way(leg.request("BYE"), pbx.address).serialize())
            assert (await final(centre)).status == 200
            bye = await asked(caller, "BYE")  # over the connection that the caller opened
            await caller.send(bye.respond(200).serialize())
            parting = await message(seat)
            while not isinstance(parting, Request):
                parting = await message(seat)
            assert parting.method == "BYE"
            assert parting.via.transport == "WS"
            await seat.send_bytes(parting.respond(200).serialize())
        await asyncio.to_thread(wait, lambda: running.counts("splitter_calls_active").get("", 1.0) == 0.0)
        for peer in (caller, centre):
            peer.close()


class TestReload:
    def test_by_command_and_by_signal(self, tmp_path: Path) -> None:
        ours = Paper(tmp_path / "certificate.pem", tmp_path / "key.pem")
        _copy(paper(serial=21), ours)
        with gateway(tmp_path, ours) as running:
            before = running.counts("splitter_tls_certificate_not_after_seconds")
            assert _serial(running) == 21
            _copy(paper(serial=22, days=60), ours)
            assert running.command("reload") == (0, "nothing has changed but what files hold, such as certificates\n")
            assert _serial(running) == 22
            wait(lambda: _lasts_longer(running, before))  # metrics are made twice a second at most
            _copy(paper(serial=23), ours)
            running.process.send_signal(signal.SIGHUP)
            wait(lambda: _serial(running) == 23)

    def test_what_cannot_be_used_changes_nothing_and_is_told(self, tmp_path: Path) -> None:
        ours = Paper(tmp_path / "certificate.pem", tmp_path / "key.pem")
        _copy(paper(serial=21), ours)
        with gateway(tmp_path, ours) as running:
            shutil.copy(paper(serial=22).certificate, ours.certificate)
            code, said = running.command("reload")
            assert code == 1
            assert "nothing has changed" in said
            assert "key.pem is not the key of" in said
            running.process.send_signal(signal.SIGHUP)
            wait(lambda: running.counts("splitter_config_reloads_total").get('{result="failed"}') == 2.0)
            assert _serial(running) == 21

    def test_an_expired_certificate_is_an_alarm_and_calls_go_on(self, tmp_path: Path) -> None:
        with gateway(tmp_path, paper(ended=True)) as running:
            assert running.answers("udp")
            code, said = running.command("status")
            assert code == 1
            assert "certificate of network access expired on 2021-01-01" in said
            code, said = running.command("check", str(running.configuration))
            assert code == 1
            assert "network.access.certificate: expired on 2021-01-01 00:00 UTC; renew it" in said


class TestBans:
    def test_are_listed_and_lifted(self, tmp_path: Path) -> None:
        with gateway(tmp_path) as running, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bad:
            assert running.command("bans") == (0, "nobody is banned\n")
            bad.bind(("127.5.0.9", 0))
            for _ in range(40):
                bad.sendto(b"nonsense\r\n\r\n", running.places["udp"])
            wait(lambda: running.counts("splitter_sip_banned ") == {"": 1.0})
            code, said = running.command("bans")
            assert code == 0
            titles, row = said.splitlines()
            assert titles.split()[:3] == ["SOURCE", "LAST", "REASON"]
            assert row.split()[:2] == ["127.5.0.9", "malformed"]
            assert '"expires_in_s"' in running.command("bans", "--json")[1]
            assert running.command("bans", "--lift", "127.5.0.9") == (0, "127.5.0.9 is no longer banned\n")
            assert running.command("bans") == (0, "nobody is banned\n")
            assert running.command("bans", "--lift", "127.5.0.9") == (1, "127.5.0.9 is not banned\n")

    def test_a_neighbour_is_not(self, tmp_path: Path) -> None:
        with gateway(tmp_path) as running, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sbc:
            sbc.bind(("127.0.0.9", 0))
            for _ in range(200):
                sbc.sendto(b"nonsense\r\n\r\n", running.places["udp"])
            wait(lambda: sum(running.counts("splitter_sip_abuse_total").values()) == 200)
            assert running.command("bans") == (0, "nobody is banned\n")
            assert running.answers("udp")


def _on_the_way(request: Request, place: Address) -> Request:
    """A request of ours with its Via."""
    request.headers.prepend("Via", f"SIP/2.0/TLS {place};branch=z9hG4bKbye")
    return request


def _copy(source: Paper, target: Paper) -> None:
    shutil.copy(source.certificate, target.certificate)
    shutil.copy(source.key, target.key)


def _lasts_longer(running: Gateway, before: dict[str, float]) -> bool:
    after = running.counts("splitter_tls_certificate_not_after_seconds")
    return all(after[network] > before[network] + 20 * 86_400 for network in before)


def _serial(running: Gateway) -> int:
    """Of the certificate that a new connection is shown."""
    with socket.create_connection(running.places["tls"], PATIENCE_S) as sock, client().wrap_socket(sock) as secure:
        shown = secure.getpeercert()
    assert shown is not None
    return int(str(shown["serialNumber"]), 16)
