"""Records the changes that django-auditlog reports as audit events: the names of the fields, never their values."""

from typing import Any

from django.db.models import Model
from django.dispatch import receiver

from audit.events import AuditEvent
from audit.log import record_change
from audit.models import row_changed
from audit.registry import PATIENT


@receiver(row_changed)
def record_model_change(*, row: Model, kind: AuditEvent, changes: dict[str, Any], **kwargs: Any) -> None:
    record_change(row, kind=kind, fields=sorted(changes), patients=changes.get(PATIENT, ()))
