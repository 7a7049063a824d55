"""``pocketid disclosures record``: what an operator told somebody about a person, for that person's ledger."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError

from cli.asking import ask
from shared.contracts import rights

disclosures = typer.Typer(help="The disclosure ledger: record what an authority was told.", no_args_is_help=True)


@disclosures.callback()
def _group() -> None:
    """The disclosure ledger: record what an authority was told."""


@disclosures.command()
def record(
    subject: Annotated[UUID, typer.Option("--subject", help="Whose data it was.")],
    who: Annotated[str, typer.Option("--who", help="Who was told: the authority's name, 80 characters at most.")],
    ground: Annotated[
        str,
        typer.Option(
            "--ground",
            help="consent, necessary_service, law_or_authority, breach_of_agreement, ip_complaint,"
            " transaction_counterpart or other_lawful",
        ),
    ],
    what: Annotated[
        list[str],
        typer.Option("--what", help="account_record, identities, consents, orders, photos or other; more than once"),
    ],
) -> None:
    """Adds a line that the person will see. It cannot be taken back."""
    try:
        call = rights.RecordDisclosure.model_validate(
            {"subject_id": subject, "who": who, "ground": ground, "what": what}
        )
    except ValidationError as error:
        fields = ", ".join(sorted({str(one["loc"][0]) for one in error.errors(include_input=False)}))
        typer.echo(f"pocketid: not on the list: {fields} (see --help)", err=True)
        raise typer.Exit(2) from error
    [line] = ask(call).items
    typer.echo(f"{line.disclosure_id}: {line.names['en']}, {', '.join(line.told['en'])}, {line.why['en']}")
