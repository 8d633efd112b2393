"""What is wrong with [sms] and its tables: carriers that are not there, templates that nothing fills, texts too long.

Only `check_sms_files` does I/O.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from splitter.calls.logins.access import ApiSettings
from splitter.config.fields import read
from splitter.config.locate import Path
from splitter.config.model import Settings
from splitter.config.reader import Problems, Table
from splitter.core.keys import ValueProblem, suggest
from splitter.core.net import is_loopback
from splitter.sms.http import GIVEN
from splitter.sms.settings import (
    LANGUAGES,
    OUTBOX,
    WEBHOOK,
    HttpSmsSettings,
    SipSmsSettings,
    SmppSettings,
    SmsSettings,
    SmsText,
    parse_carrier_name,
)
from splitter.sms.signing import read_step
from splitter.sms.template import unknown_names
from splitter.sms.text import MOST_PARTS, count_parts, units
from splitter.sms.wording import BUILT_IN, written

CODE_LETTERS = 10
_PASSWORD = 8  # of SMPP 3.4 §4.1.1


def read_sms(table: Table) -> SmsSettings:
    """Read [sms], with the tables in it."""
    kinds = {kind: table.take_table(kind) for kind in ("http", "smpp", "sip")}
    tables = {kind: outer.take_all_tables() for kind, outer in kinds.items()}
    for one in (one for named in tables.values() for one in named):
        try:
            parse_carrier_name(one.name)
        except ValueProblem as error:
            one.problems.add(one.path, error.what, error.remedy)
    return read(
        table,
        SmsSettings,
        _check_number,
        texts=tuple(read(one, SmsText) for one in table.take_tables("text")),
        http=tuple(read(one, HttpSmsSettings, _check_http, name=one.name) for one in tables["http"]),
        smpp=tuple(read(one, SmppSettings, _check_smpp, name=one.name) for one in tables["smpp"]),
        sip=tuple(read(one, SipSmsSettings, name=one.name) for one in tables["sip"]),
    )


def _check_number(table: Table, settings: SmsSettings) -> None:
    groups = [int(group) for group in re.findall(r"\\(\d+)", settings.number_as)]
    if any(group > settings.number.groups for group in groups) and not table.problems.within((*table.path, "number")):
        what = f'"{settings.number_as}" uses group {max(groups)}, but "number" has {settings.number.groups}'
        table.problem("number_as", what, "put (…) around it there")


def _check_http(table: Table, service: HttpSmsSettings) -> None:
    if (
        service.url.startswith("http:")
        and not service.insecure
        and not is_loopback(urlsplit(service.url).hostname or "")
    ):
        table.problem("url", "others can hear the numbers and links that go there", "use https, or insecure = true")
    made: list[str] = [*GIVEN]
    for index, text in enumerate(service.sign):
        step = read_step(text)
        known = [*made, "body", "query"]
        for name in sorted(step.names - set(known)):
            path = (*table.path, "sign", index)
            table.problems.add(path, f"nothing fills {{{name}}}", suggest(name, known))
        made.append(step.name)
    timed = [*GIVEN, *(step.name for step in map(read_step, service.sign) if step.function == "time")]
    _check_templates(table, "body", (service.body,), timed)
    _check_templates(table, "query", service.query, timed)
    for key, texts in (("url", (service.url,)), ("headers", service.headers)):
        _check_templates(table, key, texts, [*made, "body", "query"])


def _check_templates(table: Table, key: str, texts: tuple[str, ...], known: list[str]) -> None:
    for name in sorted({name for text in texts for name in unknown_names(text, known)}):
        table.problem(key, f"nothing fills {{{name}}} there", suggest(name, known))


def _check_smpp(table: Table, service: SmppSettings) -> None:
    if len(service.password) > _PASSWORD:
        table.problem("password", f"has more than {_PASSWORD} signs, which SMPP does not carry", "use a shorter one")


def check_sms(settings: Settings, problems: Problems) -> None:
    """Check that what sends messages is there, and can do it."""
    sms, known = settings.sms, (OUTBOX, WEBHOOK, *settings.sms.names)
    if sms.carrier and sms.carrier not in known:
        problems.add(("sms", "carrier"), f'there is no carrier "{sms.carrier}"', suggest(sms.carrier, known))
    if sms.carrier == WEBHOOK and not tells_invitations(settings):
        remedy = 'add a [[webhook]] with events = ["invitation"]'
        problems.add(("sms", "carrier"), "no webhook is told of invitations", remedy)
    seen: set[str] = set()
    for path, name in _named(sms):
        if name in seen:
            problems.add(path, "another carrier has this name", "give each its own")
        seen.add(name)
    for one in sms.sip:
        path = ("sms", "sip", one.name, "trunk")
        trunk = settings.trunks.get(one.trunk)
        if trunk is None and not problems.within(path):
            problems.add(path, f'there is no trunk "{one.trunk}"', suggest(one.trunk, settings.trunks))
        elif trunk is not None and trunk.address is None:
            problems.add(path, f'the trunk "{one.trunk}" has no address', "add address to it, or name another one")


def check_sms_files(settings: Settings, problems: Problems) -> None:
    """Check that the authorities can be read."""
    services = [("http", one.name, one.ca) for one in settings.sms.http]
    services += [("smpp", one.name, one.ca) for one in settings.sms.smpp]
    for kind, name, ca in services:
        if not ca:
            continue
        try:
            ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            what = f"{ca} cannot be used: {error.strerror or error}"
            problems.add(("sms", kind, name, "ca"), what, "name a PEM file of certificates")


def tells_invitations(settings: Settings) -> bool:
    """True where a webhook is told of invitations."""
    return any("invitation" in hook.events for hook in settings.webhooks)


def carrier_of(settings: Settings) -> str:
    """The name of what sends messages."""
    return settings.sms.carrier or (WEBHOOK if tells_invitations(settings) else OUTBOX)


def text_warnings(settings: Settings) -> list[str]:
    """List the texts that take more than one message with their link."""
    if not settings.api.guest_url:
        return []
    link = longest_link(settings.api)
    texts = [(f"sms.text[{number}]", one.text) for number, one in enumerate(settings.sms.texts, 1)]
    texts += [(f"the text that is built in ({language})", BUILT_IN[language]) for language in LANGUAGES]
    found = []
    for name, text in texts:
        whole = written(text, link)
        if (parts := count_parts(whole)) > 1:
            what = f"takes {parts} messages: {units(whole)} signs with the link"
            too_many = f"; more than {MOST_PARTS} are hardly taken" if parts > MOST_PARTS else ""
            found.append(f"{name} {what}{too_many}; shorten it, or api.link_url")
    return found


def longest_link(api: ApiSettings) -> str:
    """A link as long as they are."""
    return api.links + "0" * CODE_LETTERS


def _named(sms: SmsSettings) -> Iterator[tuple[Path, str]]:
    for kind, services in (("http", sms.http), ("smpp", sms.smpp), ("sip", sms.sip)):
        for one in services:
            yield ("sms", kind, one.name), one.name


def with_carrier(settings: Settings) -> SmsSettings:
    """The settings with the name of the carrier that is used."""
    return replace(settings.sms, carrier=carrier_of(settings))
