"""The messages about a visit."""

from uuid import UUID

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from appointments.messages.serializers import MessageShape, VisitMessages
from appointments.models import Appointment
from audit.events import AuditEvent
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from notifications.messages.planning import ledger_of


class AppointmentMessages(ApiView):
    permissions = {"GET": Permission.READ_APPOINTMENTS}
    audit_events = {"GET": AuditEvent.MESSAGES_READ}
    audited_model = Appointment._meta.label
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        responses={200: VisitMessages},
        summary="Read which messages the patient got or will get about an appointment, and why one was not sent",
    )
    def get(self, request: Request, appointment_id: UUID) -> Response:
        visit: Appointment = (
            Appointment.objects.visible_to(self.caller).select_related("practice").get_or_refuse(pk=appointment_id)
        )
        rows = ledger_of([visit.pk])
        self.audit_read([visit.patient_id], about_id=visit.pk, hits=len(rows))
        with timezone.override(visit.practice.tzinfo):
            return Response({"messages": [MessageShape.to_dict(row) for row in rows]})
