"""HTTP services: templates, signatures as the usual cloud services want them, and a sink that misbehaves."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from aiohttp import web

from splitter.core.clock import SystemClock
from splitter.core.errors import LocalError, PeerError
from splitter.core.ids import IdSource
from splitter.core.keys import ValueProblem
from splitter.sms.answers import attempted, receipts
from splitter.sms.http import HttpCarrier, request_of
from splitter.sms.message import InDoubt, SmsReceipt, SmsState, Taken, TryAgain, TurnedDown
from splitter.sms.settings import HttpSmsSettings
from splitter.sms.signing import read_step, signed
from splitter.sms.template import Escape, Value, fill, parse_template
from tests.sms.kit import WALL, sms

PLAIN = HttpSmsSettings("main", "https://sms.example/send")


class TestTemplates:
    @pytest.mark.parametrize(
        ("place", "written"),
        [
            (Escape.JSON, 'a"b\\n&<'),
            (Escape.FORM, "a%22b%0A%26%3C"),
            (Escape.PERCENT, "a%22b%0A%26%3C"),
            (Escape.XML, "a&quot;b\n&amp;&lt;"),
        ],
    )
    def test_escape_values_as_their_place_wants_it(self, place: Escape, written: str) -> None:
        written = written.replace('a"b', 'a\\"b') if place is Escape.JSON else written
        assert fill("{text}", {"text": 'a"b\n&<'}, place) == written

    def test_leave_other_braces_alone(self) -> None:
        assert fill('{"code":"{code}"}', {"code": "7"}) == '{"code":"7"}'

    def test_have_filters(self) -> None:
        values: dict[str, Value] = {"number": "+86 138", "hash": b"\x01\xff"}
        assert fill("{number:digits} {hash} {hash:hex:upper} {hash:base64:percent}", values) == "86138 01ff 01FF Af8%3D"
        with pytest.raises(ValueProblem, match="base64"):
            parse_template("{text:base65}")
        with pytest.raises(LocalError, match="nobody"):
            fill("{nobody}", {})

    def test_put_no_line_into_a_header(self) -> None:
        with pytest.raises(LocalError, match="several lines"):
            request_of(replace(PLAIN, headers=("X-Text: {text}",)), sms(text="a\r\nX: y"), "n", WALL)

    def test_make_json_that_can_be_read(self) -> None:
        request = request_of(PLAIN, sms(text='"quoted"\n视频 {link}'), "n", WALL)
        assert msgspec.json.decode(request.body) == {"to": "+8613800138000", "text": '"quoted"\n视频 {link}'}


class TestSignatures:
    """Against the examples that the services have published."""

    def test_of_aws_version_4(self) -> None:
        """The case "get-vanilla" of its test suite."""
        steps = [
            "at = time 20150830T123600Z",
            "day = time 20150830",
            "nothing = sha256 ",
            "request = text GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:{at}\n\nhost;x-amz-date\n{nothing}",
            "hash = sha256 {request}",
            "to_sign = text AWS4-HMAC-SHA256\n{at}\n{day}/us-east-1/service/aws4_request\n{hash}",
            "k1 = hmac-sha256 AWS4{secret} | {day}",
            "k2 = hmac-sha256 {k1} | us-east-1",
            "k3 = hmac-sha256 {k2} | service",
            "k4 = hmac-sha256 {k3} | aws4_request",
            "signature = hmac-sha256 {k4} | {to_sign}",
        ]
        values = signed(
            [read_step(text) for text in steps], {"secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}, WALL
        )
        assert fill("{signature}", values) == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"

    def test_of_aliyun(self) -> None:
        """The example of its RPC interface: sorted parameters, HMAC-SHA1, base64."""
        settings = HttpSmsSettings(
            "aliyun",
            "https://ecs.example/?{query:raw}&Signature={signature:base64:percent}",
            method="GET",
            query=(
                "Version=2014-05-26",
                "Action=DescribeRegions",
                "Format=XML",
                "AccessKeyId={key}",
                "SignatureMethod=HMAC-SHA1",
                "SignatureVersion=1.0",
                "SignatureNonce=3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
                "Timestamp={at}",
            ),
            sign=(
                "at = time 2016-02-23T12:46:24Z",
                "to_sign = text GET&%2F&{query:percent}",
                "signature = hmac-sha1 {secret}& | {to_sign}",
            ),
            key="testid",
            secret="testsecret",
        )
        request = request_of(settings, sms(), "n", WALL)
        assert request.url.endswith("&Signature=OLeaidS1JvxuMvnyHOwuJ%2BuX5qY%3D") and request.body == b""
        assert request.url.startswith("https://ecs.example/?AccessKeyId=testid&Action=DescribeRegions&Format=XML&")

    def test_may_sign_the_body_that_is_sent(self) -> None:
        settings = replace(
            PLAIN,
            sign=("sum = hmac-sha256 {secret} | {body}",),
            secret="s",
            headers=("Content-Type: application/json", "X-Sum: {sum}"),
        )
        request = request_of(settings, sms(), "n", WALL)
        assert dict(request.headers)["X-Sum"] == hmac.new(b"s", request.body, "sha256").hexdigest()

    @pytest.mark.parametrize(
        "text", ["nothing", "x = sha3 {body}", "x = hmac-sha256 {body}", "X = text a", "x = text {a:no}"]
    )
    def test_that_cannot_be_made_are_told_at_once(self, text: str) -> None:
        with pytest.raises(ValueProblem):
            read_step(text)


CLOUD = replace(
    PLAIN,
    answer_code="Code",
    answer_good=("OK",),
    answer_again=("isv.BUSINESS_LIMIT_CONTROL",),
    answer_id="BizId",
    answer_reason="Message",
)


class TestAnswers:
    @pytest.mark.parametrize(
        ("settings", "status", "body", "outcome"),
        [
            (PLAIN, 200, b"", Taken()),
            (PLAIN, 202, b"not json", Taken()),
            (PLAIN, 400, b"", TurnedDown("HTTP 400")),
            (PLAIN, 302, b"", TurnedDown("HTTP 302")),
            (PLAIN, 500, b"", TryAgain("HTTP 500", 0.0, True)),
            (PLAIN, 502, b"", InDoubt("HTTP 502: it may have been sent")),
            (CLOUD, 200, b'{"Code":"OK","BizId":"9006"}', Taken(("9006",))),
            (CLOUD, 200, b'{"Code":"isv.MOBILE_NUMBER_ILLEGAL","Message":"illegal number"}',
             TurnedDown("illegal number (isv.MOBILE_NUMBER_ILLEGAL)")),
            (CLOUD, 200, b'{"Code":"isv.BUSINESS_LIMIT_CONTROL","Message":"too many"}',
             TryAgain("too many (isv.BUSINESS_LIMIT_CONTROL)", 0.0, True)),
            (CLOUD, 400, b'{"Code":"isv.BUSINESS_LIMIT_CONTROL"}', TryAgain("HTTP 400 (isv.BUSINESS_LIMIT_CONTROL)", 0.0, True)),
            (CLOUD, 200, b"<html>", TurnedDown("HTTP 200 (no answer that can be read)")),
            (replace(CLOUD, answer_code="S.0.Code", answer_id="S.0.No"), 200, b'{"S":[{"Code":"OK","No":7}]}', Taken(("7",))),
        ],
    )  # fmt: skip
    def test_are_read_as_configured(self, settings: HttpSmsSettings, status: int, body: bytes, outcome: object) -> None:
        assert attempted(settings, status, body) == outcome

    def test_receipts_come_as_lists_as_objects_and_as_forms(self) -> None:
        listed = replace(PLAIN, receipt_id="biz_id", receipt_code="success", receipt_reason="err_code")
        body = (
            b'[{"biz_id":"1","success":true},{"biz_id":"2","success":false,"err_code":"MI:0011"},{"biz_id":"3"},7,null]'
        )
        assert receipts(listed, "application/json", body) == [
            SmsReceipt("1", SmsState.DELIVERED),
            SmsReceipt("2", SmsState.FAILED, "it cannot be delivered (MI:0011)"),
        ]
        form = replace(PLAIN, receipt_id="MessageSid", receipt_code="MessageStatus")
        assert receipts(form, "application/x-www-form-urlencoded", b"MessageSid=SM1&MessageStatus=delivered") == [
            SmsReceipt("SM1", SmsState.DELIVERED)
        ]
        for body in (b"", b"{", b"\xff", '{"biz_id":"失败"}'.encode("gbk"), b"[" * 100_000):
            with pytest.raises(PeerError):
                receipts(PLAIN, "application/json", body)


def test_an_answer_in_another_coding_is_told_by_its_status() -> None:
    """Chinese services answer in GBK, some of them when something is wrong alone."""
    body = '{"message":"签名不合法"}'.encode("gbk")
    assert attempted(PLAIN, 200, body) == attempted(PLAIN, 200, b"{")
    assert attempted(PLAIN, 400, body) == attempted(PLAIN, 400, b"{")


# ---- over a socket -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def sink(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def carrier(url: str, **more: Any) -> AsyncIterator[HttpCarrier]:
    one = HttpCarrier(replace(PLAIN, url=url, **more), SystemClock(), IdSource(), "https://video.example")
    try:
        yield one
    finally:
        await one.stop()


async def test_a_message_is_posted_once_with_what_the_templates_say() -> None:
    seen: list[tuple[str, str, str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.raw_path, request.headers["Authorization"], await request.text()))
        return web.json_response({"id": "x1"}, status=201)

    async with (
        sink(answer) as url,
        carrier(
            f"{url}/send/{{id}}?to={{number}}",
            headers=("Content-Type: application/x-www-form-urlencoded", "Authorization: Bearer {secret}"),
            body="to={number}&text={text}&callback={receipt}",
            secret="t0ken",
            receipt_key="0123456789abcdef",
            answer_id="id",
        ) as one,
    ):
        assert await one.send(sms(text="视频 & more")) == Taken(("x1",))
    [(method, path, authorization, body)] = seen
    assert (method, path, authorization) == ("POST", "/send/m1?to=%2B8613800138000", "Bearer t0ken")
    assert body.startswith(
        "to=%2B8613800138000&text=%E8%A7%86%E9%A2%91+%26+more&callback=https%3A%2F%2Fvideo.example%2Fv1"
    )


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_a_request_that_was_read_is_never_repeated(method: str) -> None:
    asked = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with sink(answer) as url, carrier(f"{url}/cut", method=method) as one:
        assert isinstance(await one.send(sms()), InDoubt)
    assert asked == 1


async def test_what_a_sink_does_wrong_is_told_apart() -> None:
    asked = 0
    over = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        match request.path:
            case "/busy":
                return web.Response(status=429, headers={"Retry-After": "7"})
            case "/broken":
                return web.Response(status=503)
            case "/slow":
                await over.wait()
            case "/cut":
                assert request.transport is not None
                request.transport.abort()
            case "/elsewhere":
                return web.Response(status=302, headers={"Location": "/busy"})
            case "/huge":
                return web.Response(body=b"x" * 500_000)
        return web.Response()

    async with sink(answer) as url:
        outcomes = {}
        for path in ("busy", "broken", "slow", "cut", "elsewhere", "huge"):
            async with carrier(f"{url}/{path}", timeout_s=0.5) as one:
                outcomes[path] = await one.send(sms())
                assert bool(one.alarm) == (path in ("broken", "slow", "cut"))
        over.set()
    assert outcomes["busy"] == TryAgain("HTTP 429", 7.0, True) and outcomes["broken"] == TryAgain("HTTP 503", 0.0, True)
    assert outcomes["slow"] == InDoubt("no answer in 0.5 s") and isinstance(outcomes["cut"], InDoubt)
    assert outcomes["elsewhere"] == TurnedDown("HTTP 302") and outcomes["huge"] == Taken()
    assert asked == 6, "nothing was asked twice"


async def test_a_service_that_is_not_there_was_surely_not_told() -> None:
    async with carrier("http://127.0.0.1:1/") as one:
        outcome = await one.send(sms())
        assert isinstance(outcome, TryAgain) and outcome.all and "Connect" in outcome.reason
