"""Serializers of the restriction and emergency access API."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from core.api.pagination import PageQuery, PageShape
from core.api.serializers import ChoiceField, OptionalCharField, OutputSerializer, StrictCharField, StrictSerializer
from patients.models import EmergencyAccess

MIN_REASON_LENGTH = 4  # long enough for "fall"


class ReasonInput(StrictSerializer):
    reason = StrictCharField(
        min_length=MIN_REASON_LENGTH,
        max_length=2000,
        help_text="Why access cannot wait; stored encrypted and shown to the reviewer.",
    )


class NoteInput(StrictSerializer):
    note = OptionalCharField(max_length=2000)


class ReviewState(models.TextChoices):
    OPEN = "open", _("Awaiting review")
    REVIEWED = "reviewed", _("Signed off")


class EmergencyQuery(PageQuery):
    status = ChoiceField(choices=ReviewState.choices, required=False)


class EmergencyAccessBrief(OutputSerializer[EmergencyAccess]):
    """An emergency access to a restricted chart, valid until `expiresAt`."""

    id = serializers.UUIDField()
    patientId = serializers.UUIDField(source="patient_id")
    openedAt = serializers.DateTimeField(source="created_at")
    expiresAt = serializers.DateTimeField(source="expires_at")


class EmergencyAccessShape(EmergencyAccessBrief):
    """An emergency access in the review queue. `alertedAt` is null if the email to the admins could not be sent."""

    patientName = serializers.CharField(source="patient.name")
    openedById = serializers.UUIDField(source="opened_by_id")
    openedByName = serializers.CharField(source="opened_by.name")
    reason = serializers.CharField()
    alertedAt = serializers.DateTimeField(source="alerted_at", allow_null=True)
    status = serializers.ChoiceField(choices=ReviewState.choices)
    reviewedById = serializers.UUIDField(source="reviewed_by_id", allow_null=True)
    reviewedByName = serializers.CharField(source="reviewed_by_name", allow_null=True)
    reviewedAt = serializers.DateTimeField(source="reviewed_at", allow_null=True)
    note = serializers.CharField()

    @staticmethod
    def get_status(access: EmergencyAccess) -> ReviewState:
        return ReviewState.OPEN if access.reviewed_at is None else ReviewState.REVIEWED


class EmergencyAccessPage(PageShape):
    emergencyAccesses = EmergencyAccessShape(many=True)
