"""[[webhook]]: other programs that are told what happens. `check_webhook_files` looks at files."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from splitter.calls.webhook import EVENTS, Webhook
from splitter.config.model import Settings
from splitter.config.reader import Problems, Table, ValueProblem, suggest
from splitter.config.values import is_loopback

LEAST_SECRET = 16  # characters
_NAME = re.compile(r"[\w.-]{1,64}")


def read_webhook(table: Table, base: Path) -> Webhook:
    """One of them."""
    default = Webhook("", "", "")
    events = tuple(dict.fromkeys(table.take_list("events", _parse_event)))
    ca = table.take_text("ca", default.ca)
    hook = Webhook(
        name=table.take_parsed("name", _parse_name, default.name),
        url=table.take_parsed("url", _parse_url, default.url),
        secret=table.take_secret("secret"),
        events=events if "events" in table else default.events,
        timeout_s=table.take_number("timeout_s", default.timeout_s, 0.1, 60),
        attempts=table.take_integer("attempts", default.attempts, 1, 1000),
        queue=table.take_integer("queue", default.queue, 1, 100_000),
        ca=str(base / ca) if ca else default.ca,
        insecure=table.take_flag("insecure", default.insecure),
    )
    for key, remedy in (
        ("name", "add what the log and the metrics call it"),
        ("url", "add where events are posted to"),
        ("secret", "add what they are signed with, such as from: openssl rand -hex 32"),
    ):
        if key not in table:
            table.problem(key, "is missing", remedy)
    if "secret" in table and isinstance(hook.secret, str) and len(hook.secret) < LEAST_SECRET:
        table.problem("secret", f"has less than {LEAST_SECRET} characters", "make one: openssl rand -hex 32")
    if hook.url.startswith("http:") and not hook.insecure and not is_loopback(urlsplit(hook.url).hostname or ""):
        what = "others can hear what is posted there: numbers of callers, links for their browsers"
        table.problem("url", what, "use https, or insecure = true")
    table.finish()
    return hook


def check_webhooks(settings: Settings, problems: Problems) -> None:
    """Names are told apart."""
    seen: dict[str, int] = {}
    for index, hook in enumerate(settings.webhooks):
        if hook.name and hook.name in seen:
            problems.add(("webhook", index, "name"), f"is that of webhook[{seen[hook.name]}] too", "give each its own")
        seen.setdefault(hook.name, index + 1)


def check_webhook_files(settings: Settings, problems: Problems) -> None:
    """The authorities can be read."""
    for index, hook in enumerate(settings.webhooks):
        if not hook.ca:
            continue
        try:
            ssl.create_default_context(cafile=hook.ca)
        except (OSError, ssl.SSLError) as error:
            what = f"{hook.ca} cannot be used: {error.strerror or error}"
            problems.add(("webhook", index, "ca"), what, "name a PEM file of certificates")


def _parse_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueProblem(f'"{text[:80]}" is no name', "use up to 64 letters, digits, and . _ -")
    return text


def _parse_event(text: str) -> str:
    if text not in EVENTS:
        raise ValueProblem(f'"{text}" is nothing that webhooks are told', suggest(text, EVENTS))
    return text


def _parse_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^/\s?#@]+(/[^\s#]*)?", text):
        remedy = 'write it such as "https://crm.example.org/splitter", without user and password'
        raise ValueProblem(f'"{text}" is no address to post to', remedy)
    return text
