"""A patient's account."""

from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import AuditEvent
from billing.accounts import services
from billing.accounts.pdf import statement_pdf
from billing.accounts.serializers import AccountEntryShape, AccountQuery, PatientAccountPage
from billing.money import to_text
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from patients.models import Patient
from patients.restriction.services import emergency_details
from practices.services import current_practice
from records.attachments.downloads import download_response


class PatientAccount(ApiView):
    permissions = {"GET": (Permission.READ_BILLING, Permission.READ_OWN_BILLING)}
    audit_events = {"GET": AuditEvent.ACCOUNT_READ}
    audited_model = Patient._meta.label
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        parameters=[AccountQuery],
        responses={200: PatientAccountPage},
        summary="Get a patient's account, newest movement first",
        description="Patients see their own.",
    )
    def get(self, request: Request, chart_id: UUID) -> Response:
        page = Page.taken_from(self.checked_query(AccountQuery))
        account = services.account_of(by=self.caller, patient_id=chart_id)
        entries = services.entries_of(account.chart).with_numbers().order_by("-id")
        rows = page.rows(entries)
        for row, balance in zip(rows, services.balances_after(account, rows), strict=True):
            row.balance = balance
        total = page.total(entries.count)
        self.audit_read(
            [account.chart.pk],
            hits=total,
            about_id=account.chart.pk,
            **page.asked,
            **emergency_details([account.chart]),
        )
        currency = account.currency
        return Response(
            {
                "currency": currency,
                "balance": to_text(account.balance, currency),
                "credit": to_text(account.credit, currency),
                "ages": {name: to_text(amount, currency) for name, amount in account.ages.items()},
                "entries": [AccountEntryShape.to_dict(row) for row in rows],
                "total": total,
                **page.asked,
                **page.next,
            }
        )


class AccountStatement(ApiView):
    permissions = {"GET": (Permission.READ_BILLING, Permission.READ_OWN_BILLING)}
    audit_events = {"GET": AuditEvent.ACCOUNT_READ}
    audited_model = Patient._meta.label
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
        summary="Download the statement of a patient's account as a PDF",
    )
    def get(self, request: Request, chart_id: UUID) -> StreamingHttpResponse:
        account = services.account_of(by=self.caller, patient_id=chart_id)
        entries = services.entries_of(account.chart).with_numbers().order_by("id")
        self.audit_read([account.chart.pk], about_id=account.chart.pk, **emergency_details([account.chart]))
        printed = statement_pdf(account, entries, practice=current_practice(), by=self.caller)
        return download_response([printed], name="statement.pdf", content_type="application/pdf", size=len(printed))
