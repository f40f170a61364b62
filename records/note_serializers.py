"""Shapes of session notes in the API."""

from typing import Any

from rest_framework import serializers

from core.api.pages import PageQuery
from core.api.shapes import EdgeField, MomentField, OptionalText, Shape, Strict, Text
from records.models import SessionNote
from records.models.note import LONGEST_MINUTES, SECTION_LENGTH, Status
from records.version_serializers import AmendmentInput, ChangeInput

QUERY_LENGTH = 200


def _section() -> OptionalText:
    """A doctor's words as they were typed, blanks at their ends included."""
    return OptionalText(max_length=SECTION_LENGTH, trim_whitespace=False)


class NoteFields(Strict):
    subjective = _section()
    objective = _section()
    assessment = _section()
    plan = _section()
    durationMinutes = serializers.IntegerField(
        source="duration_minutes", min_value=1, max_value=LONGEST_MINUTES, required=False, allow_null=True
    )
    date = MomentField(required=False, help_text="Of the session; without an offset in the practice's local time.")
    appointmentId = serializers.UUIDField(source="appointment_id", required=False, allow_null=True)
    planId = serializers.UUIDField(source="plan_of_care_id", required=False, allow_null=True)


class SessionNoteInput(NoteFields):
    patientId = serializers.UUIDField(source="patient_id")


class NoteChange(NoteFields, ChangeInput):
    """The fields to save; those left out keep what they hold."""


class NoteAmendment(NoteFields, AmendmentInput):
    """Why, and what the note says from now on."""


class PatientQuery(serializers.Serializer[Any]):
    patientId = serializers.UUIDField(source="patient_id")


class NoteQuery(PageQuery):
    patientId = serializers.UUIDField(source="patient_id", required=False)
    doctorId = serializers.UUIDField(source="doctor_id", required=False)
    status = serializers.ChoiceField(choices=Status.choices, required=False)

    def get_fields(self) -> dict[str, Any]:
        span = {  # `from` is no name for an attribute
            "from": EdgeField(
                source="start", required=False, help_text="A moment, included, or a day of the practice's calendar."
            ),
            "to": EdgeField(
                source="end", last=True, required=False, help_text="A moment, not included, or a day, the whole of it."
            ),
        }
        return {**super().get_fields(), **span}


class NoteShape(Shape[SessionNote]):
    id = serializers.UUIDField()
    patientId = serializers.UUIDField()
    patientName = serializers.CharField()
    doctorId = serializers.UUIDField()
    doctorName = serializers.CharField()
    appointmentId = serializers.UUIDField(allow_null=True)
    planId = serializers.UUIDField(allow_null=True, help_text="Of the plan of care that the session is part of.")
    date = serializers.DateTimeField()
    durationMinutes = serializers.IntegerField(allow_null=True)
    subjective = serializers.CharField(allow_blank=True)
    objective = serializers.CharField(allow_blank=True)
    assessment = serializers.CharField(allow_blank=True)
    plan = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=Status.choices)
    version = serializers.IntegerField(help_text="Grows with each save.")
    finalisedAt = serializers.DateTimeField(allow_null=True)
    amendedAt = serializers.DateTimeField(allow_null=True)
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()

    def to_representation(self, instance: SessionNote) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "patientId": instance.patient_id,
            "patientName": instance.patient.name,
            "doctorId": instance.doctor_id,
            "doctorName": instance.doctor.name,
            "appointmentId": instance.appointment_id,
            "planId": instance.plan_of_care_id,
            "date": instance.date,
            "durationMinutes": instance.duration_minutes,
            "subjective": instance.subjective,
            "objective": instance.objective,
            "assessment": instance.assessment,
            "plan": instance.plan,
            "status": instance.status,
            "version": instance.version,
            "finalisedAt": instance.finalised_at,
            "amendedAt": instance.amended_at,
            "createdAt": instance.created_at,
            "updatedAt": instance.updated_at,
        }


class NotePage(Shape[Any]):
    sessions = NoteShape(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    limit = serializers.IntegerField()


class SearchInput(PageQuery):
    patientId = serializers.UUIDField(source="patient_id")
    query = Text(max_length=QUERY_LENGTH)


class HitShape(Shape[Any]):
    id = serializers.UUIDField()
    date = serializers.DateTimeField()
    status = serializers.ChoiceField(choices=Status.choices)
    doctorId = serializers.UUIDField()
    doctorName = serializers.CharField()
    sections = serializers.ListField(child=serializers.CharField(), help_text="Where words of the query occur.")
    excerpts = serializers.DictField(child=serializers.CharField(), help_text="By section, around the first of them.")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        note, excerpts = instance
        return {
            "id": note.pk,
            "date": note.date,
            "status": note.status,
            "doctorId": note.doctor_id,
            "doctorName": note.doctor.name,
            "sections": list(excerpts),
            "excerpts": excerpts,
        }


class HitPage(Shape[Any]):
    sessions = HitShape(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    limit = serializers.IntegerField()
