"""The kernel: values that never print, ids in order, one table of errors, settings that are refused when wrong."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import re
import threading
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel import errors, ids
from shared.kernel.clock import parse_rfc3339, rfc3339
from shared.kernel.errors import MEANINGS, BadRequest, Code, PocketError
from shared.kernel.personal import Personal, Secret
from shared.kernel.settings import (
    ALL_SETTINGS,
    AuthSettings,
    GatewaySettings,
    ImagingSettings,
    RetentionSettings,
    Settings,
    WorkerSettings,
    load,
)

# ---- personal values


@pytest.mark.parametrize("kind", [Personal, Secret])
def test_a_personal_value_prints_as_stars_in_every_way_there_is(kind: type[Personal[str]]) -> None:
    """str, repr, format, f-string, %, inside of containers and exceptions."""
    value = kind("王小明")
    shown = [str(value), repr(value), f"{value}", f"{value:>20}", f"{value!r}", f"{value}",
             str([value]), str({"name": value}), str(ValueError(value))]  # fmt: skip
    assert not any("王" in text for text in shown)
    assert value.reveal() == "王小明"


def test_a_personal_value_is_neither_pickled_nor_written_as_json() -> None:
    """It leaves the process only where somebody calls reveal()."""
    value = Secret("hunter2")
    with pytest.raises(TypeError):
        pickle.dumps(value)
    with pytest.raises(TypeError):
        copy.deepcopy(value)
    with pytest.raises(TypeError):
        json.dumps(value)
    assert "hunter2" not in str(getattr(value, "__dict__", ""))


def test_personal_values_compare_by_what_they_hold_and_kind() -> None:
    """A secret is not equal to the bare value, nor to a personal value that holds the same."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != Personal("a")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


# ---- ids


def test_ids_of_one_process_are_strictly_increasing_even_within_a_millisecond() -> None:
    """They order events: Last-Event-ID rests on it."""
    made = [ids.new_id() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == 5000


def test_ids_made_by_threads_at_once_are_all_different() -> None:
    """One counter behind a lock."""
    made: list[UUID] = []
    threads = [threading.Thread(target=lambda: made.extend(ids.new_id() for _ in range(500))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 2000


def test_an_id_is_a_uuid_version_7_that_knows_its_millisecond_and_cannot_be_guessed() -> None:
    """RFC 9562: version 7, variant 10, 62 random bits."""
    before = datetime.now(UTC).timestamp() * 1000
    made = ids.new_id()
    after = datetime.now(UTC).timestamp() * 1000
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert before - 5 <= ids.milliseconds_of(made) <= after + 5
    assert len({ids.new_id().int & ((1 << 62) - 1) for _ in range(100)}) == 100


@given(st.one_of(st.text(), st.none(), st.integers(), st.binary()))
def test_what_is_not_an_id_is_a_bad_request_that_does_not_quote_it(value: object) -> None:
    """The error names the field, never the value."""
    with pytest.raises(BadRequest) as refusal:
        ids.parse_id(f"no: {value}", "photo_id")
    assert refusal.value.detail == "photo_id is not a UUID"


# ---- time


@given(
    st.datetimes(min_value=datetime.fromisoformat("1971-01-01"), max_value=datetime.fromisoformat("9000-01-01")),
    st.integers(-14 * 60, 14 * 60),
)
def test_a_time_is_written_in_one_way_and_read_back(naive: datetime, offset: int) -> None:
    """UTC, milliseconds, Z."""
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=offset)))
    text = rfc3339(moment)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert abs(parse_rfc3339(text) - moment) < timedelta(milliseconds=1)
    assert parse_rfc3339(text).tzinfo is UTC


# ---- errors


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_a_meaning_in_both_languages_and_a_status(code: Code) -> None:
    """One table from code to status; a person reads Chinese or English, not an identifier."""
    meaning = MEANINGS[code]
    assert 400 <= meaning.http_status <= 599
    assert re.search(r"[\u4e00-\u9fff]", meaning.zh)
    assert meaning.en.isascii()
    assert len(meaning.en) > 5
    error = PocketError("detail", code=code)
    assert (error.http_status, error.retryable) == (meaning.http_status, meaning.retryable)
    assert error.public() == error.public("zh") == error.public("whatever") == meaning.zh
    assert error.public("en") == meaning.en
    assert "detail" not in error.public() + error.public("en")


