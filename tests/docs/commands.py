"""Every command of the documentation: those that tests run as they stand, and why the others are not.

A new line that is no command of ours is in none of the tables, and a test says so.
"""

from __future__ import annotations

import re

from tests.docs.samples import samples

# Of ours, given to a gateway that runs (test_live.py): what each says to somebody who has no call yet; "" for others.
SAYS = {
    "status": "running",
    "calls": "call",
    "call": "no call",
    "why": "no call",
    "trace": "no call",
    "trunks": "centre",
    "check": "good",
    "doctor": "configuration:",
    "token": "[[token]]",
    "record": "no call",
    "account": "[[account]]",
    "--version": "splitter",
}
# Of the machine, run in a folder that stands for its root (test_live.py): what must be there then.
LEAVES = {
    r"install -m 644 systemd/splitter\.service .*": "etc/systemd/system/splitter.service",
    r"install -m 644 systemd/splitter\.sysusers\.conf .*": "etc/sysusers.d/splitter.conf",
    r"install -m 644 systemd/splitter\.tmpfiles\.conf .*": "etc/tmpfiles.d/splitter.conf",
    r"cp sipconf/freeswitch/dialplan\.xml .*": "etc/freeswitch/dialplan/public/00_splitter.xml",
    r"cp sipconf/freeswitch/gateway\.xml .*": "etc/freeswitch/sip_profiles/external/splitter.xml",
    r"chmod 640 /etc/splitter/desk.*": "etc/splitter/desk.pem",
    r"tar czf /root/splitter-etc\.tar\.gz /etc/splitter": "root/splitter-etc.tar.gz",
}
# And why not.
NOT_RUN = {
    r"splitter init .*": "test_live.py runs it with addresses of this machine",
    r"splitter probe .*": "tests/lab/test_probe.py plays it, with a centre that answers",
    r"splitter account add ann .*--write": "it writes into the configuration: tests/cli/test_account.py",
    r".*splitter demo.*|make demo": "tests/lab/test_demo_once.py and tests/cli/test_demo.py play it",
    r"/opt/splitter/bin/.*|(?:build-env/bin/)?pip .*|build-env/bin/.*|python3 -m venv .*|tar [cx]zf wheelhouse.*": (
        "tests/interop/test_deb.py builds the wheelhouse and installs from it"
    ),
    r"make (?:deb|install|wheelhouse).*|apt .*|install -d -m 750 -g splitter .*|chown root:splitter .*": (
        "tests/interop/test_deb.py does it in a root of its own, where the user `splitter` is"
    ),
    r"systemctl .*|systemd-sysusers.*": "systemd of its own machine: tests/interop/test_deb.py",
    r"asterisk -rx .*": "tests/interop/test_first_hour.py starts Asterisk with these files and looks at the result",
    r"fs_cli .*|fwconsole .*": "FreeSWITCH and FreePBX cannot be had here",
    r"(?:podman|kubectl) .*": "no container can be started here; tests/cli/test_container.py reads the image and the pod",
    r"curl http://.*": "test_live.py asks the same addresses",
    r"curl -X (?:PUT|POST) https://.*": "the API's own tests ask it; $CALL and $TOKEN are the reader's",
    r".*python sipconf/crm/crm\.py": "tests/browser/test_crm.py runs it, with a page in Chromium",
    r"sqlite3 .*": "SQLite's own program, on a host of its own",
    r"sysctl -w .*": "it would change the machine that tests",
    r"certbot .*": "it asks a public authority",
    r"git clone .*": "the reader's own copy",
}


def lines() -> list[str]:
    """Each command line of the pages, once, without its comment."""
    found = [line for one in samples("sh", "console") for line in one.text.replace("\\\n", " ").splitlines()]
    bare = {re.sub(r"\s+#.*", "", line.removeprefix("$ ")).strip() for line in found}
    return sorted(line for line in bare if line and not line.startswith("#"))


def ours() -> list[str]:
    """The commands of ours, without the program, what follows a pipe, and those that are not run."""
    found = [re.sub(r"\s+(>|\|).*", "", line) for line in lines() if line.startswith("splitter ") and not why_not(line)]
    return sorted({line.removeprefix("splitter ") for line in found})


def why_not(line: str) -> str:
    """Why this line is not run; "" where it is."""
    return next((reason for pattern, reason in NOT_RUN.items() if re.fullmatch(pattern, line)), "")


def leaves(line: str) -> str:
    """What a line of the machine leaves in the folder; "" where it is none of these."""
    return next((file for pattern, file in LEAVES.items() if re.fullmatch(pattern, line)), "")
