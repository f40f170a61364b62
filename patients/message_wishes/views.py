"""How a patient wants to be written to."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import AuditEvent
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from notifications.models import MessagePreference
from patients.message_wishes import services
from patients.message_wishes.serializers import WishesChange, WishesShape


class MessageWishes(ApiView):
    permissions = {
        "GET": (Permission.READ_CHARTS, Permission.READ_CONTACTS, Permission.READ_OWN_CHART),
        "PATCH": (Permission.WRITE_CHARTS, Permission.CHANGE_OWN_CONTACT),
    }
    audit_events = {"GET": AuditEvent.CHART_READ, "PATCH": AuditEvent.CHANGED}
    audited_model = MessagePreference._meta.label
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND}

    @extend_schema(responses={200: WishesShape}, summary="Read by which channels a patient wants messages")
    def get(self, request: Request, chart_id: UUID) -> Response:
        _chart, wishes = services.get_wishes(by=self.caller, patient_id=chart_id)
        self.audit_read([chart_id], about_id=chart_id)
        return Response(WishesShape.to_dict(wishes))

    @extend_schema(
        request=WishesChange,
        responses={200: WishesShape},
        summary="Say by which channels a patient wants messages, and in which language",
        description="For the front desk, and for patients themselves. A message that is planned is not sent any more "
        "if its channel isn't wanted when it is due.",
    )
    def patch(self, request: Request, chart_id: UUID) -> Response:
        _chart, now = services.get_wishes(by=self.caller, patient_id=chart_id)
        wanted = self.checked_changes(WishesChange, shown=lambda: WishesShape.to_dict(now))
        wishes = services.change_wishes(by=self.caller, patient_id=chart_id, **wanted)
        self.audit_read([chart_id], about_id=chart_id)
        return Response(WishesShape.to_dict(wishes))
