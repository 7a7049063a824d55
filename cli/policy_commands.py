"""``pocketid policy publish|list``: policy documents, for operators."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.asking import ask
from shared.contracts import consents
from shared.kernel.clock import rfc3339

policy = typer.Typer(help="Policy documents: publish a version, list the versions.", no_args_is_help=True)

DOCUMENTS = ("privacy", "terms", "sdk-list", "permissions")


@policy.command()
def publish(
    file: Annotated[
        Path,
        typer.Argument(
            help="DOCUMENT/VERSION.zh.md, with its English twin VERSION.en.md beside it",
            exists=True,
            dir_okay=False,
        ),
    ],
    document: Annotated[str, typer.Option("--document", help="when the folder is not called after it")] = "",
) -> None:
    """Publishes a new version in both languages. It takes effect seven days from now; nothing shortens that."""
    name = document or file.resolve().parent.name
    if name not in DOCUMENTS:
        raise typer.BadParameter(f"{name!r} is no document; say --document " + "|".join(DOCUMENTS))
    version = file.name.removesuffix(".md").removesuffix(".zh").removesuffix(".en")
    texts = {language: _text(file.with_name(f"{version}.{language}.md")) for language in ("zh", "en")}
    published = ask(consents.PublishPolicy(document=name, version=version, texts=texts))
    typer.echo(f"{published.document} {published.version}: in force from {rfc3339(published.effective_at)}")


@policy.command("list")
def list_versions(document: Annotated[str, typer.Argument(help="privacy, terms, sdk-list or permissions")]) -> None:
    """Lists a document's versions, newest first."""
    for found in ask(consents.ListPolicyVersions(document=document)).items:
        typer.echo(f"{found['version']:16} {found['status']:9} in force from {found['effective_at']}  {found['title']}")


def _text(file: Path) -> str:
    if not file.is_file():
        raise typer.BadParameter(f"{file} is missing: both languages are published at once")
    text = file.read_text("utf-8")
    head, _, rest = text.partition("\n\n")
    return rest if head.startswith("published_at:") else text
