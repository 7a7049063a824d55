"""Every setting of every process: one place to read them, one table to document them, refused at start when wrong.

A setting ``name`` is the environment variable ``POCKETID_NAME``. Each process asks for the class that names what it
needs, so that no process holds a secret it has no use for.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from shared.kernel.alipay_settings import AlipaySettings as AlipaySettings
from shared.kernel.base_settings import Settings as Settings
from shared.kernel.login_settings import LoginSettings as LoginSettings
from shared.kernel.personal import Secret

KEY_BYTES = 32


def _decode_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("is not base64") from error
    if len(key) != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes of base64")
    return key


def one_key(text: SecretStr) -> Secret[bytes]:
    """The 32-byte key written in base64; raises ``ValueError`` otherwise."""
    return Secret(_decode_key(text.get_secret_value()))


def named_keys(text: SecretStr) -> dict[str, Secret[bytes]]:
    """Keys written ``kid:base64[,kid:base64...]``, the current one first; raises ``ValueError`` otherwise."""
    keys: dict[str, Secret[bytes]] = {}
    for part in text.get_secret_value().split(","):
        kid, _, encoded = part.strip().partition(":")
        if not kid or kid in keys or len(kid) > 32:
            raise ValueError("each key needs a short name of its own: kid:base64,kid:base64")
        keys[kid] = Secret(_decode_key(encoded))
    return keys


class BrokerSettings(Settings):
    """What a process on the message bus needs."""

    amqp_url: SecretStr = Field(description="RabbitMQ: `amqp://user:password@host:port/vhost`")
    health_host: str = Field("127.0.0.1", description="address of `/healthz`, `/readyz`, `/metrics`")
    health_port: Annotated[int, Field(ge=0, le=65535)] = Field(0, description="their port; 0 takes a free one")

    @field_validator("amqp_url")
    @classmethod
    def _is_amqp(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("amqp://", "amqps://")):
            raise ValueError("must start with amqp:// or amqps://")
        return value


class StoreSettings(Settings):
    """Where sealed objects lie."""

    s3_endpoint: str = Field(description="S3 API, `http(s)://host:port` (MinIO, SeaweedFS or any other)")
    s3_access_key: SecretStr = Field(description="S3 access key")
    s3_secret_key: SecretStr = Field(description="S3 secret key")
    s3_bucket: str = Field("pocketid", description="the one bucket; versioning off")
    s3_region: str = Field("us-east-1", description="S3 region")

    @field_validator("s3_endpoint")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value


class MasterKeySettings(Settings):
    """Who may unwrap the subjects' data keys."""

    master_keys: SecretStr = Field(
        description="`kid:base64(32 bytes)[,...]`, current first; wraps each subject's data key"
    )

    @field_validator("master_keys")
    @classmethod
    def _parses(cls, value: SecretStr) -> SecretStr:
        named_keys(value)
        return value


class TombstoneSettings(Settings):
    """Who keeps a fence: recognises an erased subject without naming it."""

    tombstone_key: SecretStr = Field(
        description="base64(32 bytes); keys the hash that a fence keeps of an erased subject"
    )

    @field_validator("tombstone_key")
    @classmethod
    def _parses_tombstone(cls, value: SecretStr) -> SecretStr:
        one_key(value)
        return value


class AuthSettings(BrokerSettings, MasterKeySettings, TombstoneSettings, LoginSettings):
    """The auth service."""

    auth_dsn: SecretStr = Field(description="auth's own database, `postgresql://role:password@host:port/db`")
    token_signing_keys: SecretStr = Field(
        description="`kid:base64(Ed25519 seed)[,...]`, current first; signs access tokens"
    )
    access_token_seconds: Annotated[int, Field(ge=30, le=3600)] = Field(600, description="life of an access token")
    identity_pepper: SecretStr = Field(
        description="base64(32 bytes); keys the hash that a third-party identity is recognised by"
    )
    guest_idle_days: Annotated[int, Field(ge=1)] = Field(30, description="a guest not seen for as long is purged")
    refresh_token_days: Annotated[int, Field(ge=1, le=365)] = Field(60, description="life of an unused refresh token")

    @field_validator("identity_pepper")
    @classmethod
    def _parses_identity_pepper(cls, value: SecretStr) -> SecretStr:
        one_key(value)
        return value

    @field_validator("token_signing_keys")
    @classmethod
    def _parses_signing(cls, value: SecretStr) -> SecretStr:
        named_keys(value)
        return value


class ImagingSettings(BrokerSettings, StoreSettings, TombstoneSettings):
    """The imaging service."""

    imaging_dsn: SecretStr = Field(description="imaging's own database")
    upload_grace_seconds: Annotated[int, Field(ge=10)] = Field(
        600, description="an upload not finished by then is swept away"
    )
    keep_originals_days: Annotated[int, Field(ge=1)] = Field(7, description="a ready photo's original is deleted then")
    keep_photos_days: Annotated[int, Field(ge=1)] = Field(90, description="a photo is deleted then, with its renders")
    unlock_policy: Literal["free", "paid"] = Field(
        "paid", description="`paid` keeps a render's file behind an entitlement; `free` unlocks everything"
    )


