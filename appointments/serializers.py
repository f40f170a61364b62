"""Shapes of appointments in the API."""

from typing import Any

from rest_framework import serializers

from accounts.models import User
from accounts.roles import Permission
from appointments.models import Appointment, Status
from core.api.pages import PageQuery
from core.api.shapes import Shape, Text, optional_text


class BookingInput(serializers.Serializer[Any]):
    patientId = serializers.UUIDField(source="patient_id")
    doctorId = serializers.UUIDField(source="doctor_id")
    date = serializers.DateTimeField(help_text="Without an offset: the practice's local time.")
    reason = Text(max_length=500)
    notes = optional_text(5000)


class ChangeInput(serializers.Serializer[Any]):
    date = serializers.DateTimeField(required=False, help_text="Without an offset: the practice's local time.")
    status = serializers.ChoiceField(choices=Status.choices, required=False)
    notes = optional_text(5000)


class AppointmentQuery(PageQuery):
    date = serializers.DateField(required=False, help_text="A day of the practice's local calendar.")
    status = serializers.ChoiceField(choices=Status.choices, required=False)
    doctorId = serializers.UUIDField(
        source="doctor_id", required=False, help_text="For a doctor: a colleague's list instead of their own."
    )


class AppointmentShape(Shape[Appointment]):
    """An appointment. Reason and notes are null for a role that may not read them: withheld, not empty."""

    id = serializers.UUIDField()
    patientId = serializers.UUIDField()
    patientName = serializers.CharField()
    doctorId = serializers.UUIDField()
    doctorName = serializers.CharField()
    date = serializers.DateTimeField()
    status = serializers.ChoiceField(choices=Status.choices)
    reason = serializers.CharField(allow_null=True)
    notes = serializers.CharField(allow_null=True)

    def to_representation(self, instance: Appointment) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "patientId": instance.patient_id,
            "patientName": instance.patient.name,
            "doctorId": instance.doctor_id,
            "doctorName": instance.doctor.name,
            "date": instance.starts_at,
            "status": instance.status,
            "reason": instance.reason,
            "notes": instance.notes,
        }

    @classmethod
    def seen_by(cls, user: User, instance: Appointment) -> dict[str, Any]:
        shown = cls.of(instance)
        may_read = user.can(Permission.READ_APPOINTMENT_TEXT) or user.can(Permission.READ_OWN_APPOINTMENTS)
        return shown if may_read else {**shown, "reason": None, "notes": None}


class AppointmentPage(Shape[Any]):
    appointments = AppointmentShape(many=True)
    total = serializers.IntegerField()
