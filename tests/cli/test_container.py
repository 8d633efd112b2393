"""The container's files: linters find nothing in them, and what they say of the gateway is so."""

from __future__ import annotations

import http.server
import json
import os
import platform
import re
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from splitter.cli import COMMANDS
from splitter.cli.drain import drain
from splitter.config.model import CONTROL_SOCKET
from splitter.store.settings import StoreSettings
from tests.docs.samples import DOCS, samples

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "systemd/container"
TEXT = (FOLDER / "Containerfile").read_text(encoding="utf-8")
KUBERNETES = [one for one in yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8")) if one]


def instruction(name: str) -> list[str]:
    """What the Containerfile says behind this word, each time."""
    joined = re.sub(r"\\\n\s*", "", TEXT)
    return re.findall(rf"^(?:    )?{name} (.*)$", joined, re.M)


def container() -> dict[str, Any]:
    [found] = KUBERNETES[1]["spec"]["template"]["spec"]["containers"]
    return dict(found)


class TestTheImage:
    @pytest.mark.skipif(platform.machine() != "x86_64", reason="hadolint is locked for x86-64")
    def test_is_fine_with_hadolint(self) -> None:
        command = [Path(sys.executable).parent / "hadolint", FOLDER / "Containerfile"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")

    def test_takes_nothing_but_the_program(self) -> None:
        copied = [one.split()[:-1] for one in instruction("COPY") if not one.startswith("--from")]
        assert {name for names in copied for name in names} == {
            *("requirements/run.txt", "pyproject.toml", "setup.py", "README.md", "LICENSE", "splitter")
        }
        assert all((ROOT / name).exists() for names in copied for name in names)
        assert "--require-hashes --only-binary :all:" in TEXT

    def test_runs_as_somebody_who_is_not_root(self) -> None:
        [user] = instruction("USER")
        uid, gid = user.split(":")
        assert int(uid) and f"--uid {uid}" in TEXT and f"--gid {gid}" in TEXT
        assert TEXT.rindex("USER") < TEXT.rindex("ENTRYPOINT")

    def test_starts_a_command_that_exists_and_has_the_folders_of_the_defaults(self) -> None:
        assert json.loads(instruction("ENTRYPOINT")[0]) == ["splitter"]
        [command] = [json.loads(one) for one in instruction("CMD") if "urlopen" not in one]
        assert command[0] in COMMANDS
        for path in (StoreSettings().path, CONTROL_SOCKET):
            assert re.search(rf"install -d .* {Path(path).parent}\b", TEXT), path

    @pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (None, False)])
    def test_is_healthy_where_healthz_says_so(self, status: int | None, healthy: bool) -> None:
        [check] = [json.loads(one) for one in re.findall(r"CMD (\[.*\])$", TEXT, re.M) if "urlopen" in one]
        asked: list[str] = []

        class Answering(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(status or 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            port = server.server_address[1] if status else 1  # where nobody listens
            [url] = re.findall(r"SPLITTER_HEALTH=(\S+)", TEXT)
            here = re.sub(r":\d+/", f":{port}/", url)
            done = subprocess.run(
                [sys.executable, *check[1:]],
                env={**os.environ, "SPLITTER_HEALTH": here},
                capture_output=True,
                check=False,
            )
            server.shutdown()
            thread.join()
        assert (done.returncode == 0) is healthy
        assert asked == (["/healthz"] if status else [])


class TestKubernetes:
    @pytest.mark.parametrize("version", ["1.31", kubernetes_validate.latest_version()])
    def test_takes_it_strictly(self, version: str) -> None:
        for one in KUBERNETES:
            kubernetes_validate.validate(one, version, strict=True)

    def test_drains_before_it_ends_and_has_the_time_for_it(self) -> None:
        pod = KUBERNETES[1]["spec"]["template"]["spec"]
        program, command, *options = container()["lifecycle"]["preStop"]["exec"]["command"]
        assert (program, command) == ("splitter", "drain")
        assert drain.make_context("drain", options).params["wait"]
        assert pod["terminationGracePeriodSeconds"] >= 3600 and pod["hostNetwork"] is True

    def test_asks_where_the_documentation_lets_it_listen(self) -> None:
        [sample] = [one for one in samples("toml") if one.place.startswith("docs/containers.md")]
        host, _, port = tomllib.loads(sample.text)["metrics"]["listen"].rpartition(":")
        named = {one["name"]: one["containerPort"] for one in container()["ports"]}
        assert f"http://{host}:{port}/healthz" in TEXT
        for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
            asked = container()[probe]["httpGet"]
            assert (asked["host"], named[asked["port"]], asked["path"]) == (host, int(port), path)

    def test_is_whom_the_image_has_with_all_that_it_writes_to(self) -> None:
        pod = KUBERNETES[1]["spec"]["template"]["spec"]
        who = pod["securityContext"]
        assert (
            instruction("USER") == [f"{who['runAsUser']}:{who['runAsGroup']}"] and who["fsGroup"] == who["runAsGroup"]
        )
        assert container()["securityContext"]["readOnlyRootFilesystem"] and who["runAsNonRoot"]
        written = {one["mountPath"] for one in container()["volumeMounts"] if not one.get("readOnly")}
        assert written == {"/tmp", *(str(Path(path).parent) for path in (StoreSettings().path, CONTROL_SOCKET))}

    def test_is_explained(self) -> None:
        assert "kubernetes.yaml" in (DOCS / "containers.md").read_text(encoding="utf-8")
