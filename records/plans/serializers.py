"""Serializers of plans of care."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import serializers

from core.api.pagination import PageQuery, PageShape
from core.api.serializers import (
    ChoiceField,
    DayField,
    OptionalCharField,
    OutputSerializer,
    StrictCharField,
    StrictSerializer,
    UUIDField,
)
from core.texts import validate_line
from records.models import Goal, GoalProgress, PlanOfCare
from records.models.plan import MAX_VISITS, GoalStatus, PlanStatus
from records.versions.serializers import AmendmentInput

MAX_GOALS = 50
MAX_TITLE_LENGTH, MAX_DIAGNOSIS_LENGTH, MAX_FREQUENCY_LENGTH = 200, 2000, 200  # characters, like the limits below
MAX_GOAL_LENGTH, MAX_MEASURE_LENGTH, MAX_PROGRESS_LENGTH = 1000, 300, 2000


class GoalInput(StrictSerializer):
    text = StrictCharField(max_length=MAX_GOAL_LENGTH)
    measure = OptionalCharField(max_length=MAX_MEASURE_LENGTH)
    target = OptionalCharField(max_length=MAX_MEASURE_LENGTH)
    dueOn = DayField(source="due_on", required=False, allow_null=True)
    status = ChoiceField(choices=GoalStatus.choices, required=False)


class GoalChange(GoalInput):
    """With an `id`, the given fields of that goal change; without one a goal is added, which needs a `text`."""

    id = UUIDField(required=False)
    text = StrictCharField(max_length=MAX_GOAL_LENGTH, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "id" not in attrs and "text" not in attrs:
            raise serializers.ValidationError({"text": _("Enter text for the new goal.")})
        return attrs


def _visits() -> serializers.IntegerField:
    return serializers.IntegerField(
        source="planned_visits", min_value=1, max_value=MAX_VISITS, required=False, allow_null=True
    )


class PlanInput(StrictSerializer):
    patientId = UUIDField(source="patient_id")
    title = StrictCharField(max_length=MAX_TITLE_LENGTH, validators=[validate_line])
    diagnosis = OptionalCharField(max_length=MAX_DIAGNOSIS_LENGTH)
    frequency = OptionalCharField(max_length=MAX_FREQUENCY_LENGTH, validators=[validate_line])
    plannedVisits = _visits()
    startsOn = DayField(source="starts_on")
    targetEndOn = DayField(source="target_end_on", required=False, allow_null=True)
    goals = serializers.ListField(child=GoalInput(), required=False, max_length=MAX_GOALS)


class PlanAmendment(AmendmentInput):
    """Omitted fields and goals stay as they are; a goal is dropped by its status."""

    title = StrictCharField(max_length=MAX_TITLE_LENGTH, validators=[validate_line], required=False)
    diagnosis = OptionalCharField(max_length=MAX_DIAGNOSIS_LENGTH)
    frequency = OptionalCharField(max_length=MAX_FREQUENCY_LENGTH, validators=[validate_line])
    plannedVisits = _visits()
    startsOn = DayField(source="starts_on", required=False)
    targetEndOn = DayField(source="target_end_on", required=False, allow_null=True)
    status = ChoiceField(choices=PlanStatus.choices, required=False)
    goals = serializers.ListField(child=GoalChange(), required=False, max_length=MAX_GOALS)


class ProgressInput(StrictSerializer):
    text = StrictCharField(max_length=MAX_PROGRESS_LENGTH)
    date = DayField(required=False, help_text="Defaults to today at the practice.")
    status = ChoiceField(choices=GoalStatus.choices, required=False, help_text="The goal's new status.")
    value = serializers.DecimalField(
        max_digits=9, decimal_places=2, required=False, allow_null=True, help_text="The number that the goal measures."
    )


class PlanQuery(PageQuery):
    patientId = UUIDField(source="patient_id", required=False)
    status = ChoiceField(choices=PlanStatus.choices, required=False)


class ProgressShape(OutputSerializer[PlanOfCare]):
    """Progress of a plan. `sessions` counts its finalised notes; `percent` is the share of goals met, not counting
    dropped ones."""

    goals = serializers.IntegerField(source="goals_total")
    goalsMet = serializers.IntegerField(source="goals_met")
    goalsDropped = serializers.IntegerField(source="goals_dropped")
    percent = serializers.IntegerField()
    sessions = serializers.IntegerField(source="session_count")
    appointmentsDone = serializers.IntegerField(source="appointments_completed")
    appointmentsToCome = serializers.IntegerField(source="appointments_upcoming")


class PlanBrief(OutputSerializer[PlanOfCare]):
    """A plan in a list."""

    id = serializers.UUIDField()
    patientId = serializers.UUIDField(source="patient_id")
    patientName = serializers.CharField(source="patient.name")
    doctorId = serializers.UUIDField(source="doctor_id")
    doctorName = serializers.CharField(source="doctor.name")
    title = serializers.CharField()
    diagnosis = serializers.CharField()
    frequency = serializers.CharField()
    plannedVisits = serializers.IntegerField(source="planned_visits", allow_null=True)
    startsOn = serializers.DateField(source="starts_on")
    targetEndOn = serializers.DateField(source="target_end_on", allow_null=True)
    status = serializers.ChoiceField(choices=PlanStatus.choices)
    version = serializers.IntegerField()
    amendedAt = serializers.DateTimeField(source="amended_at", allow_null=True)
    progress = ProgressShape(source="*")
    createdAt = serializers.DateTimeField(source="created_at")
    updatedAt = serializers.DateTimeField(source="updated_at")


class GoalProgressShape(OutputSerializer[GoalProgress]):
    date = serializers.DateField()
    authorId = serializers.UUIDField(source="author_id")
    authorName = serializers.CharField(source="author.name")
    text = serializers.CharField()
    status = serializers.ChoiceField(choices=GoalStatus.choices, allow_null=True, help_text="The goal's new status.")
    value = serializers.FloatField(source="number", allow_null=True)

    @staticmethod
    def get_number(progress: GoalProgress) -> float | None:
        return None if progress.number is None else float(progress.number)

    @staticmethod
    def get_status(progress: GoalProgress) -> str | None:
        return progress.status or None


class GoalShape(OutputSerializer[Goal]):
    """A goal with its progress, oldest first."""

    id = serializers.UUIDField()
    text = serializers.CharField()
    measure = serializers.CharField()
    target = serializers.CharField()
    dueOn = serializers.DateField(source="due_on", allow_null=True)
    status = serializers.ChoiceField(choices=GoalStatus.choices)
    progress = GoalProgressShape(many=True)


class PlanShape(PlanBrief):
    """A complete plan. `sessionIds` are its finalised notes."""

    goals = GoalShape(many=True)
    sessionIds = serializers.ListField(source="session_ids", child=serializers.UUIDField())
    appointmentIds = serializers.ListField(source="appointment_ids", child=serializers.UUIDField())

    @staticmethod
    def get_session_ids(plan: Any) -> list[UUID]:
        return [note.pk for note in plan.sessions]

    @staticmethod
    def get_appointment_ids(plan: Any) -> list[UUID]:
        return [visit.appointment_id for visit in plan.visits]


class PlanPage(PageShape):
    plans = PlanBrief(many=True)
