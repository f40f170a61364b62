"""Shapes of medical records in the API."""

from typing import Any

from rest_framework import serializers

from core.api.pages import PageQuery
from core.api.shapes import Shape, Text
from records.models import MedicalRecord

MAX_ATTACHMENTS = 50


class RecordInput(serializers.Serializer[Any]):
    patientId = serializers.UUIDField(source="patient_id")
    diagnosis = Text(max_length=10_000)
    prescription = Text(max_length=10_000, allow_blank=True)
    notes = Text(max_length=20_000, allow_blank=True)
    attachments = serializers.ListField(child=Text(max_length=500), max_length=MAX_ATTACHMENTS, required=False)


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


class RecordPage(Shape[Any]):
    records = RecordShape(many=True)
    total = serializers.IntegerField()
