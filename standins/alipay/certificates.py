"""Certificate mode: a little certification authority of our own, and the serial numbers the protocol makes of it."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from standins.alipay.signing import new_key

_RSA_SIGNATURES = "1.2.840.113549.1.1"
_LIFE = timedelta(days=3650)


def serial_of(certificate: x509.Certificate) -> str:
    """``…_cert_sn``: MD5 of the issuer (``CN=..,OU=..,O=..,C=..``) and the serial number in decimal, in hex."""
    text = certificate.issuer.rfc4514_string() + str(certificate.serial_number)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def root_serial_of(roots: list[x509.Certificate]) -> str:
    """``alipay_root_cert_sn``: those of the roots signed with RSA, joined with ``_``."""
    signed = [root for root in roots if root.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNATURES)]
    return "_".join(serial_of(root) for root in signed)


def pem(*certificates: x509.Certificate) -> str:
    """One after the other."""
    return "\n".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)


class Authority:
    """Roots (two RSA, one elliptic), and what they vouch for. Made on first use: keys take their time."""

    def __init__(self, now: datetime) -> None:
        self._start = now - timedelta(days=1)

    @cached_property
    def _signing_root(self) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
        return self._root("Stand-in Certification Authority R1")

    @cached_property
    def _other_roots(self) -> list[x509.Certificate]:
        elliptic = ec.generate_private_key(ec.SECP256R1())
        name = _name("Stand-in Certification Authority E1", "Certification Authority")
        oval = self._certificate(name, name, elliptic.public_key(), elliptic, ca=True)
        return [oval, self._root("Stand-in Certification Authority R2")[1]]

    @property
    def roots(self) -> list[x509.Certificate]:
        """``alipayRootCert.crt``."""
        return [*self._other_roots, self._signing_root[1]]

    def issue(self, subject: str, public_key: rsa.RSAPublicKey) -> x509.Certificate:
        """A certificate for this key."""
        key, root = self._signing_root
        return self._certificate(_name(subject, "Stand-in"), root.subject, public_key, key, ca=False)

    def _root(self, common_name: str) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
        key, name = new_key(), _name(common_name, "Certification Authority")
        return key, self._certificate(name, name, key.public_key(), key, ca=True)

    def _certificate(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
        *,
        ca: bool,
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(self._start).not_valid_after(self._start + _LIFE)
        limits = x509.BasicConstraints(ca=ca, path_length=None)
        return builder.add_extension(limits, critical=True).sign(key, hashes.SHA256())


def _name(common_name: str, unit: str) -> x509.Name:
    parts = (
        (NameOID.COUNTRY_NAME, "CN"),
        (NameOID.ORGANIZATION_NAME, "Pocket ID Photo"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
        (NameOID.COMMON_NAME, common_name),
    )
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])
