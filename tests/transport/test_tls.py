"""SIP over TLS: both directions, who is believed, reload (RFC 3261 §26.2, RFC 5922)."""

from __future__ import annotations

import shutil
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from splitter.core.errors import LocalError, PeerError
from splitter.core.net import Address
from splitter.sip.events import RequestFailed
from splitter.sip.message import Request, Response
from splitter.transport.driver import Driver
from splitter.transport.settings import Network, TlsSettings, TransportSettings
from splitter.transport.tls import faults, identities_of
from tests.missing import MISSING
from tests.patience import until
from tests.transport.pki import Paper, client, paper
from tests.transport.scene import HOST, Scene, TcpListener, TcpPeer, ok, outgoing, scene, soon, wire

BOTH = ("udp", "tls")
FEW = TransportSettings(handshake_limit_s=5, handshakes=8)


def tls_wire(peer: TcpPeer, method: str = "OPTIONS", **fields: Any) -> bytes:
    return wire(method, via=peer.address, transport="TLS", **fields)


async def refused(stage: Scene, listener: TcpListener) -> RequestFailed:
    """Ask a server that we should not believe."""
    stage.driver.request(outgoing(), stage.flow(listener.address, "tls"), stage.listen)
    event = await soon(stage.events)
    assert isinstance(event, RequestFailed)
    assert event.status == 503
    return event


class TestServer:
    async def test_requests_come_in_and_are_answered(self) -> None:
        async with scene(BOTH, tls=paper().settings(), on_request=ok) as stage:
            peer = await TcpPeer.connect(stage.address("tls"), client())
            await peer.send(tls_wire(peer, params=""))
            response = await peer.message()
            assert isinstance(response, Response)
            assert (response.status, response.via.transport) == (200, "TLS")
            arrived = await soon(stage.requests)
            assert arrived.flow.transport == "tls"
            assert arrived.flow.reliable
            peer.close()
            await until(lambda: stage.driver.sizes()["connections"] == 0)

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    async def test_1_2_and_1_3_are_spoken(self, version: ssl.TLSVersion) -> None:
        async with scene(BOTH, tls=paper().settings(), on_request=ok) as stage:
            context = client()
            context.minimum_version = context.maximum_version = version
            peer = await TcpPeer.connect(stage.address("tls"), context)
            assert peer.writer.get_extra_info("ssl_object").version() == version.name.replace("_", ".")
            peer.close()

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
    async def test_older_versions_are_not(self) -> None:
        async with scene(BOTH, tls=paper().settings()) as stage:
            context = client()
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
            with capture_logs() as logs:
                with pytest.raises(OSError):  # what the client makes of it differs by event loop
                    await TcpPeer.connect(stage.address("tls"), context)
                await until(lambda: stage.counters.counts["abuse", "access", "tls", "handshake"] == 1)
            assert [line["detail"] for line in logs] == ["no TLS: UNSUPPORTED_PROTOCOL"]

    async def test_a_client_certificate_can_be_demanded(self) -> None:
        ours = paper().settings(client_certificate=True)
        async with scene(BOTH, tls=ours, on_request=ok) as stage:
            known = await TcpPeer.connect(stage.address("tls"), client(paper("DNS:sbc.example")))
            await known.send(tls_wire(known))
            assert isinstance(await known.message(), Response)
            for context in (client(), client(paper(signed=False))):
                with pytest.raises((OSError, AssertionError)):
                    stranger = await TcpPeer.connect(stage.address("tls"), context)
                    await stranger.send(tls_wire(stranger))
                    await stranger.message()
            await until(lambda: stage.counters.counts["abuse", "access", "tls", "handshake"] == 2)
            assert stage.requests.qsize() == 1
            known.close()

    async def test_what_is_no_tls_is_cut_off_and_counted(self) -> None:
        async with scene(BOTH, tls=paper().settings()) as stage:
            peer = await TcpPeer.connect(stage.address("tls"))
            await peer.send(tls_wire(peer))
            await peer.closed()
            await until(lambda: stage.counters.counts["abuse", "access", "tls", "handshake"] == 1)
            assert stage.seen == []

    async def test_an_unknown_source_gets_no_handshake(self) -> None:
        async with scene(BOTH, tls=paper().settings(), source_ok=lambda flow: False) as stage:
            await TcpPeer.refused(stage.address("tls"))
            assert stage.counters.counts["unknown_source", "access", "tls"] == 1
            assert not stage.counters.counts["abuse", "access", "tls", "handshake"]


