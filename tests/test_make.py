"""`make test` and `make lint`: what fails hides nothing that comes after it. With tools that only tell that they ran."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("ruff", "mypy", "lint-imports", "python")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose environment is complete; each tool writes its command line to `ran`."""
    for name in ("requirements", "tests/interop", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("run", "lab", "dev", "docs"):
        (tmp_path / "requirements" / f"{name}.txt").touch()
    (tmp_path / "pyproject.toml").touch()
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "tests/interop/install-peers").write_text(f'echo "install-peers $@" >> {tmp_path}/ran\n')
    for name in TOOLS:
        tool = tmp_path / ".venv/bin" / name
        tool.write_text(f'#!/bin/sh\necho "{name} $@" >> {tmp_path}/ran\ncase "{name} $*" in $FAILS) exit 1;; esac\n')
        tool.chmod(0o755)
    for stamp in (".run", ".lab", ".dev", ".docs", ".native"):
        (tmp_path / ".venv" / stamp).touch()
    return tmp_path


def make(checkout: Path, target: str, fails: str = "nothing") -> tuple[int, str, list[str]]:
    """Exit status, output, and the tools that ran. `fails`: a pattern of the shell for command lines."""
    environment = {"PATH": "/usr/bin:/bin", "FAILS": fails}
    done = subprocess.run(
        ["make", "-C", str(checkout), f"PYTHON={sys.executable}", target],
        capture_output=True,
        text=True,
        env=environment,
    )
    return done.returncode, done.stdout + done.stderr, (checkout / "ran").read_text().splitlines()


class TestParts:
    def test_all_run_in_order(self, checkout: Path) -> None:
        status, told, ran = make(checkout, "test")
        assert (status, [line.split()[0] for line in ran]) == (
            0,
            ["ruff", "ruff", "mypy", "lint-imports", "python", "install-peers", "python"],
        ), told
        assert "all parts hold" in told

    @pytest.mark.parametrize(
        ("fails", "named"),
        [
            ("mypy*", "lint"),
            ("python -m tests.twice --ignore*", "unit"),
            ("python -m tests.twice -m*", "real"),
            ("*", "lint unit real"),
        ],
    )
    def test_one_that_fails_is_named_and_hides_no_other(self, checkout: Path, fails: str, named: str) -> None:
        everything = make(checkout, "test")[2]
        (checkout / "ran").unlink()
        status, told, ran = make(checkout, "test", fails)
        assert (status, ran) == (2, everything)
        assert f"== FAILED: {named}\n" in told

    def test_one_kind_of_lint_hides_no_other(self, checkout: Path) -> None:
        status, told, ran = make(checkout, "lint", "ruff check*")
        assert (status, len(ran)) == (2, 4)
        assert "FAILED: ruff check ." in told


class TestChoiceOfPython:
    """Pythons that are scripts: each knows its version, and whether it was built with a profile of itself."""

    def chosen(self, tmp_path: Path, *pythons: tuple[str, str, bool, bool]) -> str:
        """The one that is chosen of those in folders of a path: folder, name, whether it is recent, and profiled."""
        for folder, name, recent, profiled in pythons:
            fake = tmp_path / folder / name
            fake.parent.mkdir(exist_ok=True)
            ask = f"case $2 in *base_prefix*) exit {1 - profiled};; *version_info*) exit {1 - recent};; *) echo {folder}/{name};; esac"
            fake.write_text(f"#!/bin/sh\n{ask}\n")
            fake.chmod(0o755)
        path = ":".join(str(tmp_path / folder) for folder in dict.fromkeys(folder for folder, *_ in pythons))
        script = str(ROOT / "requirements/choose-python")
        return subprocess.run(["/bin/sh", script], capture_output=True, text=True, env={"PATH": path}).stdout.strip()

    def test_one_with_a_profile_comes_first_wherever_it_is(self, tmp_path: Path) -> None:
        found = self.chosen(tmp_path, ("a", "python3.11", True, False), ("b", "python3.11", True, True))
        assert found == "b/python3.11"

    def test_the_version_that_has_both_stacks_of_the_lab_matters_more(self, tmp_path: Path) -> None:
        found = self.chosen(tmp_path, ("a", "python3.13", True, True), ("b", "python3.12", True, False))
        assert found == "b/python3.12"

    def test_without_a_recent_one_there_is_none(self, tmp_path: Path) -> None:
        assert self.chosen(tmp_path, ("a", "python3", False, True)) == ""
