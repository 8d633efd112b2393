"""The SDK and the pages by the types that their comments give, as the editor of whoever uses the SDK sees them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from splitter.web.pages import FOLDERS, STATIC

pytestmark = pytest.mark.interop

CHECK = [
    "--noEmit",
    "--allowJs",
    "--checkJs",
    "--target",
    "es2022",
    "--module",
    "esnext",
    "--moduleResolution",
    "bundler",
]


def test_hold() -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("SPLITTER_TYPESCRIPT") or cache / "splitter" / "typescript")
    compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
    assert compiler.exists(), f"TypeScript is not in {folder}; run `make peers`"
    files = [str(path) for name in FOLDERS for path in sorted((STATIC / name).glob("*.js"))]
    libraries = ["--lib", "es2023,dom,dom.iterable"]
    done = subprocess.run(["node", compiler, *CHECK, *libraries, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
