"""What only shows when the whole file is known: dangling names, overlapping listeners, a range too small."""

from __future__ import annotations

import ipaddress
from itertools import combinations

from splitter.calls.settings import MediaSources, Role, Route, Srtp, Trunk
from splitter.config.accounts import check_logins
from splitter.config.api import check_api
from splitter.config.cluster import check_cluster
from splitter.config.locate import Locator, Path
from splitter.config.model import Settings
from splitter.config.networks import check_tls, only_web
from splitter.config.reader import Problems
from splitter.config.sms import check_sms
from splitter.config.webhooks import check_webhooks
from splitter.core.keys import suggest
from splitter.core.net import Address
from splitter.media.settings import VOICE_PORTS
from splitter.transport.settings import ListenPoint, Network
from splitter.transport.targets import AUTO, HostName

_LEADS_TO = {
    Role.ACCESS: (Role.CENTRE,),
    Role.CENTRE: (Role.ACCESS,),
    Role.SEAT: (Role.CENTRE, Role.ACCESS),
    Role.WEB: (Role.CENTRE,),
}


def check(settings: Settings, problems: Problems) -> None:
    """Add every problem of the whole to `problems`."""
    _check_presence(settings, problems)
    for trunk in settings.trunks.values():
        _check_trunk(trunk, settings, problems)
    _check_peers(settings, problems)
    check_logins(settings, problems)
    check_webhooks(settings, problems)
    check_sms(settings, problems)
    check_tls(settings, problems)
    check_api(settings, problems)
    check_cluster(settings, problems)
    _check_routes(settings, problems)
    _check_web_calls(settings, problems)
    _check_recorders(settings, problems)
    for network in settings.networks.values():
        _check_network(network, problems)
    _check_listeners(settings, problems)
    _check_ports(settings, problems)
    _check_rtpengines(settings, problems)
    _check_recording(settings, problems)


def conflicts(settings: Settings) -> list[str]:
    """List the faults of a configuration that was put together of others and stands in no file."""
    problems = Problems("", Locator(""))
    check(settings, problems)
    return problems.texts()


def _check_presence(settings: Settings, problems: Problems) -> None:
    if not settings.networks:
        problems.add(("network",), "there is no network", "add a table [network.NAME] with listen = [...]")
    # A misspelt role is one problem, not two.
    roles_known = not any(problems.within(("trunk", name, "role")) for name in settings.trunks)
    if roles_known and not settings.trunks_of(Role.ACCESS):
        remedy = 'add [trunk.NAME] with role = "access" for the operator\'s SBC'
        problems.add(("trunk",), "no trunk has the role access", remedy)
    if roles_known and not settings.trunks_of(Role.CENTRE):
        remedy = 'add [trunk.NAME] with role = "centre" for the voice call centre'
        problems.add(("trunk",), "no trunk has the role centre", remedy)
    if not settings.routes and not problems.within(("route",)):
        problems.add(("route",), "there is no route", 'add [[route]] with called = ".*" and to = ["NAME OF A CENTRE"]')


def _check_trunk(trunk: Trunk, settings: Settings, problems: Problems) -> None:
    path = ("trunk", trunk.name)
    network = settings.networks.get(trunk.network)
    if network is not None and trunk.role is Role.WEB and not trunk.peers:
        pass  # its browsers come by HTTP: no listener of the network has to be there
    elif network is not None:
        _check_reach(trunk, network, problems)
    elif not problems.within((*path, "network")):
        remedy = suggest(trunk.network, settings.networks)
        problems.add((*path, "network"), f'there is no network "{trunk.network}"', remedy)
    if trunk.role in (Role.CENTRE, Role.RECORDER) and trunk.address is None and not problems.within((*path, "address")):
        remedy = f'say where calls to the {trunk.role} go, such as address = "10.1.0.5:5060"'
        problems.add((*path, "address"), "is missing", remedy)
    elif trunk.role is Role.WEB:
        _check_web_trunk(trunk, problems)
    elif not trunk.peers and not isinstance(trunk.address, HostName) and not _told(path, problems):
        remedy = 'say which sources it calls from, such as peers = ["10.0.0.0/24"]'
        problems.add((*path, "peers"), "is missing or empty", remedy)
    if trunk.srtp is not Srtp.NONE and trunk.role is Role.RECORDER:
        problems.add((*path, "srtp"), "is not for recorders: their media go in clear", "leave it out")
    elif (
        trunk.srtp is not Srtp.NONE and not trunk.srtp_in_clear and trunk.address and trunk.transport in ("udp", "tcp")
    ):
        remedy = 'set transport = "tls", or srtp_in_clear = true where nobody can read the signalling'
        problems.add((*path, "srtp"), f"keys would go to it in clear, over {trunk.transport}", remedy)
    if trunk.media_sources is MediaSources.PEERS and not trunk.peers and not _told(path, problems):
        remedy = 'name them, such as peers = ["10.0.0.0/24"]: the servers of a host name are not believed for media'
        problems.add((*path, "media_sources"), '"peers" believes nobody without peers', remedy)


