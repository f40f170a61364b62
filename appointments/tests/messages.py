"""A practice that writes to its patients, at a time that tests move."""

from datetime import UTC, datetime

from appointments import services
from notifications.messages import sending
from notifications.models import Message, MessageStatus

NOW = datetime(2030, 1, 7, 15, 0, tzinfo=UTC)  # a Monday, ten in New York
VISIT = datetime(2030, 1, 14, 20, 0, tzinfo=UTC)  # three in the afternoon, a week later


def book(desk, *, date=VISIT, chart=None, **fields):
    return services.book(
        by=desk.staff,
        patient_id=(chart or desk.chart).pk,
        doctor_id=desk.doctor.pk,
        date=date,
        reason="Back pain",
        **fields,
    )


def ledger(visit):
    """Return `(kind, channel, status, why)` of each message of the visit, in order."""
    rows = Message.objects.filter(about_id=visit.pk).order_by("id")
    return [(row.kind, row.channel, row.status, row.why) for row in rows]


def planned(visit):
    rows = Message.objects.filter(about_id=visit.pk, status=MessageStatus.PLANNED).order_by("due_at")
    return [(row.kind, row.channel, row.due_at) for row in rows]


def run(at, moment):
    at(moment)
    return sending.send_due()
