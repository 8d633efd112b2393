"""A browser's video joins a call: WHIP (RFC 9725). Does I/O through aiohttp.

The resource of a party is /v1/calls/{id}/parties/{name}. Its ETag names the ICE generation: more candidates are for the
one that If-Match names, an ICE restart says If-Match: * (§4.3).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, replace

from aiohttp import web

from splitter.calls.asks import Admitted, Denial, Desk, Holder, Join, Remove, Restart
from splitter.calls.logins.access import ENTERS, Scope
from splitter.calls.states import PartyKind, PartyState
from splitter.calls.view import CallView, PartyView
from splitter.core.clock import Clock
from splitter.core.errors import PeerError
from splitter.sdp.fragment import CONTENT_TYPE as FRAGMENT
from splitter.sdp.fragment import Fragment, read_fragment, write_fragment
from splitter.sdp.model import Session
from splitter.sdp.parse import parse
from splitter.sdp.video import Limits
from splitter.sdp.webrtc import SecureLocal, tagged
from splitter.sdp.write import write
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import Bearer
from splitter.web.access.links import Links
from splitter.web.access.terms import Access
from splitter.web.calls.calls import said_by
from splitter.web.calls.find import Finder
from splitter.web.http.bodies import read_body
from splitter.web.http.errors import ApiError
from splitter.web.http.routes import SDP, SDP_BYTES, Body
from splitter.web.ports import LiveCalls

OFFER_BODY = Body((SDP,), SDP_BYTES)
FRAGMENT_BODY = Body((FRAGMENT,), SDP_BYTES)

_CLIENT = re.compile(r"[\w.:@-]{1,64}", re.ASCII)
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Transport:
    """What was agreed with a party: `etag` of its ICE generation ("" where a former process knew it), and its line."""

    etag: str = ""
    kind: str = "video"
    mid: str = ""


class PartyRoutes:
    """Handlers of /v1/calls/{ref}/parties.

    Args:
        network: where browsers' video comes in.
        links: of guests: each lets in so many devices.
        access: the text that guests agree to.
    """

    def __init__(
        self, calls: LiveCalls, finder: Finder, network: str, links: Links, access: Access, clock: Clock
    ) -> None:
        self._access = access
        self._clock = clock
        self._calls = calls
        self._links = links
        self._find = finder
        self._network = network
        self._transports: dict[tuple[str, str], _Transport] = {}

    async def join(self, request: web.Request) -> web.Response:
        """RFC 9725 §4.2: an offer becomes a party and an answer."""
        bearer = bearer_of(request)
        offer = _offer(await read_body(request, OFFER_BODY))
        call = await self._find.to_take(request)
        self._check_consent(request, bearer)
        fresh = bool(bearer.link) and not self._links.uses(bearer.link, bearer.device)
        if bearer.link and not await self._links.admit(bearer.link, bearer.device):
            raise ApiError(403, "other-device", "this link is used on another device, or no longer holds")
        desk = _desk(request, bearer, call)
        join = Join(desk, offer, self._network, bearer.may(*ENTERS))
        if bearer.link and self._access.page.consent:
            join = replace(join, consent=self._access.page.consent, at=self._clock.wall())
        try:
            admitted = await self._calls.ask(call.call_id, join)
        except Denial as denial:
            if fresh:
                await self._links.release(bearer.link, bearer.device)
            if denial.code == "not-admitted":
                self._find.missed(bearer)
            raise
        assert isinstance(admitted, Admitted)
        line = tagged(admitted.answer)
        transport = _Transport(_etag(line.get("ice-ufrag") or ""), line.kind, line.get("mid") or "")
        self._remember(call.call_id, admitted.name, transport)
        headers = {
            "Location": f"/v1/calls/{call.call_id}/parties/{admitted.name}",
            "ETag": transport.etag,
            "Splitter-Limits": _limits(admitted.limits),
            "Accept-Patch": FRAGMENT,
        }
        return web.Response(status=201, body=write(admitted.answer), content_type=SDP, headers=headers)

    def _check_consent(self, request: web.Request, bearer: Bearer) -> None:
        """Raises ApiError where a guest's user has not agreed to the text of now."""
        wanted = self._access.page.consent if bearer.link else ""
        if wanted and request.query.get("consent", "") != wanted:
            raise ApiError(403, "no-consent", f"its user has to agree to the text {wanted} first")

    async def restart(self, request: web.Request) -> web.Response:
        """RFC 9725 §4.3: more candidates of a party, or new credentials."""
        call, party, known = await self._own(request)
        fragment = _fragment(await read_body(request, FRAGMENT_BODY))
        wanted = request.headers.get("If-Match", "").strip()
        if not wanted:
            raise ApiError(428, "no-etag", 'say If-Match: the ETag of the answer, or "*" to restart ICE')
        if wanted != "*" and known.etag not in (tag.strip() for tag in wanted.split(",")):
            headers = {"ETag": known.etag} if known.etag else {}  # none: a former process knew it
            raise ApiError(412, "old-etag", 'that is not the ICE of now; say "*" to restart it', headers)
        restart = Restart(party, fragment.ufrag, fragment.password, fragment.candidates)
        local = await self._calls.ask(call.call_id, restart)
        if not isinstance(local, SecureLocal):
            return web.Response(status=204, headers={"ETag": known.etag})
        etag = _etag(local.ufrag)
        known = replace(known, etag=etag, mid=known.mid or fragment.mid)
        self._remember(call.call_id, party, known)
        body = write_fragment(local, known.mid, known.kind)
        return web.Response(body=body, content_type=FRAGMENT, headers={"ETag": etag})

    async def remove(self, request: web.Request) -> web.Response:
        """RFC 9725 §4.2: a party leaves; who has the call may take out others as well."""
        bearer, party = bearer_of(request), request.match_info["party"]
        call = await self._find.to_take(request)
        may_remove = bearer.may(Scope.CONTROL) or bearer.owns(call)
        if not may_remove and not bearer.takes_part(call):
            raise self._find.not_yours(request.match_info["ref"], bearer)
        if not may_remove and not self._is_own(call, party, bearer):
            raise ApiError(403, "not-your-party", f"{party} is somebody else")
        await self._calls.ask(call.call_id, Remove(party, said_by(bearer)))
        self._transports.pop((call.call_id, party), None)
        return web.Response(status=204)

    async def options(self, request: web.Request) -> web.Response:
        """RFC 9725 §4.2: what may be sent here."""
        return web.Response(status=204, headers={"Accept-Post": SDP, "Allow": "OPTIONS, POST"})

    async def of_request(self, request: web.Request) -> tuple[CallView, str]:
        """The call and the name of the party of the path, which must be the one who asks. Raises ApiError."""
        call, party, _ = await self._own(request)
        return call, party

    # ---- inner ---------------------------------------------------------------------------------------------------

    async def _own(self, request: web.Request) -> tuple[CallView, str, _Transport]:
        call, party = await self._find.to_take(request), request.match_info["party"]
        bearer = bearer_of(request)
        own = self._is_own(call, party, bearer)
        if not own and not bearer.takes_part(call):
            raise self._find.not_yours(request.match_info["ref"], bearer)
        known = self._transports.get((call.call_id, party)) or _of_before(call, party)
        if known is None or not any(one.name == party for one in call.parties):
            raise ApiError(404, "no-such-party", f"call {call.call_id} has no WebRTC party {party[:40]}")
        if not own:
            raise ApiError(403, "not-your-party", f"{party} is somebody else")
        return call, party, known

    def _is_own(self, call: CallView, name: str, bearer: Bearer) -> bool:
        """Who joined may change it, from whichever login; nobody else, since that would take over its picture."""
        if bearer.link and not self._links.uses(bearer.link, bearer.device):
            return False  # it has opened the link, and another device is in the call by it
        desk = self._calls.desks_of(call.call_id).get(name)
        if bearer.may(Scope.ADMIN) or (desk is not None and _is_holder(call, desk, bearer)):
            return True
        return any(party.name == name and _same_desk(party, bearer.extension) for party in call.parties)

    def _remember(self, call_id: str, party: str, transport: _Transport) -> None:
        if len(self._transports) >= _MOST:
            live = {view.call_id for view in self._calls.list()}
            self._transports = {key: kept for key, kept in self._transports.items() if key[0] in live}
        self._transports[call_id, party] = transport


