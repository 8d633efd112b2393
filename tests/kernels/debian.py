"""Kernels of Debian's releases, unpacked and not installed. Does I/O."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.interop.packages import cache

_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_META = "linux-image-amd64"
_BEGINNING = ("virtio_pci", "9pnet_virtio", "9p")  # modules that are needed to read the files of this machine


@dataclass(frozen=True)
class Kernel:
    """A kernel with its modules and busybox, in a folder that can be a root."""

    folder: Path

    @property
    def image(self) -> Path:
        return next((self.folder / "boot").glob("vmlinuz-*"))

    @property
    def busybox(self) -> Path:
        return self.folder / "bin/busybox"

    @property
    def modules(self) -> Path:
        """The folder of its own version."""
        return next((self.folder / "lib/modules").iterdir())

    def needed(self) -> set[Path]:
        """Files of the modules that it begins with, and of those that these need."""
        needs = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            name, _, others = line.partition(":")
            needs[name] = others.split()
        return {
            self.modules / name
            for one, others in needs.items()
            if Path(one).name.partition(".")[0] in _BEGINNING
            for name in (one, *others)  # of all that a module needs, none is left out (depmod(8))
        }


def kernel_of(release: str) -> Kernel:
    """The kernel of a release of Debian, downloaded the first time.

    Raises:
        LookupError: no mirror is known. subprocess.CalledProcessError: it cannot be had.
    """
    folder = cache() / "kernels" / release
    made = Kernel(folder)
    if not (folder / ".complete").exists():
        subprocess.run(["rm", "-rf", folder], check=True)
        apt = _Apt(release, folder / "apt")
        (image,) = (line.split()[1] for line in apt.run("cache", "depends", _META).splitlines() if "Depends:" in line)
        apt.run("get", "download", image, "busybox-static")
        for package in apt.folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        _make_root(made)
        subprocess.run(["rm", "-rf", apt.folder], check=True)
        (folder / ".complete").touch()
    return made


def _make_root(kernel: Kernel) -> None:
    """Have everything where it was before /usr was merged, and a list of what the modules need."""
    for name in ("bin/busybox", "lib/modules"):
        old, new = kernel.folder / "usr" / name, kernel.folder / name
        if old.exists():
            new.parent.mkdir(exist_ok=True)
            old.rename(new)
    (kernel.folder / "proc").mkdir()
    subprocess.run([kernel.busybox, "depmod", "-b", kernel.folder, kernel.modules.name], check=True)


class _Apt:
    """apt for another release than this machine's: its lists are its own, its proxy and mirror are this machine's."""

    def __init__(self, release: str, folder: Path) -> None:
        self.folder = folder
        for name in ("state/lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        keys = f" signed-by={_KEYS}" if Path(_KEYS).exists() else ""
        (folder / "sources").write_text(f"deb [arch=amd64{keys}] {_mirror()} {release} main\n")
        self.run("get", "update")

    def run(self, tool: str, *arguments: str) -> str:
        """Run apt-get or apt-cache in the folder. Returns: what it printed."""
        places = {
            "Dir::Etc::SourceList": self.folder / "sources",
            "Dir::Etc::SourceParts": "-",
            "Dir::State": self.folder / "state",
            "Dir::State::status": "/dev/null",
            "Dir::Cache": self.folder / "cache",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "",  # it may not write where we may
        }
        options = [word for name, value in places.items() for word in ("-o", f"{name}={value}")]
        command = [f"apt-{tool}", "-q", *options, *arguments]
        return subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def _mirror() -> str:
    """The mirror that this machine gets Debian from, or that MIRROR names. Raises LookupError."""
    if named := os.environ.get("MIRROR"):
        return named
    form = "$(SITE) $(ORIGIN) $(LABEL) $(COMPONENT)"
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"], stdout=subprocess.PIPE, text=True
    )
    for line in told.stdout.splitlines():
        site, *kind = line.split()
        if kind == ["Debian", "Debian", "main"]:
            return site.rstrip("/")
    raise LookupError("apt knows no mirror of Debian here: say MIRROR=URL")
