"""The lease of a node in Valkey: looked at, claimed, renewed, given back. Does I/O, and waits: for one thread.

    P:lease:NODE    fence, owner, beat, state     P:host:HOST    number     P:standby:NODE    host → number

Each request is one script, so that nobody else comes between its parts, and each answers with what is there afterwards.
"""

from __future__ import annotations

from splitter.cluster.keys import ClusterKeys
from splitter.cluster.settings import ClusterSettings
from splitter.cluster.tenure import LeaseSight, LeaseState, Owner
from splitter.cluster.valkey import Script, Valkey, ValkeyError, ValkeyFault

_KEPT_MS = 600_000  # a host that has not counted for so long is nobody's concern

# Whoever asks shows that its host lives; every script ends with what is there.
_HEAD = """
redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
local lease = redis.call('HMGET', KEYS[1], 'fence', 'owner', 'beat', 'state')
"""
_END = """
lease = redis.call('HMGET', KEYS[1], 'fence', 'owner', 'beat', 'state')
local host = lease[2] and redis.call('GET', ARGV[2] .. string.match(lease[2], '^[^ ]*'))
return {lease[1] or '0', lease[2] or '', lease[3] or '0', lease[4] or '', host or '0', redis.call('HGETALL', KEYS[3])}
"""
_LOOK = Script(_HEAD + "redis.call('HINCRBY', KEYS[3], string.match(ARGV[1], '^[^ ]*'), 1)" + _END)
_CLAIM = Script(
    _HEAD
    + """
if (lease[1] or '0') == ARGV[4] and (lease[3] or '0') == ARGV[5] and (lease[4] or '') == ARGV[6] then
    local now = tonumber(redis.call('TIME')[1])
    local fence = math.max(tonumber(lease[1] or '0') + 1, tonumber(ARGV[7]) + 1, now)
    redis.call('HSET', KEYS[1], 'fence', string.format('%d', fence), 'owner', ARGV[1], 'beat', '0', 'state', 'held')
end
"""
    + _END
)
_RENEW = Script(
    _HEAD
    + """
if not lease[1] or (lease[1] == ARGV[4] and lease[2] == ARGV[1]) then
    redis.call('HSET', KEYS[1], 'fence', ARGV[4], 'owner', ARGV[1], 'state', 'held')
    redis.call('HINCRBY', KEYS[1], 'beat', 1)
    redis.call('HDEL', KEYS[3], string.match(ARGV[1], '^[^ ]*'))
end
"""
    + _END
)
_GIVE = Script(
    _HEAD
    + """
if lease[1] == ARGV[4] and lease[2] == ARGV[1] then redis.call('HSET', KEYS[1], 'state', ARGV[5]) end
"""
    + _END
)


class Lease:
    """The lease of one node, as one process asks for it. Raises ValkeyError where Valkey does not do its part."""

    def __init__(self, settings: ClusterSettings, me: Owner) -> None:
        names = ClusterKeys(settings.prefix)
        # An answer that comes later than this is of no use to a lease.
        self._valkey = Valkey(settings, settings.lease_ttl_s / 3)
        self._keys = (names.lease(settings.node), names.host(settings.host), names.standby(settings.node))
        self._common = (str(me), names.host(""), _KEPT_MS)

    def look(self) -> LeaseSight:
        """See who has it."""
        return self._ask(_LOOK)

    def claim(self, seen: LeaseSight, floor: int) -> LeaseSight:
        """Take it, if nothing has changed since it was seen. The new fence is greater than `floor`, and than any before
        the last second: also where Valkey has forgotten the last one."""
        return self._ask(_CLAIM, seen.fence, seen.beat, str(seen.state), floor)

    def renew(self, fence: int) -> LeaseSight:
        """Keep it, and write it again where Valkey has forgotten it."""
        return self._ask(_RENEW, fence)

    def give(self, fence: int, state: LeaseState) -> LeaseSight:
        """Say that it is free, or that we begin anew."""
        return self._ask(_GIVE, fence, str(state))

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._valkey.close()

    def _ask(self, script: Script, *words: str | int) -> LeaseSight:
        answer = self._valkey.run(script, self._keys, [*self._common, *words])
        try:
            fence, owner, beat, state, host = (word.decode() for word in answer[:5])
            waiting = answer[5]
            beats = tuple((name.decode(), int(count)) for name, count in zip(waiting[::2], waiting[1::2], strict=True))
            return LeaseSight(int(fence), Owner.read(owner), int(beat), LeaseState(state), int(host), beats)
        except ValueError as error:
            raise ValkeyError(ValkeyFault.REFUSED, f"{self._keys[0]} holds no lease of ours: {error}") from error
