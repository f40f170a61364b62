"""Medical records."""

from typing import Any, ClassVar, Self

from django.db import models
from django.utils import timezone

from accounts.models import User
from accounts.roles import Permission
from appointments.models import Appointment
from core import totals
from core.encryption.fields import EncryptedListField, EncryptedTextField
from core.tenancy import PracticeManager, PracticeModel, current_practice_id
from patients.models import EncounterQuerySet, Patient
from patients.restriction import closed_to


class RecordQuerySet(EncounterQuerySet):
    read_all, read_own = Permission.READ_RECORDS, Permission.READ_OWN_RECORDS

    def visible_to(self, user: User) -> Self:
        """Without those of the charts that are closed to this person."""
        return super().visible_to(user).exclude(patient__in=closed_to(user).values("pk"))

    def latest_first(self) -> Self:
        return self.order_by("-date", "-id")


class RecordManager(PracticeManager.from_queryset(RecordQuerySet)):  # type: ignore[misc]
    def total_for(self, user: User) -> int:
        """How many of the practice's records somebody may see who reads them all: the practice's number, which is
        remembered, without the few of the charts that are closed to them."""
        total: int = totals.remembered(
            "records", practice_id=current_practice_id(), of=(self.model,), compute=self.get_queryset().count
        )
        return total - self.filter(patient__in=closed_to(user).values("pk")).count()


class MedicalRecord(PracticeModel):
    """What a doctor found and prescribed at an encounter. `appointment` is the encounter, where there was one."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="records")
    doctor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="records")
    appointment = models.OneToOneField(Appointment, null=True, on_delete=models.PROTECT, related_name="record")
    date = models.DateTimeField(default=timezone.now)
    diagnosis = EncryptedTextField(label="record.diagnosis", max_length=10_000)
    prescription = EncryptedTextField(label="record.prescription", max_length=10_000, blank=True)
    has_prescription = models.BooleanField(editable=False, help_text="Counted where the text itself is encrypted.")
    notes = EncryptedTextField(label="record.notes", max_length=20_000, blank=True)
    attachments = EncryptedListField(label="record.attachments", default=list, blank=True)

    saved_one_by_one = frozenset({"prescription"})
    patient_field = "patient_id"

    objects: ClassVar[RecordManager] = RecordManager()

    class Meta(PracticeModel.Meta):
        indexes: ClassVar = [
            models.Index(fields=["practice", "date", "id"], name="record_page"),
            models.Index(fields=["patient", "date", "id"], name="record_of_patient"),
            models.Index(fields=["doctor"], name="record_of_doctor"),
        ]

    def __str__(self) -> str:
        return f"Record {str(self.pk)[-6:]}"

    def enter_scope(self) -> None:
        super().enter_scope()
        self.has_prescription = bool(self.prescription)

    def save(self, *args: Any, **kwargs: Any) -> None:
        fields = kwargs.get("update_fields")
        if fields is not None and "prescription" in fields:
            kwargs["update_fields"] = {*fields, "has_prescription"}
        super().save(*args, **kwargs)
