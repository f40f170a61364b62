"""The base of every model."""

from typing import Any, ClassVar
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7


class Model(models.Model):
    """A row with a UUIDv7 key, which sorts by time of creation, and two timestamps in UTC.

    Its changes are recorded in the audit trail (audit/registry.py), in the same transaction, unless `audited` is False.
    """

    audited: ClassVar[bool] = True
    patient_field: ClassVar[str] = ""  # column with the id of the patient that the row is about

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def _get_FIELD_display(self, field: Any) -> Any:  # noqa: N802 - Django's name
        """Return the label of the field's value, as Django does, but translate only this one of the choices."""
        value = getattr(self, field.attname)
        label = dict(field.flatchoices).get(value, value)
        return label if label is None else str(label)

    def about_patients(self) -> list[UUID]:
        """Return the ids of the patients that the row is about, for audit events."""
        patient_id = getattr(self, self.patient_field) if self.patient_field else None
        return [patient_id] if patient_id else []

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic(savepoint=False):
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic(savepoint=False):
            return super().delete(*args, **kwargs)
