"""What an export of a chart adds to the shapes of the API."""

from typing import Any

from rest_framework import serializers

from core.api.shapes import Shape
from records.files.serializers import AttachmentShape
from records.models import Attachment, MedicalRecord, PlanOfCare, SessionNote
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


def with_versions(shape: type[Shape[Any]], row: Any) -> dict[str, Any]:
    """The row in one of the three shapes below, its versions read and kept with it."""
    row.kept = listed(row)
    return shape.of(row)


def _kept(row: Any) -> dict[str, Any]:
    return {"versions": [ExportedVersion.whole(version) for version in row.kept]}


class ExportedRecord(RecordWhole):
    versions = ExportedVersion(many=True)

    def to_representation(self, instance: MedicalRecord) -> dict[str, Any]:
        return {**super().to_representation(instance), **_kept(instance)}


class ExportedNote(NoteShape):
    versions = ExportedVersion(many=True)

    def to_representation(self, instance: SessionNote) -> dict[str, Any]:
        return {**super().to_representation(instance), **_kept(instance)}


class ExportedPlan(PlanShape):
    versions = ExportedVersion(many=True)

    def to_representation(self, instance: PlanOfCare) -> dict[str, Any]:
        return {**super().to_representation(instance), **_kept(instance)}


class ExportedFile(AttachmentShape):
    """`leftOut` says why it is not among the files."""

    leftOut = serializers.CharField(allow_null=True)

    def to_representation(self, instance: Attachment) -> dict[str, Any]:
        why = WHY_LEFT_OUT.get(State(instance.state))
        return {**super().to_representation(instance), "leftOut": why}
