"""Serializers of body charts."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from core.api.pagination import NextShape, PageQuery
from core.api.serializers import (
    ChoiceField,
    DateTimeField,
    OptionalCharField,
    OutputSerializer,
    StrictSerializer,
    UUIDField,
)
from records.body_charts.regions import REGIONS
from records.models import BodyChart
from records.models.body_chart import MAX_REMARK_LENGTH, Sensation
from records.versions.serializers import AmendmentInput

REGION_KEYS = [(key, key) for key in REGIONS]
TWICE = _("A region is marked twice with the same sensation.")
MAX_MARKS = len(REGIONS) * len(Sensation.values)


class MarkInput(StrictSerializer):
    region = ChoiceField(
        choices=REGION_KEYS, help_text="`view.part` or `view.side.part`; the side is the patient's own."
    )
    sensation = ChoiceField(choices=Sensation.choices)
    level = serializers.IntegerField(min_value=0, max_value=10)


def validate_marks(marks: list[dict[str, Any]]) -> None:
    if len({(mark["region"], mark["sensation"]) for mark in marks}) < len(marks):
        raise serializers.ValidationError(TWICE)


class BodyChartFields(StrictSerializer):
    drawnAt = DateTimeField(
        source="drawn_at",
        required=False,
        help_text="Without an offset, in the practice's local time. Defaults to now.",
    )
    remark = OptionalCharField(max_length=MAX_REMARK_LENGTH)


class BodyChartInput(BodyChartFields):
    """No marks say that nothing hurts."""

    patientId = UUIDField(source="patient_id")
    sessionId = UUIDField(source="note_id", required=False, allow_null=True)
    marks = serializers.ListField(child=MarkInput(), max_length=MAX_MARKS, validators=[validate_marks])


class BodyChartAmendment(AmendmentInput, BodyChartFields):
    """The reason, and what is corrected; `marks` replace all that were there."""

    marks = serializers.ListField(child=MarkInput(), max_length=MAX_MARKS, validators=[validate_marks], required=False)


class BodyChartQuery(PageQuery):
    patientId = UUIDField(source="patient_id", required=False)
    sessionId = UUIDField(source="note_id", required=False)


class BodyChartShape(OutputSerializer[BodyChart]):
    """A body chart. `marks` are null where they cannot be decrypted: that is not the same as none."""

    id = serializers.UUIDField()
    patientId = serializers.UUIDField(source="patient_id")
    sessionId = serializers.UUIDField(source="note_id", allow_null=True)
    drawnAt = serializers.DateTimeField(source="drawn_at")
    marks = serializers.ListField(child=MarkInput(), source="known_marks", allow_null=True)
    remark = serializers.CharField()
    authorId = serializers.UUIDField(source="doctor_id")
    authorName = serializers.CharField(source="doctor.name")
    createdAt = serializers.DateTimeField(source="created_at")
    amendedAt = serializers.DateTimeField(source="amended_at", allow_null=True)
    version = serializers.IntegerField()

    @staticmethod
    def get_known_marks(chart: BodyChart) -> list[dict[str, Any]] | None:
        return None if chart.unreadable else chart.mark_list


class BodyChartPage(NextShape):
    bodyCharts = BodyChartShape(many=True)
    total = serializers.IntegerField()
