"""Plans of care."""

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from audit.events import AuditEvent
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema, stale
from core.api.versions import ETAG, IF_MATCH, etag, expected_version
from core.api.views import ApiView
from core.permissions import Permission
from core.tenancy.compiled import CompiledQuery
from patients.deletion.views import DELETE_ERRORS, RestoreView, delete_handler, restore_handler
from patients.restriction.services import emergency_details, get_accessible_chart, resolve_access
from practices.services import current_practice
from records.attachments.downloads import download_response
from records.models import PlanOfCare
from records.models.plan import PlanQuerySet
from records.plans import services as plans
from records.plans.pdf import plan_pdf
from records.plans.serializers import PlanAmendment, PlanBrief, PlanInput, PlanPage, PlanQuery, PlanShape, ProgressInput
from records.versions.views import SEE_RECORDS, VersionsView, list_schema, one_schema

DELETE_PLANS = (Permission.DELETE_CLINICAL, Permission.WRITE_RECORDS)  # the second for plans of one's own
STALE = stale(PlanShape, "The plan has been changed since; `current` is the latest version.")
NOT_ACTIVE = {"409": "The plan is not active."}
PART_OF_ANOTHER = {"409": "The appointment belongs to another plan."}


class PlanView(ApiView):
    audited_model = PlanOfCare._meta.label

    def respond(self, plan_id: UUID, *, status: int = 200) -> Response:
        """Return the response with the complete, current plan."""
        plan = plans.get_plan(by=self.caller, plan_id=plan_id)
        self.audit_read([plan.patient_id], about_id=plan.pk, **emergency_details([plan.patient]))
        return Response(PlanShape.to_dict(plan), status=status, headers=etag(plan.version))


class Plans(PlanView):
    permissions = {"GET": SEE_RECORDS, "POST": Permission.WRITE_RECORDS}
    audit_events = {"GET": AuditEvent.PLANS_LISTED, "POST": AuditEvent.CREATED}
    extra_errors = {"GET": NOT_FOUND, "POST": NOT_FOUND}

    @extend_schema(parameters=[PlanQuery], responses={200: PlanPage}, summary="List plans of care, latest first")
    def get(self, request: Request) -> Response:
        query = self.checked_query(PlanQuery)
        page = Page.taken_from(query)
        if "patient_id" in query:  # an empty list of an unknown patient's would read as `no plan`
            get_accessible_chart(self.caller, query["patient_id"])
        rows = page.rows(_listed(self.caller, **query))
        total = page.total(_found(self.caller, **query).count)
        whom = [query["patient_id"]] if query.get("patient_id") else (row.patient_id for row in rows)
        opened = emergency_details(resolve_access(self.caller, [row.patient for row in rows]))
        self.audit_read(whom, hits=total, **page.asked, **opened)
        shown = [PlanBrief.to_dict(row) for row in rows]
        return Response({"plans": shown, "total": total, **page.asked, **page.next})

    @extend_schema(request=PlanInput, parameters=[ETAG], responses={201: PlanShape}, summary="Create a plan of care")
    def post(self, request: Request) -> Response:
        plan = plans.create_plan(by=self.caller, **self.checked(PlanInput))
        return self.respond(plan.pk, status=201)


class PlanById(PlanView):
    permissions = {"GET": SEE_RECORDS, "DELETE": DELETE_PLANS}
    audit_events = {"GET": AuditEvent.PLAN_READ, "DELETE": AuditEvent.SOFT_DELETED}
    extra_errors = {"GET": NOT_FOUND, "DELETE": DELETE_ERRORS}

    @extend_schema(
        parameters=[ETAG], responses={200: PlanShape}, summary="Get a plan of care, with its goals and their progress"
    )
    def get(self, request: Request, plan_id: UUID) -> Response:
        return self.respond(plan_id)

    delete = delete_handler(PlanOfCare)


class RestorePlan(RestoreView):
    permissions = {"POST": DELETE_PLANS}
    audited_model = PlanOfCare._meta.label
    post = restore_handler(PlanOfCare)


