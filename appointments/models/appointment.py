"""Appointments."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models.appointment_type import AppointmentType
from appointments.models.room import Room
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


class CancelReason(PublicTextChoices):
    PATIENT_ASKED = "patient_asked", _("The patient asked")
    PATIENT_ILL = "patient_ill", _("The patient is ill")
    PRACTICE = "practice", _("The practice")
    DOCTOR_AWAY = "doctor_away", _("The doctor is away")
    WEATHER = "weather", _("Weather")
    OTHER = "other", _("Other")


class AppointmentQuerySet(EncounterQuerySet):
    read_all, read_own = Permission.READ_APPOINTMENTS, Permission.READ_OWN_APPOINTMENTS

    def with_people(self) -> Self:
        return super().with_people().select_related("type")  # with the link of a visit by video

    def with_offices(self) -> Self:
        """Fetch the offices and whatever else `tzinfo` needs in the same query."""
        return self.select_related("practice", "office__practice", "doctor__office__practice")


class AppointmentManager(NotDeletedManager, PracticeManager.from_queryset(AppointmentQuerySet)):  # type: ignore[misc]
    pass


class Appointment(SoftDeletable):
    """An appointment of a patient with a doctor.

    The database keeps a doctor's scheduled appointments from overlapping, and those in a room, deleted ones aside:
    exclusion constraints on PostgreSQL, triggers on SQLite (migrations 0011 and 0013). `version` increases with each
    change (appointments/lost_updates.py).

    What happened to the visit stands beside its status, as moments: which may follow which is said in
    appointments/visits/machine.py, and who did it in its history (AppointmentEvent). What happened before these moments
    were kept has none.
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
    room = models.ForeignKey(
        Room, verbose_name=_("room"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    status = models.CharField(
        _("status"), max_length=10, choices=AppointmentStatus.choices, default=AppointmentStatus.SCHEDULED
    )
    reason = EncryptedCharField(_("reason"), label="appointment.reason", max_length=500)
    notes = EncryptedTextField(_("notes"), label="appointment.notes", max_length=5000, blank=True)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, editable=False)
    arrived_at = models.DateTimeField(_("arrived"), null=True, editable=False)
    started_at = models.DateTimeField(_("started"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)
    no_show_at = models.DateTimeField(_("no-show"), null=True, editable=False)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, editable=False)
    cancel_reason = models.CharField(
        _("why it was cancelled"), max_length=20, choices=CancelReason.choices, blank=True, default="", editable=False
    )
    cancelled_late = models.BooleanField(_("cancelled late"), null=True, editable=False)
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

    # the place of its last change among the practice's, and when that was; the database sets both (migration 0011)
    change_number = models.BigIntegerField(default=0, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    # what speaks against its time, for the answer to whoever has just booked or moved it
    warnings: Sequence[Sentence] = ()

    patient_field = "patient_id"
    unlogged_fields: ClassVar = {"version", "last_writes", "change_number", "changed_at"}  # they change with any other

    objects: ClassVar[AppointmentManager] = AppointmentManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(AppointmentQuerySet)()

    class Meta(SoftDeletable.Meta):
        verbose_name, verbose_name_plural = _("appointment"), _("appointments")
        indexes: ClassVar = [
            models.Index(fields=["practice", "starts_at", "id"], name="appointment_day"),
            models.Index(fields=["practice", "status", "starts_at", "id"], name="appointment_status"),
            models.Index(fields=["doctor", "starts_at", "id"], name="appointment_doctor_day"),
            models.Index(fields=["practice", "change_number"], name="appointment_change"),
            models.Index(fields=["practice", "changed_at"], name="appointment_changed_at"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(status__in=AppointmentStatus.values), name="appointment_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="appointment_ends_after_start"
            ),
            models.CheckConstraint(
                condition=models.Q(cancel_reason__in=["", *CancelReason.values]), name="appointment_cancel_reason_known"
            ),
            models.CheckConstraint(
                condition=models.Q(status=AppointmentStatus.CANCELLED)
                | models.Q(cancelled_at=None, cancelled_late=None, cancel_reason=""),
                name="appointment_cancelled_at_all",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=AppointmentStatus.SCHEDULED) | models.Q(finished_at=None),
                name="appointment_finished_at_all",
            ),
            models.CheckConstraint(
                condition=models.Q(no_show_at=None) | models.Q(arrived_at=None, started_at=None, finished_at=None),
                name="appointment_came_or_not",
            ),
        ]

    @property
    def minutes(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds()) // 60

    @property
    def video_link(self) -> str | None:
        """Where doctor and patient meet; None if it isn't by video or won't take place any more."""
        kind = self.type if self.status == AppointmentStatus.SCHEDULED else None
        return kind.video_link if kind and kind.video and kind.video_link else None

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