def test_the_table_of_errors_has_no_entry_without_a_code() -> None:
    """Closed on both sides."""
    assert set(MEANINGS) == set(Code)


def test_only_what_may_pass_by_itself_is_retryable() -> None:
    """A client that retries a refusal for ever is our mistake."""
    assert {code for code, meaning in MEANINGS.items() if meaning.retryable} == {
        Code.NOT_READY, Code.TOO_MANY_REQUESTS, Code.UNAVAILABLE, Code.TIMED_OUT, Code.INTERNAL,
        Code.PROVIDER_UNAVAILABLE, Code.PROVIDER_RATE_LIMITED,
    }  # fmt: skip


def test_every_error_class_of_ours_has_one_root_and_a_code() -> None:
    """One root, a closed list of codes."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert all(issubclass(kind, PocketError) and isinstance(kind.code, Code) for kind in kinds)


# ---- settings

KEY = base64.b64encode(b"k" * 32).decode()
ENVIRONMENT = {
    "PUBLIC_URL": "https://photo.example",
    "AMQP_URL": "amqp://user:hunter2@127.0.0.1:5672/pocketid",
    "S3_ENDPOINT": "http://127.0.0.1:8333",
    "S3_ACCESS_KEY": "access",
    "S3_SECRET_KEY": "hunter2",
    "MASTER_KEYS": f"m1:{KEY}",
    "TOMBSTONE_KEY": KEY,
    "AUTH_DSN": "postgresql://auth:hunter2@127.0.0.1/auth",
    "IMAGING_DSN": "postgresql://imaging:hunter2@127.0.0.1/imaging",
    "RETENTION_DSN": "postgresql://retention:hunter2@127.0.0.1/retention",
    "TOKEN_SIGNING_KEYS": f"t1:{KEY}",
    "CERTIFICATE_SIGNING_KEYS": f"c1:{KEY}",
    "RECEIPT_KEY": KEY,
    "DEVICE_PEPPER": KEY,
    "IDENTITY_PEPPER": KEY,
    "NOTICE_KEY": KEY,
    "PAYMENTS_DSN": "postgresql://payments:hunter2@127.0.0.1/payments",
    "ALIPAY_APP_ID": "2021000000000001",
    "ALIPAY_SELLER_ID": "2088000000000001",
    "ALIPAY_PRIVATE_KEY_FILE": "app.pem",
    "ALIPAY_PUBLIC_KEY_FILE": "alipay.pem",
    "ALIPAY_NOTIFY_URL": "https://pocketid.example/v1/payments/alipay/notify",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(f"POCKETID_{name}", value)
    return monkeypatch


@pytest.mark.parametrize("kind", ALL_SETTINGS)
def test_every_process_starts_with_settings_that_are_right(
    kind: type[Settings], environment: pytest.MonkeyPatch
) -> None:
    """And shows no secret when its settings are printed."""
    settings = load(kind)
    assert settings.profile == "production"
    assert "hunter2" not in repr(settings) + str(settings)
    assert KEY not in repr(settings)


WRONG = [
    (GatewaySettings, "PUBLIC_URL", None),
    (GatewaySettings, "PUBLIC_URL", "http://photo.example"),
    (GatewaySettings, "PUBLIC_URL", "photo.example"),
    (GatewaySettings, "PUBLIC_URL", "https://photo.example/?a=b"),
    (AuthSettings, "AMQP_URL", "http://user:hunter2@broker"),
    (AuthSettings, "AMQP_URL", None),
    (AuthSettings, "AUTH_DSN", None),
    (AuthSettings, "MASTER_KEYS", "m1:hunter2"),
    (AuthSettings, "MASTER_KEYS", "hunter2"),
    (AuthSettings, "MASTER_KEYS", f"m1:{KEY},m1:{KEY}"),
    (AuthSettings, "MASTER_KEYS", f":{KEY}"),
    (AuthSettings, "MASTER_KEYS", f"{'m' * 33}:{KEY}"),
    (AuthSettings, "MASTER_KEYS", "m1:" + base64.b64encode(b"hunter2" * 4).decode()),
    (AuthSettings, "MASTER_KEYS", ""),
    (AuthSettings, "TOMBSTONE_KEY", "hunter2"),
    (AuthSettings, "TOKEN_SIGNING_KEYS", f"t1:{KEY}hunter2"),
    (AuthSettings, "ACCESS_TOKEN_SECONDS", "29"),
    (AuthSettings, "ACCESS_TOKEN_SECONDS", "3601"),
    (AuthSettings, "REFRESH_TOKEN_DAYS", "0"),
    (AuthSettings, "HEALTH_PORT", "65536"),
    (AuthSettings, "LOG_LEVEL", "LOUD"),
    (AuthSettings, "PROFILE", "staging"),
    (ImagingSettings, "S3_ENDPOINT", "s3.example"),
    (ImagingSettings, "S3_SECRET_KEY", None),
    (ImagingSettings, "UPLOAD_GRACE_SECONDS", "9"),
    (ImagingSettings, "UNLOCK_POLICY", "maybe"),
    (WorkerSettings, "WORKER_THREADS", "0"),
    (WorkerSettings, "WORKER_BATCH", "65"),
    (WorkerSettings, "WORKER_PROVIDER", "tpu"),
    (WorkerSettings, "WORKER_MAX_RSS_MB", "100"),
    (RetentionSettings, "RECEIPT_KEY", "hunter2"),
    (RetentionSettings, "CERTIFICATE_SIGNING_KEYS", "c1:hunter2"),
    (RetentionSettings, "PURGE_DEADLINE_SECONDS", "4"),
    (GatewaySettings, "DEVICE_PEPPER", "hunter2"),
    (GatewaySettings, "PORT", "0"),
    (GatewaySettings, "MAX_UPLOAD_BYTES", "1"),
    (GatewaySettings, "MAX_CONCURRENT_UPLOADS", "0"),
    (GatewaySettings, "RPC_TIMEOUT_SECONDS", "0"),
    (GatewaySettings, "RATE_GUESTS_PER_DEVICE", "0"),
    (GatewaySettings, "SSE_HEARTBEAT_SECONDS", "0"),
]


@pytest.mark.parametrize(("kind", "name", "value"), WRONG)
def test_a_wrong_setting_is_refused_at_start_by_name_and_without_its_value(
    kind: type[Settings], name: str, value: str | None, environment: pytest.MonkeyPatch
) -> None:
    """One clear line; a secret that was mistyped is not printed."""
    if value is None:
        environment.delenv(f"POCKETID_{name}")
    else:
        environment.setenv(f"POCKETID_{name}", value)
    with pytest.raises(SystemExit) as refusal:
        load(kind)
    message = str(refusal.value)
    assert f"POCKETID_{name}" in message
    assert "hunter2" not in message
    assert KEY not in message
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_no_process_is_given_a_secret_it_has_no_use_for() -> None:
    """Who may unwrap data keys, sign, or read which database is visible in one place."""
    having = {
        name: {kind.__name__ for kind in ALL_SETTINGS if name in kind.model_fields}
        for name in ("master_keys", "token_signing_keys", "certificate_signing_keys", "receipt_key", "device_pepper", "identity_pepper",
                     "tombstone_key", "notice_key", "alipay_private_key_file", "auth_dsn", "imaging_dsn", "payments_dsn",
                     "retention_dsn")
    }  # fmt: skip
    assert having == {
        "master_keys": {"AuthSettings", "WorkerSettings", "GatewaySettings"},
        "token_signing_keys": {"AuthSettings"},
        "certificate_signing_keys": {"RetentionSettings"},
        "receipt_key": {"RetentionSettings"},
        "device_pepper": {"GatewaySettings"},
        "identity_pepper": {"AuthSettings"},
        "tombstone_key": {
            "AuthSettings",
            "ImagingSettings",
            "WorkerSettings",
            "RetentionSettings",
            "PaymentsSettings",
        },
        "notice_key": {"GatewaySettings", "PaymentsSettings"},
        "alipay_private_key_file": {"PaymentsSettings"},
        "payments_dsn": {"PaymentsSettings"},
        "auth_dsn": {"AuthSettings"},
        "imaging_dsn": {"ImagingSettings", "WorkerSettings"},
        "retention_dsn": {"RetentionSettings"},
    }


def test_every_setting_has_a_description() -> None:
    """The table of settings is made from them."""
    for kind in ALL_SETTINGS:
        assert all(field.description for field in kind.model_fields.values()), kind.__name__
