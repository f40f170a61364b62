"""Views for registering and for the registrations desk."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.users.serializers import UserBrief
from audit.events import AuditEvent
from core.api.pagination import Page, PageQuery
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView, PublicView
from core.permissions import Permission
from patients.models import Patient
from patients.registrations import register
from patients.registrations import services as registrations
from patients.registrations.matching import with_matches
from patients.registrations.serializers import (
    ConfirmInput,
    DeclineInput,
    RegisterInput,
    RegistrationPage,
    RegistrationShape,
    SettledShape,
)
from patients.restriction.services import emergency_details, resolve_access


class Register(PublicView):
    methods = ("POST",)
    optional_sign_in = True
    answers_401 = True
    extra_errors = {"POST": NOT_FOUND}

    @extend_schema(
        request=RegisterInput,
        responses={201: UserBrief},
        auth=[{}, {"accessCookie": []}],
        summary="Register: patients themselves, office managers anyone in their practice",
    )
    def post(self, request: Request) -> Response:
        user = register.register(by=self.caller, request=request._request, **self.checked(RegisterInput))
        return Response(UserBrief.to_dict(user), status=201)


ALREADY_HANDLED = {"409": "It has already been handled, or the chart has an account."}


class Registrations(ApiView):
    permissions = {"GET": Permission.CONFIRM_REGISTRATIONS}
    audit_events = {"GET": AuditEvent.REGISTRATIONS_LISTED}
    audited_model = Patient._meta.label

    @extend_schema(
        parameters=[PageQuery],
        responses={200: RegistrationPage},
        summary="List pending registrations, oldest first, with possible matches",
        description="`because`: the same date of birth, the same phone, or a similar name. A restricted chart is only "
        "found by its name.",
    )
    def get(self, request: Request) -> Response:
        page = Page.taken_from(self.checked_query(PageQuery))
        waiting = Patient.objects.visible_to(self.caller).pending().order_by("id")
        rows, total = with_matches(page.rows(waiting.brief())), waiting.count()
        charts = [chart for row in rows for chart in (row.chart, *(match.chart for match in row.matches))]
        resolve_access(self.caller, charts)
        self.audit_read((chart.pk for chart in charts), hits=total, **page.asked, **emergency_details(charts))
        shown = [RegistrationShape.to_dict(row) for row in rows]
        return Response({"registrations": shown, "total": total, **page.asked, **page.next})


class Confirm(ApiView):
    permissions = {"POST": Permission.CONFIRM_REGISTRATIONS}
    audit_events = {"POST": AuditEvent.REGISTRATION_CONFIRMED}
    audited_model = Patient._meta.label
    extra_errors = {"POST": NOT_FOUND | ALREADY_HANDLED}

    @extend_schema(
        request=ConfirmInput,
        responses={200: SettledShape},
        summary="Confirm a registration as a new chart, or merge it into one (`patientId`)",
        description="Merging moves the account and everything that refers to the pending chart. It is refused for a "
        "chart that has an account or is restricted.",
    )
    def post(self, request: Request, registration_id: UUID) -> Response:
        into: UUID | None = self.checked(ConfirmInput)["into"]
        if into is None:
            settled = registrations.confirm_registration(patient_id=registration_id, by=self.caller)
        else:
            settled = registrations.merge_registration(patient_id=registration_id, into=into, by=self.caller)
        return Response(SettledShape.to_dict(settled))


class Decline(ApiView):
    permissions = {"POST": Permission.CONFIRM_REGISTRATIONS}
    audit_events = {"POST": AuditEvent.REGISTRATION_DECLINED}
    audited_model = Patient._meta.label
    extra_errors = {"POST": NOT_FOUND | ALREADY_HANDLED}

    @extend_schema(
        request=DeclineInput,
        responses={200: SettledShape},
        summary="Decline a registration: its account is closed and its upcoming appointments are cancelled",
    )
    def post(self, request: Request, registration_id: UUID) -> Response:
        reason = self.checked(DeclineInput)["reason"]
        settled = registrations.decline_registration(patient_id=registration_id, by=self.caller, reason=reason)
        return Response(SettledShape.to_dict(settled))


class Reopen(ApiView):
    permissions = {"POST": Permission.MANAGE_USERS}
    audit_events = {"POST": AuditEvent.REGISTRATION_REOPENED}
    audited_model = Patient._meta.label
    extra_errors = {"POST": NOT_FOUND | {"409": "It is not declined."}}

    @extend_schema(
        request=None,
        responses={200: SettledShape},
        summary="Reopen a registration that was declined by mistake",
        description="This reactivates the account, so only office managers may do it.",
    )
    def post(self, request: Request, declined_id: UUID) -> Response:
        settled = registrations.reopen_registration(patient_id=declined_id, by=self.caller)
        return Response(SettledShape.to_dict(settled))
