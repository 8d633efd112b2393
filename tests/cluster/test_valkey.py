"""A connection to Valkey: what it does, and in which words it says what is wrong. With a real server."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from splitter.cluster.settings import ClusterSettings
from splitter.cluster.valkey import Script, Valkey, ValkeyError, ValkeyFault
from splitter.lab.places import free_ports
from tests.cluster.server import Server, ServerEnded, certificates, short_folder
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.interop

COUNT = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")


def fault(settings: ClusterSettings, *words: str, limit_s: float = PATIENCE_S) -> tuple[ValkeyFault, str]:
    with pytest.raises(ValkeyError) as found:
        Valkey(settings, limit_s).command(*words or ("SET", "x", "1"))
    return found.value.fault, str(found.value)


@contextmanager
def over_tls(folder: Path, files: Path) -> Iterator[tuple[Server, int]]:
    """A server on a port that nobody else took meanwhile."""
    for _ in range(10):
        [port] = free_ports("127.0.0.1", 1)
        tls = ["--port", "0", "--tls-port", str(port), "--tls-cert-file", str(files / "server.pem")]
        with (
            suppress(ServerEnded),
            Server(folder, *tls, "--tls-key-file", str(files / "server.key"), "--tls-auth-clients", "no") as server,
        ):
            yield server, port
            return


class TestRequests:
    def test_are_commands_and_scripts(self, server: Server) -> None:
        valkey = Valkey(server.settings())
        assert valkey.command("SET", "k", b"\x00\xff") == b"OK"
        assert valkey.command("GET", "k") == b"\x00\xff"
        assert [valkey.run(COUNT, ["n"], [2]) for _ in range(3)] == [2, 4, 6]
        server.command("SCRIPT", "FLUSH")
        assert valkey.run(COUNT, ["n"], [2]) == 8
        valkey.close()

    def test_find_a_restarted_server_again(self, server: Server) -> None:
        valkey = Valkey(server.settings())
        valkey.run(COUNT, ["n"], [2])
        server.kill()
        with pytest.raises(ValkeyError) as found:
            valkey.run(COUNT, ["n"], [2])
        assert found.value.fault is ValkeyFault.DOWN
        server.start()
        assert valkey.run(COUNT, ["n"], [2]) == 2
        valkey.close()

    def test_speak_tls_and_check_who_answers(self, tmp_path: Path) -> None:
        certificates(tmp_path)
        with short_folder() as folder, over_tls(folder, tmp_path) as (server, port):
            settings = server.settings(valkey=(f"rediss://127.0.0.1:{port}",), ca=str(tmp_path / "server.pem"))
            assert Valkey(settings).command("PING") == b"PONG"
            kind, text = fault(replace(settings, ca=""))
            assert kind is ValkeyFault.UNTRUSTED and text.startswith("the certificate that Valkey shows")


class TestFaults:
    def test_nobody_there(self, tmp_path: Path) -> None:
        with socket.socket() as nobody:  # it listens not, and nobody else does meanwhile
            nobody.bind(("127.0.0.1", 0))
            url = f"redis://127.0.0.1:{nobody.getsockname()[1]}"
            kind, text = fault(ClusterSettings(node="a", valkey=(url,)))
        assert kind is ValkeyFault.DOWN and text.startswith("Valkey cannot be reached: redis://127.0.0.1:")
        assert fault(ClusterSettings(node="a", valkey=(f"unix://{tmp_path}/none",)))[0] is ValkeyFault.DOWN

    def test_a_wrong_password_until_the_file_holds_another(self, tmp_path: Path) -> None:
        secret = tmp_path / "password"
        secret.write_text("wrong\n")
        with short_folder() as folder, Server(folder, "--requirepass", "right") as server:
            settings = server.settings(password_file=str(secret))
            kind, text = fault(settings)
            assert kind is ValkeyFault.PASSWORD and "wrong" not in text
            assert fault(server.settings())[0] is ValkeyFault.PASSWORD
            assert fault(server.settings(password_file=str(tmp_path / "none")))[0] is ValkeyFault.PASSWORD
            secret.write_text("right\n")
            assert Valkey(settings).command("PING") == b"PONG"

    def test_one_who_may_not_write(self, tmp_path: Path) -> None:
        (tmp_path / "password").write_text("pw")
        with short_folder() as folder, Server(folder) as server:
            server.command("ACL", "SETUSER", "us", "on", ">pw", "~other:*", "+@all")
            assert (
                fault(server.settings(user="us", password_file=str(tmp_path / "password")))[0] is ValkeyFault.PASSWORD
            )

    def test_no_memory(self, server: Server) -> None:
        server.command("CONFIG", "SET", "maxmemory", "1")
        assert fault(server.settings())[0] is ValkeyFault.FULL

    def test_silence(self, server: Server) -> None:
        server.pause()
        began = time.monotonic()
        assert fault(server.settings(), limit_s=0.2)[0] is ValkeyFault.SLOW
        assert time.monotonic() - began < PATIENCE_S
        server.go_on()

    def test_a_replica_and_the_next_address_is_asked(self, server: Server) -> None:
        with short_folder() as folder, Server(folder, "--replicaof", "127.0.0.1", "1") as replica:
            assert fault(replica.settings())[0] is ValkeyFault.READ_ONLY
            both = replica.settings(valkey=(replica.url, server.url))
            assert Valkey(both).command("SET", "x", "1") == b"OK"
            assert server.command("GET", "x") == b"1"

    def test_a_primary_that_becomes_a_replica(self, server: Server) -> None:
        valkey = Valkey(server.settings())
        valkey.command("SET", "x", "1")
        server.command("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(ValkeyError) as found:
            valkey.command("SET", "x", "2")
        assert found.value.fault is ValkeyFault.READ_ONLY

    def test_what_it_does_not_know(self, server: Server) -> None:
        assert fault(server.settings(), "NONSENSE")[0] is ValkeyFault.REFUSED
