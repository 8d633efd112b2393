"""The parts that invite callers, wired: links, messages, the way that they take, and who is told of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from splitter.calls.logins.access import ApiSettings
from splitter.calls.view import CallView, Notice
from splitter.core.clock import Clock
from splitter.core.ids import IdSource
from splitter.sms.carriers import build_carrier
from splitter.sms.message import Sms, SmsCarrier, SmsChanged, SmsReceipt, SmsState
from splitter.sms.post import SmsEffort, SmsPost
from splitter.sms.queue import SmsRules
from splitter.sms.settings import OUTBOX, SipSmsSettings, SmsSettings
from splitter.store.schema import beside
from splitter.telemetry.masking import masked_number
from splitter.telemetry.trace import Recorder
from splitter.web.access.links import LinkCabinet, Links
from splitter.web.guests.guesses import Guesses
from splitter.web.guests.inviting import NO_NUMBER, Inviting
from splitter.web.ports import Invited

SMS, LINKS = "sms", "links"
"""The kinds of what is kept."""

_WORDS = {
    SmsState.QUEUED: "the link waits to be sent to {number}",
    SmsState.HANDED_ON: "the link to {number} was handed on",
    SmsState.SENT: "the link was sent to {number}",
    SmsState.UNKNOWN: "whether the link was sent to {number} is not known",
    SmsState.DELIVERED: "the link has arrived at {number}",
    SmsState.OPENED: "the link was opened",
    SmsState.FAILED: "the link was not sent to {number}",
}


class MessagingCabinet(LinkCabinet, Protocol):
    """A cabinet of links or messages; `alarm`: what is wrong with it, "" for nothing."""

    @property
    def alarm(self) -> str: ...

    async def close(self) -> None: ...


class Messaging:
    """Links and messages of the gateway.

    Args:
        settings: with the name of the carrier.
        api: as it is now.
        store: path of the store; what is not sent by itself is written beside it.
        keep: opens the cabinet of a kind.
        tell: tells other programs of an invitation; returns why nobody hears it.
        sip: makes a carrier through a trunk.
        publish: puts a notice on the bus.
    """

    def __init__(
        self,
        settings: SmsSettings,
        api: Callable[[], ApiSettings],
        store: str,
        clock: Clock,
        ids: IdSource,
        *,
        keep: Callable[[str], MessagingCabinet],
        tell: Callable[[Invited], str],
        sip: Callable[[SipSmsSettings], SmsCarrier],
        recorder: Recorder,
        publish: Callable[[object], None],
    ) -> None:
        self.guesses = Guesses()
        self._clock = clock
        self._recorder = recorder
        self._publish = publish
        self._is_file = settings.carrier == OUTBOX
        self._cabinets = [keep(SMS), keep(LINKS)]
        carrier = build_carrier(
            settings,
            clock,
            ids,
            outbox=beside(store, "sms-outbox.jsonl"),
            tell=lambda sms: tell(_invited(sms)),
            sip=sip,
            receipts=api().guest_url.removesuffix("/").removesuffix("/guest"),
            heard=self._heard,
        )
        windows = {one.name: one.window for one in settings.smpp} | {one.name: one.window for one in settings.http}
        window = windows.get(settings.carrier, 4)
        effort = SmsEffort(SmsRules(settings.attempts, settings.queue), window, settings.late_s)
        self._post = SmsPost(effort, carrier, self._cabinets[0], clock, ids, self._changed)
        links = Links(self._cabinets[1], clock)
        self.inviting = Inviting(settings, links, self._post, clock, ids, api)

    async def start(self) -> None:
        """Take up what a former process has left, and begin to send."""
        await self.inviting.start()

    def hold(self) -> None:
        """Begin nothing more: what is sent by the next process must not be under way in this one."""
        self._post.hold()

    async def stop(self) -> None:
        """Send nothing more."""
        await self.inviting.stop()
        for cabinet in self._cabinets:
            await cabinet.close()

    def on_call(self, view: CallView) -> None:
        """A call changed."""
        self.inviting.on_call(view)

    def alarms(self) -> list[str]:
        """List what is wrong, in plain words."""
        cabinets = [cabinet.alarm for cabinet in self._cabinets]
        return [*self.inviting.alarms(), *cabinets, self.guesses.alarm(self._clock.now())]

    def _heard(self, carrier: str, receipt: SmsReceipt) -> None:
        self._post.receive(carrier, receipt)

    def _changed(self, news: SmsChanged) -> None:
        """Tell of a message: the trace all of it, the desk what it can use."""
        sms = news.sms
        if sms.state is SmsState.SENDING:
            return
        number = masked_number(sms.number) if sms.number else "nobody"
        text = _WORDS[sms.state].format(number=number) + (f": {sms.reason}" if sms.reason else "")
        self._recorder.event(sms.call_id, "", "note", text)
        if (sms.state is SmsState.HANDED_ON and self._is_file) or sms.reason == NO_NUMBER:
            return  # the desk knows already that nothing sends it
        if sms.state is not SmsState.QUEUED or sms.attempts == 1:
            # Without the number: the desk may not be meant to know it.
            told = _WORDS[sms.state].format(number="the phone") + (f": {sms.reason}" if sms.reason else "")
            self._publish(Notice(sms.call_id, f"link-{sms.state}", told, invitation=sms.id))


def _invited(sms: Sms) -> Invited:
    return Invited(sms.id, sms.call_id, sms.number, sms.text, sms.link, sms.deadline, sms.by)
