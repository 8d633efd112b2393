"""Tokens that hold no longer: at once, after a restart, and with all that was opened by them."""

from __future__ import annotations

import asyncio
import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from splitter.calls.asks import Desk, Holder, Remove
from splitter.calls.desks import Desks
from splitter.calls.logins.access import AccountRole, Scope, Token
from splitter.calls.logins.accounts import Account
from splitter.web.access.bearer import ID_LETTERS, Bearer, configured_bearer, id_of, login_mark, mint, read
from splitter.web.access.revocations import KEPT_S, Revocations
from splitter.web.events.audience import EXPIRED
from splitter.web.events.hub import Hub
from splitter.web.events.socket import Events
from splitter.web.logins.evictions import Evictions
from tests.patience import PATIENCE_S, until
from tests.telemetry.kit import VirtualClock
from tests.web.kit import CALL as MINE
from tests.web.kit import SECRET, TOKENS, Gateway, Web, access, web
from tests.web.test_parties import PATH, admit, join, joined, party

LOGIN: dict[str, Any] = {
    "data": json.dumps({"user": "8001", "password": "red"}),
    "headers": {"Content-Type": "application/json"},
}


def revoke(what: str) -> dict[str, Any]:
    return {"json": {"token": what}}


class TestAtOnce:
    @pytest.mark.parametrize("by", ["itself", "its id", "its name", "its extension"])
    async def test_a_login_holds_no_longer_and_a_new_one_does(self, by: str, parts: Gateway, outside: Web) -> None:
        _, first = await outside.ask("POST", "/v1/login", **LOGIN)
        token = first["token"]
        what = {"itself": token, "its id": id_of(token), "its name": "8001", "its extension": "501"}[by]
        assert (await outside.ask("POST", "/v1/revocations", "admin", **revoke(what)))[0] == 200
        assert await outside.code("GET", "/v1/me", token) == (401, "wrong-token")
        parts.clock.time += 1
        _, again = await outside.ask("POST", "/v1/login", **LOGIN)
        assert (await outside.ask("GET", "/v1/me", again["token"]))[0] == 200

    @pytest.mark.parametrize("token", access().tokens[:1])
    @pytest.mark.parametrize("by_id", [True, False])
    async def test_a_token_of_the_configuration_for_ever(self, token: Token, by_id: bool) -> None:
        clock = VirtualClock()
        revoked = Revocations(None, access().tokens, clock)
        bearer = replace(Bearer(token.name, frozenset()), token_id=token.sha256[:ID_LETTERS])
        await revoked.revoke(token.sha256[:ID_LETTERS] if by_id else token.name)
        clock.time += 10 * KEPT_S
        await revoked.revoke("somebody else")
        assert revoked.holds(bearer)

    async def test_no_secret_is_logged(self) -> None:
        revoked = Revocations(None, access().tokens, VirtualClock())
        with capture_logs() as logs:
            await revoked.revoke("s1." + "A" * 60)
            await revoked.revoke("B" * 43)
        assert not [entry for entry in logs if "AAAA" in str(entry) or "BBBB" in str(entry)]

    @pytest.mark.parametrize("what", ["reader", id_of("reader")])
    async def test_a_token_of_the_configuration_too(self, tmp_path: Path, what: str) -> None:
        clock = VirtualClock()
        async with web(tmp_path, clock=clock, revoked=Revocations(None, access().tokens, clock)) as (_, outside):
            await outside.ask("POST", "/v1/revocations", "admin", **revoke(what))
            assert await outside.code("GET", "/v1/calls", "reader") == (401, "wrong-token")
            assert (await outside.ask("GET", "/v1/calls", "cti"))[0] == 200

    async def test_only_who_may_do_everything_may(self, outside: Web) -> None:
        for token in set(TOKENS) - {"admin"}:
            assert await outside.code("POST", "/v1/revocations", token, **revoke("8001")) == (403, "wrong-scope")

    async def test_its_event_socket_is_closed_and_no_other(self, tmp_path: Path) -> None:
        clock = VirtualClock()
        hub, revoked = Hub(clock, "e1"), Revocations(None, (), clock)
        revoked.watch(lambda: hub.expire(revoked.holds))
        async with web(tmp_path, clock=clock, revoked=revoked, events=Events(hub, Desks(), clock).handle) as (
            _,
            outside,
        ):
            _, first = await outside.ask("POST", "/v1/login", **LOGIN)
            url = f"{outside.base}/v1/events"
            async with (
                outside.session.ws_connect(url, protocols=("splitter.v1", f"bearer.{first['token']}")) as one,
                outside.session.ws_connect(url, protocols=("splitter.v1", "bearer.reader")) as other,
            ):
                await until(lambda: len(hub) == 2)
                await outside.ask("POST", "/v1/revocations", "admin", **revoke("8001"))
                async with asyncio.timeout(PATIENCE_S):
                    while not one.closed:
                        await one.receive()
                assert one.close_code == EXPIRED
                assert len(hub) == 1 and not other.closed

    async def test_its_place_in_a_call_is_taken_away(self, parts: Gateway, outside: Web) -> None:
        Evictions(parts.calls, parts.ports.revoked)
        parts.calls.add(joined(MINE, party("seat-1", "501")))
        admit(parts, "seat-1")
        _, first = await outside.ask("POST", "/v1/login", **LOGIN)
        status, _, _ = await join(outside, first["token"])
        assert status == 201
        await outside.ask("POST", "/v1/revocations", "admin", **revoke("8001"))
        await until(lambda: any(isinstance(ask, Remove) for _, ask in parts.calls.asked))
        (gone,) = (ask for _, ask in parts.calls.asked if isinstance(ask, Remove))
        assert (gone.party, gone.reason) == ("seat-1", "its login was revoked") and PATH

    @pytest.mark.parametrize(("what", "leaves"), [("8001", True), ("501", True), ("ab" * 8, True), ("8002", False)])
    async def test_so_is_that_of_one_who_joined_in_a_former_process(
        self, parts: Gateway, outside: Web, what: str, leaves: bool
    ) -> None:
        """Nothing but the call knows of it by then."""
        Evictions(parts.calls, parts.ports.revoked)
        parts.calls.add(joined(MINE, party("seat-1", "501")))
        holder = Holder("8001", "ab" * 8, parts.clock.wall() - 60)
        parts.calls.desks[MINE.call_id] = {"seat-1": Desk("tab-1", "501", "desk", "8001 (501)", holder)}
        await outside.ask("POST", "/v1/revocations", "admin", **revoke(what))
        await asyncio.sleep(0)
        assert [type(ask) for _, ask in parts.calls.asked] == [Remove] * leaves


