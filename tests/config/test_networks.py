"""Networks that speak TLS and WebSocket: keys, certificates, what goes together."""

from __future__ import annotations

import re
import shutil
from ipaddress import ip_network
from pathlib import Path

import pytest

from splitter.config.load import load, parse
from splitter.config.model import Settings
from splitter.config.networks import spared
from splitter.core.errors import ConfigError
from splitter.core.net import Address
from splitter.transport.settings import ListenPoint, TlsSettings
from tests.transport.pki import authority, paper

TEXT = """\
[network.access]
listen = ["udp:10.0.0.5", "tls:10.0.0.5", "ws:10.0.0.5", "wss:10.0.0.5:8443"]
certificate = "our.pem"
key = "/etc/our.key"
ca = "ca.pem"
client_certificate = true
verify = false
web_origins = ["https://Desk.example", "http://localhost:8080"]
[trunk.sbc]
role = "access"
network = "access"
peers = ["192.0.2.0/24"]
transport = "tls"
[trunk.clients]
role = "seat"
network = "access"
peers = ["203.0.113.0/24"]
bannable = true
[trunk.pbx]
role = "centre"
network = "access"
address = "198.51.100.7"
transport = "tls"
tls_name = "pbx.example"
[[route]]
called = ".*"
to = ["pbx"]
"""


def settings(*changes: tuple[str, str]) -> Settings:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse(text, "f.toml", Path("/srv"))


def problems(*changes: tuple[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        settings(*changes)
    return caught.value.problems


class TestKeys:
    def test_are_read(self) -> None:
        network = settings().networks["access"]
        assert network.tls == TlsSettings("/srv/our.pem", "/etc/our.key", "/srv/ca.pem", True, False)
        assert network.web_origins == ("https://desk.example", "http://localhost:8080")

    def test_each_transport_has_its_port(self) -> None:
        assert settings().networks["access"].listeners == (
            ListenPoint("udp", Address("10.0.0.5", 5060)),
            ListenPoint("tls", Address("10.0.0.5", 5061)),
            ListenPoint("ws", Address("10.0.0.5", 80)),
            ListenPoint("wss", Address("10.0.0.5", 8443)),
        )
        trunks = settings().trunks
        assert trunks["pbx"].address == Address("198.51.100.7", 5061)
        assert trunks["pbx"].tls_name == "pbx.example"

    def test_without_a_certificate_there_is_no_tls(self) -> None:
        plain = TEXT.partition("certificate")[0].replace('"tls:10.0.0.5", ', "").replace(', "wss:10.0.0.5:8443"', "")
        text = plain + TEXT[TEXT.index("[trunk.sbc]") :].replace('transport = "tls"\n', "").replace(
            'tls_name = "pbx.example"\n', ""
        )
        assert parse(text).networks["access"].tls is None

    def test_clients_of_a_network_of_websocket_alone_need_no_transport(self) -> None:
        text = TEXT + '[network.desk]\nlisten = ["ws:10.0.0.6:80"]\n'
        parse(text.replace('role = "seat"\nnetwork = "access"', 'role = "seat"\nnetwork = "desk"'))


class TestProblems:
    @pytest.mark.parametrize(
        ("old", "new", "key", "what"),
        [
            ('certificate = "our.pem"\n', "", "network.access.certificate", "listens on tls and wss"),
            ('"https://Desk.example"', '"desk.example"', "network.access.web_origins[1]", "is not an origin"),
            ('"https://Desk.example"', '"https://desk.example/app"', "network.access.web_origins[1]", "is not an origin"),
            ('"ws:10.0.0.5"', '"ws:10.0.0.5:5061"', "network.access.listen[3]", "taken by network.access.listen[2]"),
            ('transport = "tls"\ntls_name', 'transport = "udp"\ntls_name', "trunk.pbx.tls_name", "no meaning for transport udp"),
            ('transport = "tls"\ntls_name', 'transport = "ws"\ntls_name', "trunk.pbx.transport", "not possible"),
            ('"tls:10.0.0.5"', '"sctp:10.0.0.5"', "network.access.listen[2]", "names no transport"),
        ],
    )  # fmt: skip
    def test_are_named(self, old: str, new: str, key: str, what: str) -> None:
        found = problems((old, new))
        assert any(re.match(rf"f.toml:\d+: {re.escape(key)}: ", line) and what in line for line in found), found

    def test_keys_without_a_certificate_are_named_each(self) -> None:
        found = problems(('certificate = "our.pem"\n', ""))
        named = [line.split(": ")[1] for line in found if "no meaning without a certificate" in line]
        assert named == [f"network.access.{key}" for key in ("key", "ca", "client_certificate", "verify")]


class TestFiles:
    def write(self, directory: Path, *changes: tuple[str, str]) -> Path:
        text = TEXT.replace("/etc/our.key", "our.key")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        for source, target in ((paper(), "our"), (paper(serial=2), "other")):
            shutil.copy(source.certificate, directory / f"{target}.pem")
            shutil.copy(source.key, directory / f"{target}.key")
        shutil.copy(paper(ended=True).certificate, directory / "ended.pem")
        shutil.copy(paper(ended=True).key, directory / "ended.key")
        shutil.copy(authority().certificate, directory / "ca.pem")
        file = directory / "splitter.toml"
        file.write_text(text)
        return file

    def test_that_fit_are_no_problem(self, tmp_path: Path) -> None:
        assert load(self.write(tmp_path), expiry=True).networks["access"].tls is not None

    @pytest.mark.parametrize(
        ("old", "new", "line", "what"),
        [
            ('"our.pem"', '"none.pem"', 3, "none.pem cannot be read: no such file or directory; correct the path"),
            ('"our.key"', '"other.key"', 4, "other.key is not the key of"),
            ('"ca.pem"', '"our.key"', 5, "our.key holds no certificate"),
        ],
    )
    def test_others_are_named_with_their_line(self, tmp_path: Path, old: str, new: str, line: int, what: str) -> None:
        file = self.write(tmp_path, (old, new))
        with pytest.raises(ConfigError) as caught:
            load(file)
        (problem,) = caught.value.problems
        assert problem.startswith(f"{file}:{line}: network.access.")
        assert what in problem

    def test_one_that_has_expired_keeps_nobody_from_starting_but_is_named_where_it_is_asked_for(
        self, tmp_path: Path
    ) -> None:
        file = self.write(tmp_path, ('"our.pem"', '"ended.pem"'), ('"our.key"', '"ended.key"'))
        load(file)
        with pytest.raises(ConfigError) as caught:
            load(file, expiry=True)
        assert caught.value.problems == [
            f"{file}:3: network.access.certificate: expired on 2021-01-01 00:00 UTC; renew it, then: splitter reload"
        ]


class TestSpared:
    def test_are_the_peers_of_trunks_that_are_not_bannable(self) -> None:
        assert spared(settings()) == [ip_network("192.0.2.0/24"), ip_network("198.51.100.7/32")]
