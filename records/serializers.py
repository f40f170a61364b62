"""Shapes of medical records in the API."""

from typing import Any

from rest_framework import serializers

from core.api.pages import PageQuery
from core.api.shapes import Shape, Text
from records.models import MedicalRecord
from records.version_serializers import AmendmentInput

MAX_ATTACHMENTS = 50
LONG, LONGEST = 10_000, 20_000  # characters


def _attachments() -> serializers.ListField:
    return serializers.ListField(
        child=Text(max_length=500),
        max_length=MAX_ATTACHMENTS,
        required=False,
        help_text="Anything that names them; ids must be of files of this patient.",
    )


class RecordInput(serializers.Serializer[Any]):
    patientId = serializers.UUIDField(source="patient_id")
    diagnosis = Text(max_length=LONG)
    prescription = Text(max_length=LONG, allow_blank=True)
    notes = Text(max_length=LONGEST, allow_blank=True)
    attachments = _attachments()


class RecordAmendment(AmendmentInput):
    """Why, and what the record says from now on."""

    diagnosis = Text(max_length=LONG, required=False)
    prescription = Text(max_length=LONG, allow_blank=True, required=False)
    notes = Text(max_length=LONGEST, allow_blank=True, required=False)
    attachments = _attachments()


class RecordQuery(PageQuery):
    patientId = serializers.UUIDField(source="patient_id", required=False)


class RecordShape(Shape[MedicalRecord]):
    id = serializers.UUIDField()
    patientId = serializers.UUIDField()
    patientName = serializers.CharField()
    doctorId = serializers.UUIDField()
    doctorName = serializers.CharField()
    date = serializers.DateTimeField()
    diagnosis = serializers.CharField()
    prescription = serializers.CharField()
    notes = serializers.CharField()
    attachments = serializers.ListField(child=serializers.CharField())

    def to_representation(self, instance: MedicalRecord) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "patientId": instance.patient_id,
            "patientName": instance.patient.name,
            "doctorId": instance.doctor_id,
            "doctorName": instance.doctor.name,
            "date": instance.date,
            "diagnosis": instance.diagnosis,
            "prescription": instance.prescription,
            "notes": instance.notes,
            "attachments": instance.attachments,
        }


class RecordWhole(RecordShape):
    """One record by itself."""

    version = serializers.IntegerField(help_text="Grows with each amendment.")
    amendedAt = serializers.DateTimeField(allow_null=True)

    def to_representation(self, instance: MedicalRecord) -> dict[str, Any]:
        return {
            **super().to_representation(instance),
            "version": instance.version,
            "amendedAt": instance.amended_at,
        }


class RecordPage(Shape[Any]):
    records = RecordShape(many=True)
    total = serializers.IntegerField()
