"""Compare two names that may belong to one person: words in another order, joined or hyphenated differently, an extra
middle name, or one typo per word."""

from enum import IntEnum
from itertools import product
from typing import NamedTuple

from rapidfuzz.distance import OSA

from core.search.letters import spellings
from core.search.words import split_words

MAX_WORDS = 8  # words compared per name: a registered name may have a hundred
MIN_TYPO_LENGTH = 4  # letters of the longer word: Kim and Tim are different names


class NameSimilarity(IntEnum):
    NONE = 0
    NEAR = 1
    SAME = 2


class Words(NamedTuple):
    """The words of a name in one spelling: split at hyphens too, and as they are typed between spaces."""

    parts: list[str]
    typed: list[str]


def typed_words(folded: str) -> list[str]:
    """Split at spaces only: `anne-marie obrien` gives annemarie, obrien."""
    return [word for word in ("".join(split_words(typed)) for typed in folded.split()) if word]


def read_name(name: str) -> list[Words]:
    """Return the words of each spelling of a name, to compare it with many others."""
    return [Words(split_words(spelling), typed_words(spelling)) for spelling in spellings(name)]


def compare_names(one: str, other: str) -> NameSimilarity:
    """Compare two names, ignoring accents, case, hyphens and word order; Müller is Muller and Mueller."""
    return compare_words(read_name(one), read_name(other))


def compare_words(one: list[Words], other: list[Words]) -> NameSimilarity:
    """Compare two names that have been read."""
    return max(_compare(*pair) for pair in product(one, other))


def _compare(one: Words, other: Words) -> NameSimilarity:
    if not one.parts or not other.parts:
        return NameSimilarity.NONE
    if "".join(one.parts) == "".join(other.parts) or sorted(one.parts) == sorted(other.parts):
        return NameSimilarity.SAME
    near = _is_contained(one, other) or _is_contained(other, one)
    return NameSimilarity.NEAR if near else NameSimilarity.NONE


def _is_contained(shorter: Words, longer: Words) -> bool:
    """Return whether each word of the shorter name pairs up with a word of the longer one; at least two words, unless
    the longer name has only one."""
    parts = longer.parts[:MAX_WORDS]
    known = [*parts, *longer.typed[:MAX_WORDS]]
    ways = (shorter.typed, shorter.parts) if shorter.typed != shorter.parts else (shorter.parts,)
    return any(_pair_up(words[:MAX_WORDS], known) for words in ways if len(words) > 1 or len(parts) == 1)


def _pair_up(words: list[str], known: list[str]) -> bool:
    left = list(known)
    for word in words:
        found = word if word in left else next((other for other in left if is_one_typo(word, other)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def is_one_typo(one: str, other: str) -> bool:
    """Return whether the words differ by at most one letter (added, missing, replaced) or one swap of neighbours."""
    if one[:1] != other[:1] and one[-1:] != other[-1:]:  # most words; one change leaves the beginning or the end
        return False
    if max(len(one), len(other)) < MIN_TYPO_LENGTH or abs(len(one) - len(other)) > 1:
        return False
    return OSA.distance(one, other, score_cutoff=1) <= 1
