"""The calendar."""

from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from django.db import models

from accounts.models import User
from accounts.roles import Permission
from core.encryption.fields import EncryptedCharField, EncryptedTextField
from core.soft_delete import LivingOnly, SoftDeletable
from core.tenancy import PracticeManager
from patients.models import EncounterQuerySet, Patient


class Status(models.TextChoices):
    SCHEDULED = "scheduled", "Scheduled"
    COMPLETED = "completed", "Completed"
    CANCELLED = "cancelled", "Cancelled"


class AppointmentQuerySet(EncounterQuerySet):
    read_all, read_own = Permission.READ_APPOINTMENTS, Permission.READ_OWN_APPOINTMENTS

    def with_places(self) -> Self:
        """With the offices, and all that `tzinfo` looks at, in the same query."""
        return self.select_related("practice", "office__practice", "doctor__office__practice")


class AppointmentManager(LivingOnly, PracticeManager.from_queryset(AppointmentQuerySet)):  # type: ignore[misc]
    pass


class Appointment(SoftDeletable):
    """A slot in a doctor's day. The database itself keeps a doctor's scheduled ones from overlapping, but
    for deleted ones: an exclusion constraint on PostgreSQL, triggers on SQLite (migration 0006)."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="appointments")
    doctor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="appointments")
    office = models.ForeignKey("practices.Office", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.SCHEDULED)
    reason = EncryptedCharField(label="appointment.reason", max_length=500)
    notes = EncryptedTextField(label="appointment.notes", max_length=5000, blank=True)

    patient_field = "patient_id"

    objects: ClassVar[AppointmentManager] = AppointmentManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(AppointmentQuerySet)()

    class Meta(SoftDeletable.Meta):
        indexes: ClassVar = [
            models.Index(fields=["practice", "starts_at", "id"], name="appointment_day"),
            models.Index(fields=["practice", "status", "starts_at", "id"], name="appointment_status"),
            models.Index(fields=["doctor", "starts_at", "id"], name="appointment_doctor_day"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="appointment_status_known"),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="appointment_ends_after_start"
            ),
        ]

    @property
    def tzinfo(self) -> ZoneInfo:
        """Whose local time people mean who speak of it: its office's, else its doctor's, else the practice's."""
        office = self.office or self.doctor.office
        return office.tzinfo if office else self.practice.tzinfo

    def __str__(self) -> str:
        return f"Appointment {str(self.pk)[-6:]}"
