"""What RFC 7866 and RFC 7865 want of a recording client: its faults in words. Pure.

Written without the gateway's own code for metadata, so that one can catch the other.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree as Xml

from splitter.core.errors import PeerError
from splitter.sdp.model import Session
from splitter.sdp.parse import parse
from splitter.sip.message import Request
from splitter.sip.multipart import parts

_SPACE = "{urn:ietf:params:xml:ns:recording:1}"
# RFC 7865 §8.1.1: the children of each element in the order of their sequence, and its attributes that must be there.
_CHILDREN = {
    "recording": (
        "datamode",
        "group",
        "session",
        "participant",
        "stream",
        "sessionrecordingassoc",
        "participantsessionassoc",
        "participantstreamassoc",
    ),
    "session": ("sipSessionID", "reason", "group-ref", "start-time", "stop-time"),
    "participant": ("nameID",),
    "nameID": ("name",),
    "stream": ("label", "content-type"),
    "sessionrecordingassoc": ("associate-time", "disassociate-time"),
    "participantsessionassoc": ("associate-time", "disassociate-time", "param"),
    "participantstreamassoc": ("send", "recv", "associate-time", "disassociate-time"),
}
_ATTRIBUTES = {
    "session": ("session_id",),
    "participant": ("participant_id",),
    "nameID": ("aor",),
    "stream": ("stream_id", "session_id"),
    "sessionrecordingassoc": ("session_id",),
    "participantsessionassoc": ("participant_id", "session_id"),
    "participantstreamassoc": ("participant_id",),
}
_UUID_BYTES = 16


@dataclass(slots=True)
class SaidPerson:
    """A participant as the metadata have it: its address, and the labels of the streams that it sends and gets."""

    aor: str
    gone: bool = False
    sends: list[str] = field(default_factory=list)
    gets: list[str] = field(default_factory=list)


@dataclass(slots=True)
class SaidSession:
    """What one document says. `people`: by their addresses. `named`: the Session-ID."""

    people: dict[str, SaidPerson] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    named: str = ""


def examined(request: Request) -> tuple[Session | None, SaidSession | None, list[str]]:
    """Read an INVITE or UPDATE of a recording session. Returns: its description, its metadata, and what is wrong."""
    faults: list[str] = []
    bodies = {part.content_type: part for part in parts(request)}
    first = not request.to_tag
    if first and "siprec" not in [one.lower() for one in request.headers.values("require")]:
        faults.append("RFC 7866 §6.1.1: Require: siprec is missing")
    if "+sip.src" not in (request.headers.get("contact") or ""):
        faults.append("RFC 7866 §6.1.1: the Contact does not say +sip.src")
    sdp, xml = bodies.get("application/sdp"), bodies.get("application/rs-metadata+xml")
    if first and (sdp is None or xml is None):
        faults.append("RFC 7866 §9.1: the INVITE has no description, or no metadata")
    if xml is not None and xml.disposition != "recording-session":
        faults.append("RFC 7866 §9.1: the metadata are not of the disposition recording-session")
    session = said = None
    try:
        session = parse(sdp.body) if sdp is not None else None
    except PeerError as error:
        faults.append(f"the description cannot be read: {error.reason}")
    if xml is not None:
        said, found = read_metadata(xml.body)
        faults += found
    if session is not None:
        faults += _lines(session)
    if session is not None and said is not None:
        labels = {line.get("label") or "" for line in session.media}
        faults += [f"label {one} stands in the metadata alone" for one in said.labels if one not in labels]
        faults += [f"label {one} stands in the description alone" for one in labels - set(said.labels)]
    return session, said, faults


def _lines(session: Session) -> Iterator[str]:
    seen: set[str] = set()
    for index, line in enumerate(session.media):
        label = line.get("label") or ""
        if not label or label in seen:
            yield f"RFC 7866 §7.1.1.1: line {index + 1} has no label of its own"
        seen.add(label)
        if session.direction_of(index) not in ("sendonly", "inactive"):
            yield f"RFC 7866 §7.1.1.1: line {index + 1} is {session.direction_of(index)}"


def read_metadata(document: bytes) -> tuple[SaidSession, list[str]]:
    """Read a document. Returns: what it says, and what is wrong."""
    said = SaidSession()
    try:
        root = Xml.fromstring(document)
    except Xml.ParseError as error:
        return said, [f"the metadata are no XML: {error}"]
    if root.tag != f"{_SPACE}recording":
        return said, [f"RFC 7865 §8: the root is {root.tag}"]
    faults = list(_shape(root))
    faults += [f"no datamode, or {one!r}" for one in [root.findtext(f"{_SPACE}datamode")] if one != "complete"]
    sessions = {one.get("session_id"): one for one in root.findall(f"{_SPACE}session")}
    streams = {one.get("stream_id"): one.findtext(f"{_SPACE}label") or "" for one in root.findall(f"{_SPACE}stream")}
    people = {}
    for one in root.findall(f"{_SPACE}participant"):
        named = one.find(f"{_SPACE}nameID")
        person = SaidPerson((named.get("aor") or "") if named is not None else "")
        people[one.get("participant_id")] = said.people[person.aor] = person
    said.labels = [*streams.values()]
    said.named = next((text for one in sessions.values() if (text := one.findtext(f"{_SPACE}sipSessionID"))), "")
    for kind, wanted in (
        ("stream", sessions),
        ("sessionrecordingassoc", sessions),
        ("participantsessionassoc", sessions),
    ):
        for one in root.findall(f"{_SPACE}{kind}"):
            if one.get("session_id") not in wanted:
                faults.append(f"{kind}: there is no such session")
    for one in root.findall(f"{_SPACE}participantsessionassoc"):
        who = people.get(one.get("participant_id"))
        if who is None:
            faults.append("participantsessionassoc: there is no such participant")
        else:
            who.gone = one.find(f"{_SPACE}disassociate-time") is not None
    for one in root.findall(f"{_SPACE}participantstreamassoc"):
        who = people.get(one.get("participant_id"))
        for child, gathered in (("send", who.sends if who else []), ("recv", who.gets if who else [])):
            for text in (each.text for each in one.findall(f"{_SPACE}{child}")):
                gathered.append(streams.get(text, f"no stream {text}"))
    faults += [f"{who.aor}: {one}" for who in people.values() for one in (*who.sends, *who.gets) if " " in one]
    return said, faults


def _shape(element: Xml.Element) -> Iterator[str]:
    name = element.tag.removeprefix(_SPACE)
    order = _CHILDREN.get(name, ())
    at = 0
    for child in element:
        kind = child.tag.removeprefix(_SPACE)
        if child.tag.startswith(_SPACE):
            if kind not in order:
                yield f"RFC 7865 §8: {kind} stands in {name}"
            elif order.index(kind) < at:
                yield f"RFC 7865 §8: {kind} stands too late in {name}"
            else:
                at = order.index(kind)
            yield from _shape(child)
    for attribute in _ATTRIBUTES.get(name, ()):
        value = element.get(attribute)
        if not value:
            yield f"RFC 7865 §8: {name} has no {attribute}"
        elif attribute.endswith("_id") and not _is_id(value):
            yield f"RFC 7865 §6.10: {attribute} {value!r} is no UUID in base64"
    for text in [element.text or ""] if name.endswith("-time") else []:
        if len(text) < 20 or text[10] != "T" or not text.endswith("Z"):
            yield f"RFC 3339: {name} is {text!r}"


def _is_id(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == _UUID_BYTES
    except (binascii.Error, ValueError):
        return False
