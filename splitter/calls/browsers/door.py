"""The way in for web callers: a browser is answered, and called for once its media can flow. Does I/O (asyncio).

Nobody is called for a browser that sends an offer and does not come: the centre hears of those alone who are there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import structlog

from splitter.calls.browsers.invite import WebCaller, as_invite
from splitter.calls.browsers.line import BrowserLine, CameBack
from splitter.calls.browsers.settings import WebCallSettings
from splitter.calls.browsers.switch import Browsers
from splitter.calls.browsers.view import WebState
from splitter.calls.registry import Calls
from splitter.calls.settings import Role, Trunk
from splitter.calls.talk.browser import BrowserRecord
from splitter.core.errors import LocalError, PeerError
from splitter.core.net import Address
from splitter.media.ports.adapters import AdapterHandle, AdapterSetting
from splitter.sdp import webcaller
from splitter.sdp.model import Origin, Session
from splitter.sdp.write import write

CONNECT_LIMIT_S = 20.0
"""So long may a browser take until its media can flow."""
MOST_OFFERS = 6
"""So often may a browser offer again until then."""
_KBPS = 960
_REASONS = {403: "refused", 404: "no-such-number"}

log = structlog.get_logger(__name__)


class WebDoor:
    """Begins web calls, and lets browsers come back into them.

    Args:
        browsers: those that call.
    """

    def __init__(self, calls: Calls, browsers: Browsers) -> None:
        self._calls = calls
        self.browsers = browsers
        self._beginning: set[asyncio.Task[None]] = set()
        self._records: dict[str, _Attempt] = {}

    @property
    def settings(self) -> WebCallSettings:
        """The settings: what the operator allows."""
        return self.browsers.settings

    @property
    def trunk(self) -> Trunk | None:
        """The trunk that web calls come by; None where there are none."""
        routing = self._calls.services.routing
        try:
            trunk = routing.trunk(self.settings.trunk) if self.settings.trunk else None
        except LocalError:
            return None
        return trunk if trunk is not None and trunk.role is Role.WEB and not routing.is_former(trunk) else None

    @property
    def draining(self) -> bool:
        """True while no new calls are taken."""
        return self._calls.draining

    def leads_somewhere(self, number: str) -> bool:
        """True for a number that a route has for browsers."""
        return bool(self._calls.services.routing.destinations(number, Role.WEB))

    async def begin(self, caller: WebCaller, offer: Session, camera: bool, client: str = "") -> BrowserLine:
        """Answer a browser; its call begins as soon as media can flow.

        Args:
            camera: its user shows pictures from the beginning.
            client: its tab.
        Returns: its line; the answer is in its view.
        Raises:
            PeerError: the offer cannot be taken. MediaError: there are no ports.
        """
        trunk = self.trunk
        if trunk is None:
            raise PeerError("browsers cannot call here", 404)
        call = webcaller.read_call(offer, self.settings.codecs)
        call_id = self._calls.services.ids.call()
        line = await self.browsers.open(call_id, trunk.network, caller.source, caller.customer, trunk.name)
        camera = camera and call.picture is not None
        who = (caller.customer, caller.language)
        record = BrowserRecord(offer, self.settings.codecs, line.adapter, camera, *who)
        line.show(client=client)
        try:
            self._answer(line, record)
        except PeerError:
            line.end("refused")
            raise
        attempt = self._records[call_id] = _Attempt(record)
        task = asyncio.get_running_loop().create_task(self._call_when_there(trunk, caller, line, attempt))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)
        return line

    async def take_back(self, line: BrowserLine, offer: Session, client: str = "") -> str:
        """A browser offers once more: by another network or a relay, after a reload, or because its worker died.

        Returns: our answer.
        Raises:
            PeerError: the offer cannot be taken, or there is no call to come back to.
            MediaError: there are no ports, or the transport that is to be restarted is gone: then the browser has to
                come by another one.
        """
        async with line.turn:
            return await self._take_back(line, offer, client)

    async def _take_back(self, line: BrowserLine, offer: Session, client: str) -> str:
        trunk = self.trunk
        attempt = self._records.get(line.view.call_id)
        if trunk is None or line.ended or (line.view.state is WebState.CONNECTING and attempt is None):
            raise PeerError("there is no call to come back to", 409)
        if attempt is not None and attempt.offers >= MOST_OFFERS:
            raise PeerError("so many offers before media flow", 429)
        record = BrowserRecord(offer, self.settings.codecs, line.adapter)
        before, now = line.setting.secure, record.secure
        afresh = before is None or set(now.fingerprints) != set(before.fingerprints)
        if afresh:
            record.adapter = await line.reopen(trunk.network)
        elif before is not None and now.ufrag != before.ufrag:
            record.adapter = await line.restart(now)
        line.show(client=client)
        self._answer(line, record)
        if attempt is not None and attempt is self._records.get(line.view.call_id):
            attempt.take(record)  # nobody is called yet: the call begins with this offer
        elif not line.say(CameBack(offer, afresh)):
            raise PeerError("the call is over", 409)
        return line.view.answer

    def _answer(self, line: BrowserLine, record: BrowserRecord) -> None:
        """Answer the browser, and let its transport come up. Raises PeerError."""
        call, adapter = record.call, record.adapter
        voice = tuple((codec.payload_type, codec.payload_type) for codec in call.voices)
        picture = ((call.picture.payload_type, call.picture.payload_type),) if call.picture is not None else ()
        known = line.setting
        line.carry(
            replace(known, secure=record.secure)
            if known.secure is not None
            else AdapterSetting(record.secure, voice, picture)
        )
        origin = Origin.of(adapter.public.host, 1)
        line.show(answer=write(webcaller.answer_browser(call, adapter.public, adapter.secure, origin, _KBPS)).decode())

    async def _call_when_there(self, trunk: Trunk, caller: WebCaller, line: BrowserLine, attempt: _Attempt) -> None:
        call_id, offers = line.view.call_id, 0
        try:
            while not await line.connected(CONNECT_LIMIT_S):
                if line.ended or offers == attempt.offers:
                    line.end("no-path")
                    return
                offers = attempt.offers  # it has offered once more meanwhile: that one has its own time
        finally:
            del self._records[call_id]
        record = attempt.record
        adapter = record.adapter
        try:
            event = as_invite(caller, call_id, trunk.network, _here(adapter), _plain(record, adapter))
            self._calls.begin(trunk, event, call_id, record)
        except PeerError as error:
            log.info("web call refused", call=call_id, status=error.status, reason=error.reason)
            line.end(_REASONS.get(error.status, "unreachable"))
        except Exception:  # the border of one call
            log.exception("a web call could not begin", call=call_id)
            line.end("unreachable")


@dataclass(slots=True)
class _Attempt:
    """A browser whose media do not flow yet: what it offered last, and how often it has offered again."""

    record: BrowserRecord
    offers: int = 0

    def take(self, record: BrowserRecord) -> None:
        """Go by another offer of the same browser."""
        before = self.record
        record.camera = before.camera and record.call.picture is not None
        record.customer, record.language = before.customer, before.language
        self.record, self.offers = record, self.offers + 1


def _here(adapter: AdapterHandle) -> Address:
    return Address(adapter.voice.host, adapter.public.rtp_port)


def _plain(record: BrowserRecord, adapter: AdapterHandle) -> Session:
    picture = adapter.picture if record.camera else None
    return webcaller.plain_offer(record.call, adapter.voice, picture, Origin.of(adapter.voice.host, 1))
