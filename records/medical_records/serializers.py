"""Serializers of medical records."""

from rest_framework import serializers

from core.api.pagination import NextShape, PageQuery
from core.api.serializers import DateTimeField, OutputSerializer, StrictCharField, StrictSerializer, UUIDField
from records.models import MedicalRecord
from records.versions.serializers import AmendmentInput

MAX_ATTACHMENTS = 50
MAX_TEXT_LENGTH, MAX_NOTES_LENGTH = 10_000, 20_000  # characters


def _attachments() -> serializers.ListField:
    return serializers.ListField(
        child=StrictCharField(max_length=500),
        max_length=MAX_ATTACHMENTS,
        required=False,
        help_text="Free text, or ids of files of this patient.",
    )


class RecordInput(StrictSerializer):
    patientId = UUIDField(source="patient_id")
    date = DateTimeField(
        required=False, help_text="Of the encounter; without an offset, in the practice's local time. Defaults to now."
    )
    diagnosis = StrictCharField(max_length=MAX_TEXT_LENGTH)
    prescription = StrictCharField(max_length=MAX_TEXT_LENGTH, allow_blank=True)
    notes = StrictCharField(max_length=MAX_NOTES_LENGTH, allow_blank=True)
    attachments = _attachments()


class RecordAmendment(AmendmentInput):
    """The reason, and the fields to change."""

    diagnosis = StrictCharField(max_length=MAX_TEXT_LENGTH, required=False)
    prescription = StrictCharField(max_length=MAX_TEXT_LENGTH, allow_blank=True, required=False)
    notes = StrictCharField(max_length=MAX_NOTES_LENGTH, allow_blank=True, required=False)
    attachments = _attachments()


class RecordQuery(PageQuery):
    patientId = UUIDField(source="patient_id", required=False)


class RecordShape(OutputSerializer[MedicalRecord]):
    id = serializers.UUIDField()
    patientId = serializers.UUIDField(source="patient_id")
    patientName = serializers.CharField(source="patient.name")
    doctorId = serializers.UUIDField(source="doctor_id")
    doctorName = serializers.CharField(source="doctor.name")
    date = serializers.DateTimeField()
    diagnosis = serializers.CharField()
    prescription = serializers.CharField()
    notes = serializers.CharField()
    attachments = serializers.ListField(child=serializers.CharField())


class RecordWhole(RecordShape):
    """A single record."""

    version = serializers.IntegerField(help_text="Increases with each amendment.")
    amendedAt = serializers.DateTimeField(source="amended_at", allow_null=True)


class RecordPage(NextShape):
    records = RecordShape(many=True)
    total = serializers.IntegerField()
