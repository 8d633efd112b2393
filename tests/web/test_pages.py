"""Console, SDK and guest page: files of the package and nothing else, under a strict policy; pages of other sites."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from splitter.calls.logins.access import ApiSettings
from splitter.web import pages
from splitter.web.pages import Pages
from tests.web.kit import Web, web

CRM = "https://crm.example"
PACKAGE = pages.STATIC
_IMPORTED = re.compile(r'(?m)^(?:import|export)\b[^"\n;]*?"(\.[^"]+)";')


@pytest.fixture
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of our own making."""
    folder = tmp_path / "static"
    for name, text in {
        "console/index.html": "<!doctype html>console",
        "console/pictures/mute.svg": "<svg/>",
        "console/.hidden": "secret",
        "sdk/splitter.js": "export {}",
        "guest/index.html": "<!doctype html>guest",
        "elsewhere/file.txt": "not for the world",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setattr(pages, "STATIC", folder)
    return folder


class TestFiles:
    async def test_are_served_to_everybody_with_their_type(self, static: Path, outside: Web) -> None:
        for path, kind, text in [
            ("/console/", "text/html", "console"),
            ("/console/index.html", "text/html", "console"),
            ("/console/pictures/mute.svg", "image/svg+xml", "<svg/>"),
            ("/sdk/splitter.js", "text/javascript", "export {}"),
            ("/guest/", "text/html", "guest"),
        ]:
            async with outside.request("GET", path) as response:
                assert (response.status, response.content_type) == (200, kind), path
                assert text in await response.text()
                assert response.headers["X-Content-Type-Options"] == "nosniff"

    async def test_lead_from_the_root_to_the_console(self, static: Path, outside: Web) -> None:
        for path, location in [("/", "/console/"), ("/console", "/console/"), ("/guest", "/guest/")]:
            async with outside.request("GET", path) as response:
                assert (response.status, response.headers["Location"]) == (302, location)

    async def test_are_sent_once(self, static: Path, outside: Web) -> None:
        async with outside.request("GET", "/sdk/splitter.js") as response:
            etag = response.headers["ETag"]
            assert response.headers["Cache-Control"] == "no-cache"
        async with outside.request("GET", "/sdk/splitter.js", headers={"If-None-Match": etag}) as response:
            assert response.status == 304 and not await response.read()
            assert response.headers["ETag"] == etag
        async with outside.request("GET", "/sdk/splitter.js", headers={"If-None-Match": "*"}) as response:
            assert response.status == 304, "there is one (RFC 9110 §13.1.2)"
        async with outside.request("GET", "/sdk/splitter.js", headers={"If-None-Match": '"old"'}) as response:
            assert response.status == 200

    @pytest.mark.parametrize(
        "path",
        [
            "/console/none.js",
            "/console/.hidden",
            "/console/pictures",
            "/console/pictures/",
            "/elsewhere/file.txt",
            "/console/../elsewhere/file.txt",
            "/console/..%2felsewhere%2ffile.txt",
            "/console/%2e%2e/elsewhere/file.txt",
            "/console/....//elsewhere/file.txt",
            "/console//etc/passwd",
            "/console/%00",
            "/console/..%5c..%5cfile",
            "/sdk/",
            "/static/console/index.html",
            "/console/" + "a" * 4000,
        ],
    )
    async def test_are_all_there_is(self, static: Path, path: str, outside: Web) -> None:
        import yarl

        async with outside.session.get(yarl.URL(f"{outside.base}{path}", encoded=True)) as response:
            assert response.status == 404
            assert "secret" not in (text := await response.text()) and "not for the world" not in text

    def test_of_the_package_are_complete(self) -> None:
        assert {"console/index.html", "sdk/splitter.js"} <= set(Pages().files)


class TestModules:
    """The pages and the SDK are of many modules; no build step puts them together."""

    @pytest.mark.parametrize(("page", "script"), [("console", "console.js"), ("guest", "guest.js")])
    def test_are_all_asked_for_at_once(self, page: str, script: str) -> None:
        """Else the browser finds them one behind the other, each a round trip later."""
        html = (PACKAGE / page / "index.html").read_text()
        named = re.findall(r'<link rel="modulepreload" href="([^"]+)">', html)
        preloaded = [(PACKAGE / page / name).resolve() for name in named]
        assert sorted(preloaded) == sorted(imported(PACKAGE / page / script) - {PACKAGE / page / script})

    def test_of_the_sdk_come_with_its_one_import(self) -> None:
        sdk = set((PACKAGE / "sdk").glob("*.js"))
        for_desks, for_callers = (imported(PACKAGE / "sdk" / name) for name in ("splitter.js", "caller.js"))
        for_callers |= imported(PACKAGE / "sdk" / "caller_path.js")  # which it asks for when somebody wants to check
        alone = {PACKAGE / "sdk" / "types.js", PACKAGE / "sdk" / "button.js"}  # for editors, and for other sites
        assert for_desks | for_callers == sdk - alone
        assert for_desks & for_callers == {PACKAGE / "sdk" / name for name in ("http.js", "chat.js", "finding.js")}

    def test_of_web_callers_are_few(self) -> None:
        scripts = imported(PACKAGE / "call" / "call.js")
        files = [*scripts, *(PACKAGE / name for name in ("call/index.html", "call/call.css", "guest/basis.css"))]
        assert sum(len(gzip.compress(path.read_bytes())) for path in files) < 18_000

    def test_of_the_guest_are_few(self) -> None:
        """Its page is loaded over a phone's network, by somebody in need."""
        scripts = imported(PACKAGE / "guest" / "guest.js")
        words = [PACKAGE / "guest" / name for name in ("index.html", "basis.css", "guest.css", "early.js")]
        assert weight_of(words) < 6_000, "they are read while all else is on its way"
        assert weight_of([*scripts, *words]) < 50_000
        assert not {"splitter.js", "connection.js", "call.js"} & {path.name for path in scripts}

    def test_are_short(self) -> None:
        lengths = {path.name: len(path.read_text().splitlines()) for path in (PACKAGE / "sdk").glob("*.js")}
        assert max(lengths.values()) < 400, lengths


def weight_of(files: list[Path]) -> int:
    """What is sent of them, in bytes."""
    return sum(len(gzip.compress(path.read_bytes())) for path in files)


def imported(script: Path) -> set[Path]:
    """A script with all that it imports."""
    found: set[Path] = set()
    ahead = [script]
    while ahead:
        path = ahead.pop().resolve()
        if path not in found:
            found.add(path)
            ahead.extend(path.parent / name for name in _IMPORTED.findall(path.read_text()))
    return found


class TestPolicy:
    async def test_lets_nothing_in_but_our_own(self, tmp_path: Path, static: Path) -> None:
        async with (
            web(tmp_path, ApiSettings(web_origins=(CRM,))) as (_, outside),
            outside.request("GET", "/console/") as response,
        ):
            rules = dict(rule.split(" ", 1) for rule in response.headers["Content-Security-Policy"].split("; "))
            assert rules["default-src"] == "'none'" and rules["script-src"] == "'self'"
            host = outside.base.removeprefix("http://")
            assert rules["connect-src"] == f"'self' ws://{host} wss://{host}"  # a proxy may do the TLS
            assert rules["frame-ancestors"] == f"'self' {CRM}"
            assert not any("unsafe" in rule or "*" in rule for rule in rules.values())
            assert "camera=(self), display-capture=(self)" in response.headers["Permissions-Policy"]
            assert response.headers["Referrer-Policy"] == "no-referrer"

    @pytest.mark.parametrize("path", ["/sdk/splitter.js", "/console/pictures/mute.svg"])
    async def test_of_what_is_no_page_lets_nothing_in(self, path: str, static: Path, outside: Web) -> None:
        """Should somebody open it as one; and it is short: a phone loads two dozen of these."""
        async with outside.request("GET", path) as response:
            rules = response.headers["Content-Security-Policy"].split("; ")
            assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(rules)
            assert not [rule for rule in rules if "'self'" in rule]
            assert "Permissions-Policy" not in response.headers
            assert response.headers["X-Content-Type-Options"] == "nosniff" and response.headers["ETag"]
            assert sum(len(name) + len(value) + 4 for name, value in response.raw_headers) < 550

    @pytest.mark.parametrize(("page", "more"), [("guest", "geolocation"), ("call", "microphone")])
    async def test_gives_a_page_what_it_is_for(self, page: str, more: str, outside: Web) -> None:
        for path in (f"/{page}/", f"/{page}/index.html"):
            async with outside.request("GET", path) as response:
                allowed = response.headers["Permissions-Policy"].split(", ")
                closed = {"geolocation", "microphone"} - {more}
                assert {f"{more}=(self)", "camera=(self)", *(f"{name}=()" for name in closed)} <= set(allowed)

    async def test_is_not_written_by_who_asks(self, static: Path, outside: Web) -> None:
        for host in ("a; script-src *", "evil.example *"):
            async with outside.request("GET", "/console/", headers={"Host": host}) as response:
                if response.status == 200:
                    assert "*" not in response.headers["Content-Security-Policy"]


class TestOtherSites:
    async def test_that_are_named_may_use_the_api(self, tmp_path: Path) -> None:
        async with web(tmp_path, ApiSettings(web_origins=(CRM,))) as (_, outside):
            asks = {
                "Origin": CRM,
                "Access-Control-Request-Method": "PATCH",
                "Access-Control-Request-Headers": "authorization",
            }
            async with outside.request("OPTIONS", "/v1/calls/1/parties/desk-1", headers=asks) as response:
                assert response.status == 204 and response.headers["Access-Control-Allow-Origin"] == CRM
                assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
                assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
                assert "If-Match" in response.headers["Access-Control-Allow-Headers"]
                assert "Access-Control-Allow-Credentials" not in response.headers
            for path, token, status in [("/v1/me", "reader", 200), ("/v1/me", "", 401), ("/sdk/splitter.js", "", 200)]:
                async with outside.request("GET", path, token, headers={"Origin": CRM}) as response:
                    assert response.status == status and response.headers["Access-Control-Allow-Origin"] == CRM
                    exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
                    assert {"Location", "Splitter-Next", "Splitter-Missing"} <= set(exposed)
                    assert response.headers["Vary"].startswith("Origin")

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://crm.example.evil.example", ""])
    async def test_that_are_not_may_not(self, tmp_path: Path, origin: str) -> None:
        async with web(tmp_path, ApiSettings(web_origins=(CRM,))) as (_, outside):
            headers = {"Origin": origin, "Access-Control-Request-Method": "DELETE"}
            for method in ("OPTIONS", "GET"):
                async with outside.request(method, "/v1/calls", "reader", headers=headers) as response:
                    assert not [name for name in response.headers if name.startswith("Access-Control-Allow")]
                    assert response.headers["Vary"].startswith("Origin")


async def test_what_the_api_tells_is_kept_by_no_cache(outside: Web) -> None:
    async with outside.request("GET", "/v1/calls", "reader") as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Server"] == "splitter"


class TestThePageOfWebCallers:
    def test_begins_a_call_when_its_user_says_so_and_never_by_a_link(self) -> None:
        lines = (PACKAGE / "call" / "call.js").read_text().splitlines()
        begun = [line for line in lines if "this.#begin(" in line]
        assert begun and all('.addEventListener("click", ' in line for line in begun), begun
