"""What holds for every provider: a login, what can go wrong on the way, and what must never be told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from services.auth.providers.port import LoginProof, LoginProvider
from shared.kernel.errors import BadRequest, Code, LoginFailed
from shared.kernel.personal import Secret
from tests.integration.logins.playing import EVERY, StandIn, prove

Providers = dict[str, LoginProvider]
EXCHANGE = dict.fromkeys(EVERY, "token") | {"alipay": "gateway"}
every_provider = pytest.mark.parametrize("name", EVERY)


def code_of(do: Callable[[], Any]) -> Code:
    """How a login fails."""
    with pytest.raises(LoginFailed) as caught:
        do()
    return caught.value.actual_code


def unspent(standin: StandIn, name: str) -> LoginProof:
    return prove(standin, name, standin.person())


@every_provider
def test_a_person_logs_in_and_is_the_same_one_the_next_time(standin: StandIn, providers: Providers, name: str) -> None:
    """And somebody else is somebody else."""
    somebody, neighbour = standin.person("小明"), standin.person("小红")
    first = providers[name].authenticate(prove(standin, name, somebody))
    again = providers[name].authenticate(prove(standin, name, somebody))
    other = providers[name].authenticate(prove(standin, name, neighbour))
    assert (first.provider, first.app_id, first.external_id) == (again.provider, again.app_id, again.external_id)
    assert first.provider == name
    assert first.external_id != other.external_id
    if name != "apple":
        assert first.nickname is not None
        assert first.nickname.reveal() == "小明"


@every_provider
def test_a_code_logs_in_once(standin: StandIn, providers: Providers, name: str) -> None:
    """Replayed, it is refused."""
    proof = unspent(standin, name)
    providers[name].authenticate(proof)
    assert code_of(lambda: providers[name].authenticate(proof)) is Code.LOGIN_CODE_INVALID


@every_provider
def test_a_code_that_has_expired_logs_nobody_in(standin: StandIn, providers: Providers, name: str) -> None:
    """However genuine."""
    proof = unspent(standin, name)
    standin.forward(86401 if name == "alipay" else 601)
    assert code_of(lambda: providers[name].authenticate(proof)) is Code.LOGIN_CODE_INVALID


@every_provider
def test_a_code_that_nobody_issued_logs_nobody_in(standin: StandIn, providers: Providers, name: str) -> None:
    """Guessing leads nowhere."""
    proof = replace(unspent(standin, name), code=Secret("guessed"))
    assert code_of(lambda: providers[name].authenticate(proof)) is Code.LOGIN_CODE_INVALID


@every_provider
def test_a_timeout_after_the_code_was_spent_asks_the_person_again(
    standin: StandIn, impatient: Providers, name: str
) -> None:
    """The exchange is never repeated, and nobody is told to try the same again."""
    proof, step = unspent(standin, name), EXCHANGE[name]
    before = standin.calls(name, step)
    standin.fault(name, "silent_after", step=step, seconds=1.0)
    assert code_of(lambda: impatient[name].authenticate(proof)) is Code.LOGIN_UNFINISHED
    assert standin.calls(name, step) == before + 1
    assert code_of(lambda: impatient[name].authenticate(proof)) is Code.LOGIN_CODE_INVALID


@every_provider
@pytest.mark.parametrize(
    ("fault", "how", "expected"),
    [
        ("html", {"status": 502}, Code.LOGIN_UNFINISHED),
        ("html", {"status": 503}, Code.LOGIN_UNFINISHED),
        ("html_after", {"status": 500}, Code.LOGIN_UNFINISHED),
        ("html_after", {"status": 200}, Code.LOGIN_UNFINISHED),
        ("not_json", {}, Code.LOGIN_UNFINISHED),
        ("huge", {}, Code.LOGIN_UNFINISHED),
        ("redirect", {"to": "/elsewhere"}, Code.PROVIDER_REFUSED),
        ("too_many", {}, Code.PROVIDER_RATE_LIMITED),
    ],
)
def test_an_exchange_that_goes_wrong_is_named_and_not_repeated(
    standin: StandIn, providers: Providers, name: str, fault: str, how: dict[str, Any], expected: Code
) -> None:
    """Whatever comes instead of an answer; the next login works."""
    proof, step = unspent(standin, name), EXCHANGE[name]
    before = standin.calls(name, step)
    standin.fault(name, fault, step=step, **how)
    assert code_of(lambda: providers[name].authenticate(proof)) is expected
    assert standin.calls(name, step) == before + 1
    assert providers[name].authenticate(unspent(standin, name)).provider == name


@every_provider
def test_a_provider_that_cannot_be_reached_may_be_tried_again(standin: StandIn, name: str) -> None:
    """Nothing was sent, so the code is still good."""
    nowhere = "http://127.0.0.1:9"
    names = ("alipay", "apple", "wechat", "qq", "weibo", "huawei")
    settings: dict[str, Any] = {f"login_{one}_base_url": nowhere for one in names}
    lost = standin.providers(**settings, login_oidc_issuer=nowhere, login_connect_seconds=0.5)
    proof = unspent(standin, name)
    assert code_of(lambda: lost[name].authenticate(proof)) is Code.PROVIDER_UNAVAILABLE
    assert standin.providers()[name].authenticate(proof).provider == name


@every_provider
def test_a_proof_without_a_code_is_a_bad_request(standin: StandIn, providers: Providers, name: str) -> None:
    """It is the app's mistake, and the provider is not asked."""
    with pytest.raises(BadRequest):
        providers[name].authenticate(replace(unspent(standin, name), code=None))


@pytest.mark.parametrize("name", [one for one in EVERY if one not in ("alipay", "apple")])
def test_our_own_wrong_secret_is_our_mistake(standin: StandIn, name: str) -> None:
    """``provider_refused``, not the person's fault."""
    key = "login_oidc_client_secret" if name == "oidc" else f"login_{name}_app_secret"
    wrong = standin.providers(**{key: "wrong"})[name]
    assert code_of(lambda: wrong.authenticate(unspent(standin, name))) is Code.PROVIDER_REFUSED


@pytest.mark.parametrize("fault", ["html", "not_json", "error_code", "silent_after"])
@every_provider
def test_nothing_of_a_person_and_no_secret_is_told_when_it_fails(
    standin: StandIn, impatient: Providers, name: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the error, nor in what it was raised from, nor in the log."""
    caplog.set_level(logging.DEBUG, "services")
    proof = unspent(standin, name)
    if fault == "error_code":
        proof = replace(proof, code=Secret("unknown-code"))
    else:
        standin.fault(name, fault, step=EXCHANGE[name], **({"seconds": 1.0} if fault == "silent_after" else {}))
    with pytest.raises(LoginFailed) as caught:
        impatient[name].authenticate(proof)
    told, cause = [repr(caught.value), caught.value.detail, caplog.text, repr(proof)], caught.value.__cause__
    while cause is not None:
        told.append(repr(cause) + repr(vars(cause)))
        cause = cause.__cause__
    hidden = [proof.code, proof.nonce, proof.code_verifier, proof.id_token]
    values = [one.reveal() for one in hidden if one] + [v for k, v in standin.env.items() if "SECRET" in k]
    assert not [value for value in values for text in told if value in text]
