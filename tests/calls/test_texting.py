"""Short messages by SIP MESSAGE through a trunk (RFC 3428)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from splitter.calls.settings import Role, Trunk
from splitter.calls.texting import SipCarrier
from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.sip.events import RequestFailed, ResponseArrived
from splitter.sip.message import Request, Response
from splitter.sms.message import Attempted, InDoubt, Taken, TryAgain, TurnedDown
from splitter.sms.settings import SipSmsSettings
from splitter.transport.targets import Target
from tests.sms.kit import sms

THERE = Address("192.0.2.9", 5060)
FLOW = Flow("core", "udp", Address("10.1.0.10", 5060), THERE)


@dataclass
class FakeDriver:
    """Answers requests as it is told: a status with headers, or a failure."""

    answers: list[tuple[int, list[tuple[str, str]]] | RequestFailed]
    requests: list[Request] = field(default_factory=list)

    def request(self, request: Request, flow: Flow, listener: Any, answer_limit_s: float | None = None) -> Any:
        assert (flow, answer_limit_s) == (FLOW, 10.0)
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, RequestFailed):
            listener(answer)
            return None
        status, headers = answer
        if status >= 200:
            listener(ResponseArrived(None, request.respond(100), flow))  # type: ignore[arg-type]
        response: Response = request.respond(status, to_tag="x", headers=headers)
        listener(ResponseArrived(None, response, flow))  # type: ignore[arg-type]
        return None

    def flow_to(self, network: str, transport: str, remote: Address) -> Flow:
        return FLOW

    def contact(self, network: str, transport: str, host: str | None = None) -> Address:
        return FLOW.local


def carrier(driver: FakeDriver, targets: bool = True, **trunk: Any) -> SipCarrier:
    made = Trunk("ims", Role.ACCESS, "core", (), THERE, **trunk)
    settings = SipSmsSettings("ims", "ims", source="12345")
    found = [Target("udp", THERE)] if targets else []
    return SipCarrier(settings, made, driver, IdSource(), "splitter", lambda one: found)  # type: ignore[arg-type]


async def sent(*answers: Any, **trunk: Any) -> tuple[Attempted, list[Request]]:
    driver = FakeDriver(list(answers))
    return await carrier(driver, **trunk).send(sms(text="请勿挂断 https://v.example/g/0123456789")), driver.requests


async def test_one_request_carries_the_text() -> None:
    outcome, [request] = await sent((202, []))
    assert outcome == Taken()
    assert (request.method, request.uri) == ("MESSAGE", "sip:+8613800138000@192.0.2.9")
    assert request.body.decode() == "请勿挂断 https://v.example/g/0123456789"
    headers = request.headers
    assert headers.get("content-type") == "text/plain;charset=UTF-8" and headers.get("expires") == "300"
    assert "sip:12345@10.1.0.10" in (headers.get("from") or "") and headers.get("contact") is None


CHALLENGE = ("WWW-Authenticate", 'Digest realm="ims", nonce="n1", algorithm=SHA-256, qop="auth"')


async def test_credentials_are_given_where_they_are_asked_for() -> None:
    outcome, requests = await sent((401, [CHALLENGE]), (200, []), username="gw", password="secret")
    assert outcome == Taken() and 'username="gw"' in (requests[1].headers.get("authorization") or "")
    assert requests[1].headers.get("cseq") == "2 MESSAGE"
    outcome, requests = await sent((401, [CHALLENGE]), (401, [CHALLENGE]), username="gw", password="wrong")
    assert isinstance(outcome, TurnedDown) and len(requests) == 2
    outcome, _ = await sent((401, [CHALLENGE]))
    assert isinstance(outcome, TurnedDown)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((404, []), TurnedDown("404 Not Found")),
        ((503, [("Retry-After", "7")]), TryAgain("503 Service Unavailable", 7.0)),
        ((480, []), TryAgain("480 Temporarily Unavailable", 0.0)),
        (RequestFailed(None, 408, "no answer", True), InDoubt("no answer")),  # type: ignore[arg-type]
        (RequestFailed(None, 503, "it broke", True), InDoubt("it broke")),  # type: ignore[arg-type]
        (RequestFailed(None, 503, "unreachable"), TryAgain("unreachable", all=True)),  # type: ignore[arg-type]
    ],
)
async def test_refusals_and_silence_are_told_apart(answer: Any, outcome: Attempted) -> None:
    assert (await sent(answer))[0] == outcome


async def test_a_trunk_without_a_server_keeps_it_waiting() -> None:
    one = carrier(FakeDriver([]), targets=False)
    assert isinstance(await one.send(sms()), TryAgain) and "ims" in one.alarm
