"""The base of every table."""

from typing import Any, ClassVar
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7


class Model(models.Model):
    """A UUIDv7 key, which sorts by time of creation, and two timestamps in UTC.

    What happens to a row is told by the trail (audit/registry.py), in the same transaction, unless `audited` is unset.
    """

    audited: ClassVar[bool] = True
    patient_field: ClassVar[str] = ""  # which column names the patient that the row tells of, if one does

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def about_patients(self) -> list[UUID]:
        """Whom the row tells of: what the trail names beside a change or a reading of it."""
        patient_id = getattr(self, self.patient_field) if self.patient_field else None
        return [patient_id] if patient_id else []

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic(savepoint=False):
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic(savepoint=False):
            return super().delete(*args, **kwargs)
