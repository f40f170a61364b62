"""Appointments."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models.appointment_type import AppointmentType
from appointments.models.series import AppointmentSeries
from core.choices import PublicTextChoices
from core.encryption.fields import EncryptedCharField, EncryptedTextField
from core.errors import Sentence
from core.formats import zone_label
from core.permissions import Permission
from core.tenancy.managers import PracticeManager
from core.tenancy.soft_delete import NotDeletedManager, SoftDeletable
from patients.models import EncounterQuerySet, Patient


class AppointmentStatus(PublicTextChoices):
    SCHEDULED = "scheduled", _("Scheduled")
    COMPLETED = "completed", _("Completed")
    CANCELLED = "cancelled", _("Cancelled")


class AppointmentQuerySet(EncounterQuerySet):
    read_all, read_own = Permission.READ_APPOINTMENTS, Permission.READ_OWN_APPOINTMENTS

    def with_offices(self) -> Self:
        """Fetch the offices and whatever else `tzinfo` needs in the same query."""
        return self.select_related("practice", "office__practice", "doctor__office__practice")


class AppointmentManager(NotDeletedManager, PracticeManager.from_queryset(AppointmentQuerySet)):  # type: ignore[misc]
    pass


class Appointment(SoftDeletable):
    """An appointment of a patient with a doctor.

    The database keeps a doctor's scheduled appointments from overlapping, deleted ones aside: an exclusion constraint
    on PostgreSQL, triggers on SQLite (migration 0007). `version` increases with each change
    (appointments/lost_updates.py).
    """

    patient = models.ForeignKey(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="appointments"
    )
    doctor = models.ForeignKey(User, verbose_name=_("doctor"), on_delete=models.PROTECT, related_name="appointments")
    office = models.ForeignKey(
        "practices.Office", verbose_name=_("office"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    type = models.ForeignKey(
        AppointmentType, verbose_name=_("type"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    status = models.CharField(
        _("status"), max_length=10, choices=AppointmentStatus.choices, default=AppointmentStatus.SCHEDULED
    )
    reason = EncryptedCharField(_("reason"), label="appointment.reason", max_length=500)
    notes = EncryptedTextField(_("notes"), label="appointment.notes", max_length=5000, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    last_writes = models.JSONField(default=dict, editable=False)  # by field: who wrote it last, when, if with a series
    series = models.ForeignKey(
        AppointmentSeries,
        verbose_name=_("series"),
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="appointments",
    )
    position = models.PositiveSmallIntegerField(_("place in the series"), null=True, editable=False)  # from 0

    # what speaks against its time, for the answer to whoever has just booked or moved it
    warnings: Sequence[Sentence] = ()

    patient_field = "patient_id"
    unlogged_fields: ClassVar = {"version", "last_writes"}  # they change with any other

    objects: ClassVar[AppointmentManager] = AppointmentManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(AppointmentQuerySet)()

    class Meta(SoftDeletable.Meta):
        verbose_name, verbose_name_plural = _("appointment"), _("appointments")
        indexes: ClassVar = [
            models.Index(fields=["practice", "starts_at", "id"], name="appointment_day"),
            models.Index(fields=["practice", "status", "starts_at", "id"], name="appointment_status"),
            models.Index(fields=["doctor", "starts_at", "id"], name="appointment_doctor_day"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(status__in=AppointmentStatus.values), name="appointment_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="appointment_ends_after_start"
            ),
        ]

    @property
    def minutes(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds()) // 60

    @property
    def tzinfo(self) -> ZoneInfo:
        """The appointment's time zone: its office's, else its doctor's office's, else the practice's."""
        office = self.office or self.doctor.office
        return office.tzinfo if office else self.practice.tzinfo

    @property
    def zone_label(self) -> str:
        return zone_label(self.tzinfo)

    def __str__(self) -> str:
        return f"Appointment {str(self.pk)[-6:]}"
