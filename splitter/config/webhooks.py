"""What is wrong with [[webhook]]: other programs that are told what happens. Only `check_webhook_files` does I/O."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from splitter.calls.webhook import Webhook
from splitter.config.model import Settings
from splitter.config.reader import Problems, Table
from splitter.core.net import is_loopback

LEAST_SECRET = 16  # characters


def check_webhook(table: Table, hook: Webhook) -> None:
    """Check that nobody else can make, or hear, what is posted."""
    if "secret" in table and len(hook.secret) < LEAST_SECRET:
        table.problem("secret", f"has less than {LEAST_SECRET} characters", "make one: openssl rand -hex 32")
    if hook.url.startswith("http:") and not hook.insecure and not is_loopback(urlsplit(hook.url).hostname or ""):
        what = "others can hear what is posted there: numbers of callers, links for their browsers"
        table.problem("url", what, "use https, or insecure = true")


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
