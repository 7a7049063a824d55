"""``pocketid doctor --alipay``: whether our keys are keys, are accepted, and whether Alipay's answers verify."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from cli.launcher.findings import Finding
from cli.launcher.run_folder import RunFolder
from cli.launcher.settings import given, last_used
from services.payments.adapters.alipay.account import account_from
from services.payments.adapters.alipay.client import AlipayClient
from services.payments.domain.trades import Failure, Trade, Unknown
from shared.kernel.clock import utc_now
from shared.kernel.settings import AlipaySettings

PROBE = "P00000000000000000000000000000000"
"""A trade that cannot be: Alipay answers, signed, that there is none."""


def examine_alipay(environ: Mapping[str, str]) -> list[Finding]:
    """Settings and keys, then one harmless call; what is given in ``environ`` wins over the last start's settings."""
    settings = last_used(RunFolder.from_environment(environ)) | given(environ)
    names = AlipaySettings.model_fields
    values = {name: settings[key] for name in names if (key := f"POCKETID_{name.upper()}") in settings}
    try:
        wanted = AlipaySettings(**values)  # type: ignore[arg-type]  # pydantic reads them as it reads the environment
        account = account_from(wanted)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg']}" for e in error.errors(include_input=False))
        return [Finding("Alipay's settings", False, told, "set POCKETID_ALIPAY_*, see docs/settings.md")]
    except SystemExit as error:
        return [Finding("Alipay's keys", False, str(error), "download them again from Alipay's console")]
    mode = "certificates" if account.certificates else "public key"
    found = [Finding("Alipay's keys", True, f"{mode}, app {account.app_id}, {account.gateway}")]
    return [*found, _reach(AlipayClient(account, utc_now).query(PROBE))]


def _reach(answer: Trade | Failure | Unknown) -> Finding:
    what = "Alipay answers"
    if isinstance(answer, Failure) and answer.no_trade:
        return Finding(what, True, "it accepts our signature, and its own verifies")
    if isinstance(answer, Unknown):
        mend = "compare the app's public key at Alipay with ours, Alipay's with POCKETID_ALIPAY_PUBLIC_KEY_FILE; the network"
        return Finding(what, False, answer.reason, mend)
    return Finding(what, False, str(answer), "compare POCKETID_ALIPAY_APP_ID and the app's contract at Alipay")