class WorkerSettings(ImagingSettings, MasterKeySettings):
    """An imaging worker."""

    weights_dir: Path | None = Field(None, description="model weights; default `<sys.prefix>/share/pocketid/weights`")
    matting_model: str = Field("u2netp", description="a name on the model allow-list")
    worker_provider: Literal["cpu", "cuda"] = Field(
        "cpu", description="ONNX Runtime provider; `cuda` refuses a silent fallback"
    )
    worker_threads: Annotated[int, Field(ge=1, le=64)] = Field(1, description="threads of one inference")
    worker_batch: Annotated[int, Field(ge=1, le=64)] = Field(1, description="photos matted in one inference")
    worker_max_rss_mb: Annotated[int, Field(ge=200)] = Field(
        1024, description="a worker above this drains and is replaced"
    )


class RetentionSettings(BrokerSettings, StoreSettings, TombstoneSettings):
    """The retention service."""

    retention_dsn: SecretStr = Field(description="retention's own database")
    receipt_key: SecretStr = Field(description="base64(32 bytes); makes receipts that cannot be guessed")
    certificate_signing_keys: SecretStr = Field(
        description="`kid:base64(Ed25519 seed)[,...]`, current first; signs certificates"
    )
    second_look_seconds: Annotated[int, Field(ge=1)] = Field(
        300, description="pause between a certificate and the second look at whether it is still true"
    )
    export_hours: Annotated[int, Field(ge=1, le=24 * 30)] = Field(
        24, description="how long an export can be downloaded"
    )
    exports_per_day: Annotated[int, Field(ge=1)] = Field(3, description="exports a day for one subject")
    purge_deadline_seconds: Annotated[int, Field(ge=5)] = Field(
        900, description="a purge not completed by then is `stuck`, with an alert"
    )

    @field_validator("receipt_key")
    @classmethod
    def _parses_receipt(cls, value: SecretStr) -> SecretStr:
        one_key(value)
        return value

    @field_validator("certificate_signing_keys")
    @classmethod
    def _parses_certificate(cls, value: SecretStr) -> SecretStr:
        named_keys(value)
        return value


class NoticeKeySettings(Settings):
    """Who passes on, or reads, what Alipay notifies: it names the buyer, and travels sealed."""

    notice_key: SecretStr = Field(description="base64(32 bytes); seals notices between the gateway and payments")

    @field_validator("notice_key")
    @classmethod
    def _parses_notice_key(cls, value: SecretStr) -> SecretStr:
        one_key(value)
        return value


class PaymentsSettings(BrokerSettings, TombstoneSettings, NoticeKeySettings, AlipaySettings):
    """The payments service."""

    payments_dsn: SecretStr = Field(description="payments' own database")
    order_minutes: Annotated[int, Field(ge=2, le=120)] = Field(15, description="an order not paid by then is closed")


class GatewaySettings(BrokerSettings, StoreSettings, MasterKeySettings, NoticeKeySettings):
    """The gateway."""

    host: str = Field("127.0.0.1", description="address the gateway binds")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8080, description="port the gateway binds")
    public_url: str = Field(
        "",
        description="where clients reach the gateway, `https://...`: what the addresses in answers begin with; "
        "required in `production`, in `local` the address that was called",
    )
    device_pepper: SecretStr = Field(description="base64(32 bytes); keys the hash that stands for a device id")
    max_upload_bytes: Annotated[int, Field(ge=1024)] = Field(20 * 1024 * 1024, description="largest upload")
    max_concurrent_uploads: Annotated[int, Field(ge=1)] = Field(
        16, description="uploads held in memory at once, a gateway process"
    )
    rpc_timeout_seconds: Annotated[float, Field(gt=0)] = Field(5.0, description="longest wait for a service's answer")
    rate_guests_per_device: Annotated[int, Field(ge=1)] = Field(30, description="new guests an hour from one device")
    rate_logins_per_address: Annotated[int, Field(ge=1)] = Field(300, description="logins an hour from one address")
    rate_guests_per_address: Annotated[int, Field(ge=1)] = Field(600, description="new guests an hour from one address")
    rate_feedback_per_address: Annotated[int, Field(ge=1)] = Field(30, description="feedback an hour from one address")
    sse_heartbeat_seconds: Annotated[float, Field(gt=0)] = Field(15.0, description="pause between two SSE comments")

    @field_validator("public_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value and (not value.startswith(("http://", "https://")) or any(mark in value for mark in "?# ")):
            raise ValueError("must be an address that starts with https:// (in local also http://)")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _knows_its_address(self) -> GatewaySettings:
        if self.profile == "production" and not self.public_url.startswith("https://"):
            raise ValueError("POCKETID_PUBLIC_URL: required in production, and starts with https://")
        return self

    @field_validator("device_pepper")
    @classmethod
    def _parses_pepper(cls, value: SecretStr) -> SecretStr:
        one_key(value)
        return value


ALL_SETTINGS: tuple[type[Settings], ...] = (
    AuthSettings,
    ImagingSettings,
    WorkerSettings,
    RetentionSettings,
    PaymentsSettings,
    GatewaySettings,
)

S = TypeVar("S", bound=Settings)


def load(kind: type[S]) -> S:
    """The settings ``kind`` from the environment; ends the process with one clear line each when some are wrong."""
    try:
        return kind()
    except ValidationError as error:
        lines = [_line(e["loc"], e["msg"]) for e in error.errors(include_input=False)]
        raise SystemExit("refused to start, settings are wrong:\n  " + "\n  ".join(lines)) from None


def _line(where: tuple[int | str, ...], message: str) -> str:
    """One complaint; one about several settings together names them itself."""
    return f"POCKETID_{str(where[0]).upper()}: {message}" if where else message
