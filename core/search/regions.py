"""Where a practice is, by which phone numbers and dates are read."""

from babel.core import get_global

UNKNOWN_REGION = "ZZ"  # CLDR's code, and libphonenumber's


def region_of(timezone: str) -> str:
    """Return the country (ISO 3166) of an IANA time zone by CLDR."""
    zone = get_global("zone_aliases").get(timezone, timezone)
    return str(get_global("zone_territories").get(zone, UNKNOWN_REGION))
