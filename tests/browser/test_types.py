"""The SDK and the pages by the types that their comments give, as the editor of whoever uses the SDK sees them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from splitter.web.api import table
from splitter.web.openapi import document
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


PROGRAM = """
import type { components, operations, paths } from "./api";

type Call = components["schemas"]["CallView"];
type Found = operations["listCalls"]["responses"][200]["content"]["application/json"];
const wish: operations["bindCall"]["requestBody"] = { content: { "application/json": { extension: "8001" } } };
export const numbers = (found: Found): string[] => found.calls.map((call: Call) => call.caller);
export const since = (one: components["schemas"]["UnboundCall"]): number => one.since;
export const path: keyof paths = "/v1/calls/{ref}/desk";
export const extension: string | undefined = wish?.content["application/json"].extension;
// @ts-expect-error: there is no such field
export const wrong = (call: Call) => call.colour;
"""


@pytest.fixture(scope="module")
def modules() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("SPLITTER_TYPESCRIPT") or cache / "splitter" / "typescript")
    assert (folder / ".complete").exists(), f"TypeScript is not in {folder}; run `make peers`"
    return folder / "node_modules"


def _run(*command: str | Path) -> None:
    done = subprocess.run(["node", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_hold(modules: Path) -> None:
    files = [str(path) for name in FOLDERS for path in sorted((STATIC / name).glob("*.js"))]
    libraries = ["--lib", "es2023,dom,dom.iterable"]
    _run(modules / "typescript" / "bin" / "tsc", *CHECK, *libraries, *files)


def test_of_the_api_are_made_from_its_document(modules: Path, tmp_path: Path) -> None:
    """By openapi-typescript, as it comes; a program that uses them is checked."""
    told = document(table(MagicMock()))  # the routes alone: nobody is asked
    (tmp_path / "openapi.json").write_text(json.dumps(told))
    (tmp_path / "program.ts").write_text(PROGRAM)
    _run(modules / "openapi-typescript" / "bin" / "cli.js", tmp_path / "openapi.json", "-o", tmp_path / "api.d.ts")
    _run(modules / "typescript" / "bin" / "tsc", "--noEmit", "--strict", tmp_path / "program.ts")
