"""Shapes of charts in the API."""

from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from core.api.pages import PageQuery
from core.api.shapes import OptionalText, Shape, Text
from patients.models import Gender, Patient

EARLIEST_BIRTH = date(1880, 1, 1)


def check_birth_date(born: date) -> None:
    """Raises ValidationError for a day that nobody alive was born on (today is allowed anywhere on earth)."""
    if not EARLIEST_BIRTH <= born <= timezone.localdate() + timedelta(days=1):
        raise serializers.ValidationError("This is no date of birth.")


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
    """A chart in a list. A chart that waits to be confirmed may lack date of birth, gender and address."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField()
    dateOfBirth = serializers.DateField(allow_null=True)
    gender = serializers.CharField()
    address = serializers.CharField()
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: Patient) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "name": instance.name,
            "email": instance.email,
            "phone": instance.phone,
            "dateOfBirth": instance.date_of_birth,
            "gender": instance.gender,
            "address": instance.address,
            "created_at": instance.created_at,
        }


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
        return {
            **super().to_representation(instance),
            "bloodType": instance.blood_type,
            "allergies": instance.allergies,
            "medicalHistory": instance.medical_history,
        }

    @classmethod
    def contact_only(cls, instance: Patient) -> dict[str, Any]:
        return {**ChartBrief.whole(instance), "bloodType": None, "allergies": None, "medicalHistory": None}
