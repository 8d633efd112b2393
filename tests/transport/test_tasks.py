"""The supervised set of background tasks."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from splitter.transport.tasks import Tasks
from tests.patience import until


class TestTasks:
    async def test_a_failure_is_logged_by_name(self) -> None:
        async def fail() -> None:
            raise RuntimeError("bug")

        tasks = Tasks()
        with capture_logs() as logs:
            tasks.start(fail(), "the failing one")
            await until(lambda: not len(tasks))
        assert [(line["event"], line["task"]) for line in logs] == [("background task failed", "the failing one")]

    async def test_stop_cancels_and_waits(self) -> None:
        tasks, cleaned = Tasks(), []

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cleaned.append(True)

        tasks.start(work(), "work")
        await asyncio.sleep(0)
        await tasks.stop()
        assert cleaned == [True]
        assert len(tasks) == 0
