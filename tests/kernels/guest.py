"""A virtual machine with another kernel, above the files of this one. Does I/O."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from threading import Timer

from tests.kernels.debian import Kernel

_HERE = Path(__file__).parent
_MEMORY_MB = 2048
_OPTIONS = "ro,trans=virtio,version=9p2000.L,cache=loose,msize=262144"

# What is before there are any files: the least that leads to those of this machine.
_INIT = f"""#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
for module in virtio_pci 9pnet_virtio 9p; do /bin/busybox modprobe -q $module; done
/bin/busybox mount -t 9p -o {_OPTIONS} files /root
/bin/busybox umount /proc
exec /bin/busybox switch_root /root /bin/sh """


def initramfs(kernel: Kernel, command: Sequence[str]) -> bytes:
    """What the kernel begins with; `command`: what it then runs as its first process."""
    with tempfile.TemporaryDirectory(prefix="splitter-kernels-") as name:
        folder = Path(name)
        modules = kernel.modules.relative_to(kernel.folder)
        for one in ("bin", "proc", "root", modules):
            (folder / one).mkdir(parents=True)
        shutil.copy(kernel.busybox, folder / "bin")
        shutil.copy(kernel.modules / "modules.dep", folder / modules)
        for module in kernel.needed():
            place = folder / module.relative_to(kernel.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(module, place)
        (folder / "init").write_text(_INIT + shlex.join(command) + "\n")
        (folder / "init").chmod(0o755)
        names = "\n".join(str(path.relative_to(folder)) for path in sorted(folder.rglob("*"))) + "\n"
        pack = [str(kernel.busybox), "cpio", "-o", "-H", "newc"]
        return subprocess.run(pack, cwd=folder, input=names.encode(), stdout=subprocess.PIPE, check=True).stdout


def run(kernel: Kernel, checkout: Path, arguments: Sequence[str], accelerator: str, limit_s: float) -> int:
    """Run pytest in the checkout on this kernel, and print what it prints.

    Returns: its exit code; 1 where a test was skipped, which proves nothing; 124 where the machine did not come to an end.
    """
    with tempfile.NamedTemporaryFile(prefix="splitter-initramfs-") as begin:
        guest = [str(_HERE / "guest"), str(kernel.folder), str(checkout), sys.executable, *arguments]
        begin.write(initramfs(kernel, guest))
        begin.flush()
        machine = (
            f"-accel {accelerator} -cpu max -smp 2 -m {_MEMORY_MB} -nodefaults -display none -serial stdio -no-reboot"
        )
        command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", *machine.split()]  # it ends with us
        command += ["-kernel", str(kernel.image), "-initrd", begin.name, "-append", "console=ttyS0 loglevel=3 panic=-1"]
        command += ["-virtfs", "local,path=/,mount_tag=files,security_model=none,readonly=on,multidevs=remap"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            limit = Timer(limit_s, process.kill)
            limit.start()
            try:
                return _heard(process)
            finally:
                limit.cancel()
                process.kill()


def _heard(process: subprocess.Popen[bytes]) -> int:
    """Print what a machine says until it ends; see `run`."""
    code, skipped = 124, False
    assert process.stdout is not None
    for line in process.stdout:
        text = line.decode(errors="replace").rstrip()
        print(text, flush=True)
        if ended := re.search(r"== pytest ended: (\d+)", text):
            code = int(ended[1])
        skipped = skipped or text.startswith("SKIPPED")
    return code or int(skipped)
