"""Our account at Alipay, from the settings: keys and certificates are read from their files, and looked at."""

from __future__ import annotations

from pathlib import Path

from services.payments.adapters.alipay.certificates import Certificates, WrongCertificate, certificates_from
from services.payments.adapters.alipay.client import Account
from services.payments.adapters.alipay.signing import WrongKey, private_key, public_key
from shared.kernel.settings import AlipaySettings


def account_from(settings: AlipaySettings) -> Account:
    """The account; ends the process with one clear line when a file is missing or holds something else."""
    try:
        key = private_key(_text("ALIPAY_PRIVATE_KEY_FILE", settings.alipay_private_key_file))
        alipay_key = None
        if settings.alipay_public_key_file is not None:
            alipay_key = public_key(_text("ALIPAY_PUBLIC_KEY_FILE", settings.alipay_public_key_file))
        certificates = _certificates(settings)
    except (WrongKey, WrongCertificate) as error:
        raise SystemExit(f"refused to start, Alipay's keys are wrong: {error}") from error
    if alipay_key is not None and alipay_key.public_numbers() == key.public_key().public_numbers():
        raise SystemExit("refused to start: POCKETID_ALIPAY_PUBLIC_KEY_FILE is our own key, not Alipay's")
    return Account(
        gateway=settings.alipay_gateway,
        app_id=settings.alipay_app_id,
        key=key,
        alipay_key=None if certificates else alipay_key,
        notify_url=settings.alipay_notify_url,
        return_url=settings.alipay_return_url,
        certificates=certificates,
    )


def _certificates(settings: AlipaySettings) -> Certificates | None:
    files = (
        settings.alipay_app_certificate_file,
        settings.alipay_certificate_file,
        settings.alipay_root_certificate_file,
    )
    app, alipay, root = files
    if app is None or alipay is None or root is None:
        return None
    return certificates_from(*(_text("ALIPAY_*_CERTIFICATE_FILE", path) for path in (app, alipay, root)))


def _text(setting: str, path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"refused to start: POCKETID_{setting} {path}: {type(error).__name__}") from error
