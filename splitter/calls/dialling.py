"""Phones that are invited into a call: the ways to them and the INVITEs that they get; the places of all on trunks.

Who decides is `flows/phones.py` and `phone_way.py`; here is what its commands do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from splitter.calls.marks import tell_recorded
from splitter.calls.peers.identity import Destination, Identity, voice_invite
from splitter.calls.peers.session_id import SessionId
from splitter.calls.routing import routable
from splitter.calls.services import Services
from splitter.calls.settings import Role, Trunk
from splitter.calls.states import Direction
from splitter.calls.talk import phone_commands as c
from splitter.calls.talk.leg import LegRecord, Opener
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.state import Talk
from splitter.calls.talk.transfer_commands import SeekSuccessor
from splitter.calls.trunks.hunt import Hunt, Way
from splitter.core.errors import LocalError
from splitter.sdp.model import Session
from splitter.sip.message import Request

_SERVICE = "urn:service:"


class Dialling:
    """The ways to the phones of one call, and the places of its legs on trunks.

    Args:
        live: the call.
    """

    def __init__(self, services: Services, live: LiveCall) -> None:
        self._services = services
        self._live = live
        self._hunts: dict[str, tuple[Hunt, Way]] = {}
        self._places: dict[str, Callable[[], None]] = {}  # of legs that came otherwise, or were taken up from a record

    def carry_out(self, command: c.PhoneCommand[Any]) -> Any:
        """Carry a command out, or begin to. Returns: its reply."""
        match command:
            case c.SeekWay():
                return self._seek(command.name, command.number)
            case SeekSuccessor():
                return self._seek(command.name, command.number, command.network)
            case c.SeekNextWay():
                return self._seek_next(command)
            case c.KeepPhone():
                self._keep(command.name)
            case c.ReleaseWay():
                self._release(command.name)
            case _:
                raise TypeError(f"nobody carries out {type(command).__name__}")

    def invite(self, name: str, offer: Session, key: str) -> tuple[LegRecord, Trunk, Request]:
        """Our INVITE on the way that was found, and the leg that begins with it. Raises as `voice_invite`."""
        services, talk, (_, way) = self._services, self._talk, self._hunts[name]
        trunk, target, phone = way.trunk, way.target, self._live.pending.calling[name]
        to = Destination(trunk, way.number, services.driver.contact(trunk.network, target.transport))
        request = voice_invite(_inviter(talk, trunk), to, talk.call_id, services.ids, offer)
        tell_recorded(request, talk, trunk, services.recordings.settings, beside=True)
        half = f"{services.ids.number(2**128):032x}"
        phone.session = SessionId(caller=half) if trunk.role is Role.CENTRE else SessionId(centre=half)
        flow = services.driver.flow_to(trunk.network, *target)
        timers = services.settings.session_timers
        record = LegRecord.of(name, Opener.US, trunk.name, flow, request.call_id, timers, key)
        record.terms.note_answered(offer, as_offer=True)
        return record, trunk, request

    def take_again(self, name: str, trunk: Trunk) -> None:
        """A leg that was taken up from a record has its place on its trunk."""
        self.hold(name, self._services.admission.limits.take_again(trunk).release)

    def hold(self, name: str, release: Callable[[], None]) -> None:
        """A leg has its place on its trunk, which this frees; more than once, if need be."""
        self._places[name] = release

    def pass_on(self, before: str, name: str) -> None:
        """A leg of the centre has taken the place of another one, as one call with the same trunk."""
        if (place := self._places.pop(before, None)) is not None:
            self._places[name] = place
        if (found := self._hunts.pop(before, None)) is not None:
            self._hunts[name] = found

    def close(self) -> None:
        """The call is over: every place is free."""
        for name in (*self._hunts, *self._places):
            self._release(name)

    # ---- inside ----

    def way(self, name: str) -> Way:
        """The way that was found to somebody who is called."""
        return self._hunts[name][1]

    def _seek(self, name: str, number: str, network: str = "") -> c.FoundWay | c.NoWay:
        """Look for a way; `network`: only to a centre that lies in it."""
        services = self._services
        found = services.routing.destinations(number, Role.SEAT)
        destinations = [
            (trunk, shown)
            for trunk, shown in found
            if routable(trunk) and (not network or (trunk.role is Role.CENTRE and trunk.network == network))
        ]
        if not destinations:
            return c.NoWay('no route with from = "seat" leads to this number')
        hunt = Hunt(
            services.trunks,
            services.admission.limits,
            destinations,
            services.routing.choice(number, Role.SEAT),
            services.ids.number,
            services.clock.now(),
            lambda text: services.recorder.event(self._talk.call_id, name, "note", text),
            services.routing.is_former,
        )
        return self._next(name, hunt)

    def _seek_next(self, command: c.SeekNextWay) -> c.FoundWay | c.NoWay:
        hunt, way = self._hunts[command.name]
        if not hunt.refused(way, command.status, command.response, self._services.clock.now()):
            return c.NoWay(f"{way.trunk.name} has refused")
        return self._next(command.name, hunt)

    def _next(self, name: str, hunt: Hunt) -> c.FoundWay | c.NoWay:
        way = hunt.next(self._services.clock.now())
        if way is None:
            self._hunts.pop(name, None)
            hunt.close()
            return c.NoWay(hunt.denied.reason, 503)
        self._hunts[name] = hunt, way
        trunk = way.trunk
        return c.FoundWay(trunk.name, trunk.network, way.target.transport, trunk.role is Role.CENTRE)

    def _keep(self, name: str) -> None:
        hunt, way = self._hunts[name]
        hunt.took(way, self._services.clock.now())
        self._services.records.write_ahead([self._talk.call_id])

    def _release(self, name: str) -> None:
        if (found := self._hunts.pop(name, None)) is not None:
            found[0].close()
        if (place := self._places.pop(name, None)) is not None:
            place()

    @property
    def _talk(self) -> Talk:
        return self._live.talk


def _inviter(talk: Talk, trunk: Trunk) -> Identity:
    """The identity that calls a phone: the agent by its extension inside, and outside the number that callers know."""
    if talk.direction is Direction.OUT:
        return talk.identity
    service = talk.called_number.removeprefix(_SERVICE)
    inside = trunk.role is Role.CENTRE and talk.extension
    user = talk.extension if inside else service
    if not user:
        raise LocalError("a call without a called number was to invite a phone")
    return Identity(user=user, number=user, hops_left=talk.identity.hops_left)