class TestHalfOpenHandshakes:
    async def test_end_after_their_time(self) -> None:
        settings = TransportSettings(handshake_limit_s=0.1)
        async with scene(BOTH, tls=paper().settings(), settings=settings) as stage:
            peer = await TcpPeer.connect(stage.address("tls"))
            await peer.send(b"\x16\x03\x01")  # the beginning of a ClientHello
            await peer.closed()
            await until(lambda: stage.counters.counts["abuse", "access", "tls", "handshake"] == 1)

    async def test_one_source_may_have_a_quarter_of_all(self) -> None:
        async with scene(BOTH, tls=paper().settings(), settings=FEW, on_request=ok) as stage:
            half_open = []
            for host in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
                for _ in range(2):
                    half_open.append(await TcpPeer.connect(stage.address("tls"), source=host))
                await TcpPeer.refused(stage.address("tls"), source=host)
            assert stage.counters.counts["connection_refused", "access", "handshakes"] == 3
            for peer in half_open[:2]:
                peer.close()
            await until(lambda: stage.counters.counts["abuse", "access", "tls", "handshake"] == 2)
            again = await TcpPeer.connect(stage.address("tls"), client())
            for peer in (*half_open, again):
                peer.close()

    async def test_however_many_there_are_a_good_peer_comes_in(self) -> None:
        async with scene(BOTH, tls=paper().settings(), settings=FEW, on_request=ok) as stage:
            half_open = [await TcpPeer.connect(stage.address("tls"), source=f"127.0.3.{i}") for i in range(1, 9)]
            good = await TcpPeer.connect(stage.address("tls"), client())
            await good.send(tls_wire(good))
            assert isinstance(await good.message(), Response)
            assert await half_open[0].closed() == b""  # the oldest gave way
            assert stage.counters.counts["connection_refused", "access", "handshakes"] == 1
            for peer in (*half_open, good):
                peer.close()


