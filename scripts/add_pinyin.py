"""Writes each spec's pinyin into the catalogue, so that searching by initials needs no dictionary at run time.

``pip install pypinyin && python scripts/add_pinyin.py`` after adding a spec; the package is needed for this script only.
A line that is already there is kept: correct it by hand where the dictionary reads a character the wrong way.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "services" / "imaging" / "specs"
FILES = ("general", "license", "social", "passport", "visa", "exam")
ENTRY = re.compile(r'^(zh = "(?P<zh>[^"]+)"\nen = .*\n)(?!pinyin = )', re.MULTILINE)


def main() -> None:
    """Adds the missing lines, file by file, and says how many."""
    for name in FILES:
        path = FOLDER / f"{name}.toml"
        text, added = ENTRY.subn(_with_pinyin, path.read_text("utf-8"))
        path.write_text(text, "utf-8")
        print(f"{path.name}: {added} added")


def syllables(zh: str) -> str:
    """The Chinese characters of a name as syllables without tones, and its Latin words as they are, in lower case."""
    from pypinyin import lazy_pinyin

    words = [word for part in lazy_pinyin(zh) for word in re.findall(r"[a-z0-9]+", part.lower())]
    return " ".join(words)


def _with_pinyin(entry: re.Match[str]) -> str:
    return f"{entry[1]}pinyin = {json.dumps(syllables(entry['zh']), ensure_ascii=False)}\n"


if __name__ == "__main__":
    main()