def _check_web_trunk(trunk: Trunk, problems: Problems) -> None:
    """Browsers come by HTTP, or call us by SIP; none is called, or believed by its address."""
    path = ("trunk", trunk.name)
    if trunk.address:
        problems.add((*path, "address"), "is for neighbours that are called", "leave it out: browsers call us")
    if trunk.trusted:
        problems.add((*path, "trusted"), "browsers are strangers", "leave it out")
    if trunk.srtp is not Srtp.NONE:
        problems.add((*path, "srtp"), "is not for browsers: DTLS gives them keys", "leave it out")


def _check_recorders(settings: Settings, problems: Problems) -> None:
    """Recorders are trunks of that role, and one process sends to all of them from one address."""
    path, networks = ("recording", "recorders"), []
    for index, name in enumerate(settings.recording.recorders):
        trunk = settings.trunks.get(name)
        if trunk is None:
            remedy = suggest(name, [known.name for known in settings.trunks_of(Role.RECORDER)])
            problems.add((*path, index), f'there is no trunk "{name}"', remedy)
        elif trunk.role is not Role.RECORDER:
            problems.add((*path, index), f'trunk "{name}" has the role {trunk.role}', 'name one of role "recorder"')
        else:
            networks.append(trunk.network)
    if len(set(networks)) > 1:
        problems.add(path, f"stand on several networks: {', '.join(sorted(set(networks)))}", "leave one network")


def _check_web_calls(settings: Settings, problems: Problems) -> None:
    """Web calls need a trunk of their own, a route, and a door."""
    web, path = settings.web_calls, ("web_calls", "trunk")
    leads = any(route.origin is Role.WEB for route in settings.routes)
    for one in settings.trunks_of(Role.WEB):
        if one.peers and not leads and one.name != web.trunk:
            what, remedy = "no route leads anywhere from browsers", 'add [[route]] with from = "web"'
            problems.add(("trunk", one.name, "peers"), what, remedy)
    if not web.trunk or problems.within(("web_calls",)):
        return
    trunk = settings.trunks.get(web.trunk)
    if trunk is None:
        known = [one.name for one in settings.trunks_of(Role.WEB)]
        remedy = suggest(web.trunk, known) if known else f'add [trunk.{web.trunk}] with role = "web"'
        problems.add(path, f'there is no trunk "{web.trunk}"', remedy)
    elif trunk.role is not Role.WEB and not problems.within(("trunk", web.trunk, "role")):
        problems.add(path, f'trunk "{web.trunk}" has the role {trunk.role}', 'name one of role "web"')
    if not settings.api.listen:
        problems.add(path, "browsers come by the API, and it does not listen", "add [api] with listen")
    if not leads:
        problems.add(path, "no route leads anywhere from browsers", 'add [[route]] with from = "web"')


def _told(path: Path, problems: Problems) -> bool:
    """Something about its sources, or the address that stands for them, is complained of already."""
    return problems.within((*path, "peers")) or problems.within((*path, "address"))


def _check_reach(trunk: Trunk, network: Network, problems: Problems) -> None:
    """Requests to the trunk need a listener of their transport and address family, or no answer would find back."""
    path = ("trunk", trunk.name)
    transports = sorted({listener.transport for listener in network.listeners})
    if transports and trunk.transport not in (*transports, AUTO) and not (trunk.address is None and only_web(network)):
        what = f'the network "{network.name}" does not listen on {trunk.transport}'
        listener = f'"{trunk.transport}:ADDRESS:PORT"'
        remedy = f"add {listener} to network.{network.name}.listen, or use {' or '.join(transports)}"
        problems.add((*path, "transport"), what, remedy)
    families = {":" in listener.address.host for listener in network.listeners}
    if isinstance(trunk.address, Address) and ipaddress.ip_address(trunk.address.host).is_unspecified:
        problems.add(
            (*path, "address"), "is no address that can be called", "write the one that the neighbour listens on"
        )
    elif any(one.address == trunk.address and one.transport == trunk.transport for one in network.listeners):
        what = f"{trunk.address} is our own listener: calls would come back to us"
        problems.add((*path, "address"), what, "write the address of the neighbour")
    elif isinstance(trunk.address, Address) and families and (":" in trunk.address.host) not in families:
        version = "IPv6" if ":" in trunk.address.host else "IPv4"
        what = f'the network "{network.name}" has no {version} listener'
        problems.add((*path, "address"), what, "add one, or use another network")


