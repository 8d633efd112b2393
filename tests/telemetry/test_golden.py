from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.core.errors import LocalError
from splitter.telemetry.golden import FIRST_LINE, dump_event, load
from splitter.telemetry.trace import TraceEvent

EVENT = TraceEvent(
    "golden", 1.5, "caller", "message", "in", "access/udp 10.0.0.1:5060", "INVITE", b"A\r\n\r\ns= \r\n", 1
)


def dump(events: list[TraceEvent]) -> str:
    """A file, as `splitter trace --raw` writes it."""
    return "".join([f"{FIRST_LINE}\n", *(dump_event(event) for event in events)])


class TestWhatIsDumpedIsLoaded:
    @given(st.lists(st.binary(max_size=200)))
    def test_with_any_bytes(self, bodies: list[bytes]) -> None:
        events = [replace(EVENT, data=body, seq=number) for number, body in enumerate(bodies, 1)]
        assert load(dump(events)) == events

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_with_any_words(self, text: str) -> None:
        (loaded,) = load(dump([replace(EVENT, text=text)]))
        assert loaded.text == text.strip(" ")

    @pytest.mark.parametrize(
        "data", [b"\r\n", b"\r\n\r\n", b"a\r\n", b"a\rb\nc", b" ", b"@ x", b"# x", b"\\x41", b"\xff\x00"]
    )
    def test_with_awkward_bytes(self, data: bytes) -> None:
        assert load(dump([replace(EVENT, data=data)]))[0].data == data

    def test_after_an_editor_stripped_the_ends_of_lines(self) -> None:
        stripped = "\n".join(line.rstrip() for line in dump([EVENT]).splitlines()) + "\n"
        assert load(stripped)[0].data == EVENT.data


class TestReadable:
    def test_the_format_is_the_documented_one(self) -> None:
        state = TraceEvent("x", 2.0, "", "state", "", "", "routing | to pbx", b"", 2)
        assert dump([EVENT, state]) == (
            "# splitter trace 1\n"
            "@ 1.500000 | caller | message | in | access/udp 10.0.0.1:5060 | INVITE\n"
            "  A\n\n  s=\\x20\n\n"
            "@ 2.000000 |  | state |  |  | routing | to pbx\n"
        )

    def test_comments_are_skipped(self) -> None:
        assert len(load("# splitter trace 1\n# seen in the field\n" + dump([EVENT]))) == 1

    @pytest.mark.parametrize(
        ("text", "line"),
        [("hello\n", 1), ("# x\n@ 1 | 2\n", 2), ("@ x | a | b | c | d | e\n", 1), ("@ 1|a|b|c|d|e\nx\n", 2)],
    )
    def test_a_fault_names_its_line(self, text: str, line: int) -> None:
        with pytest.raises(LocalError, match=f"line {line}:"):
            load(text)
