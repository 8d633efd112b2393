"""Time stamps of the ledger (RFC 3161), by OpenSSL's authority; what they show that the chain alone does not."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from splitter.core.errors import LocalError
from splitter.media.record.keys import public_of, read_public
from splitter.media.record.ledger import folder_of, lines, read_line
from splitter.media.record.stamper import LedgerStamper
from splitter.media.record.stamps import Authority, authority_at, read_roots
from splitter.media.record.turns import InTurn
from splitter.media.record.verify import examine
from tests.media.record.kit import ABOUT, UNIX, Hand, Stage

CONFIG = """
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[leaf]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
certs = {folder}/ca.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


def openssl(*words: str, data: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an authority: its own certificate, and the one that this comes from."""
    folder = tmp_path_factory.mktemp("tsa")
    config = folder / "openssl.cnf"
    config.write_text(CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")
    new = ("req", "-config", str(config), "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for name in ("ca", "strange"):
        key, cert = str(folder / f"{name}.key"), str(folder / f"{name}.pem")
        openssl(*new, "-x509", "-subj", f"/CN={name}", "-extensions", "ca", "-days", "30", "-keyout", key, "-out", cert)
    openssl(*new, "-subj", "/CN=stamps", "-keyout", str(folder / "tsa.key"), "-out", str(folder / "tsa.csr"))
    sign = (
        "x509",
        "-req",
        "-in",
        str(folder / "tsa.csr"),
        "-CA",
        str(folder / "ca.pem"),
        "-CAkey",
        str(folder / "ca.key"),
    )
    openssl(*sign, "-extfile", str(config), "-extensions", "leaf", "-days", "30", "-out", str(folder / "tsa.pem"))
    return folder


def reply(tsa: Path, request: bytes) -> bytes:
    (tsa / "asked.tsq").write_bytes(request)
    openssl(
        "ts",
        "-reply",
        "-config",
        str(tsa / "openssl.cnf"),
        "-queryfile",
        str(tsa / "asked.tsq"),
        "-out",
        str(tsa / "answer.tsr"),
    )
    return (tsa / "answer.tsr").read_bytes()


@pytest.fixture
def url(tsa: Path) -> Iterator[str]:
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = reply(tsa, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/tsr"
        server.shutdown()
        thread.join()


class Stamped:
    """A recording whose ledger is stamped."""

    def __init__(self, folder: Path, authority: Callable[[bytes], bytes]) -> None:
        self.stage = Stage(folder, Hand(time.time() - UNIX))  # the authority knows what time it is
        self.troubles: list[str] = []
        studio, now = self.stage.studio, self.stage.host.wall
        self.stamper = LedgerStamper(studio.ledger, authority, InTurn(lambda work: work()), self.troubles.append, now)

    def record(self, id: str = "call-1") -> None:
        self.stage.studio.begin(ABOUT)
        self.stage.voice("caller").talk(0.2)
        self.stage.studio.end("call-1")

    def wrong(self, roots: str = "") -> list[str]:
        key = read_public(public_of(self.stage.folder.parent / "recordings.key"))
        return examine(self.stage.folder, key, roots=read_roots(roots)).wrong

    @property
    def stamps(self) -> list[Path]:
        return sorted(folder_of(self.stage.folder).glob("*.tsr"))


def authority_of(url: str) -> Authority:
    authority = authority_at(url)
    assert authority is not None
    return authority


@pytest.fixture
def made(tmp_path: Path, url: str) -> Stamped:
    made = Stamped(tmp_path / "recordings", authority_of(url))
    made.record()
    made.stamper.step()
    return made


def test_the_end_of_the_ledger_is_stamped_and_openssl_says_so_too(made: Stamped, tsa: Path, tmp_path: Path) -> None:
    assert [path.name for path in made.stamps] == ["2.tsr"] and made.troubles == [""] * len(made.troubles)
    assert made.wrong() == [] and made.wrong(str(tsa / "ca.pem")) == []
    (tmp_path / "letters").write_text(_hash_of(made, 2))
    openssl(
        "ts", "-verify", "-in", str(made.stamps[0]), "-data", str(tmp_path / "letters"), "-CAfile", str(tsa / "ca.pem")
    )


def _hash_of(made: Stamped, number: int) -> str:
    return next(
        entry.hash for _, line in lines(made.stage.folder) if (entry := read_line(line)) and entry.number == number
    )


def test_nothing_new_is_not_stamped_and_what_is_new_once_an_hour(made: Stamped) -> None:
    for _ in range(3):
        made.stamper.step()
        made.stage.host.time += 7200
    made.record()
    made.stamper.step()
    made.record()
    made.stamper.step()
    assert len(made.stamps) == 2


def test_an_authority_that_is_down_is_tried_again_and_said(tmp_path: Path, url: str) -> None:
    answers = [None, None, authority_of(url)]

    def authority(request: bytes) -> bytes:
        answer = answers.pop(0)
        if answer is None:
            raise LocalError("the time stamp authority: no route")
        return answer(request)

    made = Stamped(tmp_path / "recordings", authority)
    made.record()
    assert [made.stamper.step() for _ in range(3)] == [5.0, 10.0, 60.0]
    assert made.troubles == ["the time stamp authority: no route", ""] and len(made.stamps) == 1


@pytest.mark.parametrize("answer", [b"", b"nonsense", b"\x30\x03\x02\x01\x02"])
def test_an_authority_that_says_nonsense_is_not_believed(tmp_path: Path, answer: bytes) -> None:
    made = Stamped(tmp_path / "recordings", lambda _: answer)
    made.record()
    assert made.stamper.step() == 5.0 and made.troubles and not made.stamps


def test_the_stamp_of_another_request_is_not_believed(tmp_path: Path, made: Stamped) -> None:
    other = Stamped(tmp_path / "other" / "recordings", lambda _: made.stamps[0].read_bytes())
    other.record()
    other.stamper.step()
    assert other.troubles == ["the time stamp authority has stamped something else"]


class TestVerify:
    def test_a_ledger_that_was_written_anew_and_dated_back_is_found(self, tmp_path: Path, url: str) -> None:
        """By somebody who has the key: the authority does not date back."""
        made = Stamped(tmp_path / "recordings", authority_of(url))
        made.stage.host.time -= 30 * 86_400
        made.record()
        made.stamper.step()
        assert made.wrong() == ["ledger, entry 2: it was time-stamped later than entry 3 says"]

    def test_without_what_reads_stamps_nobody_is_called_a_forger(
        self, made: Stamped, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "rfc3161_client", None)
        (words,) = made.wrong()
        assert words.startswith("ledger: its time stamps were not looked at: time stamps need rfc3161-client")

    def test_half_a_stamp_that_a_killed_recorder_left_is_none(
        self, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = Stamped(tmp_path / "recordings", authority_of(url))
        made.record()
        real = Path.write_bytes

        def killed(path: Path, data: bytes) -> int:
            if made.stage.folder not in path.parents:
                return real(path, data)
            real(path, data[:100])
            raise KeyboardInterrupt

        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(Path, "write_bytes", killed)
            made.stamper.step()
        assert made.wrong() == [] and not made.stamps
        made.stage.started()
        assert not list(folder_of(made.stage.folder).glob("*.part"))

    def test_entries_taken_from_the_end_are_missed(self, made: Stamped) -> None:
        (ledger,) = folder_of(made.stage.folder).glob("*.jsonl")
        ledger.write_bytes(ledger.read_bytes().splitlines(keepends=True)[0])
        assert any("entry 2, which was time-stamped, is not there: entries were taken" in one for one in made.wrong())

    def test_a_stamp_that_was_removed_or_put_elsewhere_is_found(self, made: Stamped) -> None:
        made.stamps[0].rename(made.stamps[0].with_name("1.tsr"))
        found = made.wrong()
        assert any("(stamped): its time stamp is missing" in one for one in found)
        assert any("entry 1: its time stamp is not of it as it is now" in one for one in found)

    def test_an_authority_that_we_do_not_know_is_found(self, made: Stamped, tsa: Path) -> None:
        assert any("its time stamp is not of it" in one for one in made.wrong(str(tsa / "strange.pem")))

    def test_an_entry_that_is_dated_later_than_its_stamp_is_found(self, tmp_path: Path, url: str) -> None:
        made = Stamped(tmp_path / "recordings", authority_of(url))
        made.stage.host.time += 1e9
        made.record()
        made.stamper.step()
        assert any("it was time-stamped before it says that it was written" in one for one in made.wrong())
