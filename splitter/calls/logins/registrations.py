"""Our registrations at all centres that want one, and how they follow a changed configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from splitter.calls.logins.registration import Registration, RegistrationView, Targets, own_address
from splitter.calls.settings import Trunk
from splitter.calls.signalling import Signalling
from splitter.calls.view import TrunkView
from splitter.core.clock import Clock
from splitter.core.ids import IdSource
from splitter.transport.tasks import Tasks


class Registrations:
    """The registrations of all trunks that want one."""

    def __init__(
        self,
        trunks: Iterable[Trunk],
        driver: Signalling,
        clock: Clock,
        ids: IdSource,
        server: str,
        targets: Targets = own_address,
    ) -> None:

        def make(trunk: Trunk) -> Registration:
            return Registration(trunk, driver, clock, ids, server, targets)

        self._make = make
        self._all = {trunk.name: make(trunk) for trunk in trunks if trunk.register}
        self._changing = Tasks()

    def start(self) -> None:
        """Begin with all; the driver must be running."""
        for registration in self._all.values():
            registration.start()

    def adopt(self, trunks: Iterable[Trunk]) -> None:
        """Register at these from now on: what is wanted no longer, or otherwise, is taken back first."""
        wanted = {trunk.name: trunk for trunk in trunks if trunk.register}
        before, self._all = self._all, {}
        for name in dict.fromkeys((*wanted, *before)):
            registration, trunk = before.get(name), wanted.get(name)
            if registration is not None and trunk is not None and _terms(registration.trunk) == _terms(trunk):
                registration.trunk = trunk
                self._all[name] = registration
                continue
            if trunk is not None:
                self._all[name] = self._make(trunk)
            self._changing.start(_replace(registration, self._all.get(name)), f"registration of {name} changes")

    async def stop(self) -> None:
        """Take all back, side by side."""
        await self._changing.stop()
        await asyncio.gather(*(registration.stop() for registration in self._all.values()))

    def status(self) -> dict[str, RegistrationView]:
        """The state of each registration, by trunk."""
        return {name: registration.status() for name, registration in self._all.items()}

    def beside(self, trunks: Iterable[TrunkView]) -> list[TrunkView]:
        """Trunks as operators see them, with our registrations there."""
        found = {name: ": ".join(filter(None, (view.state, view.reason))) for name, view in self.status().items()}
        return [replace(trunk, registration=found.get(trunk.name, "")) for trunk in trunks]

    def alarms(self) -> tuple[str, ...]:
        """Registrations that are not in force, in plain words."""
        views = self.status().values()
        return tuple(f"not registered at trunk {view.trunk}: {view.reason}" for view in views if view.state == "failed")


async def _replace(former: Registration | None, new: Registration | None) -> None:
    if former is not None:
        await former.stop()
    if new is not None:
        new.start()


def _terms(trunk: Trunk) -> tuple[object, ...]:
    """What makes it another registration."""
    who = trunk.username, trunk.password, trunk.realm, trunk.domain
    return *who, trunk.network, trunk.address, trunk.transport, trunk.register_expires_s
