"""Medical records."""

import re
from collections.abc import Iterable
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment
from core.cache import cached_counts
from core.encryption.fields import EncryptedJsonField, EncryptedListField, EncryptedTextField
from core.tenancy.compiled import CompiledQuery
from core.tenancy.managers import PracticeManager
from core.tenancy.scope import current_practice_id
from core.tenancy.soft_delete import NotDeletedManager
from patients.models import Patient
from patients.restriction.services import inaccessible_to
from records.models.entry import Amendable, EntryQuerySet
from records.models.version import Version

_ID = re.compile(
    r"(?:urn:uuid:)?(\{)?[0-9a-f]{8}(-?)[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{12}(?(1)\}|)", re.IGNORECASE
)
AMENDABLE_FIELDS = ("diagnosis", "prescription", "notes", "attachments")


def referenced_files(attachments: Iterable[str]) -> dict[int, UUID]:
    """Return the attachments that are ids, by position, in whatever notation; the contract allows any other text
    too."""
    return {place: UUID(text.lower()) for place, text in enumerate(attachments) if _ID.fullmatch(text)}


class RecordQuerySet(EntryQuerySet):
    def latest_first(self) -> Self:
        return self.order_by("-date", "-id")


class RecordManager(NotDeletedManager, PracticeManager.from_queryset(RecordQuerySet)):  # type: ignore[misc]
    def total_for(self, user: User) -> int:
        """Count the records that someone who may read them all can see: the practice's cached total, minus the few in
        charts closed to them."""
        total: int = cached_counts.get_or_compute(
            "records", practice_id=current_practice_id(), of=(self.model,), compute=self.get_queryset().count
        )
        return total - _in_closed_charts(user).count()


_in_closed_charts = CompiledQuery["MedicalRecord"](
    lambda person: MedicalRecord.objects.filter(patient__in=inaccessible_to(person).values("pk"))
)


class MedicalRecord(Amendable):
    """What a doctor found and prescribed at an encounter. `appointment` is the encounter, if there was one. It changes
    by amendment, and each increases `version`."""

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="records")
    doctor = models.ForeignKey(User, verbose_name=_("doctor"), on_delete=models.PROTECT, related_name="records")
    appointment = models.ForeignKey(
        Appointment, verbose_name=_("appointment"), null=True, on_delete=models.PROTECT, related_name="records"
    )
    date = models.DateTimeField(_("date"), default=timezone.now)
    diagnosis = EncryptedTextField(_("diagnosis"), label="record.diagnosis", max_length=10_000)
    prescription = EncryptedTextField(_("prescription"), label="record.prescription", max_length=10_000, blank=True)
    has_prescription = models.BooleanField(
        _("has prescription"), editable=False, help_text="Counted where the text itself is encrypted."
    )
    notes = EncryptedTextField(_("notes"), label="record.notes", max_length=20_000, blank=True)
    attachments = EncryptedListField(_("attachments"), label="record.attachments", default=list, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    amended_at = models.DateTimeField(_("amended at"), null=True, editable=False)

    not_bulk_updatable = frozenset({"prescription"})
    patient_field = "patient_id"

    objects: ClassVar[RecordManager] = RecordManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(RecordQuerySet)()

    class Meta(Amendable.Meta):
        verbose_name, verbose_name_plural = _("medical record"), _("medical records")
        indexes: ClassVar = [
            models.Index(fields=["practice", "date", "id"], name="record_page"),
            models.Index(fields=["patient", "date", "id"], name="record_of_patient"),
            models.Index(fields=["doctor"], name="record_of_doctor"),
            models.Index(  # alone tells which visits have one
                fields=["practice", "appointment"], condition=models.Q(deletion=None), name="record_of_visit"
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["appointment"], condition=models.Q(deletion=None), name="record_one_of_an_encounter"
            )
        ]

    def __str__(self) -> str:
        return f"Record {str(self.pk)[-6:]}"

    def content(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in AMENDABLE_FIELDS}

    def implicit_versions(self) -> list[Version]:
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
    """A version of a record: the original and each amendment. A record that was never amended has no rows here: it is
    its own first version."""

    record = models.ForeignKey(MedicalRecord, on_delete=models.CASCADE, related_name="versions")
    content = EncryptedJsonField(label="record_version.content")
    reason = EncryptedTextField(label="record_version.reason", max_length=1000, blank=True)

    class Meta(Version.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["record", "number"], name="record_version_numbers"),
        ]

    def about_patients(self) -> list[UUID]:
        return [self.record.patient_id]
