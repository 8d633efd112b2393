"""What is exported is whole, or said not to be."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import click
import pytest

from splitter.calls.asks import ForkCall
from splitter.calls.states import ForkWish
from splitter.cli.door import Door
from tests.cli.kit import Command
from tests.web.kit import CALL, Gateway


@pytest.mark.parametrize("missing", [0, 5])
def test_a_file_that_was_cut_off_is_not_taken_for_whole(
    tmp_path: Path, missing: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path, file = tmp_path / "splitter.sock", tmp_path / "call-1.1.mkv"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(1)
        thread = threading.Thread(target=_serve, args=(listening, missing))
        thread.start()
        if missing:
            with pytest.raises(click.exceptions.Exit):
                Door(str(path)).save(file, "recordings", "call-1", "files", "1")
            assert "5 bytes did not come" in capsys.readouterr().err
        else:
            Door(str(path)).save(file, "recordings", "call-1", "files", "1")
        thread.join()
    assert file.read_bytes() == b"a file" and file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("on", "who listens has the call"),
        ("off", "does not have the call"),
        ("by-rule", "where the rules of [fork] say"),
    ],
)
async def test_a_call_is_forked_or_not(parts: Gateway, command: Command, wish: str, words: str) -> None:
    parts.calls.add(CALL)
    assert words in (await command("fork", "4711", wish)).stdout
    assert [ask for _, ask in parts.calls.asked] == [ForkCall(ForkWish(wish), "the operator")]


def _serve(listening: socket.socket, missing: int) -> None:
    """Give one file, and go away before its end."""
    peer, _ = listening.accept()
    with peer:
        peer.recv(65_536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\na file" % (6 + missing))
