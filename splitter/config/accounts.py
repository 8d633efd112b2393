"""Who may log in here, and who we are elsewhere: [[account]], [registrar], and the keys of trunks about both. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from splitter.calls.logins.access import OF_ACCOUNTS, Scope
from splitter.calls.logins.accounts import Account, RegistrarSettings
from splitter.calls.settings import Role, Trunk
from splitter.config.model import Settings
from splitter.config.reader import Problems, Table, ValueProblem, suggest
from splitter.sip.digest import ALGORITHMS

_DAY_S = 86_400
_BYTES = {"MD5": 16}
_REALM = re.compile(r"[^\x00-\x1f\x7f\"\\]*")
_USER = re.compile(r"[A-Za-z0-9_.!~*'()&=+$,;?/%-]+")  # RFC 3261 §25.1: user
_DOMAIN = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")


def read_account(table: Table) -> Account:
    """[[account]]"""
    user = table.take_parsed("user", parse_user, "")
    if "user" not in table:
        table.problem("user", "is missing", "add the name that the seat logs in with")
    password = table.take_secret("password")
    ha1 = dict(table.take_list("ha1", parse_hash))
    if not password and not table.listed("ha1"):
        table.problem("password", "is missing", "add a password, or its hashes as ha1")
    elif password and ha1:
        table.problem("ha1", "stands beside a password", "leave one of the two")
    extension = table.take_parsed("extension", _or_nothing(parse_user), "")
    account = Account(user, password, ha1, extension, frozenset(table.take_list("may", _parse_right)))
    table.finish()
    return account


def read_registrar(table: Table) -> RegistrarSettings:
    """[registrar]"""
    default = RegistrarSettings()
    settings = RegistrarSettings(
        min_expires_s=table.take_integer("min_expires_s", default.min_expires_s, 1, _DAY_S),
        max_expires_s=table.take_integer("max_expires_s", default.max_expires_s, 1, _DAY_S),
        contacts=table.take_integer("contacts", default.contacts, 1, 100),
        seats=table.take_integer("seats", default.seats, 1, 1_000_000),
    )
    if settings.max_expires_s < settings.min_expires_s:
        table.problem("max_expires_s", "is less than min_expires_s", "exchange the two")
    table.finish()
    return settings


def with_login(table: Table, trunk: Trunk) -> Trunk:
    """The trunk with what its table says about logging in, there and here."""
    algorithms = tuple(dict.fromkeys(table.take_list("algorithms", parse_algorithm)))
    if "algorithms" in table and not table.listed("algorithms"):
        table.problem("algorithms", "is empty", f"name at least one of {', '.join(ALGORITHMS)}")
    return replace(
        trunk,
        authenticate=table.take_flag("authenticate", trunk.authenticate),
        algorithms=algorithms or trunk.algorithms,
        realm=table.take_parsed("realm", _parse_realm, trunk.realm),
        register=table.take_flag("register", trunk.register),
        register_expires_s=table.take_integer("register_expires_s", trunk.register_expires_s, 30, 7 * _DAY_S),
        username=table.take_parsed("username", _or_nothing(parse_user), trunk.username),
        password=table.take_secret("password"),
        domain=table.take_parsed("domain", _or_nothing(_parse_domain), trunk.domain),
    )


def check_logins(settings: Settings, problems: Problems) -> None:
    """Accounts and trunks fit each other."""
    users: dict[str, int] = {}
    for index, account in enumerate(settings.accounts):
        for name in sorted(account.names):
            if name in users and users[name] != index:
                what = f'"{name}" is a user or extension of account[{users[name] + 1}] too'
                problems.add(("account", index), what, "give each account its own")
            users.setdefault(name, index)
    for trunk in settings.trunks.values():
        _check_server(trunk, settings, problems)
        _check_client(trunk, problems)


def _check_server(trunk: Trunk, settings: Settings, problems: Problems) -> None:
    path = ("trunk", trunk.name)
    if not trunk.authenticate:
        return
    if trunk.role is not Role.SEAT:
        problems.add((*path, "authenticate"), "is for seats", 'remove it, or set role = "seat"')
        return
    if not settings.accounts and not problems.within(("account",)):
        problems.add((*path, "authenticate"), "there is no account", "add [[account]] with user and password")
    for index, account in enumerate(settings.accounts):
        lacking = [algorithm for algorithm in trunk.algorithms if not account.secret(algorithm, "")]
        if lacking and not problems.within(("account", index)):
            what = f'has no hash for {", ".join(lacking)}, which trunk "{trunk.name}" offers'
            remedy = f"add it, or leave the algorithm out of trunk.{trunk.name}.algorithms"
            problems.add(("account", index, "ha1"), what, remedy)


def _check_client(trunk: Trunk, problems: Problems) -> None:
    path = ("trunk", trunk.name)
    own = [key for key in ("register", "username", "password", "domain") if getattr(trunk, key)]
    if trunk.role is not Role.CENTRE:
        for key in own:
            problems.add((*path, key), "is for trunks of role centre", "accounts of seats are written as [[account]]")
        return
    if trunk.register and not trunk.username:
        problems.add((*path, "username"), "is missing", "add the name that we register with")
    if trunk.username and not trunk.password and not problems.within((*path, "password")):
        problems.add((*path, "password"), "is missing", "add the password of that user name")
    if trunk.password and not trunk.username and not problems.within((*path, "username")):
        problems.add((*path, "username"), "is missing", "add the user name of that password")


def _parse_right(text: str) -> Scope:
    if text not in OF_ACCOUNTS:
        raise ValueProblem(f'"{text}" is nothing that an account may be given', suggest(text, OF_ACCOUNTS))
    return Scope(text)


def parse_user(text: str) -> str:
    """The user part of a SIP address."""
    if not _USER.fullmatch(text):
        raise ValueProblem(f'"{text}" cannot be the user part of a SIP address', 'write it such as "8001"')
    return text


def parse_algorithm(text: str) -> str:
    """The name of a hash that we know."""
    if text.upper() not in ALGORITHMS:
        raise ValueProblem(f'"{text}" is no algorithm that we know', suggest(text.upper(), ALGORITHMS))
    return text.upper()


def parse_hash(text: str) -> tuple[str, str]:
    """ "SHA-256:…": an algorithm, and a hash in hexadecimal digits."""
    name, colon, digits = text.partition(":")
    if not colon:
        raise ValueProblem("the hash does not name its algorithm", 'write it such as "SHA-256:…"')
    algorithm = parse_algorithm(name)
    wanted = 2 * _BYTES.get(algorithm, 32)
    if not re.fullmatch(rf"[0-9A-Fa-f]{{{wanted}}}", digits):
        raise ValueProblem(f"the {algorithm} hash has not {wanted} hexadecimal digits", "make it as the reference says")
    return algorithm, digits.lower()


def _or_nothing(parse: Callable[[str], str]) -> Callable[[str], str]:
    """For keys whose default is the empty text."""
    return lambda text: parse(text) if text else ""


def _parse_realm(text: str) -> str:
    if not _REALM.fullmatch(text):
        raise ValueProblem(f'"{text}" cannot be a realm', "leave out quotes, backslashes and control characters")
    return text


def _parse_domain(text: str) -> str:
    if not _DOMAIN.fullmatch(text):
        raise ValueProblem(f'"{text}" is no domain', 'write it such as "example.org", without a port')
    return text
