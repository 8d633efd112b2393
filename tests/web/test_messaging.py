"""Links and messages wired: the trace has every step, the desk is told, and a restart goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from splitter.calls.logins.access import ApiSettings
from splitter.calls.view import Notice
from splitter.core.clock import SystemClock
from splitter.core.ids import IdSource
from splitter.sms.message import SmsCarrier
from splitter.sms.settings import SipSmsSettings, SmppSettings, SmsSettings
from splitter.store.cabinet import Cabinet
from splitter.telemetry.trace import Recorder
from splitter.web.guests.inviting import Invitee
from splitter.web.guests.messaging import Messaging
from splitter.web.ports import Invited
from tests.patience import until
from tests.sms.smpp.server import SmppService, smpp_service
from tests.telemetry.kit import ListSink
from tests.web.kit import CALL, ended

API = ApiSettings(guest_url="https://video.example/guest/")
WHOM = Invitee("+8613800138000", "en", 1, "desk (501)")


@dataclass
class Told:
    """What was told to whom."""

    invited: list[Invited] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    trace: ListSink = field(default_factory=ListSink)

    def invite(self, invited: Invited) -> str:
        self.invited.append(invited)
        return ""

    def publish(self, happening: object) -> None:
        assert isinstance(happening, Notice)
        self.notices.append(happening)

    @property
    def codes(self) -> list[str]:
        return [notice.code for notice in self.notices]


def no_trunk(settings: SipSmsSettings) -> SmsCarrier:
    raise AssertionError("not asked here")


@asynccontextmanager
async def messaging(folder: Path, settings: SmsSettings) -> AsyncIterator[tuple[Messaging, Told]]:
    told, clock = Told(), SystemClock()
    one = Messaging(
        settings, lambda: API, str(folder / "calls.db"), clock, IdSource(),
        keep=lambda kind: Cabinet(folder / f"{kind}.db"), tell=told.invite, sip=no_trunk, recorder=Recorder(told.trace, clock), publish=told.publish,
    )  # fmt: skip
    await one.start()
    try:
        yield one, told
    finally:
        await one.stop()


def over_smpp(service: SmppService) -> SmsSettings:
    return SmsSettings(carrier="main", smpp=(SmppSettings("main", "127.0.0.1", "gateway", "secret", service.port),))


async def test_each_step_comes_to_the_desk_and_into_the_trace(tmp_path: Path) -> None:
    async with smpp_service() as service, messaging(tmp_path, over_smpp(service)) as (one, told):
        made = await one.inviting.invite(CALL, WHOM)
        assert (made.reason, made.sms.state) == ("", "queued") and made.url in made.sms.text
        await until(lambda: "link-sent" in told.codes)
        service.deliver("id:1 stat:DELIVRD err:000")
        await until(lambda: "link-delivered" in told.codes)
        one.inviting.opened(made.link.id)
        await until(lambda: "link-opened" in told.codes)
        assert told.codes == ["link-sent", "link-delivered", "link-opened"]
        assert {notice.invitation for notice in told.notices} == {made.link.id}
        assert [event.text for event in told.trace.events] == [
            "the link waits to be sent to …8000",
            "the link was sent to …8000",
            "the link has arrived at …8000",
            "the link was opened",
        ]
        assert service.taken[0].message.decode() == made.sms.text


async def test_a_refusal_is_told_with_its_reason(tmp_path: Path) -> None:
    async with smpp_service(statuses=[0x0B]) as service, messaging(tmp_path, over_smpp(service)) as (one, told):
        await one.inviting.invite(CALL, WHOM)
        await until(lambda: "link-failed" in told.codes)
        assert told.notices[-1].text == "the link was not sent to the phone: the number is not valid (0x0000000b)"


async def test_what_waits_when_its_call_ends_is_not_sent(tmp_path: Path) -> None:
    nobody = SmppSettings("main", "127.0.0.1", "gateway", "secret", port=1, answer_limit_s=0.5)
    async with messaging(tmp_path, SmsSettings(carrier="main", smpp=(nobody,))) as (one, told):
        made = await one.inviting.invite(CALL, WHOM)
        post = one.inviting.post
        await until(lambda: post.get(made.link.id).state == "sending")
        one.on_call(ended(CALL))
        assert one.inviting.links.find(made.url.rpartition("/")[2]).over
        await until(lambda: told.codes)
        assert told.codes == ["link-failed"] and post.get(made.link.id).attempts == 1


async def test_a_webhook_sends_it_as_before(tmp_path: Path) -> None:
    async with messaging(tmp_path, SmsSettings(carrier="webhook")) as (one, told):
        made = await one.inviting.invite(CALL, WHOM)
        await until(lambda: "link-handed-on" in told.codes)
        [invited] = told.invited
        assert (invited.id, invited.number, invited.link, invited.by) == (
            made.link.id,
            "+8613800138000",
            made.url,
            "desk (501)",
        )
        assert invited.link in invited.text


async def test_without_anything_it_stands_in_a_file(tmp_path: Path) -> None:
    async with messaging(tmp_path, SmsSettings(carrier="outbox")) as (one, told):
        made = await one.inviting.invite(CALL, WHOM)
        assert "tell the caller the link" in made.reason
        await until(lambda: one.inviting.post.get(made.link.id).state == "handed-on")
        line = msgspec.json.decode((tmp_path / "sms-outbox.jsonl").read_bytes())
        assert line["link"] == made.url and line["number"] == "+8613800138000"
        assert told.codes == [], "the desk was told at once that nothing sends it"


async def test_links_and_messages_outlast_a_restart(tmp_path: Path) -> None:
    async with smpp_service() as service, messaging(tmp_path, over_smpp(service)) as (one, told):
        made = await one.inviting.invite(CALL, WHOM)
        await until(lambda: "link-sent" in told.codes)
    async with smpp_service() as service, messaging(tmp_path, over_smpp(service)) as (after, told):
        link = after.inviting.links.find(made.url.rpartition("/")[2])
        assert link is not None and after.inviting.links.holds(link)
        await until(lambda: not after.inviting.post._carrier.alarm)
        service.deliver("", ident="1", state=2)
        await until(lambda: "link-delivered" in told.codes)
        assert service.taken == []


async def test_a_service_that_is_gone_is_an_alarm_while_somebody_waits(tmp_path: Path) -> None:
    async with messaging(tmp_path, over_smpp(SmppService(port=1))) as (one, _):
        assert [text for text in one.alarms() if text] == []
        await one.inviting.invite(CALL, WHOM)
        await until(lambda: any("main cannot be used" in text for text in one.alarms()))
