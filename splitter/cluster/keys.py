"""The names of all keys in Valkey. Pure.

P:lease:NODE    hash: who is the node now, its fence, its beat; see `splitter.cluster.lease`
P:host:HOST     number that each process of a host counts up while it lives, active or not
P:standby:NODE  hash: host that waits for the lease → number that it counts up
P:calls:NODE    hash: call → its record
P:doubts:NODE   hash: call → what was under way after its record
P:mark:NODE     hash: up to which change these two are complete
P:kept:NODE:X   hash: key → what must not be forgotten or done twice (links, messages)
P:code:USER     number: the step of the newest code of an authenticator app that was used
P:nodes         hash: node → what it says of itself (JSON)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterKeys:
    """Names of the keys of one cluster."""

    prefix: str

    def lease(self, node: str) -> str:
        """Key of who is the node now."""
        return f"{self.prefix}:lease:{node}"

    def host(self, host: str) -> str:
        """Key of a host's sign of life."""
        return f"{self.prefix}:host:{host}"

    def standby(self, node: str) -> str:
        """Key of the hosts that wait for its lease."""
        return f"{self.prefix}:standby:{node}"

    def calls(self, node: str) -> str:
        """Key of the records of its calls."""
        return f"{self.prefix}:calls:{node}"

    def doubts(self, node: str) -> str:
        """Key of what was under way after its records."""
        return f"{self.prefix}:doubts:{node}"

    def mark(self, node: str) -> str:
        """Key of how complete its records are."""
        return f"{self.prefix}:mark:{node}"

    def kept(self, node: str, what: str) -> str:
        """Key of what is kept of a kind."""
        return f"{self.prefix}:kept:{node}:{what}"

    def code(self, user: str) -> str:
        """Key of the newest code that a user has logged in by."""
        return f"{self.prefix}:code:{user}"

    @property
    def nodes(self) -> str:
        """Key of what the nodes say of themselves."""
        return f"{self.prefix}:nodes"
