"""Shapes of files in the API."""

from typing import Any

from rest_framework import serializers

from core.api.pages import PageQuery
from core.api.shapes import Shape, Text
from records.models import Attachment
from records.models.attachment import NAME_LENGTH, SHOWN, MediaType


class AttachmentInput(serializers.Serializer[Any]):
    """multipart/form-data. An empty `sessionId` is none."""

    file = serializers.FileField(allow_empty_file=True)  # which is refused where files are looked at
    patientId = serializers.UUIDField(source="patient_id")
    sessionId = serializers.UUIDField(source="note_id", required=False, allow_null=True)


class RenameInput(serializers.Serializer[Any]):
    name = Text(max_length=NAME_LENGTH)


class AttachmentQuery(PageQuery):
    patientId = serializers.UUIDField(source="patient_id", required=False)
    sessionId = serializers.UUIDField(source="note_id", required=False)


class AttachmentShape(Shape[Attachment]):
    id = serializers.UUIDField()
    patientId = serializers.UUIDField()
    sessionId = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    mediaType = serializers.ChoiceField(MediaType.choices)
    size = serializers.IntegerField(help_text="Bytes.")
    status = serializers.ChoiceField([(state.value, state.label) for state in SHOWN])
    uploadedById = serializers.UUIDField()
    uploadedByName = serializers.CharField()
    createdAt = serializers.DateTimeField()

    def to_representation(self, instance: Attachment) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "patientId": instance.patient_id,
            "sessionId": instance.note_id,
            "name": instance.name,
            "mediaType": instance.media_type,
            "size": instance.size,
            "status": instance.state,
            "uploadedById": instance.uploaded_by_id,
            "uploadedByName": instance.uploader,
            "createdAt": instance.created_at,
        }


class AttachmentPage(Shape[Any]):
    attachments = AttachmentShape(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    limit = serializers.IntegerField()
    usedBytes = serializers.IntegerField(
        required=False,
        help_text="Of one patient, for who may add files: what all take, deleted ones too until they are purged.",
    )
    roomBytes = serializers.IntegerField(required=False, help_text="Beside `usedBytes`: what they may take.")


class LinkShape(Shape[Any]):
    url = serializers.CharField(help_text="A path of this server.")
    expiresAt = serializers.DateTimeField()
