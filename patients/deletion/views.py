"""Views for deletions and legal holds, and `delete_handler` and `RestoreView`, which other apps use for their
models."""

from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import AuditEvent
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, WITH_BODY, extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from core.tenancy.soft_delete import SoftDeletable
from patients.deletion import services as deletions
from patients.deletion.retention import kept_until
from patients.deletion.serializers import (
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
from patients.restriction.services import emergency_details, resolve_access

DELETE_ERRORS = NOT_FOUND | WITH_BODY | {"409": "Something refers to it, or someone else is changing the chart."}
RESTORE_ERRORS = NOT_FOUND | {
    "409": "It is not deleted, its chart is, or something has taken its place.",
    "410": "The 30 days for restoring it are over.",
}


def _with_article(model: type[SoftDeletable]) -> str:
    name = str(model._meta.verbose_name)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def delete_handler(model: type[SoftDeletable]) -> Callable[..., Response]:
    """Return a view's `delete` method. The view declares the permission, AuditEvent.SOFT_DELETED and DELETE_ERRORS."""

    @extend_schema(
        request=DeletionInput,
        responses={200: HiddenShape},
        summary=f"Delete {_with_article(model)}; it can be restored for 30 days",
        description="The reason is sent in the body, because URLs are logged.",
    )
    def delete(view: ApiView, request: Request, **ids: UUID) -> Response:
        reason = view.checked(DeletionInput)["reason"]
        (pk,) = ids.values()
        deletion = deletions.delete(by=view.caller, row=model.objects.get_or_refuse(pk=pk), reason=reason)
        return Response(HiddenShape.to_dict(Deleted(deletion, kept_until([deletion]).get(deletion.pk))))

    return delete


def restore_handler(model: type[SoftDeletable]) -> Callable[..., Response]:
    """Return the `post` method of a RestoreView."""

    @extend_schema(
        request=None, responses={200: RestoredShape}, summary=f"Restore a deleted {model._meta.verbose_name}"
    )
    def post(view: ApiView, request: Request, **ids: UUID) -> Response:
        (pk,) = ids.values()
        row = deletions.restore(by=view.caller, model=model, pk=pk)
        return Response({"id": row.pk, "restoredAt": timezone.now()})

    return post


class RestoreView(ApiView):
    """Base of the views that restore a row."""

    audit_events: ClassVar = {"POST": AuditEvent.RESTORED}
    extra_errors: ClassVar = {"POST": RESTORE_ERRORS}


class RestoreChart(RestoreView):
    permissions = {"POST": Permission.DELETE_CLINICAL}
    audited_model = Patient._meta.label
    post = restore_handler(Patient)


class DeletedEntries(ApiView):
    permissions = {"GET": Permission.DELETE_CLINICAL}
    audit_events = {"GET": AuditEvent.DELETED_LISTED}
    audited_model = Deletion._meta.label
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        parameters=[DeletedQuery],
        responses={200: DeletedPage},
        summary="List deleted charts and rows, latest first",
        description="Rows deleted with their chart are part of the chart's entry.",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(DeletedQuery)
        page = Page.taken_from(query)
        found = deletions.deletions_for(self.caller)
        if "kind" in query:
            found = found.filter(about=deletions.model_label(query["kind"]))
        if "patient_id" in query:
            found = found.filter(patient=Patient.with_deleted.active().get_or_refuse(pk=query["patient_id"]))
        rows, total = page.rows(found), found.count()
        self.audit_read((row.patient_id for row in rows), hits=total, **page.asked)
        resolve_access(self.caller, [row.patient for row in rows])
        kept = kept_until(rows)
        deleted = [DeletedShape.to_dict(Deleted(row, kept.get(row.pk), row.patient.is_closed)) for row in rows]
        return Response({"deleted": deleted, "total": total, **page.asked, **page.next})


class LegalHoldOfChart(ApiView):
    permissions = {
        "GET": Permission.HOLD_CHARTS,
        "POST": Permission.HOLD_CHARTS,
        "DELETE": Permission.HOLD_CHARTS,
    }
    audit_events = {"GET": AuditEvent.CHART_READ, "POST": AuditEvent.HOLD_PLACED, "DELETE": AuditEvent.HOLD_LIFTED}
    audited_model = Patient._meta.label
    extra_errors = {
        "GET": NOT_FOUND,
        "POST": NOT_FOUND | {"409": "It is already on hold, or is being deleted permanently."},
        "DELETE": NOT_FOUND | {"409": "It is not on hold."},
    }

    @extend_schema(responses={200: HoldState}, summary="Read whether a chart is on legal hold, since when and why")
    def get(self, request: Request, chart_id: UUID) -> Response:
        chart, hold = deletions.get_hold(by=self.caller, patient_id=chart_id)
        self.audit_read([chart.pk], about_id=chart.pk, **emergency_details([chart]))
        return Response(HoldState.to_dict(hold) if hold else {"held": False})

    @extend_schema(
        request=HoldInput,
        responses={201: HoldShape},
        summary="Put a chart on legal hold: nothing in it is deleted permanently",
    )
    def post(self, request: Request, chart_id: UUID) -> Response:
        hold = deletions.place_hold(by=self.caller, patient_id=chart_id, **self.checked(HoldInput))
        return Response(HoldShape.to_dict(hold), status=201)

    @extend_schema(responses={204: None}, summary="Lift the legal hold of a chart")
    def delete(self, request: Request, chart_id: UUID) -> Response:
        deletions.lift_hold(by=self.caller, patient_id=chart_id)
        return Response(status=204)
