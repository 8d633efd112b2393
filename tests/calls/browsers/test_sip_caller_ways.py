"""Who may call from a browser by SIP, and how such a call changes its way: after a restart, from another network."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from splitter.core.errors import MediaUnavailable
from splitter.sdp.write import write
from tests.calls.browsers.kit import offer
from tests.calls.browsers.sip_kit import (
    HEADERS,
    TOKEN,
    answers_offers,
    arrived,
    connected,
    dialled,
    over,
    picture_faults,
    setting,
    voice_alone,
    voice_faults,
)
from tests.calls.kit import sdp
from tests.sdp.edits import replace_attributes
from tests.world import World


class TestAdmission:
    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"headers": HEADERS}, 401),
            ({"headers": [*HEADERS, ("Authorization", "Bearer forged")]}, 401),
            ({"called": "110"}, 404),
            ({"offer": b""}, 488),
        ],
    )
    def test_refuses(self, world: World, changes: dict[str, Any], status: int) -> None:
        body = changes.pop("offer", write(offer()))
        caller = world.page.invite(changes.pop("called", "12345"), body, **{"headers": TOKEN, **changes})
        heard = caller.expect(str(status))
        assert heard.message is not None
        if status == 401:
            assert "Bearer" in (heard.message.headers.get("www-authenticate") or "")
        over(world, caller)

    @pytest.mark.parametrize(
        ("name", "values", "words"),
        [
            ("fingerprint", (), "no a=fingerprint"),
            ("ice-ufrag", ("x" * 5000,), "no ICE credential"),
            ("rtcp-mux", (), "a=rtcp-mux"),
        ],
    )
    def test_says_what_is_wrong_with_an_offer(
        self, world: World, name: str, values: tuple[str, ...], words: str
    ) -> None:
        bad = voice_alone()
        bad = replace(bad, media=(replace_attributes(bad.media[0], name, *values),))
        message = dialled(world, bad).expect("488").message
        assert message is not None and words in (message.headers.get("warning") or "")

    @pytest.mark.parametrize(("captcha", "heard"), [("", "180"), ("https://captcha.example", "401")])
    def test_a_captcha_cannot_be_passed_by(self, world: World, captcha: str, heard: str) -> None:
        """Where callers without a token have to solve one, they cannot call by SIP."""
        world.browsers.adopt(replace(world.browsers.settings, anonymous=True, captcha_url=captcha))
        caller = dialled(world, headers=HEADERS)
        if heard == "180":
            world.pbx.take().ring(180)
        caller.expect(heard)
        caller.cancel()
        over(world, caller)

    def test_its_token_is_neither_in_the_trace_nor_written_down(self, world: World) -> None:
        caller, centre = arrived(world, headers=[*HEADERS, ("Authorization", "Bearer C-secret")])
        world.lives[-1].records.flush()
        events = world.traces[world.call_of(caller).talk.call_id]
        assert b"Bearer xxxxxxxx" in events[0].data and not any(b"Bearer C-" in event.data for event in events)
        assert world.rows and not any(b"Bearer" in bytes(row.record) for row in world.rows.values())
        centre.refuse(486)
        over(world, caller)

    def test_a_phones_offer_is_for_other_trunks(self, world: World) -> None:
        caller = world.page.invite("12345", headers=TOKEN)
        caller.expect("488")
        over(world, caller)

    def test_an_address_has_so_many_at_a_time_and_a_minute(self, world: World) -> None:
        statuses = []
        for number in range(8):
            caller = dialled(world, headers=[*HEADERS, ("Authorization", f"Bearer C-{number}")])
            world.run(0.1)
            statuses.append(caller.status)
        assert statuses == [0, 0, 0, 503, 503, 503, 503, 503]
        assert len(world.live_calls()) == 3
        world.run(120)
        for call in world.live_calls():
            call.hang_up("over")
        over(world, caller)

    def test_no_ports(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        async def full(*args: Any) -> None:
            raise MediaUnavailable("full")

        monkeypatch.setattr(world.adapters, "open_adapter", full)
        caller = dialled(world)
        heard = caller.expect("503")
        assert heard.message is not None and heard.message.headers.get("retry-after")
        over(world, caller)

    def test_registers_nowhere(self, world: World) -> None:
        found: list[int] = []
        world.page.driver.request(_register(world), world.page.gateway, partial(_note, found))
        world.run(1)
        assert found[0] == 405


class TestRestart:
    def test_the_call_goes_on(self, world: World) -> None:
        caller, centre = connected(world)
        world.run(2)
        assert world.restart().taken_up == 1
        world.run(1)
        assert voice_faults(world, caller) == [] and picture_faults(world, caller) == []
        world.run(60)
        assert world.live_calls()
        answers_offers(caller)
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")

        centre.expect("200 re-INVITE")
        caller.bye()
        centre.expect("BYE")
        over(world, caller)

    @pytest.mark.parametrize("told", [False, True])
    def test_in_the_middle_of_an_ice_restart(self, world: World, monkeypatch: pytest.MonkeyPatch, told: bool) -> None:
        """The worker has the new port, and knows the browser's side (`told`) or not; the browser has no answer."""
        caller, centre = connected(world)
        world.run(2)
        verb = "set_adapter" if told else "restart_adapter"
        carry_out = getattr(world.adapters, verb)

        async def in_vain(*asked: Any) -> Any:
            await carry_out(*asked)
            await asyncio.sleep(10)

        monkeypatch.setattr(world.adapters, verb, in_vain)
        caller.reinvite(caller.terminal.note(offer(ufrag="Other")))
        world.run(0.2)
        monkeypatch.undo()
        assert world.restart().taken_up == 1
        caller.terminal.note(offer())  # what it says is as it was, once that was refused
        answers_offers(caller)
        for what in ("glare", "491 re-INVITE", "INVITE"):  # ours says again what stands
            caller.expect(what)
        world.run(1)
        assert voice_faults(world, caller) == []
        caller.reinvite(caller.terminal.note(offer(ufrag="Third")))
        caller.expect("200 re-INVITE")
        world.run(60)
        secure = setting(world, caller).secure
        assert secure is not None and secure.ufrag.startswith("Third") and voice_faults(world, caller) == []
        centre.bye()
        over(world, caller)


