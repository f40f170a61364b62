"""Amounts: whole minor units of a currency in the database, Decimal where it is computed, texts at the edges."""

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _
from iso4217 import Currency

from core.errors import Invalid

MOST = 10**13  # minor units: ten thousand millions and more of any currency
TOO_MUCH = _("This amount is too large.")
TOO_FINE = _("%(currency)s has %(digits)d decimal places.")


@lru_cache(maxsize=256)
def digits_of(currency: str) -> int:
    """Return how many decimal places the currency has (ISO 4217)."""
    return Currency(currency).exponent or 0


def rounded(value: Decimal) -> int:
    """Round to a whole number, half up: away from zero."""
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def to_minor(amount: Decimal, currency: str, *, field: str) -> int:
    """Return the amount in minor units. Raises Invalid at this field for more decimal places than the currency has."""
    digits = digits_of(currency)
    scaled = amount.scaleb(digits)
    if scaled != scaled.to_integral_value():
        raise Invalid(field, TOO_FINE % {"currency": currency, "digits": digits})
    if abs(scaled) > MOST:
        raise Invalid(field, TOO_MUCH)
    return int(scaled)


def to_decimal(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-digits_of(currency))


def to_text(minor: int, currency: str) -> str:
    """Return the amount as the API writes it: "120.00", "-3.500", "500"."""
    return f"{to_decimal(minor, currency):f}"


def label(minor: int, currency: str) -> str:
    """Return the amount as pages and documents write it: "1,250.00 USD"."""
    amount = number_format(to_decimal(minor, currency), digits_of(currency), force_grouping=True)
    return f"{amount} {currency}"


def rate_text(rate: Decimal) -> str:
    """Return a tax rate with two decimal places, or three if it needs them."""
    return f"{rate:.2f}" if rate == round(rate, 2) else f"{rate:.3f}"
