"""Every Prometheus metric of the signalling process: a module for each area, one registry.

Each metric's help text is its documentation; `docs` and alert rules refer to the names, so a name never changes its
meaning. Labels take values from small closed sets only: nothing that a peer can choose becomes a label.

All modules are imported here, so that all metrics are in the registry.

Layout:
    registry.py    the registry, and its text
    tally.py       counters on the path of every message
    the others     one for each area: metrics.media.LOST, metrics.sip.MESSAGES …
"""

from splitter.telemetry.metrics import (
    api as api,
)
from splitter.telemetry.metrics import (
    calls as calls,
)
from splitter.telemetry.metrics import (
    gateway as gateway,
)
from splitter.telemetry.metrics import (
    media as media,
)
from splitter.telemetry.metrics import (
    quality as quality,
)
from splitter.telemetry.metrics import (
    recordings as recordings,
)
from splitter.telemetry.metrics import (
    records as records,
)
from splitter.telemetry.metrics import (
    rtpengine as rtpengine,
)
from splitter.telemetry.metrics import (
    sip as sip,
)
from splitter.telemetry.metrics import (
    sms as sms,
)
from splitter.telemetry.metrics import (
    store as store,
)
from splitter.telemetry.metrics import (
    trunks as trunks,
)
from splitter.telemetry.metrics.registry import REGISTRY as REGISTRY
from splitter.telemetry.metrics.registry import render as render
