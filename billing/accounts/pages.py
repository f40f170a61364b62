"""The page of a patient's account, its statement, and the balance in the banner of a chart."""

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from appointments.calendar.page import describe_time
from appointments.models import Appointment
from audit.events import AuditEvent
from billing.accounts import services
from billing.accounts.pdf import age_labels, describe, statement_pdf
from billing.invoices.lines import not_billed
from billing.models import EntryKind, Invoice, LedgerEntry
from billing.money import label
from core.admin.access_log import background_request
from core.pages import WorkPage, pdf_response
from core.permissions import Permission
from patients.models import Patient
from patients.restriction.services import get_accessible_chart

PAGE_SIZE, VISITS_SHOWN = 50, 50  # as many visits as an invoice takes


class AccountPage(WorkPage):
    http_method_names = ["get", "head"]
    needs = Permission.READ_BILLING
    about = Patient._meta.label

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        account = services.account_of(by=self.user, patient_id=patient_id)
        entries = services.entries_of(account.chart).with_numbers().order_by("-id")
        page = Paginator(entries, PAGE_SIZE).get_page(request.GET.get("page"))
        rows: list[LedgerEntry] = list(page)
        chart = Patient.objects.visible_to(self.user).get(pk=patient_id)
        for row in rows:
            row.patient = chart
        self.read([chart, *rows], kind=AuditEvent.ACCOUNT_READ, about_id=chart.pk, hits=page.paginator.count)
        balances = services.balances_after(account, rows)
        ages = age_labels()
        context = {
            "chart": chart,
            "account": account,
            "owed": abs(account.balance),
            "page": page,
            "rows": [
                {"entry": row, "what": describe(row), "balance": balance, "is_payment": row.kind == EntryKind.PAYMENT}
                for row, balance in zip(rows, balances, strict=True)
            ],
            "ages": [(ages[name], amount) for name, amount in account.ages.items()],
            "drafts": Invoice.objects.filter(patient=chart, issued_at=None).order_by("-id"),
            "visits": self._visits(chart) if self.user.can(Permission.MANAGE_BILLING) else [],
            "may_bill": self.user.can(Permission.MANAGE_BILLING),
            "may_take": self.user.can(Permission.TAKE_PAYMENTS),
        }
        return render(request, "billing/account.html", context)

    def _visits(self, chart: Patient) -> list[tuple[Appointment, str]]:
        """Return what can be billed, latest first."""
        found = not_billed(self.user).filter(patient=chart).with_people().with_offices().defer("reason", "notes")
        return [(visit, describe_time(visit)) for visit in found.order_by("-starts_at", "-id")[:VISITS_SHOWN]]


class PrintStatement(WorkPage):
    http_method_names = ["get", "head"]
    needs = Permission.READ_BILLING
    about = Patient._meta.label

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        account = services.account_of(by=self.user, patient_id=patient_id)
        chart = Patient.objects.visible_to(self.user).get(pk=patient_id)
        self.read([chart], kind=AuditEvent.ACCOUNT_READ, about_id=chart.pk)
        entries = services.entries_of(chart).with_numbers().order_by("id")
        account = account._replace(chart=chart)
        printed = statement_pdf(account, entries, practice=self.request.practice, by=self.user)
        return pdf_response(printed, "statement")


class Balance(WorkPage):
    """What a chart's banner says of the account, once the chart is shown."""

    http_method_names = ["get", "head"]
    needs = Permission.READ_BILLING
    about = Patient._meta.label

    @background_request
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        chart = get_accessible_chart(self.user, patient_id)
        self.read([chart], kind=AuditEvent.ACCOUNT_READ, about_id=chart.pk)
        balance, currency = services.balance_of(chart), self.request.practice.currency
        if balance > 0:
            return HttpResponse(gettext("%(amount)s owed") % {"amount": label(balance, currency)})
        if balance < 0:
            return HttpResponse(gettext("%(amount)s credit") % {"amount": label(-balance, currency)})
        return HttpResponse(gettext("Nothing owed"))
