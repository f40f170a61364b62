"""SOAP session notes."""

from datetime import UTC
from typing import Any, ClassVar, Self
from uuid import UUID

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.models import User
from accounts.roles import Permission
from appointments.models import Appointment
from core.encryption.fields import EncryptedJsonField, EncryptedTextField
from core.soft_delete import LivingOnly
from core.tenancy import PracticeManager
from patients.models import Patient
from records.models.entry import Amendable, EntryQuerySet
from records.models.plan import PlanOfCare
from records.models.version import Version

SECTIONS = ("subjective", "objective", "assessment", "plan")
SECTION_LENGTH = 5000  # characters (seed 4-pazpaz-backend.md)
LONGEST_MINUTES = 24 * 60


class Status(models.TextChoices):
    DRAFT = "draft", "Draft"
    FINALISED = "finalised", "Finalised"
    AMENDED = "amended", "Amended"


def finalised(note: str = "") -> models.Q:
    """Also amended since. `note` leads to the note from a row that names one: `note__`."""
    return models.Q(**{f"{note}status__in": (Status.FINALISED, Status.AMENDED)})


def open_to(user: User, note: str = "") -> models.Q:
    """The finalised ones, and drafts of their own; a doctor's also those of others who are doctors here no
    more, and all where the practice lets doctors read them."""
    if not user.can(Permission.WRITE_RECORDS):
        return finalised(note)
    own, shown = {f"{note}doctor": user}, {f"{note}practice__doctors_see_drafts": True}
    of_a_doctor = models.Q(**{f"{note}doctor__in": User.objects.doctors()})
    return finalised(note) | models.Q(**own) | models.Q(**shown) | ~of_a_doctor


class NoteQuerySet(EntryQuerySet):
    def readable_by(self, user: User) -> Self:
        return super().readable_by(user).filter(open_to(user))

    def latest_first(self) -> Self:
        return self.order_by("-date", "-id")


class NoteManager(LivingOnly, PracticeManager.from_queryset(NoteQuerySet)):  # type: ignore[misc]
    pass


class SessionNote(Amendable):
    """What a doctor wrote of one session, in the four sections of SOAP. A draft is its author's; once finalised it
    changes through amendments alone, and every version is kept. `version` grows with each save, of drafts too: who
    saves says which one they have read."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="session_notes")
    doctor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    appointment = models.ForeignKey(Appointment, null=True, on_delete=models.PROTECT, related_name="session_notes")
    plan_of_care = models.ForeignKey(PlanOfCare, null=True, on_delete=models.PROTECT, related_name="session_notes")
    date = models.DateTimeField(default=timezone.now)
    duration_minutes = models.PositiveSmallIntegerField(
        null=True, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_MINUTES)]
    )
    subjective = EncryptedTextField(label="note.subjective", max_length=SECTION_LENGTH, blank=True)
    objective = EncryptedTextField(label="note.objective", max_length=SECTION_LENGTH, blank=True)
    assessment = EncryptedTextField(label="note.assessment", max_length=SECTION_LENGTH, blank=True)
    plan = EncryptedTextField(label="note.plan", max_length=SECTION_LENGTH, blank=True)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.DRAFT, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    finalised_at = models.DateTimeField(null=True, editable=False)
    amended_at = models.DateTimeField(null=True, editable=False)

    patient_field = "patient_id"

    objects: ClassVar[NoteManager] = NoteManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(NoteQuerySet)()

    class Meta(Amendable.Meta):
        verbose_name = "session note"
        indexes: ClassVar = [
            models.Index(fields=["practice", "date", "id"], name="note_page"),
            models.Index(fields=["practice", "status", "date", "id"], name="note_status"),
            models.Index(fields=["patient", "date", "id"], name="note_of_patient"),
            models.Index(fields=["doctor", "date", "id"], name="note_of_doctor"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="note_status_known"),
            models.CheckConstraint(
                condition=models.Q(status=Status.DRAFT, finalised_at=None, amended_at=None)
                | models.Q(status=Status.FINALISED, finalised_at__isnull=False, amended_at=None)
                | models.Q(status=Status.AMENDED, finalised_at__isnull=False, amended_at__isnull=False),
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
    """The first is the note as it was finalised, each further one an amendment."""

    note = models.ForeignKey(SessionNote, on_delete=models.CASCADE, related_name="versions")
    content = EncryptedJsonField(label="note_version.content")
    reason = EncryptedTextField(label="note_version.reason", max_length=1000, blank=True)

    class Meta(Version.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["note", "number"], name="note_version_numbers")]

    def about_patients(self) -> list[UUID]:
        return [self.note.patient_id]
