"""Asterisk as the centre, with the files of sipconf/asterisk: their addresses become the desk's. Does I/O.

`make peers` put Asterisk into a bullseye of its own; it runs there by chroot, without mounts, in a folder of the test's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from splitter.lab.tone import RATE, Tone
from tests.interop.addresses import Desk
from tests.interop.process import Process, eventually
from tests.patience import PATIENCE_S

CONFIGURATION = Path(__file__).parents[2] / "sipconf" / "asterisk"
MUSIC_TONE = 550.0

# What a call centre of this size needs; everything by name, so that it starts in a second.
_MODULES = """
res_timing_timerfd res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip res_pjsip_session
res_pjsip_sdp_rtp res_pjsip_endpoint_identifier_ip res_pjsip_caller_id res_pjsip_pubsub res_pjsip_refer
res_pjsip_header_funcs res_pjsip_rfc3326 res_pjsip_nat res_rtp_asterisk chan_pjsip res_musiconhold
bridge_simple bridge_native_rtp bridge_softmix bridge_holding bridge_builtin_features
codec_alaw codec_ulaw format_wav format_pcm pbx_config
app_dial app_queue app_verbose app_exec app_stack func_callerid func_channel func_logic func_strings
"""

_MAIN = """\
[directories]
astetcdir => {inside}/etc
astmoddir => /usr/lib/asterisk/modules
astvarlibdir => {inside}/var
astdbdir => {inside}/var
astkeydir => {inside}/var
astdatadir => /usr/share/asterisk
astagidir => {inside}/var
astspooldir => {inside}/var
astrundir => {inside}/run
astlogdir => {inside}/log

[options]
verbose = 3
nocolor = yes
"""


def root() -> Path:
    """Where `make peers` has put it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("SPLITTER_ASTERISK_ROOT") or cache / "splitter" / "bullseye")


# With a login for the gateway: at REGISTER, and at each INVITE.
_LOGIN_MODULES = "res_pjsip_authenticator_digest res_pjsip_registrar"
_LOGIN = """
[gateway]
type = auth
auth_type = userpass
realm = asterisk
username = gateway
password = hunter2

[gateway]
type = aor
max_contacts = 1
"""


class Asterisk:
    """One Asterisk at `desk.centre`, with phones 8001 at `desk.agent` and 8002 at `desk.colleague`.

    Args:
        login: the gateway must log in as "gateway" with "hunter2", and may register.
        rpid: it names its agents in Remote-Party-ID instead of P-Asserted-Identity.
        beside: the addresses of further gateways.
        modules, files: that it is to have as well.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        login: bool = False,
        rpid: bool = False,
        beside: Sequence[str] = (),
        modules: str = "",
        files: Mapping[str, str] | None = None,
    ) -> None:
        self._modules, self._files = modules, files or {}
        self._login = login
        self._beside = beside
        self._rpid = rpid
        assert (root() / ".complete").exists(), f"Asterisk is not installed in {root()}; run `make peers`"
        (root() / "srv").mkdir(exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="splitter-", dir=root() / "srv"))
        self._inside = f"/srv/{self.folder.name}"
        self._desk = desk
        self._process: Process | None = None

    def start(self) -> Asterisk:
        """Write its files, start it and wait until it takes calls."""
        for name in ("etc", "var/moh", "run", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for file in CONFIGURATION.glob("*.conf"):
            (self.folder / "etc" / file.name).write_text(self._here(file.read_text()))
        modules = f"{_MODULES} {_LOGIN_MODULES if self._login else ''} {self._modules}"
        if self._login:
            pjsip = self.folder / "etc" / "pjsip.conf"
            guarded = pjsip.read_text().replace("aors = splitter\n", "aors = splitter,gateway\nauth = gateway\n")
            pjsip.write_text(guarded + _LOGIN)
        for address in self._beside:
            pjsip = self.folder / "etc" / "pjsip.conf"
            known = f"match = {self._desk.core}\n"
            pjsip.write_text(pjsip.read_text().replace(known, f"{known}match = {address}\n"))
        if self._rpid:
            pjsip = self.folder / "etc" / "pjsip.conf"
            pjsip.write_text(pjsip.read_text().replace("send_pai = yes", "send_rpid = yes"))
        etc = self.folder / "etc"
        for name, text in self._files.items():
            (etc / name).write_text(text)
        (etc / "asterisk.conf").write_text(_MAIN.format(inside=self._inside))
        (etc / "modules.conf").write_text(
            "[modules]\nautoload=no\n" + "".join(f"load={m}.so\n" for m in modules.split())
        )
        (etc / "logger.conf").write_text("[general]\n[logfiles]\nmessages => notice,warning,error,verbose\n")
        _write_tone(self.folder / "var" / "moh" / "music.wav", MUSIC_TONE)
        self._process = Process("asterisk", self._command("-f"), self.folder)
        eventually(self._booted, "Asterisk takes calls", 30, self.log)
        return self

    def command(self, text: str) -> str:
        """What its console says to a command."""
        done = subprocess.run(
            self._command("-rx", text), capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        return done.stdout

    def channels(self) -> int:
        """Channels that live."""
        lines = self.command("core show channels count").splitlines()
        return int(lines[0].split()[0]) if lines else -1

    def log(self) -> str:
        """The end of its log."""
        file = self.folder / "log" / "messages"
        written = file.read_text(errors="replace") if file.exists() else ""
        return (written or (self._process.text() if self._process else ""))[-6000:]

    def stop(self) -> None:
        """End it and remove its folder."""
        try:
            if self._process and self._process.running:
                self.command("core stop now")
                self._process.wait(10)
        finally:
            if self._process:
                self._process.kill()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _command(self, *arguments: str) -> list[str]:
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        return [*sudo, "chroot", str(root()), "asterisk", "-C", f"{self._inside}/etc/asterisk.conf", *arguments]

    def _here(self, text: str) -> str:
        addresses = {"10.1.0.10": self._desk.core, "10.1.0.20": self._desk.centre}
        addresses |= {"10.1.0.31": self._desk.agent, "10.1.0.32": self._desk.colleague}
        for example in sorted(addresses, key=len, reverse=True):
            text = text.replace(example, addresses[example])
        return text.replace("/var/lib/asterisk/moh", f"{self._inside}/var/moh")

    def _booted(self) -> bool:
        assert self._process and self._process.running, f"Asterisk ended:\n{self.log()}"
        return "fully booted" in self.command("core waitfullybooted")

    def __enter__(self) -> Asterisk:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()


def _write_tone(file: Path, frequency_hz: float) -> None:
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(np.asarray(Tone(frequency_hz).frame(RATE * 4), dtype="<i2").tobytes())
