"""Who may log in here, and who we are elsewhere: what is wrong with it."""

from __future__ import annotations

from splitter.calls.logins.accounts import Account, RegistrarSettings
from splitter.calls.logins.openid import OpenIdSettings
from splitter.calls.settings import Role, Trunk
from splitter.config.model import Settings
from splitter.config.reader import Problems, Table


def check_account(table: Table, account: Account) -> None:
    """Check that an account has a password or hashes of it, and not both."""
    if not (account.password or account.argon2 or table.listed("ha1")):
        table.problem("password", "is missing", "add a password, or what splitter account add prints")
    for key in ("ha1", "argon2"):
        if account.password and getattr(account, key):
            table.problem(key, "stands beside a password", "leave one of the two")


def check_openid(table: Table, settings: OpenIdSettings) -> None:
    """Check that people who log in at the provider come back to us, and that some of them may do something."""
    begun = settings.client_id or settings.url
    if begun and not settings.issuer and not table.problems.within((*table.path, "issuer")):
        table.problem("issuer", "is missing", "name your provider, or take the table out")
    for key, remedy in (("client_id", "add what the provider calls this gateway"), ("url", "add where the console is")):
        if settings.issuer and not getattr(settings, key) and not table.problems.within((*table.path, key)):
            table.problem(key, "is missing", remedy)
    if settings.issuer and not any((settings.agents, settings.supervisors, settings.auditors, settings.admins)):
        table.problem("agents", "is missing: nobody would be let in", 'name groups, or write agents = ["*"]')


def check_registrar(table: Table, settings: RegistrarSettings) -> None:
    """The two bounds are in order."""
    if settings.max_expires_s < settings.min_expires_s:
        table.problem("max_expires_s", "is less than min_expires_s", "exchange the two")


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
        browser_alone = account.argon2 and not account.ha1
        if lacking and not browser_alone and not problems.within(("account", index)):
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
