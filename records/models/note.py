"""SOAP session notes."""

from datetime import UTC
from typing import Any, ClassVar, Self
from uuid import UUID

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment
from core.choices import PublicTextChoices
from core.encryption.fields import EncryptedJsonField, EncryptedTextField
from core.permissions import Permission
from core.tenancy.managers import PracticeManager
from core.tenancy.soft_delete import NotDeletedManager
from patients.models import Patient
from records.models.entry import Amendable, EntryQuerySet
from records.models.plan import PlanOfCare
from records.models.version import Version

SECTIONS = ("subjective", "objective", "assessment", "plan")
MAX_SECTION_LENGTH = 5000  # characters (seed 4-pazpaz-backend.md)
MAX_MINUTES = 24 * 60


class NoteStatus(PublicTextChoices):
    DRAFT = "draft", _("Draft")
    FINALISED = "finalised", _("Finalised")
    AMENDED = "amended", _("Amended")


def finalised_q(prefix: str = "") -> models.Q:
    """Match finalised notes, amended or not. `prefix` leads from the filtered model to the note: `note__`."""
    return models.Q(**{f"{prefix}status__in": (NoteStatus.FINALISED, NoteStatus.AMENDED)})


def readable_q(user: User, prefix: str = "") -> models.Q:
    """Match finalised notes and the user's own drafts; for a doctor also drafts of people who are no longer doctors
    here, and all drafts if the practice lets doctors read them."""
    if not user.can(Permission.WRITE_RECORDS):
        return finalised_q(prefix)
    own, shared = {f"{prefix}doctor": user}, {f"{prefix}practice__doctors_see_drafts": True}
    of_a_doctor = models.Q(**{f"{prefix}doctor__in": User.objects.doctors()})
    return finalised_q(prefix) | models.Q(**own) | models.Q(**shared) | ~of_a_doctor


class NoteQuerySet(EntryQuerySet):
    def readable_by(self, user: User) -> Self:
        return super().readable_by(user).filter(readable_q(user))

    def latest_first(self) -> Self:
        return self.order_by("-date", "-id")


class NoteManager(NotDeletedManager, PracticeManager.from_queryset(NoteQuerySet)):  # type: ignore[misc]
    pass


class SessionNote(Amendable):
    """A doctor's note of one session, in the four sections of SOAP. A draft belongs to its author; once finalised, it
    changes only by amendment, and every version is kept. `version` increases with each save, also of drafts: a save
    names the version it is based on."""

    patient = models.ForeignKey(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="session_notes"
    )
    doctor = models.ForeignKey(User, verbose_name=_("doctor"), on_delete=models.PROTECT, related_name="+")
    appointment = models.ForeignKey(
        Appointment, verbose_name=_("appointment"), null=True, on_delete=models.PROTECT, related_name="session_notes"
    )
    plan_of_care = models.ForeignKey(
        PlanOfCare, verbose_name=_("plan of care"), null=True, on_delete=models.PROTECT, related_name="session_notes"
    )
    date = models.DateTimeField(_("date"), default=timezone.now)
    duration_minutes = models.PositiveSmallIntegerField(
        _("length (minutes)"), null=True, validators=[MinValueValidator(1), MaxValueValidator(MAX_MINUTES)]
    )
    subjective = EncryptedTextField(_("subjective"), label="note.subjective", max_length=MAX_SECTION_LENGTH, blank=True)
    objective = EncryptedTextField(_("objective"), label="note.objective", max_length=MAX_SECTION_LENGTH, blank=True)
    assessment = EncryptedTextField(_("assessment"), label="note.assessment", max_length=MAX_SECTION_LENGTH, blank=True)
    plan = EncryptedTextField(_("plan"), label="note.plan", max_length=MAX_SECTION_LENGTH, blank=True)
    status = models.CharField(
        _("status"), max_length=9, choices=NoteStatus.choices, default=NoteStatus.DRAFT, editable=False
    )
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    finalised_at = models.DateTimeField(_("finalised at"), null=True, editable=False)
    amended_at = models.DateTimeField(_("amended at"), null=True, editable=False)

    patient_field = "patient_id"

    objects: ClassVar[NoteManager] = NoteManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(NoteQuerySet)()

    class Meta(Amendable.Meta):
        verbose_name, verbose_name_plural = _("session note"), _("session notes")
        indexes: ClassVar = [
            models.Index(fields=["practice", "date", "id"], name="note_page"),
            models.Index(fields=["practice", "status", "date", "id"], name="note_status"),
            models.Index(fields=["patient", "date", "id"], name="note_of_patient"),
            models.Index(fields=["doctor", "date", "id"], name="note_of_doctor"),
            models.Index(  # alone tells which visits have one that is signed
                fields=["practice", "appointment"],
                condition=finalised_q() & models.Q(deletion=None),
                name="note_signed_of_visit",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(status__in=NoteStatus.values), name="note_status_known"),
            models.CheckConstraint(
                condition=models.Q(status=NoteStatus.DRAFT, finalised_at=None, amended_at=None)
                | models.Q(status=NoteStatus.FINALISED, finalised_at__isnull=False, amended_at=None)
                | models.Q(status=NoteStatus.AMENDED, finalised_at__isnull=False, amended_at__isnull=False),
                name="note_status_has_its_times",
            ),
            models.UniqueConstraint(
                fields=["appointment", "doctor"],
                condition=models.Q(deletion=None),
                name="note_one_of_an_appointment",
            ),
        ]

    def __str__(self) -> str:
        return f"Note {str(self.pk)[-6:]}"

    def content(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in SECTIONS},
            "durationMinutes": self.duration_minutes,
            "date": self.date.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "appointmentId": self.appointment_id and str(self.appointment_id),
            "planId": self.plan_of_care_id and str(self.plan_of_care_id),
        }


class NoteVersion(Version):
    """A version of a note: the finalised note, then each amendment."""

    note = models.ForeignKey(SessionNote, on_delete=models.CASCADE, related_name="versions")
    content = EncryptedJsonField(label="note_version.content")
    reason = EncryptedTextField(label="note_version.reason", max_length=1000, blank=True)

    class Meta(Version.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["note", "number"], name="note_version_numbers")]

    def about_patients(self) -> list[UUID]:
        return [self.note.patient_id]
