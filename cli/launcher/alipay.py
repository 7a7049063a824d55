"""Alipay: a stand-in of our own that takes pretended money, unless the user names a gateway. Never in production."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from cli.launcher.errors import LauncherError
from cli.launcher.parts import Part, Site
from cli.launcher.ports import LOOPBACK
from cli.launcher.program import INFRASTRUCTURE, Program
from cli.launcher.readiness import is_ready
from cli.launcher.run_folder import write_private
from cli.launcher.settings import DEFAULT_PORT

STANDIN = "alipay-standin"
PORTS = (STANDIN,)
APP_ID, SELLER_ID = "9021000000000001", "2088000000000001"
PREFIX = "POCKETID_STANDIN_ALIPAY_"
SPEED = "60"
"""Notices are repeated after 4 s, 10 s, ... instead of minutes."""


@dataclass(frozen=True)
class OwnAlipay:
    """The stand-in, with key pairs for both sides that are made on the first start."""

    site: Site
    environ: Mapping[str, str]
    title: str = "Alipay stand-in"

    def programs(self) -> list[Program]:
        """One process. The user's own ``POCKETID_STANDIN_ALIPAY_*`` have the last word."""
        url = f"http://{LOOPBACK}:{self.site.ports[STANDIN]}"
        environment = {
            "POCKETID_PROFILE": "local",
            f"{PREFIX}HOST": LOOPBACK,
            f"{PREFIX}PORT": str(self.site.ports[STANDIN]),
            f"{PREFIX}APP_ID": APP_ID,
            f"{PREFIX}SELLER_ID": SELLER_ID,
            f"{PREFIX}APP_PUBLIC_KEY": self._file("alipay_app_public_key"),
            f"{PREFIX}KEY": self._file("alipay_private_key"),
            f"{PREFIX}SPEED": SPEED,
            "PYTHONUNBUFFERED": "1",
        }
        environment |= {name: value for name, value in self.environ.items() if name.startswith(PREFIX) and value}
        command = (sys.executable, "-m", "standins.alipay")
        return [Program(STANDIN, command, INFRASTRUCTURE, environment, ready_url=f"{url}/readyz")]

    def prepare(self) -> None:
        """Make the keys that are not there yet."""
        for private, public in (
            ("alipay_app_private_key", "alipay_app_public_key"),
            ("alipay_private_key", "alipay_public_key"),
        ):
            folder = self.site.folder.secrets
            if not (folder / public).exists():
                private_pem, public_pem = key_pair()
                write_private(folder / private, private_pem)
                write_private(folder / public, public_pem)

    def settings(self) -> dict[str, str]:
        """What payments is told: it knows of no difference to the real one."""
        port = self.environ.get("POCKETID_PORT") or DEFAULT_PORT
        return {
            "POCKETID_ALIPAY_GATEWAY": f"http://{LOOPBACK}:{self.site.ports[STANDIN]}/gateway.do",
            "POCKETID_ALIPAY_APP_ID": APP_ID,
            "POCKETID_ALIPAY_SELLER_ID": SELLER_ID,
            "POCKETID_ALIPAY_PRIVATE_KEY_FILE": self._file("alipay_app_private_key"),
            "POCKETID_ALIPAY_PUBLIC_KEY_FILE": self._file("alipay_public_key"),
            "POCKETID_ALIPAY_NOTIFY_URL": f"http://{LOOPBACK}:{port}/v1/payments/alipay/notify",
            "POCKETID_ALIPAY_RETURN_URL": f"http://{LOOPBACK}:{port}/",
        }

    def is_ready(self) -> bool:
        """Whether it answers."""
        return is_ready(f"http://{LOOPBACK}:{self.site.ports[STANDIN]}/readyz")

    def clean_up(self) -> None:
        """It leaves nothing behind."""

    def _file(self, name: str) -> str:
        return str(self.site.folder.secrets / name)


@dataclass(frozen=True)
class GivenAlipay:
    """Alipay itself, or its sandbox, by the user's settings."""

    title: str = "Alipay (given)"

    def programs(self) -> list[Program]:
        """None: it is not ours."""
        return []

    def prepare(self) -> None:
        """Nothing to make."""

    def settings(self) -> dict[str, str]:
        """The user's environment already says it."""
        return {}

    def is_ready(self) -> bool:
        """``pocketid doctor --alipay`` asks it; a start does not depend on it."""
        return True

    def clean_up(self) -> None:
        """Nothing of it is ours."""


def alipay_part(site: Site, environ: Mapping[str, str]) -> Part:
    """The stand-in, or what the user gave; raises :class:`LauncherError` for a stand-in in production."""
    if environ.get("POCKETID_ALIPAY_GATEWAY"):
        return GivenAlipay()
    if environ.get("POCKETID_PROFILE") == "production":
        raise LauncherError("nothing stands in for Alipay in production; give POCKETID_ALIPAY_GATEWAY and its keys")
    return OwnAlipay(site, environ)


def key_pair() -> tuple[str, str]:
    """A fresh RSA key pair in PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