def _register(world: World) -> Any:
    from splitter.sip.headers import Headers
    from splitter.sip.message import Request

    lines = [
        ("From", "<sip:me@web.invalid>;tag=a"),
        ("To", "<sip:me@web.invalid>"),
        ("Call-ID", "register"),
        ("CSeq", "1 REGISTER"),
        ("Contact", "<sip:me@a.invalid;transport=ws>"),
    ]
    return Request("REGISTER", f"sip:{world.page.gateway.remote}", Headers(lines))


def _note(found: list[int], event: Any) -> None:
    if (response := getattr(event, "response", None)) is not None:
        found.append(response.status)


class TestAnotherNetwork:
    """An ICE restart: our transport needs a moment for it, and the call goes on meanwhile."""

    def test_while_a_2xx_of_ours_was_not_acknowledged(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        caller, centre = connected(world)
        monkeypatch.setattr(caller.peer.driver, "acknowledge", lambda *_: None)  # its connection is gone: so is its ACK
        caller.reinvite(caller.terminal.note(offer(ufrag="Other")))
        caller.expect("200 re-INVITE")
        caller.reinvite(caller.terminal.note(offer(ufrag="Third")))
        caller.expect("200 re-INVITE")
        monkeypatch.undo()
        world.run(0.2)
        secure = setting(world, caller).secure
        assert secure is not None and secure.ufrag.startswith("Third") and voice_faults(world, caller) == []
        centre.bye()
        over(world, caller)

    def test_while_the_centre_holds(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        caller, centre = connected(world)
        answers_offers(caller)
        _slow(world, monkeypatch)
        caller.reinvite(caller.terminal.note(offer(ufrag="Other")))
        world.run(0.2)
        centre.reinvite(audio="sendonly")
        caller.expect("200 re-INVITE")  # and no 491
        caller.expect("INVITE")
        centre.expect("200 re-INVITE")
        world.run(0.2)
        assert voice_faults(world, caller) == []
        centre.bye()
        over(world, caller)

    def test_given_up_while_the_centre_holds(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        caller, centre = connected(world)
        answers_offers(caller)
        _slow(world, monkeypatch, MediaUnavailable("no ports"))
        caller.reinvite(caller.terminal.note(offer(ufrag="Other")))
        world.run(0.2)
        centre.reinvite(audio="sendonly")
        caller.terminal.note(offer())  # what it says is as it was, once that was refused
        caller.expect("500 re-INVITE")
        caller.expect("INVITE")
        centre.expect("200 re-INVITE")
        centre.bye()
        over(world, caller)

    def test_in_the_middle_of_it_the_centre_hangs_up(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        caller, centre = connected(world)
        _slow(world, monkeypatch)
        caller.reinvite(caller.terminal.note(offer(ufrag="Other")))
        world.run(0.2)
        centre.bye()
        caller.expect("487 re-INVITE")
        caller.expect("BYE")
        caller.hears_nothing(3)
        over(world, caller)

    def test_comes_again_where_its_side_did_not_reach_the_worker(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        caller, centre = connected(world)
        answers_offers(caller)

        async def dead(*_: Any) -> None:
            monkeypatch.undo()
            raise MediaUnavailable("it is busy")

        monkeypatch.setattr(world.adapters, "set_adapter", dead)
        before = world.adapters.of(world.call_of(caller).talk.call_id).handle.secure.ufrag
        caller.reinvite(caller.terminal.note(offer(ufrag="Other")))
        caller.expect("500 re-INVITE")
        caller.terminal.note(offer())
        centre.reinvite(audio="sendonly")
        assert sdp(caller.expect("INVITE")).media[0].get("ice-ufrag") == before
        centre.expect("200 re-INVITE")
        caller.reinvite(caller.terminal.note(offer(ufrag="Other")))
        caller.expect("200 re-INVITE")
        world.run(0.2)
        secure = setting(world, caller).secure
        assert secure is not None and secure.ufrag.startswith("Other")
        centre.bye()
        over(world, caller)


def _slow(world: World, monkeypatch: pytest.MonkeyPatch, fault: Exception | None = None) -> None:
    """A worker takes a second for its next ICE restart, which then comes about or not."""
    restart = world.adapters.restart_adapter

    async def slowly(adapter: Any) -> Any:
        monkeypatch.undo()
        await asyncio.sleep(1)
        if fault is not None:
            raise fault
        return await restart(adapter)

    monkeypatch.setattr(world.adapters, "restart_adapter", slowly)
