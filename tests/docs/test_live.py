"""The commands of the documentation, given to a gateway that runs; and its first hour, played on this machine."""

from __future__ import annotations

import asyncio
import re
import shlex
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from splitter.config.load import load
from splitter.core.net import Address
from splitter.lab.gateway import GatewayProcess, free_ports
from tests.cli.kit import splitter
from tests.docs.samples import DOCS, samples
from tests.patience import PATIENCE_S

HOST = "127.0.0.1"
# What each says to somebody who has no call yet; those that ask for more, or wait, are not given.
SAYS = {
    "status": "running",
    "calls": "call",
    "call": "no call",
    "why": "no call",
    "trace": "no call",
    "trunks": "centre",
    "seats": "no seat",
    "desks": "",
    "bans": "nobody",
    "check": "good",
    "doctor": "configuration:",
    "reload": "",
    "token": "[[token]]",
    "cluster": "the only one",
    "drain": "calls",
    "restart": "",
    "--version": "splitter",
}

pytestmark = pytest.mark.slow


def commands() -> list[str]:
    """Each command of ours that the pages have in a sample, once."""
    lines = [line for one in samples("sh", "console") for line in one.text.replace("\\\n", " ").splitlines()]
    found = [re.sub(r"\s+(#|>|\|).*", "", line.removeprefix("$ ")) for line in lines]
    return sorted({line.removeprefix("splitter ") for line in found if line.startswith("splitter ")})


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder, (centre, metrics) = tmp_path_factory.mktemp("live"), free_ports(HOST, 2)
    with asyncio.Runner() as runner:
        more = f'\n[metrics]\nlisten = "{HOST}:{metrics}"\n'
        gateway = GatewayProcess(folder, Address(HOST, centre), "12345", HOST, more)
        runner.run(gateway.start())
        yield gateway
        runner.run(gateway.stop())


class TestCommands:
    def test_do_what_the_pages_say(self, gateway: GatewayProcess) -> None:
        last = ("restart", "drain")  # after which the others would not do
        lines = [line for line in commands() if line.split()[0] in SAYS and "--wait" not in line]
        for line in sorted(lines, key=lambda line: line.startswith(last)):
            words = shlex.split(line.replace("/etc/splitter/splitter.toml", str(gateway.configuration)))
            done = splitter("--config", str(gateway.configuration), *words)
            assert done.exit_code in (0, 1) and not isinstance(done.exception, Exception), (line, done.output)
            assert SAYS[words[0]] in done.output, (line, done.output)

    def test_addresses_beside_metrics_answer(self, gateway: GatewayProcess) -> None:
        address = load(gateway.configuration).telemetry.metrics
        for path in set(re.findall(r"curl http://[\d.:]+(/\w+)", (DOCS / "metrics.md").read_text(encoding="utf-8"))):
            with urllib.request.urlopen(f"http://{address}{path}", timeout=PATIENCE_S) as answer:
                assert answer.status == 200, path


class TestTheFirstHour:
    def test_what_it_writes_can_be_run(self, tmp_path: Path) -> None:
        """`splitter init` of the page, with addresses of this machine."""
        for line in [line for line in commands() if line.startswith("init")]:
            words = shlex.split(line.replace("198.51.100.1", "127.0.0.2").replace("10.1.0.20", "127.0.0.3"))
            if "--sbc" not in words:
                words += ["--sbc", "127.0.0.2", "--centre", "127.0.0.3"]  # it would ask
            file = tmp_path / f"{len(words)}.toml"
            done = splitter(words[0], str(file), *words[1:], "--folder", str(tmp_path / "data"))
            assert done.exit_code == 0, done.output
            [account] = load(file).accounts
            assert account.extension == "8001" and account.password in done.output
