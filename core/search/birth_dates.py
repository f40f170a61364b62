"""Dates of birth as people type them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from django.utils import timezone
from holidays.calendars.persian import _Persian

from core.search.letters import spellings, tidy
from core.search.regions import UNKNOWN_REGION

OLDEST = 130  # years
_EIGHT_DIGITS, _SIX_DIGITS = re.compile(r"\d{8}"), re.compile(r"\d{6}")
_NUMERIC = re.compile(r"(\d{1,4})\s*([-/.\s])\s*(\d{1,2})\s*[-/.\s]\s*(\d{1,4})\.?")
_DAY, _YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|[oa])?", r"(?P<year>\d{4}|\d{2})"
_BETWEEN = r"[\s.,/-]*(?:(?:of|de|del|năm)\s+)?"
_IN_WORDS = (
    r"{day}{between}\u05d1?(?P<month>{months}){between}{year}(?:\s*\u0433\.?)?",  # Hebrew `in`, Russian `year`
    r"(?P<month>{months}){between}{day}[\s.,/-]+(?:(?:of|de|del)\s+)?{year}",
    r"(?P<year>\d{{4}}){between}(?P<month>{months}){between}{day}",
    r"(?P<year>\d{{4}})\s*[年년]\s*(?P<month>\d{{1,2}})\s*[月월]\s*(?P<day>\d{{1,2}})\s*[日일]?",
)
_ALSO_MONTHS = {"sept": 9, "mrz": 3}  # which CLDR has no longer, or in British English alone
# Years of other calendars that registration desks write: the year before the first one of each era.
_JAPANESE_ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
_JAPANESE_ERAS |= dict(zip("mtshr", _JAPANESE_ERAS.values(), strict=True))
_ERAS = {
    "JP": re.compile(rf"(?<!\w)(?P<era>{'|'.join(_JAPANESE_ERAS)})\s?(?P<year>\d\d?|元)(?=\s*[年./-]\s*\d)"),
    "TW": re.compile(r"(?P<era>民[國国])\s?(?P<year>\d{1,3}|元)(?=\s*[年./-]\s*\d)"),
    # After a day and a month, or a word: alone it may be a part of a phone number.
    "TH": re.compile(
        r"(?P<before>(?<![\d/.-])\d\d?\s?[/.-]\s?\d\d?\s?[/.-]\s?|[^\W\d]\S*\s+)(?P<year>2[45]\d\d)(?![\d-])"
    ),
}
_REPUBLIC_OF_CHINA, _BUDDHIST = 1911, -543
# 1359/01/14 of the solar calendar, whose year began on 21 March 1980: days move, and not the year alone.
_PERSIAN_DATE = re.compile(
    r"(?<![\w/.-])(1[2-4]\d\d)\s?[/.]\s?(0?[1-9]|1[0-2])\s?[/.]\s?(0?[1-9]|[12]\d|3[01])(?![\w/.-])"
)
_PERSIAN_REGIONS, _PERSIAN = {"IR", "AF"}, 621
_persian = _Persian()
_KNOWN_TO = 5  # percent of a region's people, for a language's months to be understood there


class WrittenDates(NamedTuple):
    """Dates with the month in words: `8 March 1979`, `Mar 8, 79`, `8. März 1979`, `1979年3月8日`."""

    patterns: tuple[re.Pattern[str], ...]
    months: dict[str, set[int]]

    def take(self, tidied: str) -> tuple[str, list[list[date]]]:
        """Return the rest of a tidied text without its dates, and what each of these can mean."""
        found: list[list[date]] = []

        def collect(match: re.Match[str]) -> str:
            months = self.months.get(match["month"]) or {int(match["month"])}
            dates = [born for month in months for born in _dates(match["year"], month, match["day"])]
            found.append(dates)
            return " " if dates else match[0]

        for pattern in self.patterns:
            tidied = pattern.sub(collect, tidied)
        return tidied, [dates for dates in found if dates]


def in_common_era(tidied: str, *, region: str) -> str:
    """Return the text with the years of the region's own calendar as others count them: 昭和54年3月8日 is 1979年3月8日,
    8/3/2522 in Thailand 8/3/1979, 1357/12/17 in Iran 1979-03-08."""
    if region in _PERSIAN_REGIONS:
        return _PERSIAN_DATE.sub(_common_date, tidied)
    eras = _ERAS.get(region)
    return eras.sub(_common_year, tidied) if eras else tidied


def _common_year(match: re.Match[str]) -> str:
    parts = match.groupdict()
    year = 1 if parts["year"] == "元" else int(parts["year"])
    if "before" in parts:
        return f"{parts['before']}{year + _BUDDHIST}"
    return str(year + _JAPANESE_ERAS.get(parts["era"], _REPUBLIC_OF_CHINA))


def _common_date(match: re.Match[str]) -> str:
    year, month, day = map(int, match.groups())
    born = _persian.persian_to_gregorian(year + _PERSIAN, month, day)
    return str(born) if born else match[0]


@lru_cache(maxsize=64)
def written_dates(region: str) -> WrittenDates:
    """Return how dates are written in the languages of a region (ISO 3166), and in English."""
    languages = get_global("territory_languages").get(region, {})
    known = [
        code for code, use in languages.items() if use["official_status"] or use["population_percent"] >= _KNOWN_TO
    ]
    months: dict[str, set[int]] = defaultdict(set, {name: {number} for name, number in _ALSO_MONTHS.items()})
    for name, number in (pair for code in ["en", *known] for pair in _months(code)):
        for spelling in (tidy(name), *spellings(name)):
            months[spelling.rstrip(".")].add(number)
    names = "|".join(re.escape(name) for name in sorted(months, key=len, reverse=True))
    parts = {"day": _DAY, "year": _YEAR, "between": _BETWEEN, "months": names}
    return WrittenDates(tuple(re.compile(rf"(?<!\w){form.format(**parts)}(?!\w)") for form in _IN_WORDS), dict(months))


def _months(language: str) -> Iterator[tuple[str, int]]:
    try:
        forms = Locale.parse(language).months
    except (UnknownLocaleError, ValueError):
        return
    for usage in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for number, name in forms[usage][width].items():
                if any(character.isalpha() for character in name):
                    yield name, number


def numeric_dates(typed: str, *, region: str) -> list[date]:
    """Return what digits can mean as a date in this region: `1979-03-08`, `3/8/1979`, `8.3.79`, `19790308`, `030879`.
    Empty if they are no date."""
    if _EIGHT_DIGITS.fullmatch(typed):
        year_last = _year_last(typed[:2], typed[2:4], typed[4:], dotted=False, region=region)
        return [*_dates(typed[:4], typed[4:6], typed[6:]), *year_last]
    if _SIX_DIGITS.fullmatch(typed):
        year_first = _dates(typed[:2], typed[2:4], typed[4:]) if short_date_order(region) == "both" else []
        return [*year_first, *_year_last(typed[:2], typed[2:4], typed[4:], dotted=False, region=region)]
    match = _NUMERIC.fullmatch(typed)
    if match is None:
        return []
    first, separator, second, third = match.groups()
    if len(first) == 4:
        return _dates(first, second, third)
    return _year_last(first, second, third, dotted=separator == ".", region=region)


def _year_last(first: str, second: str, year: str, *, dotted: bool, region: str) -> list[date]:
    """Read the day or the month first, as the region does; else, or if only that is a date, the other way."""
    if len(year) not in (2, 4):
        return []
    day_first, month_first = _dates(year, second, first), _dates(year, first, second)
    order = short_date_order(region)
    if dotted or order == "both":
        return [*day_first, *month_first] if order != "day" else day_first or month_first
    return day_first or month_first if order == "day" else month_first or day_first


def locale_of(region: str) -> Locale:
    """Return the language of the region, with the world's forms where Babel has nothing of it (BQ, AQ, TF)."""
    try:
        return Locale.parse(f"und_{region}")
    except UnknownLocaleError:
        return Locale.parse("en_001")


@lru_cache(maxsize=64)
def short_date_order(region: str) -> str:
    """Return whether short dates have the day or the month first (CLDR); `both` where they have the year first, so
    that other dates follow no rule."""
    if region == UNKNOWN_REGION:
        return "both"
    pattern = locale_of(region).date_formats["short"].pattern.lower()
    return {"d": "day", "m": "month"}.get(pattern.lstrip("' ")[:1], "both")


def _dates(year: str, month: int | str, day: str) -> list[date]:
    """Return the possible dates of birth; two digits of a year can be in this century and in the one before."""
    century = timezone.localdate().year // 100 * 100
    years = [int(year)] if len(year) == 4 else [century + int(year), century - 100 + int(year)]
    return [born for born in _valid((one, int(month), int(day)) for one in years) if is_birth_year(born.year)]


def _valid(dates: Iterable[tuple[int, int, int]]) -> Iterator[date]:
    for parts in dates:
        try:
            yield date(*parts)
        except ValueError:
            continue


def is_birth_year(year: int) -> bool:
    """Return whether somebody who comes to the practice may have been born in this year."""
    this_year: int = timezone.localdate().year
    return this_year - OLDEST <= year <= this_year
