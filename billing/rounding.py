"""What a line of an invoice comes to. Each is rounded by itself, half up; an invoice is the sum of its lines."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from billing.money import rounded

HUNDRED = Decimal(100)


class Sums(NamedTuple):
    """In minor units."""

    net: int = 0
    tax: int = 0
    total: int = 0


def line_sums(*, quantity: Decimal, unit_price: int, discount: int, tax_rate: Decimal, tax_included: bool) -> Sums:
    """Return net, tax and total of a line, all in minor units. The discount is of the same kind as the price: without
    tax, or with the tax that the price includes."""
    amount = rounded(quantity * unit_price) - discount
    if tax_included:
        tax = rounded(amount * tax_rate / (HUNDRED + tax_rate))
        return Sums(amount - tax, tax, amount)
    tax = rounded(amount * tax_rate / HUNDRED)
    return Sums(amount, tax, amount + tax)


def summed(parts: Iterable[Sums]) -> Sums:
    return Sums(*(sum(column) for column in zip(Sums(), *parts, strict=True)))
