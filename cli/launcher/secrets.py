"""Keys and passwords of the local system: made on the first start, one private file each, never printed."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable

from cli.launcher.run_folder import RunFolder, write_private


def password() -> str:
    """192 random bits that are safe in a URL, a shell and a configuration file."""
    return secrets.token_hex(24)


def key() -> str:
    """32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def named_key() -> str:
    """A key ring of one: ``kid:base64(32 bytes)``."""
    return f"k{secrets.token_hex(3)}:{key()}"


def secret(folder: RunFolder, name: str, make: Callable[[], str] = password) -> str:
    """The secret of this name, made on the first call and the same ever after."""
    path = folder.secrets / name
    if not path.exists():
        write_private(path, make())
    return path.read_text()


KEYS: dict[str, Callable[[], str]] = {
    "POCKETID_MASTER_KEYS": named_key,
    "POCKETID_TOKEN_SIGNING_KEYS": named_key,
    "POCKETID_CERTIFICATE_SIGNING_KEYS": named_key,
    "POCKETID_DEVICE_PEPPER": key,
    "POCKETID_IDENTITY_PEPPER": key,
    "POCKETID_TOMBSTONE_KEY": key,
    "POCKETID_RECEIPT_KEY": key,
    "POCKETID_NOTICE_KEY": key,
}
"""Settings that are generated secrets, and how each is made."""


def generated_keys(folder: RunFolder) -> dict[str, str]:
    """Every setting of :data:`KEYS` with its value."""
    return {name: secret(folder, name.removeprefix("POCKETID_").lower(), make) for name, make in KEYS.items()}
