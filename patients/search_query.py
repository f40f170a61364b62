"""What somebody typed to find a chart: words, phone numbers and dates of birth (docs/adr/0003)."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

from core.search.birth_dates import in_common_era, is_birth_year, numeric_dates, written_dates
from core.search.letters import fold, tidy
from core.search.phones import LONG_VOWEL_AS_DASH, TYPED, phone_digits, query_digits
from core.search.words import MIN_LETTERS, WordPattern, begins_anywhere, query_terms


class Born(NamedTuple):
    """An alternative that the chart's date of birth meets."""

    day: date


class BornIn(NamedTuple):
    """An alternative that the year of the chart's date of birth meets. The index has no years, so only a query with
    another word has it."""

    year: int


Alternative = WordPattern | Born | BornIn
Term = tuple[Alternative, ...]  # a chart must meet one of them
_EMAIL = re.compile(r"""[^\s<>()\[\]",;:]*@[^\s<>()\[\]",;:]*""")  # `Paula Jensen <paula@example.org>,` is pasted, too
_SHORT_DATE = re.compile(r"\d{6}")  # `030879`; beside other digits it is a part of a phone number
_YEAR = re.compile(r"(?:18|19|20)\d\d")
# What people write around a date of birth: `DOB: 3/8/1979`, `(born on March 8, 1979)`, `1979-03-08T00:00:00Z`.
_LABEL = re.compile(
    r"(?<!\w)(?:d\.?\s?o\.?\s?b\.?|born(?:\s+(?:on|in))?|b\.|birth[\s-]?da(?:te|y)|date\s+of\s+birth|\*)\s*[:=]?\s*(?=[^\W_])"
)
_ITS_TIME = re.compile(r"(?<=\d{4}-\d\d-\d\d)[t\s]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:z|[+-]\d\d:?\d\d)?(?!\S)")
_PUNCTUATION = re.compile(r"[,;]+(?=\s|$)")
_BRACKETS = re.compile(r"[(\[]([^()\[\]]+)[)\]]")


def chart_terms(query: str, *, get_region: Callable[[], str]) -> list[Term]:
    """Return the terms of a query, all of which a chart must meet. `get_region` is only called if there are digits."""
    emails, typed = _take(_EMAIL, tidy(query))
    terms: list[Term] = [(WordPattern(words=(fold(email),)),) for email in emails]
    region = get_region() if _has(str.isdigit, typed) else ""
    return list(dict.fromkeys([*terms, *(_terms_with_digits(typed, region) if region else query_terms(typed))]))


def _terms_with_digits(typed: str, region: str) -> list[Term]:
    typed = _PUNCTUATION.sub(" ", _ITS_TIME.sub("", LONG_VOWEL_AS_DASH.sub("-", typed)))
    plain = _LABEL.sub(" ", typed)
    if plain != typed:
        terms = _terms_of(plain, region)
        if any(isinstance(pattern, Born | BornIn) for term in terms for pattern in term):
            return terms
    return _terms_of(typed, region)  # where no date follows, Born is a name


def _terms_of(typed: str, region: str) -> list[Term]:
    typed = _BRACKETS.sub(lambda match: _without_brackets(match, region), in_common_era(typed, region=region))
    terms: list[Term] = []
    if _has(str.isalpha, typed):
        typed, dates = written_dates(region).take(typed)
        terms += [tuple(map(Born, days)) for days in dates]
    numbers, typed = _take(TYPED, typed)
    words = query_terms(typed)
    terms += [term for number in numbers for term in _number_terms(number, region, year=_has_long_word(words))]
    return [*terms, *words]


def _without_brackets(match: re.Match[str], region: str) -> str:
    """Return a date without the brackets that it stands in, which are part of a phone number elsewhere."""
    return f" {match[1]} " if numeric_dates(match[1].strip(), region=region) else match[0]


def _has(kind: Callable[[str], bool], text: str) -> bool:
    return any(map(kind, text))


def _take(pattern: re.Pattern[str], text: str) -> tuple[list[str], str]:
    """Return what the pattern finds in a text, and the rest."""
    return [match[0].strip() for match in pattern.finditer(text)], pattern.sub(" ", text)


def _has_long_word(terms: list[tuple[WordPattern, ...]]) -> bool:
    """Return whether a word is long enough for its charts to be decrypted; two letters are much in Chinese."""
    words = {word for patterns in terms for pattern in patterns for word in pattern.words}
    return any(len(word) >= (2 if begins_anywhere(word) else MIN_LETTERS) for word in words)


def _number_terms(number: str, region: str, *, year: bool) -> Iterator[Term]:
    """Yield the terms of digits with blanks between: one number, except that a date is a term of its own."""
    parts = [number] if numeric_dates(number, region=region) else number.split()
    dates = [
        part
        for part in parts
        if numeric_dates(part, region=region) and (part == number or not _SHORT_DATE.fullmatch(part))
    ]
    for part in (*dates, " ".join(part for part in parts if part not in dates)):
        if phone_digits(part):
            digits = [WordPattern(words=(run,)) for run in query_digits(part, region=region)]
            born = [Born(day) for day in dict.fromkeys(numeric_dates(part, region=region))]
            born_in = [BornIn(int(part))] if year and _YEAR.fullmatch(part) and is_birth_year(int(part)) else []
            yield (*digits, *born, *born_in)
