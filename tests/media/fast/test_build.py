"""How the native form is built and found, and what there is without it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from splitter.media.fast import build, form
from splitter.media.fast.native import NativeForm
from splitter.media.fast.state import Coming, Going
from splitter.media.settings import MediaSettings
from splitter.media.worker.engine import WorkerEngine
from splitter.telemetry.settings import TelemetrySettings
from tests.media.worker.stand import FIRST_PORT


class TestBuilding:
    def test_makes_a_library_that_is_linked_to_libc_alone(self, tmp_path: Path, native: NativeForm) -> None:
        target = tmp_path / "short.so"
        assert build.build(target, ("-Werror", "-Wconversion")) == ""
        assert b"Python" not in target.read_bytes() and b"libsrtp" not in target.read_bytes()
        assert NativeForm(target).lib.fast_sources() == build.digest()

    def test_without_a_compiler_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert build.build(tmp_path / "short.so") == "there is no C compiler"

    def test_a_compiler_that_fails_leaves_what_was_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: NativeForm
    ) -> None:
        target = tmp_path / "short.so"
        target.write_bytes(b"before")
        assert "fails" in build.build(target, ("--no-such-flag",))
        assert target.read_bytes() == b"before"


class TestTheForm:
    def test_is_native_where_that_was_built(self, native: NativeForm) -> None:
        assert (native.name, native.reason) == ("native", "")

    def test_is_pythons_where_the_operator_wants_that(self) -> None:
        assert form.choose_form(native=False).name == "python"
        assert form.choose_form(native=False).reason == "the configuration says so"

    def test_is_pythons_where_nothing_was_built(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(form, "LIBRARY", tmp_path / "short.so")
        chosen = form.choose_form()
        assert chosen.name == "python" and "was not built" in chosen.reason

    @pytest.mark.parametrize("content", [b"", b"\x7fELF no library", b"#!/bin/sh\n"])
    def test_is_pythons_where_the_library_is_broken(
        self, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = tmp_path / "short.so"
        broken.write_bytes(content)
        monkeypatch.setattr(form, "LIBRARY", broken)
        chosen = form.choose_form()
        assert chosen.name == "python" and "cannot be loaded" in chosen.reason

    def test_is_pythons_where_the_library_is_of_other_sources(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: NativeForm
    ) -> None:
        other = tmp_path / "short.so"
        assert build.build(other) == ""
        data = other.read_bytes()
        mark = build.digest().to_bytes(8, "little")
        assert data.count(mark) == 1
        other.write_bytes(data.replace(mark, bytes(8)))
        monkeypatch.setattr(form, "LIBRARY", other)
        assert "other sources" in form.choose_form().reason


class TestTheRecords:
    def test_have_the_numbers_of_the_python_form(self, native: NativeForm) -> None:
        for name, record in (("coming", Coming()), ("going", Going())):
            fields = dict(native.ffi.typeof(f"struct {name}").fields)
            plain = type(record).__dataclass_fields__
            assert plain.keys() <= fields.keys()
            kinds = {one: fields[one].type.cname for one in plain}
            assert all((kind == "_Bool") == isinstance(getattr(record, one), bool) for one, kind in kinds.items())
            assert all((kind == "double") == isinstance(getattr(record, one), float) for one, kind in kinds.items())

    def test_begin_alike(self, native: NativeForm) -> None:
        made, plain = native.going(), Going()
        for one, other in ((native.coming(), Coming()), (made, plain), (made.playing, plain.playing)):
            names = [name for name in type(other).__dataclass_fields__ if name != "playing"]
            assert {name: getattr(one, name) for name in names} == {name: getattr(other, name) for name in names}


class TestAWorker:
    async def test_says_which_form_it_has_and_why(self) -> None:
        with tempfile.TemporaryDirectory(prefix="media-") as folder:
            settings = MediaSettings(workers=1, first_port=FIRST_PORT, last_port=FIRST_PORT + 99, socket_dir=folder)
            for native, said in ((True, form.choose_form().name), (False, "python: the configuration says so")):
                engine = WorkerEngine(replace(settings, native=native), {}, logs=TelemetrySettings(log_level="error"))
                await engine.start()
                try:
                    assert engine.status()[0].form.startswith(said)
                finally:
                    await engine.stop()
