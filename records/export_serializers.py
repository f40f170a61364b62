"""What an export of a chart adds to the shapes of the API."""

from typing import Any

from rest_framework import serializers

from records.files.serializers import AttachmentShape
from records.models import Attachment
from records.models.attachment import State
from records.note_serializers import NoteShape
from records.plan_serializers import PlanShape
from records.serializers import RecordWhole
from records.version_serializers import VersionBrief
from records.versions import listed

WHY_LEFT_OUT = {
    State.QUARANTINED: "It waits for the virus scan.",
    State.INFECTED: "A virus was found in it.",
    State.LOST: "It is missing in the storage.",
}


class ExportedVersion(VersionBrief):
    content = serializers.DictField(child=serializers.JSONField(allow_null=True))

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return {**super().to_representation(instance), "content": instance.version.content}


class _WithVersions(serializers.Serializer[Any]):
    versions = ExportedVersion(many=True)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        kept = [ExportedVersion.whole(version) for version in listed(instance)]
        return {**super().to_representation(instance), "versions": kept}


class ExportedRecord(_WithVersions, RecordWhole):
    pass


class ExportedNote(_WithVersions, NoteShape):
    pass


class ExportedPlan(_WithVersions, PlanShape):
    pass


class ExportedFile(AttachmentShape):
    """`leftOut` says why it is not among the files."""

    leftOut = serializers.CharField(allow_null=True)

    def to_representation(self, instance: Attachment) -> dict[str, Any]:
        why = WHY_LEFT_OUT.get(State(instance.state))
        return {**super().to_representation(instance), "leftOut": why}
