from datetime import UTC, datetime, time, timedelta

import factory
from factory.django import DjangoModelFactory

from appointments.models import (
    Appointment,
    AppointmentType,
    Room,
    ScheduleException,
    SlotHold,
    SlotOffer,
    WaitingListEntry,
    WorkingHours,
)

FIRST_DAY = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)


class AppointmentFactory(DjangoModelFactory):
    """Use within a practice's scope; pass `patient` and `doctor`. One per hour, so that none overlap."""

    class Meta:
        model = Appointment

    starts_at = factory.Sequence(lambda n: FIRST_DAY + timedelta(hours=n))
    ends_at = factory.LazyAttribute(lambda made: made.starts_at + timedelta(minutes=30))
    reason = "Back pain"


class AppointmentTypeFactory(DjangoModelFactory):
    """Use within a practice's scope."""

    class Meta:
        model = AppointmentType

    name = factory.Sequence(lambda n: f"Treatment {n}")
    minutes = 30


class RoomFactory(DjangoModelFactory):
    """Use within a practice's scope; pass `office`."""

    class Meta:
        model = Room

    name = factory.Sequence(lambda n: f"Room {n}")


class WorkingHoursFactory(DjangoModelFactory):
    """Use within a practice's scope; pass `doctor`. Mondays, nine to five."""

    class Meta:
        model = WorkingHours

    weekday = 0
    start, end = time(9), time(17)


class ScheduleExceptionFactory(DjangoModelFactory):
    """Use within a practice's scope. A day off."""

    class Meta:
        model = ScheduleException

    starts_at = datetime(2030, 7, 1, tzinfo=UTC)
    ends_at = datetime(2030, 7, 2, tzinfo=UTC)
    reason = "Course"


class SlotHoldFactory(DjangoModelFactory):
    """Use within a practice's scope; pass `doctor` and `held_by`."""

    class Meta:
        model = SlotHold

    starts_at = datetime(2030, 6, 3, 9, tzinfo=UTC)
    ends_at = datetime(2030, 6, 3, 10, tzinfo=UTC)
    expires_at = datetime(2030, 1, 1, tzinfo=UTC)


class WaitingListEntryFactory(DjangoModelFactory):
    """Use within a practice's scope; pass `patient`."""

    class Meta:
        model = WaitingListEntry

    note = "Mornings are best"


class SlotOfferFactory(DjangoModelFactory):
    """Use within a practice's scope; pass `entry` and `doctor`. Without a `hold` it cannot be accepted."""

    class Meta:
        model = SlotOffer

    starts_at = datetime(2030, 6, 4, 9, tzinfo=UTC)
    ends_at = datetime(2030, 6, 4, 10, tzinfo=UTC)
    expires_at = datetime(2030, 6, 4, tzinfo=UTC)
