"""Packages of the gateway for tests, each built once and kept beside the peers. Does I/O."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = "splitter-gateway"
_BUILD_LIMIT_S = 1500
_KEPT_S = 14 * 86400.0

# What a package is made of; see systemd/debian/build-deb.
_INPUTS = (
    *("pyproject.toml", "setup.py", "README.md", "LICENSE", "CHANGELOG.md"),
    *("splitter", "requirements", "docs", "sipconf", "systemd"),
)


def cache() -> Path:
    """Where peers, systems and packages are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "splitter"


def fresh(release: str = "") -> Path:
    """A fresh system of this release, or of this machine's own; it may not be there."""
    if release:
        return cache() / "releases" / release
    return Path(os.environ.get("SPLITTER_RELEASE_ROOT") or cache() / "release")


def built(release: str = "") -> Path:
    """The package of this tree, for this release or this machine's own; built where nobody has built it of the same files.

    Raises:
        subprocess.CalledProcessError: it cannot be built.
    """
    script = "build-deb-for" if release else "build-deb"
    command = ["sh", str(ROOT / "systemd/debian" / script), *([release] if release else [])]

    def build(folder: Path) -> None:
        subprocess.run([*command, str(folder)], check=True, timeout=_BUILD_LIMIT_S)

    return _kept(f"{release or 'own'}-{_fingerprint(ROOT)}", build)


def former(commit: str) -> Path | None:
    """The package of an older commit, for this machine's release; None where this checkout does not have the commit."""
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit], capture_output=True)
    if archive.returncode:
        return None

    def build(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as tree:
            subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)
            script = Path(tree) / "systemd/debian/build-deb"
            quick = script.read_text().replace("-Zxz -z1", "-Zzstd -z1")  # half a minute less, and the same in it
            script.write_text(quick)
            subprocess.run(["sh", str(script), str(folder)], check=True, timeout=_BUILD_LIMIT_S)

    return _kept(f"own-{hashlib.sha256(archive.stdout).hexdigest()[:16]}", build)


def _kept(name: str, build: Callable[[Path], None]) -> Path:
    """The package of this name: of several processes that want it the first one builds it, and the others wait."""
    base = cache() / "packages"
    base.mkdir(parents=True, exist_ok=True)
    with _locked(base / f"{name}.lock"):
        folder = base / name
        if not folder.exists():
            _forget(base)
            with tempfile.TemporaryDirectory(dir=base) as making:
                build(Path(making) / "made")
                (Path(making) / "made").rename(folder)
        os.utime(folder)
    [found] = folder.glob(f"{PACKAGE}_*.deb")
    return found


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _forget(base: Path) -> None:
    """Remove what nobody has wanted for two weeks."""
    for one in base.iterdir():
        if one.is_dir() and one.stat().st_mtime < time.time() - _KEPT_S:
            shutil.rmtree(one, ignore_errors=True)


def _fingerprint(tree: Path) -> str:
    """What the files are that a package is made of, and this machine's system and Python."""
    found = hashlib.sha256(f"{platform.machine()} {platform.freedesktop_os_release()['PRETTY_NAME']}".encode())
    found.update(subprocess.run(["/usr/bin/python3", "-VV"], capture_output=True, check=True).stdout)
    for path in sorted(path for name in _INPUTS for path in _files(tree / name)):
        found.update(f"{path.relative_to(tree)} {path.stat().st_mode:o} {path.stat().st_size}\n".encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _files(path: Path) -> Iterator[Path]:
    """The file, or those in the folder but what programs have made of them."""
    if not path.is_dir():
        yield path
        return
    for one in path.rglob("*"):
        if one.is_file() and "__pycache__" not in one.parts and one.suffix != ".so":
            yield one


def main() -> None:
    """Build the package of this tree for the release that is named, and print where it is."""
    import sys

    print(built(*sys.argv[1:2]))


if __name__ == "__main__":
    main()
