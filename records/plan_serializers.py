"""Shapes of plans of care in the API."""

from typing import Any

from rest_framework import serializers

from appointments.serializers import check_day
from core.api.pages import PageQuery
from core.api.shapes import OptionalText, Shape, Strict, Text
from records.models import Goal, GoalProgress, PlanOfCare
from records.models.plan import GoalStatus, Status
from records.version_serializers import AmendmentInput

MOST_GOALS = 50
TITLE, DIAGNOSIS, FREQUENCY = 200, 2000, 200  # characters, as of all below
GOAL_TEXT, MEASURE, PROGRESS_TEXT = 1000, 300, 2000


def _day(**kwargs: Any) -> serializers.DateField:
    return serializers.DateField(validators=[check_day], **kwargs)


class GoalInput(Strict):
    text = Text(max_length=GOAL_TEXT)
    measure = OptionalText(max_length=MEASURE)
    target = OptionalText(max_length=MEASURE)
    dueOn = _day(source="due_on", required=False, allow_null=True)
    status = serializers.ChoiceField(choices=GoalStatus.choices, required=False)


class GoalChange(GoalInput):
    """One with an `id` is changed in the fields that are given; one without is added, and needs a `text`."""

    id = serializers.UUIDField(required=False)
    text = Text(max_length=GOAL_TEXT, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "id" not in attrs and "text" not in attrs:
            raise serializers.ValidationError({"text": "A new goal needs a text."})
        return attrs


class PlanInput(Strict):
    patientId = serializers.UUIDField(source="patient_id")
    title = Text(max_length=TITLE)
    diagnosis = OptionalText(max_length=DIAGNOSIS)
    frequency = OptionalText(max_length=FREQUENCY)
    startsOn = _day(source="starts_on")
    targetEndOn = _day(source="target_end_on", required=False, allow_null=True)
    goals = serializers.ListField(child=GoalInput(), required=False, max_length=MOST_GOALS)


class PlanAmendment(AmendmentInput):
    """What is left out stays as it is, also of the goals: one is dropped by its status."""

    title = Text(max_length=TITLE, required=False)
    diagnosis = OptionalText(max_length=DIAGNOSIS)
    frequency = OptionalText(max_length=FREQUENCY)
    startsOn = _day(source="starts_on", required=False)
    targetEndOn = _day(source="target_end_on", required=False, allow_null=True)
    status = serializers.ChoiceField(choices=Status.choices, required=False)
    goals = serializers.ListField(child=GoalChange(), required=False, max_length=MOST_GOALS)


class ProgressInput(Strict):
    text = Text(max_length=PROGRESS_TEXT)
    date = _day(required=False, help_text="Today at the practice where it is left out.")
    status = serializers.ChoiceField(choices=GoalStatus.choices, required=False, help_text="What the goal becomes.")


class PlanQuery(PageQuery):
    patientId = serializers.UUIDField(source="patient_id", required=False)
    status = serializers.ChoiceField(choices=Status.choices, required=False)


class ProgressShape(Shape[PlanOfCare]):
    """How far a plan is. `sessions` counts its finalised notes; `percent`, how many goals are met of those that
    were not dropped."""

    goals = serializers.IntegerField()
    goalsMet = serializers.IntegerField()
    goalsDropped = serializers.IntegerField()
    percent = serializers.IntegerField()
    sessions = serializers.IntegerField()
    appointmentsDone = serializers.IntegerField()
    appointmentsToCome = serializers.IntegerField()

    def to_representation(self, instance: PlanOfCare) -> dict[str, Any]:
        return {
            "goals": instance.goals_in_all,
            "goalsMet": instance.goals_met,
            "goalsDropped": instance.goals_dropped,
            "percent": instance.percent,
            "sessions": instance.sessions_held,
            "appointmentsDone": instance.appointments_done,
            "appointmentsToCome": instance.appointments_to_come,
        }


class PlanBrief(Shape[PlanOfCare]):
    """A plan in a list, of a row `with_people` and `with_progress`."""

    id = serializers.UUIDField()
    patientId = serializers.UUIDField()
    patientName = serializers.CharField()
    doctorId = serializers.UUIDField()
    doctorName = serializers.CharField()
    title = serializers.CharField()
    diagnosis = serializers.CharField()
    frequency = serializers.CharField()
    startsOn = serializers.DateField()
    targetEndOn = serializers.DateField(allow_null=True)
    status = serializers.ChoiceField(choices=Status.choices)
    version = serializers.IntegerField()
    amendedAt = serializers.DateTimeField(allow_null=True)
    progress = ProgressShape()
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()

    def to_representation(self, instance: PlanOfCare) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "patientId": instance.patient_id,
            "patientName": instance.patient.name,
            "doctorId": instance.doctor_id,
            "doctorName": instance.doctor.name,
            "title": instance.title,
            "diagnosis": instance.diagnosis,
            "frequency": instance.frequency,
            "startsOn": instance.starts_on,
            "targetEndOn": instance.target_end_on,
            "status": instance.status,
            "version": instance.version,
            "amendedAt": instance.amended_at,
            "progress": ProgressShape.whole(instance),
            "createdAt": instance.created_at,
            "updatedAt": instance.updated_at,
        }


class GoalProgressShape(Shape[GoalProgress]):
    date = serializers.DateField()
    authorId = serializers.UUIDField()
    authorName = serializers.CharField()
    text = serializers.CharField()
    status = serializers.ChoiceField(choices=GoalStatus.choices, allow_null=True, help_text="What the goal became.")

    def to_representation(self, instance: GoalProgress) -> dict[str, Any]:
        return {
            "date": instance.date,
            "authorId": instance.author_id,
            "authorName": instance.author.name,
            "text": instance.text,
            "status": instance.status or None,
        }


class GoalShape(Shape[Goal]):
    """A goal, and what was seen of it, the earliest first; of a row `with_progress`."""

    id = serializers.UUIDField()
    text = serializers.CharField()
    measure = serializers.CharField()
    target = serializers.CharField()
    dueOn = serializers.DateField(allow_null=True)
    status = serializers.ChoiceField(choices=GoalStatus.choices)
    progress = GoalProgressShape(many=True)

    def to_representation(self, instance: Goal) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "text": instance.text,
            "measure": instance.measure,
            "target": instance.target,
            "dueOn": instance.due_on,
            "status": instance.status,
            "progress": [GoalProgressShape.whole(seen) for seen in instance.progress.all()],
        }


class PlanShape(PlanBrief):
    """A whole plan, as records/plans.py `whole` reads it. `sessionIds` names its finalised notes."""

    goals = GoalShape(many=True)
    sessionIds = serializers.ListField(child=serializers.UUIDField())
    appointmentIds = serializers.ListField(child=serializers.UUIDField())

    def to_representation(self, instance: PlanOfCare) -> dict[str, Any]:
        return {
            **super().to_representation(instance),
            "goals": [GoalShape.whole(goal) for goal in instance.goals.all()],
            "sessionIds": [note.pk for note in instance.sessions],
            "appointmentIds": [visit.appointment_id for visit in instance.visits],
        }


class PlanPage(Shape[Any]):
    plans = PlanBrief(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    limit = serializers.IntegerField()
