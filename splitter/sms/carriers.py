"""Builds the carrier that the configuration names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from splitter.core.clock import Clock
from splitter.core.ids import IdSource
from splitter.sms.http import HttpCarrier
from splitter.sms.message import Sms, SmsCarrier, SmsReceipt
from splitter.sms.outbox import OutboxFile, ToldCarrier
from splitter.sms.settings import WEBHOOK, SipSmsSettings, SmsSettings
from splitter.sms.smpp.link import SmppLink


def build_carrier(
    settings: SmsSettings,
    clock: Clock,
    ids: IdSource,
    *,
    outbox: Path | None,
    tell: Callable[[Sms], str],
    sip: Callable[[SipSmsSettings], SmsCarrier],
    receipts: str,
    heard: Callable[[str, SmsReceipt], None],
) -> SmsCarrier:
    """Make the carrier of this name; the outbox file where it is none that sends.

    Args:
        outbox: the file.
        tell: tells other programs; returns why nobody hears it.
        sip: makes a carrier through a trunk.
        receipts: where our API is reached from outside.
        heard: told of receipts that come over the carrier itself.
    """
    name = settings.carrier
    if name == WEBHOOK:
        return ToldCarrier(tell)
    for smpp in settings.smpp:
        if smpp.name == name:
            return SmppLink(smpp, clock, ids, heard)
    for http in settings.http:
        if http.name == name:
            return HttpCarrier(http, clock, ids, receipts)
    for trunk in settings.sip:
        if trunk.name == name:
            return sip(trunk)
    return OutboxFile(outbox)
