"""An answer's text: the node, its signature over exactly that text, and every odd but legal (or illegal) form of it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import rsa

from standins.alipay.faults import Armed
from standins.alipay.signing import sign

ODD_FIELDS: dict[str, object] = {
    "a_field_of_tomorrow": "新",
    "another": {"list": [1, 2.5, None, True], "sign": "not the signature"},
}
ODD_TEXT = 'a}b"c{d\\e}},"sign":"x"'


@dataclass(frozen=True)
class Signer:
    """The key that answers, the certificate to name with it, and the charset to sign in."""

    key: rsa.RSAPrivateKey
    certificate: str = ""
    charset: str = "utf-8"


def node_of(method: str) -> str:
    """``alipay.trade.query`` is answered in ``alipay_trade_query_response``."""
    return method.replace(".", "_") + "_response"


def render(
    node: str, fields: dict[str, object], signer: Signer | None, forger: rsa.RSAPrivateKey, forms: Sequence[Armed] = ()
) -> str:
    """The whole answer; without a signer there is no signature. ``forms`` are the faults that bend it."""
    bent = {armed.kind.name: armed for armed in forms}
    text = node_text(fields, bent)
    signature = ""
    if signer and "missing_sign" not in bent:
        signature = sign(forger if "wrong_signature" in bent else signer.key, text, signer.charset)
    if "altered_answer" in bent:
        text = node_text(_altered(fields, bent["altered_answer"]), bent)
    gap = "\n  " if "spaces" in bent else ""
    parts = [f'{gap}"{node}"{gap}:{gap}{text}{gap}']
    if signer and signer.certificate:
        parts.append(f'"alipay_cert_sn":{gap}"{signer.certificate}"')
    if signature:
        parts.insert(0 if "sign_first" in bent else len(parts), f'"sign":{gap}"{signature}"')
    return "{" + ",".join(parts) + gap + "}"


def node_text(fields: dict[str, object], bent: dict[str, Armed]) -> str:
    """The node's text as it is signed and sent."""
    told = dict(fields)
    if "braces_in_strings" in bent:
        told = {"note": ODD_TEXT, **told, "subject_shown": ODD_TEXT}
    if "unknown_fields" in bent:
        told |= ODD_FIELDS
    separators = (" ,\n ", " : ") if "spaces" in bent else (",", ":")
    text = json.dumps(told, ensure_ascii=False, separators=separators)
    return text.replace("/", "\\/") if "slashes" in bent else text


def _altered(fields: dict[str, object], armed: Armed) -> dict[str, object]:
    name = armed.text_of("field") or next((name for name in fields if re.search("amount|fee", name)), "altered")
    return {**fields, name: armed.arguments["value"]}
