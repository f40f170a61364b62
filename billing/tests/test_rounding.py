"""Each line is rounded by itself, half up. The sums here were calculated by hand."""

from decimal import Decimal

import pytest

from billing.money import digits_of, rate_text, to_minor, to_text
from billing.rounding import Sums, line_sums, summed
from core.errors import Invalid

# quantity, price, discount, rate, included -> net, tax, total; all of them in minor units but the rate
LINES = {
    "19 % on top": ("1", 10_000, 0, "19", False, (10_000, 1_900, 11_900)),
    "19 % within": ("1", 11_900, 0, "19", True, (10_000, 1_900, 11_900)),
    "19 % within a round price": ("1", 10_000, 0, "19", True, (8_403, 1_597, 10_000)),  # 1596.638…
    "7.7 % on top": ("1", 6_550, 0, "7.7", False, (6_550, 504, 7_054)),  # 504.35
    "7.7 % within": ("1", 10_770, 0, "7.7", True, (10_000, 770, 10_770)),
    "half of a cent of tax goes up": ("1", 250, 0, "19", False, (250, 48, 298)),  # 47.5
    "half of a cent goes up": ("0.5", 1, 0, "0", False, (1, 0, 1)),
    "a third": ("0.3333", 100, 0, "0", False, (33, 0, 33)),
    "discount before tax": ("2", 5_000, 1_000, "19", False, (9_000, 1_710, 10_710)),
    "discount of a price with tax": ("2", 5_950, 1_190, "19", True, (9_000, 1_710, 10_710)),
    "all of it discounted": ("1", 5_000, 5_000, "19", False, (0, 0, 0)),
    "8.875 % (New York)": ("1", 10_000, 0, "8.875", False, (10_000, 888, 10_888)),  # 887.5
    "yen": ("3", 333, 0, "10", False, (999, 100, 1_099)),  # 99.9
    "yen within": ("1", 1_000, 0, "10", True, (909, 91, 1_000)),  # 90.909…
    "dinars": ("1.5", 10_005, 0, "5", False, (15_008, 750, 15_758)),  # 15007.5, 750.4
    "no tax": ("1", 12_000, 0, "0", True, (12_000, 0, 12_000)),
}


def test_lines(subtests):
    for what, (quantity, price, discount, rate, included, expected) in LINES.items():
        with subtests.test(what):
            found = line_sums(
                quantity=Decimal(quantity),
                unit_price=price,
                discount=discount,
                tax_rate=Decimal(rate),
                tax_included=included,
            )
            assert found == expected


def test_invoice_is_the_sum_of_rounded_lines():
    third = line_sums(
        quantity=Decimal("0.3333"), unit_price=1_000, discount=0, tax_rate=Decimal("19"), tax_included=False
    )
    assert summed([third] * 3) == Sums(999, 189, 1_188)  # and not 1000 + 190

    tenth, fifth = (
        line_sums(quantity=Decimal(1), unit_price=price, discount=0, tax_rate=Decimal(0), tax_included=False)
        for price in (10, 20)
    )
    assert to_text(summed([tenth, fifth]).total, "EUR") == "0.30"


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("120.00", "USD", 12_000),
        ("0.3", "EUR", 30),
        ("500", "JPY", 500),
        ("3.5", "KWD", 3_500),
        ("1.005", "KWD", 1_005),
    ],
)
def test_amounts_in_minor_units(text, currency, minor):
    assert to_minor(Decimal(text), currency, field="amount") == minor
    assert Decimal(to_text(minor, currency)) == Decimal(text)


def test_amounts_as_text():
    assert [to_text(5, code) for code in ("USD", "JPY", "KWD")] == ["0.05", "5", "0.005"]
    assert to_text(-1_050, "USD") == "-10.50"
    assert [digits_of(code) for code in ("USD", "JPY", "KWD")] == [2, 0, 3]
    assert [rate_text(Decimal(rate)) for rate in ("19", "7.7", "8.875")] == ["19.00", "7.70", "8.875"]


@pytest.mark.parametrize(("text", "currency"), [("0.5", "JPY"), ("1.005", "USD"), ("1.0005", "KWD"), ("1e14", "USD")])
def test_amounts_that_a_currency_does_not_have(text, currency):
    with pytest.raises(Invalid):
        to_minor(Decimal(text), currency, field="amount")
