"""Restricted charts, breaking the glass, and the queue of what waits to be signed off."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from audit.events import Kind
from core.api.pages import page_of
from core.api.schema import NOT_FOUND
from core.api.views import ApiView
from patients import restriction
from patients.models import EmergencyAccess, Patient
from patients.serializers import (
    EmergencyAccessBrief,
    EmergencyAccessPage,
    EmergencyAccessShape,
    EmergencyQuery,
    NoteInput,
    ReasonInput,
    ReviewState,
)

MAY_RESTRICT = (Permission.RESTRICT_CHARTS, Permission.RESTRICT_OWN_PATIENTS)


class Restriction(ApiView):
    permissions = {"PUT": MAY_RESTRICT, "DELETE": MAY_RESTRICT}
    trail = {"PUT": Kind.RESTRICTED, "DELETE": Kind.UNRESTRICTED}
    about = Patient._meta.label
    extra_errors = {"PUT": NOT_FOUND, "DELETE": NOT_FOUND}

    @extend_schema(
        request=None,
        responses={204: None},
        summary="Restrict a chart to the patient and their primary doctor: an admin, or that doctor",
    )
    def put(self, request: Request, chart_id: UUID) -> Response:
        chart = restriction.restrict(patient_id=chart_id, by=self.caller)
        self.saw([chart.pk])
        return Response(status=204)

    @extend_schema(
        responses={204: None}, summary="Lift the restriction of a chart that is the caller's without an emergency"
    )
    def delete(self, request: Request, chart_id: UUID) -> Response:
        chart = restriction.lift_restriction(patient_id=chart_id, by=self.caller)
        self.saw([chart.pk])
        return Response(status=204)


class BreakGlass(ApiView):
    permissions = {"POST": Permission.BREAK_GLASS}
    trail = {"POST": Kind.GLASS_BROKEN}
    about = Patient._meta.label
    extra_errors = {"POST": NOT_FOUND | {"409": "The chart is open to the caller anyway."}}

    @extend_schema(
        request=ReasonInput,
        responses={200: EmergencyAccessBrief, 201: EmergencyAccessBrief},
        summary="Break the glass: open a restricted chart in an emergency, for 60 minutes",
        description="Alerts the practice's admins, and waits in their queue to be signed off. 200: it is open to the "
        "caller already, until `expiresAt`.",
    )
    def post(self, request: Request, chart_id: UUID) -> Response:
        access, is_new = restriction.break_glass(patient_id=chart_id, by=self.caller, **self.checked(ReasonInput))
        self.saw([chart_id], emergency=[access.pk])
        return Response(EmergencyAccessBrief.of(access), status=201 if is_new else 200)


class EmergencyAccesses(ApiView):
    permissions = {"GET": Permission.REVIEW_EMERGENCIES}
    trail = {"GET": Kind.EMERGENCIES_LISTED}
    about = EmergencyAccess._meta.label

    @extend_schema(
        parameters=[EmergencyQuery],
        responses={200: EmergencyAccessPage},
        summary="Emergency accesses, the newest first; with status=open what waits to be signed off",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(EmergencyQuery)
        page = {"page": query["page"], "limit": query["limit"]}
        accesses = EmergencyAccess.objects.newest_first()
        if query.get("status") == ReviewState.OPEN:
            accesses = accesses.waiting()
        elif query.get("status") == ReviewState.REVIEWED:
            accesses = accesses.signed_off()
        rows, total = page_of(accesses.with_people(), **page), accesses.count()
        self.saw((row.patient_id for row in rows), hits=total, **page)
        return Response({"emergencyAccesses": [EmergencyAccessShape.of(row) for row in rows], "total": total, **page})


class Review(ApiView):
    permissions = {"POST": Permission.REVIEW_EMERGENCIES}
    trail = {"POST": Kind.EMERGENCY_REVIEWED}
    about = EmergencyAccess._meta.label
    extra_errors = {"POST": NOT_FOUND | {"409": "It has been signed off already."}}

    @extend_schema(
        request=NoteInput, responses={200: EmergencyAccessShape}, summary="Sign off somebody else's emergency access"
    )
    def post(self, request: Request, access_id: UUID) -> Response:
        restriction.sign_off(access_id=access_id, by=self.caller, **self.checked(NoteInput))
        access = EmergencyAccess.objects.with_people().get(pk=access_id)
        return Response(EmergencyAccessShape.of(access))
