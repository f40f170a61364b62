"""Deleting and restoring in the API, the same for everything that can be: `deleting` is a view's DELETE, `Restoring`
the POST beside it. And the list of what is deleted, and legal holds."""

from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from audit.events import Kind
from core.api.pages import page_of
from core.api.schema import NOT_FOUND, WITH_BODY
from core.api.views import ApiView
from core.soft_delete import SoftDeletable
from patients import deletions
from patients.deletion_serializers import (
    Deleted,
    DeletedPage,
    DeletedQuery,
    DeletedShape,
    DeletionInput,
    HiddenShape,
    HoldInput,
    HoldShape,
    HoldState,
    RestoredShape,
)
from patients.models import Deletion, Patient
from patients.restriction import emergencies, open_for
from patients.retention import kept_until

DELETE_ERRORS = NOT_FOUND | WITH_BODY | {"409": "Something refers to it, or somebody else is changing the chart."}
RESTORE_ERRORS = NOT_FOUND | {
    "409": "It is not deleted, its chart is, or something has taken its place.",
    "410": "The 30 days in which it could be restored are over.",
}


def deleting(model: type[SoftDeletable]) -> Callable[..., Response]:
    """A view's `delete`. The view names the permission, Kind.SOFT_DELETED and DELETE_ERRORS."""

    @extend_schema(
        request=DeletionInput,
        responses={200: HiddenShape},
        summary=f"Delete a {model._meta.verbose_name}: hide it, for 30 days so that it can be restored",
        description="The reason is in the body and not in the address, which would be logged.",
    )
    def delete(view: ApiView, request: Request, **ids: UUID) -> Response:
        reason = view.checked(DeletionInput)["reason"]
        (pk,) = ids.values()
        deletion = deletions.delete(by=view.caller, row=model.objects.found(pk=pk), reason=reason)
        return Response(HiddenShape.of(Deleted(deletion, kept_until([deletion]).get(deletion.pk))))

    return delete


def restoring(model: type[SoftDeletable]) -> Callable[..., Response]:
    """The `post` of a Restoring view."""

    @extend_schema(
        request=None, responses={200: RestoredShape}, summary=f"Restore a deleted {model._meta.verbose_name}"
    )
    def post(view: ApiView, request: Request, **ids: UUID) -> Response:
        (pk,) = ids.values()
        row = deletions.restore(by=view.caller, model=model, pk=pk)
        return Response({"id": row.pk, "restoredAt": timezone.now()})

    return post


class Restoring(ApiView):
    """The base of the addresses that restore."""

    trail: ClassVar = {"POST": Kind.RESTORED}
    extra_errors: ClassVar = {"POST": RESTORE_ERRORS}


class RestoreChart(Restoring):
    permissions = {"POST": Permission.DELETE_CLINICAL}
    about = Patient._meta.label
    post = restoring(Patient)


class DeletedEntries(ApiView):
    permissions = {"GET": Permission.DELETE_CLINICAL}
    trail = {"GET": Kind.DELETED_LISTED}
    about = Deletion._meta.label
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        parameters=[DeletedQuery],
        responses={200: DeletedPage},
        summary="What is deleted and not removed for good, the latest first",
        description="What was deleted with its chart is the chart's entry.",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(DeletedQuery)
        page = {"page": query["page"], "limit": query["limit"]}
        found = deletions.deletions_for(self.caller)
        if "kind" in query:
            found = found.filter(about=deletions.label_of(query["kind"]))
        if "patient_id" in query:
            found = found.filter(patient=Patient.with_deleted.living().found(pk=query["patient_id"]))
        rows, total = list(page_of(found, **page)), found.count()
        self.saw((row.patient_id for row in rows), hits=total, **page)
        open_for(self.caller, [row.patient for row in rows])
        kept = kept_until(rows)
        shown = [DeletedShape.of(Deleted(row, kept.get(row.pk), row.patient.is_closed)) for row in rows]
        return Response({"deleted": shown, "total": total, **page})


class LegalHoldOfChart(ApiView):
    permissions = {
        "GET": Permission.HOLD_CHARTS,
        "POST": Permission.HOLD_CHARTS,
        "DELETE": Permission.HOLD_CHARTS,
    }
    trail = {"GET": Kind.CHART_READ, "POST": Kind.HOLD_PLACED, "DELETE": Kind.HOLD_LIFTED}
    about = Patient._meta.label
    extra_errors = {
        "GET": NOT_FOUND,
        "POST": NOT_FOUND | {"409": "It is on hold already, or is being removed for good."},
        "DELETE": NOT_FOUND | {"409": "It is not on hold."},
    }

    @extend_schema(responses={200: HoldState}, summary="Whether a chart is on legal hold, since when and why")
    def get(self, request: Request, chart_id: UUID) -> Response:
        chart, hold = deletions.hold_of(by=self.caller, patient_id=chart_id)
        self.saw([chart.pk], about_id=chart.pk, **emergencies([chart]))
        return Response(HoldState.of(hold) if hold else {"held": False})

    @extend_schema(
        request=HoldInput,
        responses={201: HoldShape},
        summary="Put a chart on legal hold: nothing of it is removed for good, deleted or not",
    )
    def post(self, request: Request, chart_id: UUID) -> Response:
        hold = deletions.place_hold(by=self.caller, patient_id=chart_id, **self.checked(HoldInput))
        return Response(HoldShape.of(hold), status=201)

    @extend_schema(responses={204: None}, summary="Lift the legal hold of a chart")
    def delete(self, request: Request, chart_id: UUID) -> Response:
        deletions.lift_hold(by=self.caller, patient_id=chart_id)
        return Response(status=204)
