"""Metadata of a recording session (RFC 7865): who takes part in what, as XML. Pure.

Each document is complete (datamode), so a recorder that missed one has lost nothing. Identifiers are UUIDs in base64,
made of names, so that the gateway that comes after this one says the same.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as Xml

NAMESPACE = "urn:ietf:params:xml:ns:recording:1"
CONTENT_TYPE = "application/rs-metadata+xml"
_ROOT = uuid.UUID("5f4ad7f1-3d0b-4c55-9b53-0f5ed4d1a7b6")
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(frozen=True, slots=True)
class RecordedStream:
    """A stream of the session: its label in SDP, and by whom it is sent."""

    label: str
    sender: str


@dataclass(frozen=True, slots=True)
class RecordedPerson:
    """Somebody who takes part.

    Attributes:
        id: unique in the call.
        aor: an address of theirs, as URI. name: as people say it.
        since, until: when they took part, in Unix seconds; None: they still do.
        hears: they hear the voices of the others.
    """

    id: str
    aor: str
    name: str = ""
    since: float = 0.0
    until: float | None = None
    hears: bool = True


@dataclass(frozen=True, slots=True)
class RecordingMetadata:
    """All that a recorder is told.

    Attributes:
        call_id: of the call. session_ids: as in its Session-ID headers (RFC 7989).
        begun: in Unix seconds.
        voices: the labels of streams that are voices.
    """

    call_id: str
    session_ids: tuple[str, ...]
    begun: float
    people: tuple[RecordedPerson, ...]
    streams: tuple[RecordedStream, ...]
    voices: frozenset[str] = frozenset()


def identifier(*words: str) -> str:
    """The identifier of what these words name."""
    return base64.b64encode(uuid.uuid5(_ROOT, "\n".join(words)).bytes).decode()


def write_metadata(about: RecordingMetadata) -> bytes:
    """The document (RFC 7865 §8 has its schema; elements stand in its order)."""
    root = Xml.Element("recording", {"xmlns": NAMESPACE})
    session = identifier(about.call_id, "session")
    _add(root, "datamode", "complete")
    one = _add(root, "session", session_id=session)
    for named in about.session_ids:
        _add(one, "sipSessionID", named)
    _add(one, "start-time", _time(about.begun))
    for person in about.people:
        _add_person(root, about.call_id, person)
    for stream in about.streams:
        added = _add(root, "stream", stream_id=_stream(about, stream), session_id=session)
        _add(added, "label", stream.label)
    _add(_add(root, "sessionrecordingassoc", session_id=session), "associate-time", _time(about.begun))
    for person in about.people:
        took = _add(root, "participantsessionassoc", participant_id=_person(about, person), session_id=session)
        _add_times(took, person)
    for person in about.people:
        _add_streams(root, about, person)
    text: str = Xml.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def _add_person(root: Xml.Element, call_id: str, person: RecordedPerson) -> None:
    named = _add(
        _add(root, "participant", participant_id=identifier(call_id, "person", person.id)), "nameID", aor=person.aor
    )
    if person.name:
        _add(named, "name", person.name).set(_LANGUAGE, "und")


def _add_streams(root: Xml.Element, about: RecordingMetadata, person: RecordedPerson) -> None:
    if person.until is not None:
        return
    sends = [stream for stream in about.streams if stream.sender == person.id]
    hears = [one for one in about.streams if person.hears and one.sender != person.id and one.label in about.voices]
    if not sends and not hears:
        return
    took = _add(root, "participantstreamassoc", participant_id=_person(about, person))
    for stream in sends:
        _add(took, "send", _stream(about, stream))
    for stream in hears:
        _add(took, "recv", _stream(about, stream))
    _add(took, "associate-time", _time(person.since))


def _add_times(element: Xml.Element, person: RecordedPerson) -> None:
    _add(element, "associate-time", _time(person.since))
    if person.until is not None:
        _add(element, "disassociate-time", _time(person.until))


def _person(about: RecordingMetadata, person: RecordedPerson) -> str:
    return identifier(about.call_id, "person", person.id)


def _stream(about: RecordingMetadata, stream: RecordedStream) -> str:
    return identifier(about.call_id, "stream", stream.label)


def _add(parent: Xml.Element, name: str, text: str = "", **attributes: str) -> Xml.Element:
    element = Xml.SubElement(parent, name, attributes)
    if text:
        element.text = _readable(text)
    return element


def _readable(text: str) -> str:
    """Text without what XML cannot hold (XML 1.0 §2.2): names come from strangers."""
    return "".join(
        " " if letter in "\t\n" else letter  # a line of its own could look like a boundary of MIME
        for letter in text
        if letter in "\t\n" or " " <= letter <= "\ud7ff" or "\ue000" <= letter <= "\ufffd" or letter >= "\U00010000"
    )


def _time(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
