"""Shapes of charts in the API."""

from datetime import date, timedelta
from typing import Any

from django.db import models
from django.utils import timezone
from rest_framework import serializers

from accounts.roles import REGISTER_ROLES
from accounts.serializers import MAX_PASSWORD
from core.api.pages import PageQuery
from core.api.shapes import OptionalText, Shape, Text
from patients.models import EmergencyAccess, Gender, Patient

EARLIEST_BIRTH = date(1880, 1, 1)
SHORTEST_REASON = 4  # "fall" is one, "x" is none


def check_birth_date(born: date) -> None:
    """Raises ValidationError for a day that nobody alive was born on (today is allowed anywhere on earth)."""
    if not EARLIEST_BIRTH <= born <= timezone.localdate() + timedelta(days=1):
        raise serializers.ValidationError("This is no date of birth.")


class RegisterInput(serializers.Serializer[Any]):
    name = Text(max_length=200)
    email = serializers.EmailField(max_length=254)
    password = Text(max_length=MAX_PASSWORD, trim_whitespace=False)
    role = serializers.ChoiceField(choices=REGISTER_ROLES)
    phone = OptionalText(max_length=40)
    specialization = OptionalText(max_length=120)
    department = OptionalText(max_length=120)
    joinCode = OptionalText(max_length=20, source="join_code")
    officeId = serializers.UUIDField(
        source="office_id", required=False, allow_null=True, help_text="From an office manager alone."
    )
    dateOfBirth = serializers.DateField(
        source="date_of_birth",
        required=False,
        allow_null=True,
        validators=[check_birth_date],
        help_text="A patient's: the front desk looks for their chart by it.",
    )


class ChartInput(serializers.Serializer[Any]):
    name = Text(max_length=200)
    email = serializers.EmailField(max_length=254)
    phone = Text(max_length=40)
    dateOfBirth = serializers.DateField(source="date_of_birth", validators=[check_birth_date])
    gender = serializers.ChoiceField(choices=Gender.choices)
    address = Text(max_length=500)
    bloodType = OptionalText(max_length=20, source="blood_type")
    allergies = OptionalText(max_length=5000)


class ChartQuery(PageQuery):
    search = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")


class ChartBrief(Shape[Patient]):
    """A chart in a list. A chart that waits to be confirmed may lack date of birth, gender and address. Of a
    restricted chart that is closed to the caller, all but the name is withheld."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField()
    dateOfBirth = serializers.DateField(allow_null=True)
    gender = serializers.CharField()
    address = serializers.CharField()
    created_at = serializers.DateTimeField()
    restricted = serializers.BooleanField(required=False, help_text="Stated of a restricted chart alone.")

    def to_representation(self, instance: Patient) -> dict[str, Any]:
        closed = instance.is_closed
        shown = {
            "id": instance.pk,
            "name": instance.name,
            "email": "" if closed else instance.email,
            "phone": "" if closed else instance.phone,
            "dateOfBirth": None if closed else instance.date_of_birth,
            "gender": "" if closed else instance.gender,
            "address": "" if closed else instance.address,
            "created_at": instance.created_at,
        }
        return {**shown, "restricted": True} if instance.restricted else shown


class ChartPage(Shape[Any]):
    patients = ChartBrief(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    limit = serializers.IntegerField()


class Chart(ChartBrief):
    """A whole chart. The clinical fields are null for a role that may not read them: withheld, not empty."""

    bloodType = serializers.CharField(allow_null=True)
    allergies = serializers.CharField(allow_null=True)
    medicalHistory = serializers.CharField(allow_null=True)

    def to_representation(self, instance: Patient) -> dict[str, Any]:
        if instance.is_closed:
            return self.contact_only(instance)
        return {
            **super().to_representation(instance),
            "bloodType": instance.blood_type,
            "allergies": instance.allergies,
            "medicalHistory": instance.medical_history,
        }

    @classmethod
    def contact_only(cls, instance: Patient) -> dict[str, Any]:
        return {**ChartBrief.whole(instance), "bloodType": None, "allergies": None, "medicalHistory": None}


class ReasonInput(serializers.Serializer[Any]):
    reason = Text(
        min_length=SHORTEST_REASON, max_length=2000, help_text="Why it cannot wait; for the review, encrypted."
    )


class NoteInput(serializers.Serializer[Any]):
    note = OptionalText(max_length=2000)


class ReviewState(models.TextChoices):
    OPEN = "open", "Waits to be signed off"
    REVIEWED = "reviewed", "Signed off"


class EmergencyQuery(PageQuery):
    status = serializers.ChoiceField(choices=ReviewState.choices, required=False)


class EmergencyAccessBrief(Shape[EmergencyAccess]):
    """What opens a restricted chart to somebody, and until when."""

    id = serializers.UUIDField()
    patientId = serializers.UUIDField()
    openedAt = serializers.DateTimeField()
    expiresAt = serializers.DateTimeField()

    def to_representation(self, instance: EmergencyAccess) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "patientId": instance.patient_id,
            "openedAt": instance.created_at,
            "expiresAt": instance.expires_at,
        }


class EmergencyAccessShape(EmergencyAccessBrief):
    """An emergency access in the review queue. `alertedAt` is null where no mail server took the admins' e-mail."""

    patientName = serializers.CharField()
    openedById = serializers.UUIDField()
    openedByName = serializers.CharField()
    reason = serializers.CharField()
    alertedAt = serializers.DateTimeField(allow_null=True)
    status = serializers.ChoiceField(choices=ReviewState.choices)
    reviewedById = serializers.UUIDField(allow_null=True)
    reviewedByName = serializers.CharField(allow_null=True)
    reviewedAt = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField()

    def to_representation(self, instance: EmergencyAccess) -> dict[str, Any]:
        return {
            **super().to_representation(instance),
            "patientName": instance.patient.name,
            "openedById": instance.opened_by_id,
            "openedByName": instance.opened_by.name,
            "reason": instance.reason,
            "alertedAt": instance.alerted_at,
            "status": ReviewState.OPEN if instance.reviewed_at is None else ReviewState.REVIEWED,
            "reviewedById": instance.reviewed_by_id,
            "reviewedByName": instance.reviewer,
            "reviewedAt": instance.reviewed_at,
            "note": instance.note,
        }


class EmergencyAccessPage(Shape[Any]):
    emergencyAccesses = EmergencyAccessShape(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    limit = serializers.IntegerField()
