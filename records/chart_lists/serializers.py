"""Serializers of problems, medications and allergies."""

from rest_framework import serializers

from core.api.pagination import NextShape, PageQuery
from core.api.serializers import (
    ChoiceField,
    OptionalCharField,
    OptionalDateField,
    OutputSerializer,
    StrictCharField,
    StrictSerializer,
)
from core.texts import validate_line
from patients.allergies import Allergies
from records.models import ChartEntry
from records.models.chart_entry import MAX_LINE_LENGTH, ChartEntryStatus, ChartList, Severity
from records.versions.serializers import MAX_REASON_LENGTH, ChangeInput

LINE = [validate_line]


class ProblemInput(StrictSerializer):
    text = StrictCharField(max_length=MAX_LINE_LENGTH, validators=LINE)
    code = OptionalCharField(max_length=50, validators=LINE)
    codeSystem = OptionalCharField(
        max_length=100,
        validators=LINE,
        source="code_system",
        help_text="Whose code it is, such as ICD-10-CM or RxNorm.",
    )
    since = OptionalDateField()
    until = OptionalDateField(help_text="The day on which it ended.")


class MedicationInput(ProblemInput):
    dose = OptionalCharField(max_length=500, validators=LINE, help_text="With the instructions.")


class AllergyInput(ProblemInput):
    reaction = OptionalCharField(max_length=500, validators=LINE)
    severity = ChoiceField(choices=Severity.choices, required=False, allow_blank=True)


class ChartEntryChange(ChangeInput, AllergyInput, MedicationInput):
    """What is sent is changed. `dose` is of medications, `reaction` and `severity` are of allergies. With `until` an
    entry has ended, and with null it goes on."""

    text = StrictCharField(max_length=MAX_LINE_LENGTH, validators=LINE, required=False)
    reason = StrictCharField(max_length=MAX_REASON_LENGTH, required=False, allow_blank=True)


class ChartEntryQuery(PageQuery):
    status = ChoiceField(choices=ChartEntryStatus.choices, required=False, help_text="By default all but `removed`.")


class ChartEntryShape(OutputSerializer[ChartEntry]):
    """An entry of one of a chart's lists. `removed` is one that was taken off by a change of the chart's text."""

    id = serializers.UUIDField()
    patientId = serializers.UUIDField(source="patient_id")
    kind = serializers.ChoiceField(choices=ChartList.choices)
    status = serializers.ChoiceField(choices=ChartEntryStatus.choices)
    text = serializers.CharField()
    code = serializers.CharField()
    codeSystem = serializers.CharField(source="code_system")
    dose = serializers.CharField()
    reaction = serializers.CharField()
    severity = serializers.CharField()
    since = serializers.DateField(allow_null=True)
    until = serializers.DateField(allow_null=True)
    authorId = serializers.UUIDField(source="doctor_id")
    authorName = serializers.CharField(source="doctor.name")
    createdAt = serializers.DateTimeField(source="created_at")
    amendedAt = serializers.DateTimeField(source="amended_at", allow_null=True)
    version = serializers.IntegerField()


class ProblemPage(NextShape):
    problems = ChartEntryShape(many=True)
    total = serializers.IntegerField()
    text = serializers.CharField(
        help_text="The chart's `medicalHistory`. Its lines become entries once the list has one."
    )


class MedicationPage(NextShape):
    medications = ChartEntryShape(many=True)
    total = serializers.IntegerField()


class AllergyPage(NextShape):
    allergies = ChartEntryShape(many=True)
    total = serializers.IntegerField()
    text = serializers.CharField(help_text="The chart's `allergies`. Its lines become entries once the list has one.")
    state = serializers.ChoiceField(choices=Allergies.choices, help_text="Whether any are known.")


class NoneKnown(OutputSerializer[object]):
    state = serializers.ChoiceField(choices=Allergies.choices)
