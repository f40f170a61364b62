"""How dates and times are written where the practice is: `Dec 1, 2026, 2:30 PM` in New York, `1 Dec 2026, 14:30` in
London. config/formats has the patterns of each language, of which a page or message takes the region's."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

from babel import Locale, UnknownLocaleError
from django.utils import timezone

from core.search.birth_dates import locale_of, short_date_order
from core.search.regions import UNKNOWN_REGION, region_of

P = ParamSpec("P")
R = TypeVar("R")


class Regional(str):
    """A pattern of Django's (`M j, Y`) that is another one in another region: Django asks for it each time it writes a
    date. As plain text, which is what Django's scripts get, it is that of an unknown region."""

    choose: Callable[[str], str]

    def __new__(cls, choose: Callable[[str], str]) -> "Regional":
        made = super().__new__(cls, choose(UNKNOWN_REGION))
        made.choose = choose
        return made

    def __str__(self) -> str:
        return self.choose(region_now())


def by_order(*, month_first: str, day_first: str) -> Regional:
    """Return the pattern of a date in words."""
    return Regional(lambda region: month_first if _has_month_first(region) else day_first)


def by_short_order(*, month_first: str, day_first: str, year_first: str = "Y-m-d") -> Regional:
    """Return the pattern of a date in digits."""
    patterns = {"month": month_first, "day": day_first, "both": year_first}
    return Regional(lambda region: patterns[short_date_order(region)])


def by_clock(*, twelve: str, twenty_four: str) -> Regional:
    return Regional(lambda region: twelve if has_twelve_hours(region) else twenty_four)


def joined(day: str, time: str) -> Regional:
    """Return the pattern of a moment."""

    def choose(region: str) -> str:
        return ", ".join(part.choose(region) if isinstance(part, Regional) else part for part in (day, time))

    return Regional(choose)


def region_now() -> str:
    """Return the region of the page's or message's practice, whose time zone it has entered."""
    return region_of(timezone.get_current_timezone_name())


@lru_cache(maxsize=256)
def _locale(region: str) -> Locale:
    """Return the region's English where there is such a thing, else its own language."""
    if region == UNKNOWN_REGION:
        return Locale("en", "US")
    try:
        return Locale.parse(f"en_{region}")
    except UnknownLocaleError:
        return locale_of(region)


@lru_cache(maxsize=256)
def _has_month_first(region: str) -> bool:
    return str(_locale(region).date_formats["medium"].pattern).startswith("M")


@lru_cache(maxsize=256)
def has_twelve_hours(region: str) -> bool:
    return "a" in str(_locale(region).time_formats["short"].pattern)


def in_practice_time(make: Callable[P, R]) -> Callable[P, R]:
    """Decorate what makes a document of a `practice`: moments are local and dates written as where it is, also for a
    program that asks."""

    @wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> R:
        practice: Any = kwargs["practice"]
        with timezone.override(practice.tzinfo):
            return make(*args, **kwargs)

    return made
