"""Alipay as a part of the local system: the stand-in with its keys, the user's own, and never pretended in production."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cli.launcher.alipay import STANDIN, GivenAlipay, OwnAlipay, alipay_part
from cli.launcher.errors import LauncherError
from cli.launcher.parts import Site
from cli.launcher.processes import PAYMENTS, TABLE, program_of
from cli.launcher.run_folder import RunFolder
from services.payments.adapters.alipay.account import account_from
from shared.kernel.settings import AlipaySettings


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder = RunFolder(tmp_path / "run")
    folder.make()
    return Site(folder, {STANDIN: 20001})


def test_nothing_stands_in_for_alipay_when_production_is_started(site: Site) -> None:
    """A start without a gateway is refused; with one, no process of ours is started for it."""
    with pytest.raises(LauncherError, match="nothing stands in"):
        alipay_part(site, {"POCKETID_PROFILE": "production"})
    given = alipay_part(site, {"POCKETID_PROFILE": "production", "POCKETID_ALIPAY_GATEWAY": "https://x"})
    assert isinstance(given, GivenAlipay)
    assert (given.programs(), given.settings()) == ([], {})


def test_keys_are_made_on_the_first_start_and_stay_private_and_the_same(site: Site) -> None:
    """Two pairs: ours, and the stand-in's; payments takes what the settings name."""
    part = alipay_part(site, {"POCKETID_PORT": "8230"})
    assert isinstance(part, OwnAlipay)
    part.prepare()
    files = {path.name: path.read_text() for path in site.folder.secrets.iterdir()}
    part.prepare()
    assert {path.name: path.read_text() for path in site.folder.secrets.iterdir()} == files
    assert {stat.S_IMODE(path.stat().st_mode) for path in site.folder.secrets.iterdir()} == {0o600}
    told = {name.removeprefix("POCKETID_").lower(): value for name, value in part.settings().items()}
    account = account_from(AlipaySettings(profile="local", **told))  # type: ignore[arg-type]
    assert account.gateway == "http://127.0.0.1:20001/gateway.do"
    assert account.notify_url == "http://127.0.0.1:8230/v1/payments/alipay/notify"


def test_the_stand_in_is_told_nothing_of_ours_and_the_user_has_the_last_word(site: Site) -> None:
    """It gets the app's public key and its own private one; no database, no key of ours."""
    [program] = alipay_part(site, {"POCKETID_STANDIN_ALIPAY_SPEED": "7", "POCKETID_MASTER_KEYS": "x"}).programs()
    assert program.environment["POCKETID_STANDIN_ALIPAY_SPEED"] == "7"
    assert program.environment["POCKETID_PROFILE"] == "local"
    assert not [name for name in program.environment if "MASTER" in name or "DSN" in name]


def test_only_payments_is_told_of_our_account_at_alipay() -> None:
    """Its key files, and the notice key with the gateway."""
    settings = dict.fromkeys(PAYMENTS, "x") | {"POCKETID_PORT": "1"}
    ports = {f"health-{service.name}": 1 for service in TABLE}
    told = {s.name: program_of(s, settings, ports).environment for s in TABLE}
    assert {name for name, environment in told.items() if "POCKETID_ALIPAY_PRIVATE_KEY_FILE" in environment} == {
        "payments"
    }
    assert {name for name, environment in told.items() if "POCKETID_NOTICE_KEY" in environment} == {
        "payments",
        "gateway",
    }
