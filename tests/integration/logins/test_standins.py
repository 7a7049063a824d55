"""The stand-ins themselves: logins in a browser, notices that are sent, and where they refuse to run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from html import unescape
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest

from services.auth.providers.port import LoginAttempt, LoginProof, LoginProvider, NoticeKind
from shared.kernel.personal import Secret
from shared.testing.eventually import eventually
from tests.architecture.sources import sources
from tests.integration.logins.conftest import ROOT
from tests.integration.logins.playing import EVERY, REDIRECT, Secrets, StandIn

Providers = dict[str, LoginProvider]


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "standins.logins", *arguments]
    env = {**os.environ, **environ}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_stand_ins_refuse_to_run_in_production() -> None:
    """Exit 2 and one clear line."""
    ran = run("--port", "0", POCKETID_PROFILE="production")
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1


def test_fresh_registrations_come_with_the_settings_that_match(tmp_path: Path) -> None:
    """The file is for our eyes only."""
    file = tmp_path / "apps.json"
    ran = run("--port", "8099", "--make-apps", str(file), POCKETID_PROFILE="local")
    assert ran.returncode == 0
    assert all(line.startswith("POCKETID_LOGIN_") for line in ran.stdout.splitlines())
    assert {app["provider"] for app in json.loads(file.read_text())} == set(EVERY)
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("source", sources("standins", "services/auth/providers"), ids=lambda source: source.name)
def test_stand_ins_and_adapters_meet_on_the_wire_only(source) -> None:  # type: ignore[no-untyped-def]
    """Each was written from the facts; neither may copy the other's mistakes."""
    forbidden = ("services", "shared", "cli", "tests") if source.name.startswith("standins/") else ("standins",)
    assert not {name for name in source.imports() if name.split(".")[0] in forbidden}


@pytest.mark.parametrize("name", EVERY)
def test_a_login_in_a_browser_from_the_first_page_to_the_identity(
    standin: StandIn, providers: Providers, name: str
) -> None:
    """The address that we made opens a page; a button leads back with a code and our state; the code logs in."""
    own, person = Secrets(), standin.person("小明")
    start = providers[name].start(LoginAttempt("web", "state-1", Secret(own.nonce), own.challenge, REDIRECT))
    assert start.url is not None
    with httpx.Client(trust_env=False) as browser:
        page = browser.get(start.url)
        assert page.status_code == 200
        buttons = [unescape(link) for link in re.findall(r'href="([^"]+)"', page.text)]
        mine = next(link for link in buttons if f"as={person}" in link)
        back = browser.get(urljoin(start.url, mine))
    assert back.headers["location"].startswith(REDIRECT)
    query = dict(parse_qsl(urlsplit(back.headers["location"]).query))
    assert query["state"] == "state-1"
    identity = providers[name].authenticate(
        LoginProof(
            name,
            "web",
            code=Secret(query.get("code") or query["auth_code"]),
            nonce=Secret(own.nonce),
            code_verifier=Secret(own.verifier),
            redirect_uri=REDIRECT,
        )
    )
    assert identity.provider == name
    assert name == "apple" or identity.nickname is not None


@pytest.mark.parametrize("name", EVERY)
def test_a_person_who_says_no_comes_back_without_a_code(standin: StandIn, providers: Providers, name: str) -> None:
    """From WeChat, not at all."""
    own = Secrets()
    url = providers[name].start(LoginAttempt("web", "s", Secret(own.nonce), own.challenge, REDIRECT)).url
    assert url is not None
    answer = httpx.get(url.replace("#wechat_redirect", "") + "&as=nobody", trust_env=False)
    if name == "wechat":
        assert answer.status_code == 200
    else:
        query = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        assert query.pop("state") == "s"
        assert query
        assert not {"code", "auth_code"} & set(query)


def test_a_redirect_uri_that_is_not_registered_leads_nowhere(standin: StandIn) -> None:
    """As with the real ones."""
    apps = [{**app, "redirect_uris": [REDIRECT]} for app in standin.apps]
    standin.tell("PUT", "/apps", apps=apps)
    try:
        asked = {"client_id": "101000001", "redirect_uri": "https://evil.example/", "state": "s"}
        answer = httpx.get(f"{standin.url}/qq/oauth2.0/authorize", params=asked, trust_env=False)
        assert answer.status_code == 400
    finally:
        standin.tell("PUT", "/apps", apps=standin.apps)


def test_a_fault_that_does_not_exist_is_refused(standin: StandIn) -> None:
    """A slip in a test must not look like a pass."""
    asked = {"provider": "qq", "name": "unionid_missing"}
    assert standin.http.post("/faults", json=asked).status_code == 422
    assert standin.http.post("/faults", json={}).status_code == 422


# ---- notices over the wire

Received = list[tuple[dict[str, str], dict[str, str], bytes]]


@pytest.fixture
def callback() -> Iterator[tuple[str, Received]]:
    """Our side: notes what comes, answers ``success``."""
    received: Received = []

    class Callback(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received.append((headers, dict(parse_qsl(urlsplit(self.path).query)), self.rfile.read(length)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"success")

        do_GET = do_POST = answer

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Callback)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/notices", received
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("name", ["wechat", "apple", "alipay", "weibo"])
def test_a_notice_that_was_sent_is_read_and_the_grant_is_gone(
    standin: StandIn, providers: Providers, callback: tuple[str, Received], name: str
) -> None:
    """What the provider was answered is told."""
    url, received = callback
    asked = {"provider": name, "kind": "revoked", "person_id": standin.person(), "url": url}
    told = standin.tell("POST", "/notices", **asked)
    assert (told["status"], told["body"]) == (200, "success")
    headers, query, body = eventually(lambda: received, within=5)[0]
    notice = providers[name].read_notice(headers, query, body)
    assert notice is not None
    assert notice.kind is NoticeKind.AUTHORIZATION_REVOKED


def test_in_a_service_many_logins_wait_side_by_side(standin: StandIn) -> None:
    """eventlet's patched sockets under httpx: twelve answers that take half a second each, within three."""
    codes = [standin.grant("wechat", standin.person())["code"] for _ in range(12)]
    standin.fault("wechat", "slow", step="token", times=None, seconds=0.5)
    settings = {name.removeprefix("POCKETID_").lower(): value for name, value in standin.env.items()}
    asked = {"settings": {**settings, "profile": "local"}, "codes": codes}
    command = [sys.executable, "-W", "ignore", "-m", "tests.integration.logins.in_a_service"]
    ran = subprocess.run(
        command, cwd=ROOT, input=json.dumps(asked), capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["logins"] == 12
    assert told["seconds"] < 3
