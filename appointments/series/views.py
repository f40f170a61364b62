"""Series of appointments."""

from rest_framework.request import Request
from rest_framework.response import Response

from appointments.models import Appointment
from appointments.series import services
from appointments.series.serializers import OccurrenceList, OccurrenceShape, SeriesInput, SeriesRefusal
from audit.events import AuditEvent
from core.api.schema import NOT_FOUND, Refused, extend_schema
from core.api.views import ApiView
from core.permissions import Permission

NOT_FREE = {"409": Refused("Some of the visits cannot take place: `occurrences` says which and why.", SeriesRefusal)}


class AppointmentSeriesBooking(ApiView):
    permissions = {"POST": Permission.BOOK}
    audit_events = {"POST": AuditEvent.SERIES_BOOKED}
    audited_model = Appointment._meta.label
    extra_errors = {"POST": NOT_FOUND | NOT_FREE}

    @extend_schema(
        request=SeriesInput,
        responses={200: OccurrenceList, 201: OccurrenceList},
        summary="Book a series of appointments",
        description="At most 100 visits within two years. Each becomes an appointment of its own, with the same "
        "`seriesId`. In a month without the first visit's day it is the last day. With `dryRun` nothing is booked and "
        "the answer is 200.",
    )
    def post(self, request: Request) -> Response:
        asked = self.checked(SeriesInput)
        found = services.book(by=self.caller, **asked)
        planned = asked.get("dry_run", False)  # which shows when the patient is free
        self.audit_read(
            [asked["patient_id"]], kind=AuditEvent.APPOINTMENTS_LISTED if planned else None, hits=len(found)
        )
        shown = [OccurrenceShape.to_dict(one) for one in found]
        return Response({"occurrences": shown}, status=200 if planned else 201)
