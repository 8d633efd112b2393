"""Tests run on kernels of other releases, in a virtual machine: `make kernels RELEASE=bookworm`.

The machine has Debian's kernel of that release, and the files of this one, which it only reads: no system is installed, and
qemu needs no privilege. It is emulated, and so some ten times slower than this machine, unless ACCEL=kvm.

Layout
    debian.py    the kernel, and busybox to begin it, from Debian's packages; kept beside the peers
    guest.py     the machine: what it begins with (initramfs), qemu, what it says
    guest        the shell script that is all its userspace: mounts, modules, pytest, the end
"""