class TestKept:
    def desk(self, made_at: float) -> Bearer:
        return read(SECRET, mint(SECRET, Bearer("8001", frozenset({Scope.DESK}), "501"), 9e9, made_at), 1e9)

    async def test_over_a_restart_in_a_file_of_our_own(self, tmp_path: Path) -> None:
        clock, path = VirtualClock(), tmp_path / "revoked.json"
        bearer = self.desk(clock.wall() - 60)
        revoked = Revocations(path, (), clock)
        assert await revoked.revoke("8001") and revoked.holds(bearer)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        again = Revocations(path, (), clock)
        assert again.holds(bearer) and not again.holds(self.desk(clock.wall() + 1))

    async def test_no_longer_than_any_token_lasts(self, tmp_path: Path) -> None:
        clock, path = VirtualClock(), tmp_path / "revoked.json"
        revoked = Revocations(path, (Token("crm", frozenset(), "ab" * 32),), clock)
        for what in ("8001", "crm"):
            await revoked.revoke(what)
        clock.time += KEPT_S + 1
        await revoked.revoke("8002")
        kept = json.loads(path.read_bytes())
        assert set(kept["names"]) == {"8002"} and set(kept["configured"]) == {"ab" * 8}

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"ids": 5}', b'{"names": {"\xc4\xe3": 1}}'])
    def test_a_broken_file_is_an_alarm_and_keeps_nobody_from_calls(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "revoked.json"
        path.write_bytes(content)
        revoked = Revocations(path, (), VirtualClock())
        assert "cannot be read" in revoked.alarm and not revoked.holds(self.desk(1.0))

    async def test_what_cannot_be_written_holds_until_the_restart(self, tmp_path: Path) -> None:
        revoked = Revocations(tmp_path / "not there" / "revoked.json", (), VirtualClock())
        assert not await revoked.revoke("8001")
        assert revoked.holds(self.desk(1.0)) and "after a restart" in revoked.alarm

    async def test_tokens_of_older_versions_are_of_before(self) -> None:
        revoked = Revocations(None, (), VirtualClock())
        await revoked.revoke("8001")
        assert revoked.holds(self.desk(0.0))


class TestAnotherConfiguration:
    CRM = Token("crm", frozenset({Scope.READ}), "ab" * 32)

    def test_a_token_that_is_gone_or_may_less_is_let_go(self) -> None:
        revoked = Revocations(None, (self.CRM,), VirtualClock(), {})
        told: list[int] = []
        revoked.watch(lambda: told.append(1))
        bearer = configured_bearer(self.CRM)
        assert not revoked.holds(bearer)
        more = replace(self.CRM, scopes=frozenset({Scope.READ, Scope.CONTROL}))
        revoked.adopt((more,), {})
        assert revoked.holds(bearer) and not revoked.holds(configured_bearer(more))
        assert not revoked.holds(replace(bearer, scopes=frozenset())), "a party of a call, whose scopes nobody knows"
        revoked.adopt((), {})
        assert revoked.holds(bearer) and revoked.holds(replace(bearer, scopes=frozenset()))
        revoked.adopt((self.CRM,), {})
        assert not revoked.holds(bearer) and told == [1, 1, 1]

    def test_a_login_holds_while_its_account_is_the_same(self) -> None:
        account = Account("8001", "red", extension="501")
        mark = login_mark(SECRET, account)
        desk = Bearer("8001", frozenset({Scope.DESK}), "501", login=mark)
        bearer = read(SECRET, mint(SECRET, desk, 9e9, 1.0), 1e9)
        assert bearer.login == mark
        revoked = Revocations(None, (), VirtualClock(), {"8001": mark})
        assert not revoked.holds(bearer)
        may = frozenset({Scope.READ})
        others = (replace(account, password="blue"), replace(account, extension="502"), replace(account, may=may))
        for other in others:
            revoked.adopt((), {"8001": login_mark(SECRET, other)})
            assert revoked.holds(bearer), other
        revoked.adopt((), {})
        assert revoked.holds(bearer), "there is no such account"
        revoked.adopt((), {"8001": mark})
        assert not revoked.holds(bearer)

    def test_an_accounts_mark_is_that_of_every_version_before(self) -> None:
        """Else an upgrade would end all logins, and agents their video. The one here was made before argon2 and TOTP."""
        account = Account("8001", "red", extension="501", may=frozenset({Scope.READ}))
        assert login_mark(b"0123456789abcdef", account) == "e435cff7d0fad2e0"
        more = [
            replace(account, argon2="$argon2id$…", totp="A"),
            replace(account, totp="A"),
            replace(account, totp="B"),
        ]
        more += [replace(account, role=role) for role in AccountRole]
        marks = {login_mark(SECRET, one) for one in (*more, account)}
        assert len(marks) == 3 + len(AccountRole), "an agent is what an account is by itself"

    def test_what_was_made_for_others_by_a_program_is_no_login(self) -> None:
        made = Bearer("8001", frozenset({Scope.DESK}), "501", made_at=1.0)
        assert not Revocations(None, (), VirtualClock(), {}).holds(made)
