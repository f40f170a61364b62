"""Shapes of the registrations desk in the API."""

from typing import Any

from rest_framework import serializers

from core.api.shapes import Shape
from patients.likely import Because, Match, Registration
from patients.models import Patient, Status
from patients.registrations import DeclineReason
from patients.serializers import ChartBrief


class MatchShape(Shape[Match]):
    """A confirmed chart that may be the registered person's, and why. Of a restricted chart that is closed to the
    caller, all but the name is withheld."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField()
    dateOfBirth = serializers.DateField(allow_null=True)
    hasAccount = serializers.BooleanField(allow_null=True, help_text="A chart that has one cannot be merged into.")
    because = serializers.ListField(child=serializers.ChoiceField(choices=Because.choices))
    restricted = serializers.BooleanField(required=False, help_text="Stated of a restricted chart alone.")

    def to_representation(self, instance: Match) -> dict[str, Any]:
        chart = instance.chart
        closed = chart.is_closed
        shown = {
            "id": chart.pk,
            "name": chart.name,
            "email": "" if closed else chart.email,
            "phone": "" if closed else chart.phone,
            "dateOfBirth": None if closed else chart.date_of_birth,
            "hasAccount": None if closed else chart.user_id is not None,
            "because": instance.because,
        }
        return {**shown, "restricted": True} if chart.restricted else shown


class RegistrationShape(ChartBrief):
    """A chart that waits to be confirmed, and whose it may be: the likeliest first, five at most."""

    matches = MatchShape(many=True)

    def to_representation(self, instance: Registration) -> dict[str, Any]:  # type: ignore[override]
        return {**ChartBrief.whole(instance.chart), "matches": [MatchShape.of(match) for match in instance.matches]}


class RegistrationPage(Shape[Any]):
    registrations = RegistrationShape(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    limit = serializers.IntegerField()


class SettledShape(Shape[Patient]):
    """What became of a registration. `patientId` is the chart that is the person's now: the registration's own, or the
    one it was merged into."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Status.choices)
    patientId = serializers.UUIDField()

    def to_representation(self, instance: Patient) -> dict[str, Any]:
        return {"id": instance.pk, "status": instance.status, "patientId": instance.merged_into_id or instance.pk}


class ConfirmInput(serializers.Serializer[Any]):
    patientId = serializers.UUIDField(source="into", required=False, allow_null=True, default=None)


class DeclineInput(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(choices=DeclineReason.choices, required=False, allow_blank=True, default="")
