"""Tokens signed by a provider: keys in time, audiences, times; on a held clock, without a server."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from services.auth.providers.calling import Answer
from services.auth.providers.jose import KEYS_LIVE_SECONDS, Expected, KeySet, check_nonce, verify
from shared.kernel.errors import Code, LoginFailed
from shared.testing.held_clock import HeldClock

NOW = datetime(2026, 11, 24, tzinfo=UTC)
KEY = generate_private_key(65537, 2048)
EC_KEY = new_ec_key(SECP256R1())
CLIENT = "our-client"
EXPECTED = Expected("oidc", "https://issuer.example", frozenset({CLIENT}), frozenset({"RS256"}))


def jwk(kid: str, key: RSAPrivateKey = KEY, **more: Any) -> dict[str, Any]:
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, **more}


@dataclass
class Publisher:
    """A provider that publishes keys, and counts how often it is asked."""

    keys: list[Any] = field(default_factory=lambda: [jwk("one")])
    asked: int = 0
    status: int = 200
    provider: str = "oidc"

    def repeatable(self, method: str, url: str) -> Answer:
        self.asked += 1
        body = json.dumps({"keys": self.keys}).encode()
        return Answer(self.provider, self.status, {}, body, Code.PROVIDER_UNAVAILABLE)


def key_set(publisher: Publisher, clock: HeldClock, refetch: float = 300.0) -> KeySet:
    return KeySet(publisher, lambda: "https://issuer.example/keys", refetch_seconds=refetch, monotonic=clock.monotonic)  # type: ignore[arg-type]


def token(key: Any = KEY, algorithm: str = "RS256", headers: dict[str, Any] | None = None, **changed: Any) -> str:
    now = int(NOW.timestamp())
    claims = {"iss": EXPECTED.issuer, "aud": CLIENT, "sub": "s", "iat": now, "exp": now + 600, **changed}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm, headers=headers or {"kid": "one"})


def check(written: str, publisher: Publisher | None = None, expected: Expected = EXPECTED) -> dict[str, Any]:
    return verify(written, expected, key_set(publisher or Publisher(), HeldClock()), NOW)


def test_a_token_in_order_gives_its_claims() -> None:
    """The one case that passes."""
    assert check(token())["sub"] == "s"


def seconds(offset: int) -> int:
    return int(NOW.timestamp()) + offset


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": seconds(-61)},
        {"exp": None},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": 10**400},
        {"iat": seconds(61)},
        {"iat": None},
        {"nbf": seconds(61)},
        {"aud": "another"},
        {"aud": []},
        {"aud": None},
        {"aud": ["another", "third"], "azp": CLIENT},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"iss": "https://issuer.example/"},
        {"iss": None},
        {"sub": None},
    ],
    ids=str,
)
def test_a_token_with_a_claim_out_of_order_is_refused(changed: dict[str, Any]) -> None:
    """Past, future, missing, for others, by others; a minute's difference of clocks is forgiven."""
    with pytest.raises(LoginFailed) as caught:
        check(token(**changed))
    assert caught.value.actual_code is Code.LOGIN_TOKEN_INVALID


@pytest.mark.parametrize(
    "changed",
    [{"exp": seconds(-59)}, {"iat": seconds(59)}, {"aud": [CLIENT]}, {"aud": [CLIENT, "another"], "azp": CLIENT}],
    ids=str,
)
def test_a_token_at_the_edge_passes(changed: dict[str, Any]) -> None:
    """Clocks differ; a token may have other readers when it was issued to us."""
    assert check(token(**changed))["sub"] == "s"


@pytest.mark.parametrize(
    ("headers", "keys"),
    [
        ({"kid": "two"}, [jwk("one")]),
        ({"kid": "one"}, []),
        ({"kid": "one"}, [jwk("one"), jwk("one")]),
        ({"kid": "one"}, [jwk("one", use="enc")]),
        ({"kid": "one"}, [jwk("one", alg="PS256")]),
        ({"kid": "one"}, [{"kid": "one", "kty": "oct", "k": "c2VjcmV0"}]),
        ({"kid": "one"}, [{"kid": "one", "kty": "RSA"}]),
        ({"kid": "one"}, ["no key"]),
        ({"kid": "one", "crit": ["x"]}, [jwk("one")]),
    ],
    ids=[
        "another name",
        "no keys",
        "two of one name",
        "for encryption",
        "for another algorithm",
        "a shared secret",
        "without numbers",
        "not an object",
        "a critical header",
    ],
)
def test_a_key_that_does_not_fit_verifies_nothing(headers: dict[str, Any], keys: list[Any]) -> None:
    """Another name, ambiguous, for encryption, for another algorithm, symmetric, broken."""
    with pytest.raises(LoginFailed):
        check(token(headers=headers), Publisher(keys))


def test_a_key_of_another_kind_under_the_pinned_name_verifies_nothing() -> None:
    """RS256 with an EC key, and ES256 where RS256 is pinned."""
    ec = {**jwt.algorithms.ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True), "kid": "one"}
    with pytest.raises(LoginFailed):
        check(token(), Publisher([ec]))
    with pytest.raises(LoginFailed):
        check(token(EC_KEY, "ES256"), Publisher([ec]))


def test_an_only_key_needs_no_name_but_one_of_two_does() -> None:
    """A provider with one key may leave the name out."""
    nameless = token(headers={"typ": "JWT"})
    assert check(nameless)["sub"] == "s"
    with pytest.raises(LoginFailed):
        check(nameless, Publisher([jwk("one"), jwk("two", generate_private_key(65537, 2048))]))


def test_keys_are_kept_for_an_hour_and_then_fetched_again() -> None:
    """So a withdrawn key dies, whether or not a new name is met."""
    publisher, clock = Publisher(), HeldClock()
    keys = key_set(publisher, clock)
    for _ in range(3):
        assert keys.key("one", "RS256") is not None
    assert publisher.asked == 1
    clock.forward(KEYS_LIVE_SECONDS + 1)
    publisher.keys = [jwk("two")]
    assert keys.key("one", "RS256") is None


def test_an_unknown_name_is_looked_for_at_most_once_in_the_pause() -> None:
    """A new key is found at once; invented names are not worth a second look before the pause is over."""
    publisher, clock = Publisher(), HeldClock()
    keys = key_set(publisher, clock)
    keys.ready()
    publisher.keys.append(jwk("two"))
    assert keys.key("two", "RS256") is not None
    assert publisher.asked == 2
    for _ in range(5):
        assert keys.key("invented", "RS256") is None
    assert publisher.asked == 2
    clock.forward(300)
    assert keys.key("invented", "RS256") is None
    assert publisher.asked == 3


def test_keys_that_cannot_be_had_are_the_providers_fault() -> None:
    """Not the person's: try again later."""
    for publisher in (Publisher(status=404), Publisher(keys="none")):  # type: ignore[arg-type]
        with pytest.raises(LoginFailed) as caught:
            check(token(), publisher)
        assert caught.value.actual_code is Code.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize("told", [None, "", "b", 1, ["a"]])
def test_a_nonce_is_the_attempts_own_or_the_token_is_refused(told: Any) -> None:
    """Missing, another, of another type."""
    check_nonce({"nonce": "a"}, "a", "oidc")
    with pytest.raises(LoginFailed):
        check_nonce({"nonce": told}, "a", "oidc")
