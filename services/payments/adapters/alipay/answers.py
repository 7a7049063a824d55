"""Reading an answer: the signed text is the raw substring of the response, and the outcome is one of three."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.payments.domain.trades import Failure, Unknown

SUCCESS = "10000"
_UNKNOWN_CODES = frozenset({"20000", "10003"})
_SYSTEM_ERROR = "SYSTEM_ERROR"

Verify = Callable[[bytes, str, str | None], bool]
"""Whether a signature over bytes holds, by the key of the certificate with this serial number (or the only key)."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The business fields of a successful answer whose signature holds."""

    values: dict[str, Any]

    def text(self, name: str) -> str:
        """A field as text; empty when it is not there."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""


def read_answer(method: str, content: bytes, verify: Verify) -> Fields | Failure | Unknown:
    """The outcome of a call. What is unsigned, altered, or no JSON is :class:`Unknown`: it may come from anybody."""
    node = method.replace(".", "_") + "_response"
    try:
        text = content.decode("utf-8")
        whole = json.loads(text)
        name = node if node in whole else "error_response"
        signed, values = _node(text, whole, name)
        signature = whole.get("sign")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Unknown(f"not an answer: {type(error).__name__}")
    code, sub_code = str(values.get("code", "")), str(values.get("sub_code", ""))
    if not isinstance(signature, str) or not verify(signed.encode(), signature, whole.get("alipay_cert_sn")):
        return Unknown(f"signature does not hold: {code} {sub_code} {str(values.get('sub_msg', ''))[:300]}")
    if code == SUCCESS and name == node:
        return Fields(values)
    if not code or code == SUCCESS or code in _UNKNOWN_CODES or sub_code.endswith(_SYSTEM_ERROR):
        return Unknown(f"{code} {sub_code}")
    return Failure(code, sub_code)


def _node(text: str, whole: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
    """The node's raw text and its content; raises ``ValueError`` when the two are not one."""
    # Inside of a string the quotes would be escaped: this finds names only.
    found = re.search(rf'"{name}"\s*:\s*', text)
    if found is None:
        raise ValueError("no such node")
    begin = found.end()
    values, end = json.JSONDecoder().raw_decode(text, begin)
    if not isinstance(values, dict) or values != whole[name]:
        raise ValueError("the node is there twice, or is no object")
    return text[begin:end], values
