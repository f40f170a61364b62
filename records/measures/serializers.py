"""Serializers of measures."""

from typing import Any

from rest_framework import serializers

from core.api.pagination import NextShape, PageQuery
from core.api.serializers import (
    ChoiceField,
    DateTimeField,
    OptionalCharField,
    OutputSerializer,
    StrictSerializer,
    UUIDField,
    WithRange,
    range_fields,
)
from core.texts import validate_line
from records.models import Measure
from records.models.measure import MAX_REMARK_LENGTH, Joint, MeasureKind, Movement, Side, Unit
from records.versions.serializers import AmendmentInput

VALUE: dict[str, Any] = {"max_digits": 7, "decimal_places": 2}


class MeasureFields(StrictSerializer):
    """What belongs to a kind: `diastolic` to a blood pressure, `joint` and `movement` to a range of motion, and `side`
    to that or a grip strength."""

    diastolic = serializers.DecimalField(**VALUE, required=False, allow_null=True)
    unit = ChoiceField(choices=Unit.choices, required=False, help_text="By default the first of its kind.")
    joint = ChoiceField(choices=Joint.choices, required=False, allow_blank=True)
    movement = ChoiceField(choices=Movement.choices, required=False, allow_blank=True)
    side = ChoiceField(choices=Side.choices, required=False, allow_blank=True)
    measuredAt = DateTimeField(
        source="measured_at",
        required=False,
        help_text="Without an offset, in the practice's local time. Defaults to now.",
    )
    remark = OptionalCharField(max_length=MAX_REMARK_LENGTH, validators=[validate_line])


class MeasureInput(MeasureFields):
    patientId = UUIDField(source="patient_id")
    kind = ChoiceField(choices=MeasureKind.choices)
    value = serializers.DecimalField(**VALUE, help_text="Of a blood pressure the systolic one.")


class MeasureAmendment(AmendmentInput, MeasureFields):
    """The reason, and what is corrected."""

    value = serializers.DecimalField(**VALUE, required=False)


class MeasureQuery(WithRange, PageQuery):
    patientId = UUIDField(source="patient_id", required=False)
    kind = ChoiceField(choices=MeasureKind.choices, required=False)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), **range_fields()}


class MeasureShape(OutputSerializer[Measure]):
    """A measure. `value` and `unit` are null and empty where they cannot be decrypted."""

    id = serializers.UUIDField()
    patientId = serializers.UUIDField(source="patient_id")
    kind = serializers.ChoiceField(choices=MeasureKind.choices)
    measuredAt = serializers.DateTimeField(source="measured_at")
    value = serializers.FloatField(source="number", allow_null=True)
    diastolic = serializers.FloatField(source="lower_number", allow_null=True)
    unit = serializers.CharField()
    joint = serializers.CharField()
    movement = serializers.CharField()
    side = serializers.CharField()
    remark = serializers.CharField()
    authorId = serializers.UUIDField(source="doctor_id")
    authorName = serializers.CharField(source="doctor.name")
    createdAt = serializers.DateTimeField(source="created_at")
    amendedAt = serializers.DateTimeField(source="amended_at", allow_null=True)
    version = serializers.IntegerField()

    @staticmethod
    def get_number(measure: Measure) -> float | None:
        return None if measure.value is None else float(measure.value)

    @staticmethod
    def get_lower_number(measure: Measure) -> float | None:
        return None if measure.diastolic is None else float(measure.diastolic)


class MeasurePage(NextShape):
    measures = MeasureShape(many=True)
    total = serializers.IntegerField()
