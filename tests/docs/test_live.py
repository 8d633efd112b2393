"""The commands of the documentation, given to a gateway that runs; and its first hour, played on this machine."""

from __future__ import annotations

import asyncio
import re
import shlex
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from splitter.config.load import load
from splitter.core.net import Address
from splitter.lab.gateway import GatewayProcess
from splitter.lab.places import free_ports
from tests.cli.kit import splitter
from tests.docs.commands import LEAVES, SAYS, leaves, lines, ours
from tests.docs.samples import DOCS, ROOT
from tests.patience import PATIENCE_S

HOST = "127.0.0.1"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder, (centre, metrics) = tmp_path_factory.mktemp("live"), free_ports(HOST, 2)
    with asyncio.Runner() as runner:
        more = f'\n[metrics]\nlisten = "{HOST}:{metrics}"\n[recording]\nfolder = "{folder}/recordings"\n'
        gateway = GatewayProcess(folder, Address(HOST, centre), "12345", HOST, more)
        runner.run(gateway.start())
        yield gateway
        runner.run(gateway.stop())


class TestCommands:
    def test_do_what_the_pages_say(self, gateway: GatewayProcess) -> None:
        last = ("restart", "drain")  # after which the others would not do
        assert len(ours()) > 20 and set(SAYS) <= {line.split()[0] for line in ours()}
        for line in sorted(ours(), key=lambda line: line.startswith(last)):
            words = shlex.split(line.replace("/etc/splitter/splitter.toml", str(gateway.configuration)))
            done = splitter("--config", str(gateway.configuration), *words, typed="correct horse battery\n" * 2)
            assert done.exit_code in (0, 1) and not isinstance(done.exception, Exception), (line, done.output)
            assert SAYS.get(words[0], "") in done.output, (line, done.output)

    def test_addresses_beside_metrics_answer(self, gateway: GatewayProcess) -> None:
        address = load(gateway.configuration).telemetry.metrics
        for path in set(re.findall(r"curl http://[\d.:]+(/\w+)", (DOCS / "metrics.md").read_text(encoding="utf-8"))):
            with urllib.request.urlopen(f"http://{address}{path}", timeout=PATIENCE_S) as answer:
                assert answer.status == 200, path


class TestTheFirstHour:
    def test_what_it_writes_can_be_run(self, tmp_path: Path) -> None:
        """`splitter init` of the page, with addresses of this machine."""
        for line in [line.removeprefix("splitter ") for line in lines() if line.startswith("splitter init")]:
            words = shlex.split(line.replace("198.51.100.1", "127.0.0.2").replace("10.1.0.20", "127.0.0.3"))
            if "--sbc" not in words:
                words += ["--sbc", "127.0.0.2", "--centre", "127.0.0.3"]  # it would ask
            file = tmp_path / f"{len(words)}.toml"
            done = splitter(words[0], str(file), *words[1:], "--folder", str(tmp_path / "data"))
            assert done.exit_code == 0, done.output
            [account] = load(file).accounts
            assert account.extension == "8001" and account.password in done.output


class TestTheMachine:
    def test_has_what_was_put_there(self, tmp_path: Path) -> None:
        """Lines for a machine, in a folder that stands for its root."""
        for folder in ("etc/systemd/system", "etc/sysusers.d", "etc/tmpfiles.d", "etc/splitter", "root"):
            (tmp_path / folder).mkdir(parents=True)
        for folder in ("etc/freeswitch/dialplan/public", "etc/freeswitch/sip_profiles/external"):
            (tmp_path / folder).mkdir(parents=True)
        for name in ("desk.pem", "desk.key"):
            (tmp_path / "etc/splitter" / name).write_text("PEM")
        said = [line for line in lines() if leaves(line)]
        assert len(said) == len(LEAVES)
        for line in said:
            here = re.sub(r"(?<= )/(?=etc|root)", f"{tmp_path}/", line)
            done = subprocess.run(here, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
            assert done.returncode == 0, (here, done.stderr)
            assert (tmp_path / leaves(line)).exists(), here
