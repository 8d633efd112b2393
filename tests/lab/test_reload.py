"""The configuration changes under a live call of a real gateway: nobody hears, sees or has to do anything of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from splitter.lab.handset import HandsetSettings
from splitter.lab.stage import CALLED
from tests.lab.test_restart import killed, lost
from tests.lab.test_through_gateway import Scene, conversation

pytestmark = pytest.mark.interop

MORE = """
[calls]
consent_limit_s = 30
[monitor]
failures_down = 5
[overload]
recover_s = 5
[[account]]
user = "8009"
password = "a password"
[[token]]
name = "crm"
scopes = ["calls:read"]
sha256 = "f6dd3e33c1ba68ae9ad4a52a01d4e6ff9a3a9d5bbd4ea1e2ad7f5a4dfb0e7f11"
[[webhook]]
name = "crm"
url = "http://127.0.0.1:9/nobody"
secret = "a secret of sixteen characters"
"""
# The centre under another name, and no seats: whoever is in a call stays there.
OTHER_TRUNKS = (
    ("[trunk.centre]", "[trunk.pbx]\nmax_calls = 9"),
    ('to = ["centre"]', 'to = ["pbx"]\nchoice = "weighted"'),
    ("[trunk.seats]", "[trunk.desks]"),
)


async def reload(scene: Scene, *changes: tuple[str, str]) -> dict[str, Any]:
    scene.stage.gateway.configure(*changes)
    done: dict[str, Any] = await scene.stage.gateway.post("/v1/reload")
    return done


def keys(done: dict[str, Any], taken: str = "live") -> set[str]:
    return {one["key"] for one in done["changes"] if one["taken"] == taken}


class TestALiveCall:
    async def test_goes_on_through_a_change_of_every_kind(self) -> None:
        async with conversation() as scene:
            before = lost(scene)
            done = await reload(
                scene, ("max_calls = 20", "max_calls = 30"), ('level = "info"', 'level = "debug"' + MORE)
            )
            assert keys(done) >= {"gateway.max_calls", "log.level", "account.8009", "token.crm", "webhook.crm"}
            assert keys(done) >= {"calls.consent_limit_s", "monitor.failures_down", "overload.recover_s"}
            done = await reload(scene, *OTHER_TRUNKS)
            assert keys(done) == {"trunk.centre", "trunk.seats", "trunk.pbx", "trunk.desks", "route.12345.to",
                                  "route.12345.choice"}  # fmt: skip
            assert (await scene.stage.gateway.get("/v1/status"))["max_calls"] == 30
            await scene.seen_again()
            await scene.heard_again()
            assert lost(scene) == before, "not a packet of voice or video is missing"
            await scene.changed("hold", "sendonly")
            await scene.changed("resume", "sendrecv")
            assert (await scene.handset.drop_video()).accepted
            assert (await scene.handset.add_video()).accepted
            await scene.seen_again()
            await scene.heard_again()

    async def test_is_not_touched_by_another_slate_which_is_for_the_next_call(self) -> None:
        async with conversation() as scene:
            before = lost(scene)
            slate = ("[media]\n", '[media]\nslate_text = "One moment"\n')
            assert keys(await reload(scene, slate)) == {"media.slate_text"}
            picture = scene.stage.gateway.configuration.with_name("slate.png")
            picture.write_bytes(b"no picture")
            done = await reload(scene, ("[media]\n", f'[media]\nslate_picture = "{picture}"\n'))
            assert "slate.png" in done["error"]["message"]
            await scene.seen_again()
            await scene.heard_again()
            assert lost(scene) == before

    async def test_hears_nothing_of_a_faulty_one_which_changes_nothing(self) -> None:
        async with conversation() as scene:
            before = lost(scene)
            done = await reload(scene, ("max_calls = 20", "max_calls = 0"), ('role = "seat"', 'role = "sofa"'))
            message = done["error"]["message"]
            assert "gateway.max_calls" in message and "trunk.seats.role" in message
            status = await scene.stage.gateway.get("/v1/status")
            assert status["max_calls"] == 20 and "was not reloaded" in " ".join(status["alarms"])
            done = await reload(scene, ("max_calls = 0", "max_calls = 20"), ('role = "sofa"', 'role = "seat"'))
            status = await scene.stage.gateway.get("/v1/status")
            assert done["changes"] == [] and "was not reloaded" not in " ".join(status["alarms"])
            await scene.seen_again()
            assert lost(scene) == before

    async def test_on_a_trunk_that_was_taken_out_goes_on_over_a_restart_too(self) -> None:
        async with conversation() as scene:
            before = lost(scene)
            await reload(scene, *OTHER_TRUNKS)
            await killed(scene.stage.gateway)
            await scene.seen_again()
            await scene.heard_again()
            assert lost(scene) == before, "not a packet of voice or video is missing"
            await scene.changed("hold", "sendonly")
            await scene.changed("resume", "sendrecv")

    async def test_what_needs_a_restart_waits_for_it_and_the_restart_takes_it(self) -> None:
        async with conversation() as scene:
            done = await reload(scene, ('name = "splitter"', 'name = "another"'), ("max_calls = 20", "max_calls = 25"))
            assert (keys(done), keys(done, "restart")) == ({"gateway.max_calls"}, {"gateway.name"})
            status = await scene.stage.gateway.get("/v1/status")
            assert (status["name"], status["max_calls"]) == ("splitter", 25)
            assert "gateway.name changed; splitter restart takes it" in " ".join(status["alarms"])

    async def test_many_at_once_come_one_after_the_other(self) -> None:
        async with conversation() as scene:
            before, gateway = lost(scene), scene.stage.gateway
            for limit in range(20, 30):
                gateway.configure((f"max_calls = {limit}", f"max_calls = {limit + 1}"))
                results = await asyncio.gather(*(gateway.post("/v1/reload") for _ in range(3)))
                assert sum(len(done["changes"]) for done in results) == 1
            assert (await gateway.get("/v1/status"))["max_calls"] == 30
            assert lost(scene) == before


class TestADrain:
    async def test_lets_live_calls_go_on_and_is_said_everywhere(self) -> None:
        async with conversation() as scene:
            before, gateway = lost(scene), scene.stage.gateway
            done = await gateway.post("/v1/drain")
            assert done["draining"] and done["calls"] == 1
            status = await gateway.get("/v1/status")
            assert status["state"] == "draining" and status["draining_since"] == done["since"]
            other = await scene.stage.handset(HandsetSettings())
            refused = await other.dial(CALLED, gateway.access).answered()
            assert not refused.accepted and refused.status == 503
            again = await reload(scene, ("max_calls = 20", "max_calls = 21"))
            assert keys(again) == {"gateway.max_calls"}, "a drain holds up no reload"
            await scene.seen_again()
            await scene.heard_again()
            assert (await gateway.get("/v1/status"))["state"] == "draining"
            assert not (await gateway.delete("/v1/drain"))["draining"]
            assert (await gateway.get("/v1/status"))["draining_since"] is None
            assert lost(scene) == before
