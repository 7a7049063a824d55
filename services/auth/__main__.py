"""``python -m services.auth``: the auth service as a process."""

import shared.host  # first: patches the standard library for eventlet # isort: skip

from datetime import timedelta

from services.auth.adapters.files import PolicyFiles
from services.auth.adapters.postgres import PostgresAuth
from services.auth.domain.redirects import Redirects
from services.auth.ports import AuthParts, TokenPolicy
from services.auth.providers.build import build_providers
from services.auth.service import AuthService
from shared.crypto import Keyring
from shared.crypto.signing import Signer
from shared.db import Database, UnitOfWork
from shared.host.running import Host
from shared.kernel.clock import utc_now
from shared.kernel.personal import Secret
from shared.kernel.settings import AuthSettings, LoginSettings, load, named_keys, one_key


def main() -> None:
    """Build auth's parts from the settings and serve."""
    settings = load(AuthSettings)
    database = Database(Secret(settings.auth_dsn.get_secret_value()))
    logins = load(LoginSettings)
    parts = AuthParts(
        work=UnitOfWork(database, PostgresAuth, one_key(settings.tombstone_key)),
        keyring=Keyring(named_keys(settings.master_keys)),
        tokens=TokenPolicy(
            signer=Signer(named_keys(settings.token_signing_keys)),
            access_life=timedelta(seconds=settings.access_token_seconds),
            refresh_life=timedelta(days=settings.refresh_token_days),
        ),
        shelf=PolicyFiles(),
        clock=utc_now,
        providers=build_providers(logins, utc_now),
        identity_pepper=one_key(settings.identity_pepper),
        guest_idle=timedelta(days=settings.guest_idle_days),
        redirects=Redirects(frozenset(logins.login_redirect_uris.split()), loopback=logins.profile == "local"),
    )
    Host(AuthService, settings, {"auth": parts}, checks={"database": database.ping}).run()


if __name__ == "__main__":
    main()
