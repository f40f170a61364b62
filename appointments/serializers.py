"""Shapes of appointments in the API."""

from datetime import date
from typing import Any

from rest_framework import serializers

from accounts.models import User
from accounts.roles import Permission
from appointments.models import Appointment, Status
from core.api.pages import PageQuery
from core.api.shapes import LocalMomentField, OptionalText, Shape, Text

EARLIEST_DAY, LATEST_DAY = date(1900, 1, 1), date(2200, 1, 1)


def check_day(day: date) -> None:
    """Raises ValidationError for a day so far off that its bounds may be no dates at all."""
    if not EARLIEST_DAY <= day <= LATEST_DAY:
        raise serializers.ValidationError("This is no day of a calendar in use.")


class BookingInput(serializers.Serializer[Any]):
    patientId = serializers.UUIDField(source="patient_id")
    doctorId = serializers.UUIDField(source="doctor_id")
    date = LocalMomentField(help_text="Without an offset: local time of the appointment's office, else the practice's.")
    reason = Text(max_length=500)
    notes = OptionalText(max_length=5000)
    officeId = serializers.UUIDField(
        source="office_id", required=False, allow_null=True, help_text="The doctor's where it is left out."
    )


class ChangeInput(serializers.Serializer[Any]):
    date = LocalMomentField(
        required=False,
        help_text="Without an offset: local time of the appointment's office (`officeId` where it is given, else its "
        "own, else the doctor's), else the practice's.",
    )
    status = serializers.ChoiceField(choices=Status.choices, required=False)
    notes = OptionalText(max_length=5000)
    officeId = serializers.UUIDField(
        source="office_id", required=False, help_text="Without `date` the moment stays as it is."
    )


class AppointmentQuery(PageQuery):
    date = serializers.DateField(
        required=False,
        validators=[check_day],
        help_text="A day of the practice's local calendar, whichever the office.",
    )
    status = serializers.ChoiceField(choices=Status.choices, required=False)
    doctorId = serializers.UUIDField(
        source="doctor_id", required=False, help_text="For a doctor: a colleague's list instead of their own."
    )
    officeId = serializers.UUIDField(source="office_id", required=False)


class AppointmentShape(Shape[Appointment]):
    """An appointment. Reason and notes are null for somebody who may not read them, for their role or since the chart
    is restricted: withheld, not empty."""

    id = serializers.UUIDField()
    patientId = serializers.UUIDField()
    patientName = serializers.CharField()
    doctorId = serializers.UUIDField()
    doctorName = serializers.CharField()
    date = serializers.DateTimeField()
    status = serializers.ChoiceField(choices=Status.choices)
    reason = serializers.CharField(allow_null=True)
    notes = serializers.CharField(allow_null=True)
    officeId = serializers.UUIDField(required=False, help_text="Stated where the appointment has an office.")

    def to_representation(self, instance: Appointment) -> dict[str, Any]:
        shown = {
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
        return {**shown, "officeId": instance.office_id} if instance.office_id else shown

    @classmethod
    def seen_by(cls, user: User, instance: Appointment) -> dict[str, Any]:
        """`patient` must have been opened for this user (patients/restriction.py) where it is restricted."""
        shown = cls.of(instance)
        may_read = user.can(Permission.READ_APPOINTMENT_TEXT) or user.can(Permission.READ_OWN_APPOINTMENTS)
        return shown if may_read and not instance.patient.is_closed else {**shown, "reason": None, "notes": None}


class AppointmentPage(Shape[Any]):
    appointments = AppointmentShape(many=True)
    total = serializers.IntegerField()
