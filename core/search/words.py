"""Names and typed text as words (docs/adr/0003).

A word is a run of letters, their marks and digits, so that a vowel sign does not split it. As in UAX #29, a word may
begin at every letter of the scripts that are written without blanks, and after them. Hangul counts as one of these: a
Korean given name follows the family name at once.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import regex

from core.search.letters import spellings

MIN_LETTERS = 3  # a shorter query word is only looked for at the beginning of words
MAX_JOINED = 5  # neighbouring words that may be typed as one

_UNSPACED = r"[[\p{L}&&[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{lb=SA}]]\u30fc]"
_WORD = regex.compile(rf"(?:{_UNSPACED}\p{{M}}*)+|[[\p{{L}}\p{{M}}\p{{N}}]--{_UNSPACED}]+", regex.V1)
_ASCII_WORD = re.compile("[a-z0-9]+")
_ASCII_BREAKS = bytes(code for code in range(128) if not chr(code).isalnum())
_LETTER, _BREAK = r"[\p{L}\p{M}\p{N}]", r"[^\p{L}\p{M}\p{N}]"
_BEGINS_ANYWHERE = regex.compile(_UNSPACED, regex.V1)


class WordPattern(NamedTuple):
    """What a text must have to match what was typed: each of these words occurs in it, or neighbouring whole words
    of it make up `joined`: `delacruz` in Maria De La Cruz."""

    words: tuple[str, ...] = ()
    joined: str = ""


Term = tuple[WordPattern, ...]  # alternatives


def split_words(folded: str) -> list[str]:
    """Split a folded text into words: `anne-marie obrien` is anne, marie, obrien."""
    return _ASCII_WORD.findall(folded) if folded.isascii() else _WORD.findall(folded)


def name_words(name: str) -> list[str]:
    """Return the words of a name, then those that its other spellings add: Jörg O'Brien is jorg, obrien, joerg."""
    return list(dict.fromkeys(word for spelling in spellings(name) for word in split_words(spelling)))


def joined_words(name: str) -> set[str]:
    """Return what people may type for neighbouring words of a name: Mary Ann Lee is maryann, annlee, maryannlee."""
    return {joined for spelling in spellings(name) for joined in _joined(split_words(spelling))}


def _joined(words: list[str]) -> Iterator[str]:
    for start in range(len(words) - 1):
        for end in range(start + 2, min(start + MAX_JOINED, len(words)) + 1):
            yield "".join(words[start:end])


def begins_anywhere(word: str) -> bool:
    """Return whether a word that starts with this letter may begin within a run of letters: 太郎 in 山田太郎."""
    return not word.isascii() and _BEGINS_ANYWHERE.match(word) is not None


def occurs_in(word: str, texts: Iterable[str]) -> bool:
    """Return whether a query word occurs in one of these words: anywhere if it has three letters, else at a place
    where a word may begin."""
    if len(word) >= MIN_LETTERS or begins_anywhere(word):
        return any(word in text for text in texts)
    return any(text.startswith(word) for text in texts)


def query_terms(typed: str) -> list[Term]:
    """Return what a text must have to match the typed words: all terms, each by one of its patterns.

    Words of one or two letters may also be written together with the next ones: `de la cruz` for Delacruz."""
    words_by_spelling = [split_words(spelling) for spelling in spellings(typed)]
    terms = (
        tuple(dict.fromkeys(pattern for words in words_by_spelling for pattern in _patterns(words[group])))
        for group in _groups(words_by_spelling[0])
    )
    return list(dict.fromkeys(terms))


def _groups(words: list[str]) -> Iterator[slice]:
    """Yield where to cut, so that each short word stays with what follows it."""
    start = 0
    for end, word in enumerate(words, start=1):
        if len(word) >= MIN_LETTERS or end - start == MAX_JOINED or end == len(words):
            yield slice(start, end)
            start = end


def _patterns(words: list[str]) -> Iterator[WordPattern]:
    joined = "".join(words)
    yield WordPattern(words=tuple(words))
    if len(words) > 1 and len(words[-1]) >= MIN_LETTERS:  # else Li Na would show Carolina
        yield WordPattern(words=(joined,))
    yield WordPattern(joined=joined)


class Words(NamedTuple):
    """The words of a text, to be compared with what was typed."""

    words: list[str]
    joined: set[str]

    @classmethod
    def of(cls, name: str) -> "Words":
        return cls(name_words(name), joined_words(name))

    def meets(self, term: Term) -> bool:
        return any(
            pattern.joined in self.joined
            if pattern.joined
            else all(occurs_in(word, self.words) for word in pattern.words)
            for pattern in term
        )


class FreeText:
    """A text too long to be split for every query, which meets the same terms as its words would."""

    def __init__(self, text: str) -> None:
        self._spellings = spellings(text)
        self._unbroken: list[str] | None = None

    def meets(self, term: Term) -> bool:
        return any(
            self._has_joined(pattern.joined) if pattern.joined else all(map(self._has, pattern.words))
            for pattern in term
        )

    def _has(self, word: str) -> bool:
        if len(word) >= MIN_LETTERS or begins_anywhere(word):
            return any(word in text for text in self._spellings)
        return any(_at_beginning(word, text.isascii()).search(text) for text in self._spellings if word in text)

    def _has_joined(self, joined: str) -> bool:
        """Look for the letters first without what stands between words, which is quick and seldom finds them."""
        if self._unbroken is None:
            self._unbroken = [_without_breaks(text) for text in self._spellings]
        return any(
            joined in unbroken and _across_words(joined).search(text)
            for text, unbroken in zip(self._spellings, self._unbroken, strict=True)
        )


def _without_breaks(folded: str) -> str:
    if folded.isascii():
        return folded.encode().translate(None, delete=_ASCII_BREAKS).decode()
    return "".join(split_words(folded))


@lru_cache(maxsize=256)
def _at_beginning(word: str, ascii_text: bool) -> re.Pattern[str] | regex.Pattern[str]:
    if ascii_text:
        return re.compile(rf"(?<![a-z0-9]){re.escape(word)}")
    return regex.compile(rf"(?:^|{_BREAK}|{_UNSPACED}\p{{M}}*){regex.escape(word)}", regex.V1)


@lru_cache(maxsize=256)
def _across_words(joined: str) -> regex.Pattern[str]:
    letters = rf"{_BREAK}*".join(map(regex.escape, joined))
    return regex.compile(rf"(?<!{_LETTER}){letters}(?!{_LETTER})", regex.V1)
