"""Whether two names may be one person's: typed in another order, joined or hyphenated otherwise, with a middle name
more, or with one slip of the finger in a word."""

from enum import IntEnum

from core.encryption.blind_index import name_words

MOST_WORDS = 8  # of a name that are compared: one that somebody registers may have a hundred
SHORTEST_SLIP = 4  # letters of the longer word: Kim and Tim are two names


class Likeness(IntEnum):
    NONE = 0
    NEAR = 1
    SAME = 2


def typed_words(name: str) -> list[str]:
    """`Anne-Marie O'Brien` is annemarie, obrien: where the person put a space, not a hyphen."""
    return [word for word in ("".join(name_words(typed)) for typed in name.split()) if word]


def likeness(one: str, other: str) -> Likeness:
    """Accents, case, hyphens and the order of the words count for nothing."""
    parts = name_words(one), name_words(other)
    if not all(parts):
        return Likeness.NONE
    joined = tuple("".join(words) for words in parts)
    if joined[0] == joined[1] or sorted(parts[0]) == sorted(parts[1]):
        return Likeness.SAME
    near = _is_within(one, other) or _is_within(other, one)
    return Likeness.NEAR if near else Likeness.NONE


def _is_within(shorter: str, longer: str) -> bool:
    """Whether each word of the one has a word of its own in the other: two words at least, where there are two."""
    parts = name_words(longer)[:MOST_WORDS]
    known = [*parts, *typed_words(longer)[:MOST_WORDS]]
    ways = (typed_words(shorter), name_words(shorter))
    return any(_pair_up(words[:MOST_WORDS], known) for words in ways if len(words) > 1 or len(parts) == 1)


def _pair_up(words: list[str], known: list[str]) -> bool:
    left = list(known)
    for word in words:
        found = word if word in left else next((other for other in left if one_slip(word, other)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def one_slip(one: str, other: str) -> bool:
    """Whether a letter more, less or other, or two neighbours changed round, is all that differs."""
    shorter, longer = sorted((one, other), key=len)
    if len(longer) < SHORTEST_SLIP or len(longer) - len(shorter) > 1:
        return False
    start = 0
    while start < len(shorter) and shorter[start] == longer[start]:
        start += 1
    a, b = shorter[start:], longer[start:]
    if len(a) != len(b):
        return a == b[1:]
    return a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
