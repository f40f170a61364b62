"""Views for restricting charts, emergency access, and the review queue."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import AuditEvent
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from patients.models import EmergencyAccess, Patient
from patients.restriction import services as restriction
from patients.restriction.serializers import (
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
    audit_events = {"PUT": AuditEvent.RESTRICTED, "DELETE": AuditEvent.UNRESTRICTED}
    audited_model = Patient._meta.label
    extra_errors = {"PUT": NOT_FOUND, "DELETE": NOT_FOUND}

    @extend_schema(
        request=None,
        responses={204: None},
        summary="Restrict a chart to the patient and their primary doctor (admins and that doctor)",
    )
    def put(self, request: Request, chart_id: UUID) -> Response:
        chart = restriction.restrict(patient_id=chart_id, by=self.caller)
        self.audit_read([chart.pk])
        return Response(status=204)

    @extend_schema(
        responses={204: None}, summary="Lift the restriction of a chart that the caller can read without an emergency"
    )
    def delete(self, request: Request, chart_id: UUID) -> Response:
        chart = restriction.lift_restriction(patient_id=chart_id, by=self.caller)
        self.audit_read([chart.pk])
        return Response(status=204)


class BreakGlass(ApiView):
    permissions = {"POST": Permission.BREAK_GLASS}
    audit_events = {"POST": AuditEvent.GLASS_BROKEN}
    audited_model = Patient._meta.label
    extra_errors = {"POST": NOT_FOUND | {"409": "The caller already has access to the chart."}}

    @extend_schema(
        request=ReasonInput,
        responses={200: EmergencyAccessBrief, 201: EmergencyAccessBrief},
        summary="Break the glass: open a restricted chart in an emergency, for 60 minutes",
        description="Alerts the practice's admins and is added to their review queue. 200: the caller already has "
        "emergency access, until `expiresAt`.",
    )
    def post(self, request: Request, chart_id: UUID) -> Response:
        access, is_new = restriction.break_glass(patient_id=chart_id, by=self.caller, **self.checked(ReasonInput))
        self.audit_read([chart_id], emergency=[access.pk])
        return Response(EmergencyAccessBrief.to_dict(access), status=201 if is_new else 200)


class EmergencyAccesses(ApiView):
    permissions = {"GET": Permission.REVIEW_EMERGENCIES}
    audit_events = {"GET": AuditEvent.EMERGENCIES_LISTED}
    audited_model = EmergencyAccess._meta.label

    @extend_schema(
        parameters=[EmergencyQuery],
        responses={200: EmergencyAccessPage},
        summary="List emergency accesses, newest first; `status=open` for those awaiting review",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(EmergencyQuery)
        page = Page.taken_from(query)
        accesses = EmergencyAccess.objects.newest_first()
        if query.get("status") == ReviewState.OPEN:
            accesses = accesses.pending_review()
        elif query.get("status") == ReviewState.REVIEWED:
            accesses = accesses.reviewed()
        rows, total = page.rows(accesses.with_people()), accesses.count()
        self.audit_read((row.patient_id for row in rows), hits=total, **page.asked)
        shown = [EmergencyAccessShape.to_dict(row) for row in rows]
        return Response({"emergencyAccesses": shown, "total": total, **page.asked, **page.next})


class Review(ApiView):
    permissions = {"POST": Permission.REVIEW_EMERGENCIES}
    audit_events = {"POST": AuditEvent.EMERGENCY_REVIEWED}
    audited_model = EmergencyAccess._meta.label
    extra_errors = {"POST": NOT_FOUND | {"409": "It has already been signed off."}}

    @extend_schema(
        request=NoteInput, responses={200: EmergencyAccessShape}, summary="Sign off someone else's emergency access"
    )
    def post(self, request: Request, access_id: UUID) -> Response:
        restriction.sign_off(access_id=access_id, by=self.caller, **self.checked(NoteInput))
        access = EmergencyAccess.objects.with_people().get(pk=access_id)
        return Response(EmergencyAccessShape.to_dict(access))
