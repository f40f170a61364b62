"""API views of the audit trail: the practice's events, and the accesses to one chart (for its patient too)."""

from uuid import UUID

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from audit import queries
from audit.events import AuditEvent
from audit.models import Event
from audit.queries import EventFilter
from audit_review.entries import Entry, entries
from audit_review.serializers import AccessPage, AccessShape, CursorQuery, EventPage, EventShape, TrailQuery
from core.api.pagination import UNKNOWN_CURSOR
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.errors import Invalid
from core.permissions import Permission
from core.tenancy.scope import current_practice_id
from patients.models import Patient
from practices.services import current_practice


class Trail(ApiView):
    permissions = {"GET": Permission.READ_TRAIL}
    audit_events = {"GET": AuditEvent.TRAIL_READ}
    audited_model = Event._meta.label

    @extend_schema(
        parameters=[TrailQuery],
        responses={200: EventPage},
        summary="List the practice's audit trail, newest first",
        description="Who did what, to which patients, when and from where. Reading the trail is itself logged in it.",
    )
    def get(self, request: Request) -> Response:
        with timezone.override(current_practice().tzinfo):
            query = self.checked_query(TrailQuery)
        cursor, limit = query.pop("cursor", None), query.pop("limit")
        event_filter = EventFilter(practice_id=current_practice_id(), **query)
        events, next_cursor = _page(event_filter, cursor=cursor, limit=limit)
        self.audit_read(
            [event_filter.patient] if event_filter.patient and events else [],
            filters=event_filter.as_details(),
            hits=len(events),
        )
        return Response({"events": [EventShape.to_dict(entry) for entry in events], "next": next_cursor})


class Accesses(ApiView):
    permissions = {"GET": (Permission.READ_TRAIL, Permission.READ_OWN_ACCESSES)}
    audit_events = {"GET": AuditEvent.ACCESSES_READ}
    audited_model = Patient._meta.label
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        parameters=[CursorQuery],
        responses={200: AccessPage},
        summary="List who viewed or changed a chart, newest first; patients see their own",
    )
    def get(self, request: Request, chart_id: UUID) -> Response:
        query = self.checked_query(CursorQuery)
        chart = Patient.objects.visible_to(self.caller).only("pk").get_or_refuse(pk=chart_id)
        event_filter = EventFilter(practice_id=current_practice_id(), patient=chart.pk)
        events, next_cursor = _page(event_filter, cursor=query.get("cursor"), limit=query["limit"])
        self.audit_read([chart.pk], hits=len(events))
        return Response(
            {"accesses": [AccessShape.for_viewer(self.caller, entry) for entry in events], "next": next_cursor}
        )


def _page(event_filter: EventFilter, *, cursor: UUID | None, limit: int) -> tuple[list[Entry], UUID | None]:
    try:
        events, next_cursor = queries.page(event_filter, after=cursor, limit=limit)
    except queries.InvalidCursor as error:
        raise Invalid("cursor", UNKNOWN_CURSOR) from error
    return entries(events), next_cursor
