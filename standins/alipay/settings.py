"""The one place that reads the environment: ``POCKETID_PROFILE`` and ``POCKETID_STANDIN_ALIPAY_*``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from standins.alipay.amounts import to_fen

PREFIX = "POCKETID_STANDIN_ALIPAY_"


class Profile(BaseSettings):
    """Which kind of system this is; without a word it is a production system, as everywhere."""

    model_config = SettingsConfigDict(env_prefix="POCKETID_", extra="ignore")

    profile: str = Field("production", description="a stand-in starts in `local` only")


class StandinSettings(BaseSettings):
    """Everything that can be chosen at start."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True)

    host: str = Field("127.0.0.1", description="address to listen on")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8790, description="port to listen on")
    public_url: str = Field("", description="how browsers reach it (QR codes, bills); default `http://host:port`")
    app_id: str = Field("9021000000000001", pattern=r"^\d{16}$", description="the registered app")
    seller_id: str = Field("2088000000000001", pattern=r"^2088\d{12}$", description="the seller's PID")
    seller_email: str = Field("seller@standin.example", description="the seller's account name")
    app_public_key: Path | None = Field(None, description="PEM file of the app's public key; or register it later")
    key: Path | None = Field(None, description="PEM file of Alipay's private key; without it one is made at start")
    mode: Literal["key", "certificate"] = Field("key", description="how the app is registered")
    speed: Annotated[float, Field(gt=0)] = Field(1.0, description="how many times faster than in reality notices retry")
    notice_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        5.0, description="how long a notice waits for an answer"
    )
    timestamp_tolerance_seconds: Annotated[int, Field(ge=0)] = Field(
        900, description="how far a request's timestamp may be off; 0 does not look"
    )
    refund_pause_seconds: Annotated[float, Field(ge=0)] = Field(
        0.0, description="least time between two refunds of a trade (3 in reality); 0 does not look"
    )
    refund_window_days: Annotated[int, Field(ge=1)] = Field(90, description="after which a paid trade is finished")
    seller_balance: str = Field("0.00", description="what the seller has before the first payment, in yuan")
    buyer: Literal["user_id", "open_id"] = Field("user_id", description="how buyers are named in answers and notices")

    @field_validator("seller_balance")
    @classmethod
    def _is_money(cls, value: str) -> str:
        if value != "0.00":
            to_fen(value)
        return value

    @property
    def url(self) -> str:
        """The address in QR codes, cashiers and bills."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
