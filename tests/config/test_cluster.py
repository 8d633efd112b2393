"""[cluster]: what is read, what is refused, and with which words."""

from __future__ import annotations

import json
import socket

import pytest

from splitter.cluster.settings import ClusterSettings
from splitter.config.fields import declared
from splitter.config.load import parse
from splitter.core.errors import ConfigError
from tests.config.test_reference import REFERENCE


def text(table: str) -> str:
    """The reference with this table."""
    whole = REFERENCE.read_text(encoding="utf-8")
    start = whole.index("[cluster]")
    return whole[:start] + table + whole[whole.index("\n# ---- ", start) :]


def problems(table: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        parse(text(table))
    return [line.split(": ", 1)[1] for line in error.value.problems]


class TestReading:
    def test_nobody_else_is_this_gateway_without_the_table(self) -> None:
        assert parse(text("")).cluster.node == ""

    def test_a_host_without_a_name_is_called_as_its_machine(self) -> None:
        found = parse(
            text('[cluster]\nnode = "a"\nvalkey = ["valkey://10.1.0.40:6379", "unix:///run/v.sock"]\n')
        ).cluster
        assert (found.node, found.host) == ("a", socket.gethostname())
        assert found.valkey == ("redis://10.1.0.40:6379", "unix:///run/v.sock")

    def test_tls(self) -> None:
        found = parse(text('[cluster]\nnode = "a"\nvalkey = ["valkeys://valkey.example"]\nca = "ca.pem"\n')).cluster
        assert found.valkey == ("rediss://valkey.example",) and found.ca.endswith("ca.pem")

    def test_its_addresses_may_be_elsewhere_yet(self) -> None:
        one, other = parse(text("")), parse(text('[cluster]\nnode = "a"\nvalkey = ["valkey://v"]\n'))
        assert not any(part.freebind for part in (one.transport, one.media, one.api))
        assert all(part.freebind for part in (other.transport, other.media, other.api))

    def test_every_key_fills_its_field(self) -> None:
        values = {
            "node": "a", "host": "h", "valkey": ["valkeys://v"], "sentinel": "m",
            "sentinel_password_file": "/s", "user": "u", "password_file": "/p", "ca": "/ca",
            "certificate": "/c", "key": "/k", "prefix": "x", "lease_ttl_s": 2.5, "restart_grace_s": 20.0,
            "track_file": "/t", "api_url": "https://10.1.0.10",
        }  # fmt: skip
        found = parse(text("[cluster]\n" + "".join(f"{name} = {json.dumps(one)}\n" for name, one in values.items())))
        assert {name: getattr(found.cluster, name) for name in values} == values | {"valkey": ("rediss://v",)}
        assert {item.name for item in declared(ClusterSettings)} == set(values)


class TestProblems:
    @pytest.mark.parametrize(
        ("table", "said"),
        [
            ('host = "A"', "cluster.host: has no meaning without a node"),
            ('node = "a"', "cluster.valkey: is missing"),
            ('node = "a b"\nvalkey = ["valkey://v"]', 'cluster.node: "a b" is not a name'),
            ('node = "a"\nvalkey = ["http://v"]', "cluster.valkey[1]: is not the address of a Valkey"),
            ('node = "a"\nvalkey = ["valkey://"]', "cluster.valkey[1]: is not the address of a Valkey"),
            ('node = "a"\nvalkey = ["valkey://v:port"]', 'cluster.valkey[1]: "valkey://v:port" has a port'),
            ('node = "a"\nvalkey = ["valkey://v/db"]', 'cluster.valkey[1]: "valkey://v/db" has a port or a database'),
            ('node = "a"\nvalkey = ["valkey://u:secret@v"]', "cluster.valkey[1]: has a user or a password in it"),
            (
                'node = "a"\nvalkey = ["valkey://v"]\napi_url = "http://10.1.0.10:8080"',
                "cluster.api_url: others can hear what goes there",
            ),
            ('node = "a"\nvalkey = ["valkey://v"]\napi_url = "10.1.0.10"', 'cluster.api_url: "10.1.0.10" is not where'),
            ('node = "a"\nvalkey = ["unix:///v"]\nsentinel = "m"', "cluster.valkey: names a socket, where no Sentinel"),
            (
                'node = "a"\nvalkey = ["valkey://v"]\nsentinel_password_file = "/x"',
                "cluster.sentinel_password_file: has no meaning without a Sentinel",
            ),
            ('node = "a"\nvalkey = ["valkey://v"]\nca = "x"', "cluster.ca: has no meaning without TLS"),
            ('node = "a"\nvalkey = ["valkeys://v"]\nkey = "x"', "cluster.certificate: stands without its key"),
            ('node = "a"\nvalkey = ["valkey://v"]\nlease_ttl_s = 0.1', "cluster.lease_ttl_s: 0.1 is out of range"),
            ('node = "a"\nvalkey = ["valkey://v"]\nprefix = "a b"', 'cluster.prefix: "a b" is not a prefix'),
        ],
    )
    def test_is_told_with_its_key(self, table: str, said: str) -> None:
        [problem] = problems(f"[cluster]\n{table}\n")
        assert problem.startswith(said) and "secret" not in problem

    def test_a_machine_whose_name_will_not_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket, "gethostname", lambda: "my host")
        [problem] = problems('[cluster]\nnode = "a"\nvalkey = ["valkey://v"]\n')
        assert problem.startswith("cluster.host: is missing, and that of the machine will not do")