class TestClientRfc5922:
    @pytest.mark.parametrize("names", ["IP:127.0.0.1", "DNS:pbx.example", "DNS:web.example,URI:sip:pbx.example"])
    async def test_a_server_that_proves_its_name_or_address_is_spoken_to(self, names: str) -> None:
        async with scene(BOTH, tls=paper().settings()) as stage:
            if "pbx.example" in names:
                stage.driver.expect("access", HOST, "pbx.example")
            listener = await TcpListener.open(tls=paper(names).server())
            for i in range(2):
                stage.driver.request(outgoing(call_id=f"c{i}"), stage.flow(listener.address, "tls"), stage.listen)
            peer = await listener.peer()
            for _ in range(2):
                request = await peer.message()
                assert isinstance(request, Request)
                assert (request.via.transport, request.via.port) == ("TLS", stage.address("tls").port)
                await peer.send(request.respond(200, to_tag="t").serialize())
                assert (await stage.answered()).flow.transport == "tls"
            peer.close()

    @pytest.mark.parametrize(
        ("server", "name", "reason"),
        [
            (paper("DNS:other.example"), "pbx.example", "for other.example, not for pbx.example"),
            (paper("DNS:*.example"), "pbx.example", "not for pbx.example"),
            (paper("URI:sip:other.example,DNS:pbx.example"), "pbx.example", "for other.example"),
            (paper(), "pbx.example", "for 127.0.0.1, not for pbx.example"),
            (paper("DNS:pbx.example"), "", "not for 127.0.0.1"),
            (paper(signed=False), "", "self-signed"),
            (paper(ended=True), "", "expired"),
        ],
        ids=[
            "another name",
            "a wildcard",
            "sip before dns",
            "only its address",
            "only a name",
            "self-signed",
            "expired",
        ],
    )
    async def test_others_are_told_nothing(self, server: Paper, name: str, reason: str) -> None:
        async with scene(BOTH, tls=paper().settings()) as stage:
            if name:
                stage.driver.expect("access", HOST, name)
            listener = await TcpListener.open(tls=server.server())
            event = await refused(stage, listener)
            assert reason in event.reason.replace("self signed", "self-signed"), event.reason
            while not listener.accepted.empty():
                assert await listener.accepted.get_nowait().closed() == b""
            assert set(stage.driver.sizes().values()) == {0}

    async def test_without_verification_anybody_is_believed(self) -> None:
        async with scene(BOTH, tls=paper().settings(verify=False)) as stage:
            listener = await TcpListener.open(tls=paper(signed=False).server())
            stage.driver.request(outgoing(), stage.flow(listener.address, "tls"), stage.listen)
            peer = await listener.peer()
            assert (await peer.message()).cseq == (7, "OPTIONS")
            peer.close()

    async def test_we_show_our_certificate_where_it_is_asked_for(self) -> None:
        async with scene(BOTH, tls=paper("DNS:gateway.example").settings()) as stage:
            listener = await TcpListener.open(tls=paper().server(demand=True))
            stage.driver.request(outgoing(), stage.flow(listener.address, "tls"), stage.listen)
            peer = await listener.peer()
            await peer.message()
            shown = peer.writer.get_extra_info("peercert")
            assert ("DNS", "gateway.example") in shown["subjectAltName"]
            peer.close()

    async def test_a_server_that_does_not_shake_hands_is_given_up(self) -> None:
        settings = TransportSettings(tcp_connect_limit_s=0.2)
        async with scene(BOTH, tls=paper().settings(), settings=settings) as stage:
            listener = await TcpListener.open()
            event = await refused(stage, listener)
            assert "no TLS connection" in event.reason


class TestAliasRfc5923:
    @pytest.mark.parametrize("shown", [True, False], ids=["with a certificate", "without"])
    async def test_needs_a_certificate_of_the_peer(self, shown: bool) -> None:
        ours = paper().settings(client_certificate=shown)
        async with scene(BOTH, tls=ours, on_request=ok) as stage:
            with socket.socket() as sock:
                sock.bind((HOST, 0))  # nobody listens there
                place = Address(*sock.getsockname())
                peer = await TcpPeer.connect(stage.address("tls"), client(paper()))
                await peer.send(wire(via=place, transport="TLS", params=";alias"))
                await peer.message()
                stage.driver.request(outgoing(call_id="ours"), stage.flow(place, "tls"), stage.listen)
                if shown:
                    assert (await peer.message()).call_id == "ours"
                else:
                    assert isinstance(await soon(stage.events), RequestFailed)
            peer.close()


class TestSips:
    async def test_leads_over_tls_and_nothing_else(self) -> None:
        async with scene(BOTH, tls=paper().settings()) as stage:
            flow = stage.driver.locate("access", "sips:pbx@127.0.0.9")
            assert flow is not None
            assert (flow.transport, flow.remote) == ("tls", ("127.0.0.9", 5061))
            flow = stage.driver.locate("access", "sip:pbx@127.0.0.9;transport=tls")
            assert flow is not None
            assert (flow.transport, flow.remote.port) == ("tls", 5061)
        async with scene(("udp", "tcp")) as stage:
            with pytest.raises(PeerError) as refusal:
                stage.driver.locate("access", "sips:pbx@127.0.0.9")
            assert refusal.value.status == 416


def renew(driver: Driver, ours: Paper) -> None:
    """Read the certificate of the one network again."""
    tls = {"access": ours.settings()}
    networks = {"access": Network("access", (), HOST, tls=tls["access"])}
    driver.renew(networks, identities_of(tls), ())


