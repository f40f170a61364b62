from datetime import UTC, datetime, timedelta

import factory
from factory.django import DjangoModelFactory

from appointments.models import Appointment

FIRST_DAY = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)


class AppointmentFactory(DjangoModelFactory):
    """Within a practice's scope; give `patient` and `doctor`. One an hour, so that none overlap."""

    class Meta:
        model = Appointment

    starts_at = factory.Sequence(lambda n: FIRST_DAY + timedelta(hours=n))
    ends_at = factory.LazyAttribute(lambda made: made.starts_at + timedelta(minutes=30))
    reason = "Back pain"
