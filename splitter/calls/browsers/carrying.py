"""The meaning of our descriptions for a browser: what its adapter carries, and the answer. Does no I/O."""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.browsers.line import BrowserLine
from splitter.calls.talk.browser import BrowserRecord
from splitter.calls.talk.voice import remote_end
from splitter.media.ports.adapters import AdapterSetting
from splitter.sdp import webcaller
from splitter.sdp.model import Origin, Session
from splitter.sdp.webcaller import BrowserOffer
from splitter.sdp.write import write

KBPS = 960
"""The most that a browser is asked to send."""


def carry(line: BrowserLine, browser: BrowserRecord, call: BrowserOffer, ours: Session) -> str:
    """Let the adapter and the browser go by a description of ours. Returns: how its voice goes, in words.

    Args:
        call: the browser's offer.
        ours: what we say to the phone that it is for us.
    """
    line.carry(setting_of(browser, call, ours))
    adapter, origin = browser.adapter, Origin.of(browser.adapter.public.host, 1)
    answer = webcaller.answer_browser(call, adapter.public, adapter.secure, origin, KBPS, ours)
    line.show(answer=write(answer).decode(), held=_held(ours))
    return in_words(call, ours)


def in_words(call: BrowserOffer, ours: Session) -> str:
    """The codecs on either side of the adapter, for the trace; "" where nothing is spoken."""
    chosen, plan = webcaller.chosen_voice(ours), webcaller.transcoded(call, ours)
    if chosen is None:
        return ""
    inside = f"{chosen[0].upper() if chosen[0] != 'opus' else 'opus'}/{chosen[1]}"
    if plan is None:
        return f"voice: {inside}, straight through"
    red = " with RED" if plan.red_type is not None else ""
    return f"voice: opus/{plan.browser.clock_rate}{red} in the browser, {inside} inside: transcoded"


def setting_of(browser: BrowserRecord, call: BrowserOffer, ours: Session) -> AdapterSetting:
    """Setting of the adapter by both descriptions; arguments as of `carry`."""
    voice, picture = webcaller.numbering(call, ours)
    setting = AdapterSetting(browser.secure, voice, picture, transcoding=webcaller.transcoded(call, ours))
    for index, media in enumerate(ours.media):
        if media.kind == "audio" and media.port:
            setting = replace(setting, voice=remote_end(ours, index))
        elif media.kind == "video" and media.port and browser.camera:
            setting = replace(setting, picture=remote_end(ours, index))
    return setting


def _held(ours: Session) -> bool:
    """True where we do not listen."""
    lines = enumerate(ours.media)
    voices = [index for index, media in lines if media.kind == "audio" and media.port]
    return any(ours.direction_of(index) in ("sendonly", "inactive") for index in voices)
