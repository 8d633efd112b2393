"""TLS of every network: who we are and whom we believe (RFC 3261 §26.2, RFC 5922). Does I/O: reads PEM files.

Contexts are made anew at each reload: connections that begin later use them, those that live keep what they have.
"""

from __future__ import annotations

import ssl
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from splitter.core.errors import LocalError
from splitter.core.net import Address
from splitter.transport.identity import Certificate, identities, proves
from splitter.transport.settings import Network, TlsSettings
from splitter.transport.x509 import Validity, validity

_NOT_THE_KEY = "KEY_VALUES_MISMATCH"


class TlsFault(NamedTuple):
    """A fault of one of the files: the key of the setting, what, and the remedy."""

    key: str
    what: str
    remedy: str


class TlsIdentity(NamedTuple):
    """What a network needs to speak TLS."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    validity: Validity


class TlsIdentities:
    """The TLS identities of all networks.

    Args:
        networks: those without `tls` have none.
    """

    def __init__(self, networks: Mapping[str, Network]) -> None:
        self._settings = tls_of(networks)
        self._identities: dict[str, TlsIdentity] = {}
        self._names: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def load(self) -> None:
        """Read all files for the first time. Raises LocalError where one cannot be used, with the reason."""
        self._identities = identities_of(self._settings)

    def adopt(self, networks: Mapping[str, Network], identities: Mapping[str, TlsIdentity]) -> None:
        """Be these from now on; live connections keep what they have.

        Args:
            identities: what `identities_of` has read for the networks.
        """
        self._settings = tls_of(networks)
        self._identities = dict(identities)

    def server(self, network: str) -> ssl.SSLContext:
        """The context for connections that a peer opens."""
        return self._identity(network).server

    def client(self, network: str) -> ssl.SSLContext:
        """The context for connections that we open."""
        return self._identity(network).client

    def validities(self) -> dict[str, Validity]:
        """The times between which our certificates hold, by network."""
        return {name: known.validity for name, known in self._identities.items()}

    def expect(self, network: str, host: str, name: str) -> None:
        """A server at this address may prove to be `name`: that is how it was looked up, or what the operator said."""
        self._names[network, host].add(name)

    def expect_no_longer(self, network: str, host: str, name: str) -> None:
        """A server at this address is no longer that one."""
        self._names[network, host].discard(name)

    def server_name(self, network: str, host: str) -> str:
        """What to ask the server at an address for (RFC 6066 §3)."""
        return min(self._names.get((network, host)) or (host,))

    def objection(self, network: str, remote: Address, certificate: Certificate | None) -> str:
        """What speaks against the server at the other end (RFC 5922 §7.3); empty for nothing."""
        tls = self._settings[network]
        if not tls.verify:
            return ""
        wanted = self._names.get((network, remote.host)) or {remote.host}
        if certificate and proves(certificate, wanted):
            return ""
        shown = ", ".join(sorted(identities(certificate))) if certificate else "nobody"
        return f"its certificate is for {shown or 'nobody'}, not for {' or '.join(sorted(wanted))}"

    def _identity(self, network: str) -> TlsIdentity:
        known = self._identities.get(network)
        if known is None:
            raise LocalError(f"network {network!r} has no certificate")
        return known


def tls_of(networks: Mapping[str, Network]) -> dict[str, TlsSettings]:
    """The settings of those networks that have a certificate."""
    return {name: network.tls for name, network in networks.items() if network.tls is not None}


def identities_of(settings: Mapping[str, TlsSettings]) -> dict[str, TlsIdentity]:
    """Read the files of networks.

    Raises:
        LocalError: one cannot be used, with the reason.
    """
    found = {}
    for name, tls in settings.items():
        if wrong := faults(tls):
            fault = wrong[0]
            raise LocalError(f"network.{name}.{fault.key}: {fault.what}; {fault.remedy}")
        found[name] = identity(tls)
    return found


def identity(tls: TlsSettings) -> TlsIdentity:
    """The contexts of one network.

    Raises:
        OSError, ValueError: see `faults`, which tells why in words.
    """
    server = _context(ssl.PROTOCOL_TLS_SERVER, tls)
    if tls.client_certificate:
        server.verify_mode = ssl.CERT_REQUIRED
        _trust(server, tls, ssl.Purpose.CLIENT_AUTH)
    client = _context(ssl.PROTOCOL_TLS_CLIENT, tls)
    client.check_hostname = False  # that knows the rules of the web; ours are in `identity`
    client.verify_mode = ssl.CERT_REQUIRED if tls.verify else ssl.CERT_NONE
    _trust(client, tls, ssl.Purpose.SERVER_AUTH)
    return TlsIdentity(server, client, validity_of(tls))


def validity_of(tls: TlsSettings) -> Validity:
    """The times between which our certificate holds.

    Raises:
        OSError, ValueError: see `faults`.
    """
    return validity(Path(tls.certificate).read_text(encoding="latin-1"))


def faults(tls: TlsSettings) -> list[TlsFault]:
    """List what keeps the files from being used; an expired certificate is none, since calls may go on."""
    found: list[TlsFault] = []
    text = _read(tls.certificate, "certificate", found)
    if text is not None:
        try:
            validity(text)
        except ValueError as error:
            found.append(TlsFault("certificate", f"{tls.certificate} {error}", "give a PEM file with our certificate"))
    key = _read(tls.key or tls.certificate, "key", found) if tls.key or text is not None else None
    if key is not None:
        found += _faults_of_key(tls, key)
    if tls.ca and _read(tls.ca, "ca", found) is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(tls.ca)
        except (OSError, ValueError):
            found.append(
                TlsFault("ca", f"{tls.ca} holds no certificate", "give a PEM file with those of the authorities")
            )
    if found:
        return found
    try:
        identity(tls)
    except ssl.SSLError as error:
        if error.reason == _NOT_THE_KEY:
            what = f"{tls.key or tls.certificate} is not the key of {tls.certificate}"
            return [TlsFault("key", what, "give the two that were made together")]
        return [
            TlsFault("certificate", f"cannot be used: {error.reason or error}", "give PEM files that belong together")
        ]
    except (OSError, ValueError) as error:
        return [TlsFault("certificate", f"cannot be used: {error}", "give PEM files that belong together")]
    return []


def _faults_of_key(tls: TlsSettings, text: str) -> list[TlsFault]:
    if "PRIVATE KEY-----" not in text:
        return [TlsFault("key", f"{tls.key or tls.certificate} holds no private key", "give the PEM file that has it")]
    if "ENCRYPTED" in text:
        return [
            TlsFault("key", f"{tls.key or tls.certificate} needs a passphrase", "remove it: nobody is there to type")
        ]
    return []


def _read(path: str, key: str, found: list[TlsFault]) -> str | None:
    try:
        return Path(path).read_text(encoding="latin-1")  # notes between the blocks may be in any encoding
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        found.append(TlsFault(key, f"{path} cannot be read: {reason}", "correct the path, or its permissions"))
        return None


def _context(protocol: int, tls: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    # Without a password OpenSSL would ask for one on the terminal.
    context.load_cert_chain(tls.certificate, tls.key or None, password="")
    return context


def _trust(context: ssl.SSLContext, tls: TlsSettings, purpose: ssl.Purpose) -> None:
    if tls.ca:
        context.load_verify_locations(tls.ca)
    else:
        context.load_default_certs(purpose)
