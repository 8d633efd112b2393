"""Short links into one call: a code that is known here alone. Kept on a cabinet, so that they outlast a restart.

A code has ten letters of Crockford's base 32, 50 bits, and is kept as its hash. It lets one device in, or as many as
the agent allows; which one that is, is said when it joins and not when the page is opened: people look at a link in one
browser and use it in another.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog
from msgspec.structs import replace

from splitter.calls.view import CallView
from splitter.core.clock import Clock
from splitter.core.errors import UNREADABLE, SplitterError
from splitter.telemetry import metrics

LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 10
MOST_DEVICES = 5
_MOST = 50_000
_MISREAD = str.maketrans({"o": "0", "i": "1", "l": "1", "-": None, " ": None})

log = structlog.get_logger(__name__)


class LinkCabinet(Protocol):
    """The place where links outlast a restart. Raises SplitterError where it does not work."""

    async def put(self, key: str, data: bytes) -> None: ...

    async def drop(self, keys: list[str]) -> None: ...

    async def all(self) -> dict[str, bytes]: ...


class ShortLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link. Times are Unix seconds.

    Attributes:
        id: of the invitation, no secret.
        digest: of its code.
        devices: how many may use it; `used`: the hashes of those that do.
        kind: of the guests whom it lets in, "guest" or "expert"; title: what people call them.
        over: it was revoked, or its call has ended.
    """

    id: str
    call_id: str
    digest: str
    made_at: float
    expires_at: float
    devices: int = 1
    used: tuple[str, ...] = ()
    over: bool = False
    kind: str = "guest"
    title: str = ""


class Links:
    """The links that are known.

    Args:
        choose: draws a letter; unpredictable.
    """

    def __init__(self, cabinet: LinkCabinet, clock: Clock, choose: Callable[[str], str] = secrets.choice) -> None:
        self._cabinet = cabinet
        self._clock = clock
        self._choose = choose
        self._links: dict[str, ShortLink] = {}  # by id
        self._ids: dict[str, str] = {}  # digest → id
        self.alarm = ""

    async def start(self) -> None:
        """Take up the links of before."""
        try:
            rows = await self._cabinet.all()
        except SplitterError as error:
            self.alarm = f"links of before hold no longer: {error}"
            log.error("links of before hold no longer", reason=str(error))
            rows = {}
        for row in rows.values():
            try:
                self._enter(msgspec.json.decode(row, type=ShortLink))
            except UNREADABLE as error:
                log.error("a link of before cannot be read", reason=str(error))

    # ---- links ---------------------------------------------------------------------------------------------------

    async def make(
        self, key: str, call_id: str, expires_at: float, devices: int = 1, kind: str = "guest", title: str = ""
    ) -> str:
        """Make a link. Returns: its code. Raises SplitterError: it could not be kept."""
        await self._tidy()
        code = "".join(self._choose(LETTERS) for _ in range(LENGTH))
        link = ShortLink(
            id=key,
            call_id=call_id,
            digest=_digest(code),
            made_at=self._clock.wall(),
            expires_at=expires_at,
            devices=devices,
            kind=kind,
            title=title,
        )
        await self._keep(link)
        metrics.sms.LINKS.labels("made").inc()
        return code

    async def know(self, link: ShortLink) -> None:
        """Know a link of another node; which devices use it is that one's to say."""
        await self._tidy()
        known = self._links.get(link.id)
        await self._keep(replace(link, used=known.used if known else (), over=link.over or bool(known and known.over)))

    def find(self, code: str) -> ShortLink | None:
        """The link with this code, as people may write it; None where there is none."""
        key = self._ids.get(_digest(plain_code(code)))
        return self._links.get(key) if key else None

    def get(self, key: str) -> ShortLink | None:
        """The link of this invitation."""
        return self._links.get(key)

    def of_call(self, call_id: str) -> list[ShortLink]:
        """The links of a call, the oldest first."""
        return [link for link in self._links.values() if link.call_id == call_id]

    def holds(self, link: ShortLink) -> bool:
        """True while it lets somebody in."""
        return not link.over and self._clock.wall() < link.expires_at

    def fits(self, link: ShortLink, device: str) -> bool:
        """True where this device uses it, or one more may."""
        return _digest(device) in link.used or len(link.used) < link.devices

    def uses(self, key: str, device: str) -> bool:
        """True where this device uses it; also of a link that is not known here, such as after a move to this host."""
        link = self._links.get(key)
        return link is None or _digest(device) in link.used

    async def admit(self, key: str, device: str) -> bool:
        """Let this device use it from now on; False where that is not allowed. Raises SplitterError.

        A link that is not known here was opened at another host: whoever has its token may go on.
        """
        link = self._links.get(key)
        if link is None:
            return True
        if not self.holds(link) or not self.fits(link, device):
            return False
        if _digest(device) not in link.used:
            await self._keep(replace(link, used=(*link.used, _digest(device))))
            metrics.sms.LINKS.labels("used").inc()
        return True

    async def release(self, key: str, device: str) -> None:
        """Let another device use it instead of this one, which could not join after all."""
        if (link := self._links.get(key)) is not None:
            await self._keep(replace(link, used=tuple(one for one in link.used if one != _digest(device))))

    async def revoke(self, key: str) -> None:
        """Let nobody in by it any longer; harmless where it is over. Raises SplitterError."""
        link = self._links.get(key)
        if link is not None and not link.over:
            metrics.sms.LINKS.labels("revoked").inc()
            await self._keep(replace(link, over=True))

    def on_call(self, view: CallView) -> None:
        """A call changed; one that has ended takes its links along."""
        if view.state != "ended":
            return
        for link in self.of_call(view.call_id):
            self._enter(replace(link, over=True))

    def __len__(self) -> int:
        return len(self._links)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _enter(self, link: ShortLink) -> None:
        self._links[link.id] = link
        self._ids[link.digest] = link.id

    async def _keep(self, link: ShortLink) -> None:
        """Keep it; what could not be written holds until a restart alone, which is told."""
        self._enter(link)
        try:
            await self._cabinet.put(link.id, msgspec.json.encode(link))
        except SplitterError as error:
            self.alarm = f"links hold no longer after a restart: {error}"
        else:
            self.alarm = ""

    async def _tidy(self) -> None:
        """Forget those whose time is over, and the oldest of too many."""
        wall = self._clock.wall()
        old = [link for link in self._links.values() if link.expires_at <= wall]
        old += sorted(self._links.values(), key=lambda link: link.made_at)[: max(0, len(self._links) - _MOST)]
        for link in {link.id: link for link in old}.values():
            del self._links[link.id]
            self._ids.pop(link.digest, None)
        if old:
            try:
                await self._cabinet.drop([link.id for link in old])
            except SplitterError as error:
                self.alarm = f"links cannot be forgotten: {error}"


def plain_code(text: str) -> str:
    """The code as it was made: letters that are easily misread count as what they look like."""
    return text.strip().lower().translate(_MISREAD)


def is_code(text: str) -> bool:
    """True for what looks like a code."""
    plain = plain_code(text)
    return len(plain) == LENGTH and all(letter in LETTERS for letter in plain)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
