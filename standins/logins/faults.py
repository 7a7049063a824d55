"""How a provider misbehaves on demand: one registry of named faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EVERYWHERE: Mapping[str, str] = {
    "slow": "answers after `seconds`, having done nothing until then",
    "silent_after": "does everything (the code is spent), then keeps silent for `seconds`",
    "html": "answers a page of HTML with `status` (default 502), having done nothing",
    "html_after": "does everything, then answers a page of HTML with `status` (default 502)",
    "not_json": "does everything, then answers text that is none of its formats, with status 200",
    "huge": "does everything, then answers properly, but with a megabyte of blanks at the end",
    "redirect": "answers a redirect to `to`",
    "too_many": "answers 429",
    "error": "answers the provider's own error `code` (and what else it takes), having done nothing",
}
"""Faults of every provider; ``step`` narrows one down to a single call."""

OWN: Mapping[str, Mapping[str, str]] = {
    "wechat": {
        "unionid_missing": "no unionid, neither with the token nor with the profile",
        "errcode_zero": "a success that says `errcode` 0",
        "rid": "`errmsg` ends with a request id and hints (always, once set)",
        "other_openid": "the profile is somebody else's",
    },
    "qq": {
        "query_string": "the token comes as a query string, whatever `fmt` was asked for",
        "jsonp": "the answer comes as JSONP with blanks and a line end, whatever `fmt` was asked for",
        "foreign_client": "`/me` says that the token belongs to another app",
        "no_unionid": "100048 when the unionid is asked for: the permission was not granted",
        "numeric_client": "`/me` writes `client_id` as a number",
    },
    "alipay": {
        "open_id_only": "no `user_id`",
        "unsigned_error": "failures come without a signature",
        "unsigned": "a success comes without a signature",
        "forged": "a success is signed with a key that is not Alipay's",
        "not_granted": "`relation.cancel` is 40006: our app has no permission for it",
        "empty_profile": "the profile is empty",
    },
    "apple": {
        "string_booleans": "`email_verified` is text",
        "no_refresh_token": "no refresh token with the exchange",
        "other_person": "the exchange's id_token is somebody else's",
        "twist": "the id_token is crooked in the way `how`",
    },
    "weibo": {
        "text_error_code": "`error_code` is text (always, once set)",
        "expired": "`expire_in` is negative",
        "foreign_client": "`appkey` is another app's",
        "unconvinced": "the revocation answers `false`",
    },
    "huawei": {
        "no_id_token": "no id_token with the exchange",
        "no_openid": "the id_token names no `openid`",
        "ps256": "the id_token is signed with PS256",
        "nsp_status": "rest.php answers 200 with the header NSP_STATUS `code`",
        "foreign_client": "getTokenInfo says that the token belongs to another app",
        "twist": "the id_token is crooked in the way `how`",
    },
    "oidc": {
        "no_revocation": "discovery names no revocation endpoint",
        "other_issuer": "discovery names another issuer",
        "unsafe_endpoint": "discovery names a token endpoint with another scheme",
        "no_refresh_token": "no refresh token with the exchange",
        "post_only": "credentials are taken from the form only",
        "twist": "the id_token is crooked in the way `how`",
    },
}
"""Faults of single providers."""


class UnknownFault(ValueError):
    """There is no fault of that name."""


@dataclass(slots=True)
class Fault:
    """One fault in force; ``times`` is ``None`` for one that stays until it is cleared."""

    provider: str
    name: str
    step: str | None = None
    times: int | None = 1
    how: Mapping[str, Any] = field(default_factory=dict)


class Faults:
    """The faults in force."""

    def __init__(self) -> None:
        self._set: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put one in force; raises :class:`UnknownFault`."""
        if fault.name not in EVERYWHERE and fault.name not in OWN.get(fault.provider, {}):
            raise UnknownFault(f"{fault.provider} has no fault {fault.name}")
        self._set.append(fault)

    def take(self, provider: str, name: str, step: str) -> Mapping[str, Any] | None:
        """What the fault says, if it is in force for this call; counted ones are then one less."""
        for fault in self._set:
            if (fault.provider, fault.name) == (provider, name) and fault.step in (None, step):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._set.remove(fault)
                return fault.how or {"": ""}
        return None

    def clear(self) -> None:
        """None is left."""
        self._set.clear()

    def listed(self) -> list[dict[str, Any]]:
        """The faults in force, for the control interface."""
        return [
            {"provider": f.provider, "name": f.name, "step": f.step, "times": f.times, "how": dict(f.how)}
            for f in self._set
        ]
