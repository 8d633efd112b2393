"""The link against another implementation: node-smpp as the service, with throttling, breaks and repeated receipts."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from splitter.core.clock import SystemClock
from splitter.core.ids import IdSource
from splitter.sms.message import Sms, SmsChanged, SmsReceipt
from splitter.sms.post import SmsEffort, SmsPost
from splitter.sms.queue import SmsRules
from splitter.sms.settings import SmppSettings
from splitter.sms.smpp.link import SmppLink
from splitter.store.cabinet import Cabinet
from tests.patience import until
from tests.sms.kit import sms

pytestmark = pytest.mark.interop
HERE = Path(__file__).parent


def modules() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    found = Path(os.environ.get("SPLITTER_NODE_SMPP") or Path(cache) / "splitter" / "node-smpp")
    assert (found / ".complete").exists(), f"node-smpp is not in {found}; run `make peers`"
    return found


@asynccontextmanager
async def service() -> AsyncIterator[tuple[int, list[dict[str, Any]]]]:
    """Its port, and what it took."""
    process = await asyncio.create_subprocess_exec(
        "node", str(HERE / "peer" / "server.cjs"), str(modules()), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    taken: list[dict[str, Any]] = []
    port = int(await process.stdout.readline())

    async def follow() -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            taken.append(json.loads(line))

    following = asyncio.create_task(follow())
    try:
        yield port, taken
    finally:
        process.kill()
        await process.wait()
        await following


async def test_messages_arrive_once_whatever_the_service_does(tmp_path: Path) -> None:
    async with service() as (port, taken):
        clock, told = SystemClock(), list[str]()
        cabinet = Cabinet(tmp_path / "sms.db")

        def heard(name: str, receipt: SmsReceipt) -> None:
            post.receive(name, receipt)

        def changed(news: SmsChanged) -> None:
            told.append(f"{news.sms.id} {news.sms.state}")

        settings = SmppSettings("main", "127.0.0.1", "gateway", "secret", port, source="Splitter", throttle_pause_s=0.2)
        link = SmppLink(settings, clock, IdSource(), heard)
        post = SmsPost(SmsEffort(SmsRules(), window=1), link, cabinet, clock, IdSource(), changed)
        await post.start()

        def message(key: str, text: str) -> Sms:
            return sms(key, text=text, created_at=clock.wall(), deadline=clock.wall() + 300)

        await post.send(message("plain", "Open https://v.example/g/0123456789"))
        await post.send(message("long", "请勿挂断，点开链接即可视频：" * 6))
        await until(lambda: {"plain delivered", "long delivered"} <= set(told))
        assert any(text == "long queued" for text in told[told.index("long queued") + 1 :]), "it was throttled once"
        await post.send(message("lost", "drop https://v.example/g/0123456789"))
        await until(lambda: "lost unknown" in told)
        await post.send(message("after", "https://v.example/g/after"))
        await until(lambda: "after delivered" in told)
        await post.stop()
        await cabinet.close()
        assert [one["text"] for one in taken if one["udh"] is None] == [
            "Open https://v.example/g/0123456789",
            "drop https://v.example/g/0123456789",
            "https://v.example/g/after",
        ]
        parts = [one for one in taken if one["udh"] is not None]
        assert "".join(one["text"] for one in parts) == "请勿挂断，点开链接即可视频：" * 6 and len(parts) == 2
        assert {one["to"] for one in taken} == {"8613800138000"} and {one["from"] for one in taken} == {"Splitter"}
        assert [told.count(f"{key} delivered") for key in ("plain", "after")] == [1, 1], "two receipts are one delivery"
