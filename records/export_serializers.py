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
    """Of a row whose versions were `kept` with it."""

    versions = ExportedVersion(many=True)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        kept = [ExportedVersion.whole(version) for version in instance.kept]
        return {**super().to_representation(instance), "versions": kept}

    @classmethod
    def with_versions(cls, instance: Any) -> dict[str, Any]:
        """Reads the versions, and shows them with the row."""
        instance.kept = listed(instance)
        shown: dict[str, Any] = cls.of(instance)  # type: ignore[attr-defined] # Shape's
        return shown


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
