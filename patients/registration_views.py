"""The registrations desk: who waits, who that may be, and what becomes of it."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from audit.events import Kind
from core.api.pages import PageQuery, page_of
from core.api.schema import NOT_FOUND
from core.api.views import ApiView
from patients import registrations
from patients.likely import with_matches
from patients.models import Patient
from patients.registration_serializers import (
    ConfirmInput,
    DeclineInput,
    RegistrationPage,
    RegistrationShape,
    SettledShape,
)
from patients.restriction import emergencies, open_for

FASTER = {"409": "Somebody else has settled it already, or the chart has an account."}


class Registrations(ApiView):
    permissions = {"GET": Permission.CONFIRM_REGISTRATIONS}
    trail = {"GET": Kind.REGISTRATIONS_LISTED}
    about = Patient._meta.label

    @extend_schema(
        parameters=[PageQuery],
        responses={200: RegistrationPage},
        summary="Who waits to be confirmed, the longest first, and whose charts theirs may be",
        description="`because`: the same date of birth, the same phone, or a similar name. A restricted chart is found "
        "by its name alone.",
    )
    def get(self, request: Request) -> Response:
        page = self.checked_query(PageQuery)
        waiting = Patient.objects.visible_to(self.caller).pending().order_by("id")
        rows, total = with_matches(page_of(waiting.brief(), **page)), waiting.count()
        charts = [chart for row in rows for chart in (row.chart, *(match.chart for match in row.matches))]
        open_for(self.caller, charts)
        self.saw((chart.pk for chart in charts), hits=total, **page, **emergencies(charts))
        return Response({"registrations": [RegistrationShape.of(row) for row in rows], "total": total, **page})


class Confirm(ApiView):
    permissions = {"POST": Permission.CONFIRM_REGISTRATIONS}
    trail = {"POST": Kind.REGISTRATION_CONFIRMED}
    about = Patient._meta.label
    extra_errors = {"POST": NOT_FOUND | FASTER}

    @extend_schema(
        request=ConfirmInput,
        responses={200: SettledShape},
        summary="Confirm a registration as a new chart, or merge it into one (`patientId`)",
        description="Merging moves the account and everything that names the pending chart. Refused for a chart that "
        "has an account, and for a restricted one.",
    )
    def post(self, request: Request, registration_id: UUID) -> Response:
        into: UUID | None = self.checked(ConfirmInput)["into"]
        if into is None:
            settled = registrations.confirm_registration(patient_id=registration_id, by=self.caller)
        else:
            settled = registrations.merge_registration(patient_id=registration_id, into=into, by=self.caller)
        return Response(SettledShape.of(settled))


class Decline(ApiView):
    permissions = {"POST": Permission.CONFIRM_REGISTRATIONS}
    trail = {"POST": Kind.REGISTRATION_DECLINED}
    about = Patient._meta.label
    extra_errors = {"POST": NOT_FOUND | FASTER}

    @extend_schema(
        request=DeclineInput,
        responses={200: SettledShape},
        summary="Decline a registration: its account is closed, its coming appointments are cancelled",
    )
    def post(self, request: Request, registration_id: UUID) -> Response:
        reason = self.checked(DeclineInput)["reason"]
        settled = registrations.decline_registration(patient_id=registration_id, by=self.caller, reason=reason)
        return Response(SettledShape.of(settled))


class Reopen(ApiView):
    permissions = {"POST": Permission.MANAGE_USERS}
    trail = {"POST": Kind.REGISTRATION_REOPENED}
    about = Patient._meta.label
    extra_errors = {"POST": NOT_FOUND | {"409": "It is not declined."}}

    @extend_schema(
        request=None,
        responses={200: SettledShape},
        summary="Take up a registration again that was declined by mistake",
        description="It opens the account again, so it is the office manager's.",
    )
    def post(self, request: Request, declined_id: UUID) -> Response:
        settled = registrations.reopen_registration(patient_id=declined_id, by=self.caller)
        return Response(SettledShape.of(settled))
