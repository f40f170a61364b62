"""Serializers of a visit's history."""

from typing import Any

from rest_framework import serializers

from accounts.models import display_name
from appointments.models import AppointmentEvent, EventKind
from core.api.pagination import NextShape
from core.api.serializers import OutputSerializer


class EventAuthor(OutputSerializer[AppointmentEvent]):
    id = serializers.UUIDField(source="by_id")
    name = serializers.CharField(source="by_name")

    @staticmethod
    def get_by_name(event: AppointmentEvent) -> str:
        return display_name(event.by)


class AppointmentEventShape(OutputSerializer[AppointmentEvent]):
    """One change of an appointment."""

    id = serializers.UUIDField()
    at = serializers.DateTimeField(source="created_at")
    by = EventAuthor(source="*", allow_null=True, help_text="Null if it was a program of the server.")
    what = serializers.ChoiceField(choices=EventKind.choices)
    details = serializers.DictField(
        help_text="`moved`: each of date, endsAt, doctorId, officeId, roomId and typeId that changed, `from` and `to`; "
        "`fields`: which texts changed; `undone`: what was taken back; `late`: whether it was cancelled late; "
        "`via`: `link` or `sms`, if the patient said it without signing in."
    )

    @staticmethod
    def get_by(event: AppointmentEvent) -> dict[str, Any] | None:
        return EventAuthor.to_dict(event) if event.by_id else None


class HistoryPage(NextShape):
    history = AppointmentEventShape(many=True)
    total = serializers.IntegerField()