class PlanAmendments(PlanView):
    permissions = {"POST": Permission.WRITE_RECORDS}
    audit_events = {"POST": AuditEvent.AMENDED}
    extra_errors = {"POST": NOT_FOUND | STALE}

    @extend_schema(
        parameters=[IF_MATCH, ETAG],
        request=PlanAmendment,
        responses={200: PlanShape},
        summary="Amend a plan of care",
        description="By the author, or by another doctor once the author no longer works here. If the plan has been "
        "changed since, the answer is 409 with the latest version as `current`.",
    )
    def post(self, request: Request, plan_id: UUID) -> Response:
        def shown() -> dict[str, Any]:
            return PlanShape.to_dict(plans.get_plan(by=self.caller, plan_id=plan_id))

        changes = self.checked_changes(PlanAmendment, shown=shown)
        expected = expected_version(request, changes.pop("version", None))
        plans.amend_plan(by=self.caller, plan_id=plan_id, expected=expected, **changes)
        return self.respond(plan_id)


class PlanVersions(VersionsView):
    model, audited_model = PlanOfCare, PlanOfCare._meta.label

    @list_schema
    def get(self, request: Request, plan_id: UUID) -> Response:
        return self.respond_with_list(plan_id)


class PlanVersionByNumber(VersionsView):
    model, audited_model = PlanOfCare, PlanOfCare._meta.label

    @one_schema
    def get(self, request: Request, plan_id: UUID, number: int) -> Response:
        return self.respond_with_version(plan_id, number)


class GoalProgressNotes(PlanView):
    permissions = {"POST": Permission.WRITE_RECORDS}
    audit_events = {"POST": AuditEvent.CHANGED}
    extra_errors = {"POST": NOT_FOUND | NOT_ACTIVE}

    @extend_schema(
        request=ProgressInput,
        parameters=[ETAG],
        responses={201: PlanShape},
        summary="Add progress on a goal",
        description="By any doctor of the practice. Progress is only added, never changed; it is not an amendment.",
    )
    def post(self, request: Request, plan_id: UUID, goal_id: UUID) -> Response:
        plans.add_progress(by=self.caller, plan_id=plan_id, goal_id=goal_id, **self.checked(ProgressInput))
        return self.respond(plan_id, status=201)


class PlannedAppointments(PlanView):
    """Link an appointment to a plan; the appointment itself does not change."""

    permissions = {"PUT": Permission.WRITE_RECORDS, "DELETE": Permission.WRITE_RECORDS}
    audit_events = {"PUT": AuditEvent.CHANGED, "DELETE": AuditEvent.CHANGED}
    extra_errors = {"PUT": NOT_FOUND | PART_OF_ANOTHER, "DELETE": NOT_FOUND}

    @extend_schema(
        request=None,
        parameters=[ETAG],
        responses={200: PlanShape},
        summary="Add an appointment to a plan of care",
    )
    def put(self, request: Request, plan_id: UUID, appointment_id: UUID) -> Response:
        plans.add_appointment(by=self.caller, plan_id=plan_id, appointment_id=appointment_id)
        return self.respond(plan_id)

    @extend_schema(parameters=[ETAG], responses={200: PlanShape}, summary="Remove an appointment from a plan of care")
    def delete(self, request: Request, plan_id: UUID, appointment_id: UUID) -> Response:
        plans.remove_appointment(by=self.caller, plan_id=plan_id, appointment_id=appointment_id)
        return self.respond(plan_id)


class PlanPdf(PlanView):
    permissions = {"GET": SEE_RECORDS}
    audit_events = {"GET": AuditEvent.PLAN_READ}
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        responses={(200, "application/pdf"): OpenApiTypes.BINARY}, summary="Download a plan of care as a PDF"
    )
    def get(self, request: Request, plan_id: UUID) -> StreamingHttpResponse:
        plan = plans.get_plan(by=self.caller, plan_id=plan_id)
        self.audit_read([plan.patient_id], about_id=plan.pk, **emergency_details([plan.patient]))
        printed = plan_pdf(plan, practice=current_practice(), by=self.caller)
        return download_response([printed], name="plan-of-care.pdf", content_type="application/pdf", size=len(printed))


def _plans_for(person: User, **equal: Any) -> PlanQuerySet:
    found: PlanQuerySet = PlanOfCare.objects.visible_to(person).filter(**equal).latest_first()
    return found


_found = CompiledQuery[PlanOfCare](_plans_for)
_listed = CompiledQuery[PlanOfCare](lambda person, **equal: _plans_for(person, **equal).with_people().with_progress())
