"""Claims: a login costs little beyond the provider's own calls, and checking a token at the gateway costs next to nothing.

Baselines: the same provider calls (code for token, profile), made bare by one client against the same stand-in; and
/healthz of the same gateway, which checks no token.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from bench.figures import claim, local_system, median, percentile
from tests.system.account import Account, Person
from tests.system.local import LocalSystem

WECHAT = "/wechat/sns/oauth2/access_token"


def timed(action: Callable[[], object], times: int) -> list[float]:
    """Seconds of each run."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begun)
    return taken


def logins(system: LocalSystem, count: int, at_once: int) -> tuple[float, list[float]]:
    """Logins a second with so many at once, and seconds of each; everybody is somebody new."""

    def one(proof: dict[str, str]) -> float:
        begun = time.perf_counter()
        answer = gateway.post("/v1/sessions", json=proof)
        assert answer.status_code == 201, answer.text
        return time.perf_counter() - begun

    with httpx.Client(base_url=system.gateway, timeout=60) as gateway:
        version = gateway.get("/v1/policies/privacy").json()["version"]
        proofs = [Person(system).proof("wechat", gateway) | {"policy_version": version} for _ in range(count)]
        begun = time.monotonic()
        with ThreadPoolExecutor(at_once) as pool:
            taken = list(pool.map(one, proofs))
        return count / (time.monotonic() - begun), taken


def bare_provider(system: LocalSystem, count: int) -> list[float]:
    """Seconds of what any login must do at the provider: exchange the code, ask who it is."""
    standin, secrets = system.env["login_standins"], system.run_dir / "secrets" / "login_settings.json"
    import json

    settings = json.loads(secrets.read_text())["settings"]
    app = {"appid": settings["POCKETID_LOGIN_WECHAT_APP_ID"], "secret": settings["POCKETID_LOGIN_WECHAT_APP_SECRET"]}
    with httpx.Client(base_url=standin, timeout=30) as provider:

        def one() -> None:
            person = Person(system)
            code = person.proof("wechat", provider)["code"]
            nonlocal spent
            begun = time.perf_counter()
            token = provider.get(WECHAT, params=app | {"code": code, "grant_type": "authorization_code"}).json()
            provider.get("/wechat/sns/userinfo", params={n: token[n] for n in ("access_token", "openid")})
            spent.append(time.perf_counter() - begun)

        spent: list[float] = []
        for _ in range(count):
            one()
        return spent


def main() -> None:
    """Runs both claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logins", type=int, default=100)
    wanted = parser.parse_args()
    with local_system(POCKETID_RATE_LOGINS_PER_ADDRESS="100000") as system:
        bare = bare_provider(system, 30)
        _, alone = logins(system, 30, 1)
        rate, _ = logins(system, wanted.logins, 8)
        claim(
            "a first login by WeChat, account made",
            f"{median(alone) * 1000:.0f} ms p50, {percentile(alone, 0.99) * 1000:.0f} ms p99; {rate:.0f} logins/s, 8 at once",
            f"{median(bare) * 1000:.0f} ms p50, the provider's two calls alone",
            median(alone) / median(bare),
            "none set",
        )
        account = Account(system, Person(system))
        with httpx.Client(base_url=system.gateway, timeout=30) as plain:
            unchecked = timed(lambda: plain.get("/healthz").raise_for_status(), 500)
        missing = "/v1/photos/not-a-uuid"  # the token is checked, then the path is refused: no call to any service
        checked = timed(lambda: account.http.get(missing), 500)
        claim(
            "a call whose token is checked, and that goes no further",
            f"{median(checked) * 1000:.2f} ms p50",
            f"{median(unchecked) * 1000:.2f} ms p50, /healthz",
            median(checked) / median(unchecked),
            "none set",
        )


if __name__ == "__main__":
    main()
