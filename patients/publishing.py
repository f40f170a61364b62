"""Publishes to programs and open pages that a chart is new, has changed, or is gone (notifications/events.py)."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from audit import context
from notifications.events import EventType, publish
from patients.deletion.services import post_restore, pre_soft_delete
from patients.models import Patient


def _publish(chart: Patient, what: EventType) -> None:
    user_id = context.current().user_id
    publish(practice=chart.practice_id, type=what, id=chart.pk, version=chart.version, by=user_id)


@receiver(post_save, sender=Patient, dispatch_uid="publish chart")
def publish_changed(instance: Patient, **kwargs: Any) -> None:
    _publish(instance, EventType.PATIENT_CHANGED)


@receiver(pre_soft_delete, sender=Patient, dispatch_uid="publish deleted chart")
def publish_deleted(row: Patient, **kwargs: Any) -> None:
    _publish(row, EventType.PATIENT_DELETED)


@receiver(post_restore, sender=Patient, dispatch_uid="publish restored chart")
def publish_restored(row: Patient, **kwargs: Any) -> None:
    _publish(row, EventType.PATIENT_CHANGED)
