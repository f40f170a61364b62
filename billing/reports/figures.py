"""What the practice billed and took. The database sums; amounts are in minor units of the practice's currency."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import CharField, Count, Max, Q, QuerySet, Sum
from django.db.models.functions import Cast
from django.utils.translation import gettext

from accounts.models import User
from billing.accounts.services import AGES, OLDER, age_of
from billing.models import (
    DocumentKind,
    EntryKind,
    IssuedLine,
    LedgerEntry,
    LeftAmount,
    OpenAmount,
    PaymentMethod,
    Service,
)
from billing.models.ledger import MONEY
from core.forms import as_uuid
from patients.restriction.services import inaccessible_to

BY = ("day", "month", "doctor", "service")
BY_OWN = ("day", "month", "service")  # of one doctor
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
        return _of_lines(by, issued_on__range=(first, last))
    rows: Any = LedgerEntry.objects.filter(booked_on__range=(first, last)).order_by()
    found: dict[date, Counter[str]] = defaultdict(Counter)
    for day, kind, amount in rows.values_list("booked_on", "kind").annotate(sum=Sum("amount")):
        found[day if by == "day" else day.replace(day=1)][kind] += amount
    return [
        Revenue(
            key,
            sums[EntryKind.CHARGE],
            -sums[EntryKind.CREDIT_NOTE],
            -sums[EntryKind.PAYMENT],
            sums[EntryKind.REFUND],
        )
        for key, sums in sorted(found.items())
    ]


def revenue_of(doctor: User, first: date, last: date, by: str) -> list[Revenue]:
    """Return what the visits of one doctor brought, by day, month or service."""
    return _of_lines(by, issued_on__range=(first, last), doctor=doctor)


def _of_lines(by: str, **which: Any) -> list[Revenue]:
    rows: Any = IssuedLine.objects.filter(**which).order_by()
    found: dict[Any, Counter[str]] = defaultdict(Counter)
    column = by if by in ("doctor", "service") else "issued_on"
    for key, kind, amount in rows.values_list(column, "kind").annotate(sum=Sum("total")):
        found[key.replace(day=1) if by == "month" else key][kind] += amount
    names = _names(by, [key for key in found if key]) if column == by else {}
    revenues = [
        Revenue(key, sums[DocumentKind.INVOICE], sums[DocumentKind.CREDIT_NOTE], None, None, names.get(key, ""))
        for key, sums in found.items()
    ]
    return sorted(revenues, key=lambda one: (one.key is None, one.name.casefold(), str(one.key)))


def month_end(first: date) -> date:
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return date.fromordinal(following.toordinal() - 1)


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
    """Return what is open of all issued invoices, by their age."""
    found = dict.fromkeys([name for _, name in AGES] + [OLDER], 0)
    rows: Any = OpenAmount.objects.filter(amount__gt=0).order_by()
    for day, amount in rows.values_list("issued_on").annotate(sum=Sum("amount")):
        found[age_of((today - day).days)] += amount
    return found


class PayerOwes(NamedTuple):
    """What is open by age of the invoices that somebody pays, `payer`; None for those that patients pay themselves.
    `example` is one of these invoices whose chart is not closed to the reader."""

    payer: bytes | None
    ages: dict[str, int]
    example: UUID | None

    @property
    def total(self) -> int:
        return sum(self.ages.values())


def unpaid_by_payer(today: date, *, by: User) -> list[PayerOwes]:
    """Return what each payer owes, by age, the one who owes most first."""
    rows: Any = OpenAmount.objects.filter(amount__gt=0).order_by()
    closed = rows.filter(invoice__patient__in=inaccessible_to(by).values("pk")).values_list("invoice", flat=True)
    sums = {name: Sum("amount", filter=_issued_within(first, last)) for name, first, last in ages_on(today)}
    shown = Max(Cast("invoice", CharField()), filter=~Q(invoice__in=list(closed)))
    found = [
        PayerOwes(
            row["payer"] and bytes(row["payer"]),
            {name: row[name] or 0 for name in sums},
            as_uuid(row["example"]) if row["payer"] else None,
        )
        for row in rows.values("payer").annotate(**sums, example=shown)
    ]
    return sorted(found, key=lambda one: (-one.total, one.payer or b""))


def _issued_within(first: date | None, last: date | None) -> Q:
    after = Q(issued_on__gte=first) if first else Q()
    return after & Q(issued_on__lte=last) if last else after


# --- The rows behind a figure -----------------------------------------------------------------------------------------


def movements(first: date, last: date, *, kind: str = "", method: str = "") -> QuerySet[LedgerEntry]:
    """Return the movements of these days, newest first."""
    rows: QuerySet[LedgerEntry] = LedgerEntry.objects.filter(booked_on__range=(first, last))
    if kind:
        rows = rows.filter(kind=kind)
    if method:
        rows = rows.filter(method=method)
    return rows.select_related("invoice", "patient").order_by("-booked_on", "-id")


def lines(first: date, last: date, **which: Any) -> QuerySet[IssuedLine]:
    """Return the lines that a doctor or a service brought, of what was issued on these days, the newest first."""
    rows: QuerySet[IssuedLine] = IssuedLine.objects.filter(issued_on__range=(first, last), **which)
    return rows.select_related("line__invoice__patient").order_by("-issued_on", "-line_id")


def open_amounts(today: date, age: str, **which: Any) -> QuerySet[OpenAmount]:
    """Return what is open of invoices of this age, of all if it is empty, the oldest first."""
    within = {name: _issued_within(first, last) for name, first, last in ages_on(today)}.get(age, Q())
    rows: QuerySet[OpenAmount] = OpenAmount.objects.filter(within, amount__gt=0, **which)
    return rows.order_by("issued_on", "invoice_id")


def credit() -> QuerySet[LeftAmount]:
    """Return what of payments is not used up, the oldest first."""
    rows: QuerySet[LeftAmount] = LeftAmount.objects.filter(amount__gt=0).order_by("received_on", "payment_id")
    return rows
