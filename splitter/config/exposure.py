"""Who else may read, change or know what must be kept: the configuration with its passwords, and keys. Does I/O."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from splitter.config.model import Settings

# Of the reference configuration, which everybody can read: passwords and their hashes, the secret of a webhook.
_EXAMPLES = frozenset(
    (
        "change this example",
        "change this example secret",
        "change",
        "SHA-256:98438101b0d65af3afb21ed707ec86f6cf129bc0673d82da1cd7df1367ceade2",
        "SHA-512-256:55a9a3daf5d08d3de639361eaa08f5454541631d36aed0f0e6a5ef31eaf6fc86",
        "MD5:8b250a2ac89ae7070d91d52654b0952a",
        "f6dd3e33c1ba68ae9ad4a52a01d4e6ff9a3a9d5bbd4ea1e2ad7f5a4dfb0e7f11",
    )
)


def warnings(file: str | Path, settings: Settings) -> list[str]:
    """List what does not keep the gateway from running and should be mended, with the remedy."""
    return [*readable(file, settings), *known(settings)]


def known(settings: Settings) -> list[str]:
    """Secrets that were left as the reference configuration has them."""
    secrets = [(f"account {one.user}", {one.password, *map(":".join, one.ha1.items())}) for one in settings.accounts]
    secrets.append(("api.turn_secret", {settings.api.turn_secret}))
    secrets += [(f"token {one.name}", {one.sha256}) for one in settings.tokens]
    secrets += [(f"webhook {one.name}", {one.secret}) for one in settings.webhooks]
    secrets += [(f"sms.smpp.{one.name}", {one.password}) for one in settings.sms.smpp]
    secrets.append(("hep", {settings.hep.key}))
    remedy = "everybody knows it; put one of your own there, or take the table out"
    return [f"{what}: its secret is that of the example: {remedy}" for what, used in secrets if used & _EXAMPLES]


def writable(file: str | Path) -> str:
    """Say what is wrong with a configuration that everybody may write to; "" for nothing."""
    if _mode(file) & stat.S_IWOTH:
        return f"{file}: everybody may write to it, and be what it trusts; chmod o-rwx {file}"
    return ""


def readable(file: str | Path, settings: Settings) -> list[str]:
    """What should be kept, and can be read by everybody, with the remedy."""
    kept = [(str(file), "it has passwords")] if _has_secrets(settings) else []
    kept += [(key, "it is a private key") for key in _keys(settings)]
    return [
        f"{path}: everybody may read it, and {why}; chmod o-rwx {path}"
        for path, why in kept
        if _mode(path) & stat.S_IROTH
    ]


def _has_secrets(settings: Settings) -> bool:
    trunks = any(trunk.password for trunk in settings.trunks.values())
    services = (*settings.webhooks, *settings.sms.http, *settings.sms.smpp)
    return trunks or bool(
        settings.api.turn_secret
        or settings.openid.client_secret
        or settings.accounts
        or services
        or settings.web_calls.captcha_secret
        or settings.hep.key
    )


def _keys(settings: Settings) -> Iterator[str]:
    files = [network.tls.key for network in settings.networks.values() if network.tls]
    files += [settings.api.tls.key] if settings.api.tls else []
    yield from dict.fromkeys(file for file in files if file)


def _mode(path: str | Path) -> int:
    try:
        return Path(path).stat().st_mode
    except OSError:
        return 0  # that it cannot be used is said elsewhere
