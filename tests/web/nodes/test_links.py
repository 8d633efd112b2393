"""Links in a cluster: a guest may come to any node, and joins at the one that has the call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from splitter.calls.asks import Admitted, Join
from splitter.calls.logins.access import ApiSettings
from splitter.sdp.parse import parse
from splitter.sdp.video import Limits
from tests.patience import until
from tests.web.nodes.kit import Node, pair
from tests.web.test_parties import ANSWER, OFFER

PAGE = ApiSettings(guest_url="https://video.example/guest/")
CALL = {"call_id": "8zz2m0000000", "short_code": "4712", "extension": "501"}


async def use(node: Node, code: str, device: str = "a" * 32) -> tuple[int, Any]:
    return await node.outside.ask("POST", "/v1/guests", json={"code": code, "device": device})


async def test_are_good_at_every_node(tmp_path: Path) -> None:
    async with pair(tmp_path, settings=PAGE) as two:
        two.a.begin(**CALL)
        await two.heard()
        _, made = await two.b.outside.ask("POST", "/v1/calls/4712/invitations", "desk")
        code = made["link"].rpartition("/")[2]
        links = two.b.parts.ports.inviting.links
        await until(lambda: links.find(code))
        status, login = await use(two.b, code)
        assert (status, login["call_id"]) == (201, CALL["call_id"])
        posts = two.a.parts.ports.inviting.post
        await until(lambda: posts.get(made["id"]).state == "opened")
        two.a.parts.calls.answers[Join] = Admitted("guest-1", parse(ANSWER), Limits(640, 480, 30, 960))
        sdp = {"data": OFFER, "headers": {"Content-Type": "application/sdp"}}
        path = f"/v1/calls/{CALL['call_id']}/parties"
        assert (await two.b.outside.ask("POST", path, login["token"], **sdp))[0] == 201
        other = (await use(two.b, code, "b" * 32))[1]
        assert (await two.b.outside.ask("POST", path, other["token"], **sdp))[0] == 403, "it is for one device"


async def test_that_are_taken_back_are_so_everywhere(tmp_path: Path) -> None:
    async with pair(tmp_path, settings=PAGE) as two:
        two.a.begin(**CALL)
        await two.heard()
        _, made = await two.a.outside.ask("POST", "/v1/calls/4712/invitations", "desk")
        code = made["link"].rpartition("/")[2]
        links = two.b.parts.ports.inviting.links
        await until(lambda: links.find(code))
        await two.b.outside.ask("DELETE", f"/v1/calls/4712/invitations/{made['id']}", "desk")
        await until(lambda: links.find(code).over)
        assert (await use(two.b, code))[0] == 410


async def test_are_told_by_nodes_alone(tmp_path: Path) -> None:
    async with pair(tmp_path, settings=PAGE) as two:
        link = {
            "id": "x",
            "call_id": "y",
            "digest": "0" * 64,
            "made_at": 1,
            "expires_at": 9e9,
            "devices": 1,
            "over": False,
        }
        assert await two.a.outside.code("POST", "/v1/links", "cti", json=link) == (403, "wrong-scope")
        assert (await two.a.outside.ask("POST", "/v1/links", "admin", json=link | {"digest": "short"}))[0] == 400
