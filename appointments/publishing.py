"""Publishes to programs and open pages that a visit is new, has changed, or is gone (notifications/events.py)."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from appointments.models import Appointment, AppointmentEvent
from audit import context
from notifications.events import EventType, publish
from patients.deletion.services import post_restore, pre_soft_delete


def _publish(visit: Appointment, what: EventType) -> None:
    user_id = context.current().user_id
    publish(practice=visit.practice_id, type=what, id=visit.pk, version=visit.version, by=user_id)


@receiver(post_save, sender=AppointmentEvent, dispatch_uid="publish appointment")
def publish_changed(instance: AppointmentEvent, **kwargs: Any) -> None:
    """Each change of a visit has an entry in its history, also where many change by one statement."""
    _publish(instance.appointment, EventType.APPOINTMENT_CHANGED)


@receiver(pre_soft_delete, sender=Appointment, dispatch_uid="publish deleted appointment")
def publish_deleted(row: Appointment, **kwargs: Any) -> None:
    _publish(row, EventType.APPOINTMENT_DELETED)


@receiver(post_restore, sender=Appointment, dispatch_uid="publish restored appointment")
def publish_restored(row: Appointment, **kwargs: Any) -> None:
    _publish(row, EventType.APPOINTMENT_CHANGED)
