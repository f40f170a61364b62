"""What the practice billed and took. The database sums; amounts are in minor units of the practice's currency."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Case, CharField, Count, F, QuerySet, Sum, Value, When
from django.db.models.functions import TruncMonth
from django.utils.translation import gettext

from accounts.models import User
from billing.accounts.services import AGES, OLDER
from billing.models import (
    Allocation,
    DocumentKind,
    EntryKind,
    Invoice,
    InvoiceLine,
    LedgerEntry,
    PaymentMethod,
    Service,
)
from billing.models.ledger import MONEY

BY = ("day", "month", "doctor", "service")
OF_INVOICES = (EntryKind.CHARGE, EntryKind.CREDIT_NOTE, EntryKind.WRITE_OFF)
MOST_DAYS = 366 * 5


class Taken(NamedTuple):
    """What came in by one method, and what of it or of earlier payments went out again."""

    method: str
    received: int = 0
    refunded: int = 0
    payments: int = 0
    refunds: int = 0

    @property
    def total(self) -> int:
        return self.received - self.refunded


class Revenue(NamedTuple):
    """`key` is a day, the first of a month, or the id of a doctor or a service; None where a line has none. What was
    paid is not known of a doctor or a service: payments are put towards invoices, not towards their lines."""

    key: date | UUID | None
    invoiced: int = 0
    credited: int = 0
    paid: int | None = 0
    refunded: int | None = 0
    name: str = ""


def takings(day: date) -> list[Taken]:
    """Return what was taken on this day, by method, all methods."""
    rows = LedgerEntry.objects.filter(kind__in=MONEY, booked_on=day).order_by().values("method", "kind")
    found: dict[str, dict[str, int]] = {method: {} for method in PaymentMethod.values}
    for row in rows.annotate(sum=Sum("amount"), number=Count("pk")):
        is_refund = row["kind"] == EntryKind.REFUND
        sums = {"refunded": row["sum"], "refunds": row["number"]}
        found[row["method"]] |= sums if is_refund else {"received": -row["sum"], "payments": row["number"]}
    return [Taken(method, **sums) for method, sums in found.items()]


def revenue(first: date, last: date, by: str) -> list[Revenue]:
    """Return what was billed and taken from `first` to `last`, by day, month, doctor or service; nothing without
    movements. Days are those on which it was booked."""
    if by in ("doctor", "service"):
        return _of_lines(first, last, by)
    rows: Any = LedgerEntry.objects.filter(booked_on__range=(first, last)).order_by()
    rows = rows.annotate(period=F("booked_on") if by == "day" else TruncMonth("booked_on"))
    found: dict[date, dict[str, int]] = {}
    for key, kind, amount in rows.values_list("period", "kind").annotate(sum=Sum("amount")):
        found.setdefault(key, {})[kind] = amount
    return [
        Revenue(
            key,
            sums.get(EntryKind.CHARGE, 0),
            -sums.get(EntryKind.CREDIT_NOTE, 0),
            -sums.get(EntryKind.PAYMENT, 0),
            sums.get(EntryKind.REFUND, 0),
        )
        for key, sums in sorted(found.items())
    ]


def _of_lines(first: date, last: date, by: str) -> list[Revenue]:
    column = "appointment__doctor" if by == "doctor" else "service"
    rows: Any = InvoiceLine.objects.filter(invoice__issued_on__range=(first, last)).order_by()
    found: dict[UUID | None, dict[str, int]] = {}
    for key, kind, amount in rows.values_list(column, "invoice__kind").annotate(sum=Sum("total")):
        found.setdefault(key, {})[kind] = amount
    names = _names(by, [key for key in found if key])
    revenues = [
        Revenue(key, sums.get(DocumentKind.INVOICE, 0), sums.get(DocumentKind.CREDIT_NOTE, 0), None, None, names[key])
        for key, sums in found.items()
    ]
    return sorted(revenues, key=lambda one: (one.key is None, one.name.casefold(), str(one.key)))


def _names(by: str, keys: list[UUID]) -> dict[UUID | None, str]:
    rows: Any = User.objects if by == "doctor" else Service.objects
    nobody = gettext("Without a doctor") if by == "doctor" else gettext("Not on the price list")
    return {None: nobody, **dict(rows.filter(pk__in=keys).values_list("pk", "name"))}


def summed(revenues: Iterable[Revenue]) -> Revenue:
    """Return the sums of all columns."""
    rows = list(revenues)
    paid = [row.paid for row in rows if row.paid is not None]
    refunded = [row.refunded for row in rows if row.refunded is not None]
    known = len(paid) == len(rows)
    return Revenue(
        None,
        sum(row.invoiced for row in rows),
        sum(row.credited for row in rows),
        sum(paid) if known else None,
        sum(refunded) if known else None,
    )


# --- What is unpaid ---------------------------------------------------------------------------------------------------


def ages_on(today: date) -> list[tuple[str, date | None, date | None]]:
    """Return each age with the first and the last day on which such an invoice was issued; None for no end."""
    found: list[tuple[str, date | None, date | None]] = []
    last: date | None = None
    for most, name in AGES:
        found.append((name, today - timedelta(days=most), last))
        last = today - timedelta(days=most + 1)
    return [*found, (OLDER, None, last)]


def unpaid(today: date) -> dict[str, int]:
    """Return what is open of all issued invoices, by their age.

    What is open of invoices is their charges, credit notes and write-offs less what payments were put towards them, so
    that no invoice is looked at by itself. Only those of the last days are told apart: the rest of the whole is older.
    """
    oldest = today - timedelta(days=AGES[-1][0])
    found = dict.fromkeys([name for _, name in AGES] + [OLDER], 0)
    for name, amount in _recent(today, oldest):
        found[name] += amount
    entered = LedgerEntry.objects.filter(kind__in=OF_INVOICES).sum()
    whole = entered - int(Allocation.objects.order_by().aggregate(sum=Sum("amount"))["sum"] or 0)
    found[OLDER] = whole - sum(found.values())
    return found


def _recent(today: date, oldest: date) -> Iterator[tuple[str, int]]:
    """Yield sums of invoices that were issued since this day, each with their age. A charge is booked on the day of its
    invoice and what undoes it not before, so the index by day finds them."""
    booked: Any = LedgerEntry.objects.filter(booked_on__gte=oldest)
    for rows, day, sign in (
        (booked.filter(kind=EntryKind.CHARGE), "booked_on", 1),
        (booked.filter(kind=EntryKind.WRITE_OFF), "invoice__issued_on", 1),
        (booked.filter(kind=EntryKind.CREDIT_NOTE), "invoice__credits__issued_on", 1),
        (Allocation.objects.all(), "invoice__issued_on", -1),
    ):
        age = Case(
            *(When(**{f"{day}__gte": first}, then=Value(name)) for name, first, _last in ages_on(today)[:-1]),
            output_field=CharField(),
        )
        recent: Any = rows.filter(**{f"{day}__gte": oldest}).order_by().annotate(age=age)
        for name, amount in recent.values_list("age").annotate(sum=Sum("amount")):
            yield name, sign * amount


# --- The rows behind a figure -----------------------------------------------------------------------------------------


def movements(first: date, last: date, *, kind: str = "", method: str = "") -> QuerySet[LedgerEntry]:
    """Return the movements of these days, newest first."""
    rows: QuerySet[LedgerEntry] = LedgerEntry.objects.filter(booked_on__range=(first, last))
    if kind:
        rows = rows.filter(kind=kind)
    if method:
        rows = rows.filter(method=method)
    return rows.select_related("invoice", "patient").order_by("-booked_on", "-id")


def lines(first: date, last: date, *, by: str, key: UUID | None) -> QuerySet[InvoiceLine]:
    """Return the lines that a doctor or a service brought, of what was issued on these days."""
    column = "appointment__doctor" if by == "doctor" else "service"
    rows: QuerySet[InvoiceLine] = InvoiceLine.objects.filter(invoice__issued_on__range=(first, last), **{column: key})
    return rows.select_related("invoice__patient").order_by("-invoice__issued_on", "-invoice_id", "position")


def open_invoices(today: date, age: str) -> QuerySet[Invoice]:
    """Return the invoices of this age of which something is open, the oldest first."""
    _, first, last = next(one for one in ages_on(today) if one[0] == age)
    rows: Any = Invoice.objects.with_sums().unpaid()
    rows = rows.filter(issued_on__gte=first) if first else rows
    rows = rows.filter(issued_on__lte=last) if last else rows
    found: QuerySet[Invoice] = rows.select_related("patient").order_by("issued_on", "id")
    return found