class TestReload:
    async def test_new_connections_get_the_new_certificate_and_live_ones_stay(self, tmp_path: Path) -> None:
        ours = Paper(tmp_path / "certificate.pem", tmp_path / "key.pem")
        _copy(paper(serial=11), ours)
        async with scene(BOTH, tls=ours.settings(), on_request=ok) as stage:
            old = await TcpPeer.connect(stage.address("tls"), client())
            assert _serial(old) == 11
            _copy(paper(serial=12), ours)
            renew(stage.driver, ours)
            new = await TcpPeer.connect(stage.address("tls"), client())
            assert _serial(new) == 12
            for i, peer in enumerate((old, new)):
                await peer.send(tls_wire(peer, branch=f"z9hG4bK{i}", call_id=f"c{i}"))
                assert (await peer.message()).call_id == f"c{i}"
                peer.close()

    async def test_files_that_do_not_fit_change_nothing(self, tmp_path: Path) -> None:
        ours = Paper(tmp_path / "certificate.pem", tmp_path / "key.pem")
        _copy(paper(serial=11), ours)
        async with scene(BOTH, tls=ours.settings()) as stage:
            before = stage.driver.certificates()
            shutil.copy(paper(serial=12).certificate, ours.certificate)
            with pytest.raises(LocalError, match=r"network\.access\.key: .* is not the key of"):
                renew(stage.driver, ours)
            peer = await TcpPeer.connect(stage.address("tls"), client())
            assert _serial(peer) == 11
            assert stage.driver.certificates() == before
            peer.close()

    async def test_without_its_certificate_a_network_does_not_start(self, tmp_path: Path) -> None:
        with pytest.raises(LocalError, match=r"none.pem cannot be read: no such file"):
            async with scene(BOTH, tls=TlsSettings(str(tmp_path / "none.pem"))):
                pass


class TestFaults:
    def test_a_good_pair_has_none(self) -> None:
        assert faults(paper().settings()) == []

    def test_key_and_certificate_may_share_a_file(self, tmp_path: Path) -> None:
        both = tmp_path / "both.pem"
        both.write_text(paper().certificate.read_text() + paper().key.read_text())
        assert faults(TlsSettings(str(both))) == []

    @pytest.mark.parametrize(
        ("fields", "key", "what"),
        [
            ({"certificate": str(MISSING)}, "certificate", "no such file"),
            ({"key": str(MISSING)}, "key", "no such file"),
            ({"ca": str(MISSING)}, "ca", "no such file"),
            ({"certificate": "KEY"}, "certificate", "no certificate"),
            ({"key": "CERTIFICATE"}, "key", "no private key"),
            ({"key": "OTHER"}, "key", "is not the key"),
            ({"key": "LOCKED"}, "key", "passphrase"),
            ({"ca": "KEY"}, "ca", "no certificate"),
            ({"certificate": "GARBAGE"}, "certificate", "cannot be read"),
        ],
    )
    def test_each_is_named(self, tmp_path: Path, fields: dict[str, str], key: str, what: str) -> None:
        known = {"KEY": paper().key, "CERTIFICATE": paper().certificate, "OTHER": paper(serial=2).key}
        known |= {"LOCKED": tmp_path / "locked.pem", "GARBAGE": tmp_path / "garbage.pem"}
        (tmp_path / "locked.pem").write_text(
            paper().key.read_text().replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE")
        )
        (tmp_path / "garbage.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        chosen = {"certificate": str(paper().certificate), "key": str(paper().key)}
        chosen |= {name: str(known.get(value, value)) for name, value in fields.items()}
        found = faults(TlsSettings(**chosen))  # type: ignore[arg-type]
        assert [(fault.key, what in fault.what) for fault in found] == [(key, True)]


def _copy(source: Paper, target: Paper) -> None:
    shutil.copy(source.certificate, target.certificate)
    shutil.copy(source.key, target.key)


def _serial(peer: TcpPeer) -> int:
    return int(peer.writer.get_extra_info("peercert")["serialNumber"], 16)
