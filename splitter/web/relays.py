"""Names of the relays that browsers may use, with passwords that expire. No I/O; time is an argument.

The form is that of coturn's static-auth-secret and other TURN servers (draft-uberti-behave-turn-rest-00 §2.2): the user
name begins with the Unix time at which it ends, the password is its HMAC-SHA1 by a secret that the two of us share.
"""

from __future__ import annotations

import base64
import hmac

from splitter.calls.logins.access import ApiSettings
from splitter.web.shapes import IceServer

LONGEST_S = 30 * 86_400.0
"""For whoever has a token without an end."""


def relays_for(settings: ApiSettings, name: str, expires_at: float | None, wall: float) -> list[IceServer]:
    """List the relays for one bearer.

    Args:
        name: shows in the relay's log; any text.
        expires_at: when the bearer's token ends, Unix seconds; None for never.
    """
    if not settings.turn_servers:
        return []
    until = int(min(expires_at or wall + LONGEST_S, wall + LONGEST_S))
    user = f"{until}:{''.join(letter for letter in name if letter.isalnum() or letter in '-_.')[:40]}"
    password = base64.b64encode(hmac.digest(settings.turn_secret.encode(), user.encode(), "sha1")).decode()
    return [IceServer(list(settings.turn_servers), user, password)]
