"""The files in systemd/: what they start must exist, and systemd itself must accept them where it is installed."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from splitter.cli import COMMANDS
from splitter.cli.door import DEFAULT_SOCKET
from splitter.config.model import CONTROL_SOCKET
from splitter.media.settings import MediaSettings
from splitter.store.settings import StoreSettings
from splitter.web.access.secret import secret_beside

FOLDER = Path(__file__).parents[2] / "systemd"
WORKER = (FOLDER / "splitter-media@.service").read_text(encoding="utf-8")
UNIT = (FOLDER / "splitter.service").read_text(encoding="utf-8")


def service(unit: str = UNIT) -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit)
    return dict(parser["Service"])


class TestTheUnit:
    def test_starts_commands_that_exist(self) -> None:
        started = [value.split() for key, value in service().items() if key.startswith("ExecStart")]
        assert len(started) == 1, "splitter run checks its configuration itself"
        for program, command, *_ in started:
            assert Path(program).name == "splitter"
            assert command in COMMANDS

    def test_uses_what_the_program_implements(self) -> None:
        assert service()["Type"] == "notify"
        assert int(service()["WatchdogSec"]) > 0

    def test_makes_the_directories_of_the_defaults(self) -> None:
        assert CONTROL_SOCKET == DEFAULT_SOCKET
        for path in (CONTROL_SOCKET, MediaSettings().socket_dir + "/x"):
            assert Path(path).parent == Path("/run") / service()["RuntimeDirectory"]
        state = Path("/var/lib") / service()["StateDirectory"]
        assert Path(StoreSettings().path).parent == state
        assert secret_beside(StoreSettings().path) == state / "api-secret"

    def test_the_user_is_made_by_sysusers_and_owns_what_tmpfiles_makes(self) -> None:
        user = service()["User"]
        assert re.search(rf"(?m)^u {user} ", (FOLDER / "splitter.sysusers.conf").read_text())
        made = re.findall(r"(?m)^d (\S+)\s+\S+ (\S+)\s+(\S+)", (FOLDER / "splitter.tmpfiles.conf").read_text())
        assert {group for _, _, group in made} == {user}
        assert {path for path, _, _ in made} == {"/run/splitter", "/var/lib/splitter", "/etc/splitter"}

    def test_of_a_worker_starts_a_command_that_exists_where_the_gateway_looks_for_it(self) -> None:
        program, command, *words = service(WORKER)["ExecStart"].split()
        assert Path(program).name == "splitter" and command in COMMANDS
        assert words == ["-c", "/etc/splitter/splitter.toml", "--index", "%i"]
        for key in ("User", "RuntimeDirectory", "RuntimeDirectoryPreserve", "LimitNOFILE"):
            assert service(WORKER)[key] == service()[key]

    @pytest.mark.parametrize(("result", "found"), [("signal", "1\n"), ("success", "2\n")])
    def test_after_one_that_was_killed_another_host_may_claim_the_address(
        self, tmp_path: Path, result: str, found: str
    ) -> None:
        shell, option, script = shlex.split(service()["ExecStopPost"].replace("$$", "$"))
        (tmp_path / "lease-a").write_text("2\n")
        environment = {"SERVICE_RESULT": result}
        for folder in (tmp_path, tmp_path / "without a cluster"):
            command = [shell, option, script.replace("/run/splitter", str(folder).replace(" ", "\\ "))]
            assert subprocess.run(command, env=environment).returncode == 0
        assert (tmp_path / "lease-a").read_text() == found
        assert [path.name for path in tmp_path.iterdir()] == ["lease-a"]

    def test_systemd_accepts_it(self, tmp_path: Path) -> None:
        if shutil.which("systemd-analyze") is None:
            return  # nothing to ask; what matters most is checked above
        copy = tmp_path / "splitter.service"
        copy.write_text(UNIT.replace("/opt/splitter/bin/splitter", "/bin/true"))
        result = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True)
        assert str(copy.name) not in result.stderr, result.stderr
