"""Every part of the gateway takes its new values: nothing goes by the former ones. It is built, not started."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from splitter.app import Gateway
from splitter.config.difference import difference
from splitter.config.load import load
from splitter.config.model import Settings
from splitter.core.errors import ConfigError, LocalError
from splitter.core.keys import Uptake
from splitter.telemetry import metrics

SETTINGS = """
[gateway]
control_socket = "{folder}/control.sock"
max_calls = 100
[calls]
consent_limit_s = 40
[store]
path = "{folder}/calls.db"
max_age_days = 10
[network.access]
listen = ["udp:127.0.0.1:5060"]
[network.core]
listen = ["udp:127.0.0.1:5070"]
[trunk.sbc]
role = "access"
network = "access"
peers = ["127.0.1.1"]
max_calls = 10
[trunk.pbx]
role = "centre"
network = "core"
address = "127.0.0.4"
calls_per_s = 10
[trunk.seats]
role = "seat"
network = "core"
peers = ["127.0.2.0/24"]
authenticate = true
ring_limit_s = 10
[[route]]
called = "110"
to = ["pbx"]
[[account]]
user = "8001"
password = "password 10"
[registrar]
contacts = 10
[[token]]
name = "crm"
scopes = ["desk"]
sha256 = "f6dd3e33c1ba68ae9ad4a52a01d4e6ff9a3a9d5bbd4ea1e2ad7f5a4dfb0e7f11"
extension = "80010"
[[webhook]]
name = "crm"
url = "http://127.0.0.1:10/"
secret = "a secret of sixteen characters"
[api]
listen = ["127.0.0.1:8443"]
token_lifetime_s = 1000
[monitor]
failures_down = 10
[overload]
recover_s = 10
"""
CHANGED = SETTINGS.replace(" 10\n", " 11\n").replace('10"\n', '11"\n').replace("00\n", "01\n")
CHANGED = (
    CHANGED.replace("consent_limit_s = 40", "consent_limit_s = 41").replace('"110"', '"119"').replace(":10/", ":11/")
)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The gateway's parts want one to be there."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()


class Scene:
    """A gateway that is built, and its file."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.file, self.folder, self.loop = folder / "splitter.toml", folder, loop
        self.write(SETTINGS)
        self.gateway = Gateway(load(self.file), reread=lambda: load(self.file))
        self.gateway.started.set()

    def write(self, text: str) -> None:
        self.file.write_text(text.format(folder=self.folder))

    def reload(self, dry_run: bool = False) -> Any:
        return self.loop.run_until_complete(self.gateway.reload(dry_run))


@pytest.fixture
def scene(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> Scene:
    return Scene(tmp_path, loop)


def tables(settings: Settings) -> list[object]:
    """The values of all tables that can change as a whole."""
    found: list[object] = []
    for field in fields(settings):
        value = getattr(settings, field.name)
        found += value if isinstance(value, tuple) else value.values() if isinstance(value, dict) else [value]
    return [value for value in found if is_dataclass(value)]


def reached(start: object) -> set[int]:
    """The ids of all that an object holds, and what that holds in turn."""
    seen, left = {id(start)}, [start]
    while left:
        for one in gc.get_referents(left.pop()):
            if id(one) not in seen and not isinstance(one, type | ModuleType | FunctionType):
                seen.add(id(one))
                left.append(one)
    return seen


class TestWhatIsTaken:
    def test_no_part_goes_by_a_former_value(self, scene: Scene) -> None:
        former = scene.gateway.settings
        scene.write(CHANGED)
        changes = scene.reload().changes
        assert len(changes) >= 14 and {one.taken for one in changes} == {Uptake.LIVE}
        assert difference(scene.gateway.settings, load(scene.file)) == ()
        now = {id(one) for one in tables(scene.gateway.settings)}
        old = {id(one): one for one in tables(former) if id(one) not in now}
        # What has no changed key is replaced by its equal, and whoever holds the former one goes by the same.
        changed = [one for one in old.values() if one not in tables(scene.gateway.settings)]
        assert len(changed) >= 11
        held = reached(scene.gateway)
        assert [one for one in changed if id(one) in held] == []

    def test_a_dry_run_takes_nothing(self, scene: Scene) -> None:
        former = scene.gateway.settings
        scene.write(CHANGED)
        assert len(scene.reload(dry_run=True).changes) >= 14
        assert scene.gateway.settings is former and scene.gateway.reloads.alarms() == []


FAULTS: dict[str, tuple[Callable[[str], str], str]] = {
    "a value": (lambda text: text.replace("max_calls = 100", "max_calls = 0"), "gateway.max_calls"),
    "no TOML": (lambda text: text + "[[[", "is not TOML"),
    "a name that leads nowhere": (lambda text: text.replace('to = ["pbx"]', 'to = ["acd"]'), "route[1].to"),
    "a webhook's authorities": (lambda text: text.replace("[api]", 'ca = "/no"\n[api]'), "webhook[1].ca"),
    "a certificate": (lambda text: text.replace("[api]", '[api]\ncertificate = "/no"'), "api.certificate"),
}


class TestWhatIsNot:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_fault_changes_nothing_and_is_told_with_its_line(self, fault: str, scene: Scene) -> None:
        former = scene.gateway.settings
        change, said = FAULTS[fault]
        scene.write(change(CHANGED.replace("max_calls = 101", "max_calls = 100")))
        with pytest.raises(ConfigError) as caught:
            scene.reload()
        assert any(said in line and line.startswith(f"{scene.file}:") for line in caught.value.problems)
        assert scene.gateway.settings is former
        assert scene.gateway.reloads.alarms()[0].startswith("the configuration was not reloaded: ")
        assert metrics.REGISTRY.get_sample_value("splitter_config_reload_ok") == 0
        scene.write(CHANGED)
        scene.reload()
        assert scene.gateway.reloads.alarms() == []
        assert metrics.REGISTRY.get_sample_value("splitter_config_reload_ok") == 1

    def test_what_cannot_be_without_a_restart_is_taken_by_that_as_a_whole(self, scene: Scene) -> None:
        """A trunk on a network that is not there yet: nothing is taken, and everything by the restart."""
        former = scene.gateway.settings
        dmz = '[network.dmz]\nlisten = ["udp:127.0.0.9:5060"]\n[trunk.far]\nrole = "access"\nnetwork = "dmz"\n'
        scene.write(CHANGED.replace("[trunk.sbc]", dmz + 'peers = ["127.0.0.8"]\n[trunk.sbc]'))
        outcome = scene.reload()
        assert any('there is no network "dmz"' in why for why in outcome.refused)
        assert scene.gateway.settings is former
        assert "splitter restart takes it" in scene.gateway.reloads.alarms()[0]

    def test_nothing_once_the_gateway_ends(self, scene: Scene) -> None:
        scene.gateway.ending = True
        with pytest.raises(LocalError, match="about to end"):
            scene.reload()
