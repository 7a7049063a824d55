"""``pocketid purge list|show|retry``: purges, for operators."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cli.asking import ask
from cli.listing import entry, print_entries
from shared.contracts import retention
from shared.crypto.signing import BadSignature, public_keys
from shared.crypto.signing import verify as check

purge = typer.Typer(help="Purges: list them, show one, have one start over.", no_args_is_help=True)

PurgeId = Annotated[UUID, typer.Argument(help="A purge id.")]
PurgeStatus = Literal["requested", "fenced", "purging", "verifying", "completed", "stuck"]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@purge.command("list")
def list_purges(
    status: Annotated[PurgeStatus | None, typer.Option("--status", help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    as_json: JsonOption = False,
) -> None:
    """Shows purges, newest first; whose they are, nobody is told."""
    found = ask(retention.ListPurges(status=status, limit=limit))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    print_entries([_entry(one) for one in found.items], otherwise="no purges")


@purge.command()
def show(purge_id: PurgeId) -> None:
    """Shows one purge: its timeline, its counts, its certificate."""
    typer.echo(ask(retention.ShowPurge(purge_id=purge_id)).model_dump_json(indent=2))


@purge.command()
def retry(purge_id: PurgeId) -> None:
    """Has a purge that is stuck start over now."""
    summary = ask(retention.RetryPurge(purge_id=purge_id))
    typer.echo(f"{summary.purge_id}: {summary.status}, attempt {summary.attempts}")


@purge.command()
def request(
    subject_id: Annotated[UUID, typer.Argument(help="Whose data goes; there is no way back.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Purges a subject on an operator's word, as if it had asked itself."""
    if not yes:
        typer.confirm(f"Purge everything of {subject_id}?", abort=True)
    opened = ask(retention.OpenPurge(subject_id=subject_id, reason="operator"))
    typer.echo(f"{opened.purge_id}: {opened.status}, receipt {opened.receipt}")


@purge.command("replay-tombstones")
def replay_tombstones() -> None:
    """After a backup was restored: finds whoever was erased since it was made, and purges again."""
    found = ask(retention.ReplayTombstones())
    typer.echo(f"{found.came_back} erased subjects were back; each is being purged again")


@purge.command()
def verify(
    certificate: Annotated[Path, typer.Argument(help="The JWS, or the JSON that the API answered.", exists=True)],
    keys: Annotated[
        Path, typer.Option(help="The published keys: /.well-known/purge-certificate-keys.json", exists=True)
    ],
) -> None:
    """Verifies a certificate, without any service or network."""
    from services.retention.domain.certificates import CERTIFICATE_KIND

    try:
        content = check(_jws(certificate), _keys(keys), kind=CERTIFICATE_KIND)
    except BadSignature as error:
        typer.echo(f"pocketid: not a certificate of ours: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(json.dumps(content, ensure_ascii=False, indent=2))


def _entry(one: retention.PurgeSummary) -> str:
    waiting = f"waits for {', '.join(one.waiting_for)}" if one.waiting_for else ""
    facts = [one.reason, f"attempt {one.attempts}" if one.attempts > 1 else "", waiting, one.trouble or ""]
    return entry(one.purge_id, one.status, one.requested_at, facts)


def _jws(certificate: Path) -> str:
    """The signed text of a certificate's file; raises BadSignature when it holds none."""
    try:
        text = certificate.read_text("utf-8").strip()
        if text.startswith("{"):
            found = json.loads(text)
            text = (found.get("certificate") or found)["jws"]
        if not isinstance(text, str):
            raise TypeError("jws is no text")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadSignature(f"{certificate} holds no jws") from error
    return text


def _keys(file: Path) -> Mapping[str, Ed25519PublicKey]:
    """The published keys; raises BadSignature when the file is no key set."""
    try:
        return public_keys(json.loads(file.read_text("utf-8"))["keys"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadSignature(f"{file} is no key set") from error
