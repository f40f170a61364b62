"""Public holidays of a country or region, from the `holidays` library."""

from collections.abc import Iterable
from datetime import date

import holidays
from django.utils.translation import gettext_lazy as _

from core.errors import Invalid
from core.formats import format_day


def holidays_of(country: str, year: int, region: str = "") -> dict[date, str]:
    """Return the days and their names in English where the library has them. Raises Invalid for a country or region
    that it does not know."""
    try:
        found = holidays.country_holidays(country.upper(), subdiv=region.upper() or None, years=year, language="en_US")
    except NotImplementedError as error:
        if region and country.upper() in holidays.list_supported_countries():
            raise Invalid("region", _("No holidays are known for this region.")) from error
        raise Invalid("country", _("No holidays are known for this country.")) from error
    return dict(sorted(found.items()))


def choose(found: dict[date, str], dates: Iterable[date] | None) -> dict[date, str]:
    """Return these of the days. Raises Invalid for a day that is none of them."""
    if dates is None:
        return found
    if unknown := sorted(set(dates) - found.keys()):
        raise Invalid("dates", _("%(day)s isn't a public holiday there.") % {"day": format_day(unknown[0])})
    return {day: found[day] for day in sorted(set(dates))}
