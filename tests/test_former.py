"""Trunks that were taken out are known to the next process, for the calls that are on them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from splitter.config.load import parse
from splitter.former import FormerTrunks
from tests.config.test_reference import REFERENCE, uncommented

MORE = """
[trunk.odd]
role = "centre"
network = "core"
address = "pbx.example.com:5070"
peers = ["[2001:db8::1]:5070", "192.0.2.9:5066", "192.0.2.0/24"]
call_id_headers = []
extension_pattern = '8\\d{3}'
options_interval_s = 0
username = "we"
password = "secret"
"""


class TestKept:
    @pytest.mark.parametrize(
        "text", [REFERENCE.read_text(), uncommented().replace("[trunk.sbc]", MORE + "[trunk.sbc]")]
    )
    def test_whatever_they_are_they_come_back_as_they_were(self, tmp_path: Path, text: str) -> None:
        trunks = list(parse(text).trunks.values())
        kept = FormerTrunks(tmp_path / "former.json")
        kept.write(trunks)
        assert FormerTrunks(tmp_path / "former.json").read() == trunks
        assert stat.S_IMODE((tmp_path / "former.json").stat().st_mode) == 0o600
        kept.write(())
        assert kept.read() == [] and not (tmp_path / "former.json").exists()

    @pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"[{}]", b'[{"name": "a", "role": "sofa"}]', b"\xff"])
    def test_a_broken_file_is_an_error_in_the_log_and_no_more(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "former.json").write_bytes(content)
        with capture_logs() as logs:
            assert FormerTrunks(tmp_path / "former.json").read() == []
        assert [line["event"] for line in logs] == ["trunks of before cannot be read: calls on them are lost"]

    def test_a_folder_that_is_not_there_is_an_error_in_the_log(self, tmp_path: Path) -> None:
        trunks = parse(REFERENCE.read_text()).trunks.values()
        with capture_logs() as logs:
            FormerTrunks(tmp_path / "none" / "former.json").write(trunks)
        assert "a restart loses their calls" in logs[0]["event"]
