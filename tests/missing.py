"""A path at which there is nothing, whatever lies on the machine."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

MISSING = Path(tempfile.gettempdir()) / f"nothing-{secrets.token_hex(8)}"
