"""What an export adds to the API's serializers."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from core.api.serializers import OutputSerializer
from records.attachments.serializers import AttachmentShape
from records.body_charts.serializers import BodyChartShape
from records.chart_lists.serializers import ChartEntryShape
from records.measures.serializers import MeasureShape
from records.medical_records.serializers import RecordWhole
from records.models import Attachment
from records.models.attachment import FileState
from records.notes.serializers import NoteShape
from records.plans.serializers import PlanShape
from records.versions.serializers import VersionBrief
from records.versions.services import list_versions

LEFT_OUT_REASONS = {
    FileState.QUARANTINED: _("It is waiting for its virus scan."),
    FileState.INFECTED: _("A virus was found in it."),
    FileState.LOST: _("It is missing from storage."),
}


class ExportedVersion(VersionBrief):
    content = serializers.DictField(source="version.content", child=serializers.JSONField(allow_null=True))


def with_versions(shape: type[OutputSerializer[Any]], row: Any) -> dict[str, Any]:
    """Return the row in one of the serializers below, with its versions."""
    row.compared_versions = list_versions(row)
    return shape.to_dict(row)


class ExportedRecord(RecordWhole):
    versions = ExportedVersion(source="compared_versions", many=True)


class ExportedEntry(ChartEntryShape):
    versions = ExportedVersion(source="compared_versions", many=True)


class ExportedMeasure(MeasureShape):
    versions = ExportedVersion(source="compared_versions", many=True)


class ExportedBodyChart(BodyChartShape):
    versions = ExportedVersion(source="compared_versions", many=True)


class ExportedNote(NoteShape):
    versions = ExportedVersion(source="compared_versions", many=True)


class ExportedPlan(PlanShape):
    versions = ExportedVersion(source="compared_versions", many=True)


class ExportedFile(AttachmentShape):
    """`leftOut` says why the file is not included."""

    leftOut = serializers.CharField(source="why_left_out", allow_null=True)

    @staticmethod
    def get_why_left_out(file: Attachment) -> str | None:
        reason = LEFT_OUT_REASONS.get(FileState(file.state))
        return str(reason) if reason else None
