"""Serializers of files."""

from typing import Any

from rest_framework import serializers

from core.api.pagination import PageQuery, PageShape
from core.api.serializers import ChoiceField, OutputSerializer, StrictCharField, StrictSerializer, UUIDField
from records.models import Attachment
from records.models.attachment import MAX_NAME_LENGTH, VISIBLE_STATES, FileCategory, MediaType


class AttachmentInput(StrictSerializer):
    """multipart/form-data. An empty `sessionId` means none, and an empty `category` other."""

    file = serializers.FileField(allow_empty_file=True)  # rejected when its content is checked
    patientId = UUIDField(source="patient_id")
    sessionId = UUIDField(source="note_id", required=False, allow_null=True)
    category = ChoiceField(choices=FileCategory.choices, required=False)


class AttachmentChange(StrictSerializer):
    name = StrictCharField(max_length=MAX_NAME_LENGTH, required=False)
    category = ChoiceField(choices=FileCategory.choices, required=False)


class AttachmentQuery(PageQuery):
    patientId = UUIDField(source="patient_id", required=False)
    sessionId = UUIDField(source="note_id", required=False)
    category = ChoiceField(choices=FileCategory.choices, required=False)


class AttachmentShape(OutputSerializer[Attachment]):
    id = serializers.UUIDField()
    patientId = serializers.UUIDField(source="patient_id")
    sessionId = serializers.UUIDField(source="note_id", allow_null=True)
    name = serializers.CharField()
    mediaType = serializers.ChoiceField(MediaType.choices, source="media_type")
    size = serializers.IntegerField(help_text="Bytes.")
    status = serializers.ChoiceField([(state.value, state.label) for state in VISIBLE_STATES], source="state")
    category = serializers.ChoiceField(choices=FileCategory.choices)
    uploadedById = serializers.UUIDField(source="uploaded_by_id")
    uploadedByName = serializers.CharField(source="uploaded_by_name")
    seenAt = serializers.DateTimeField(
        source="seen_at", allow_null=True, help_text="When a clinician opened it first, or added it."
    )
    seenById = serializers.UUIDField(source="seen_by_id", allow_null=True)
    seenByName = serializers.CharField(source="seen_by_name")
    createdAt = serializers.DateTimeField(source="created_at")


class AttachmentPage(PageShape):
    attachments = AttachmentShape(many=True)
    usedBytes = serializers.IntegerField(
        required=False,
        help_text="The space that the patient's files take up, deleted ones included until they are purged. Only with "
        "`patientId`, and for those who may add files.",
    )
    roomBytes = serializers.IntegerField(
        required=False, help_text="The space that the patient's files may take up; with `usedBytes`."
    )


class LinkShape(OutputSerializer[Any]):
    url = serializers.CharField(help_text="A path on this server.")
    expiresAt = serializers.DateTimeField()
