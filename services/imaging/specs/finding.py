"""How well a spec answers a word that a person typed: by name, other name, id, pinyin or size."""

from __future__ import annotations

import re

from services.imaging.specs.model import Spec

EXACT, START, ANYWHERE, NOWHERE = range(4)
"""How good a match is; smaller is better."""
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*[x×*]\s*(\d+(?:\.\d+)?)(?:\s*(mm|px|毫米|像素))?", re.IGNORECASE)
INCH = re.compile(r"(\d)\s*(?=寸)")
NUMERALS = "零一二三四五六七八九"
SHORTEST_PINYIN = 3
"""Shorter words are taken for initials, so that "us" does not find every "shu shi"."""


def words_of(text: str) -> list[str]:
    """A search text as words: lower case, ``35 x 45`` as one word, ``1寸`` and ``两寸`` as 一寸 and 二寸."""
    lowered = text.lower().replace("两寸", "二寸")
    lowered = INCH.sub(lambda digit: NUMERALS[int(digit[1])], lowered)
    return SIZE.sub(lambda size: size[0].replace(" ", ""), lowered).split()


def rank(spec: Spec, word: str) -> int:
    """EXACT, START, ANYWHERE or NOWHERE. A size is EXACT or NOWHERE, unless the word stands in an id or a name."""
    size = SIZE.fullmatch(word)
    if size and _has_size(spec, float(size[1]), float(size[2]), size[3]):
        return EXACT
    names = [spec.id, spec.zh.lower(), spec.en.lower(), *(name.lower() for name in spec.also)]
    ranks = [_rank_in(name, word) for name in names]
    ranks.append(_rank_in_pinyin(spec.pinyin.split(), word))
    if word in spec.category:
        ranks.append(ANYWHERE)
    return min(ranks)


def _has_size(spec: Spec, width: float, height: float, unit: str | None) -> bool:
    in_mm = unit in (None, "mm", "毫米") and (width, height) == spec.mm
    return in_mm or (unit in (None, "px", "像素") and (width, height) == spec.px)


def _rank_in(name: str, word: str) -> int:
    if name == word:
        return EXACT
    return START if name.startswith(word) else ANYWHERE if word in name else NOWHERE


def _rank_in_pinyin(syllables: list[str], word: str) -> int:
    """Initials anywhere (``yc`` in xiao yi cun), a whole syllable, or several from a syllable's start (``yicun``)."""
    ranks = [_rank_in("".join(syllable[0] for syllable in syllables), word)]
    if word in syllables:
        ranks.append(ANYWHERE)
    if len(word) >= SHORTEST_PINYIN:
        tails = ("".join(syllables[first:]) for first in range(len(syllables)))
        starts = [first for first, tail in enumerate(tails) if tail.startswith(word)]
        ranks += [START if first == 0 else ANYWHERE for first in starts]
        if "".join(syllables) == word:
            ranks.append(EXACT)
    return min(ranks)
