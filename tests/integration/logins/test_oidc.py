"""OpenID Connect: discovery, PKCE, pinned algorithm, rotation, both ways to say who we are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.auth.providers.oauth import FAILURES
from services.auth.providers.port import LoginAttempt, LoginProvider, RevocationStatus
from shared.kernel.errors import BadRequest, Code
from shared.kernel.personal import Personal, Secret
from standins.logins.keys import TWISTS
from tests.integration.logins.playing import REDIRECT, Secrets, StandIn, prove
from tests.integration.logins.test_every_provider import code_of

NAME = "oidc"


@pytest.fixture
def oidc(providers: dict[str, LoginProvider]) -> LoginProvider:
    return providers[NAME]


@pytest.mark.parametrize("twist", sorted(TWISTS))
def test_a_crooked_id_token_logs_nobody_in(standin: StandIn, oidc: LoginProvider, twist: str) -> None:
    """alg none, key confusion, foreign and unknown keys, another aud, iss, nonce, expired, of the future."""
    standin.fault(NAME, "twist", step="token", how=twist)
    assert code_of(lambda: oidc.authenticate(prove(standin, NAME, standin.person()))) is Code.LOGIN_TOKEN_INVALID


@pytest.mark.parametrize("error", sorted(FAILURES))
def test_every_documented_error_is_mapped(standin: StandIn, oidc: LoginProvider, error: str) -> None:
    """RFC 6749's."""
    standin.fault(NAME, "error", step="token", code=error)
    assert code_of(lambda: oidc.authenticate(prove(standin, NAME, standin.person()))) is FAILURES[error]


def test_an_algorithm_that_was_not_pinned_does_not_pass(standin: StandIn) -> None:
    """Although the provider itself used it."""
    pinned = standin.providers(login_oidc_algorithm="PS256")[NAME]
    assert code_of(lambda: pinned.authenticate(prove(standin, NAME, standin.person()))) is Code.LOGIN_TOKEN_INVALID


def test_a_code_without_its_verifier_logs_nobody_in(standin: StandIn, oidc: LoginProvider) -> None:
    """Nor with another address, or another attempt's nonce."""
    proof = prove(standin, NAME, standin.person())
    stolen = replace(proof, code_verifier=Secret("x" * 43))
    assert code_of(lambda: oidc.authenticate(stolen)) is Code.LOGIN_CODE_INVALID
    for missing in ("code_verifier", "nonce", "redirect_uri"):
        with pytest.raises(BadRequest):
            oidc.authenticate(replace(proof, **{missing: None}))
    elsewhere = replace(prove(standin, NAME, standin.person()), redirect_uri="https://elsewhere.example/cb")
    assert code_of(lambda: oidc.authenticate(elsewhere)) is Code.LOGIN_CODE_INVALID
    other = replace(prove(standin, NAME, standin.person()), nonce=Secret("of another attempt"))
    assert code_of(lambda: oidc.authenticate(other)) is Code.LOGIN_TOKEN_INVALID


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("other_issuer", Code.PROVIDER_REFUSED),
        ("unsafe_endpoint", Code.PROVIDER_REFUSED),
        ("not_json", Code.PROVIDER_UNAVAILABLE),
        ("html", Code.PROVIDER_UNAVAILABLE),
    ],
)
def test_a_discovery_document_that_is_not_in_order_is_not_followed(
    standin: StandIn, fault: str, expected: Code
) -> None:
    """And no code is spent."""
    oidc, proof = standin.providers()[NAME], prove(standin, NAME, standin.person())
    standin.fault(NAME, fault, step="discovery", times=2)
    assert code_of(lambda: oidc.authenticate(proof)) is expected


def test_without_keys_no_code_is_spent(standin: StandIn) -> None:
    """The person may try the same again."""
    oidc, proof = standin.providers()[NAME], prove(standin, NAME, standin.person())
    standin.fault(NAME, "html", step="keys", times=2)
    assert code_of(lambda: oidc.authenticate(proof)) is Code.PROVIDER_UNAVAILABLE
    assert oidc.authenticate(proof).provider == NAME


def test_credentials_go_the_way_the_provider_wants(standin: StandIn) -> None:
    """In the header or, if that is all it takes, in the form."""
    standin.fault(NAME, "post_only", times=None)
    assert standin.providers()[NAME].authenticate(prove(standin, NAME, standin.person())).provider == NAME


def test_a_rotated_key_is_fetched_when_its_name_is_met(standin: StandIn) -> None:
    """A withdrawn one no longer passes, an hour later at the latest."""
    oidc = standin.providers(login_keys_refetch_seconds=0)[NAME]
    oidc.authenticate(prove(standin, NAME, standin.person()))
    standin.tell("POST", "/keys", provider=NAME, keep=1)
    assert oidc.authenticate(prove(standin, NAME, standin.person())).provider == NAME


def test_a_name_of_our_own_and_the_claims_that_count(standin: StandIn) -> None:
    """The provider has the configured name; an address counts when it is verified."""
    named = standin.providers(login_oidc_name="keycloak")["keycloak"]
    proof = replace(prove(standin, NAME, standin.person(email="a@example.com")), provider="keycloak")
    identity = named.authenticate(proof)
    assert (identity.provider, identity.email) == ("keycloak", Personal("a@example.com"))
    unverified = standin.person(email="b@example.com", email_verified=False)
    assert named.authenticate(prove(standin, NAME, unverified)).email is None


def test_a_grant_is_revoked_where_the_provider_can(standin: StandIn, oidc: LoginProvider) -> None:
    """RFC 7009; elsewhere the person is told."""
    person = standin.person()
    revocation = oidc.authenticate(prove(standin, NAME, person)).revocation
    assert oidc.revoke(revocation).status is RevocationStatus.REVOKED
    assert standin.revocations(NAME)[-1]["person_id"] == person
    standin.fault(NAME, "error", step="revoke", code="invalid_client")
    assert oidc.revoke(revocation).status is RevocationStatus.REFUSED
    standin.fault(NAME, "html", step="revoke", times=2)
    assert oidc.revoke(revocation).status is RevocationStatus.TRY_LATER
    standin.fault(NAME, "no_revocation", times=None)
    unable = standin.providers()[NAME]
    assert unable.revoke(revocation).status is RevocationStatus.NOT_POSSIBLE
    assert unable.revoke(None).advice == "withdraw_at_provider"


def test_a_login_starts_at_the_discovered_page(oidc: LoginProvider) -> None:
    """With state, nonce and challenge; not without a challenge."""
    own = Secrets()
    attempt = LoginAttempt("ios", "state-1", Secret(own.nonce), own.challenge, REDIRECT)
    url = oidc.start(attempt).url
    assert url is not None
    for part in (
        "state=state-1",
        f"nonce={own.nonce}",
        f"code_challenge={own.challenge}",
        "code_challenge_method=S256",
    ):
        assert part in url
    with pytest.raises(BadRequest):
        oidc.start(replace(attempt, code_challenge=None))
