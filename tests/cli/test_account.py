"""splitter account add: what it prints goes into the configuration as it is, and the person can log in."""

from __future__ import annotations

import base64
import os
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from splitter.calls.logins.access import AccountRole
from splitter.calls.logins.passwords import Passwords
from splitter.calls.logins.totp import OneTimeCodes
from splitter.config.load import parse
from splitter.sip.digest import secret_of
from tests.cli.kit import splitter
from tests.config.test_accounts import BASE


def test_keeps_the_hash_of_a_password_alone() -> None:
    result = splitter("account", "add", "ann", "--role", "supervisor", "--extension", "8001", "--generate")
    assert result.exit_code == 0, result.stderr
    password = result.stderr.split("shown this once: ")[1].split()[0]
    [account] = parse(BASE.format(pbx="", seats="", rest=result.stdout)).accounts
    assert password not in result.stdout and not account.password
    assert (account.role, account.extension) == (AccountRole.SUPERVISOR, "8001")
    assert Passwords((account,), (), "decoy").account("ann", password) is account


def test_asks_for_the_password() -> None:
    result = splitter("account", "add", "8001", typed="correct horse\ncorrect horse\n")
    [account] = parse(BASE.format(pbx="", seats="", rest=result.stdout)).accounts
    assert Passwords((account,), (), "decoy").account("8001", "correct horse") is account
    short = splitter("account", "add", "8001", typed="short\nshort\n")
    assert short.exit_code == 1 and "--generate" in short.stderr and not short.stdout


def test_makes_the_secret_of_an_app_and_hashes_of_a_seat() -> None:
    result = splitter("account", "add", "8001", "--totp", "--realm", "seats.example", typed="hunter22\nhunter22\n")
    [account] = parse(BASE.format(pbx="", seats="", rest=result.stdout)).accounts
    assert account.ha1["MD5"] == secret_of("MD5", "8001", "seats.example", "hunter22")
    assert f"otpauth://totp/splitter:8001?digits=6&secret={account.totp}" in result.stderr
    code = TOTP(base64.b32decode(account.totp), 6, SHA1(), 30).generate(int(time.time())).decode()
    assert OneTimeCodes().take("8001", account.totp, code, time.time())


def test_writes_it_down_or_says_why_not(tmp_path: Path) -> None:
    file = tmp_path / "splitter.toml"
    file.write_text(BASE.format(pbx="", seats="", rest=""))
    file.chmod(0o640)
    command = ("--config", str(file), "account", "add", "8001", "--generate", "--write")
    first = splitter(*command)
    assert first.exit_code == 0 and "splitter reload" in first.stdout
    assert [account.user for account in parse(file.read_text()).accounts] == ["8001"]
    assert file.stat().st_mode & 0o777 == 0o640 and [*tmp_path.iterdir()] == [file]
    before = file.read_text()
    again = splitter(*command)
    assert again.exit_code == 1 and "8001" in again.stderr and file.read_text() == before
    nowhere = splitter("--config", str(tmp_path / "x.toml"), "account", "add", "8001", "--generate", "--write")
    assert nowhere.exit_code == 1 and "No such file" in nowhere.stderr


def test_leaves_the_file_as_readable_as_it_was(tmp_path: Path) -> None:
    """Else a gateway of its own user could not read it any more."""
    file, link = tmp_path / "gateway.toml", tmp_path / "splitter.toml"
    file.write_text(BASE.format(pbx="", seats="", rest=""))
    file.chmod(0o640)
    link.symlink_to(file)
    before = os.umask(0o077)
    try:
        result = splitter("--config", str(link), "account", "add", "8001", "--generate", "--write")
    finally:
        os.umask(before)
    assert result.exit_code == 0 and link.is_symlink() and "8001" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("user", ["", 'a"b', "a b"])
def test_takes_no_name_that_the_configuration_would_not(user: str) -> None:
    assert splitter("account", "add", user, "--generate").exit_code == 2
