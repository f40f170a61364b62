"""Serializers of session notes."""

from typing import Any

from rest_framework import serializers

from core.api.pagination import PageQuery, PageShape
from core.api.serializers import (
    ChoiceField,
    DateTimeField,
    ErrorShape,
    OptionalCharField,
    OutputSerializer,
    StrictCharField,
    StrictSerializer,
    UUIDField,
    WithRange,
    range_fields,
)
from records.models import SessionNote
from records.models.note import MAX_MINUTES, MAX_SECTION_LENGTH, NoteStatus
from records.notes.search import Hit
from records.versions.serializers import AmendmentInput, ChangeInput

MAX_QUERY_LENGTH = 200


def _section() -> OptionalCharField:
    """Return a field that keeps a doctor's text as typed, with leading and trailing spaces, and with whatever a
    dictation device sends: a draft saves itself, and a stray character must not stop it."""
    return OptionalCharField(max_length=MAX_SECTION_LENGTH, trim_whitespace=False, validators=[])


class NoteFields(StrictSerializer):
    subjective = _section()
    objective = _section()
    assessment = _section()
    plan = _section()
    durationMinutes = serializers.IntegerField(
        source="duration_minutes", min_value=1, max_value=MAX_MINUTES, required=False, allow_null=True
    )
    date = DateTimeField(
        required=False, help_text="Date and time of the session; without an offset, in the practice's local time."
    )
    appointmentId = UUIDField(source="appointment_id", required=False, allow_null=True)
    planId = UUIDField(source="plan_of_care_id", required=False, allow_null=True)


class SessionNoteInput(NoteFields):
    patientId = UUIDField(source="patient_id")


class NoteChange(NoteFields, ChangeInput):
    """The fields to save; omitted fields keep their value."""


class NoteAmendment(NoteFields, AmendmentInput):
    """The reason, and the fields to change."""


class PatientQuery(serializers.Serializer[Any]):
    patientId = UUIDField(source="patient_id")


class NoteQuery(WithRange, PageQuery):
    patientId = UUIDField(source="patient_id", required=False)
    doctorId = UUIDField(source="doctor_id", required=False)
    status = ChoiceField(choices=NoteStatus.choices, required=False)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), **range_fields()}


class NoteShape(OutputSerializer[SessionNote]):
    id = serializers.UUIDField()
    patientId = serializers.UUIDField(source="patient_id")
    patientName = serializers.CharField(source="patient.name")
    doctorId = serializers.UUIDField(source="doctor_id")
    doctorName = serializers.CharField(source="doctor.name")
    appointmentId = serializers.UUIDField(source="appointment_id", allow_null=True)
    planId = serializers.UUIDField(
        source="plan_of_care_id", allow_null=True, help_text="The plan of care that the session is part of."
    )
    date = serializers.DateTimeField()
    durationMinutes = serializers.IntegerField(source="duration_minutes", allow_null=True)
    subjective = serializers.CharField(allow_blank=True)
    objective = serializers.CharField(allow_blank=True)
    assessment = serializers.CharField(allow_blank=True)
    plan = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=NoteStatus.choices)
    version = serializers.IntegerField(help_text="Increases with each save.")
    finalisedAt = serializers.DateTimeField(source="finalised_at", allow_null=True)
    amendedAt = serializers.DateTimeField(source="amended_at", allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at")
    updatedAt = serializers.DateTimeField(source="updated_at")


class NotePage(PageShape):
    sessions = NoteShape(many=True)


class OtherNoteShape(ErrorShape):
    sessionId = serializers.UUIDField(required=False, help_text="The note that the doctor has already.")


class SearchInput(PageQuery):
    patientId = UUIDField(source="patient_id")
    query = StrictCharField(max_length=MAX_QUERY_LENGTH)


class HitShape(OutputSerializer[Hit]):
    id = serializers.UUIDField(source="note.pk")
    date = serializers.DateTimeField(source="note.date")
    status = serializers.ChoiceField(source="note.status", choices=NoteStatus.choices)
    doctorId = serializers.UUIDField(source="note.doctor_id")
    doctorName = serializers.CharField(source="note.doctor.name")
    sections = serializers.ListField(child=serializers.CharField(), help_text="The sections with words of the query.")
    excerpts = serializers.DictField(
        child=serializers.CharField(), help_text="By section, the text around the first match."
    )

    @staticmethod
    def get_sections(hit: Hit) -> list[str]:
        return list(hit.excerpts)


class HitPage(PageShape):
    sessions = HitShape(many=True)
