"""Wheels carry the library of the native short way, where there is a C compiler. All else stands in pyproject.toml."""

from __future__ import annotations

import runpy
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

FAST = Path("splitter", "media", "fast")
NATIVE = runpy.run_path(str(FAST / "build.py"))


class WithLibrary(build_py):
    """Builds the library beside the modules."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode and (reason := NATIVE["build"](Path(self.build_lib) / FAST / "native" / "short.so")):
            print(f"without the native short way: {reason}")


class ForOnePlatform(Distribution):
    """Belongs to the platform of its compiler."""

    def has_ext_modules(self) -> bool:
        return bool(NATIVE["compiler"]())


class ForAnyPython(bdist_wheel):
    """The library knows nothing of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        python, abi, platform = super().get_tag()
        return ("py3", "none", platform) if platform != "any" else (python, abi, platform)


setup(
    distclass=ForOnePlatform,
    cmdclass={"build_py": WithLibrary, "bdist_wheel": ForAnyPython},
)
