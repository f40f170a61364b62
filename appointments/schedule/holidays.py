"""Public holidays of a country or region, from the `holidays` library."""

from collections.abc import Iterable
from datetime import date
from functools import cache

import holidays
from django.utils.translation import gettext_lazy as _
from django.utils.translation import to_locale

from core.errors import Invalid
from core.formats import format_day

ENGLISH = "en_US"  # as the library calls what Django calls "en"


def holidays_of(country: str, year: int, region: str = "", language: str = "en") -> dict[date, str]:
    """Return the days and their names, in this language or else in English where the library has them. Raises Invalid
    for a country or region that it does not know."""
    spoken = ENGLISH if language == "en" else to_locale(language)
    try:
        found = holidays.country_holidays(
            country.upper(), subdiv=_as_spelt(country, region), years=year, language=spoken
        )
    except NotImplementedError as error:
        if region and country.upper() in holidays.list_supported_countries():
            raise Invalid("region", _("No holidays are known for this region.")) from error
        raise Invalid("country", _("No holidays are known for this country.")) from error
    return dict(sorted(found.items()))


def _as_spelt(country: str, region: str) -> str | None:
    """Return the region as the library writes it: most are in capitals, Augsburg is not."""
    known = {one.upper(): one for one in holidays.country_holidays(country.upper()).subdivisions} if region else {}
    return known.get(region.upper(), region) or None


@cache
def countries() -> list[str]:
    """Return the codes (ISO 3166) of the countries of which holidays are known."""
    return sorted(code for code in holidays.list_supported_countries() if len(code) == 2)


def regions_of(country: str) -> dict[str, str]:
    """Return the codes of the country's regions and what people there call them, sorted by name."""
    known = holidays.country_holidays(country)
    aliases = known.get_subdivision_aliases()
    names = {code: next(iter(aliases.get(code, [])), code) for code in known.subdivisions}
    return dict(sorted(names.items(), key=lambda pair: pair[1]))


def choose(found: dict[date, str], dates: Iterable[date] | None) -> dict[date, str]:
    """Return these of the days. Raises Invalid for a day that is none of them."""
    if dates is None:
        return found
    if unknown := sorted(set(dates) - found.keys()):
        raise Invalid("dates", _("%(day)s isn't a public holiday there.") % {"day": format_day(unknown[0])})
    return {day: found[day] for day in sorted(set(dates))}
