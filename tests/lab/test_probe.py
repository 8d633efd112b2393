"""`splitter probe` against a gateway that runs, whose configuration knows nothing of it, as an operator starts it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from splitter.core.net import Address
from splitter.lab.gateway import GatewayProcess
from splitter.lab.process import LabProcess
from splitter.lab.stage import CALLED, HOST
from tests.patience import eventually, patient

pytestmark = pytest.mark.interop

PROGRAM = "from splitter.cli import main; main()"
# Behind a 1:1 NAT, whose outer address is not to be reached from here; and the SBC is elsewhere.
OUTSIDE = "203.0.113.10"


async def probe(gateway: GatewayProcess, *options: str) -> tuple[int, dict[str, Any]]:
    """Run it; its exit code, and what it has judged by name."""
    command = (sys.executable, "-c", PROGRAM, "probe", CALLED, "-c", str(gateway.configuration), "--json", *options)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(patient(30)):
        out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(out) if out else {}


async def test_judges_voice_and_pictures_and_leaves_a_marked_call(tmp_path: Path) -> None:
    centre = LabProcess("splitter.lab.centre", "--listen", f"{HOST}:0", "--plan", json.dumps({"queue_s": 0.2}))
    await centre.start()
    try:
        where = Address(HOST, (await centre.wait_for("ready"))["port"])
        gateway = GatewayProcess(tmp_path, where, CALLED, HOST)
        text = gateway.configuration.read_text()
        text = text.replace(f'peers = ["{HOST}"]\ntrusted', 'peers = ["192.0.2.1"]\ntrusted')
        for network in ("access", "desk"):
            text = text.replace(f"[network.{network}] ", f'[network.{network}]\nadvertised_address = "{OUTSIDE}"\n')
        gateway.configuration.write_text(text)
        await gateway.start()
        try:
            await _judged(gateway)
        finally:
            await gateway.stop()
    finally:
        await centre.stop()


async def records_of(gateway: GatewayProcess) -> list[dict[str, Any]]:
    return list((await gateway.get("/v1/records"))["records"])


async def has_none(gateway: GatewayProcess) -> bool:
    return not (await gateway.get("/v1/status"))["calls"]


async def _judged(gateway: GatewayProcess) -> None:
    code, told = await probe(gateway, "--tone", "660")
    rows = {row["name"]: row for row in told["checks"]}
    assert (code, told["ok"], told["not_judged"]) == (0, True, []), told
    assert set(rows) == {
        "the call is answered",
        "the caller hears the centre",
        "the centre gets the caller's voice",
        "the caller sees a picture at once",
        "a desk joins with video",
        "a desk sees the caller",
        "the caller sees the desk",
        "the voice goes on beside the video",
        "the caller hangs up, and the call is over",
    }
    await eventually(lambda: records_of(gateway))
    assert [(row["test"], row["caller"], row["video"]) for row in await records_of(gateway)] == [(True, "0000", "both")]

    code, told = await probe(gateway, "--raise", "--echo", "--caller", "13800000000", "--limit", "30")
    rows = {row["name"]: row["ok"] for row in told["checks"]}
    assert code == 1 and not told["ok"], "this centre sends nothing back"
    assert not rows["the centre gets the caller's voice"] and rows["the caller is asked for video, and accepts"], told
    assert rows["the caller sees the desk"] and rows["the caller hangs up, and the call is over"], told
    await eventually(lambda: has_none(gateway))  # the centre hears of the end a little later than the probe
