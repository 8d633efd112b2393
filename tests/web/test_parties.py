"""Browsers join calls by WHIP (RFC 9725)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from splitter.calls.asks import Admitted, Denial, Desk, Holder, Join, Remove, Restart
from splitter.calls.logins.access import Scope
from splitter.calls.states import PartyKind, PartyState
from splitter.calls.view import CallView, PartyView
from splitter.sdp.parse import parse
from splitter.sdp.video import Limits
from splitter.sdp.webrtc import SecureLocal
from splitter.web.access.bearer import Bearer, mint
from tests.web.kit import CALL, SECRET, Gateway, Web, ended

OFFER = (
    (Path(__file__).parents[1] / "sdp" / "webrtc" / "chromium.sdp")
    .read_text()
    .partition("\n")[2]
    .partition("\n----")[0]
)
ANSWER = """v=0
o=- 1 1 IN IP4 10.1.0.10
s=-
c=IN IP4 10.1.0.10
t=0 0
m=audio 0 UDP/TLS/RTP/SAVPF 111
m=video 31000 UDP/TLS/RTP/SAVPF 109
a=mid:1
a=ice-ufrag:ours
a=ice-pwd:ourpasswordourpassword12
a=rtpmap:109 H264/90000
"""
FRAGMENT = "a=ice-ufrag:abcd\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\nm=video 9 UDP/TLS/RTP/SAVPF 0\na=mid:1\n"
CANDIDATE = "a=candidate:1 1 udp 2130706431 10.2.0.7 50000 typ host\n"
SDP = {"Content-Type": "application/sdp"}
FRAG = {"Content-Type": "application/trickle-ice-sdpfrag"}
PATH = f"/v1/calls/{CALL.call_id}/parties"
OURS = SecureLocal("new1", "newpasswordnewpassword12", "sha-256 AA", ("1 1 udp 1 10.1.0.10 31000 typ host",))


def admit(parts: Gateway, name: str = "desk-1") -> None:
    parts.calls.answers[Join] = Admitted(name, parse(ANSWER), Limits(640, 480, 30, 960))


def joined(view: CallView, *parties: PartyView) -> CallView:
    return replace(view, parties=parties)


def party(name: str = "desk-1", extension: str = "501", kind: PartyKind = PartyKind.WEBRTC) -> PartyView:
    return PartyView(name, kind, extension, "c1", PartyState.CONNECTED)


async def join(outside: Web, token: str = "desk", path: str = PATH, **query: str) -> tuple[int, Any, bytes]:
    async with outside.request("POST", path, token, data=OFFER, headers=SDP, params=query) as response:
        return response.status, response.headers, await response.read()


class TestJoining:
    """RFC 9725 §4.2."""

    async def test_makes_a_party_of_an_offer(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(CALL)
        admit(parts)
        status, headers, body = await join(outside, path="/v1/calls/4711/parties", client="tab-1")
        assert status == 201 and headers["Content-Type"] == "application/sdp"
        assert headers["Location"] == f"{PATH}/desk-1"
        assert headers["Splitter-Limits"] == "width=640;height=480;frame-rate=30;bitrate-kbps=960"
        assert headers["ETag"].startswith('"') and headers["Accept-Patch"] == FRAG["Content-Type"]
        assert parse(body).media[1].get("ice-ufrag") == "ours"
        [(call_id, ask)] = parts.calls.asked
        assert call_id == CALL.call_id and isinstance(ask, Join)
        assert replace(ask.desk, holder=None) == Desk("tab-1", "501", "desk", "desk (501)")
        assert ask.desk.holder.name == "desk"
        assert ask.network == "core" and [media.kind for media in ask.offer.media][-1] == "video"

    async def test_without_a_client_id_takes_no_old_place(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(CALL)
        admit(parts)
        await join(outside)
        await join(outside)
        clients = {ask.desk.client for _, ask in parts.calls.asked if isinstance(ask, Join)}
        assert len(clients) == 2

    @pytest.mark.parametrize(
        ("data", "headers", "refusal"),
        [
            (b"", SDP, (400, "no-body")),
            (b"hello", SDP, (400, "bad-sdp")),
            (b"\xff\xfe\x00" * 50, SDP, (400, "bad-sdp")),
            (b"v=0\r\n" * 9000, SDP, (400, "bad-sdp")),
            (b"v=0\r\n" + b"a" * 65_536, SDP, (413, "too-large")),
            (OFFER.encode(), {"Content-Type": "text/plain"}, (415, "wrong-type")),
            (OFFER.encode(), {"Content-Type": "application/json"}, (415, "wrong-type")),
        ],
    )
    async def test_with_something_else_is_refused(
        self, data: bytes, headers: dict[str, str], refusal: tuple[int, str], parts: Gateway, outside: Web
    ) -> None:
        parts.calls.add(CALL)
        assert await outside.code("POST", PATH, "desk", data=data, headers=headers) == refusal
        assert not parts.calls.asked

    @pytest.mark.parametrize("client", ["a b", "x" * 65, "../..", "a\r\nb", "文"])
    async def test_as_a_client_of_no_good_name_is_refused(self, client: str, parts: Gateway, outside: Web) -> None:
        parts.calls.add(CALL)
        assert (await join(outside, client=client))[0] == 400

    async def test_without_a_picture_that_we_can_use_says_why(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(CALL)
        parts.calls.answers[Join] = Denial(406, "no-h264", "video has no H.264 baseline; it offers VP8")
        status, body = await outside.ask("POST", PATH, "desk", data=OFFER, headers=SDP)
        assert (status, body["error"]["code"]) == (406, "no-h264") and "VP8" in body["error"]["message"]

    async def test_is_for_desks(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(CALL)
        for token in ("reader", "cti", "painter"):
            assert (await join(outside, token))[0] == 403

    async def test_says_what_it_takes(self, outside: Web) -> None:
        async with outside.request("OPTIONS", PATH) as response:
            assert response.status == 204 and response.headers["Accept-Post"] == "application/sdp"


class TestChanging:
    """RFC 9725 §4.3: If-Match says which generation of ICE is meant."""

    async def etag(self, parts: Gateway, outside: Web, *parties: PartyView) -> str:
        """The generation of a transport that has just been made."""
        parts.calls.add(joined(CALL, *(parties or (party(),))))
        admit(parts)
        _, headers, _ = await join(outside)
        parts.calls.asked.clear()
        return headers["ETag"]  # type: ignore[no-any-return]

    async def test_more_candidates_are_for_the_generation_that_is_named(self, parts: Gateway, outside: Web) -> None:
        etag = await self.etag(parts, outside)
        parts.calls.answers[Restart] = None
        more = {"data": FRAGMENT + CANDIDATE, "headers": {**FRAG, "If-Match": etag}}
        status, body = await outside.ask("PATCH", f"{PATH}/desk-1", "desk", **more)
        assert (status, body) == (204, b"")
        [(_, ask)] = parts.calls.asked
        assert isinstance(ask, Restart) and (ask.party, ask.ufrag) == ("desk-1", "abcd")
        assert ask.candidates == (CANDIDATE.strip().removeprefix("a=candidate:"),)

    async def test_a_restart_is_answered_with_our_side_and_makes_a_new_generation(
        self, parts: Gateway, outside: Web
    ) -> None:
        etag = await self.etag(parts, outside)
        parts.calls.answers[Restart] = OURS
        path, more = f"{PATH}/desk-1", {"data": FRAGMENT, "headers": {**FRAG, "If-Match": "*"}}
        async with outside.request("PATCH", path, "desk", **more) as response:
            body = (await response.read()).decode()
            assert response.status == 200 and response.headers["Content-Type"] == FRAG["Content-Type"]
            assert "a=ice-ufrag:new1" in body and "a=mid:1" in body and OURS.candidates[0] in body
            new = response.headers["ETag"]
        assert new != etag
        old = {"data": FRAGMENT + CANDIDATE, "headers": {**FRAG, "If-Match": etag}}
        async with outside.request("PATCH", path, "desk", **old) as response:
            assert response.status == 412 and response.headers["ETag"] == new
        assert len(parts.calls.asked) == 1, "late candidates of the old generation go nowhere"

    @pytest.mark.parametrize(
        ("data", "headers", "refusal"),
        [
            (FRAGMENT, {}, (428, "no-etag")),
            (FRAGMENT, {"If-Match": '"other"'}, (412, "old-etag")),
            ("", {"If-Match": "*"}, (400, "no-body")),
            ("v=0\r\n", {"If-Match": "*"}, (400, "bad-fragment")),
            ("a=ice-ufrag:x\n", {"If-Match": "*"}, (422, "bad-fragment")),
            (FRAGMENT + CANDIDATE * 2000, {"If-Match": "*"}, (413, "too-large")),
        ],
    )
    async def test_what_is_no_such_change_is_refused(
        self, parts: Gateway, outside: Web, data: str, headers: dict[str, str], refusal: tuple[int, str]
    ) -> None:
        await self.etag(parts, outside)
        more = {"data": data, "headers": {**FRAG, **headers}}
        assert await outside.code("PATCH", f"{PATH}/desk-1", "desk", **more) == refusal
        assert not parts.calls.asked

    async def test_of_somebody_elses_transport_is_refused(self, parts: Gateway, outside: Web) -> None:
        await self.etag(parts, outside, party(), party("desk-2", "502", PartyKind.SIP))
        token = mint(SECRET, Bearer("8002", frozenset({Scope.DESK}), "502"), parts.clock.wall() + 60)
        more = {"data": FRAGMENT, "headers": {**FRAG, "If-Match": "*"}}
        assert await outside.code("PATCH", f"{PATH}/desk-1", token, **more) == (403, "not-your-party")
        assert await outside.code("PATCH", f"{PATH}/desk-2", "desk", **more) == (404, "no-such-party")
        assert await outside.code("PATCH", f"{PATH}/caller", "desk", **more) == (404, "no-such-party")
        assert not parts.calls.asked


class TestAfterARestartOfTheGateway:
    """Who joined in a former process is known by the call alone: its client goes on with the resource that it has."""

    async def test_a_desk_restarts_ice_and_has_a_generation_again(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(joined(CALL, party()))
        parts.calls.answers[Restart] = OURS
        path, more = f"{PATH}/desk-1", {"data": FRAGMENT + "m=video 9 RTP/AVP 0\r\na=mid:1\r\n" + CANDIDATE}
        async with outside.request("PATCH", path, "desk", headers={**FRAG, "If-Match": "*"}, **more) as response:
            assert response.status == 200 and "a=mid:1" in (await response.read()).decode()
            etag = response.headers["ETag"]
        parts.calls.answers[Restart] = None
        headers = {**FRAG, "If-Match": etag}
        assert (await outside.ask("PATCH", path, "desk", headers=headers, data=FRAGMENT + CANDIDATE))[0] == 204

    async def test_candidates_of_a_generation_that_nobody_knows_are_refused(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(joined(CALL, party()))
        more = {"data": FRAGMENT + CANDIDATE, "headers": {**FRAG, "If-Match": '"of-before"'}}
        assert await outside.code("PATCH", f"{PATH}/desk-1", "desk", **more) == (412, "old-etag")
        assert not parts.calls.asked

    async def test_it_is_nobody_elses(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(replace(joined(CALL, party(), party("desk-2", "502")), extension="501"))
        more = {"data": FRAGMENT, "headers": {**FRAG, "If-Match": "*"}}
        assert await outside.code("PATCH", f"{PATH}/desk-2", "desk", **more) == (403, "not-your-party")
        assert not parts.calls.asked

    async def test_a_guest_leaves(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(joined(CALL, party(), party("guest-1", "", PartyKind.GUEST)))
        parts.calls.desks[CALL.call_id] = {"guest-1": Desk("phone", "", "guest", "guest", Holder("guest"))}
        token = TestGuests().guest(parts)
        assert await outside.code("DELETE", f"{PATH}/desk-1", token) == (403, "not-your-party")
        assert (await outside.ask("DELETE", f"{PATH}/guest-1", token))[0] == 204


class TestLeaving:
    async def test_is_deleting(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(joined(CALL, party()))
        assert (await outside.ask("DELETE", f"{PATH}/desk-1", "desk"))[0] == 204
        assert parts.calls.asked == [(CALL.call_id, Remove("desk-1", "desk (501)"))]

    async def test_who_has_the_call_takes_others_out(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(replace(CALL, extension="501", parties=(party("desk-2", "502"),)))
        assert (await outside.ask("DELETE", f"{PATH}/desk-2", "desk"))[0] == 204
        assert (await outside.ask("DELETE", f"{PATH}/desk-2", "controller"))[0] == 204

    async def test_strangers_take_nobody_out(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(joined(CALL, party("desk-2", "502")))
        assert await outside.code("DELETE", f"{PATH}/desk-2", "desk") == (403, "not-your-call")
        assert not parts.calls.asked


class TestGuests:
    """The caller's own browser: one call, one party, nothing else."""

    def guest(self, parts: Gateway, call_id: str = CALL.call_id) -> str:
        bearer = Bearer("guest", frozenset({Scope.GUEST}), call_id=call_id)
        return mint(SECRET, bearer, parts.clock.wall() + 60)

    async def test_join_the_call_that_they_are_invited_to(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(CALL, replace(CALL, call_id="8zz2m0000000", short_code="4712"))
        admit(parts, "guest-1")
        assert (await join(outside, self.guest(parts), client="phone"))[0] == 201
        [(_, ask)] = parts.calls.asked
        assert isinstance(ask, Join) and replace(ask.desk, holder=None) == Desk("phone", "", "guest", "guest")
        assert (await join(outside, self.guest(parts), path="/v1/calls/4712/parties"))[0] == 403

    @pytest.mark.parametrize("reference", ["4711", "4712", "13800138000", "8zz", "0000", "9ended0000000", "9999"])
    async def test_learn_nothing_of_other_calls(self, reference: str, parts: Gateway, outside: Web) -> None:
        """Whether somebody calls just now, or has called, is not for a stranger with a link to find out."""

        parts.calls.add(CALL, replace(CALL, call_id="8zz2m0000000", short_code="4712"))
        parts.save(ended(replace(CALL, call_id="9ended0000000", short_code="9999")))
        status, _, body = await join(outside, self.guest(parts), path=f"/v1/calls/{reference}/parties")
        assert status == 403 and b"8zz2m" not in body and CALL.call_id.encode() not in body
        assert not parts.calls.asked

    async def test_are_not_who_has_their_name(self, parts: Gateway, outside: Web) -> None:
        """A login may be called "guest" too."""

        parts.calls.add(replace(joined(CALL, party("guest-1", "", "guest")), extension="501"))  # type: ignore[arg-type]
        admit(parts, "guest-1")
        await join(outside, self.guest(parts))
        desk = mint(SECRET, Bearer("guest", frozenset({Scope.DESK}), "777"), parts.clock.wall() + 60)
        more = {"data": FRAGMENT, "headers": {**FRAG, "If-Match": "*"}}
        assert await outside.code("PATCH", f"{PATH}/guest-1", desk, **more) == (403, "not-your-call")
        desk = mint(SECRET, Bearer("guest", frozenset({Scope.DESK}), "501"), parts.clock.wall() + 60)
        assert await outside.code("PATCH", f"{PATH}/guest-1", desk, **more) == (403, "not-your-party")
        assert not [ask for _, ask in parts.calls.asked if isinstance(ask, Restart)]

    async def test_may_leave_and_take_nobody_with_them(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(joined(CALL, party(), party("guest-1", "", "guest")))  # type: ignore[arg-type]
        admit(parts, "guest-1")
        token = self.guest(parts)
        await join(outside, token)
        assert await outside.code("DELETE", f"{PATH}/desk-1", token) == (403, "not-your-party")
        assert (await outside.ask("DELETE", f"{PATH}/guest-1", token))[0] == 204

    async def test_may_nothing_else(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(CALL)
        token = self.guest(parts)
        for method, path in [
            ("GET", "/v1/calls"),
            ("GET", f"/v1/calls/{CALL.call_id}"),
            ("DELETE", f"/v1/calls/{CALL.call_id}"),
            ("PUT", f"/v1/calls/{CALL.call_id}/desk"),
            ("POST", f"/v1/calls/{CALL.call_id}/video"),
            ("POST", f"/v1/calls/{CALL.call_id}/snapshots"),
            ("POST", f"/v1/calls/{CALL.call_id}/invitations"),
            ("GET", "/v1/pictures"),
            ("GET", "/v1/desks"),
        ]:
            assert await outside.code(method, path, token) == (403, "wrong-scope"), (method, path)
