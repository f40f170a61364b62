"""Plans of care."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from appointments.models import Appointment
from appointments.models import Status as AppointmentStatus
from core.encryption.fields import EncryptedCharField, EncryptedJsonField, EncryptedTextField
from core.soft_delete import LivingOnly
from core.tenancy import PracticeManager, PracticeModel
from patients.models import Patient
from records.models.entry import Amendable, EntryQuerySet
from records.models.version import Version


class Status(models.TextChoices):
    ACTIVE = "active", "Active"
    COMPLETED = "completed", "Completed"
    DISCONTINUED = "discontinued", "Discontinued"


class GoalStatus(models.TextChoices):
    OPEN = "open", "Open"
    MET = "met", "Met"
    DROPPED = "dropped", "Dropped"


class PlanQuerySet(EntryQuerySet):
    def latest_first(self) -> Self:
        return self.order_by("-starts_on", "-id")

    def with_progress(self) -> Self:
        """With the numbers of how far each is, counted in the same query. Drafts and what is deleted do not count."""
        this = models.OuterRef("pk")
        goals = Goal.objects.filter(plan=this)
        notes = apps.get_model("records.SessionNote").objects.filter(plan_of_care=this, finalised_at__isnull=False)
        planned = Appointment.objects.filter(planned__plan=this)
        to_come = models.Q(status=AppointmentStatus.SCHEDULED, starts_at__gte=timezone.now())
        return self.annotate(
            goals_in_all=_count(goals),
            goals_met=_count(goals.filter(status=GoalStatus.MET)),
            goals_dropped=_count(goals.filter(status=GoalStatus.DROPPED)),
            sessions_held=_count(notes),
            appointments_done=_count(planned.filter(status=AppointmentStatus.COMPLETED)),
            appointments_to_come=_count(planned.filter(to_come)),
        )


def _count(rows: models.QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values(_=models.Value(1)).annotate(number=models.Count("pk")).values("number")
    return Coalesce(models.Subquery(counted), 0)


class PlanManager(LivingOnly, PracticeManager.from_queryset(PlanQuerySet)):  # type: ignore[misc]
    pass


class PlanOfCare(Amendable):
    """What a doctor means to reach with a patient, by when and how often. Its change is an amendment; `version` grows
    with each. What is noted of a goal's progress is added beside it and amends nothing."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="plans")
    doctor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    title = EncryptedCharField(label="plan.title", max_length=200)
    diagnosis = EncryptedTextField(label="plan.diagnosis", max_length=2000, blank=True)
    frequency = EncryptedCharField(label="plan.frequency", max_length=200, blank=True)
    starts_on = models.DateField()
    target_end_on = models.DateField(null=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    amended_at = models.DateTimeField(null=True, editable=False)

    patient_field = "patient_id"
    goals_in_all = goals_met = goals_dropped = 0  # these six of a row `with_progress`
    sessions_held = appointments_done = appointments_to_come = 0
    sessions: list[Any]  # and these two of one that was read whole (records/plans.py)
    visits: list["PlannedAppointment"]

    objects: ClassVar[PlanManager] = PlanManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(PlanQuerySet)()

    class Meta(Amendable.Meta):
        verbose_name = "plan of care"
        verbose_name_plural = "plans of care"
        indexes: ClassVar = [
            models.Index(fields=["practice", "starts_on", "id"], name="plan_page"),
            models.Index(fields=["practice", "status", "starts_on", "id"], name="plan_status"),
            models.Index(fields=["patient", "starts_on", "id"], name="plan_of_patient"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="plan_status_known"),
            models.CheckConstraint(
                condition=models.Q(target_end_on=None) | models.Q(target_end_on__gte=models.F("starts_on")),
                name="plan_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"Plan {str(self.pk)[-6:]}"

    @property
    def percent(self) -> int:
        """How many of the goals that were not dropped are met, in whole percent; 0 where there is none."""
        counted = self.goals_in_all - self.goals_dropped
        return self.goals_met * 100 // counted if counted else 0

    def content(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "diagnosis": self.diagnosis,
            "frequency": self.frequency,
            "startsOn": self.starts_on.isoformat(),
            "targetEndOn": self.target_end_on and self.target_end_on.isoformat(),
            "status": self.status,
            "goals": [goal.content() for goal in self.goals.order_by("position")],
        }


class Goal(PracticeModel):
    """One thing that a plan is to reach: `measure` is how it is told, `target` what it should then be."""

    plan = models.ForeignKey(PlanOfCare, on_delete=models.CASCADE, related_name="goals")
    position = models.PositiveSmallIntegerField()
    text = EncryptedTextField(label="goal.text", max_length=1000)
    measure = EncryptedCharField(label="goal.measure", max_length=300, blank=True)
    target = EncryptedCharField(label="goal.target", max_length=300, blank=True)
    due_on = models.DateField(null=True)
    status = models.CharField(max_length=7, choices=GoalStatus.choices, default=GoalStatus.OPEN)

    audited = False  # the plan's own events tell of it

    class Meta(PracticeModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["plan", "position"], name="goal_positions"),
            models.CheckConstraint(condition=models.Q(status__in=GoalStatus.values), name="goal_status_known"),
        ]

    def __str__(self) -> str:
        return f"Goal {self.position}"

    def content(self) -> dict[str, Any]:
        """What a version of the plan keeps of it."""
        return {
            "id": str(self.pk),
            "text": self.text,
            "measure": self.measure,
            "target": self.target,
            "dueOn": self.due_on and self.due_on.isoformat(),
            "status": self.status,
        }

    def about_patients(self) -> list[UUID]:
        return [self.plan.patient_id]


class GoalProgress(PracticeModel):
    """What somebody saw of a goal, on a day. Added, never changed. `status`: what the goal became by it, or empty."""

    goal = models.ForeignKey(Goal, on_delete=models.CASCADE, related_name="progress")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    date = models.DateField()
    text = EncryptedTextField(label="goal_progress.text", max_length=2000)
    status = models.CharField(max_length=7, choices=GoalStatus.choices, blank=True)

    audited = False  # told as the plan's

    class Meta(PracticeModel.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(status__in=["", *GoalStatus.values]), name="goal_progress_status_known"
            )
        ]

    def __str__(self) -> str:
        return f"Progress {str(self.pk)[-6:]}"

    def about_patients(self) -> list[UUID]:
        return [self.goal.plan.patient_id]


class PlannedAppointment(PracticeModel):
    """An appointment that is part of a plan."""

    plan = models.ForeignKey(PlanOfCare, on_delete=models.CASCADE, related_name="planned")
    appointment = models.OneToOneField(Appointment, on_delete=models.CASCADE, related_name="planned")

    audited = False  # told as the plan's

    def __str__(self) -> str:
        return f"Planned {str(self.pk)[-6:]}"

    def about_patients(self) -> list[UUID]:
        return [self.plan.patient_id]


class PlanVersion(Version):
    plan = models.ForeignKey(PlanOfCare, on_delete=models.CASCADE, related_name="versions")
    content = EncryptedJsonField(label="plan_version.content")
    reason = EncryptedTextField(label="plan_version.reason", max_length=1000, blank=True)

    class Meta(Version.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["plan", "number"], name="plan_version_numbers")]

    def about_patients(self) -> list[UUID]:
        return [self.plan.patient_id]
