"""Plans of care."""

from decimal import Decimal
from typing import Any, ClassVar, Self
from uuid import UUID

from django.apps import apps
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment, AppointmentStatus
from core.choices import PublicTextChoices
from core.encryption.fields import EncryptedCharField, EncryptedJsonField, EncryptedTextField, is_unreadable
from core.tenancy.compiled import now
from core.tenancy.managers import PracticeManager
from core.tenancy.models import PracticeModel
from core.tenancy.soft_delete import NotDeletedManager
from patients.models import Patient
from records.models.entry import Amendable, EntryQuerySet
from records.models.version import Version

MAX_VISITS = 500


class PlanStatus(PublicTextChoices):
    ACTIVE = "active", _("Active")
    COMPLETED = "completed", _("Completed")
    DISCONTINUED = "discontinued", _("Discontinued")


class GoalStatus(PublicTextChoices):
    OPEN = "open", _("Open")
    MET = "met", _("Met")
    DROPPED = "dropped", _("Dropped")


class PlanQuerySet(EntryQuerySet):
    def latest_first(self) -> Self:
        return self.order_by("-starts_on", "-id")

    def with_progress(self) -> Self:
        """Annotate each plan with its progress, counted in the same query. Drafts and deleted rows do not count."""
        this = models.OuterRef("pk")
        goals = Goal.objects.filter(plan=this)
        notes = apps.get_model("records.SessionNote").objects.filter(plan_of_care=this, finalised_at__isnull=False)
        planned = Appointment.objects.filter(planned__plan=this)
        upcoming = models.Q(status=AppointmentStatus.SCHEDULED, starts_at__gte=now())
        return self.annotate(
            goals_total=_count(goals),
            goals_met=_count(goals.filter(status=GoalStatus.MET)),
            goals_dropped=_count(goals.filter(status=GoalStatus.DROPPED)),
            session_count=_count(notes),
            appointments_completed=_count(planned.filter(status=AppointmentStatus.COMPLETED)),
            appointments_upcoming=_count(planned.filter(upcoming)),
        )


