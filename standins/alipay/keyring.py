"""Who holds which key: Alipay's own (and its certificates), each app's public one, and a forger's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from standins.alipay.certificates import Authority, pem, root_serial_of, serial_of
from standins.alipay.signing import new_key, public_pem


@dataclass(frozen=True)
class App:
    """A registered app: its public key, and in certificate mode the certificate it was issued."""

    app_id: str
    public_key: rsa.RSAPublicKey
    certificate: x509.Certificate | None = None


class Keyring:
    """Alipay's side of every key."""

    def __init__(self, own: rsa.RSAPrivateKey, authority: Authority) -> None:
        self.own = own
        self.authority = authority
        self.apps: dict[str, App] = {}
        self._issued: list[tuple[rsa.RSAPrivateKey, x509.Certificate]] = []

    @cached_property
    def forger(self) -> rsa.RSAPrivateKey:
        """A key that is not Alipay's."""
        return new_key()

    def register(self, app_id: str, public_key: rsa.RSAPublicKey, *, certified: bool) -> App:
        """An app, in key mode or with a certificate of ours; a second time replaces the first."""
        certificate = self.authority.issue(f"app {app_id}", public_key) if certified else None
        self.apps[app_id] = App(app_id, public_key, certificate)
        return self.apps[app_id]

    def signing(self, app: App) -> tuple[rsa.RSAPrivateKey, str]:
        """The key that answers this app, and its certificate's serial number (``""`` in key mode)."""
        if not app.certificate:
            return self.own, ""
        key, certificate = self._current()
        return key, serial_of(certificate)

    def rotate(self) -> str:
        """Alipay takes a new key and certificate; its serial number, which no client knows yet."""
        self._current()
        key = new_key()
        self._issued.append((key, self.authority.issue("Alipay", key.public_key())))
        return serial_of(self._issued[-1][1])

    def certificate(self, serial: str) -> str | None:
        """Alipay's certificate of that serial number as PEM."""
        self._current()
        return next((pem(one) for _, one in self._issued if serial_of(one) == serial), None)

    def public(self) -> str:
        """Alipay's public key, for key mode."""
        return public_pem(self.own.public_key())

    def files(self, app: App) -> dict[str, str]:
        """What a merchant downloads in certificate mode, with the serial numbers to compare."""
        if not app.certificate:
            return {}
        alipay = self._current()[1]
        return {
            "app_certificate": pem(app.certificate),
            "alipay_certificate": pem(alipay),
            "alipay_root_certificate": pem(*self.authority.roots),
            "app_cert_sn": serial_of(app.certificate),
            "alipay_cert_sn": serial_of(alipay),
            "alipay_root_cert_sn": self.root_serial(),
        }

    def root_serial(self) -> str:
        """``alipay_root_cert_sn``."""
        return root_serial_of(self.authority.roots)

    def _current(self) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
        if not self._issued:
            self._issued.append((self.own, self.authority.issue("Alipay", self.own.public_key())))
        return self._issued[-1]
