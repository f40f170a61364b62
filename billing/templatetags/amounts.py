"""Amounts in templates, which rows have in minor units."""

from decimal import Decimal
from typing import Any

from django import template

from billing.money import digits_of, label, rate_text, to_text

register = template.Library()


@register.filter
def money(minor: int, currency: str) -> str:
    """Return "1,250.00 USD"."""
    return label(minor, currency)


@register.filter
def typed(minor: int | None, currency: str) -> str:
    """Return the amount as a number field takes it."""
    return "" if minor is None else to_text(minor, currency)


@register.filter
def step(currency: str) -> str:
    """Return the smallest amount of the currency."""
    return f"{Decimal(1).scaleb(-digits_of(currency)):f}"


@register.filter
def rate(value: Any) -> str:
    return rate_text(Decimal(value))


@register.filter
def count(value: Any) -> str:
    """Return a quantity without trailing zeros."""
    written = f"{Decimal(value):f}"
    return written.rstrip("0").rstrip(".") if "." in written else written
