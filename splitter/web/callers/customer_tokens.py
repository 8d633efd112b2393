"""The signed tokens by which customers begin calls from browsers."""

from __future__ import annotations

from splitter.calls.browsers.customer import Customer
from splitter.calls.logins.access import Scope
from splitter.core.clock import Clock
from splitter.core.errors import PeerError
from splitter.web.access.bearer import TokenFault, read
from splitter.web.access.revocations import Revocations
from splitter.web.access.terms import Access


class SignedCustomers:
    """Reads tokens of customers.

    Args:
        access: what tokens are signed with. revoked: those that are believed no longer.
    """

    def __init__(self, access: Access, revoked: Revocations, clock: Clock) -> None:
        self._access, self._revoked, self._clock = access, revoked, clock

    def read(self, token: str) -> Customer:
        """The customer of a token. Raises TokenFault; of kind "scope" for one that is for something else."""
        bearer = read(self._access.secret, token, self._clock.wall())
        if self._revoked.holds(bearer):
            raise TokenFault("revoked")
        # A customer's token; that of a call is good for its call alone.
        if Scope.CALLER not in bearer.scopes or bearer.call_id or not bearer.customer.id:
            raise TokenFault("scope")
        return bearer.customer

    @staticmethod
    def in_words(fault: TokenFault) -> tuple[int, str, str]:
        """The status, the code and the words in which an API refuses such a token."""
        match fault.kind:
            case "scope":
                return 403, "wrong-scope", "this token is not for beginning a call"
            case "expired":
                return 401, "expired-token", str(fault)
            case _:
                return 401, "wrong-token", str(fault)

    def customer_of(self, token: str) -> Customer:
        """The customer of a token, for those who call by SIP. Raises PeerError."""
        try:
            return self.read(token)
        except TokenFault as fault:
            status, _, text = self.in_words(fault)
            raise PeerError(text, status) from None
