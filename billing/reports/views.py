"""Reports: what was billed, taken and is open, in sums."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import AuditEvent
from billing.models import Invoice
from billing.money import to_text
from billing.reports import figures
from billing.reports.figures import MOST_DAYS, Revenue, Taken
from billing.reports.serializers import (
    BEFORE,
    TOO_LONG,
    PayersShape,
    RevenueQuery,
    RevenueShape,
    TakingsQuery,
    TakingsShape,
    UnpaidShape,
)
from core.api.schema import extend_schema
from core.api.views import ApiView
from core.errors import Invalid
from core.permissions import Permission
from practices.services import current_practice

OWN_SUMS = ("invoiced", "credited")
SUMS = (*OWN_SUMS, "paid", "refunded")


def days_of(first: date | None, last: date | None) -> tuple[date, date]:
    """Return the days that were asked for: by default those of the month of the last, to today. Raises Invalid."""
    last = last or max(current_practice().today(), first or date.min)
    first = first or last.replace(day=1)
    if first > last:
        raise Invalid("to", BEFORE)
    if (last - first).days > MOST_DAYS:
        raise Invalid("to", TOO_LONG)
    return first, last


class Takings(ApiView):
    permissions = {"GET": Permission.TAKE_PAYMENTS}

    @extend_schema(
        parameters=[TakingsQuery], responses={200: TakingsShape}, summary="What was taken on a day, by method"
    )
    def get(self, request: Request) -> Response:
        practice = current_practice()
        day = self.checked_query(TakingsQuery).get("day") or practice.today()
        rows, currency = figures.takings(day), practice.currency
        return Response({"day": day, "currency": currency, **_taken(rows, currency)})


def _taken(rows: list[Taken], currency: str) -> dict[str, Any]:
    def sums(of: list[Taken]) -> dict[str, str]:
        names = ("received", "refunded", "total")
        return {name: to_text(sum(getattr(row, name) for row in of), currency) for name in names}

    methods = [{"method": row.method, **sums([row]), "payments": row.payments, "refunds": row.refunds} for row in rows]
    return {**sums(rows), "methods": methods}


class RevenueReport(ApiView):
    permissions = {"GET": Permission.MANAGE_BILLING}

    @extend_schema(
        parameters=[RevenueQuery],
        responses={200: RevenueShape},
        summary="What was invoiced, credited, paid and refunded, by day, month, doctor or service",
        description="Days are those on which it was booked, five years at most.",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(RevenueQuery)
        first, last = days_of(query.get("first"), query.get("last"))
        rows = figures.revenue(first, last, query["by"])
        return Response({"from": first, "to": last, "by": query["by"], **in_sums(rows, SUMS)})


def in_sums(rows: list[Revenue], columns: Sequence[str]) -> dict[str, Any]:
    """Return these columns of each row and in all, as an answer shows them."""
    currency = current_practice().currency

    def sums(row: Revenue) -> dict[str, str | None]:
        values = {name: getattr(row, name) for name in columns}
        return {name: None if value is None else to_text(value, currency) for name, value in values.items()}

    shown = [{"key": row.key and str(row.key), "name": row.name, **sums(row)} for row in rows]
    return {"currency": currency, "total": sums(figures.summed(rows)), "rows": shown}


class Payers(ApiView):
    permissions = {"GET": Permission.READ_BILLING}
    audit_events = {"GET": AuditEvent.INVOICES_LISTED}
    audited_model = Invoice._meta.label

    @extend_schema(
        responses={200: PayersShape}, summary="What insurers, guarantors and patients themselves owe, by age"
    )
    def get(self, request: Request) -> Response:
        practice = current_practice()
        rows, currency = figures.unpaid_by_payer(practice.today(), by=self.caller), practice.currency
        invoices = Invoice.objects.in_bulk([row.example for row in rows if row.example])
        self.audit_read((invoice.patient_id for invoice in invoices.values()), hits=len(rows))
        shown = [
            {
                "payer": row.payer and row.payer.hex(),
                "name": invoices[row.example].payer_name if row.example else None,
                "total": to_text(row.total, currency),
                "ages": {name: to_text(amount, currency) for name, amount in row.ages.items()},
            }
            for row in rows
        ]
        total = to_text(sum(row.total for row in rows), currency)
        return Response({"currency": currency, "total": total, "payers": shown})


class Unpaid(ApiView):
    permissions = {"GET": Permission.READ_BILLING}

    @extend_schema(responses={200: UnpaidShape}, summary="What is unpaid, by the age of the invoices")
    def get(self, request: Request) -> Response:
        practice = current_practice()
        ages, currency = figures.unpaid(practice.today()), practice.currency
        shown = {name: to_text(amount, currency) for name, amount in ages.items()}
        return Response({"currency": currency, "total": to_text(sum(ages.values()), currency), "ages": shown})
