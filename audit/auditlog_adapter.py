"""Records the changes that django-auditlog reports as audit events: the names of the fields, never their values."""

from functools import cache
from typing import Any

from auditlog.receivers import check_disable
from auditlog.registry import auditlog
from django.db.models import DateTimeField, ForeignKey, JSONField, Model
from django.dispatch import receiver

from audit.events import AuditEvent
from audit.log import record_change
from audit.models import row_changed
from audit.registry import PATIENT


@receiver(row_changed)
def record_model_change(*, row: Model, kind: AuditEvent, changes: dict[str, Any], **kwargs: Any) -> None:
    record_change(row, kind=kind, fields=sorted(changes), patients=changes.get(PATIENT, ()))


@check_disable
def record_new_row(sender: type[Model], instance: Model, created: bool, **kwargs: Any) -> None:
    """Record a new row as django-auditlog would, in place of its own receiver (audit/registry.py): that compares the
    text of every value with that of none, for 1,100 calls a row. Named are relations, moments and JSON, and whatever
    else has a value."""
    if created:
        named = fields_of_new(instance)
        patient_id = instance.__dict__.get(f"{PATIENT}_id") if PATIENT in named else None
        patients = () if patient_id is None else (str(patient_id),)
        record_change(instance, kind=AuditEvent.CREATED, fields=named, patients=patients)


def fields_of_new(row: Model) -> list[str]:
    """Return the names of the fields that the event of a new row names, in order."""
    known = row.__dict__
    return [name for name, column in _followed(type(row)) if column is None or known.get(column) is not None]


@cache
def _followed(model: type[Model]) -> list[tuple[str, str | None]]:
    """Return the names of the fields that are followed, in order, and of those that need a value their column."""
    names = sorted(auditlog.get_model_fields(model)["include_fields"])
    always = (ForeignKey, DateTimeField, JSONField)
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    return [(field.name, None if isinstance(field, always) else field.attname) for field in fields]
