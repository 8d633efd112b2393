"""Who else may read or change what must be kept: the configuration with its passwords, and keys. Does I/O."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from splitter.config.model import Settings


def writable(file: str | Path) -> str:
    """What is wrong with a configuration that everybody may write to; "" for nothing."""
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
    return trunks or bool(settings.accounts) or bool(settings.webhooks)


def _keys(settings: Settings) -> Iterator[str]:
    files = [network.tls.key for network in settings.networks.values() if network.tls]
    files += [settings.api.tls.key] if settings.api.tls else []
    yield from dict.fromkeys(file for file in files if file)


def _mode(path: str | Path) -> int:
    try:
        return Path(path).stat().st_mode
    except OSError:
        return 0  # that it cannot be used is said elsewhere