def _is_holder(call: CallView, desk: Desk, bearer: Bearer) -> bool:
    """A guest is another one than a login of its name: it has the call of its link, too."""
    guest = PartyKind.of_desk(desk.kind).invited
    if guest and desk.holder is None:  # of a record of before
        return bearer.call_id == call.call_id
    return desk.holder is not None and (desk.holder.name, call.call_id if guest else "") == (
        bearer.name,
        bearer.call_id,
    )


def _offer(data: bytes) -> Session:
    try:
        return parse(data)
    except PeerError as error:
        raise ApiError(400, "bad-sdp", error.reason) from error


def _fragment(data: bytes) -> Fragment:
    try:
        return read_fragment(data)
    except PeerError as error:
        status = 422 if error.status == 488 else 400
        raise ApiError(status, "bad-fragment", error.reason) from error


def _desk(request: web.Request, bearer: Bearer, call: CallView) -> Desk:
    """Who joins; a client that does not say which it is takes no old place. Supervisors look on in calls of others."""
    client = request.query.get("client") or secrets.token_hex(8)
    if not _CLIENT.fullmatch(client):
        raise ApiError(400, "bad-query", "client must be up to 64 letters, digits and . : @ _ -")
    looks_on = Scope.SUPERVISE in bearer.scopes and call.extension and not bearer.acts_in(call)
    kind = bearer.guest if bearer.call_id else "onlooker" if looks_on else "desk"
    holder = Holder(bearer.name, bearer.token_id, bearer.made_at, bearer.login)
    return Desk(client, bearer.extension, kind, said_by(bearer), holder, bearer.title)


def _same_desk(party: PartyView, extension: str) -> bool:
    return bool(extension) and party.extension == extension and party.kind in ("webrtc", "onlooker")


def _of_before(call: CallView, name: str) -> _Transport | None:
    """The transport of a party that joined in a former process: its line is the one that its client names."""
    kinds = (PartyKind.WEBRTC, PartyKind.GUEST, PartyKind.EXPERT, PartyKind.ONLOOKER)
    there = (one for one in call.parties if one.kind in kinds and one.state != PartyState.LEFT)
    return _Transport() if any(one.name == name for one in there) else None


def _etag(ufrag: str) -> str:
    return f'"{hashlib.sha256(ufrag.encode()).hexdigest()[:16]}"'


def _limits(limits: Limits) -> str:
    return (
        f"width={limits.width};height={limits.height};frame-rate={limits.frame_rate};bitrate-kbps={limits.bitrate_kbps}"
    )
