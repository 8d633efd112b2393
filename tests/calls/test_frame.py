"""What a record says about itself, and records of other versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitter.calls.persistence.frame import VERSION, Frame, RecordKind, framed, unframed
from splitter.calls.talk import record as talks
from splitter.calls.talk import unfinished

STORED = Path(__file__).parent / "stored"
"""Records as versions before this one wrote them; none is ever made anew."""


class TestFrame:
    @pytest.mark.parametrize("kind", RecordKind)
    def test_goes_there_and_back(self, kind: RecordKind) -> None:
        assert unframed(framed(kind, b"body")) == Frame(kind, b"body")

    def test_an_outline_stands_beside_the_body(self) -> None:
        assert unframed(framed(RecordKind.CALL, b"body", b"outline")) == Frame(RecordKind.CALL, b"body", b"outline")

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"SPL",
            b"SPL\x02",
            b"XYZ\x02Cbody",
            b"SPL\x02?body",
            b"\xff" * 40,
            b"SPL\x02C",
            b"SPL\x02C\0\0\0\x09out",
        ],
    )
    def test_foreign_bytes_are_refused(self, data: bytes) -> None:
        with pytest.raises(ValueError, match=r"no record|not a valid"):
            unframed(data)


class TestVersions:
    def test_there_is_a_stored_example_of_each(self) -> None:
        """Who changes VERSION keeps what the one before wrote: `call-N`, `unanswered-N` and `doubt-N`."""
        for version in range(1, VERSION + 1):
            assert (STORED / f"call-{version}").exists(), version

    @pytest.mark.parametrize("version", range(1, VERSION + 1))
    def test_of_before_are_read_whole(self, version: int) -> None:
        frame = unframed((STORED / f"call-{version}").read_bytes())
        assert frame.readable
        talk = talks.read(frame.body)
        assert sorted(talk.legs) == ["caller", "centre", "seat-1"]
        assert talk.identity.number == "13900000000" and talk.parties.all()
        assert talks.read_doubt((STORED / f"doubt-{version}").read_bytes()).sent.keys() == {"caller", "centre"}

    @pytest.mark.parametrize("version", range(1, VERSION + 1))
    def test_the_outline_of_any_is_read(self, version: int) -> None:
        outline = talks.read_outline(unframed((STORED / f"call-{version}").read_bytes()).outline)
        assert [(one.leg, one.network, one.host, one.cseq) for one in outline.dialogs] == [
            ("caller", "access", "10.1.0.5", 0),
            ("centre", "core", "10.2.0.5", 1),
            ("seat-1", "desks", "10.3.0.5", 0),
        ]
        assert outline.dialogs[0].resumed(100).request("BYE").cseq == (101, "BYE")

    @pytest.mark.parametrize("version", [*range(1, VERSION + 1), VERSION + 1, 255])
    def test_an_unanswered_call_of_any_is_read(self, version: int) -> None:
        data = bytearray((STORED / f"unanswered-{min(version, VERSION)}").read_bytes())
        data[3] = version
        frame = unframed(bytes(data))
        assert frame.readable and unfinished.read(frame.body).centre is not None

    @pytest.mark.parametrize("version", [VERSION + 1, 255])
    def test_of_a_later_one_the_outline_alone_is_read(self, version: int) -> None:
        data = bytearray((STORED / f"call-{VERSION}").read_bytes())
        data[3] = version
        frame = unframed(bytes(data))
        assert not frame.readable and frame.version == version
        assert len(talks.read_outline(frame.outline).dialogs) == 3

    def test_of_the_first_one_without_dialogs_is_none(self) -> None:
        with pytest.raises(ValueError, match="no dialogs"):
            unframed(b"SPL\x01C\x01\x80")
