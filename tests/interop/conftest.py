"""What every test against real peers is given. A peer that is missing is a failure, never a skip."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.addresses import Desk
from tests.interop.gateway import Gateway
from tests.interop.scene import Scene

PROGRAMS = {"sipp": "SIPp", "baresip": "baresip", "kamailio": "Kamailio", "nginx": "nginx"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever stands in this folder needs a real peer."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session", autouse=True)
def peers() -> None:
    """The peers that have a program of their own are installed."""
    missing = [name for program, name in PROGRAMS.items() if shutil.which(program) is None]
    assert not missing, f"not installed: {', '.join(missing)}; run `make peers`"


@pytest.fixture
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Loopback addresses of this test's own, or those of the gateway that it shares."""
    if "shared_gateway" in request.fixturenames:
        yield request.getfixturevalue("shared_gateway").desk
        return
    with Desk() as desk:
        yield desk


class Kept:
    """A gateway with the usual settings that several tests use one after the other: to start one costs two seconds."""

    def __init__(self) -> None:
        self._desk = Desk()
        self._gateway: Gateway | None = None

    def gateway(self) -> Gateway:
        """The one that runs, or another one."""
        if self._gateway is None:
            self._gateway = Gateway(self._desk)
            self._gateway.start()
        return self._gateway

    def check(self) -> None:
        """It is as good as new; else the next test gets another one."""
        gateway = self.gateway()
        try:
            gateway.must_be_sound()
            gateway.must_be_idle()
        except AssertionError:
            print(f"---- the gateway's log\n{gateway.process.tail(200)}")
            gateway.process.kill()
            self._forget()
            raise

    def stop(self) -> None:
        """End it in order."""
        try:
            if self._gateway is not None:
                self._gateway.stop()
        finally:
            self._forget()
            self._desk.__exit__(None, None, None)

    def _forget(self) -> None:
        if self._gateway is not None:
            self._gateway.remove()
            self._gateway = None


@pytest.fixture(scope="session")
def kept() -> Iterator[Kept]:
    """For `shared_gateway`."""
    kept = Kept()
    yield kept
    kept.stop()


@pytest.fixture
def shared_gateway(kept: Kept) -> Iterator[Gateway]:
    """A gateway that other tests have used before: for calls that end well, and nothing is counted over all of them."""
    yield kept.gateway()
    kept.check()


@pytest.fixture
def make_gateway(desk: Desk, request: pytest.FixtureRequest) -> Iterator[Callable[..., Gateway]]:
    """Start a gateway with other settings; when the test is over it must be sound, idle and end cleanly."""
    gateways: list[Gateway] = []

    def make(**settings: Any) -> Gateway:
        gateway = Gateway(desk, settings)
        gateways.append(gateway)
        return gateway.start()

    yield make
    try:
        for gateway in gateways:
            gateway.must_be_sound()
            gateway.must_be_idle()
            gateway.stop()
    except AssertionError:
        for gateway in gateways:
            print(f"---- the gateway's log\n{gateway.process.tail(200)}")
        raise
    finally:
        for gateway in gateways:
            gateway.process.kill()
            gateway.remove()


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    """A gateway with the usual settings."""
    return make_gateway()


@pytest.fixture
def scene(desk: Desk, tmp_path: Path) -> Iterator[Scene]:
    """SIPp as callers and centres on the desk."""
    scene = Scene(desk, tmp_path)
    yield scene
    scene.close()
