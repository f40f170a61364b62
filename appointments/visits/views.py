"""The history of an appointment."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from appointments.models import Appointment
from appointments.visits.serializers import AppointmentEventShape, HistoryPage
from audit.events import AuditEvent
from core.api.pagination import Page, PageQuery
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission


class AppointmentHistory(ApiView):
    permissions = {"GET": Permission.READ_APPOINTMENTS}
    audit_events = {"GET": AuditEvent.APPOINTMENT_READ}
    audited_model = Appointment._meta.label
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        parameters=[PageQuery],
        responses={200: HistoryPage},
        summary="Read what was done with an appointment, when and by whom, latest first",
    )
    def get(self, request: Request, appointment_id: UUID) -> Response:
        page = Page.taken_from(self.checked_query(PageQuery))
        visit: Appointment = (
            Appointment.objects.visible_to(self.caller).only("patient_id").get_or_refuse(pk=appointment_id)
        )
        events = visit.events.select_related("by").order_by("-id")
        rows = page.rows(events)
        total = page.total(events.count)
        self.audit_read([visit.patient_id], about_id=visit.pk, hits=total, **page.asked)
        return Response({"history": [AppointmentEventShape.to_dict(row) for row in rows], "total": total, **page.next})
