"""Plans of care."""

from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.roles import Permission
from audit.events import Kind
from core.api.pages import page_of
from core.api.schema import NOT_FOUND, stale
from core.api.views import ApiView
from patients.deletion_views import DELETE_ERRORS, deleting
from patients.models import Patient
from patients.restriction import check_open, emergencies, open_for
from practices.services import current_practice
from records import plans
from records.deletion_views import DELETE_ENTRIES
from records.files.answers import download
from records.models import PlanOfCare
from records.models.plan import PlanQuerySet
from records.plan_pdf import plan_pdf
from records.plan_serializers import (
    PlanAmendment,
    PlanBrief,
    PlanInput,
    PlanPage,
    PlanQuery,
    PlanShape,
    ProgressInput,
)
from records.version_serializers import ETAG, IF_MATCH, etag, expected_version
from records.version_views import SEE_RECORDS, VersionsView, list_schema, one_schema

STALE = stale(PlanShape, "It has been changed since; `current` is the plan as it is now.")
NOT_ACTIVE = {"409": "The plan is not active."}
PART_OF_ANOTHER = {"409": "The appointment is part of another plan."}


class PlanView(ApiView):
    about = PlanOfCare._meta.label

    def shown(self, plan_id: UUID, *, status: int = 200) -> Response:
        """The whole plan as it is now."""
        plan = plans.plan_for(by=self.caller, plan_id=plan_id)
        self.saw([plan.patient_id], about_id=plan.pk, **emergencies([plan.patient]))
        return Response(PlanShape.of(plan), status=status, headers=etag(plan.version))


class Plans(PlanView):
    permissions = {"GET": SEE_RECORDS, "POST": Permission.WRITE_RECORDS}
    trail = {"GET": Kind.PLANS_LISTED, "POST": Kind.CREATED}
    extra_errors = {"GET": NOT_FOUND, "POST": NOT_FOUND}

    @extend_schema(parameters=[PlanQuery], responses={200: PlanPage}, summary="Plans of care, the latest first")
    def get(self, request: Request) -> Response:
        query = self.checked_query(PlanQuery)
        found = _plans_for(self.caller, query.get("patient_id"))
        if "status" in query:
            found = found.filter(status=query["status"])
        page = {"page": query["page"], "limit": query["limit"]}
        rows, total = page_of(found.with_people().with_progress(), **page), found.count()
        whom = [query["patient_id"]] if query.get("patient_id") else (row.patient_id for row in rows)
        opened = emergencies(open_for(self.caller, [row.patient for row in rows]))
        self.saw(whom, hits=total, **page, **opened)
        return Response({"plans": [PlanBrief.of(row) for row in rows], "total": total, **page})

    @extend_schema(request=PlanInput, parameters=[ETAG], responses={201: PlanShape}, summary="Make a plan of care")
    def post(self, request: Request) -> Response:
        plan = plans.make_plan(by=self.caller, **self.checked(PlanInput))
        return self.shown(plan.pk, status=201)


class PlanById(PlanView):
    permissions = {"GET": SEE_RECORDS, "DELETE": DELETE_ENTRIES}
    trail = {"GET": Kind.PLAN_READ, "DELETE": Kind.SOFT_DELETED}
    extra_errors = {"GET": NOT_FOUND, "DELETE": DELETE_ERRORS}

    @extend_schema(
        parameters=[ETAG], responses={200: PlanShape}, summary="One plan of care, with its goals and their progress"
    )
    def get(self, request: Request, plan_id: UUID) -> Response:
        return self.shown(plan_id)

    delete = deleting(PlanOfCare)


