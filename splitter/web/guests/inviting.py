"""Invites callers' own browsers: a short link, a message with it, and what becomes of both. No I/O of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from splitter.calls.logins.access import ApiSettings
from splitter.calls.view import CallView
from splitter.core.clock import Clock, SystemClock
from splitter.core.ids import IdSource
from splitter.core.limits import KeyedBuckets
from splitter.sms.message import Sms, SmsChanged, SmsReceipt, SmsState
from splitter.sms.outbox import OutboxFile
from splitter.sms.post import SmsEffort, SmsPost
from splitter.sms.queue import SmsRules
from splitter.sms.settings import OUTBOX, SmsSettings
from splitter.sms.wording import number_for, wording, written
from splitter.store.cabinet import Cabinet
from splitter.web.access.links import Links, ShortLink

MOST, FADE_S = 5, 60.0  # of one call: each may cost a message
NO_NUMBER = "no number was given"
_NO_MESSAGES = "that number can be sent no message"
_UNSENT = "nothing is configured that sends messages: tell the caller the link"


@dataclass(frozen=True, slots=True)
class Invitee:
    """The person whom a link is for: how they are written to, who wants it, and what they are; see `ShortLink`."""

    number: str
    language: str
    devices: int
    by: str
    kind: str = "guest"
    title: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """An invitation that was made; `reason`: why nothing sends it by itself, "" where something does."""

    link: ShortLink
    url: str
    sms: Sms
    reason: str


class Inviting:
    """The links and messages of invitations.

    Args:
        api: where links begin, and how long they hold, as it is now.
    """

    def __init__(
        self,
        settings: SmsSettings,
        links: Links,
        post: SmsPost,
        clock: Clock,
        ids: IdSource,
        api: Callable[[], ApiSettings] = ApiSettings,
    ) -> None:
        self._settings = settings
        self.links = links
        self.post = post
        self._clock = clock
        self._ids = ids
        self._api = api
        self._made = KeyedBuckets(MOST, FADE_S)

    async def start(self) -> None:
        """Take up what a former process has left."""
        await self.links.start()
        await self.post.start()

    async def stop(self) -> None:
        """Send nothing more."""
        await self.post.stop()

    def may_invite(self, call_id: str) -> bool:
        """Count one more link into this call; False where there have been too many."""
        return self._made.permit(call_id, self._clock.now())

    async def invite(self, call: CallView, whom: Invitee) -> Made:
        """Make a link into this call, and send it."""
        key, wall, api = self._ids.tag(), self._clock.wall(), self._api()
        expires_at = float(int(wall + api.link_lifetime_s))
        code = await self.links.make(key, call.call_id, expires_at, whom.devices, whom.kind, whom.title)
        url = f"{api.links}{code}"
        number = number_for(self._settings, whom.number)
        sms = Sms(
            id=key,
            call_id=call.call_id,
            number=number,
            text=written(wording(self._settings, call.called, whom.language, expert=whom.kind == "expert"), url),
            link=url,
            code=code,
            by=whom.by,
            created_at=wall,
            deadline=min(wall + self._settings.deadline_s, expires_at),
        )
        why = _NO_MESSAGES if whom.number else NO_NUMBER
        sms = await (self.post.send(sms) if number else self.post.refuse(sms, why))
        link = self.links.get(key)
        assert link is not None, "it was made"
        unsent = _UNSENT if self._settings.carrier == OUTBOX else ""
        return Made(link, url, sms, sms.reason or unsent)

    def unsendable(self, number: str) -> str:
        """Why no message reaches this number by itself, in plain words; "" where one does."""
        if self._settings.carrier == OUTBOX:
            return "nothing is configured that sends messages"
        if not number:
            return "the caller's number is not known"
        return "" if number_for(self._settings, number) else _NO_MESSAGES

    async def revoke(self, key: str) -> None:
        """Let nobody in by this link any longer, and send it no more."""
        self.post.cancel(key, "it was taken back")
        await self.links.revoke(key)

    def opened(self, key: str) -> None:
        """Somebody has used the link."""
        self.post.note(key, SmsState.OPENED)

    def on_call(self, view: CallView) -> None:
        """A call changed; one that has ended needs no links."""
        if view.state == "ended":
            for sms in self.post.of_call(view.call_id):
                self.post.cancel(sms.id, "the call is over")
        self.links.on_call(view)

    def receive(self, carrier: str, receipt: SmsReceipt) -> None:
        """A receipt came in."""
        self.post.receive(carrier, receipt)

    def alarms(self) -> list[str]:
        """List what is wrong, in plain words."""
        return [*self.post.alarms(), self.links.alarm]


def unconnected() -> Inviting:
    """An Inviting of a gateway that is connected to nobody who sends."""
    clock, ids = SystemClock(), IdSource()

    def unheard(news: SmsChanged) -> None:
        """Nobody is told."""

    post = SmsPost(SmsEffort(SmsRules()), OutboxFile(None), Cabinet(None), clock, ids, unheard)
    return Inviting(SmsSettings(carrier=OUTBOX), Links(Cabinet(None), clock), post, clock, ids)
