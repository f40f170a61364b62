"""Dates as other programs write them. Which of two numbers is the day is asked and never guessed: what cannot be read
in exactly one way is an error of its line."""

import re
from collections.abc import Iterator
from datetime import date, time

from django.utils.translation import gettext_lazy as _

from core.errors import Sentence
from core.search.birth_dates import written_dates
from core.search.letters import tidy
from core.typed import parse_time
from patients.models import DateOrder

NO_DATE = _("This isn't a date. Write it with day, month and year.")
OTHER_ORDER = _("This isn't a date in the order you chose. Correct the line, or choose another order.")
CENTURY = _("Write the year with four digits: it can be in this century or in the last one.")
NO_TIME = _("This isn't a time. Write it like 2:30 PM or 14:30.")
EARLIEST_YEAR, LATEST_YEAR = 1880, 2099

_NUMBERS = re.compile(r"(\d{1,4})\s?([-/.])\s?(\d{1,2})\s?\2\s?(\d{1,4})\.?")
_EIGHT = re.compile(r"\d{8}")
_MIDNIGHT = re.compile(r"[ t]0?0:00(?::00(?:\.0+)?)?z?$")
_WITH_TIME = re.compile(r"(.+?)(?:[ T]|,\s*)\s*(\d{1,2}[:.h]?\d{2}.*)")
_PLACES = {  # of year, month and day among three numbers
    DateOrder.DAY_FIRST: (2, 1, 0),
    DateOrder.MONTH_FIRST: (2, 0, 1),
    DateOrder.YEAR_FIRST: (0, 1, 2),
}


class UnclearDateError(Exception):
    """`sentence` says why a text is no date, or not clearly one."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


def read_day(text: str, order: str, *, region: str, today: date, is_birth: bool) -> date:
    """Return the one day that the text means. Raises UnclearDateError."""
    tidied = _MIDNIGHT.sub("", " ".join(tidy(text).split()))
    if match := _NUMBERS.fullmatch(tidied):
        numbers = (match[1], match[3], match[4])
        if len(match[1]) > 2:  # the year is first, whatever was chosen: nobody writes 1980-31-12
            return _only(_day(numbers, DateOrder.YEAR_FIRST, today, is_birth=is_birth), NO_DATE)
        if order not in _PLACES or order == DateOrder.YEAR_FIRST:
            raise UnclearDateError(OTHER_ORDER)
        return _only(_day(numbers, DateOrder(order), today, is_birth=is_birth), OTHER_ORDER)
    if _EIGHT.fullmatch(tidied):
        return _of_eight(tidied, order, today)
    if any(letter.isalpha() for letter in tidied):
        rest, found = written_dates(region).take(tidied)
        if not rest.strip() and len(found) == 1:
            days = {day for day in found[0] if is_birth or day.year >= today.year - 99}
            if len(days) > 1:
                raise UnclearDateError(CENTURY)
            return _only(iter(days), NO_DATE)
    raise UnclearDateError(NO_DATE)


def _only(days: Iterator[date], sentence: Sentence) -> date:
    found = set(days)
    if len(found) != 1:
        raise UnclearDateError(CENTURY if found else sentence)
    return found.pop()


def _of_eight(digits: str, order: str, today: date) -> date:
    """Read 19800308, or 08031980 in the order that was chosen, where only one of them is a date."""
    parts = [(digits[:4], digits[4:6], digits[6:])]
    found = set(_day(parts[0], DateOrder.YEAR_FIRST, today, is_birth=False))
    if order in (DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST):
        found |= set(_day((digits[:2], digits[2:4], digits[4:]), DateOrder(order), today, is_birth=False))
    return _only(iter(found), NO_DATE)


def _day(numbers: tuple[str, str, str], order: DateOrder, today: date, *, is_birth: bool) -> Iterator[date]:
    year, month, day = (numbers[place] for place in _PLACES[order])
    if len(year) == 4:
        years = [int(year)]
    elif len(year) == 2:
        this = today.year // 100 * 100 + int(year)
        years = [this, this - 100] if is_birth else [this]
    else:
        return
    for one in years:
        try:
            found = date(one, int(month), int(day))
        except ValueError:
            continue
        is_guessed_future = is_birth and len(year) == 2 and found > today
        if EARLIEST_YEAR <= one <= LATEST_YEAR and not is_guessed_future:
            yield found


def read_time(text: str) -> time:
    """Return the time that somebody wrote. Raises UnclearDateError."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise UnclearDateError(NO_TIME) from error


def split_moment(text: str) -> tuple[str, str]:
    """Return the date and the time of `31/12/2026 14:30`; the time is empty if there is none."""
    match = _WITH_TIME.fullmatch(text.strip())
    if match is None or not re.search(r"[:hH]|[ap]\.?m", match[2]):
        return text, ""
    return match[1].rstrip(","), match[2].removesuffix("Z")
