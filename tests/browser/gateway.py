"""`splitter run` with its API open to browsers, and a WebSocket for soft clients. Does I/O."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import aiohttp

from splitter.core.net import Address
from splitter.lab.gateway import GatewayProcess
from splitter.lab.places import free_ports
from tests.patience import PATIENCE_S
from tests.transport.pki import paper

PASSWORD = "open sesame"
CRM_TOKEN = "of-the-crm-" + "0123456789abcdef" * 2
SEATS = ("2001", "2002")

_MORE = """
[network.web]             # towards browsers: WebSocket for soft clients, and where video is sent to
listen = ["ws:{soft}"]
media_address = "{host}"

[trunk.soft]
role = "seat"
network = "web"
peers = ["127.0.0.0/8", "{net}"]
authenticate = true
realm = "seats"

[api]
listen = ["{api}"]
media_network = "web"
web_origins = ["http://localhost"]
guest_url = "{url}/guest/"
{tls}
{secret}
{relay}

[[token]]
name = "crm"
sha256 = "{digest}"
scopes = ["calls:read", "calls:control", "pictures", "admin"]

[calls]
rejoin_window_s = {rejoin_window_s}
"""
_CALLERS = """
[trunk.web]
role = "web"
network = "web"

[network.pages]           # browsers that call by SIP
listen = ["ws:{pages}"]
media_address = "{host}"

[trunk.pages]
role = "web"
network = "pages"
peers = ["127.0.0.0/8", "{net}"]

[[route]]
called = "{called}"
from = "web"
to = ["centre"]

[web_calls]
trunk = "web"
{settings}
"""
_CLUSTER = """
[cluster]
node = "{node}"
host = "host-of-{node}"
valkey = ["{valkey}"]
api_url = "{url}"
"""
_ACCOUNT = """
[[account]]
user = "{extension}"
password = "{password}"
extension = "{extension}"
"""


class Gateway(GatewayProcess):
    """A gateway with an API.

    Attributes:
        api: where it is, such as http://127.0.0.1:8443.
        soft, pages: where SIP over WebSocket is heard, of agents and of callers.
    """

    def __init__(
        self,
        directory: Path,
        centre: Address,
        called: str,
        web_host: str = "127.0.0.1",
        rejoin_window_s: float = 60.0,
        node: str = "",
        valkey: str = "",
        secret: Path | None = None,
        relay: tuple[str, str] | None = None,
        callers: str = "",
        routes: str = "",
        tcp: bool = False,
    ) -> None:
        super().__init__(directory, centre, called)
        self.soft, api, self.pages = (Address(web_host, port) for port in free_ports(web_host, 3))
        tls, net = "", f"{web_host}/24".replace(".1/24", ".0/24")
        if web_host != "127.0.0.1":  # then it needs TLS: a camera is for secure pages alone
            mine = paper(f"IP:{web_host}")
            tls = f'certificate = "{mine.certificate}"\nkey = "{mine.key}"'
        self.api = f"{'https' if tls else 'http'}://{api}"
        more = _MORE.format(
            host=web_host,
            net=net,
            soft=self.soft,
            api=api,
            url=self.api,
            tls=tls,
            digest=hashlib.sha256(CRM_TOKEN.encode()).hexdigest(),
            rejoin_window_s=rejoin_window_s,
            secret=f'secret_file = "{secret}"' if secret else "",
            relay=f'turn_servers = ["{relay[0]}"]\nturn_secret = "{relay[1]}"' if relay else "",
        )
        if callers:
            more += _CALLERS.format(called=called, settings=callers, pages=self.pages, host=web_host, net=net)
        if node:
            more += _CLUSTER.format(node=node, valkey=valkey, url=self.api)
        accounts = (_ACCOUNT.format(extension=extension, password=PASSWORD) for extension in SEATS)
        if tcp:
            port = free_ports(web_host, 1)[0]
            written = self.configuration.read_text()
            assert "[media]\n" in written
            self.configuration.write_text(written.replace("[media]\n", f"[media]\ntcp_port = {port}\n"))
        text = self.configuration.read_text().replace("max_calls = 20\n", "max_calls = 20\ndrain_limit_s = 0.5\n")
        self.configuration.write_text(text + more + "".join(accounts) + routes)

    async def ask(self, method: str, path: str, token: str = CRM_TOKEN, **more: Any) -> tuple[int, Any, dict[str, str]]:
        """Ask the API as another program does; status, body (JSON decoded) and headers."""
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as http,
            http.request(method, self.api + path, headers=headers, ssl=False, **more) as response,
        ):
            body = await response.json() if response.content_type == "application/json" else await response.read()
            return response.status, body, dict(response.headers)

    async def call(self, ref: str) -> dict[str, Any]:
        """One call as the API shows it; {} where there is none."""
        status, body, _ = await self.ask("GET", f"/v1/calls/{ref}")
        return dict(body) if status == 200 else {}

    def log(self) -> str:
        """What it has said so far."""
        return self.log_file.read_text(errors="replace")
