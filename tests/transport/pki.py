"""An authority and its certificates, made by the machine's own openssl."""

from __future__ import annotations

import base64
import hashlib
import ssl
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from splitter.transport.settings import TlsSettings

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_EVER = TemporaryDirectory(prefix="splitter-pki-")
"""Lives as long as the test process; making keys again for each test would take longer than the tests."""


@dataclass(frozen=True)
class Paper:
    """A certificate and its key, both paths of PEM files."""

    certificate: Path
    key: Path

    def settings(self, **fields: Any) -> TlsSettings:
        """For our side, with the authority of all papers here."""
        known: dict[str, object] = {"ca": str(authority().certificate), **fields}
        return TlsSettings(str(self.certificate), str(self.key), **known)  # type: ignore[arg-type]

    def server(self, *, demand: bool = False) -> ssl.SSLContext:
        """For a peer that we connect to."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority().certificate)
        context.load_cert_chain(self.certificate, self.key)
        context.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_NONE
        return context

    def pin(self) -> str:
        """Its public key's SHA-256 in base64 (RFC 7469 §2.4)."""
        key = _openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")
        return base64.b64encode(hashlib.sha256(key).digest()).decode()


def client(paper: Paper | None = None) -> ssl.SSLContext:
    """For a peer that connects to us."""
    context = ssl.create_default_context(cafile=authority().certificate)
    context.check_hostname = False
    if paper is not None:
        context.load_cert_chain(paper.certificate, paper.key)
    return context


@cache
def authority() -> Paper:
    """Who signs all other papers."""
    paper = _paper("authority")
    _openssl(
        *("req", "-x509", *_KEY, "-keyout", paper.key, "-out", paper.certificate, "-days", "30"),
        *("-subj", "/CN=authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),  # RFC 5280 §4.2.1.3
    )
    return paper


@cache
def paper(
    names: str = "IP:127.0.0.1", *, serial: int = 1, days: int = 30, signed: bool = True, ended: bool = False
) -> Paper:
    """A certificate for these alternative names; each `serial` is another one.

    Args:
        days: that it holds from now on.
        signed: by the authority, else by itself.
        ended: it has expired long ago; it has no names then.
    """
    made = _paper(f"{names}-{serial}-{days}-{signed}-{ended}".replace("/", "_").replace("*", "star"))
    if ended:
        return _ended(made)
    by = ("-CA", authority().certificate, "-CAkey", authority().key) if signed else ()
    extensions = ("-addext", f"subjectAltName={names}") if names else ()
    _openssl(
        *("req", "-x509", *_KEY, "-keyout", made.key, "-out", made.certificate, "-days", str(days)),
        *("-set_serial", str(serial), "-subj", "/CN=common.example", *extensions, *by),
        *("-addext", "basicConstraints=critical,CA:false"),
    )
    return made


def _ended(made: Paper) -> Paper:
    """One that has expired: only `openssl ca` makes those."""
    folder = made.certificate.parent
    request, database = folder / "request.pem", folder / "index.txt"
    _openssl("req", "-new", *_KEY, "-keyout", made.key, "-out", request, "-subj", "/CN=common.example")
    database.write_text("")
    (folder / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=a\n[a]\ndatabase={database}\nnew_certs_dir={folder}\nrand_serial=yes\npolicy=p\n"
        "default_md=sha256\n[p]\ncommonName=supplied\n"
    )
    _openssl(
        *("ca", "-batch", "-config", folder / "ca.cnf", "-in", request, "-out", made.certificate, "-notext"),
        *("-cert", authority().certificate, "-keyfile", authority().key),
        *("-startdate", "20200101000000Z", "-enddate", "20210101000000Z"),
    )
    return made


def _paper(name: str) -> Paper:
    folder = Path(_EVER.name) / name.replace(":", "_").replace(",", "_")
    folder.mkdir(exist_ok=True)
    return Paper(folder / "certificate.pem", folder / "key.pem")


def _openssl(*arguments: str | Path) -> bytes:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
