"""A link instead of the phone's video: made and sent where that can be, and a word in the trace where it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from splitter.calls.view import CallView, LinkWanted
from splitter.sms.settings import OUTBOX, SmsSettings
from splitter.store.schema import StoreError
from splitter.web.access.links import ShortLink
from splitter.web.guests.climbing import Climbing
from splitter.web.guests.inviting import MOST
from splitter.web.guests.messaging import Messaging
from tests.patience import until
from tests.sms.smpp.server import smpp_service
from tests.web.kit import CALL, ended
from tests.web.test_messaging import messaging, over_smpp

CALLER = replace(CALL, caller="+8613800138000")
WANTED = LinkWanted(CALL.call_id, "desk (501)", "zh", "the phone does not take video (488)")


class Nodes:
    """Other nodes, which are told of links."""

    def __init__(self) -> None:
        self.told: list[ShortLink] = []

    def share(self, link: ShortLink) -> None:
        self.told.append(link)


@pytest.fixture
def trace() -> Iterator[list[str]]:
    yield []


def climbing(one: Messaging, trace: list[str], nodes: Nodes, call: CallView | None, page: bool = True) -> Climbing:
    return Climbing(lambda _: call, one.inviting, nodes, lambda: page, lambda _, words: trace.append(words))


async def test_is_made_sent_and_told_to_other_nodes(tmp_path: Path, trace: list[str]) -> None:
    nodes = Nodes()
    async with smpp_service() as service, messaging(tmp_path, over_smpp(service)) as (one, told):
        climbing(one, trace, nodes, CALLER).on_wanted(WANTED)
        await until(lambda: "link-sent" in told.codes)
        [link] = one.inviting.links.of_call(CALL.call_id)
        assert nodes.told == [link] and link.devices == 1
        assert trace == [f"a link is sent instead of the phone's video: {WANTED.reason}"]
        assert "视频" in service.taken[0].message.decode("utf-16-be"), "in the language that was wished"


@pytest.mark.parametrize(
    ("call", "page", "why"),
    [
        (replace(CALLER, caller=""), True, "the caller's number is not known"),
        (replace(CALLER, caller="anonymous"), True, "that number can be sent no message"),
        (CALLER, False, "api.guest_url is not set"),
    ],
)
async def test_is_not_made_where_it_would_not_arrive(
    tmp_path: Path, trace: list[str], call: CallView, page: bool, why: str
) -> None:
    async with smpp_service() as service, messaging(tmp_path, over_smpp(service)) as (one, told):
        climbing(one, trace, Nodes(), call, page).on_wanted(WANTED)
        assert trace == [f"no link is sent instead of the phone's video: {why}"]
        assert one.inviting.links.of_call(CALL.call_id) == [] and told.codes == []


async def test_is_not_made_where_nothing_sends(tmp_path: Path, trace: list[str]) -> None:
    async with messaging(tmp_path, SmsSettings(carrier=OUTBOX)) as (one, _):
        climbing(one, trace, Nodes(), CALLER).on_wanted(WANTED)
        assert trace == ["no link is sent instead of the phone's video: nothing is configured that sends messages"]


@pytest.mark.parametrize("call", [None, ended(CALLER)])
async def test_is_not_made_for_a_call_that_is_over(tmp_path: Path, trace: list[str], call: CallView | None) -> None:
    async with messaging(tmp_path, SmsSettings()) as (one, _):
        climbing(one, trace, Nodes(), call).on_wanted(WANTED)
        assert trace == []


async def test_that_cannot_be_made_is_said_to_be_none(
    tmp_path: Path, trace: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def make(*_: object) -> str:
        raise StoreError("the disk is full")

    async with smpp_service() as service, messaging(tmp_path, over_smpp(service)) as (one, _):
        monkeypatch.setattr(one.inviting.links, "make", make)
        climbing(one, trace, Nodes(), CALLER).on_wanted(WANTED)
        await until(lambda: len(trace) > 1)
        assert trace[-1] == "no link is sent instead of the phone's video: the disk is full"


async def test_is_not_sent_again_and_again(tmp_path: Path, trace: list[str]) -> None:
    async with smpp_service() as service, messaging(tmp_path, over_smpp(service)) as (one, _):
        climber = climbing(one, trace, Nodes(), CALLER)
        for _ in range(MOST + 3):
            climber.on_wanted(WANTED)
        await until(lambda: len(one.inviting.links.of_call(CALL.call_id)) == MOST)
        assert (
            trace[MOST:]
            == ["no link is sent instead of the phone's video: this call's links were sent often enough"] * 3
        )
