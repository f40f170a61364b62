"""Medical records."""

import re
from collections.abc import Iterable
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.utils import timezone

from accounts.models import User
from appointments.models import Appointment
from core import totals
from core.encryption.fields import EncryptedJsonField, EncryptedListField, EncryptedTextField
from core.soft_delete import LivingOnly
from core.tenancy import PracticeManager, current_practice_id
from patients.models import Patient
from patients.restriction import closed_to
from records.models.entry import Amendable, EntryQuerySet
from records.models.version import Version

_ID = re.compile(
    r"(?:urn:uuid:)?(\{)?[0-9a-f]{8}(-?)[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{12}(?(1)\}|)", re.IGNORECASE
)
AMENDED = ("diagnosis", "prescription", "notes", "attachments")


def named_files(attachments: Iterable[str]) -> dict[int, UUID]:
    """Those of a record's attachments that are ids, by their place, in whichever way an id may be written; the contract
    allows any other text too."""
    return {place: UUID(text.lower()) for place, text in enumerate(attachments) if _ID.fullmatch(text)}


class RecordQuerySet(EntryQuerySet):
    def latest_first(self) -> Self:
        return self.order_by("-date", "-id")


class RecordManager(LivingOnly, PracticeManager.from_queryset(RecordQuerySet)):  # type: ignore[misc]
    def total_for(self, user: User) -> int:
        """How many of the practice's records somebody may see who reads them all: the practice's number, which is
        remembered, without the few of the charts that are closed to them."""
        total: int = totals.remembered(
            "records", practice_id=current_practice_id(), of=(self.model,), compute=self.get_queryset().count
        )
        return total - self.filter(patient__in=closed_to(user).values("pk")).count()


class MedicalRecord(Amendable):
    """What a doctor found and prescribed at an encounter. `appointment` is the encounter, where there was one. Its
    change is an amendment: `version` grows with each."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="records")
    doctor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="records")
    appointment = models.ForeignKey(Appointment, null=True, on_delete=models.PROTECT, related_name="records")
    date = models.DateTimeField(default=timezone.now)
    diagnosis = EncryptedTextField(label="record.diagnosis", max_length=10_000)
    prescription = EncryptedTextField(label="record.prescription", max_length=10_000, blank=True)
    has_prescription = models.BooleanField(editable=False, help_text="Counted where the text itself is encrypted.")
    notes = EncryptedTextField(label="record.notes", max_length=20_000, blank=True)
    attachments = EncryptedListField(label="record.attachments", default=list, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    amended_at = models.DateTimeField(null=True, editable=False)

    saved_one_by_one = frozenset({"prescription"})
    patient_field = "patient_id"

    objects: ClassVar[RecordManager] = RecordManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(RecordQuerySet)()

    class Meta(Amendable.Meta):
        verbose_name = "medical record"
        indexes: ClassVar = [
            models.Index(fields=["practice", "date", "id"], name="record_page"),
            models.Index(fields=["patient", "date", "id"], name="record_of_patient"),
            models.Index(fields=["doctor"], name="record_of_doctor"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["appointment"], condition=models.Q(deletion=None), name="record_one_of_an_encounter"
            )
        ]

    def __str__(self) -> str:
        return f"Record {str(self.pk)[-6:]}"

    def content(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in AMENDED}

    def unwritten_versions(self) -> list[Version]:
        return [RecordVersion(record=self, number=1, author=self.doctor, created_at=self.date, content=self.content())]

    def enter_scope(self) -> None:
        super().enter_scope()
        self.has_prescription = bool(self.prescription)

    def save(self, *args: Any, **kwargs: Any) -> None:
        fields = kwargs.get("update_fields")
        if fields is not None and "prescription" in fields:
            kwargs["update_fields"] = {*fields, "has_prescription"}
        super().save(*args, **kwargs)


class RecordVersion(Version):
    """What a record said before it was amended, and what it said from each amendment on. One that was never amended
    has none: it is its own first version."""

    record = models.ForeignKey(MedicalRecord, on_delete=models.CASCADE, related_name="versions")
    content = EncryptedJsonField(label="record_version.content")
    reason = EncryptedTextField(label="record_version.reason", max_length=1000, blank=True)

    class Meta(Version.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["record", "number"], name="record_version_numbers"),
        ]

    def about_patients(self) -> list[UUID]:
        return [self.record.patient_id]
