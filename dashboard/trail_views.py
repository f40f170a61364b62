"""Reading the audit trail: the practice's for its office manager, and who has seen a chart for its patient too."""

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from audit import reading
from audit.events import Kind
from audit.models import Event
from audit.reading import Wanted
from core.api.schema import NOT_FOUND
from core.api.views import ApiView
from core.errors import Invalid
from core.tenancy import current_practice_id
from dashboard.trail import Entry, entries
from dashboard.trail_serializers import AccessPage, AccessShape, CursorQuery, EventPage, EventShape, TrailQuery
from patients.models import Patient
from practices.services import current_practice


class Trail(ApiView):
    permissions = {"GET": Permission.READ_TRAIL}
    trail = {"GET": Kind.TRAIL_READ}
    about = Event._meta.label

    @extend_schema(
        parameters=[TrailQuery],
        responses={200: EventPage},
        summary="The practice's audit trail, newest first",
        description="Who did what, to which patients, when and from where. Reading it is told by it, too.",
    )
    def get(self, request: Request) -> Response:
        with timezone.override(current_practice().tzinfo):
            query = self.checked_query(TrailQuery)
        cursor, limit = query.pop("cursor", None), query.pop("limit")
        wanted = Wanted(practice_id=current_practice_id(), **query)
        shown, following = _page(wanted, cursor=cursor, limit=limit)
        self.saw([wanted.patient] if wanted.patient and shown else [], filters=wanted.told(), hits=len(shown))
        return Response({"events": [EventShape.of(entry) for entry in shown], "next": following})


class Accesses(ApiView):
    permissions = {"GET": (Permission.READ_TRAIL, Permission.READ_OWN_ACCESSES)}
    trail = {"GET": Kind.ACCESSES_READ}
    about = Patient._meta.label
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        parameters=[CursorQuery],
        responses={200: AccessPage},
        summary="Who has seen or changed a chart, newest first; a patient's own",
    )
    def get(self, request: Request, chart_id: UUID) -> Response:
        query = self.checked_query(CursorQuery)
        chart = Patient.objects.visible_to(self.caller).only("pk").found(pk=chart_id)
        wanted = Wanted(practice_id=current_practice_id(), patient=chart.pk)
        shown, following = _page(wanted, cursor=query.get("cursor"), limit=query["limit"])
        self.saw([chart.pk], hits=len(shown))
        return Response({"accesses": [AccessShape.seen_by(self.caller, entry) for entry in shown], "next": following})


def _page(wanted: Wanted, *, cursor: UUID | None, limit: int) -> tuple[list[Entry], UUID | None]:
    try:
        events, following = reading.page(wanted, after=cursor, limit=limit)
    except reading.NoSuchPlace as error:
        raise Invalid("cursor", "This is no place in this list.") from error
    return entries(events), following
