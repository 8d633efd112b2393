"""The Debian package on a fresh system of its release: installed, used as an operator would, upgraded, removed, purged."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "splitter-gateway"

pytestmark = [pytest.mark.interop, pytest.mark.timeout(900)]


def release() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("SPLITTER_RELEASE_ROOT") or cache / "splitter" / "release")


class System:
    """A fresh system in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *command: str, expect: int = 0) -> str:
        """Run a command in it. Returns: what it printed."""
        done = subprocess.run(
            ["chroot", str(self.root), *command],
            capture_output=True,
            text=True,
            timeout=600,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def alone(self, script: str) -> str:
        """Run a script of the shell in it, with a network and processes of its own, which end with it."""
        inner = f'ip link set lo up && mount -t proc proc {self.root}/proc && exec chroot {self.root} sh -euc "$0"'
        done = subprocess.run(
            ["unshare", "-n", "-m", "-p", "-f", "--kill-child", "sh", "-euc", inner, script],
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(["sh", str(ROOT / "systemd/debian/build-deb"), str(folder)], check=True, timeout=800)
    [found] = folder.glob(f"{PACKAGE}_*.deb")
    return found


@pytest.fixture(scope="module")
def system(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    if not (release() / ".complete").exists():
        pytest.skip("this machine is no Debian")
    root = tmp_path_factory.mktemp("system") / "root"
    subprocess.run(["cp", "-a", str(release()), str(root)], check=True)
    shutil.copy(package, root / "package.deb")
    yield System(root)
    shutil.rmtree(root)


RUNS = """
setpriv --reuid splitter --regid splitter --clear-groups splitter run >/tmp/log 2>&1 & gateway=$!
for _ in $(seq 600); do splitter status >/tmp/status 2>&1 && break; kill -0 $gateway || break; sleep 0.1; done
splitter doctor --offline
cat /tmp/status
kill -TERM $gateway
wait $gateway || { cat /tmp/log; exit 1; }
"""


def test_installs_runs_upgrades_and_goes(system: System) -> None:
    """One life, in its order: each step needs the one before."""
    said = system.run("dpkg", "-i", "/package.deb")
    assert "next: splitter init" in said
    assert system.run("splitter", "--version").startswith("splitter, version ")

    system.run("splitter", "init", "--sbc", "127.0.0.2", "--centre", "127.0.0.3:5080", "--agent", "8001")
    file = system.root / "etc/splitter/splitter.toml"
    assert file.stat().st_gid == (system.root / "etc/splitter").stat().st_gid != 0, "the service's user can read it"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert "/etc/splitter/splitter.toml: good" in system.run("splitter", "check")

    (system.root / "run/splitter").mkdir()
    system.run("chown", "splitter:", "/run/splitter")  # the unit's RuntimeDirectory does it where systemd runs
    said = system.alone(RUNS)
    assert "the gateway runs, and has them" in said and "0 faults" in said
    assert "running" in said

    assert "next: splitter init" not in system.run("dpkg", "-i", "/package.deb"), "the same again, as an upgrade"
    assert file.exists() and (system.root / "var/lib/splitter/calls.db").exists()
    system.run("dpkg", "-r", PACKAGE)
    assert file.exists() and not (system.root / "opt/splitter").exists(), sorted((system.root / "opt").rglob("*"))[:9]
    system.run("dpkg", "-P", PACKAGE)
    for left in ("etc/splitter", "var/lib/splitter", "run/splitter", "usr/bin/splitter"):
        assert not os.path.lexists(system.root / left), left


def test_brings_what_belongs_to_it(package: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "-x", str(package), str(tmp_path)], check=True)
    assert (
        "splitter init"
        in subprocess.run(
            ["zcat", str(tmp_path / "usr/share/man/man1/splitter.1.gz")], capture_output=True, text=True, check=True
        ).stdout
    )
    assert "complete" in (tmp_path / "usr/share/bash-completion/completions/splitter").read_text()
    for path in ("usr/lib/systemd/system/splitter.service", "usr/lib/sysusers.d/splitter.conf"):
        assert (tmp_path / path).is_file(), path
    named = [path for path in (tmp_path / "opt/splitter/bin").iterdir() if path.is_file() and not path.is_symlink()]
    strange = [path.name for path in named if b"/tmp/" in path.read_bytes()]
    assert not strange, "they name the folder that they were built in"
