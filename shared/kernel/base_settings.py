"""What every process is told at its start; the settings of all processes are in ``shared/kernel/settings.py``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What every process needs."""

    model_config = SettingsConfigDict(env_prefix="POCKETID_", extra="ignore", hide_input_in_errors=True)

    profile: Literal["local", "production"] = Field(
        "production",
        description="`local` or `production`; whatever stands in for a real service will be refused in `production`",
    )
    process: str = Field("pocketid", description="the process's name in logs and metrics")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="how much is logged")
