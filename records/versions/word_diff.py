"""Two versions of an entry compared word by word, for pages that mark what was taken out and what was put in."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from records.models import Version
from records.versions.diff_labels import text_of
from records.versions.labels import field_label
from records.versions.services import differences

# A word with the space before it: spaces of their own would be by far the most frequent word, and comparing takes time
# for each pair of equal words.
_WORDS = re.compile(r"\s*\S+|\s+")
MOST_PAIRS = 20_000  # of equal words; more take seconds, and mean that the same is repeated over and over


class Piece(NamedTuple):
    kind: str  # "same", "removed" or "added"
    text: str


class ComparedSection(NamedTuple):
    label: str
    pieces: list[Piece]


def compare_versions(before: Version, after: Version) -> list[ComparedSection]:
    """Return the fields that differ."""
    contents: list[Any] = [before.content, after.content]  # type: ignore[attr-defined]
    return [
        ComparedSection(field_label(name), list(compare_words(text_of(pair["before"]), text_of(pair["after"]))))
        for name, pair in differences(*contents).items()
    ]


def compare_words(before: str, after: str) -> Iterator[Piece]:
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    matcher = SequenceMatcher(None, old, new)
    places: dict[str, list[int]] = matcher.b2j  # type: ignore[attr-defined] # documented, and unknown to typeshed
    pairs = sum(len(places.get(word, ())) for word in old)
    whole = [("replace", 0, len(old), 0, len(new))]
    for kind, i, j, k, m in matcher.get_opcodes() if pairs <= MOST_PAIRS else whole:
        if kind == "equal":
            yield Piece("same", "".join(old[i:j]))
            continue
        if i < j:
            yield Piece("removed", "".join(old[i:j]))
        if k < m:
            yield Piece("added", "".join(new[k:m]))
