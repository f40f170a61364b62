"""The day that the tests of the calendar's pages look at."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory, WorkingHoursFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory


@pytest.fixture
def day(practice, make_user):
    """A doctor who works on Mondays, a patient, and their visit at ten."""
    doctor = make_user("doctor", name="Dr. Daniel Reyes")
    with practice_scope(practice.pk):
        WorkingHoursFactory(doctor=doctor)
        kind = AppointmentTypeFactory(name="Follow-up", colour="#1565c0")
        chart = PatientFactory(name="Paula Jensen", phone="(212) 555-0114")
        start = datetime(2030, 1, 7, 15, tzinfo=UTC)
        visit = AppointmentFactory(
            patient=chart, doctor=doctor, type=kind, starts_at=start, ends_at=start + timedelta(minutes=30)
        )
    return SimpleNamespace(doctor=doctor, kind=kind, chart=chart, visit=visit, practice=practice)


@pytest.fixture
def now(day):
    """The day's visit began an hour ago."""
    with practice_scope(day.practice.pk):
        start = timezone.now().replace(second=0, microsecond=0) - timedelta(hours=1)
        Appointment.objects.filter(pk=day.visit.pk).update(starts_at=start, ends_at=start + timedelta(minutes=30))
        day.visit.refresh_from_db()
    return day