def _count(rows: models.QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values(_=models.Value(1)).annotate(number=models.Count("pk")).values("number")
    return Coalesce(models.Subquery(counted), 0)


class PlanManager(NotDeletedManager, PracticeManager.from_queryset(PlanQuerySet)):  # type: ignore[misc]
    pass


class PlanOfCare(Amendable):
    """What a doctor wants to reach with a patient, by when and how often. It changes by amendment, and each increases
    `version`. Progress on a goal is added separately and is not an amendment."""

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="plans")
    doctor = models.ForeignKey(User, verbose_name=_("doctor"), on_delete=models.PROTECT, related_name="+")
    title = EncryptedCharField(_("title"), label="plan.title", max_length=200)
    diagnosis = EncryptedTextField(_("diagnosis"), label="plan.diagnosis", max_length=2000, blank=True)
    frequency = EncryptedCharField(_("frequency"), label="plan.frequency", max_length=200, blank=True)
    planned_visits = models.PositiveSmallIntegerField(
        _("planned visits"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MAX_VISITS)]
    )
    starts_on = models.DateField(_("start date"))
    target_end_on = models.DateField(_("target end date"), null=True)
    status = models.CharField(
        _("status"), max_length=12, choices=PlanStatus.choices, default=PlanStatus.ACTIVE, editable=False
    )
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    amended_at = models.DateTimeField(_("amended at"), null=True, editable=False)

    patient_field = "patient_id"
    goals_total = goals_met = goals_dropped = 0  # these six are set by `with_progress`
    session_count = appointments_completed = appointments_upcoming = 0
    sessions: list[Any]  # these two by with_details (records/plans/services.py)
    visits: list["PlannedAppointment"]

    objects: ClassVar[PlanManager] = PlanManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(PlanQuerySet)()

    class Meta(Amendable.Meta):
        verbose_name = _("plan of care")
        verbose_name_plural = _("plans of care")
        indexes: ClassVar = [
            models.Index(fields=["practice", "starts_on", "id"], name="plan_page"),
            models.Index(fields=["practice", "status", "starts_on", "id"], name="plan_status"),
            models.Index(fields=["patient", "starts_on", "id"], name="plan_of_patient"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(status__in=PlanStatus.values), name="plan_status_known"),
            models.CheckConstraint(
                condition=models.Q(target_end_on=None) | models.Q(target_end_on__gte=models.F("starts_on")),
                name="plan_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"Plan {str(self.pk)[-6:]}"

    @property
    def visits_done(self) -> int:
        """How many visits there were: by the notes, or the visits that were booked for it, if these are more."""
        return max(self.session_count, self.appointments_completed)

    @property
    def visits_planned(self) -> int:
        """How many there are to be: as planned, else as many as are booked; 0 if nobody knows."""
        if self.planned_visits:
            return self.planned_visits
        booked = self.appointments_completed + self.appointments_upcoming
        return booked if booked >= self.visits_done else 0

    @property
    def percent(self) -> int:
        """The percentage of goals met, not counting dropped ones; 0 if there are none."""
        counted = self.goals_total - self.goals_dropped
        return self.goals_met * 100 // counted if counted else 0

    def content(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "diagnosis": self.diagnosis,
            "frequency": self.frequency,
            "plannedVisits": self.planned_visits,
            "startsOn": self.starts_on.isoformat(),
            "targetEndOn": self.target_end_on and self.target_end_on.isoformat(),
            "status": self.status,
            "goals": [goal.content() for goal in self.goals.order_by("position")],
        }


class Goal(PracticeModel):
    """One goal of a plan: `measure` is how it is measured, `target` the value to reach."""

    plan = models.ForeignKey(PlanOfCare, on_delete=models.CASCADE, related_name="goals")
    position = models.PositiveSmallIntegerField()
    text = EncryptedTextField(label="goal.text", max_length=1000)
    measure = EncryptedCharField(label="goal.measure", max_length=300, blank=True)
    target = EncryptedCharField(label="goal.target", max_length=300, blank=True)
    due_on = models.DateField(null=True)
    status = models.CharField(max_length=7, choices=GoalStatus.choices, default=GoalStatus.OPEN)

    audited = False  # logged in the plan's own events

    class Meta(PracticeModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["plan", "position"], name="goal_positions"),
            models.CheckConstraint(condition=models.Q(status__in=GoalStatus.values), name="goal_status_known"),
        ]

    def __str__(self) -> str:
        return f"Goal {self.position}"

    def content(self) -> dict[str, Any]:
        """Return what a version of the plan stores of the goal."""
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
    """Progress on a goal on one day. Added, never changed. `value` is the number of what the goal measures, as it was
    written (`"72.5"`), or empty; `status` the goal's new status, or empty."""

    goal = models.ForeignKey(Goal, on_delete=models.CASCADE, related_name="progress")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    date = models.DateField()
    text = EncryptedTextField(label="goal_progress.text", max_length=2000)
    value = EncryptedCharField(label="goal_progress.value", max_length=20, blank=True, default="")
    status = models.CharField(max_length=7, choices=GoalStatus.choices, blank=True)

    audited = False  # logged as the plan's

    class Meta(PracticeModel.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(status__in=["", *GoalStatus.values]), name="goal_progress_status_known"
            )
        ]

    def __str__(self) -> str:
        return f"Progress {str(self.pk)[-6:]}"

    @property
    def number(self) -> Decimal | None:
        """The value; None without one, or if it can't be decrypted."""
        if is_unreadable(self, "value") or not self.value:
            return None
        return Decimal(self.value)

    def about_patients(self) -> list[UUID]:
        return [self.goal.plan.patient_id]


class PlannedAppointment(PracticeModel):
    """An appointment that is part of a plan."""

    plan = models.ForeignKey(PlanOfCare, on_delete=models.CASCADE, related_name="planned")
    appointment = models.OneToOneField(Appointment, on_delete=models.CASCADE, related_name="planned")

    audited = False  # logged as the plan's

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