class PlanAmendments(PlanView):
    permissions = {"POST": Permission.WRITE_RECORDS}
    trail = {"POST": Kind.AMENDED}
    extra_errors = {"POST": NOT_FOUND | STALE}

    @extend_schema(
        parameters=[IF_MATCH, ETAG],
        request=PlanAmendment,
        responses={200: PlanShape},
        summary="Amend a plan of care",
        description="By its author; by another doctor once the author works here no more. 409 with the plan as it is "
        "(`current`) where somebody has changed it since.",
    )
    def post(self, request: Request, plan_id: UUID) -> Response:
        changes = self.checked(PlanAmendment)
        expected = expected_version(request, changes.pop("version", None))
        plans.amend_plan(by=self.caller, plan_id=plan_id, expected=expected, **changes)
        return self.shown(plan_id)


class PlanVersions(VersionsView):
    model, about = PlanOfCare, PlanOfCare._meta.label

    @list_schema
    def get(self, request: Request, plan_id: UUID) -> Response:
        return self.answer_all(plan_id)


class PlanVersionByNumber(VersionsView):
    model, about = PlanOfCare, PlanOfCare._meta.label

    @one_schema
    def get(self, request: Request, plan_id: UUID, number: int) -> Response:
        return self.answer_one(plan_id, number)


class GoalProgressNotes(PlanView):
    permissions = {"POST": Permission.WRITE_RECORDS}
    trail = {"POST": Kind.CHANGED}
    extra_errors = {"POST": NOT_FOUND | NOT_ACTIVE}

    @extend_schema(
        request=ProgressInput,
        parameters=[ETAG],
        responses={201: PlanShape},
        summary="Note progress of a goal",
        description="By any doctor of the practice; it is added, never changed, and amends nothing.",
    )
    def post(self, request: Request, plan_id: UUID, goal_id: UUID) -> Response:
        plans.note_progress(by=self.caller, plan_id=plan_id, goal_id=goal_id, **self.checked(ProgressInput))
        return self.shown(plan_id, status=201)


class PlannedAppointments(PlanView):
    """The appointment itself stays as it is."""

    permissions = {"PUT": Permission.WRITE_RECORDS, "DELETE": Permission.WRITE_RECORDS}
    trail = {"PUT": Kind.CHANGED, "DELETE": Kind.CHANGED}
    extra_errors = {"PUT": NOT_FOUND | PART_OF_ANOTHER, "DELETE": NOT_FOUND}

    @extend_schema(
        request=None,
        parameters=[ETAG],
        responses={200: PlanShape},
        summary="Make an appointment part of a plan of care",
    )
    def put(self, request: Request, plan_id: UUID, appointment_id: UUID) -> Response:
        plans.plan_appointment(by=self.caller, plan_id=plan_id, appointment_id=appointment_id)
        return self.shown(plan_id)

    @extend_schema(parameters=[ETAG], responses={200: PlanShape}, summary="Take an appointment out of a plan of care")
    def delete(self, request: Request, plan_id: UUID, appointment_id: UUID) -> Response:
        plans.unplan_appointment(by=self.caller, plan_id=plan_id, appointment_id=appointment_id)
        return self.shown(plan_id)


class PlanPdf(PlanView):
    permissions = {"GET": SEE_RECORDS}
    trail = {"GET": Kind.PLAN_READ}
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY}, summary="A plan of care for printing")
    def get(self, request: Request, plan_id: UUID) -> StreamingHttpResponse:
        plan = plans.plan_for(by=self.caller, plan_id=plan_id)
        self.saw([plan.patient_id], about_id=plan.pk, **emergencies([plan.patient]))
        printed = plan_pdf(plan, practice=current_practice(), by=self.caller)
        return download([printed], name="plan-of-care.pdf", content_type="application/pdf", size=len(printed))


def _plans_for(user: User, patient_id: UUID | None) -> PlanQuerySet:
    """An unknown patient is an error: an empty list would read as `no plan`."""
    found: PlanQuerySet = PlanOfCare.objects.visible_to(user).latest_first()
    if patient_id is None:
        return found
    check_open(user, Patient.objects.visible_to(user).only("restricted").found(pk=patient_id))
    return found.filter(patient_id=patient_id)
