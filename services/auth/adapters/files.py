"""Policy documents from the package's own folder: ``policies/<document>/<version>.<language>.md``.

A file starts with ``published_at: <RFC 3339>`` and a blank line, then Markdown whose first heading is the title.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from services.auth.domain.policies import DOCUMENTS, PolicyDocument
from shared.kernel.clock import parse_rfc3339


class PolicyFiles:
    """The documents shipped with the service, read at the first use."""

    def versions(self, document: str, language: str) -> list[PolicyDocument]:
        """All versions of a document in a language."""
        return list(_read(document, language)) if document in DOCUMENTS else []


@cache
def _read(document: str, language: str) -> tuple[PolicyDocument, ...]:
    folder = files("services.auth").joinpath("policies", document)
    if not folder.is_dir():
        return ()
    ending = f".{language}.md"
    found = []
    for file in folder.iterdir():
        if file.name.endswith(ending):
            head, _, markdown = file.read_text("utf-8").partition("\n\n")
            title = next(line[2:].strip() for line in markdown.splitlines() if line.startswith("# "))
            published = parse_rfc3339(head.removeprefix("published_at:").strip())
            found.append(PolicyDocument(document, file.name.removesuffix(ending), published, language, title, markdown))
    return tuple(found)
