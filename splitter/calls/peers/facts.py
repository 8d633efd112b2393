"""What the network says of a caller beside the call itself: where the phone is, how it is charged, what it can. Pure.

Taken from trusted trunks alone, shown to the API and kept with the call, never passed to the centre. Whatever cannot be
read is left out: a bad location must not fail a call.
"""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import unquote as unescape

from splitter.calls.peers.identity import is_private
from splitter.calls.peers.location import place_in
from splitter.core.errors import PeerError
from splitter.core.frozen import frozen
from splitter.core.text import plain
from splitter.sip.message import Message, Request
from splitter.sip.multipart import parts
from splitter.sip.uri import NameAddr

PIDF = "application/pidf+xml"
_LONGEST = 200


@frozen
class CallerFacts:
    """The facts that are known of a caller; empty or None where they are not.

    Attributes:
        access_network: P-Access-Network-Info as it came, cell id included (RFC 7315 §4.4).
        latitude, longitude: degrees in WGS 84, from a PIDF-LO body (RFC 4119, RFC 5491).
        radius_m: how uncertain that is.
        civic_address: its civic address, largest part first.
        location_uri: where the location can be asked for, if it was sent by reference (RFC 6442 §3.1).
        charging_id: the icid of P-Charging-Vector (RFC 7315 §4.6).
        video_capable: the phone's Contact names the feature `video` (RFC 3840), or it asks for a peer that has it
            (Accept-Contact, RFC 3841); None where neither names any feature.
        private: the caller hides its number (RFC 3323): not for desks, though we may know it (RFC 3325 §7).
    """

    access_network: str = ""
    latitude: float | None = None
    longitude: float | None = None
    radius_m: float | None = None
    civic_address: str = ""
    charging_id: str = ""
    location_uri: str = ""
    video_capable: bool | None = None
    private: bool = False


def facts_of(request: Request, trusted: bool) -> CallerFacts:
    """Read what an INVITE says of its caller.

    Args:
        trusted: of the trunk it came from; a stranger's word on location and charging is not taken.
    """
    capable, private = video_capable(request), is_private(request)
    if not trusted:
        return CallerFacts(video_capable=capable, private=private)
    place = place_in(_document(request))
    return CallerFacts(
        access_network=plain((request.headers.get("p-access-network-info") or "")[:_LONGEST]),
        latitude=place.latitude,
        longitude=place.longitude,
        radius_m=place.radius_m,
        civic_address=plain(place.address[:_LONGEST]),
        charging_id=plain(_charging_id(request)),
        location_uri=plain(
            next((uri for uri in _places(request) if not uri.lower().startswith("cid:")), "")[:_LONGEST]
        ),
        video_capable=capable,
        private=private,
    )


def video_capable(message: Message) -> bool | None:
    """Whether the phone that sent this can show video; None where it names no feature. See CallerFacts."""
    with suppress(PeerError):
        contact = message.contact
        features = {name.lower() for name in contact.params} if contact is not None else set()
        if features & {"audio", "video", "text", "+g.3gpp.icsi-ref"}:
            return "video" in features
    with suppress(PeerError):
        if any("video" in _names(value) for value in message.headers.values("accept-contact")):
            return True
    return None


def _names(value: str) -> set[str]:
    """The names of the parameters in `*;video;explicit`."""
    return {word.partition("=")[0].strip().lower() for word in value.split(";")[1:]}


def _charging_id(request: Request) -> str:
    for word in (request.headers.get("p-charging-vector") or "").split(";"):
        name, _, value = word.partition("=")
        if name.strip().lower() == "icid-value":
            return value.strip().strip('"')[:_LONGEST]
    return ""


def _document(request: Request) -> bytes:
    """The location that the Geolocation header points to first (RFC 6442 §4.1), else any that is there."""
    try:
        documents = [part for part in parts(request) if part.content_type == PIDF]
    except PeerError:
        return b""
    named = {(part.headers.get("content-id") or "").strip(" <>").lower(): part.body for part in documents}
    for uri in _places(request):
        scheme, _, name = uri.partition(":")
        if scheme.lower() == "cid" and (body := named.get(unescape(name).lower())):
            return body
    return documents[0].body if documents else b""


def _places(request: Request) -> list[str]:
    """The URIs in Geolocation, the preferred one first; what cannot be read is left out."""
    found = []
    with suppress(PeerError):
        for value in request.headers.values("geolocation"):
            found.append(NameAddr.parse(value).uri)
    return found
