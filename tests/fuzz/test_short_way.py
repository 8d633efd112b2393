"""The native short way under the address and the undefined behaviour sanitizer: whatever comes, it reads and writes its own.

`short_way.c` plays inputs that were dented by chance; the packets of the other fuzzers are among them.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from splitter.media.fast.build import FOLDER, compiler
from tests.fuzz.seeds import seeds

ROUNDS = int(os.environ.get("SHORT_WAY_ROUNDS", "1500"))
FLAGS = ("-std=c11", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wall", "-Wextra")


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The player, built with sanitizers; skipped where the compiler has none."""
    command, folder = compiler(), tmp_path_factory.mktemp("short_way")
    if not command:
        pytest.skip("there is no C compiler")
    (folder / "empty.c").write_text("int main(void) { return 0; }\n")
    tried = subprocess.run([*command, *FLAGS, "-o", folder / "empty", folder / "empty.c"], capture_output=True)
    if tried.returncode or subprocess.run([folder / "empty"], capture_output=True).returncode:
        pytest.skip(f"{command[0]} has no sanitizers: {tried.stderr.decode()[:200]}")
    sources = [Path(__file__).with_name("short_way.c"), *sorted(FOLDER.glob("*.c"))]
    subprocess.run([*command, *FLAGS, "-Werror", "-o", folder / "short_way", *sources], check=True)
    return folder / "short_way"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_read_or_written_that_is_not_its_own(player: Path, tmp_path: Path, seed: int) -> None:
    inputs = []
    for kind in ("rtp", "rtcp"):
        for number, data in enumerate(seeds(kind)):
            inputs.append(tmp_path / f"{kind}-{number}")
            inputs[-1].write_bytes(data or b"\0")
    done = subprocess.run([player, str(ROUNDS), str(seed), *inputs], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    _, taken, handed, played = (int(word.split()[0]) for word in done.stdout.split(", "))
    assert taken > ROUNDS // 10 and handed > ROUNDS and played > ROUNDS // 10  # all ways are gone
