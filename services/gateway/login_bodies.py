"""What apps and browsers send to log in, and what they get to begin with: which provider needs what, and where."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

Platform = Literal["android", "ios", "web"]
Age = Literal["under_14", "14_to_17", "adult"]
Provider = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{1,30}$", examples=["wechat"])]
Text = Annotated[str, Field(max_length=8000)]


class LoginRequest(BaseModel):
    """Begin a login. Browsers give the address to come back to."""

    provider: Provider
    platform: Platform
    redirect_uri: Annotated[
        str | None,
        Field(
            max_length=500,
            description="one of the listed addresses; needed on `web`, by Apple on Android, and by OpenID Connect everywhere",
        ),
    ] = None


class LoginAnswer(BaseModel):
    """What to go to the provider with. ``attempt_id`` and ``state`` come back with the proof."""

    attempt_id: UUID
    state: str
    nonce: str | None
    code_challenge: str | None = Field(description="PKCE, S256; the verifier stays with us")
    app_id: str
    scopes: list[str]
    url: str | None
    auth_string: str | None
    expires_in: int


class Proof(BaseModel):
    """What the provider gave the app. A 422 names every field that the provider and platform need and that is missing.

    A login in a browser (`web`, Apple on Android, OpenID Connect anywhere) always needs `attempt_id` and `state`.
    """

    provider: Provider
    platform: Annotated[
        Platform, Field(description="where the person is; an attempt keeps the platform that it was begun for")
    ] = "android"
    code: Annotated[
        Text | None, Field(description="needed by all, but for QQ and Weibo on phones, which give an `access_token`")
    ] = None
    id_token: Annotated[
        Text | None,
        Field(description="Apple on iOS: needed beside `code`, both of one login. Alone it logs nobody in"),
    ] = None
    access_token: Annotated[Text | None, Field(description="QQ and Weibo on phones, in place of `code`")] = None
    nonce: Annotated[
        str | None, Field(max_length=200, description="Apple on iOS without an attempt: the raw nonce, used once")
    ] = None
    attempt_id: Annotated[
        UUID | None,
        Field(
            description="Of `POST /v1/login-attempts`. Needed by every provider on `web`, by Huawei and OpenID Connect everywhere, "
            "by Apple on Android, and with any `redirect_uri`; Apple on iOS may bring a `nonce` instead"
        ),
    ] = None
    state: Annotated[str | None, Field(max_length=200, description="the attempt's; needed with `attempt_id`")] = None
    redirect_uri: Annotated[
        str | None, Field(max_length=500, description="the attempt knows it: need not be repeated")
    ] = None


class SessionRequest(Proof):
    """Log in. The guest whose token is given ends, and its stash is wiped."""

    policy_version: Annotated[str | None, Field(max_length=40)] = None
    guest_token: Annotated[str | None, Field(max_length=4000, description="the guest's access token")] = None
    device_label: Annotated[str | None, Field(max_length=100, description="shown in the list of sessions")] = None
    age_band: Age | None = None
