from __future__ import annotations

import re

from splitter.telemetry import metrics
from splitter.telemetry.metrics.sip import count_message


class TestMetrics:
    def test_every_metric_is_documented_and_ours(self) -> None:
        text = metrics.render().decode()
        names = re.findall(r"(?m)^# TYPE (\S+) ", text)
        documents = dict(re.findall(r"(?m)^# HELP (\S+) (.*)$", text))
        assert len(names) > 25
        for name in names:
            assert name.startswith("splitter_")
            assert not name.endswith("_created") and len(documents[name]) > 15, name

    def test_methods_are_counted_by_name_and_responses_by_class(self) -> None:
        for what in ("INVITE", 200, 202, "XYZZY", "PLUGH"):
            count_message("test-net", "in", what)
        text = metrics.render().decode()
        counted = dict(
            re.findall(r'splitter_sip_messages_total\{direction="in",kind="(\S+)",network="test-net"\} (\S+)', text)
        )
        assert counted == {"INVITE": "1.0", "2xx": "2.0", "other": "2.0"}
