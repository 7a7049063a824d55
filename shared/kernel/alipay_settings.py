"""Our account at Alipay, as settings."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from shared.kernel.base_settings import Settings


class AlipaySettings(Settings):
    """Our account at Alipay. Its sandbox, or production, are other values of these and nothing else."""

    alipay_gateway: str = Field(
        "https://openapi.alipay.com/gateway.do", description="Alipay's gateway; its sandbox's, or a stand-in's"
    )
    alipay_app_id: str = Field(description="our app at Alipay, 16 digits")
    alipay_seller_id: str = Field(description="our merchant number (PID) at Alipay, `2088...`")
    alipay_private_key_file: Path = Field(description="file with the app's private key: PEM, or bare Base64")
    alipay_public_key_file: Path | None = Field(
        None, description="file with Alipay's public key (not the app's own); not needed in certificate mode"
    )
    alipay_app_certificate_file: Path | None = Field(None, description="certificate mode: `appCertPublicKey_*.crt`")
    alipay_certificate_file: Path | None = Field(None, description="certificate mode: `alipayCertPublicKey_RSA2.crt`")
    alipay_root_certificate_file: Path | None = Field(None, description="certificate mode: `alipayRootCert.crt`")
    alipay_notify_url: str = Field(description="where Alipay sends notices: `https://.../v1/payments/alipay/notify`")
    alipay_return_url: str = Field("", description="where the cashier page leads back to; display only")

    @model_validator(mode="after")
    def _is_one_mode(self) -> Self:
        certificates = (
            self.alipay_app_certificate_file,
            self.alipay_certificate_file,
            self.alipay_root_certificate_file,
        )
        if any(certificates) and not all(certificates):
            raise ValueError("certificate mode needs all three certificate files")
        if not any(certificates) and self.alipay_public_key_file is None:
            raise ValueError("POCKETID_ALIPAY_PUBLIC_KEY_FILE or the three certificate files are needed")
        return self

    @model_validator(mode="after")
    def _is_alipay_in_production(self) -> Self:
        host = urlsplit(self.alipay_gateway).hostname or ""
        is_alipays = host.endswith((".alipay.com", ".alipaydev.com")) and self.alipay_gateway.startswith("https://")
        if self.profile == "production" and not is_alipays:
            raise ValueError("POCKETID_ALIPAY_GATEWAY: nothing stands in for Alipay in production")
        return self

    @model_validator(mode="after")
    def _is_reached_safely(self) -> Self:
        for name in ("alipay_notify_url", "alipay_return_url"):
            address = getattr(self, name)
            if self.profile == "production" and address and not address.startswith("https://"):
                raise ValueError(f"POCKETID_{name.upper()}: https:// in production")
        return self