def _check_peers(settings: Settings, problems: Problems) -> None:
    """A source must be of one trunk, or nobody could say what its INVITE means."""
    for one, other in combinations(settings.trunks.values(), 2):
        for peer in other.peers:
            if one.network == other.network and peer in one.peers:
                port = "" if peer.port is None else f" port {peer.port}"
                problems.add(
                    ("trunk", other.name, "peers"),
                    f'{peer.network}{port} is a peer of trunk "{one.name}" too',
                    "give each source to one trunk, telling them apart by port or by network",
                )


def _check_routes(settings: Settings, problems: Problems) -> None:
    seen: dict[tuple[Role, str], int] = {}
    for index, route in enumerate(settings.routes):
        path = ("route", index)
        wanted = _LEADS_TO[route.origin]
        for name in route.trunks:
            trunk = settings.trunks.get(name)
            if trunk is None:
                remedy = suggest(name, [known.name for role in wanted for known in settings.trunks_of(role)])
                problems.add((*path, "to"), f'there is no trunk "{name}"', remedy)
            elif trunk.role not in wanted and not problems.within(("trunk", name, "role")):
                what = f'trunk "{name}" has the role {trunk.role}'
                problems.add((*path, "to"), what, _remedy_of(route, wanted))
            elif trunk.address is None and not problems.within(("trunk", name)):
                remedy = 'say where calls to it go, such as address = "198.51.100.5:5060"'
                problems.add(("trunk", name, "address"), f"is missing, and route[{index + 1}] leads there", remedy)
        if len(set(route.trunks)) < len(route.trunks):
            problems.add((*path, "to"), "names a trunk twice", "name each trunk once; it is tried once per call")
        pattern = route.called.pattern
        if pattern and (route.origin, pattern) in seen:
            former = seen[route.origin, pattern]
            problems.add((*path, "called"), f"is the pattern of route[{former}] already", "remove one of the two")
        seen.setdefault((route.origin, pattern), index + 1)


def _remedy_of(route: Route, wanted: tuple[Role, ...]) -> str:
    if route.origin is Role.ACCESS:
        return f'route to trunks of role {wanted[0]}, or, for calls outwards, add from = "centre"'
    kinds = {Role.CENTRE: "calls outwards", Role.SEAT: "invitations of phones", Role.WEB: "calls of browsers"}
    what = kinds[route.origin]
    return f"{what} go to trunks of role {' or '.join(wanted)}"


def _check_network(network: Network, problems: Problems) -> None:
    path = ("network", network.name)
    if network.advertised_address is not None:
        if ipaddress.ip_address(network.advertised_address).is_unspecified:
            problems.add(
                (*path, "advertised_address"), "cannot be reached by a peer", "write the address that peers see"
            )
        return
    remedy = "write one address of this machine, or set advertised_address"
    for index, listener in enumerate(network.listeners):
        if ipaddress.ip_address(listener.address.host).is_unspecified:
            problems.add((*path, "listen", index), "Via and Contact cannot say 'any address'", remedy)
    own_media_address = not problems.within((*path, "listen"))  # else it comes from the listener just complained of
    if own_media_address and ipaddress.ip_address(network.media_address).is_unspecified:
        problems.add((*path, "media_address"), "SDP cannot say 'any address'", remedy)


