"""A certificate of our own, for a first start: others must be told to believe it. Pure but for the clock and chance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

_LASTS = timedelta(days=397)  # browsers take none that lasts longer (CA/Browser Forum BR 6.3.2)


def self_signed(host: str, name: str) -> str:
    """A new key and a certificate for an address and a host name, as one PEM text.

    Args:
        host: an IP address.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64] or host)])
    names: list[x509.GeneralName] = [x509.IPAddress(ip_address(host))]
    if name and all(part.isascii() for part in name):
        names.append(x509.DNSName(name))
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # the clock of a browser may be behind
        .not_valid_after(now + _LASTS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (certificate.public_bytes(pem) + private).decode()
