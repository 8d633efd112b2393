"""What strangers write of themselves shows itself in pages, events and webhooks, and does nothing there."""

from __future__ import annotations

import msgspec
import pytest

from splitter.calls.actor import carry_out
from splitter.calls.talk.commands import Notify
from splitter.core.text import plain
from tests.calls.kit import connected, ended
from tests.world import World


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("%1b%5d0;owned%07%0aroot", "\\x1b]0;owned\\x07\\nroot"),
        ("%e2%80%ae001", "\\u202e001"),  # the number would be read from right to left
        ("%c2%9b31m", "\\x9b31m"),  # the 8-bit control, which JSON does not escape
        ("%e2%80%a8line", "\\u2028line"),
        ("%3cscript%3e", "<script>"),  # pages set text, never HTML
    ],
)
def test_a_caller_of_any_name_is_harmless(name: str, shown: str, world: World) -> None:
    caller, centre = connected(world, sender=f"<sip:{name}@ims.example>")
    call = world.call_of(caller)
    assert call.view().caller == shown
    carry_out(call, Notify("party-joined", "\x1b]0;owned\x07 joined"))
    assert world.notices[-1].text == "\\x1b]0;owned\\x07 joined"
    for view in (*world.views.values(), *world.notices):
        assert all(letter.isprintable() for letter in msgspec.json.encode(view).decode())
    ended(world, caller, centre)


def test_ordinary_text_of_any_language_stays_as_it_is() -> None:
    for text in ("8001", "王小明", "Мария Ü. O'Brien", ""):
        assert plain(text) == text
