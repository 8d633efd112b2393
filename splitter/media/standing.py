"""How things stand with a relay or room: the events of it, summed up for whoever listens from now on. Pure.

Only the last word on each matter counts: a picture that stopped is not one that started. Requests that pass (a key
frame is wanted) are no matter of that kind: who wants one asks again.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.media.ports.events import (
    KeysDoubted,
    MediaEvent,
    MediaStarted,
    PictureStopped,
    SourceShown,
    SourceUnfit,
    SpeakerChanged,
    StrangerHeard,
    TransportChanged,
    VoiceMissed,
    VoiceOffloaded,
    VoiceReturned,
)

_KEYS = "keys"
_STREAM, _STRANGER, _SHOWN, _UNFIT, _TRANSPORT = "stream", "stranger", "shown", "unfit", "transport"
_SPEAKER = "speaker"
_CARRIER, _SILENCE = "carrier", "silence"


class Standing:
    """The last word on each matter of one relay or room."""

    __slots__ = ("_last",)

    def __init__(self, events: tuple[MediaEvent, ...] = ()) -> None:
        self._last: dict[tuple[str, str], MediaEvent] = {}
        for event in events:
            self.note(event)

    @property
    def events(self) -> tuple[MediaEvent, ...]:
        """Events that are to be told, in the order in which they happened."""
        return tuple(self._last.values())

    def note(self, event: MediaEvent) -> None:
        """Something happened."""
        match event:
            case MediaStarted():
                self._last.pop((_STRANGER, event.end), None)
                self._last.pop((_KEYS, event.end), None)
                self._set(_STREAM, event.end, event)
            case PictureStopped():
                self._set(_STREAM, event.participant, event)
            case KeysDoubted():
                self._set(_KEYS, event.end, event)
            case StrangerHeard():
                self._set(_STRANGER, event.end, event)
            case SourceShown():
                if event.source != "slate":  # which is what a picture that does not fit is replaced with
                    self._last.pop((_UNFIT, event.viewer), None)
                self._set(_SHOWN, event.viewer, event)
            case SourceUnfit():
                self._set(_UNFIT, event.viewer, event)
            case SpeakerChanged():
                self._set(_SPEAKER, "", event)
            case VoiceMissed() | VoiceReturned():
                self._set(_SILENCE, event.end, event)
            case VoiceOffloaded():
                self._set(_CARRIER, "", replace(event, fault=False))  # it is counted already
            case TransportChanged():
                self._set(_TRANSPORT, event.participant, event)

    def _set(self, matter: str, whose: str, event: MediaEvent) -> None:
        self._last.pop((matter, whose), None)  # the dict is in the order of what happened
        self._last[matter, whose] = event

    def pointed(self, end: str) -> None:
        """SDP named the peer of an end (again): strangers of before are none of its any more."""
        self._last.pop((_STRANGER, end), None)
        self._last.pop((_KEYS, end), None)

    def paused(self, end: str) -> None:
        """Nothing is taken from an end for now."""
        self.pointed(end)
        self._last.pop((_STREAM, end), None)

    def left(self, name: str) -> None:
        """A participant is gone, and all that was to be said of it."""
        self._last = {matter: event for matter, event in self._last.items() if matter[1] != name}
