"""A patient's account: what was charged and paid, what is owed and for how long. And what the practice took."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db.models import Sum

from accounts.models import User
from billing.models import LedgerEntry, LedgerQuerySet, OpenAmount
from billing.models.ledger import MONEY
from billing.money import to_decimal
from patients.models import Patient
from patients.restriction.services import get_accessible_chart
from practices.services import current_practice

AGES = ((30, "days0to30"), (60, "days31to60"), (90, "days61to90"))  # up to so many days after the day of the invoice
OLDER = "older"


class Account(NamedTuple):
    """Amounts in minor units. `balance` is what the patient owes, negative for credit; `credit` is what of their
    payments is not put towards an invoice; `ages` is what is open, by the age of the invoice."""

    chart: Patient
    currency: str
    balance: int
    credit: int
    ages: dict[str, int]


def account_of(*, by: User, patient_id: UUID) -> Account:
    """Return the account of a patient. Raises NotFound and ChartRestricted."""
    chart = get_accessible_chart(by, patient_id)
    practice = current_practice()
    rows = entries_of(chart)
    ages = _ages(chart, practice.today())
    balance = rows.sum()
    return Account(chart, practice.currency, balance, sum(ages.values()) - balance, ages)


def entries_of(chart: Patient) -> LedgerQuerySet:
    found: LedgerQuerySet = LedgerEntry.objects.filter(patient=chart)
    return found


def balances_after(account: Account, rows: Sequence[LedgerEntry]) -> list[int]:
    """Return the balance after each of these rows, which are a page of the account, newest first."""
    if not rows:
        return []
    balance = account.balance - LedgerEntry.objects.filter(patient=account.chart, pk__gt=rows[0].pk).sum()
    balances = []
    for row in rows:
        balances.append(balance)
        balance -= row.amount
    return balances


def balance_of(chart: Patient) -> int:
    """Return what the patient owes, in minor units; negative for credit."""
    return int(LedgerEntry.objects.filter(patient=chart).sum())


def takings() -> Decimal:
    """Return what the practice received less what it refunded."""
    rows = LedgerEntry.objects.filter(kind__in=MONEY).order_by().values_list("currency")
    return sum((to_decimal(-taken, currency) for currency, taken in rows.annotate(Sum("amount"))), Decimal())


def age_of(days: int) -> str:
    """Return the name of the age of an invoice that was issued so many days ago."""
    return next((name for most, name in AGES if days <= most), OLDER)


def _ages(chart: Patient, today: date) -> dict[str, int]:
    ages = dict.fromkeys([name for _, name in AGES] + [OLDER], 0)
    rows = OpenAmount.objects.filter(invoice__patient=chart, amount__gt=0)
    for day, amount in rows.values_list("issued_on", "amount"):
        ages[age_of((today - day).days)] += amount
    return ages
