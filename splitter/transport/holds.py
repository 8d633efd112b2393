"""Which connections dialogs and registrations need: those are kept alive (RFC 5626 §3.5). Pure."""

from __future__ import annotations

from collections.abc import Hashable

from splitter.core.net import Flow


class Holds:
    """Owners (a dialog, a registration) and the flow that each one needs."""

    def __init__(self) -> None:
        self._flows: dict[Hashable, Flow] = {}
        self._owners: dict[Flow, set[Hashable]] = {}

    def hold(self, owner: Hashable, flow: Flow) -> None:
        """`owner` needs this flow now, and no other."""
        if self._flows.get(owner) == flow:
            return
        self.release(owner)
        self._flows[owner] = flow
        self._owners.setdefault(flow, set()).add(owner)

    def release(self, owner: Hashable) -> None:
        """Release what `owner` holds; harmless where it is not known."""
        flow = self._flows.pop(owner, None)
        if flow is not None:
            owners = self._owners[flow]
            owners.discard(owner)
            if not owners:
                del self._owners[flow]

    def held(self, flow: Flow) -> bool:
        """True where somebody needs this flow."""
        return flow in self._owners

    def __len__(self) -> int:
        return len(self._flows)
