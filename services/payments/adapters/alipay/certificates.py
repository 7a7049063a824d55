"""Certificate mode: serial numbers of our certificate and of Alipay's roots, and which key signed an answer."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_RSA_SIGNATURES = "1.2.840.113549.1.1"


class WrongCertificate(ValueError):
    """Not a certificate with an RSA key, or not one that Alipay's roots vouch for."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """The three files of certificate mode, understood."""

    app_sn: str
    root_sn: str
    alipay_sn: str
    alipay_key: RSAPublicKey
    roots: tuple[x509.Certificate, ...]

    def trusted_key(self, pem: str) -> tuple[str, RSAPublicKey]:
        """Serial number and key of another certificate of Alipay's; raises :class:`WrongCertificate` unless a root signed
        it, directly or through the certificates that come with it."""
        chain = _parsed(pem)
        for issuer, certificate in zip([*chain[1:], None], chain, strict=True):
            known = [*self.roots, *([issuer] if issuer is not None else [])]
            if not any(_signed_by(certificate, each) for each in known):
                raise WrongCertificate("no root vouches for it")
            if any(_signed_by(certificate, root) for root in self.roots):
                return serial_of(chain[0]), _rsa(chain[0])
        raise WrongCertificate("no root vouches for it")


def certificates_from(app: str, alipay: str, root: str) -> Certificates:
    """The certificates in the three PEM texts; raises :class:`WrongCertificate`."""
    roots = tuple(_parsed(root))
    own, theirs = _parsed(app)[0], _parsed(alipay)[0]
    rsa_roots = [each for each in roots if each.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNATURES)]
    return Certificates(
        app_sn=serial_of(own),
        root_sn="_".join(serial_of(each) for each in rsa_roots),
        alipay_sn=serial_of(theirs),
        alipay_key=_rsa(theirs),
        roots=roots,
    )


def serial_of(certificate: x509.Certificate) -> str:
    """Alipay's serial number: MD5 of the issuer (most specific part first) and the decimal serial number."""
    text = certificate.issuer.rfc4514_string() + str(certificate.serial_number)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _parsed(text: str) -> list[x509.Certificate]:
    """Every certificate that this library can read: Alipay's root file holds one that it cannot (SM2)."""
    found = []
    for block in _BLOCK.findall(text):
        try:
            found.append(x509.load_pem_x509_certificate(block.encode()))
        except (ValueError, UnsupportedAlgorithm):
            continue
    if not found:
        raise WrongCertificate("no certificate")
    return found


def _rsa(certificate: x509.Certificate) -> RSAPublicKey:
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise WrongCertificate("not an RSA key")
    return key


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        key, algorithm = issuer.public_key(), certificate.signature_hash_algorithm
        if not isinstance(key, RSAPublicKey) or algorithm is None or certificate.issuer != issuer.subject:
            return False
        key.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
