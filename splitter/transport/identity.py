"""Whom a certificate speaks for (RFC 5922 §7). Pure; certificates are what `ssl.SSLSocket.getpeercert` returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from splitter.core.errors import PeerError
from splitter.sip.uri import parse_uri

Certificate = Mapping[str, Any]


def identities(certificate: Certificate) -> set[str]:
    """The SIP domains and addresses of a certificate, in lower case (§7.1).

    A `sip:` URI among the alternative names says more than DNS names do, and leaves them out. The common name counts
    only where there are no alternative names at all.
    """
    names = certificate.get("subjectAltName", ())
    if not names:
        subject = (pair for part in certificate.get("subject", ()) for pair in part)
        return {value.lower() for key, value in subject if key == "commonName"}
    domains = {domain for kind, value in names if kind == "URI" and (domain := _domain(value))}
    domains = domains or {value.lower() for kind, value in names if kind == "DNS"}
    return domains | {str(ip_address(value.strip())) for kind, value in names if kind == "IP Address"}


def proves(certificate: Certificate, wanted: Iterable[str]) -> bool:
    """True where the certificate speaks for one of these domains or addresses. Wildcards match nothing (§7.2)."""
    return not identities(certificate).isdisjoint(name.lower() for name in wanted)


def _domain(uri: str) -> str | None:
    """The domain of a `sip:` URI; None for another scheme, or for one person in it (§7.1)."""
    if not uri.lower().startswith("sip:"):
        return None
    try:
        parsed = parse_uri(uri)
    except PeerError:
        return None
    return None if parsed.user else parsed.host.lower()
