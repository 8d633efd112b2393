"""Everything the configuration file says, as one frozen value. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from splitter.calls.browsers.settings import WebCallSettings
from splitter.calls.guest_page import GuestPageSettings
from splitter.calls.logins.access import ApiSettings, Token
from splitter.calls.logins.accounts import Account, RegistrarSettings
from splitter.calls.logins.openid import OpenIdSettings
from splitter.calls.settings import CallSettings, MonitorSettings, OverloadSettings, Role, Route, Trunk
from splitter.calls.webhook import Webhook
from splitter.cluster.settings import ClusterSettings
from splitter.core.keys import Key, Uptake
from splitter.media.forward.settings import ForkSettings
from splitter.media.ng.settings import RtpengineSettings
from splitter.media.record.settings import RecordingSettings
from splitter.media.settings import MediaSettings
from splitter.sms.settings import SmsSettings
from splitter.store.settings import StoreSettings
from splitter.telemetry.settings import HepSettings, TelemetrySettings
from splitter.transport.settings import DnsSettings, Network, TransportSettings

CONTROL_SOCKET = "/run/splitter/control.sock"


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration; each part of the program is handed its own field.

    Attributes:
        networks: our sides by name; at least one.
        trunks: neighbours by name; at least one of role `access` and one of role `centre`.
        routes: in the order of the file; the first whose pattern matches the called number is taken.
        calls: bounds on calls; `name` and `max_calls` stand under [gateway] in the file.
        rtpengines: other carriers of voice, in the order of the file.
        fork: who listens while people talk.
        monitor: how trunks are watched.
        overload: what load costs.
        dns: how names of trunks are looked up.
        accounts: who may log in at trunks that ask for it.
        registrar: bounds on their registrations.
        api: the API over the network.
        openid: the identity provider that people log in at.
        tokens: who may use it, beside the accounts.
        webhooks: other programs that are told what happens.
        sms: what sends callers their links.
        web_calls: who may call from a browser.
        guest_page: what is the operator's own of the page behind a link.
        hep: who else is told what happens to calls.
        cluster: who else is this gateway where this one dies; its `node` is empty where nobody is.
    """

    networks: Mapping[str, Network]
    trunks: Mapping[str, Trunk]
    routes: tuple[Route, ...]
    calls: CallSettings = field(default_factory=CallSettings)
    media: MediaSettings = field(default_factory=MediaSettings)
    rtpengines: tuple[RtpengineSettings, ...] = ()
    transport: TransportSettings = field(default_factory=TransportSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    recording: RecordingSettings = field(default_factory=RecordingSettings)
    fork: ForkSettings = field(default_factory=ForkSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    monitor: MonitorSettings = field(default_factory=MonitorSettings)
    overload: OverloadSettings = field(default_factory=OverloadSettings)
    dns: DnsSettings = field(default_factory=DnsSettings)
    accounts: tuple[Account, ...] = ()
    registrar: RegistrarSettings = field(default_factory=RegistrarSettings)
    api: ApiSettings = field(default_factory=ApiSettings)
    openid: OpenIdSettings = field(default_factory=OpenIdSettings)
    tokens: tuple[Token, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    sms: SmsSettings = field(default_factory=SmsSettings)
    web_calls: WebCallSettings = field(default_factory=WebCallSettings)
    guest_page: GuestPageSettings = field(default_factory=GuestPageSettings)
    hep: HepSettings = field(default_factory=HepSettings)
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    control_socket: Annotated[str, Key(table="gateway", file=True, taken=Uptake.RESTART)] = CONTROL_SOCKET
    """The Unix socket of the command line (splitter calls, trace, …). Whoever may write to it may hang up calls."""

    @property
    def media_network(self) -> str:
        """Where browsers' video comes in: what [api] says, else the seats' network, else the first."""
        seats = self.trunks_of(Role.SEAT)
        return self.api.media_network or (seats[0].network if seats else next(iter(self.networks), ""))

    @property
    def browser_hosts(self) -> tuple[str, ...]:
        """Our addresses towards browsers: desks and guests, soft clients, web callers."""
        trunks = (*self.trunks_of(Role.SEAT), *self.trunks_of(Role.WEB))
        names = dict.fromkeys((self.media_network, *(trunk.network for trunk in trunks)))
        return tuple(dict.fromkeys(self.networks[name].media_address for name in names if name in self.networks))

    def trunks_of(self, role: Role) -> tuple[Trunk, ...]:
        """The trunks of one role, in the order of the file."""
        return tuple(trunk for trunk in self.trunks.values() if trunk.role is role)
