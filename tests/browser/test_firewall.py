"""The browser in a network that lets no UDP through: by a relay, or told why there is no video."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Browser, Playwright, expect

from tests.browser import chromium, sdk
from tests.browser.camera import SENDER
from tests.browser.console import Console
from tests.browser.desk import CALLER, Desk
from tests.browser.network import Network
from tests.browser.relay import SECRET, Relay
from tests.browser.test_guest import invited
from tests.browser.test_restart import DOWN_S
from tests.browser.test_web_caller import caller_page, heard_at_the_centre, until
from tests.transport.pki import Paper, paper


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """Another host, behind a firewall."""
    with Network() as network:
        network.close_udp()
        yield network


@pytest.fixture(scope="module")
def far_browser(runner: asyncio.Runner, playwright: Playwright, film: object, network: Network) -> Iterator[Browser]:
    """A browser over there."""
    browser = runner.run(chromium.launch(playwright.chromium, film, str(network.program)))  # type: ignore[arg-type]
    yield browser
    runner.run(browser.close())


def trusted(network: Network) -> Paper:
    """The only certificate that a strict browser takes of a relay."""
    return paper(f"IP:{network.host}", serial=7)


@pytest.fixture
def strict_desk(
    runner: asyncio.Runner, playwright: Playwright, film: Path, network: Network, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Desk]]:
    """As `far_desk`, with a browser that looks at certificates."""
    program, name = str(network.program), request.node.name.removeprefix("test_")
    browser = runner.run(chromium.launch(playwright.chromium, film, program, (trusted(network),)))
    yield partial(Desk, browser, name, network.host)
    runner.run(browser.close())


@pytest.fixture
def far_desk(far_browser: Browser, network: Network, request: pytest.FixtureRequest) -> Callable[..., Desk]:
    """As `make_desk`, with the browser over there."""
    return partial(Desk, far_browser, request.node.name.removeprefix("test_"), network.host)


async def both_see_by_a_relay(desk: Desk) -> None:
    """The caller and the desk see each other, and the trace says which way the pictures came."""
    page = await sdk.open_desk(await desk.context(), desk.gateway)
    caller = await desk.eye(page, "#caller")
    handset, call_id = await desk.call()
    await desk.caller_sees(handset, SENDER, 15, 20.0)
    await caller.rising(CALLER, 15, 20.0)
    _, trace, _ = await desk.gateway.ask("GET", f"/v1/calls/{call_id}/trace")
    assert b"a relay of the browser's" in trace, trace


async def test_a_relay_by_tcp_carries_the_video_both_ways(
    far_desk: Callable[..., Desk], network: Network, tmp_path: Path
) -> None:
    with Relay(network.host, tmp_path) as relay:
        async with far_desk(relay=(relay.url, SECRET)) as desk:
            await both_see_by_a_relay(desk)


async def test_a_relay_by_tls_carries_the_video_both_ways(
    strict_desk: Callable[..., Desk], network: Network, tmp_path: Path
) -> None:
    """All that comes out of that network is TLS, to whom the browser trusts."""
    with Relay(network.host, tmp_path, trusted(network)) as relay:
        async with strict_desk(relay=(relay.url, SECRET)) as desk:
            await both_see_by_a_relay(desk)


async def test_a_relay_whose_certificate_nobody_trusts_is_none(
    strict_desk: Callable[..., Desk], network: Network, tmp_path: Path
) -> None:
    with Relay(network.host, tmp_path, paper(f"IP:{network.host}", serial=8)) as relay:
        async with strict_desk(relay=(relay.url, SECRET)) as desk:
            agent = await Console.open(desk)
            told = agent.page.locator("#check-path-said")
            await expect(told).to_contain_text("This network lets no video through")


async def test_a_relay_carries_a_web_caller_too(
    far_desk: Callable[..., Desk], network: Network, tmp_path: Path
) -> None:
    with Relay(network.host, tmp_path) as relay:
        async with far_desk(relay=(relay.url, SECRET), callers="anonymous = true") as desk:
            page = await caller_page(desk)
            await page.click("#video")
            await expect(page.locator("#status")).to_have_text("You are connected")
            await heard_at_the_centre(desk)
            await page.click("#leave")
            await until(lambda: desk.centre.calls[-1].state == "ended", "the centre hears of the end")


async def test_one_tcp_port_carries_the_video_both_ways(far_desk: Callable[..., Desk]) -> None:
    async with far_desk(tcp=True) as desk:
        page = await sdk.open_desk(await desk.context(), desk.gateway)
        caller = await desk.eye(page, "#caller")
        handset, call_id = await desk.call()
        await desk.caller_sees(handset, SENDER, 15, 20.0)
        await caller.rising(CALLER, 15, 20.0)
        _, trace, _ = await desk.gateway.ask("GET", f"/v1/calls/{call_id}/trace")
        assert b" by TCP" in trace, trace
        await desk.gateway.kill()
        await asyncio.sleep(DOWN_S)
        await desk.gateway.start()
        await desk.caller_sees(handset, SENDER, 30)
        await caller.rising(CALLER, 30)
        _, trace, _ = await desk.gateway.ask("GET", f"/v1/calls/{call_id}/trace")
        assert b"transport interrupted" not in trace, trace


async def test_before_a_call_desk_and_guest_see_which_way_there_is(far_desk: Callable[..., Desk]) -> None:
    async with far_desk(tcp=True) as desk:
        agent = await Console.open(desk)
        await expect(agent.page.locator("#check-path-said")).to_have_text("Works, by TCP")
        await agent.page.click("#check-run")
        await expect(agent.page.locator("#check-path-said")).to_have_text("Works, by TCP")
        await expect(agent.page.locator("#check-camera-said")).to_have_text("Works")
        await desk.show(agent.page, "check")
        _, call_id = await desk.call(video=False)
        _, invitation, _ = await desk.gateway.ask("POST", f"/v1/calls/{call_id}/invitations", json={})
        guest = await (await desk.context("zh-CN")).new_page()
        await guest.set_viewport_size({"width": 390, "height": 760})
        await guest.goto(invitation["link"])
        await expect(guest.get_by_text("视频通路：正常")).to_be_visible(timeout=60_000)
        await desk.show(guest, "check")


async def test_one_tcp_port_carries_a_guest_too(far_desk: Callable[..., Desk]) -> None:
    """While the voice goes on by phone; the desk comes over TCP as well."""
    async with far_desk(tcp=True) as desk:
        agent, guest, handset, call_id = await invited(desk, await desk.context())
        await guest.click("#go")
        seen = await desk.eye(agent, "#caller")
        await agent.bring_to_front()
        await seen.rising(SENDER, 15, 20.0)
        await guest.bring_to_front()
        await expect(guest.locator("#status")).to_have_text("They can see your video")
        _, trace, _ = await desk.gateway.ask("GET", f"/v1/calls/{call_id}/trace")
        ways = [line for line in trace.decode().splitlines() if "transport connected" in line]
        assert len(ways) == 2 and all(" by TCP" in line for line in ways), ways
        await desk.voice_goes_on(handset)


async def test_one_tcp_port_carries_a_web_caller_too(far_desk: Callable[..., Desk]) -> None:
    async with far_desk(tcp=True, callers="anonymous = true") as desk:
        page = await caller_page(desk)
        await expect(page.locator("#path")).to_have_text("Network check: calls get through.")
        await desk.show(page, "check")
        await page.click("#video")
        await expect(page.locator("#status")).to_have_text("You are connected")
        await heard_at_the_centre(desk)
        await page.click("#leave")
        await until(lambda: desk.centre.calls[-1].state == "ended", "the centre hears of the end")


async def test_without_one_desk_and_guest_are_told_why(far_desk: Callable[..., Desk]) -> None:
    async with far_desk(callers="anonymous = true") as desk:
        agent = await Console.open(desk)
        told = agent.page.locator("#check-path-said")
        await expect(told).to_contain_text("This network lets no video through. IT must open UDP")
        await desk.show(agent.page, "check")
        page = await caller_page(desk)
        await expect(page.locator("#path")).to_contain_text("Your network blocks calls")
        await desk.show(page, "no-path-caller")
        handset, call_id = await desk.call(video=False)
        await agent.says("This network lets no video through", "IT must open UDP", 30.0)
        await desk.show(agent.page, "no-path")
        _, invitation, _ = await desk.gateway.ask("POST", f"/v1/calls/{call_id}/invitations", json={})
        for locale, words in (("en-US", "Your network blocks the video"), ("zh-CN", "当前网络不允许视频通过")):
            guest = await (await desk.context(locale)).new_page()
            await guest.set_viewport_size({"width": 390, "height": 760})
            await guest.goto(invitation["link"])
            await guest.click("#go")
            await expect(guest.locator("#status")).to_contain_text(words)
            await desk.show(guest, f"no-path-{locale}")
            _, invitation, _ = await desk.gateway.ask("POST", f"/v1/calls/{call_id}/invitations", json={})
        await desk.voice_goes_on(handset)