def _check_listeners(settings: Settings, problems: Problems) -> None:
    listeners = [
        (network.name, index, listener)
        for network in settings.networks.values()
        for index, listener in enumerate(network.listeners)
    ]
    for (name, index, one), (other_name, other_index, other) in combinations(listeners, 2):
        told = problems.within(("network", name, "listen", index)) or problems.within(
            ("network", other_name, "listen", other_index)
        )
        if _overlap(one, other) and not told:
            problems.add(
                ("network", other_name, "listen", other_index),
                f"{other.transport}:{other.address} is taken by network.{name}.listen[{index + 1}] already",
                "use another address or port",
            )
    media, scraped = settings.media, settings.telemetry.metrics
    entrances = [ListenPoint("tcp", Address(host, media.tcp_port)) for host in settings.browser_hosts if media.tcp_port]
    if scraped is not None and any(_overlap(one, ListenPoint("tcp", scraped)) for one in entrances):
        problems.add(("media", "tcp_port"), f"{media.tcp_port} is taken by metrics.listen already", "use another port")
    for name, index, listener in listeners:
        if any(_overlap(listener, one) for one in entrances):
            what = f"{media.tcp_port} is taken by network.{name}.listen[{index + 1}] already"
            problems.add(("media", "tcp_port"), what, "use another port")
        if scraped is not None and _overlap(listener, ListenPoint("tcp", scraped)):
            what = f"{scraped} is taken by network.{name}.listen[{index + 1}] already"
            problems.add(("metrics", "listen"), what, "use another port")
        if listener.transport == "udp" and media.first_port <= listener.address.port <= media.last_port:
            problems.add(
                ("network", name, "listen", index),
                f"port {listener.address.port} lies in the range of media ports",
                f"use a port outside {media.first_port}–{media.last_port}, or move media.first_port and last_port",
            )


def _overlap(one: ListenPoint, other: ListenPoint) -> bool:
    if (one.transport == "udp") != (other.transport == "udp") or one.address.port != other.address.port:
        return False
    hosts = ipaddress.ip_address(one.address.host), ipaddress.ip_address(other.address.host)
    if hosts[0].version != hosts[1].version:
        return False
    return hosts[0] == hosts[1] or hosts[0].is_unspecified or hosts[1].is_unspecified


def _check_ports(settings: Settings, problems: Problems) -> None:
    media, most = settings.media, settings.calls.max_calls
    if media.first_port % 2:
        remedy = "RTP takes even ports (RFC 3550 §11): use an even one"
        problems.add(("media", "first_port"), f"{media.first_port} is odd", remedy)
    if media.last_port < media.first_port:
        what = f"{media.last_port} lies before first_port, {media.first_port}"
        problems.add(("media", "last_port"), what, "set both, the lower one as first_port")
        return
    calls = media.ports // VOICE_PORTS
    if calls < most:  # by voice alone; what pictures take beside is an advice
        what = f"the range holds {calls} voice calls of {VOICE_PORTS} ports, but gateway.max_calls is {most}"
        problems.add(("media", "last_port"), what, "widen the range or lower gateway.max_calls")


def _check_recording(settings: Settings, problems: Problems) -> None:
    recording = settings.recording
    for index, (route, _) in enumerate(recording.keep_days_for):
        if route not in settings.trunks:
            where = ("recording", "keep_days_for", index)
            problems.add(where, f'there is no trunk "{route}"', suggest(route, settings.trunks))
    fork = settings.fork
    for name in ("trunks", "called", "desks", "on_demand") if fork.url and not recording.elsewhere_too else ():
        if getattr(fork, name):
            what = "nothing else is recorded that it could be a part of"
            problems.add(("fork", name), what, f"set {name} in [recording] instead")
    for index, name in enumerate(fork.trunks):
        if name not in settings.trunks:
            problems.add(("fork", "trunks", index), f'there is no trunk "{name}"', suggest(name, settings.trunks))
    if recording.seal_key and recording.seal_command:
        problems.add(("recording", "seal_command"), "there is a seal_key too", "remove one of the two")


def _check_rtpengines(settings: Settings, problems: Problems) -> None:
    used, path = settings.media.rtpengine_for, ("media", "rtpengine_for")
    for index, name in enumerate(used):
        if name not in settings.networks:
            problems.add((*path, index), f'there is no network "{name}"', suggest(name, settings.networks))
    if used and not any(one.weight for one in settings.rtpengines) and not problems.within(("rtpengine",)):
        what = "none of them takes relays: all weights are 0" if settings.rtpengines else "there is no rtpengine"
        problems.add(path, what, "add [rtpengine.NAME] with its address, or remove this")
    seen: dict[Address, str] = {}
    for one in settings.rtpengines:
        if one.address and one.address in seen:
            what = f"is that of rtpengine.{seen[one.address]} too"
            problems.add(("rtpengine", one.name, "address"), what, "give each its own, or remove one")
        seen.setdefault(one.address, one.name)
