"""The command line as a whole: what it loads, run and check, and the real process under a service manager."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from splitter.cli import COMMANDS, main
from splitter.lab.places import free_ports
from tests.cli.kit import SPLITTER, splitter
from tests.missing import MISSING
from tests.patience import PATIENCE_S

REFERENCE = Path(__file__).parents[2] / "sipconf" / "splitter.toml"


class TestLoading:
    def test_a_client_command_loads_no_media_no_web_server_and_no_gateway(self) -> None:
        code = (
            "import sys\nfrom splitter.cli import main\n"
            f"try: main(['--socket', {str(MISSING)!r}, 'trace', 'x'])\nexcept SystemExit: pass\n"
            "print(sorted({name.split('.')[0] for name in sys.modules} | {n for n in sys.modules if n.startswith('splitter.')}))"
        )
        printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert "'splitter.cli.trace'" in printed
        for heavy in ("av", "numpy", "pjsua2", "aiohttp", "structlog", "prometheus_client", "sqlite3", "splitter.app"):
            assert f"'{heavy}'" not in printed, heavy

    def test_help_names_every_command_and_loads_none(self) -> None:
        text = splitter("--help").stdout
        for name, (_, sentence) in COMMANDS.items():
            assert name in text
            assert sentence[:30] in text

    @pytest.mark.parametrize("name", [name for name in COMMANDS if name != "demo"])
    def test_each_command_is_what_its_help_says(self, name: str) -> None:
        result = splitter(name, "--help")
        assert result.exit_code == 0
        assert f" {name} " in result.stdout.splitlines()[0]

    def test_an_unknown_command_is_wrong_usage(self) -> None:
        result = splitter("cals")
        assert result.exit_code == 2
        assert 'there is no command "cals"; did you mean calls or call?' in result.stderr
        assert "`splitter --help` lists all" in splitter("xyzzy").stderr

    def test_the_version(self) -> None:
        assert re.fullmatch(r"splitter, version \d+\.\d+\.\d+\n", splitter("--version").stdout)

    def test_the_entry_point_is_this_group(self) -> None:
        text = (REFERENCE.parents[1] / "pyproject.toml").read_text()
        assert 'splitter = "splitter.cli:main"' in text
        assert callable(main)


class TestCheck:
    def test_a_good_file_is_summed_up(self) -> None:
        result = splitter("check", str(REFERENCE))
        assert result.exit_code == 0
        assert result.stdout.startswith(f"{REFERENCE}: good\n")
        assert "  trunk     pbx: centre on network core at udp 10.1.0.20:5060\n" in result.stdout
        assert "  route     110|119|12345 → pbx, then pbx2\n" in result.stdout

    def test_who_may_use_the_api_and_who_is_told_is_summed_up(self, tmp_path: Path) -> None:
        def lines(text: str) -> list[str]:
            file = tmp_path / "f.toml"
            file.write_text(CONFIG.format(5060, 5061, 30000, 30999) + text)
            result = splitter("check", str(file))
            assert result.exit_code == 0, result.stderr
            return [
                line[12:] for line in result.stdout.splitlines() if line[2:9].strip() in ("API", "guests", "webhook")
            ]

        where = '[api]\nlisten = ["127.0.0.1:8080"]\nguest_url = "https://v.example/guest/"\n'
        account = '[[account]]\nuser = "8001"\npassword = "x"\n'
        sms = '[[webhook]]\nname = "sms"\nurl = "https://s.example/"\nsecret = "0123456789abcdef"\n'
        token = f'[[token]]\nname = "crm"\nscopes = ["admin"]\nsha256 = "{"ab" * 32}"\n'
        assert lines("") == ["at the control socket alone"]
        assert lines(token) == ["at the control socket alone; 1 token without use"]
        assert lines(where) == [
            "http://127.0.0.1:8080: nobody may use it: there is no [[account]] and no [[token]]",
            "https://v.example/guest/; nothing sends the links by itself",
        ]
        assert lines(where + account + sms) == [
            "http://127.0.0.1:8080: 1 account, 0 tokens",
            "https://v.example/guest/; links are sent by webhook",
            "sms: call, invitation to https://s.example/",
        ]

    def test_a_file_that_everybody_may_write_to_is_a_problem(self, tmp_path: Path) -> None:
        file = tmp_path / "f.toml"
        file.write_text(CONFIG.format(5060, 5061, 30000, 30999))
        file.chmod(0o646)
        result = splitter("check", str(file))
        assert result.exit_code == 1
        assert (
            result.stderr
            == f"{file}: everybody may write to it, and be what it trusts; chmod o-rwx {file}\n1 problem\n"
        )

    def test_a_file_with_passwords_that_everybody_may_read_is_warned_of(self, tmp_path: Path) -> None:
        file = tmp_path / "f.toml"
        for text, mode, said in [
            ("", 0o644, False),
            ('[[account]]\nuser = "8001"\npassword = "x"\n', 0o644, True),
            ('[[account]]\nuser = "8001"\npassword = "x"\n', 0o640, False),
        ]:
            file.write_text(CONFIG.format(5060, 5061, 30000, 30999) + text)
            file.chmod(mode)
            result = splitter("check", str(file))
            assert result.exit_code == 0
            assert result.stdout.startswith(f"{file}: good\n")
            assert ("warning" in result.stderr and "it has passwords" in result.stderr) is said

    def test_secrets_of_the_example_are_warned_of(self, tmp_path: Path) -> None:
        """Those who copy the reference and change the addresses alone have a password that everybody knows."""
        file = tmp_path / "splitter.toml"
        file.write_text((Path(__file__).parents[2] / "sipconf" / "splitter.toml").read_text())
        file.chmod(0o600)
        result = splitter("check", str(file))
        assert result.exit_code == 0
        warned = [line.split(":")[1].strip() for line in result.stderr.splitlines()]
        assert warned == ["account 8001", "account 8002", "token crm", "webhook crm", "sms.smpp.main"]
        file.write_text(file.read_text().replace("change this example", "another one for this"))
        assert "8001" not in splitter("check", str(file)).stderr

    def test_a_bad_file_has_every_problem_and_exit_1(self, tmp_path: Path) -> None:
        file = tmp_path / "bad.toml"
        file.write_text('[network.a]\nlisten = ["udp:127.0.0.1"]\nmedia_adress = "x"\n')
        result = splitter("check", str(file))
        assert result.exit_code == 1
        lines = result.stderr.splitlines()
        assert f'{file}:3: network.a.media_adress: unknown key; did you mean "media_address"?' in lines
        assert lines[-1] == "4 problems"
        assert result.stdout == ""

    def test_run_refuses_a_bad_file_with_the_same_lines(self, tmp_path: Path) -> None:
        file = tmp_path / "bad.toml"
        file.write_text("x = 1\n")
        checked, ran = splitter("check", str(file)), splitter("run", "-c", str(file))
        assert ran.exit_code == 1
        assert ran.stderr.splitlines()[:-1] == checked.stderr.splitlines()[:-1]
        assert ran.stderr.splitlines()[-1] == f"not started: {file} has 5 problems"


CONFIG = """
[gateway]
control_socket = "control.sock"
max_calls = 10
[network.access]
listen = ["udp:127.0.0.1:{0}"]
[network.core]
listen = ["udp:127.0.0.1:{1}"]
[trunk.sbc]
role = "access"
network = "access"
peers = ["127.0.0.2"]
[trunk.pbx]
role = "centre"
network = "core"
address = "127.0.0.3:5060"
[[route]]
called = ".*"
to = ["pbx"]
[media]
workers = 1
first_port = {2}
last_port = {3}
socket_dir = "."
[store]
path = "calls.db"
"""


@pytest.mark.slow
class TestTheRealProcess:
    def test_tells_readiness_answers_and_stops_at_sigterm(self, tmp_path: Path) -> None:
        access, core = free_ports("127.0.0.1", 2)
        low = 19_900
        (tmp_path / "s.toml").write_text(CONFIG.format(access, core, low, low + 99))
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        told.bind(str(tmp_path / "notify"))
        told.settimeout(PATIENCE_S)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "100000"}
        arguments = [*SPLITTER, "run", "-c", str(tmp_path / "s.toml")]
        with told, subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True) as process:
            try:
                messages = [told.recv(200)]
                while not messages[-1].startswith(b"READY=1"):
                    messages.append(told.recv(200))
                result = splitter("--config", str(tmp_path / "s.toml"), "status")
                assert (result.exit_code, result.stdout.splitlines()[0].split(": ")[1]) == (0, "running"), result.output
                assert f"access udp 127.0.0.1:{access}" in result.stdout
                assert told.recv(200) == b"WATCHDOG=1"
                process.send_signal(signal.SIGTERM)
                while told.recv(200) != b"STOPPING=1":
                    pass
                assert process.stderr
                log = process.stderr.read()
                assert process.wait() == 0, log
            finally:
                process.kill()
        assert "ready" in log
        assert "Traceback" not in log
        assert not (tmp_path / "control.sock").exists()
        assert splitter("--config", str(tmp_path / "s.toml"), "status").exit_code == 3
