"""The open dialogs of a call, apart from all else in its record: any version can end the call by them. Pure.

Plain words and numbers alone, and no type that other modules change. A field may be added that has a default; none may
be renamed, taken away, or mean something else: what was stored years ago is read (tests/calls/stored).
"""

from __future__ import annotations

from splitter.core.frozen import frozen
from splitter.core.net import Address
from splitter.sip.dialog import Dialog


@frozen
class OpenDialog:
    """The data that a BYE needs.

    Attributes:
        leg: "caller", "centre", "seat-1" …
        network, transport, host, port: where requests in the dialog are sent.
        local, remote: our From and our To, with their tags.
        cseq: the number of our latest request.
        routes, target: see `Dialog`; so is the rest.
    """

    leg: str
    network: str
    transport: str
    host: str
    port: int
    call_id: str
    local_tag: str
    remote_tag: str
    local: str
    remote: str
    cseq: int
    routes: tuple[str, ...]
    target: str
    secure: bool = False

    @classmethod
    def of(cls, leg: str, network: str, transport: str, peer: Address, dialog: Dialog, cseq: int) -> OpenDialog:
        """A dialog whose requests go this way."""
        return cls(
            leg,
            network,
            transport,
            peer.host,
            peer.port,
            dialog.call_id,
            dialog.local_tag,
            dialog.remote_tag,
            dialog.local,
            dialog.remote,
            cseq,
            dialog.route_set,
            dialog.remote_target,
            dialog.secure,
        )

    def resumed(self, cseq_gap: int) -> Dialog:
        """The dialog; so many requests of ours may be missing in what was written down."""
        cseq, tags = self.cseq + cseq_gap, (self.local_tag, self.remote_tag)
        return Dialog(self.call_id, *tags, self.local, self.remote, cseq, None, self.routes, self.target, self.secure)


@frozen
class Outline:
    """All open dialogs of a call."""

    dialogs: tuple[OpenDialog, ...] = ()
